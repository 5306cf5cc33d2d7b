"""How well the capture application serves those who draw: accuracy, "not sure", "unlike anything
drawn", "!" and "most like this", by its own code on a target.

device/scripts/dev/judge.py lets the application's recogniser learn drawings and judge others.
Which decision follows from which numbers is in device/capture/rules.py alone, which runs on
the host too: `tune()` looks at other constants there with the numbers that the device gave.

Who draws: made-up writers, one at a time, by touches on the application's screen; and the many
writers of MNIST. Constants are tuned on TUNING_WRITERS and on images of MNIST's pool, and reported
for WRITERS and MNIST's test images. The firmware's layer 1 is made by others still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host import progress
from uff_host.datasets import mnist_digits
from uff_host.datasets.own_images import Classes
from uff_host.experiments.digits import application
from uff_host.experiments.digits.study import part, pictures, ranks
from uff_host.formats.samples import Samples, write_samples
from uff_host.handwriting import SMALL, Writer
from uff_host.handwriting.composer import Layout
from uff_host.handwriting.lesson import DIGITS
from uff_host.progress import OnProgress, Steps
from uff_host.reference import UInt8
from uff_host.targets.base import Target

WRITERS = tuple(range(1, 9))
TUNING_WRITERS = tuple(range(101, 109))
TUNING_DRAWS = tuple(range(100, 104))  # of MNIST's pool
HASTES = (1.0, 1.5, 2.0)
EACH = (1, 3, 5)  # drawings of each digit, for accuracy
ADVISED = (3, 4, 5)  # for the decisions: what the application advises
MISLABELLED = 4  # of each digit, where drawings are kept under a wrong class
ASKED = 20  # unseen drawings of each digit
SCRIBBLES = 40
MISTAKES = 4  # times that wrong classes are drawn for the same drawings
UNIT = 1 << 18  # of a likeness

SURE, CLOSE, UNLIKE = range(3)

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def rules() -> ModuleType:
    """device/capture/rules.py, loaded anew, so that its constants may be changed.

    Raises:
        DataError: The package was installed without its checkout.
    """
    return application.module("rules")


# --- What a target says --------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """Verdicts of the recogniser: n drawings of k classes learnt, m other images recognised.

    margins: left-out goodness of each drawing's label less that of the best other one, (n,).
    nearest: likeness (units of 2^-18) of drawings with the most similar other one.
    label, like, likeness, best, second, verdict: of the m images: class, number of the most
    similar drawing, its likeness, the two largest goodnesses, and SURE, CLOSE or UNLIKE.
    """

    labels: npt.NDArray[np.uint8]
    classes: int
    copies: int
    left_out: float
    margins: Floats
    nearest: Ints
    suspects: Bools
    label: Ints
    like: Ints
    likeness: Ints
    best: Floats
    second: Floats
    verdict: Ints


def judge(
    target: Target, folder: Path, drawings: Samples, asked: UInt8, *, own: bool = False
) -> Judged:
    """Let the recogniser on a target learn drawings and judge images, uint8 (m, 28, 28).

    own: whether layer 1 is trained on the drawings, or that of the firmware is kept.

    Raises:
        DeviceError: The target failed.
    """
    others = Samples(drawings.class_names, asked, np.zeros(len(asked), np.uint8))
    for name, samples in (("drawings.uffs", drawings), ("asked.uffs", others)):
        write_samples(folder / name, samples)
        target.put(folder / name, name)
    found = target.run("dev/judge.py", {"own": own})
    label, like, likeness, best, second, verdict = np.array(found["verdicts"], np.float64).T
    suspects = np.zeros(len(drawings), bool)
    suspects[found["suspects"]] = True
    return Judged(
        drawings.labels,
        len(drawings.class_names),
        int(found["copies"]),
        float(found["loo_accuracy"]),
        np.array(found["margins"], np.float64),
        np.array(found["nearest"], np.int64),
        suspects,
        label.astype(np.int64),
        like.astype(np.int64),
        likeness.astype(np.int64),
        best,
        second,
        verdict.astype(np.int64),
    )


def decide(judged: Judged, by: ModuleType) -> Ints:
    """The verdicts (m,) that rules with other constants would give."""
    least = by.least_familiarity(judged.nearest.tolist(), UNIT)
    return np.array(
        [
            UNLIKE
            if by.unlike(likeness, best, judged.classes, least, UNIT)
            else SURE
            if by.sure(best, second)
            else CLOSE
            for likeness, best, second in zip(
                judged.likeness.tolist(), judged.best, judged.second, strict=True
            )
        ]
    )


def suspected(judged: Judged, by: ModuleType) -> Bools:
    """Which drawings (n,) look mislabelled by rules with other constants."""
    found = np.zeros(len(judged.labels), bool)
    found[by.suspects(judged.margins.tolist(), judged.labels.tolist())] = True
    return found


# --- Who draws -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Drawings of one writer, as the application makes them: uint8 (each, 10, 28, 28) of digits in
    the order of DIGITS, then scribbles and small letters, (m, 28, 28)."""

    seed: int
    digits: UInt8
    scribbles: UInt8
    letters: UInt8

    def lesson(self, each: int, first: int = 0) -> Samples:
        """Drawings `first` and on of every digit, `each` of them."""
        shown = self.digits[first : first + each]
        labels = np.tile(np.arange(len(DIGITS), dtype=np.uint8), each)
        return Samples(list(DIGITS), shown.reshape(-1, *shown.shape[2:]), labels)

    @property
    def unseen(self) -> Samples:
        """The last ASKED of every digit, which no lesson has."""
        return self.lesson(ASKED, len(self.digits) - ASKED)


