"""Fixtures: the firmware for this machine, and a way to run a script in it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from core.cores import Cores, build
from firmware_bench.image import build as image_of_the_board

from uff_host import patience

TOP = Path(__file__).resolve().parent.parent
DEVICE = TOP / "device"
TESTS = Path(__file__).resolve().parent
DEVICE_TESTS = TESTS / "device"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


# Tests run in several processes at once: the threads of each one's matrix products would wait for
# each other. numpy reads this when it is first imported, which is later.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A shell that starts the tests in the background has them ignore Ctrl-C, and their children too
# Several tests send one.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What builds firmware, emulates a machine, starts a browser, or goes through a whole application
# or a power cut in every operation; `make test-fast` leaves it out, with every other test that is
# marked slow.
SLOW = (
    "campaigns",
    "device/test_capture_screen.py",
    "device/test_replay.py",
    "device/test_ridge_sanitized.py",
    "emulated_m7",
    "firmware",
    "firmware_bench/test_littlefs.py",
    "fuzz",
    "host/test_bench.py",
    "host/test_classroom.py",
    "host/test_cost.py",
    "host/test_digits_decisions.py",
    "host/test_digits_study.py",
    "host/test_convolutional.py",
    "host/test_lesson_commands.py",
    "host/test_verify.py",
    "virtual_board/test_board_campaign.py",
    "virtual_board/test_board_page.py",
    "virtual_board/test_board_process.py",
    "virtual_board/test_replay_board.py",
    "web",
)


# What takes longest, beginning with the longest; those that wait for a browser are spread among
# those that compute. With the others behind them no process works alone at the end.
FIRST = (
    "firmware/test_mpy.py",
    "web/test_web_page.py",
    "device/test_capture_screen.py",
    "emulated_m7/test_m7_device.py",
    "web/test_page_files.py",
    "firmware/test_newest.py",
    "campaigns/test_faults.py",
    "web/test_web_same_bytes.py",
    "firmware/test_build.py",
    "virtual_board/test_board_process.py",
    "web/test_page_turned.py",
    "virtual_board/test_board_page.py",
    "host/test_digits_study.py",
    "web/test_web_use.py",
    "emulated_m7/test_serial_link.py",
    "web/test_page_axe.py",
    "core/test_core.py",
    "virtual_board/test_board_campaign.py",
    "web/test_page_access.py",
    "firmware_bench/test_models.py",
    "emulated_m7/test_m7_faults.py",
    "emulated_m7/test_m7_same_bits.py",
    "device/test_replay.py",
    "web/test_web_board.py",
    "host/test_convolutional.py",
    "fuzz/test_fuzz.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked long and no others")


def place(item: pytest.Item) -> str:
    """The file, as seen from this folder."""
    return item.path.relative_to(TESTS).as_posix()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if any(Path(place(item)).is_relative_to(slow) for slow in SLOW):
            item.add_marker(pytest.mark.slow)
    wanted = config.getoption("--long")
    kept, left_out = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        is_long = item.get_closest_marker("long") is not None
        (kept if is_long == wanted else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    order = {name: number for number, name in enumerate(FIRST)}
    items[:] = sorted(kept, key=lambda item: order.get(place(item), len(FIRST)))


# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("uff", deadline=None)
hypothesis.settings.load_profile("uff")


def firmware(target: str, variable: str) -> Path:
    """What `make -C firmware_build target` has built, or the firmware that a variable names."""
    path = Path(os.environ.get(variable, TOP / "firmware_build/build" / target / "micropython"))
    if not path.exists():
        pytest.fail(f"{path}: no firmware; build it with `make -C firmware_build {target}`")
    return path


def runner(micropython: Path, heap: str, **environment: str) -> Run:
    """run(script, cwd, heap=..., timeout=100): runs a script with the library of the working
    tree."""

    def run(
        script: Path | str, cwd: Path, heap: str = heap, timeout: float = 100
    ) -> subprocess.CompletedProcess[str]:
        return patience.run(
            [str(micropython), "-X", f"heapsize={heap}", str(script)],
            timeout,
            cwd=cwd,
            env={**os.environ, "MICROPYPATH": f"{DEVICE}:{DEVICE_TESTS}:.frozen", **environment},
        )

    return run


@pytest.fixture(scope="session")
def micropython() -> Path:
    """The unix firmware: UFF_UNIX, or what `make unix` has built."""
    return firmware("unix", "UFF_UNIX")


@pytest.fixture(scope="session")
def image() -> Path:
    """firmware.elf of the STM32H747I-DISCO, of the present tree; see firmware_bench/image.py."""
    return image_of_the_board()


@pytest.fixture(scope="session")
def run_device(micropython: Path) -> Run:
    """Runs a script in the unix firmware."""
    return runner(micropython, "15M")


@pytest.fixture(scope="session")
def run_sanitized() -> Run:
    """Runs a script in the unix firmware under AddressSanitizer and UBSan. What is in use at the
    end is no leak: MicroPython does not tidy up."""
    sanitized = firmware("unix-sanitized", "UFF_UNIX_SANITIZED")
    return runner(sanitized, "15M", ASAN_OPTIONS="detect_leaks=0")


@pytest.fixture(scope="session")
def cores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cores]:
    """The C core alone, in all its builds."""
    cores = Cores(build(), tmp_path_factory.getbasetemp())
    yield cores
    cores.close()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20250711)
