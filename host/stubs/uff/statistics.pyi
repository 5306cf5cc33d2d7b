from array import array
from collections.abc import Sequence
from typing import Any

from .arena import Alloc
from .embed import Image

class Statistics:
    features: int
    gram: Any
    scale: tuple[int, int]
    held: tuple[Any, array[int], list[int] | None]
    def __init__(
        self,
        features: int,
        classes: int,
        alloc: Alloc = bytearray,
        gram: Any = None,
        work: Any = None,
        sums: Any = None,
        counts: Any = None,
        offsets: list[int] | None = None,
        scale: tuple[int, int] = (0, 0),
    ) -> None: ...
    @property
    def sums(self) -> Any: ...
    @property
    def counts(self) -> array[int]: ...
    @property
    def offsets(self) -> list[int] | None: ...
    @property
    def classes(self) -> int: ...
    @property
    def images(self) -> int: ...
    def settle(self) -> None: ...
    def add(self, f: Image, labels: Image, gram: bool = True) -> None: ...
    def remove(self, f: Image, labels: Image) -> None: ...
    def relabel(self, f: Image, old: Image, new: Image) -> None: ...
    def merge(
        self,
        other: Statistics,
        remove: bool = False,
        places: Sequence[int] | None = None,
        offsets: list[int] | None = None,
    ) -> None: ...
    def targets(self) -> list[float]: ...
    def with_class(self) -> tuple[Any, array[int], list[int] | None]: ...
    def without_class(self, number: int) -> tuple[Any, array[int], list[int] | None]: ...
    def arranged(
        self, order: Sequence[int | None], offsets: list[int] | None
    ) -> tuple[Any, array[int], list[int] | None]: ...
