"""The library of device/ in the unix firmware: runs tests/device/uff_*.py, each test by name."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest

SCRIPTS = sorted(Path(__file__).parent.glob("uff_*.py"))
HEAP = "15M"  # of an emulated board
APPLICATION = ("uff_recogniser", "uff_transfer")
HEAPS = dict.fromkeys(APPLICATION, "64M")  # two applications at once


def names_in(script: Path) -> list[str]:
    return re.findall(r"^def (test_\w+)\(", script.read_text(), re.MULTILINE)


CASES = [
    pytest.param(
        script,
        name,
        id=f"{script.stem[4:]}-{name[5:]}",
        marks=[pytest.mark.slow] if script.stem in APPLICATION else [],
    )
    for script in SCRIPTS
    for name in names_in(script)
]


@pytest.fixture(scope="module")
def outcome(run_device, tmp_path_factory):
    """outcome(script): the finished process and the files it left; each script runs once."""

    @functools.cache
    def once(script: Path) -> tuple[subprocess.CompletedProcess[str], list[Path]]:
        folder = tmp_path_factory.mktemp(script.stem)
        ran = run_device(script, folder, heap=HEAPS.get(script.stem, HEAP))
        return ran, list(folder.iterdir())

    return once


@pytest.mark.parametrize(("script", "name"), CASES)
def test_device(outcome, script: Path, name: str) -> None:
    ran, _ = outcome(script)
    lines = ran.stdout.splitlines()
    if f"ok {name}" in lines:
        return
    for line in lines:
        if line.startswith(f"SKIP {name} "):
            pytest.skip(line.removeprefix(f"SKIP {name} "))
    pytest.fail(f"{script.name}: {name}\n{_part(lines, name)}\n{ran.stderr[-2000:]}")


def _part(lines: list[str], name: str) -> str:
    """What the script printed about one failed test, or all where it did not come that far."""
    if f"FAIL {name}" not in lines:
        return "\n".join(lines)
    start = lines.index(f"FAIL {name}")
    end = next(
        (
            i
            for i in range(start + 1, len(lines))
            if lines[i].startswith(("ok ", "FAIL ", "SKIP "))
        ),
        len(lines),
    )
    return "\n".join(lines[start:end])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_ends_well_and_leaves_no_file(outcome, script: Path) -> None:
    # A script that stops half way fails here, whatever its tests printed.
    ran, files = outcome(script)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert files == []