def person(target: Target, layout: Layout, writer: Writer, folder: Path) -> Person:
    """What a writer draws: enough for all lessons here.

    Raises:
        DeviceError, DataError: The target failed, or lost a drawing.
    """
    each = max(*EACH, *ADVISED) + ASKED
    wanted = [*(DIGITS * each), *[""] * SCRIBBLES, *SMALL]
    images = pictures(target, layout, writer, wanted, folder)
    first, second = each * len(DIGITS), each * len(DIGITS) + SCRIBBLES
    return Person(
        writer.seed,
        images[:first].reshape(each, len(DIGITS), *images.shape[1:]),
        images[first:second],
        images[second:],
    )


def mistaken(samples: Samples, each: int, seed: int) -> tuple[Samples, Bools]:
    """The samples with `each` drawings under a wrong class; and which, (n,)."""
    chance = np.random.default_rng([seed, 0x4D697374])
    n, k = len(samples), len(samples.class_names)
    chosen = chance.choice(n, each, replace=False)
    labels = samples.labels.copy()
    labels[chosen] = (labels[chosen] + chance.integers(1, k, each)) % k
    return Samples(samples.class_names, samples.images, labels), labels != samples.labels


# --- What is measured ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A lesson and the images it was asked about: `known` unseen drawings first, with their
    labels, then scribbles, then letters."""

    judged: Judged
    truth: npt.NDArray[np.uint8]
    scribbles: int = 0

    @property
    def accuracy(self) -> float:
        """Part of the known ones whose class it names."""
        return float((self.judged.label[: len(self.truth)] == self.truth).mean())

    @property
    def like(self) -> float:
        """Part of the known ones whose most similar drawing is of their class."""
        nearest = self.judged.like[: len(self.truth)]
        return float((self.judged.labels[nearest] == self.truth).mean())


@dataclass(frozen=True)
class Mistakes:
    """A lesson with drawings under wrong classes (n,)."""

    judged: Judged
    wrong: Bools


@dataclass(frozen=True)
class Decisions:
    """Parts of all images of several lessons: known drawings that pass as sure, of these the
    right ones, known ones "unlike anything drawn", and scribbles and letters likewise. None where
    there are none."""

    sure: float | None
    right: float | None
    unlike: float | None
    scribbles: float | None
    letters: float | None


@dataclass(frozen=True)
class Alarms:
    """Drawings under a wrong class, how many of them carry the "!"; right ones, likewise."""

    wrong: int
    caught: int
    right: int
    false: int


@dataclass
class Handwriting:
    """All that was judged, by haste and drawings of each digit; of MNIST by images."""

    asked: dict[tuple[float, int], list[Asked]] = field(default_factory=dict)
    mistakes: dict[float, list[Mistakes]] = field(default_factory=dict)
    mnist: dict[int, list[Asked]] = field(default_factory=dict)


def decisions(lessons: Iterable[Asked], by: ModuleType | None = None) -> Decisions:
    """As the target decided, or as rules with other constants would."""
    right, sure, unlike, scribbles, letters = ([] for _ in range(5))
    for one in lessons:
        verdict = one.judged.verdict if by is None else decide(one.judged, by)
        known = len(one.truth)
        passed = verdict[:known] == SURE
        sure += passed.tolist()
        right += (one.judged.label[:known] == one.truth)[passed].tolist()
        unlike += (verdict[:known] == UNLIKE).tolist()
        strange = (verdict[known:] == UNLIKE).tolist()
        scribbles += strange[: one.scribbles]
        letters += strange[one.scribbles :]
    return Decisions(*(_part(one) for one in (sure, right, unlike, scribbles, letters)))


def _part(of: Sequence[bool]) -> float | None:
    return float(np.mean(of)) if of else None


def alarms(lessons: Iterable[Mistakes], by: ModuleType | None = None) -> Alarms:
    """As the target marked them, or as rules with other constants would."""
    counts = np.zeros(4, int)
    for one in lessons:
        marked = one.judged.suspects if by is None else suspected(one.judged, by)
        wrong = one.wrong
        counts += (wrong.sum(), (marked & wrong).sum(), (~wrong).sum(), (marked & ~wrong).sum())
    return Alarms(*counts.tolist())


def of_writers(
    target: Target,
    layout: Layout,
    writers: Sequence[int],
    folder: Path,
    *,
    each: Sequence[int] | None = None,
    mistakes: int = 0,
    on_progress: OnProgress = progress.ignore,
) -> Handwriting:
    """Lessons of writers at every haste.

    each: drawings of each digit in a lesson; EACH by default.
    mistakes: times that drawings are kept under wrong classes; one of 40 and two of them in turn.

    Raises:
        DeviceError, DataError: The target failed.
    """
    found, each = Handwriting(), EACH if each is None else each
    steps = Steps(len(HASTES) * len(writers) * (1 + len(each) + mistakes), on_progress)
    for haste in HASTES:
        for seed in writers:
            stage = f"made-up writer {seed}, haste {haste:g}"
            drawn = person(target, layout, Writer(seed, haste), folder)
            steps.next(stage)
            strange = np.concatenate([drawn.scribbles, drawn.letters])
            unseen = drawn.unseen
            for n in each:
                asked = np.concatenate([unseen.images, strange])
                judged = judge(target, folder, drawn.lesson(n), asked)
                lesson = Asked(judged, unseen.labels, len(drawn.scribbles))
                found.asked.setdefault((haste, n), []).append(lesson)
                steps.next(stage)
            for draw in range(mistakes):
                # other drawings each time, as far as there are
                lesson_of = drawn.lesson(MISLABELLED, draw * MISLABELLED)
                muddled, wrong = mistaken(lesson_of, 1 + draw % 2, 100 * seed + draw)
                judged = judge(target, folder, muddled, unseen.images[:1])
                found.mistakes.setdefault(haste, []).append(Mistakes(judged, wrong))
                steps.next(stage)
    return found


def of_mnist(
    target: Target,
    data: Classes,
    images: Sequence[int],
    draws: Sequence[int],
    folder: Path,
    *,
    pool: bool = False,
    on_progress: OnProgress = progress.ignore,
) -> dict[int, list[Asked]]:
    """Lessons of so many images of each real digit. pool: ask about images of the pool, which are
    not learnt, instead of the test images.

    Raises:
        DeviceError, DataError: The target failed, or there are too few images.
    """
    found: dict[int, list[Asked]] = {}
    steps = Steps(len(images) * len(draws), on_progress)
    for n in images:
        for seed in draws:
            train, test = mnist_digits.split(data, n + (ASKED if pool else 0), seed)
            if pool:
                number = ranks(train.labels)
                train, test = part(train, number < n), part(train, number >= n)
            judged = judge(target, folder, train, test.images)
            found.setdefault(n, []).append(Asked(judged, test.labels))
            steps.next(f"MNIST, {n} of each")
    return found


# --- Tuning --------------------------------------------------------------------------------------

# Values of each constant that are looked at; those of rules.py are added.
VALUES: dict[str, tuple[float, ...]] = {
    "SURE_MARGIN": (0.1, 0.15, 0.2, 0.25, 0.3, 0.4),
    "RESPONSE": (0.0, 0.03, 0.06, 0.09),  # LEAST goes along, see ANSWER
    "LEAST": (0.997, 1.002, 1.007, 1.012),
    "USUAL": (0.0, 0.956, 0.966, 0.976),
    "SUSPECT": (0.75, 0.6, 0.4, 0.2, 0.1),
}


ANSWER = 0.75  # between scribbles (0.56, median) and unseen drawings (0.9)


@dataclass(frozen=True)
class Trial:
    """What a value of a constant of rules.py gives, the others as they are there: decisions at
    each haste at 3 to 5 drawings, and on MNIST; alarms at each haste."""

    constant: str
    value: float
    built: bool
    decisions: dict[float, Decisions]
    mnist: Decisions
    alarms: dict[float, Alarms]


def tune(found: Handwriting) -> Iterator[Trial]:
    """All values of VALUES, one constant at a time; LEAST goes with RESPONSE, so that what a class
    answers ANSWER is as familiar as before."""
    for constant, values in VALUES.items():
        built = getattr(rules(), constant)
        for value in sorted({*values, built}):
            by = rules()
            changed = {constant: value}
            if constant == "RESPONSE":
                changed["LEAST"] = vars(by)["LEAST"] + ANSWER * (value - built)
            vars(by).update(changed)
            yield Trial(
                constant,
                value,
                value == built,
                {haste: decisions(advised(found, haste), by) for haste in HASTES},
                decisions((one for of in found.mnist.values() for one in of), by),
                {haste: alarms(of, by) for haste, of in found.mistakes.items()},
            )


def advised(found: Handwriting, haste: float) -> list[Asked]:
    """The lessons of ADVISED drawings of each digit."""
    return [one for n in ADVISED for one in found.asked.get((haste, n), [])]


def as_dict(found: Handwriting) -> dict[str, Any]:
    """The figures for a JSON file."""
    return {
        "writers": [
            {
                "haste": haste,
                "each": n,
                "accuracy": [one.accuracy for one in lessons],
                "leave_one_out": [one.judged.left_out for one in lessons],
                "most_like": [one.like for one in lessons],
                **vars(decisions(lessons)),
            }
            for (haste, n), lessons in found.asked.items()
        ],
        "mistakes": [
            {"haste": haste, "each": MISLABELLED, **vars(alarms(lessons))}
            for haste, lessons in found.mistakes.items()
        ],
        "mnist": [
            {
                "each": n,
                "accuracy": [one.accuracy for one in lessons],
                "most_like": [one.like for one in lessons],
                **vars(decisions(lessons)),
            }
            for n, lessons in found.mnist.items()
        ],
    }
