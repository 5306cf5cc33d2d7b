from collections.abc import Generator
from typing import Any, BinaryIO, NamedTuple

from .embed import LabelEmbedding
from .network import Layer, Network

class KeptLayer(NamedTuple):
    layer: Layer
    embedding: LabelEmbedding
    notes: bytearray | None

def save(
    network: Network,
    path: str,
    statistics: Any = None,
    statistics1: Any = None,
    alone: bool = False,
) -> None: ...
def save_layer(
    layer1: Layer, embedding: LabelEmbedding, path: str, notes: bytes | None = None
) -> None: ...
def save_steps(
    network: Network,
    path: str,
    statistics: Any = None,
    statistics1: Any = None,
    alone: bool = False,
) -> Generator[float]: ...
def load(path: str, alone: bool = False) -> Network: ...
def load_layer(path: str) -> KeptLayer: ...
def read_layer(file: BinaryIO, name: str) -> KeptLayer: ...
