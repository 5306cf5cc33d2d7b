"""Strokes to grey images of 28x28, the way MNIST does it: the drawing is scaled to fit 20x20, its
aspect kept, and placed so that its centre of mass is the centre of the image. So it does not
matter where and how large one draws.

Drawn in black and white at eight times the size with framebuf, then averaged: 65 shades. Integers
throughout, but for a square root of a whole number below 2^24, which every target rounds alike:
the same strokes give the same bytes everywhere.
"""

from array import array
from math import sqrt

import framebuf

from .errors import Refused

SIDE = 28
FINE = 8  # fine pixels a pixel
BOX = 20 * FINE  # the drawing's larger side, ink included
PEN = 9  # radius of the pen in fine pixels: strokes 2.4 pixels wide, as in MNIST
DOT = 8  # a drawing smaller than this, in the units of the strokes, is a dot

_WIDTH = SIDE * FINE
_ROW = SIDE  # bytes of a fine row: FINE is 8, so a pixel is one byte wide
_ones = bytes(sum(byte >> bit & 1 for bit in range(8)) for byte in range(256))


class Raster:
    """Keeps the 6 KB it draws in: make one and use it for ever."""

    def __init__(self):
        self._fine = bytearray(_ROW * _WIDTH)
        self._buffer = framebuf.FrameBuffer(self._fine, _WIDTH, _WIDTH, framebuf.MONO_HLSB)
        self._quad = array("h", [0] * 8)

    def draw(self, strokes, image):
        """Fills image (uint8, 784) from strokes, arrays of int16 x0, y0, x1, y1, ... in any unit
        of length that makes the drawing DOT or more large.

        Refused where there is nothing or just a dot.
        """
        for _ in self.steps(strokes, image):
            pass

    def steps(self, strokes, image):
        """A generator: draw() in slices of about 4 million instructions.
        Where strokes grow meanwhile the image may lack the new part."""
        left, top, right, bottom = bounds(strokes)
        size = max(right - left, bottom - top)
        if size < DOT:
            raise Refused("only a dot: draw on, or clear it")
        room = BOX - 2 * PEN
        width, height = _scaled(right - left, room, size), _scaled(bottom - top, room, size)
        # First in the middle of the box, to find the centre of mass; then where that belongs.
        x, y = (_WIDTH - width) // 2, (_WIDTH - height) // 2
        yield from self._strokes(strokes, left, top, size, x, y)
        mass, mass_x, mass_y = self._average(image)
        yield
        x += _to_middle(mass, mass_x)
        y += _to_middle(mass, mass_y)
        x = min(max(x, PEN + 1), _WIDTH - PEN - 1 - width)
        y = min(max(y, PEN + 1), _WIDTH - PEN - 1 - height)
        yield from self._strokes(strokes, left, top, size, x, y)
        self._average(image)

    def _strokes(self, strokes, left, top, size, at_x, at_y):
        buffer, quad, room = self._buffer, self._quad, BOX - 2 * PEN
        buffer.fill(0)
        for stroke in strokes:
            from_x = from_y = 0
            for i in range(0, len(stroke), 2):
                x = at_x + _scaled(stroke[i] - left, room, size)
                y = at_y + _scaled(stroke[i + 1] - top, room, size)
                buffer.ellipse(x, y, PEN, PEN, 1, True)
                if i:
                    dx, dy = x - from_x, y - from_y
                    length = int(sqrt(dx * dx + dy * dy))
                    if length > 1:
                        across, down = -dy * PEN // length, dx * PEN // length
                        quad[0], quad[1] = from_x + across, from_y + down
                        quad[2], quad[3] = x + across, y + down
                        quad[4], quad[5] = x - across, y - down
                        quad[6], quad[7] = from_x - across, from_y - down
                        buffer.poly(0, 0, quad, 1, True)
                from_x, from_y = x, y
                if i & 63 == 62:
                    yield
            yield

    def _average(self, image):
        """Fills image; its mass, and the mass times x and y."""
        fine, ones = self._fine, _ones
        mass = mass_x = mass_y = 0
        pixel = 0
        for y in range(SIDE):
            start = y * FINE * _ROW
            row = 0
            for at in range(start, start + SIDE):
                ink = (
                    ones[fine[at]]
                    + ones[fine[at + _ROW]]
                    + ones[fine[at + 2 * _ROW]]
                    + ones[fine[at + 3 * _ROW]]
                    + ones[fine[at + 4 * _ROW]]
                    + ones[fine[at + 5 * _ROW]]
                    + ones[fine[at + 6 * _ROW]]
                    + ones[fine[at + 7 * _ROW]]
                )
                image[pixel] = (ink * 255 + 32) >> 6
                pixel += 1
                row += ink
                mass_x += ink * (at - start)
            mass += row
            mass_y += row * y
        return mass, mass_x, mass_y


def _to_middle(mass, moment):
    """Fine pixels from the centre of mass to the middle of the image, rounded."""
    return (((SIDE - 1) * mass - 2 * moment) * FINE + mass) // (2 * mass)


def _scaled(value, room, size):
    return (value * room * 2 + size) // (2 * size)


def bounds(strokes):
    """left, top, right, bottom of the strokes' points. Refused where there are none."""
    left = top = 32767
    right = bottom = -32768
    for stroke in strokes:
        for i in range(0, len(stroke), 2):
            x, y = stroke[i], stroke[i + 1]
            left, right = min(left, x), max(right, x)
            top, bottom = min(top, y), max(bottom, y)
    if left > right:
        raise Refused("draw something first")
    return left, top, right, bottom
