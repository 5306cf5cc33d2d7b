"""The commands of `uff` that make data, train, test and check; one module each.

Each has a function `arguments`, which makes its arguments known, and one that does it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host.formats.samples import Samples, read_samples


def counted(samples: Samples) -> str:
    """How many samples of which size and classes."""
    pairs = zip(samples.class_names, samples.counts(), strict=True)
    each = ", ".join(f"{name} {count}" for name, count in pairs)
    return f"{len(samples)} images of {samples.height}x{samples.width} ({each})"


def read(options: argparse.Namespace, path: Path) -> Samples:
    """Read samples, and say what of the file is damaged."""
    samples = read_samples(path)
    if samples.damaged or samples.torn_bytes:
        options.console.print(
            f"{path}: {samples.damaged} damaged records passed over, "
            f"torn tail of {samples.torn_bytes} bytes left out.",
            soft_wrap=True,
        )
    return samples
