"""What the tests of the builds share: files, small scripts, and modules that are no package's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware_build"
# For a unix port that tests alone run: compiled in half the time, and none depends on its speed.
UNOPTIMISED = "COPT=-O0 -DNDEBUG"


def load(name: str) -> ModuleType:
    """A Python file of firmware_build as a module."""
    spec = importlib.util.spec_from_file_location(name, FIRMWARE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path: Path, text: str) -> Path:
    """Write a file, and the folders above it where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def script(path: Path, text: str) -> Path:
    """Write a shell script that can be run."""
    write(path, f"#!/bin/sh\n{text}\n").chmod(0o755)
    return path
