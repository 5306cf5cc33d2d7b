"""What a feature layer is: contrast.py and patch.py each hold one, by these names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from uff_host.formats.model import Array, Layer
from uff_host.reference.arithmetic import Form, Int16, UInt8

Arrays = dict[bytes, Array]


@dataclass
class Task:
    """What a feature layer is trained for. labels: (n,) of the rows, below classes."""

    labels: npt.NDArray[Any]
    classes: int
    outputs: int
    ridge: float
    seed: int
    form: Form


@dataclass
class Fitted:
    """A trained feature layer, its weights, and the exact sums it was solved from."""

    layer: Layer
    weights: Arrays
    statistics: Arrays


class FeatureLayer(Protocol):
    """A module of this package that holds a feature layer."""

    @property
    def HIDDEN(self) -> int:
        """Neurons or filters, if no other number is asked for."""

    @property
    def LAMBDA(self) -> float:
        """Its ridge, likewise."""

    def encode(self, images: UInt8) -> Int16:
        """What the layer sees of images, uint8 (n, height, width)."""

    def fit(self, x: Int16, task: Task) -> Fitted:
        """Train the layer on encoded images."""

    def features(self, layer: Layer, arrays: Arrays, x: Int16) -> Int16:
        """What the class layer sees of encoded images, by the weights of a model: (n, f)."""
