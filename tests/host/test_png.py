"""PNG files of pictures and figures: small, exact where that costs nothing."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from uff_host import png


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_a_picture_of_256_colours_is_exact_and_has_a_palette(rng, tmp_path):
    colours = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    picture = colours[rng.permutation(256 * 16) % 256].reshape(64, 64, 3)
    png.write(Image.fromarray(picture), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == "P"
    np.testing.assert_array_equal(pixels(tmp_path / "a.png"), picture)


def test_more_colours_are_kept_or_moved_as_asked(tmp_path):
    ramp = np.stack(np.meshgrid(np.arange(64), np.arange(64), [0]), -1).reshape(64, 64, 3)
    picture = (ramp * 4).astype(np.uint8)
    png.write(Image.fromarray(picture), tmp_path / "exact.png", exact=True)
    np.testing.assert_array_equal(pixels(tmp_path / "exact.png"), picture)
    png.write(Image.fromarray(picture), tmp_path / "small.png")
    assert Image.open(tmp_path / "small.png").mode == "P"
    # 4,096 colours in a square of 252 x 252: 256 of them lie some 16 apart.
    assert np.abs(pixels(tmp_path / "small.png") - picture).max() <= 32


def test_a_figure_has_the_size_it_was_given(tmp_path):
    figure = Figure(figsize=(3, 2), dpi=100)
    figure.subplots().plot([1, 2], [3, 4])
    png.write_figure(figure, tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").size == (300, 200)
