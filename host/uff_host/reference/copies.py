"""Copies: an image turned, scaled, sheared and shifted a little, in fixed point.

A copy's numbers follow from the CRC-32 of the image and the copy's number, so an image brings and
takes its copies with it. Q16 is a fixed-point number in units of 2^-16.
"""

from __future__ import annotations

import zlib

import numpy as np

from uff_host.reference.arithmetic import Int64, UInt8
from uff_host.reference.xorshift import Xorshift32

TURN = 19661  # Q16 radians, at most: 0.3
SCALE = 13107  # Q16: 20 %
SHEAR = 19661  # Q16: 0.3
SHIFT = 3511  # Q16 of a side: 1.5 pixels of 28
ONE = 65536


def with_copies(images: UInt8, copies: int) -> UInt8:
    """Each image (n, height, width) with its copies 1, 2, ... behind it: (n (1 + copies), ...)."""
    rows = [
        [image, *(copy_of(image, number) for number in range(1, copies + 1))] for image in images
    ]
    return np.array(rows, np.uint8).reshape(-1, *images.shape[1:])


def copy_of(image: UInt8, number: int) -> UInt8:
    """The copy of this number, 1 or more, of an image (height, width)."""
    height, width = image.shape
    random = Xorshift32((zlib.crc32(image.tobytes()) + number) % 2**32)
    drawn = [(random.next() >> 16) - 32768 for _ in range(5)]
    angle, shear = (most * c >> 15 for most, c in ((TURN, drawn[0]), (SHEAR, drawn[2])))
    scale = ONE + (SCALE * drawn[1] >> 15)
    down, right = height * SHIFT * drawn[3] >> 15, width * SHIFT * drawn[4] >> 15
    square = angle * angle >> 16
    sine = angle * (ONE - square // 6) >> 16
    cosine = ONE - square // 2 + (square * square >> 16) // 24

    # Where a pixel of the copy lies in the image: scale, rotation and shear of its place from the
    # middle, which is (1 - side) half pixels at the first one.
    xx = scale * cosine >> 16
    xy = scale * ((cosine * shear >> 16) - sine) >> 16
    yx = scale * sine >> 16
    yy = scale * ((sine * shear >> 16) + cosine) >> 16
    x0 = (xx * (1 - width) + xy * (1 - height) >> 1) + (width - 1) * ONE // 2 + right
    y0 = (yx * (1 - width) + yy * (1 - height) >> 1) + (height - 1) * ONE // 2 + down
    row, column = np.mgrid[:height, :width]
    x = x0 + xx * column + xy * row
    y = y0 + yx * column + yy * row
    return _interpolated(image, x, y)


def _interpolated(image: UInt8, x: Int64, y: Int64) -> UInt8:
    """The image at places of Q16, bilinear in 256ths of a pixel; 0 outside."""
    height, width = image.shape
    x, y = x + 128, y + 128
    column, row = x >> 16, y >> 16
    to_right, to_below = x >> 8 & 255, y >> 8 & 255

    def at(row: Int64, column: Int64) -> Int64:
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        value = image[row.clip(0, height - 1), column.clip(0, width - 1)]
        return np.where(inside, value, 0).astype(np.int64)

    above = at(row, column) * (256 - to_right) + at(row, column + 1) * to_right
    below = at(row + 1, column) * (256 - to_right) + at(row + 1, column + 1) * to_right
    mixed = above * (256 - to_below) + below * to_below
    return np.asarray((mixed + 32768 >> 16).astype(np.uint8))
