"""The demonstration: data, training and evaluation in MicroPython, checks, pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from uff_host import pictures
from uff_host.datasets import fashion_mnist, shapes
from uff_host.formats.model import Model
from uff_host.formats.model_file import read_model
from uff_host.formats.predictions import unpack_predictions
from uff_host.formats.samples import Samples, write_samples
from uff_host.progress import OnProgress
from uff_host.targets.base import Result, Target
from uff_host.verification import Report, verify

CLASS_IDS = range(5)
TEST_GLYPHS = 1000  # of each class, as many as Fashion-MNIST has for testing

# Opens a progress bar with a title.
Bar = Callable[[str], AbstractContextManager[OnProgress]]


@dataclass
class Data:
    """What the demonstration learns from, and why it is not Fashion-MNIST (or None)."""

    train: Samples
    test: Samples
    instead: str | None = None


@dataclass
class Trial:
    """One network. training and evaluation are the results of the device scripts."""

    model: Model
    training: Result
    evaluation: Result
    report: Report


@dataclass
class Demonstration:
    """What came out."""

    data: Data
    trials: list[Trial]


def prepare(n: int, seed: int, idx_folder: Path | None, on_progress: OnProgress) -> Data:
    """Five classes of Fashion-MNIST, n images each, and their 5,000 test images.

    Glyphs take their place where no source of Fashion-MNIST can be reached.

    Raises:
        DataError: The IDX folder is not what it should be, or n is too large.
    """
    try:
        images = fashion_mnist.load(idx_folder, on_progress)
    except fashion_mnist.SourceError as error:
        # The seed of the test glyphs is one that no training takes.
        return Data(shapes.samples(n, seed), shapes.samples(TEST_GLYPHS, 2**32 + seed), str(error))
    return Data(images.train(CLASS_IDS, n, seed), images.test(CLASS_IDS))


def run(
    data: Data, target: Target, networks: Sequence[str], seed: int, folder: Path, bar: Bar
) -> Demonstration:
    """Train, evaluate and verify each network. Samples, and of each network model, predictions
    and a picture under its name, are left in `folder`.

    Raises:
        DeviceError: The target failed.
        OSError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(folder / "train.uffs", data.train)
    write_samples(folder / "test.uffs", data.test)
    target.put(folder / "train.uffs", "train.uffs")
    target.put(folder / "test.uffs", "test.uffs")
    return Demonstration(
        data, [_trial(data, target, network, seed, folder, bar) for network in networks]
    )


def _trial(data: Data, target: Target, network: str, seed: int, folder: Path, bar: Bar) -> Trial:
    model_file, answers_file = folder / f"{network}.uffm", folder / f"{network}.bin"
    with bar(f"Training {network} on {target.name}") as on_progress:
        training = target.run("train.py", {"network": network, "seed": seed}, on_progress)
        target.get("model.uffm", model_file)
    with bar(f"Evaluating {network} on {target.name}") as on_progress:
        evaluation = target.run("evaluate.py", {"predictions": "predictions.bin"}, on_progress)
        target.get("predictions.bin", answers_file)
    model = read_model(model_file)
    answers = answers_file.read_bytes()
    with bar(f"Verifying {network} on the host") as on_progress:
        report = verify(data.train, model, data.test, answers, on_progress)
    predicted = unpack_predictions(answers, len(data.test), model.n_classes).labels
    pictures.summary(
        folder / f"{network}.png",
        f"{network}: {evaluation['correct']} of {evaluation['images']} test images right "
        f"({evaluation['accuracy']:.2%})",
        model.class_names,
        evaluation["confusion"],
        data.test,
        predicted,
    )
    return Trial(model, training, evaluation, report)
