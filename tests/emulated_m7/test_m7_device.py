"""The device scripts of tests/device, unchanged, on the emulated Cortex-M7: what they print there
is what they print on unix."""

from __future__ import annotations

import m7
import pytest

from uff_host.targets.qemu import MEMORY_BYTES

SCRIPTS = sorted(
    path
    for path in (m7.TOP / "tests" / "device").glob("*.py")
    if not path.name.startswith("test_")
)
HELPERS = ("uff_checks", "ridge_calls", "touch_bus")
# What other tests give a screen, files or a job.
DRIVEN = (
    "board_draw",
    "campaign",
    "capture_recording",
    "draw_recording",
    "writer_touch",
    "monkey",
)
# Two recognisers at once beside a disk of 8 MB: more than this machine has. test_replay.py and
# test_capture_screen.py run the application on it.
TOO_LARGE = ("uff_recogniser", "uff_transfer")
TOUCH_MODEL = m7.TOP / "host" / "uff_host" / "virtual_board" / "ft6x06_model.py"


@pytest.fixture(scope="module")
def board():
    with m7.started(heap_bytes=MEMORY_BYTES) as target:
        for script in SCRIPTS:  # they import one another
            target.put(script, script.name)
        target.put(TOUCH_MODEL, TOUCH_MODEL.name)
        yield target


@m7.each_script([one for one in SCRIPTS if one.stem not in HELPERS + DRIVEN + TOO_LARGE])
def test_a_device_script_says_on_m7_what_it_says_on_unix(
    script, names, board, run_device, tmp_path
):
    lines = m7.output_of(board, script, names)
    if not names:
        unix = run_device(script, tmp_path)
        assert lines == unix.stdout.splitlines()
