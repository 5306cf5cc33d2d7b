"""A model in memory: what a target learnt, with everything needed to repeat and check it.

Arrays hold integers; a stored integer is the value times two to the power of the array's exponent.
model_arrays.py says which arrays a model has, model_check.py what must hold between its parts,
model_file.py how it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from uff_host.errors import FormatError
from uff_host.formats.networks import FEATURE_KINDS, NAMES, Kinds, name_of

LABEL_PIXELS = 16  # pixels that carry labels: a 2x2 block in each corner
MAX_COPIES = 15
MAX_ROWS = 8191  # 512^2 each on the diagonal of an int32 Gram matrix
MOST_IMAGES = 2**31 - 1  # of statistics in int64
MOST_SQUARES = 2**18 + 2**16  # of the features of a row, added up: 2^18 is length 1
PATCH = 36  # elements of a patch

IntArray = npt.NDArray[Any]


@dataclass(frozen=True)
class Pooling:
    """How a kind of layer pools the responses of its filters.

    rows, columns: cells of the grid that they are pooled over. responses: of a filter at a place;
    2 where mirrored filters respond too, and the right half of the grid is added to the left.
    most: filters of a layer.
    """

    rows: int
    columns: int
    responses: int
    most: int

    @property
    def outputs(self) -> int:
        """Of a filter: of two signs in each cell."""
        return 2 * self.rows * self.columns

    @property
    def least_side(self) -> int:
        """Of an image: with a place in each cell."""
        return 5 + max(self.rows, self.columns)


POOLINGS = {"patch": Pooling(4, 4, 1, 64), "mirror": Pooling(4, 6, 2, 32)}


@dataclass
class Array:
    """One array: integers (rows, columns) and the exponent they are stored with."""

    data: IntArray
    exponent: int = 0


@dataclass
class Layer:
    """One layer: how it was trained, and the CRC-32 of the Gram matrix it was trained from.

    kind: one of networks.KINDS. outputs: neurons, filters, or classes. ridge and parameter are
    float32 values; the parameter of a class layer is the strength of its label, that of filters
    their threshold. dual: the inner products of images were its matrix; always so for a
    kernel layer, never for filters.
    """

    kind: str
    outputs: int
    inputs: int
    ridge: float
    parameter: float
    gram_crc: int
    dual: bool = False

    @property
    def features(self) -> int:
        """Numbers that it hands on."""
        by = POOLINGS.get(self.kind)
        return by.outputs * self.outputs if by else self.outputs


@dataclass
class Model:
    """The fields of a model file, and its arrays by tag (b"W1  ", b"W2  ", ...).

    layers: at most one feature layer, then a class layer; or a feature layer alone, for which
    there are no classes. kept: the feature layer was trained elsewhere. copies: of each image,
    trained on beside it. loo_correct is None when it was not computed. alone: statistics of the
    class layer without its weights; scaled: those scaled down to int32 (scale_of()), of more than
    8,191 images, for a target to solve.
    """

    height: int
    width: int
    copies: int
    n_images: int
    seed: int
    class_names: list[str]
    layers: list[Layer]
    fitted_correct: int
    loo_correct: int | None
    lambda_chosen: bool = False
    kept: bool = False
    alone: bool = False
    scaled: bool = False
    arrays: dict[bytes, Array] = field(default_factory=dict)

    @property
    def kinds(self) -> Kinds:
        return tuple(layer.kind for layer in self.layers)

    @property
    def network(self) -> str:
        """Its name: "uff1", "patch+kernel", ..."""
        return name_of(self.kinds)

    @property
    def feature_layer(self) -> Layer | None:
        return self.layers[0] if self.layers[0].kind in FEATURE_KINDS else None

    @property
    def is_feature_layer(self) -> bool:
        """Whether it is a feature layer alone."""
        return self.kinds[-1] in FEATURE_KINDS

    @property
    def class_layer(self) -> Layer:
        return self.layers[-1]

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def n_rows(self) -> int:
        """Images and their copies."""
        return self.n_images * (1 + self.copies)

    @property
    def version(self) -> int:
        """Of the file that holds it."""
        many = self.n_images > MAX_ROWS and self.kinds[-1] == "linear"
        if self.alone or many or b"OFFS" in self.arrays:
            return 3
        old = self.kinds in (NAMES["uff1"], NAMES["uff2"]) and not self.copies and not self.kept
        return 1 if old else 2

    @property
    def has_statistics(self) -> bool:
        return b"GRAM" in self.arrays

    def array(self, tag: str) -> IntArray:
        """The integers of the array with this tag, as (rows, columns).

        Raises:
            FormatError: The model has no such array.
        """
        return self._array(tag).data

    def exponent(self, tag: str) -> int:
        """The exponent of the array with this tag.

        Raises:
            FormatError: The model has no such array.
        """
        return self._array(tag).exponent

    def _array(self, tag: str) -> Array:
        try:
            return self.arrays[tag.ljust(4).encode()]
        except KeyError:
            raise FormatError(f"The model holds no array {tag}.") from None


def image_part(height: int, width: int) -> int:
    """Pixels beside the label pixels."""
    return height * width - LABEL_PIXELS


def inputs_of(kind: str, height: int, width: int) -> int:
    """Pixels that a network whose first layer is of this kind sees: filters see all."""
    return height * width if kind in POOLINGS else image_part(height, width)
