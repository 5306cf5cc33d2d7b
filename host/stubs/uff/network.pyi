from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, type_check_only

from .embed import Image, LabelEmbedding, WritableBuffer
from .plan import Options
from .stage import Stage

@type_check_only
class Layer(Protocol):
    NAME: str
    ridge_lambda: float
    dual: bool
    gram_crc: int
    @property
    def inputs(self) -> int: ...
    @property
    def neurons(self) -> int: ...

@type_check_only
class ClassLayer(Layer, Protocol):
    label_scale: float
    def goodness(
        self, f: Image, good: WritableBuffer, labels: WritableBuffer | None = None
    ) -> None: ...
    def value(self, good: int) -> float: ...

class Prediction(NamedTuple):
    label: int
    goodness: tuple[float, ...]
    margin: float

class TrainingInfo:
    images: int
    copies: int
    seed: int
    lambda_chosen: bool
    kept: bool
    fitted_correct: int
    loo_correct: int | None
    stages: Sequence[Stage]
    @property
    def fitted_accuracy(self) -> float | None: ...
    @property
    def loo_accuracy(self) -> float | None: ...

class Network:
    embedding: LabelEmbedding
    names: list[str]
    layer1: Layer | None
    layer: ClassLayer
    info: TrainingInfo
    fitted: bytearray | None
    loo_labels: bytearray | None
    residuals: array[float] | None
    margins: array[float] | None
    notes: bytes | bytearray | None
    statistics: Any
    statistics1: Any
    def __init__(
        self,
        embedding: LabelEmbedding,
        names: Iterable[str],
        layer1: Layer | None,
        layer: ClassLayer,
    ) -> None: ...
    @classmethod
    def of_options(
        cls,
        embedding: LabelEmbedding,
        names: Iterable[str],
        options: Options,
        images: int = 0,
        layer1: Layer | None = None,
    ) -> Network: ...
    @property
    def name(self) -> str: ...
    @property
    def features(self) -> int: ...
    def class_inputs(self, image: Image) -> bytearray: ...
    def predict(self, image: Image) -> Prediction: ...
    def predict_many(
        self, images: Image, labels: WritableBuffer, good: WritableBuffer | None = None
    ) -> None: ...

def check_kept(layer1: Layer, options: Options, embedding: LabelEmbedding) -> None: ...
