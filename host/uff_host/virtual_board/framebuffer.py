"""The screen's pixels on the host, and which of them a page has not seen yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from uff_host import png
from uff_host.errors import DeviceError
from uff_host.virtual_board.wire import Frame


class Rectangle(NamedTuple):
    """Pixels x to x + width - 1, y to y + height - 1."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """In pixels."""
        return self.width * self.height

    def around(self, other: Rectangle) -> Rectangle:
        """The smallest rectangle that holds both."""
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Rectangle(x, y, right - x, bottom - y)

    def holds(self, x: int, y: int) -> bool:
        """Whether the pixel lies in it."""
        return 0 <= x - self.x < self.width and 0 <= y - self.y < self.height


class Framebuffer:
    """The screen: RGB565, rows from the top, black at first."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._pixels = np.zeros((height, width), dtype="<u2")

    @property
    def whole(self) -> Rectangle:
        """All of the screen."""
        return Rectangle(0, 0, self.width, self.height)

    def put(self, frame: Frame) -> Rectangle:
        """Show a frame's pixels; the rectangle that changed.

        Raises:
            DeviceError: It lies outside the screen.
        """
        part = Rectangle(frame.x, frame.y, frame.width, frame.height)
        if part.x + part.width > self.width or part.y + part.height > self.height:
            raise DeviceError(
                f"A frame of {part.width}x{part.height} at ({part.x}, {part.y}) lies outside the "
                f"screen of {self.width}x{self.height}."
            )
        new = np.frombuffer(frame.pixels, dtype="<u2").reshape(part.height, part.width)
        self._pixels[part.y : part.y + part.height, part.x : part.x + part.width] = new
        return part

    def bytes_of(self, part: Rectangle) -> bytes:
        """Its pixels, RGB565 little-endian by rows."""
        rows = self._pixels[part.y : part.y + part.height, part.x : part.x + part.width]
        return rows.tobytes()

    def pixel(self, x: int, y: int) -> int:
        """One pixel, RGB565."""
        return int(self._pixels[y, x])

    def copy(self) -> Framebuffer:
        """The screen as it is now."""
        copy = Framebuffer(self.width, self.height)
        copy._pixels[:] = self._pixels
        return copy

    def write_png(self, path: Path) -> None:
        """Write the screen as a picture.

        Raises:
            OSError: `path` cannot be written.
        """
        packed = self._pixels.astype(np.uint32)
        red, green, blue = packed >> 11, packed >> 5 & 63, packed & 31
        colours = np.stack([red * 255 // 31, green * 255 // 63, blue * 255 // 31], axis=-1)
        png.write(Image.fromarray(colours.astype(np.uint8)), path, exact=True)


class DirtyRegion:
    """What of the screen a page has not got yet: a few rectangles, however many come."""

    LIMIT = 8

    def __init__(self) -> None:
        self._parts: list[Rectangle] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, part: Rectangle) -> None:
        """This has changed. Rectangles join where that costs few pixels more."""
        joined = True
        while joined:
            joined = False
            for other in self._parts:
                both = part.around(other)
                if both.area <= 1.25 * (part.area + other.area):
                    self._parts.remove(other)
                    part, joined = both, True
                    break
        self._parts.append(part)
        if len(self._parts) > self.LIMIT:
            whole = self._parts[0]
            for other in self._parts[1:]:
                whole = whole.around(other)
            self._parts = [whole]

    def take(self) -> Iterator[Rectangle]:
        """All of it; afterwards there is none."""
        parts, self._parts = self._parts, []
        return iter(parts)
