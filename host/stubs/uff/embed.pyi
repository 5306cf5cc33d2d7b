from array import array
from typing import TypeAlias

WritableBuffer: TypeAlias = bytearray | memoryview | array[int]
Image: TypeAlias = bytes | WritableBuffer

MAX_CLASSES: int

class LabelEmbedding:
    height: int
    width: int
    pixels: array[int]
    keep: array[int]
    def __init__(self, height: int, width: int) -> None: ...
    @property
    def size(self) -> int: ...
    @property
    def features(self) -> int: ...
    def embed(self, image: Image, label: int) -> bytearray: ...
    def encode(self, images: Image, x: WritableBuffer, whole: bool = False) -> None: ...
    def check(self, image: Image) -> None: ...
