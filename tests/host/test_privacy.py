"""Images out of exact sums: few are found, and what would be shared by default is refused."""

from __future__ import annotations

import numpy as np
import pytest

from uff_host import reference
from uff_host.cli.main import main
from uff_host.datasets import shapes
from uff_host.experiments.privacy import plot
from uff_host.experiments.privacy.reconstruction import attempt, rows_of


def test_a_single_image_is_its_own_statistics():
    image = shapes.images("ring", 1, 3)
    x = reference.encode(image)[0].astype(np.int64)
    row = rows_of(np.outer(x, x), 1, 1, 0)[0]
    assert np.array_equal(np.rint(row).astype(np.int64), x)


@pytest.mark.slow
def test_five_images_are_found_and_a_hundred_are_not():
    few = attempt(shapes.images("ring", 5, 0), 500)
    assert few.recovered == 1 and few.cosines.min() > 0.999
    many = attempt(shapes.images("ring", 100, 0), 30)
    assert many.recovered < 0.2


def test_the_picture_is_drawn(tmp_path):
    tried = [attempt(shapes.images("cross", n, 0), 50) for n in (1, 3)]
    path = tmp_path / "p.png"
    plot.plot(tried, 28, path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 2000


@pytest.mark.parametrize(
    ("words", "part"),
    [(["--images", "0"], "0 images"), (["--class-id", "10"], "Class 10")],
)
def test_what_cannot_be_tried_is_refused(words, part, capsys):
    assert main(["experiment", "privacy", *words]) == 1
    assert part in capsys.readouterr().err
