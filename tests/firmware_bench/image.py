"""The image of the STM32H747I-DISCO, run by the firmware bench with what is typed to it."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from uff_host import patience
from uff_host.targets.firmware import bench_program

TOP = Path(__file__).resolve().parents[2]
MICROPYTHON_DIR = os.environ.get("UFF_STM32_MICROPYTHON_DIR", "")

needs_bench = pytest.mark.skipif(
    not bench_program().is_file(), reason="no firmware bench: make firmware-bench"
)
_NO_IMAGE = "no image of the STM32H747I_DISCO: UFF_STM32_MICROPYTHON_DIR names no source tree"


def needs_image(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that needs the bench and the sources of the image."""
    marked: Callable[..., None] = needs_bench(
        pytest.mark.skipif(not MICROPYTHON_DIR, reason=_NO_IMAGE)(test)
    )
    return marked


def build(*options: str) -> Path:
    """firmware.elf of the present tree, with options of make like CORE_MHZ=480; it builds what
    has changed since the last time."""
    name = "-".join(["firmware_bench_image", *options])
    out = TOP / "firmware_build" / "build" / name.replace("=", "")
    out.mkdir(parents=True, exist_ok=True)
    command = ["make", "-C", str(TOP / "firmware_build"), "STM32H747I_DISCO", "UART_REPL=1"]
    command += options
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # for tests side by side
        done = patience.run([*command, f"OUT={out}", f"MICROPYTHON_DIR={MICROPYTHON_DIR}"], 900)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "STM32H747I_DISCO" / "firmware.elf"


def power_on(
    image: Path, folder: Path, lines: Iterable[str], *options: str
) -> subprocess.CompletedProcess[str]:
    """One power-on with lines typed to the REPL, until nothing happens any more; stderr has
    violations and figures."""
    typed = folder / "typed"
    typed.write_text("".join(f"{line}\r" for line in lines), newline="")
    with typed.open() as line:
        command = [str(bench_program()), "--report", *options, str(image)]
        return patience.run(command, 300, stdin=line)
