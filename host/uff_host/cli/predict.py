"""`uff predict`"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from uff_host import files
from uff_host.cli.argument_types import Parser, add_on
from uff_host.console import screen
from uff_host.console.terminal import Terminal
from uff_host.datasets import pixels
from uff_host.datasets.pixels import ImportOptions
from uff_host.datasets.splits import Images
from uff_host.formats.model import Model
from uff_host.formats.model_file import read_model
from uff_host.formats.predictions import read_predictions, unpack_predictions
from uff_host.formats.samples import Samples, write_samples
from uff_host.progress import OnProgress
from uff_host.targets.base import Target, naming
from uff_host.targets.connect import connect

SAMPLES, PREDICTIONS = "images.uffs", "predictions.bin"


def arguments(command: Parser) -> None:
    """The arguments of `uff predict`."""
    command.explain(
        "Says what pictures show, by the script of a board. Pictures become grey and of the "
        "model's size, as `uff data import` makes them.",
        ("uff predict model.uffm new.png", "label, margin, and goodness of each class"),
        ("uff predict model.uffm scans/*.jpg --invert", "dark ink on light paper"),
        ("uff predict model.uffm new.png --on m7", "the same numbers from the emulated Cortex-M7"),
        ("uff predict model.uffm *.png --json | jq -r '.predictions[].label'", "for a program"),
    )
    command.add_argument("model", type=Path, help="model file")
    command.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="pictures (PNG, JPEG and the like)"
    )
    command.add_argument("--invert", action="store_true", help="for dark ink on light paper")
    command.add_argument(
        "--json", action="store_true", help="JSON on the standard output, and nothing else there"
    )
    add_on(command)
    command.set_defaults(do=do)


@dataclass(frozen=True)
class Prediction:
    """What an image was taken for. goodness: of each class; margin: the best less the next."""

    image: str
    label: str
    index: int
    margin: float
    goodness: tuple[float, ...]


def predict(
    target: Target, model: Model, images: Images, names: Sequence[str], on_progress: OnProgress
) -> list[Prediction]:
    """What the model, which the target has as model.uffm, takes images for.

    Args:
        target: Where.
        model: The same model.
        images: uint8 (n, height, width), of the model's size.
        names: Of the images.
        on_progress: Gets how far it is.

    Raises:
        DeviceError: The target failed.
    """
    labels = np.zeros(len(images), np.uint8)  # nobody knows, and nobody looks
    with tempfile.TemporaryDirectory(prefix="uff-predict-") as folder:
        path = Path(folder) / "images"
        write_samples(path, Samples(model.class_names, images, labels))
        target.put(path, SAMPLES, on_progress)
        job = {"model": "model.uffm", "samples": SAMPLES, "predictions": PREDICTIONS}
        result = target.run("predict.py", job, on_progress)
        target.get(PREDICTIONS, path, on_progress)
        data = read_predictions(path, len(images), model.n_classes)
    answers = unpack_predictions(data, len(images), model.n_classes, PREDICTIONS)
    unit = 2.0 ** int(result["exponent"])
    found = []
    for name, label, good in zip(names, answers.labels, answers.goodness, strict=True):
        best = int(good[label])
        margin = best - max((int(g) for c, g in enumerate(good) if c != label), default=0)
        goodness = tuple(int(g) * unit for g in good)
        found.append(
            Prediction(name, model.class_names[label], int(label), margin * unit, goodness)
        )
    return found


def do(options: argparse.Namespace) -> None:
    """`uff predict`"""
    console = Terminal(stderr=True) if options.json else options.console
    files.check_regular(options.model)
    model = read_model(options.model)
    how = ImportOptions(model.height, model.width, options.invert)
    images = np.stack([pixels.fit(pixels.open_picture(path), how) for path in options.images])
    with (
        naming({"model.uffm": options.model}),
        connect(options.on) as target,
        screen.progress_bar(console, f"Predicting on {target.name}") as on_progress,
    ):
        target.put(options.model, "model.uffm", on_progress)
        found = predict(target, model, images, [str(path) for path in options.images], on_progress)
    if options.json:
        record = {
            "model": str(options.model),
            "on": options.on,
            "classes": model.class_names,
            "predictions": [asdict(one) for one in found],
        }
        sys.stdout.write(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    else:
        rows = [
            (one.image, one.label, *(f"{part:.4f}" for part in (one.margin, *one.goodness)))
            for one in found
        ]
        columns = ("image", "label", "margin", *model.class_names)
        console.print(screen.table("Predictions, with the goodness of each class", columns, rows))
