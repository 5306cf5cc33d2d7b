"""The demonstration: data, training and evaluation in MicroPython, a check, a picture."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uff_host import fashion, glyphs, pictures
from uff_host.model import Model, read_model
from uff_host.predictions import unpack_predictions
from uff_host.progress import OnProgress
from uff_host.samples import Samples, write_samples
from uff_host.target import Result, Target
from uff_host.verify import Report, verify

CLASS_IDS = range(5)

# Opens a progress bar with a title.
Bar = Callable[[str], AbstractContextManager[OnProgress]]


@dataclass
class Data:
    """What the demonstration learns from, and why it is not Fashion-MNIST (or None)."""

    train: Samples
    test: Samples
    instead: str | None = None


@dataclass
class Demonstration:
    """What came out. training and evaluation are the results of the device scripts."""

    data: Data
    model: Model
    training: Result
    evaluation: Result
    report: Report


def prepare(n: int, seed: int, idx_folder: Path | None, on_progress: OnProgress) -> Data:
    """Five classes of Fashion-MNIST, n images each, and their 5,000 test images.

    Glyphs take their place where no source of Fashion-MNIST can be reached.

    Raises:
        DataError: The IDX folder is not what it should be, or n is too large.
    """
    try:
        images = fashion.load(idx_folder, on_progress)
    except fashion.SourceError as error:
        # The seed of the test glyphs is one that no training takes.
        return Data(glyphs.samples(n, seed), glyphs.samples(1000, 2**32 + seed), str(error))
    return Data(images.train(CLASS_IDS, n, seed), images.test(CLASS_IDS))


def run(data: Data, target: Target, job: dict[str, Any], folder: Path, bar: Bar) -> Demonstration:
    """Train, evaluate and verify; samples, model, predictions and a picture are left in `folder`.

    Raises:
        DeviceError: The target failed.
        OSError: A file cannot be written.
    """
    write_samples(folder / "train.uffs", data.train)
    write_samples(folder / "test.uffs", data.test)
    with bar(f"Training on {target.name}") as on_progress:
        target.put(folder / "train.uffs", "train.uffs")
        training = target.run("train.py", job, on_progress)
        target.get("model.uffm", folder / "model.uffm")
    with bar(f"Evaluating on {target.name}") as on_progress:
        target.put(folder / "test.uffs", "test.uffs")
        evaluation = target.run("evaluate.py", {"predictions": "predictions.bin"}, on_progress)
        target.get("predictions.bin", folder / "predictions.bin")
    model = read_model(folder / "model.uffm")
    answers = (folder / "predictions.bin").read_bytes()
    with bar("Verifying on the host") as on_progress:
        report = verify(data.train, model, data.test, answers, on_progress)
    predicted = unpack_predictions(answers, len(data.test), model.n_classes).labels
    pictures.summary(
        folder / "summary.png",
        f"{evaluation['correct']} of {evaluation['images']} test images right "
        f"({evaluation['accuracy']:.2%})",
        model.class_names,
        evaluation["confusion"],
        data.test,
        predicted,
    )
    return Demonstration(data, model, training, evaluation, report)
