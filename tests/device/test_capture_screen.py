"""The application on its screen: runs tests/device/screen/screen_app.py in the unix firmware, each
test by name, and watches on the emulated Cortex-M7 that nothing freezes it."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import m7
import pytest

DEVICE = Path(__file__).parent
SCREEN = DEVICE / "screen"
SCRIPT = SCREEN / "screen_app.py"
NAMES = re.findall(r"^def (test_\w+)\(", SCRIPT.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def ran(run_device, tmp_path_factory):
    """The finished process; the script runs once."""

    @functools.cache
    def once() -> subprocess.CompletedProcess[str]:
        return run_device(SCRIPT, tmp_path_factory.mktemp("screen"), heap="64M")

    return once


@pytest.mark.parametrize("name", NAMES, ids=[name[5:] for name in NAMES])
def test_screen(ran, name: str) -> None:
    process = ran()
    if f"ok {name}" not in process.stdout.splitlines():
        pytest.fail(process.stdout + process.stderr)


# At one instruction a cycle and 400 MHz; an emulator has no milliseconds.
INSTRUCTIONS_PER_MS = 400_000


def paces(script: str, *helpers: Path) -> dict[str, int]:
    """Instructions that a script tells on the emulated Cortex-M7, by name: its `pace` lines."""
    most: dict[str, int] = {}

    def on_line(line: str) -> None:
        word, *rest = line.split()
        if word == "pace":
            most[rest[0]] = int(rest[1])

    with m7.started(counted=True) as target:
        for helper in helpers:
            target.put(helper, helper.name)
        error = target.execute((SCREEN / script).read_text(), "pace", on_line)
    assert not error, error
    print({name: f"{count / INSTRUCTIONS_PER_MS:.1f} ms" for name, count in most.items()})
    return most


@pytest.mark.slow
def test_training_never_freezes_the_screen_for_more_than_100_ms_of_emulated_time() -> None:
    most = paces("screen_pace.py", SCREEN / "user.py", DEVICE / "uff_checks.py")
    assert most["training"] <= 100 * INSTRUCTIONS_PER_MS, most
    assert most["learning"] <= 100 * INSTRUCTIONS_PER_MS, most
    # A stroke follows the finger: a report takes less than the controller's 10 ms.
    assert most["report"] <= 5 * INSTRUCTIONS_PER_MS, most
    # Nor does a prediction hold reports up: no slice of it is much longer than a scan.
    assert most["prediction"] <= 15 * INSTRUCTIONS_PER_MS, most


@pytest.mark.slow
def test_touches_by_chance_never_freeze_the_screen_for_more_than_100_ms_of_emulated_time() -> None:
    most = paces("monkey_pace.py", DEVICE / "monkey.py", DEVICE / "uff_checks.py")
    assert len(most) >= 5, most  # it has been on nearly every page
    assert max(most.values()) <= 100 * INSTRUCTIONS_PER_MS, most


@pytest.mark.slow
def test_the_50th_drawing_with_15_copies_is_learned_within_60_million_instructions() -> None:
    counted: dict[tuple[str, str], int] = {}

    def on_line(line: str) -> None:
        word, *rest = line.split()
        if word in ("pace", "most"):
            counted[word, rest[0]] = int(rest[1])
        elif word in ("copies", "rows"):
            counted[word, ""] = int(rest[0])

    with m7.started(counted=True) as target:
        target.put(DEVICE / "uff_checks.py", "uff_checks.py")
        error = target.execute((SCREEN / "learn_pace.py").read_text(), "pace", on_line)
    assert not error, error
    print(counted)
    assert (counted["copies", ""], counted["rows", ""]) == (15, 50 * 16)
    assert counted["pace", "learn"] <= 60_000_000, counted
    for stage in ("learn", "check", "save"):  # no slice freezes the screen
        assert counted["most", stage] <= 100 * INSTRUCTIONS_PER_MS, counted
