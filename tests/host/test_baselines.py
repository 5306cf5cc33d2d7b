"""The baselines learn what can be learned, and always the same from the same seed."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from uff_host.experiments.accuracy.baselines import (
    BASELINES,
    Baseline,
    Split,
    __main__,
    backpropagation,
    forward_forward,
    linear_ridge,
)
from uff_host.experiments.accuracy.baselines.adam import Adam, cosine
from uff_host.experiments.accuracy.baselines.inputs import inputs
from uff_host.formats.samples import Samples, write_samples

K = 3
SIDE = 8
IN_NUMPY = [
    name for name, baseline in BASELINES.items() if not baseline.needs
]  # test_convolutional.py


def some_samples(n: int, seed: int, noise: int = 60) -> Samples:
    """n images a class: a bar at a place of its own in each class, in noise."""
    random = np.random.default_rng(seed)
    images = random.integers(0, noise, (n, K, SIDE, SIDE))
    for c in range(K):
        images[:, c, 2 + c, 1:7] += random.integers(60, 180, (n, 1))
    labels = np.tile(np.arange(K), n).astype(np.uint8)
    return Samples(["a", "b", "c"], images.reshape(-1, SIDE, SIDE).astype(np.uint8), labels)


def a_split(n: int = 12) -> Split:
    return Split.of(some_samples(n, 0), some_samples(40, 1))


@pytest.mark.parametrize("name", IN_NUMPY)
def test_every_baseline_learns_at_every_setting(name):
    baseline = BASELINES[name]
    # Forward-Forward needs more steps than the others, backpropagation takes longest for a step
    scores = list(baseline.scores(a_split(40 if name == "ff" else 12), 0))
    assert tuple(score.setting for score in scores) == baseline.settings
    assert min(score.accuracy for score in scores) > 0.9


@pytest.mark.parametrize("name", IN_NUMPY)
def test_same_seed_gives_same_scores(name):
    # noise enough that another seed would be seen
    split = Split.of(some_samples(6, 0, 200), some_samples(40, 1, 200))
    first, second = (list(BASELINES[name].scores(split, 3)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", ["bp", "bp_reg", "ff", "elm"])
def test_another_seed_gives_other_networks(name):
    split = Split.of(some_samples(6, 0, 200), some_samples(40, 1, 200))
    first, second = (list(BASELINES[name].scores(split, seed)) for seed in range(2))
    assert first != second


@pytest.mark.parametrize("name", IN_NUMPY)
def test_blank_and_equal_images_break_no_baseline(name):
    images = np.zeros((6, SIDE, SIDE), np.uint8)
    samples = Samples(["a", "b", "c"], images, np.arange(6, dtype=np.uint8) % K)
    with np.errstate(all="raise", under="ignore"):
        scores = list(BASELINES[name].scores(Split.of(samples, samples), 0))
    assert all(0 <= score.accuracy <= 1 for score in scores)


def test_settings_have_names_of_their_own():
    for baseline in BASELINES.values():
        assert len(set(baseline.settings)) == len(baseline.settings)


@pytest.mark.parametrize("form", ["raw", "encoded", "centred", "standardised"])
def test_inputs_are_float32_and_see_only_training_images(form):
    split = a_split()
    changed = Split(
        split.train_images, split.train_labels, split.test_images[:5], split.test_labels[:5], K
    )
    (train, test), (same_train, same_test) = inputs(split, form), inputs(changed, form)
    assert train.dtype == test.dtype == np.float32
    np.testing.assert_array_equal(train, same_train)
    np.testing.assert_array_equal(test[:5], same_test)


def test_backpropagation_has_the_gradient_of_its_loss():
    random = np.random.default_rng(0)
    network = backpropagation.Network(5, 4, K, random)
    x = random.random((7, 5), np.float32)
    targets = np.eye(K, dtype=np.float32)[np.arange(7) % K]

    def loss() -> float:
        z = network.outputs(x).astype(np.float64)
        return float((np.log(np.exp(z).sum(axis=1)) - (targets * z).sum(axis=1)).mean())

    network.gradient(x, targets, (0.0, 0.0))
    _check_gradient(network.adam, loss)


@pytest.mark.parametrize("negatives", ["hard", "every"])
def test_forward_forward_has_the_gradient_of_its_loss(negatives, monkeypatch):
    monkeypatch.setattr(forward_forward, "NEURONS", 4)
    setting = forward_forward.Setting("raw", 2, 3, negatives)
    # two classes: every image has one wrong label, so that hard negatives leave no choice
    layer = forward_forward.Layer(5, 2, setting, np.random.default_rng(0))
    x = np.random.default_rng(1).random((7, 5), np.float32)
    labels = np.arange(7) % 2

    def loss() -> float:
        excess = (layer.goodness(x).astype(np.float64) - 4) / 2
        sign = np.where(np.eye(2)[labels] == 1, -1, 1)
        # times the temperature, which the gradient leaves out
        return float(2 * np.log1p(np.exp(sign * excess)).sum(axis=1).mean())

    layer.gradient(x, labels)
    _check_gradient(layer.adam, loss)


def _check_gradient(adam: Adam, loss) -> None:
    step = 1e-2
    for values, gradient in zip(adam.parameters, adam.gradients, strict=True):
        for place in np.ndindex(values.shape):
            kept = values[place]
            values[place] = kept + step
            above = loss()
            values[place] = kept - step
            below = loss()
            values[place] = kept
            # 3e-3: float32 sums, and kinks of relu within the step
            assert gradient[place] == pytest.approx((above - below) / (2 * step), abs=3e-3)


def test_adam_takes_its_first_step_by_the_rate_and_decays_weights():
    adam = Adam([(2,), (3, 1)])
    adam.parameters[0][:] = 1
    adam.gradients[0][:] = [5, -0.1]
    adam.step(0.01, decay=2)
    np.testing.assert_allclose(adam.parameters[0], [0.98 - 0.01, 0.98 + 0.01], rtol=1e-5)
    np.testing.assert_array_equal(adam.parameters[1], 0)


def test_rate_ends_at_zero():
    assert cosine(1, 100, 0.5) == pytest.approx(0.5, rel=1e-3)
    assert cosine(100, 100, 0.5) == 0


def test_dual_and_primal_ridge_are_one_solution():
    random = np.random.default_rng(0)
    test, targets = random.random((9, 7), np.float32), random.random((8, 2))
    x = random.random((8, 7), np.float32)
    wide = np.concatenate([x, np.zeros((8, 5), np.float32)], axis=1)  # more features than images
    wide_test = np.concatenate([test, np.zeros((9, 5), np.float32)], axis=1)
    primal = linear_ridge.ridge_scores(x, targets, test, 0.3)
    dual = linear_ridge.ridge_scores(wide, targets, wide_test, 0.3 * 12 / 7)
    np.testing.assert_allclose(dual, primal, rtol=1e-9)


def test_a_baseline_runs_as_a_process_on_two_samples_files(tmp_path: Path):
    train, test = some_samples(12, 0), some_samples(40, 1)
    write_samples(tmp_path / "train.uffs", train)
    write_samples(tmp_path / "test.uffs", test)
    command = [
        sys.executable,
        "-m",
        "uff_host.experiments.accuracy.baselines",
        "elm",
        "train.uffs",
        "test.uffs",
    ]
    done = subprocess.run(
        [*command, "--seed", "4"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = [line.removeprefix("@score ") for line in done.stdout.splitlines()]
    expected = BASELINES["elm"].scores(Split.of(train, test), 4)
    assert [json.loads(line) for line in lines] == [score._asdict() for score in expected]


def test_a_baseline_whose_packages_are_missing_says_how_to_get_them(monkeypatch, capsys):
    absent = dataclasses.replace(BASELINES["elm"], needs=("numpy", "no_such_package"))
    monkeypatch.setitem(BASELINES, "elm", absent)
    assert absent.missing() == ["no_such_package"]
    monkeypatch.setattr(sys, "argv", ["baselines", "elm", "train.uffs", "test.uffs"])
    with pytest.raises(SystemExit) as end:
        __main__.main()
    assert end.value.code == 2
    assert "needs no_such_package: the extra `cnn`" in capsys.readouterr().err


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_baseline_hears_whether_mirrored_images_are_of_their_class(
    tmp_path, monkeypatch, mirrored
):
    calls = []

    def listen(split: Split, seed: int):
        calls.append((split.mirrored, seed))
        yield from ()

    monkeypatch.setitem(BASELINES, "elm", Baseline("elm", "", (), listen))
    write_samples(tmp_path / "a.uffs", some_samples(2, 0))
    paths = [str(tmp_path / "a.uffs")] * 2
    options = ["--seed", "2", *["--mirrored"] * mirrored]
    monkeypatch.setattr(sys, "argv", ["baselines", "elm", *paths, *options])
    __main__.main()
    assert calls == [(mirrored, 2)]
