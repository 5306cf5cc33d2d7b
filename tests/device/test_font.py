"""The letters of the screen: device/capture/font_data.py is what font_maker makes."""

from __future__ import annotations

import runpy
import struct

import font_maker
import numpy as np
import pytest
from conftest import DEVICE

DATA = runpy.run_path(str(DEVICE / "capture" / "font_data.py"))
LEVELS = {4: 15, 2: 3}


def unpacked(pixels: bytes, bits: int) -> np.ndarray:
    values = np.frombuffer(pixels, np.uint8)
    return np.stack([values >> shift & LEVELS[bits] for shift in range(0, 8, bits)])


@pytest.mark.parametrize("font", font_maker.FONTS, ids=[font[0] for font in font_maker.FONTS])
def test_the_letters_are_those_of_dejavu_sans(font):
    name, size, bits, characters = font
    height, _, _, index, pixels = font_maker.make(size, bits, characters)
    assert DATA[name][:3] == (height, bits, characters)
    assert DATA[name][3] == index
    # Another release of the renderer may round an edge otherwise.
    difference = unpacked(DATA[name][4], bits).astype(int) - unpacked(pixels, bits)
    assert np.abs(difference).mean() < 0.02 * LEVELS[bits]


def test_what_matters_is_24_pixels_high_on_the_large_screen():
    # 2.6 mm at 233 dots an inch: 18 minutes of arc from half a metre.
    _, _, characters, index, _ = DATA["MAIN"]
    record = struct.unpack_from(font_maker.RECORD, index, characters.index("H") * 7)
    assert record[2] == 24


def test_all_letters_fit_80_kilobytes():
    assert sum(len(DATA[name][3]) + len(DATA[name][4]) for name, *_ in font_maker.FONTS) < 80_000
