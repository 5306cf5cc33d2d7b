"""Fixtures: the firmware for this machine, and a way to run a script in it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

TOP = Path(__file__).resolve().parent.parent
DEVICE = TOP / "device"
DEVICE_TESTS = Path(__file__).resolve().parent / "device"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


# A shell that starts the tests in the background has them ignore Ctrl-C, and their children too
# Several tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("uff", deadline=None)
hypothesis.settings.load_profile("uff")


@pytest.fixture(scope="session")
def micropython() -> Path:
    """The unix firmware: UFF_UNIX, or what `make -C firmware_build unix` has built."""
    path = Path(os.environ.get("UFF_UNIX", TOP / "firmware_build/build/unix/micropython"))
    if not path.exists():
        pytest.fail(f"{path}: no firmware; build it with `make -C firmware_build unix`")
    return path


@pytest.fixture(scope="session")
def run_device(micropython: Path) -> Run:
    """run_device(script, cwd, heap="15M", timeout=100): runs a script with the library of the
    working tree."""

    def run(
        script: Path | str, cwd: Path, heap: str = "15M", timeout: float = 100
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(micropython), "-X", f"heapsize={heap}", str(script)],
            cwd=cwd,
            env={**os.environ, "MICROPYPATH": f"{DEVICE}:{DEVICE_TESTS}:.frozen"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
