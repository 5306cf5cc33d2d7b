"""What the capture application's choices rest on, measured anew: `uff experiment digits --study`.

Everything is computed by the numpy reference (reference/) with the application's settings: the
patch layer of the firmware, kept as it is, copies of each drawing, a kernel class layer. Images
are the 5,000 digits of MNIST (mnist_digits.py), of which 2,000 are always the test; and what
made-up hands (handwriting/) draw in the application, which makes the images itself, by touches, on
a target.

The rules "not sure" and "looks mislabelled", how many copies there are and lambda 2 are those of
device/capture/rules.py, which runs here too.

Names: n images, N of their rows (images and copies), m features, k classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host import progress, reference
from uff_host.datasets import mnist_digits
from uff_host.datasets.own_images import Classes
from uff_host.errors import DataError
from uff_host.experiments.digits import application
from uff_host.formats.model import Model
from uff_host.formats.samples import Samples, read_samples
from uff_host.formats.touch_recording import write_session
from uff_host.handwriting import Hand
from uff_host.handwriting.composer import Composer, Layout
from uff_host.handwriting.lesson import DIGITS, SAMPLES, replay
from uff_host.progress import OnProgress, Steps
from uff_host.reference import Float64, Int16, Int64, Options, class_kernel
from uff_host.reference.arithmetic import inner
from uff_host.reference.class_kernel import KernelProblem
from uff_host.targets.base import Target

rules = application.module("rules")
FIRST_LAYER = application.first_layer()
ALIKE = 64  # of device/capture/recogniser.py

SEEDS = 20  # draws of MNIST, and made-up hands
UNEVEN = (2, 20)  # images of a digit, at least and at most
LEFT_OUT = (5, 20, 100)  # images of each digit; those below likewise
RIDGE_IMAGES = (5, 20, 50)
SURE_IMAGES = (5, 20, 60)
SUSPECT_IMAGES = (5, 20, 100)
RIDGES = (0.001, 0.003, 0.0075, rules.LAMBDA2, 0.03, 0.06)
WRONG = 0.04  # of all labels
TAUGHT, ASKED = 5, 20  # drawings of each digit by a hand, then unseen ones
RIDGE_HANDS = 10  # the first ones draw more: enough for all of RIDGE_IMAGES, then ASKED

Bools = npt.NDArray[np.bool_]
People = Callable[[int, int], Samples]  # number of the hand, drawings of each -> drawings


# --- The rules of the application ----------------------------------------------------------------


def alike(f: Int16, group: int) -> int:
    """Inner product (units of 2^-18) below which an image is unlike all of the rows f, int16
    (N, m), of which each image has `group`.

    recogniser.py, _check(): ALIKE or fewer images are compared with the rows of all others.
    """
    n = len(f) // group
    if n < 2:
        return int(rules.least_likeness([], 1 << 18))
    chosen = np.arange(0, n, -(-n // ALIKE))
    products = inner(f[chosen * group], f).reshape(len(chosen), n, group)
    products[np.arange(len(chosen)), chosen] = np.iinfo(np.int64).min
    return int(rules.least_likeness(products.max(axis=(1, 2)).tolist(), 1 << 18))


def likeness(x: Int16, trained: Int16) -> Int64:
    """Inner product of each x, int16 (n, m), with the most similar of those trained, int16
    (N, m): (n,)."""
    return np.asarray(inner(x, trained).max(axis=1))


def sure(good: Int64, like: Int64, least: int) -> Bools:
    """Whether the application trusts each goodness, int64 (n, k), with its likeness (n,).

    recogniser.py, predict(): an image is like those trained on, and its margin is large enough.
    """
    ordered = np.sort(good, axis=1)
    wide = [rules.sure(int(best), int(second)) for second, best in ordered[:, -2:]]
    return np.asarray((like >= least) & np.array(wide, bool))


def suspects(margins: Float64, labels: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Numbers of the images that look mislabelled, by left-out goodness of the label less that
    of the best other one, (n,), and labels, (n,)."""
    return np.array(rules.suspects(margins.tolist(), labels.tolist()), np.intp)


def margins(good: Float64, labels: npt.NDArray[Any]) -> Float64:
    """Goodness of the label less that of the best other one: (n,), of goodness (n, k)."""
    rows = np.arange(len(labels))
    others = good.copy()
    others[rows, labels] = -np.inf
    return np.asarray(good[rows, labels] - others.max(axis=1))


# --- Which images --------------------------------------------------------------------------------


