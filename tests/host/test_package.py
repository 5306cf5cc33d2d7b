"""The package from Python: the example of docs/host.md runs, and passes mypy."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from test_docs import BLOCKS

from uff_host import patience
from uff_host.datasets import shapes
from uff_host.formats.samples import write_samples

TOP = Path(__file__).parents[2]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example as a file, beside the samples that it begins with."""
    here = Path(__file__).relative_to(TOP)
    (block,) = [each for each in BLOCKS if each.mark == f"tested by: {here}"]
    (tmp_path / "example.py").write_text(block.text, encoding="utf-8")
    write_samples(tmp_path / "train.uffs", shapes.samples(10, 0))
    return tmp_path / "example.py"


def test_the_documented_example_runs(example: Path, micropython: Path) -> None:
    environment = {**os.environ, "UFF_UNIX": str(micropython)}
    done = patience.run([sys.executable, example.name], 60, cwd=example.parent, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" True")


def test_the_documented_example_passes_mypy(example: Path) -> None:
    options = ["--config-file", str(TOP / "host/pyproject.toml"), "--no-error-summary"]
    done = patience.run(
        [sys.executable, "-m", "mypy", *options, "--cache-dir", "cache", example.name],
        120,
        cwd=example.parent,
        env={**os.environ, "MYPYPATH": str(TOP / "host")},  # it does not find an editable install
    )
    assert done.returncode == 0, done.stdout + done.stderr
