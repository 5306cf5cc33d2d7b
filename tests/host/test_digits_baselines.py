"""The baselines of `uff experiment digits`: the same images, kept results, committed figures."""

from __future__ import annotations

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from uff_host.datasets import mnist_digits
from uff_host.datasets.own_images import Classes
from uff_host.errors import DataError
from uff_host.experiments.accuracy.baselines import BASELINES, Score, Split
from uff_host.experiments.digits import baselines, report
from uff_host.experiments.digits.baselines import DigitSplits, Figures


@pytest.fixture
def data(monkeypatch, tmp_path) -> Classes:
    """Ten classes of noise, each with a bright row of its own; baselines that need no training."""
    monkeypatch.setattr(mnist_digits, "TEST_IMAGES", 10)
    monkeypatch.setattr(baselines, "NETWORKS", ("nearest_mean", "ridge"))
    monkeypatch.setenv("UFF_CACHE", str(tmp_path / "cache"))
    chance = np.random.default_rng(0)
    images = chance.integers(0, 200, (10, 30, 28, 28))
    for c in range(10):
        images[c, :, 2 * c] += 55
    return Classes(list(images.astype(np.uint8)), list(mnist_digits.CLASS_NAMES))


@pytest.mark.slow
def test_baselines_are_trained_on_the_images_of_the_report_and_kept(data):
    screen = io.StringIO()
    console = Console(file=screen, width=200)
    found = baselines.train(data, (2, 4), 2, console)
    assert [(row.network, row.images, len(row.accuracies)) for row in found] == [
        ("nearest_mean", 2, 2), ("ridge", 2, 2), ("nearest_mean", 4, 2), ("ridge", 4, 2),
    ]  # fmt: skip
    assert found[1].settings in BASELINES["ridge"].settings
    for row in found:
        for seed, accuracy in enumerate(row.accuracies):
            split = Split.of(*mnist_digits.split(data, row.images, seed))
            assert Score(row.settings, accuracy) in BASELINES[row.network].scores(split, seed)
    assert baselines.train(data, (2, 4), 2, console) == found
    assert "8 of 8 results are known already." in screen.getvalue()


def test_digits_are_never_mirrored(data):
    assert not DigitSplits(data).mirrored


def test_without_the_packages_a_sentence_says_how_to_get_them(data, monkeypatch):
    absent = dataclasses.replace(BASELINES["ridge"], needs=("no_such_package",))
    monkeypatch.setitem(BASELINES, "ridge", absent)
    with pytest.raises(DataError, match="no_such_package: not installed; the extra `cnn`"):
        baselines.train(data, (2,), 1, Console(file=io.StringIO()))


def test_recorded_figures_are_those_of_as_many_seeds(tmp_path):
    kept = tmp_path / "digits.json"
    five = Figures("cnn", 5, (0.5, 0.75), "a")
    twenty = Figures("cnn_aug", 20, (0.5,), "b")
    rows = {
        row.name: {"accuracy": row.accuracies, "settings": row.settings} for row in (five, twenty)
    }
    kept.write_text(json.dumps({"MNIST, 5 of each": {"accuracy": [0.1, 0.2]}} | rows))
    assert baselines.recorded(kept, (5, 20), 2) == [dataclasses.replace(five, recorded=True)]
    assert baselines.recorded(kept, (100,), 2) == []
    for content in ("", "[]", '{"MNIST, 5 of each, convolutional network": {"accuracy": [1, 2]}}'):
        kept.write_text(content)
        assert baselines.recorded(kept, (5, 20), 2) == []
    assert baselines.recorded(tmp_path / "none", (5, 20), 2) == []


def test_recorded_figures_are_shown_as_such():
    text = io.StringIO()
    console = Console(file=text, width=200)
    rows = [Figures("cnn", 5, (0.5, 0.75), "a"), Figures("cnn", 20, (0.5, 0.75), "a", True)]
    console.print(report._beside(rows))
    output = text.getvalue()
    assert "MNIST, 5 of each, convolutional network  " in output
    assert "MNIST, 20 of each, convolutional network (recorded)" in output
    assert "0.6250 ± 0.1768" in output
