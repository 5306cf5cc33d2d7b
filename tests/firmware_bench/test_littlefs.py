"""littlefs, of the MicroPython that the build fetches, on the strict flash: power fails in each
program and each erasure, and nothing is lost.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from firmware_bench import mutants

from uff_host import patience

HERE = Path(__file__).resolve().parent
FOUND = HERE.parents[1] / "firmware_build/build/found.mk"


def littlefs() -> Path:
    """Its folder in the sources of the firmware for this machine, or of the board's."""
    trees = [os.environ.get("UFF_STM32_MICROPYTHON_DIR", "")]
    if FOUND.exists():
        trees += re.findall(r"^MICROPYTHON = (.+)$", FOUND.read_text(), re.M)
    for tree in filter(None, trees):
        if (Path(tree) / "lib/littlefs/lfs2.c").exists():
            return Path(tree) / "lib/littlefs"
    pytest.skip("no sources of littlefs: make unix fetches them")


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_when_power_fails_in_each_operation(seed: int, tmp_path: Path) -> None:
    theirs = littlefs()
    program = tmp_path / "test_littlefs"
    flags = ["-std=c99", "-O2", "-w", "-DLFS2_NO_ERROR", "-DLFS2_NO_WARN", "-DLFS2_NO_DEBUG"]
    parts = [HERE / "test_littlefs.c", *mutants.sources("quadspi")[1:]]
    parts += [theirs / "lfs2.c", theirs / "lfs2_util.c"]
    command = ["cc", *flags, f"-I{mutants.BENCH}", f"-I{HERE}", f"-I{theirs}", *map(str, parts)]
    subprocess.run([*command, "-o", str(program)], check=True)
    done = patience.run([str(program), str(seed)], 60)
    assert done.returncode == 0, done.stdout + done.stderr
    operations = re.fullmatch(r"(\d+) operations, power failed in each\n", done.stdout)
    assert operations
    assert int(operations[1]) > 100
