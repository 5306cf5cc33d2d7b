"""A network of exact sums: a target solves them as it solves a training of its own."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from uff_host.errors import DataError, DeviceError
from uff_host.formats.model import Model
from uff_host.formats.model_file import read_model, write_model
from uff_host.merging.sums import Sums
from uff_host.progress import OnProgress, ignore
from uff_host.targets.base import Target


def solve(sums: Sums, target: Target, on_progress: OnProgress = ignore) -> Model:
    """The network with these sums as its statistics: the same bytes on every target, and those
    that a board writes which learnt all images itself (up to 8,191).

    Raises:
        DataError: There are fewer than two classes.
        DeviceError: The target failed.
    """
    names = sums.names()
    if len(names) < 2:
        raise DataError(
            f"There are images of “{names[0]}” alone: a network wants two classes or more. "
            "`--statistics-only` keeps the sums for a later merge."
        )
    with tempfile.TemporaryDirectory(prefix="uff-merge-") as folder:
        asked, solved = Path(folder) / "sums.uffm", Path(folder) / "solved.uffm"
        write_model(asked, sums.scaled())
        target.put(asked, "sums.uffm", on_progress)
        target.run("merge.py", {"parts": ["sums.uffm"], "model": "merged.uffm"}, on_progress)
        target.get("merged.uffm", solved, on_progress)
        found = read_model(solved)
    whole = sums.model()
    last = replace(whole.class_layer, gram_crc=whole.class_layer.gram_crc)
    if found.class_names != names or found.n_images != sums.images:
        raise DeviceError("The target solved other sums than it was given.")
    return replace(
        whole,
        alone=False,
        layers=[*whole.layers[:-1], last],
        arrays=whole.arrays | {tag: found.arrays[tag] for tag in (b"W2  ", b"V2  ")},
    )


def without_statistics(model: Model) -> Model:
    """The network without its sums, to be given away: weights alone."""
    kept = {
        tag: array
        for tag, array in model.arrays.items()
        if tag not in (b"GRAM", b"SUMS", b"CNT ", b"OFFS")
    }
    return replace(model, arrays=kept)