def ranks(labels: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """How many images of its class come before each: (n,)."""
    found = np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        found[labels == label] = np.arange((labels == label).sum())
    return found


def part(samples: Samples, chosen: Bools) -> Samples:
    """The chosen ones, bool (n,), in their order."""
    return Samples(samples.class_names, samples.images[chosen], samples.labels[chosen])


def uneven(samples: Samples, seed: int) -> Samples:
    """The first images of each class, as many as a seed draws for it: UNEVEN."""
    chance = np.random.default_rng([seed, 0x556E65])
    counts = chance.integers(UNEVEN[0], UNEVEN[1] + 1, len(samples.class_names))
    return part(samples, ranks(samples.labels) < counts[samples.labels])


def mislabelled(samples: Samples, seed: int) -> tuple[Samples, Bools]:
    """The samples with WRONG of the labels wrong, at least one; and which, (n,)."""
    chance = np.random.default_rng([seed, 0x577267])
    n, k = len(samples), len(samples.class_names)
    chosen = chance.choice(n, max(1, round(WRONG * n)), replace=False)
    labels = samples.labels.copy()
    labels[chosen] = (labels[chosen] + chance.integers(1, k, len(chosen))) % k
    return Samples(samples.class_names, samples.images, labels), labels != samples.labels


def drawings(target: Target, layout: Layout, hand: Hand, each: int, folder: Path) -> Samples:
    """What the application keeps of a hand that teaches all ten digits by touches.

    Raises:
        DeviceError: The target failed.
        DataError: The application kept another number of drawings.
    """
    person = Composer(layout, hand)
    for digit in DIGITS:
        if digit not in person.classes:
            person.add_class(digit)
    for _ in range(each):
        for digit in DIGITS:
            person.teach(digit)
    write_session(folder / "drawings.ufft", person.session())
    replay(target, folder / "drawings.ufft")
    target.get(SAMPLES, folder / "drawings.uffs")
    samples = read_samples(folder / "drawings.uffs")
    if samples.counts() != [each] * len(DIGITS):
        raise DataError(f"The application kept {samples.counts()} drawings, {each} of each drawn.")
    return samples


# --- What is measured ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Balance:
    """Accuracy after learning from uneven classes, with targets of 1 and with balanced ones."""

    plain: float
    balanced: float


@dataclass(frozen=True)
class LeftOut:
    """Accuracy by leave-one-out, without its correction of the targets, and on test images."""

    corrected: float
    uncorrected: float
    test: float


@dataclass(frozen=True)
class Sureness:
    """Accuracy; part of the test images that pass as sure; accuracy among these, None without."""

    accuracy: float
    passed: float
    right: float | None


@dataclass(frozen=True)
class Suspicion:
    """Wrong labels put in, images that look mislabelled, and how many are both."""

    wrong: int
    flagged: int
    found: int


Ridges = dict[float, float]  # lambda2 -> accuracy


@dataclass
class Study:
    """A figure for each draw, or each hand; by images of each digit where there are several."""

    balance: list[Balance] = field(default_factory=list)
    left_out: dict[int, list[LeftOut]] = field(default_factory=dict)
    ridges: dict[int, list[Ridges]] = field(default_factory=dict)
    hand_ridges: dict[int, list[Ridges]] = field(default_factory=dict)
    sure: dict[int, list[Sureness]] = field(default_factory=dict)
    hand_sure: list[Sureness] = field(default_factory=list)
    suspects: dict[int, list[Suspicion]] = field(default_factory=dict)
    hand_suspects: list[Suspicion] = field(default_factory=list)
    hand_clean: list[Suspicion] = field(default_factory=list)  # no wrong label put in


def learn(train: Samples, lambda2: float = rules.LAMBDA2) -> Model:
    """The network as the application trains it, in float64."""
    copies = rules.copies_of(len(train))
    options = Options("uff_kernel", lambda2=lambda2, copies=copies, leave_one_out=False)
    return reference.train(train, options, FIRST_LAYER)


def problem_of(model: Model, train: Samples, *, balanced: bool = True) -> KernelProblem:
    """The class layer's problem over the kept layer 1 of a model of these samples."""
    labels = reference.rows_of(train, model.copies)[1]
    strength, group = model.class_layer.parameter, 1 + model.copies
    rows = model.arrays[b"ROWS"].data.astype(np.int16)
    return KernelProblem(rows, labels, model.n_classes, strength, group=group, balanced=balanced)


def accuracy(good: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """Part of the images, goodness (n, k), whose label has the most."""
    return float((reference.predict(good) == labels).mean())


def balance(train: Samples, test: Samples) -> Balance:
    """Both kinds of targets, over the same layer 1."""
    model = learn(train)
    layer = problem_of(model, train, balanced=False).solve(model.class_layer.ridge)
    arrays = model.arrays | class_kernel.integers(layer).arrays
    plain = class_kernel.goodness(arrays, reference.class_features(model, test.images))
    return Balance(
        accuracy(plain, test.labels),
        accuracy(reference.infer(model, test.images), test.labels),
    )


def left_out(train: Samples, test: Samples) -> LeftOut:
    """What leave-one-out says, with and without its correction, and what it foretells."""
    model = learn(train)
    problem = problem_of(model, train)
    corrected, uncorrected = (
        accuracy(
            problem.leave_one_out(model.class_layer.ridge, corrected=yes).goodness, train.labels
        )
        for yes in (True, False)
    )
    return LeftOut(
        corrected,
        uncorrected,
        accuracy(reference.infer(model, test.images), test.labels),
    )


def ridges(train: Samples, test: Samples) -> Ridges:
    """Accuracy with each ridge of the class layer."""
    model = learn(train)
    problem, f = problem_of(model, train), reference.class_features(model, test.images)
    found = {}
    for value in RIDGES:
        layer = problem.solve(reference.snap(value))
        arrays = model.arrays | class_kernel.integers(layer).arrays
        found[value] = accuracy(class_kernel.goodness(arrays, f), test.labels)
    return found


def sureness(train: Samples, test: Samples) -> Sureness:
    """How often the application trusts itself, and how often it is right to."""
    model = learn(train)
    f, rows = reference.class_features(model, test.images), model.arrays[b"ROWS"].data
    good = reference.class_goodness(model, f)
    passed = sure(good, likeness(f, rows), alike(rows, 1 + model.copies))
    right = accuracy(good[passed], test.labels[passed]) if passed.any() else None
    return Sureness(accuracy(good, test.labels), float(passed.mean()), right)


def suspicion(train: Samples, wrong: Bools) -> Suspicion:
    """How many of the wrong labels, bool (n,), look wrong to the network that learnt them."""
    model = learn(train)
    good = problem_of(model, train).leave_one_out(model.class_layer.ridge).goodness
    flagged = suspects(margins(good, train.labels), train.labels)
    return Suspicion(int(wrong.sum()), len(flagged), int(wrong[flagged].sum()))


def study(
    data: Classes, people: People, seeds: int, on_progress: OnProgress = progress.ignore
) -> Study:
    """All of it, draw by draw and hand by hand.

    Args:
        data: The digits of MNIST.
        people: Gives the drawings of a hand: so many of each digit.
        seeds: Draws, and hands.
        on_progress: Gets how far it is.

    Raises:
        DataError: There are too few digits.
        DeviceError: The target on which hands draw failed.
    """
    each_draw = 1 + len(LEFT_OUT) + len(RIDGE_IMAGES) + len(SURE_IMAGES) + len(SUSPECT_IMAGES)
    steps = Steps((each_draw + 1) * seeds + min(seeds, RIDGE_HANDS), on_progress)
    found = Study()
    measures: tuple[tuple[Sequence[int], dict[int, list[Any]], Callable[..., Any]], ...] = (
        (LEFT_OUT, found.left_out, left_out),
        (RIDGE_IMAGES, found.ridges, ridges),
        (SURE_IMAGES, found.sure, sureness),
    )
    for seed in range(seeds):
        of_draw = f"draw {seed + 1} of {seeds}"
        train, test = mnist_digits.split(data, UNEVEN[1], seed)
        found.balance.append(balance(uneven(train, seed), test))
        steps.next(of_draw)
        for images, figures, measure in measures:
            for n in images:
                figures.setdefault(n, []).append(measure(*mnist_digits.split(data, n, seed)))
                steps.next(of_draw)
        for n in SUSPECT_IMAGES:
            train, test = mnist_digits.split(data, n, seed)
            found.suspects.setdefault(n, []).append(suspicion(*mislabelled(train, seed)))
            steps.next(of_draw)
        _of_hand(found, people, seed, steps)
    return found


def _of_hand(found: Study, people: People, seed: int, steps: Steps) -> None:
    """What one hand's drawings come to; hands are counted from 1, as in report.py."""
    more = max(RIDGE_IMAGES) if seed < RIDGE_HANDS else TAUGHT
    drawn = people(seed + 1, more + ASKED)
    number = ranks(drawn.labels)
    steps.next(f"made-up hand {seed + 1}")
    taught, asked = number < TAUGHT, (number >= TAUGHT) & (number < TAUGHT + ASKED)
    lesson = part(drawn, taught)
    found.hand_sure.append(sureness(lesson, part(drawn, asked)))
    found.hand_suspects.append(suspicion(*mislabelled(lesson, seed)))
    found.hand_clean.append(suspicion(lesson, np.zeros(len(lesson), bool)))
    if seed >= RIDGE_HANDS:
        return
    for n in RIDGE_IMAGES:
        figures = ridges(part(drawn, number < n), part(drawn, number >= more))
        found.hand_ridges.setdefault(n, []).append(figures)
    steps.next(f"made-up hand {seed + 1}")
