"""Makes device/capture/first_layer.py: the patch layer that the application begins with.

    .venv/bin/python host/tools/first_layer.py device/capture/first_layer.py

Its filters are trained by the device's own code on MicroPython's unix port, on digits that made-up
writers draw by touches (handwriting/), so that nobody's pictures are in it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from uff_host import files
from uff_host.experiments.digits.study import drawings
from uff_host.formats.model_arrays import layer_alone
from uff_host.formats.model_file import pack_model, read_model
from uff_host.formats.samples import Samples, write_samples
from uff_host.handwriting import Writer
from uff_host.handwriting.lesson import layout_of
from uff_host.targets.base import Target
from uff_host.targets.connect import NAMES, connect

WRITERS = [(seed, (1.0, 1.5)[seed % 2]) for seed in range(901, 909)]  # seed, haste
EACH = 4  # drawings of each digit
JOB = {"network": "uff_conv", "copies": 3, "leave_one_out": False}

HEADER = '''"""The patch layer that the application begins with, as a layer file (docs/formats.md):
trained on digits of made-up writers. Made by host/tools/first_layer.py; not to be edited."""

DATA = (
'''


def learn(target: Target, folder: Path) -> bytes:
    """The bytes of the layer file.

    Raises:
        DeviceError: The target failed.
    """
    layout = layout_of(target)
    people = [drawings(target, layout, Writer(*writer), EACH, folder) for writer in WRITERS]
    samples = Samples(
        people[0].class_names,
        np.concatenate([each.images for each in people]),
        np.concatenate([each.labels for each in people]),
    )
    write_samples(folder / "train.uffs", samples)
    target.put(folder / "train.uffs", "train.uffs")
    target.run("train.py", JOB)
    target.get("model.uffm", folder / "model.uffm")
    return pack_model(layer_alone(read_model(folder / "model.uffm")))


def source(data: bytes) -> str:
    """The Python module that holds these bytes."""
    lines = []
    for first in range(0, len(data), 20):
        text = "".join(f"\\x{byte:02x}" for byte in data[first : first + 20])
        lines.append(f'    b"{text}"\n')
    return HEADER + "".join(lines) + ")\n"


def main(path: Path) -> None:
    """Write the module."""
    with tempfile.TemporaryDirectory(prefix="uff-") as name, connect(NAMES[0]) as target:
        files.write_bytes(path, source(learn(target, Path(name))).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
