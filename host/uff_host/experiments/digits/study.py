"""What the capture application's choices rest on, measured anew: `uff experiment digits --study`.

Everything is computed by the numpy reference (reference/) with the application's settings: the
patch layer of the firmware, kept as it is, copies of each drawing, a kernel class layer. Images
are the 5,000 digits of MNIST (mnist_digits.py), of which 2,000 are always the test; and what
made-up writers (handwriting/) draw in the application, which makes the images itself, by touches,
on a target.

How many copies there are and lambda 2 are device/capture/rules.py's, which runs here too. What
the application decides with such a network is measured by decisions.py.

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
from uff_host.formats.touch_recording import write_recording
from uff_host.handwriting import Writer
from uff_host.handwriting.composer import Composer, Layout
from uff_host.handwriting.lesson import DIGITS, SAMPLES, replay
from uff_host.progress import OnProgress, Steps
from uff_host.reference import Options, UInt8, class_kernel
from uff_host.reference.class_kernel import KernelProblem
from uff_host.targets.base import Target

rules = application.module("rules")
FIRST_LAYER = application.first_layer()

SEEDS = 20  # draws of MNIST, and made-up writers
UNEVEN = (2, 20)  # images of a digit, at least and at most
LEFT_OUT = (5, 20, 100)  # images of each digit; those below likewise
RIDGE_IMAGES = (5, 20, 50)
RIDGES = (0.001, 0.003, 0.0075, rules.LAMBDA2, 0.03, 0.06)
ASKED = 20  # unseen drawings of each digit by a writer
RIDGE_WRITERS = 10

Bools = npt.NDArray[np.bool_]
People = Callable[[int, int], Samples]  # number of the writer, drawings of each -> drawings


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


def pictures(
    target: Target, layout: Layout, writer: Writer, characters: Sequence[str], folder: Path
) -> UInt8:
    """What the application makes of a writer's drawings, by touches: uint8 (n, 28, 28).

    characters: of each drawing; "" is a scribble. All are kept as one class of ten, so that the
    application has nothing to learn meanwhile.

    Raises:
        DeviceError: The target failed.
        DataError: The application kept another number of drawings.
    """
    person = _with_ten_classes(layout, writer)
    for character in characters:
        person.teach(character, 0)
    images = _kept(target, person, folder).images
    if len(images) != len(characters):
        raise DataError(f"The application kept {len(images)} of {len(characters)} drawings.")
    return images


def drawings(target: Target, layout: Layout, writer: Writer, each: int, folder: Path) -> Samples:
    """What the application keeps of a writer that teaches all ten digits by touches.

    Raises:
        DeviceError: The target failed.
        DataError: The application kept another number of drawings.
    """
    person = _with_ten_classes(layout, writer)
    for _ in range(each):
        for digit in DIGITS:
            person.teach(digit)
    samples = _kept(target, person, folder)
    if samples.counts() != [each] * len(DIGITS):
        raise DataError(f"The application kept {samples.counts()} drawings, {each} of each drawn.")
    return samples


def _with_ten_classes(layout: Layout, writer: Writer) -> Composer:
    """A person who has added the digits that the application does not begin with."""
    person = Composer(layout, writer)
    for digit in DIGITS:
        if digit not in person.classes:
            person.add_class(digit)
    return person


def _kept(target: Target, person: Composer, folder: Path) -> Samples:
    """What the application has kept when all of a person's touches were replayed."""
    write_recording(folder / "drawings.ufft", person.recording())
    replay(target, folder / "drawings.ufft")
    target.get(SAMPLES, folder / "drawings.uffs")
    return read_samples(folder / "drawings.uffs")


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


Ridges = dict[float, float]  # lambda2 -> accuracy


@dataclass
class Study:
    """A figure for each draw, or each writer; by images of each digit where there are several."""

    balance: list[Balance] = field(default_factory=list)
    left_out: dict[int, list[LeftOut]] = field(default_factory=dict)
    ridges: dict[int, list[Ridges]] = field(default_factory=dict)
    writer_ridges: dict[int, list[Ridges]] = field(default_factory=dict)


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


def study(
    data: Classes, people: People, seeds: int, on_progress: OnProgress = progress.ignore
) -> Study:
    """All of it, draw by draw and writer by writer.

    Args:
        data: The digits of MNIST.
        people: Gives the drawings of a writer: so many of each digit.
        seeds: Draws, and writers.
        on_progress: Gets how far it is.

    Raises:
        DataError: There are too few digits.
        DeviceError: The target on which writers draw failed.
    """
    each_draw = 1 + len(LEFT_OUT) + len(RIDGE_IMAGES)
    steps = Steps(each_draw * seeds + min(seeds, RIDGE_WRITERS), on_progress)
    found = Study()
    measures: tuple[tuple[Sequence[int], dict[int, list[Any]], Callable[..., Any]], ...] = (
        (LEFT_OUT, found.left_out, left_out),
        (RIDGE_IMAGES, found.ridges, ridges),
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
        if seed < RIDGE_WRITERS:
            _of_writer(found, people, seed, steps)
    return found


def _of_writer(found: Study, people: People, seed: int, steps: Steps) -> None:
    """What one writer's drawings come to; writers are counted from 1."""
    most = max(RIDGE_IMAGES)
    drawn = people(seed + 1, most + ASKED)
    number = ranks(drawn.labels)
    for n in RIDGE_IMAGES:
        figures = ridges(part(drawn, number < n), part(drawn, number >= most))
        found.writer_ridges.setdefault(n, []).append(figures)
    steps.next(f"made-up writer {seed + 1}")
