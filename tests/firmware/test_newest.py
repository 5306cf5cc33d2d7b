"""The newest release of MicroPython whose source can be had, beside the one of the firmware: unix
and the emulated Cortex-M7 are built from it and do the same."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import m7
import pytest
from board import Board, Serial
from builds import UNOPTIMISED
from conftest import DEVICE, DEVICE_TESTS
from m7 import mpremote

from uff_host import patience
from uff_host.targets.qemu import QemuTarget
from uff_host.targets.unix import UnixTarget

BUILD = m7.TOP / "firmware_build"
# Each has its own tests, on both; here is what leans on MicroPython most.
SCRIPTS = ("ridge_arguments", "ridge_values", "uff_samples", "uff_model", "uff_train")


@pytest.fixture(scope="module")
def sources() -> None:
    """They are there; out of reach, the tests are skipped with the sentence of fetch.py."""
    done = patience.run(
        [sys.executable, "-B", BUILD / "fetch.py", "--newest", BUILD / "build"], 900
    )
    if done.returncode:
        assert "Traceback" not in done.stderr, done.stderr
        pytest.skip(f"the newest MicroPython cannot be had: {done.stderr.strip()}")


def make(target: str, *options: str) -> Path:
    """The folder that make builds it in."""
    names = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = patience.run(["make", "-C", BUILD, target, *options], 900, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return BUILD / "build" / target


@pytest.fixture(scope="module")
def unix(sources: None) -> Path:
    return make("unix-newest", UNOPTIMISED) / "micropython"


@pytest.fixture(scope="module")
def image(sources: None) -> Path:
    m7.firmware()  # or skip: the tools are missing
    return make("m7-newest") / "firmware.elf"


@pytest.fixture(scope="module")
def emulator(image: Path) -> Iterator[QemuTarget]:
    with m7.started(image=image, counted=True) as target:
        yield target


def version(text: str) -> tuple[int, ...]:
    found = re.search(r"MicroPython v(\d+)\.(\d+)\.(\d+)", text)
    assert found, text
    return tuple(map(int, found.groups()))


def test_it_is_younger_than_the_firmwares(unix: Path, micropython: Path) -> None:
    code = ["-c", "import sys; print(sys.version)"]
    newest, usual = (
        version(patience.run([path, *code], 60, check=True).stdout) for path in (unix, micropython)
    )
    if os.environ.get("MICROPYTHON_DIR"):
        assert newest >= usual
    else:
        assert newest > usual


@pytest.mark.parametrize("name", SCRIPTS)
def test_device_scripts_end_well_on_unix(name: str, unix: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "MICROPYPATH": f"{DEVICE}:{DEVICE_TESTS}:.frozen"}
    command = [unix, "-X", "heapsize=15M", DEVICE_TESTS / f"{name}.py"]
    done = patience.run(command, 100, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


def test_a_training_gives_the_same_model_everywhere(
    unix: Path, micropython: Path, emulator: QemuTarget, tmp_path: Path
) -> None:
    samples, models = m7.squares(tmp_path / "train.uffs", each=40), []
    with UnixTarget(micropython) as usual, UnixTarget(unix) as newest:
        for target in (usual, newest, emulator):
            target.put(samples, "train.uffs")
            target.run("train.py", {"hidden": 48, "statistics": True})
            target.get("model.uffm", tmp_path / "model.uffm")
            models.append((tmp_path / "model.uffm").read_bytes())
    assert models[0] == models[1]
    assert models[0] == models[2]


def test_the_emulator_counts_instructions_and_its_sleep_lasts(emulator: QemuTarget) -> None:
    code = (
        "import board_m7, time\n"
        "a, b = time.ticks_us(), board_m7.instructions()\n"
        "time.sleep_ms(250)\n"
        "print(time.ticks_us() - a, board_m7.instructions() - b)"
    )
    output: list[str] = []
    assert not emulator.execute(code, "sleep", output.append)
    microseconds, instructions = map(int, output[0].split())
    assert 250_000 <= microseconds < 251_000
    assert instructions * 0.064 == pytest.approx(microseconds, rel=0.01)


def test_stock_mpremote_talks_to_the_emulator(image: Path, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 8)
    (tmp_path / "main.py").write_text("while True: pass\n")
    with m7.held(image=image) as port:
        assert mpremote(port, "exec", "import ridge, uff; print(1.5 * 2)") == "3.0\n"
        mpremote(port, "cp", tmp_path / "a.bin", tmp_path / "main.py", ":")
        mpremote(port, "soft-reset")
        assert mpremote(port, "exec", "import os; print(os.stat('a.bin')[6])") == "2048\n"


def test_the_virtual_board_starts_again_and_hears_ctrl_c(unix: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('running')\nwhile True: pass\n")
    board = Board(tmp_path, UFF_UNIX=str(unix))
    try:
        with Serial(board.port) as port:
            port.prompt()
            port.send(b"\x04")
            port.until(b"MPY: soft reboot\r\n")
            port.until(b"running\r\n")
            port.send(b"\x03")
            port.until(b"KeyboardInterrupt: \r\n")
        assert board.mpremote("exec", "import ridge; print(6 * 7)") == "42\n"
        assert "NameError" in board.mpremote("exec", "print(name)", check=False)
    finally:
        board.end()
