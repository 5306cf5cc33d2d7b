"""What the tests of the emulated Cortex-M7 share: the image, and emulators that never outlive a
test."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uff_host import patience
from uff_host.formats.samples import Samples, write_samples
from uff_host.patience import Patience
from uff_host.targets.emulator import dying_with_parent
from uff_host.targets.qemu import QEMU, QemuTarget, m7_firmware, qemu_command

TOP = Path(__file__).resolve().parents[2]
SILENCE_S = 60.0  # of every emulator, as uff_host/patience.py counts


def firmware() -> Path:
    """The image that `make m7` builds; skips the test, saying what is missing by name."""
    missing = [tool for tool in (QEMU,) if not shutil.which(tool)]
    path = m7_firmware()
    if not path.is_file() and not shutil.which("arm-none-eabi-gcc"):
        missing.append("arm-none-eabi-gcc")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (make m7 installs them)")
    if not path.is_file():
        pytest.fail(f"{path}: no firmware; build it with `make m7`")
    return path


@contextlib.contextmanager
def started(image: Path | None = None, **options: Any) -> Iterator[QemuTarget]:
    """An emulator as a target, killed at the end."""
    with QemuTarget(image or firmware(), **{"silence_s": SILENCE_S, **options}) as target:
        yield target


# Left to `make test-long` on an emulator: what says nothing of the machine (exhaustive trials of
# files, plans that are computed alone, forms of one network after the other), by script. The whole
# scripts run on unix.
LONG: dict[str, tuple[str, ...]] = {
    "uff_layers": ("test_memory_is_what_the_plan_says",),
    "uff_plan": ("test_memory_of_each_form_is_what_the_plan_says",),
    "uff_merge": (
        "test_every_flipped_bit_of_statistics_alone_is_refused_and_nonsense_with_a_sound_crc",
    ),
    "uff_model": ("test_every_flipped_bit_is_refused",),
    "uff_power": ("test_saves_cut_one_after_another_always_leave_a_model",),
    "uff_samples": ("test_any_flipped_bit_is_refused_or_costs_one_record",),
}


def tests_of(script: Path) -> list[str]:
    """The names of the tests of a device script; none where it is no script of tests."""
    text = script.read_text()
    return re.findall(r"^def (test_\w+)\(", text, re.MULTILINE) if "run(globals())" in text else []


def short(script: Path) -> list[str]:
    """The tests of a device script that an emulator runs in `make test`."""
    names, long = tests_of(script), LONG.get(script.stem, ())
    assert set(long) <= set(names), (script, long)
    return [name for name in names if name not in long]


def each_script(scripts: list[Path]) -> pytest.MarkDecorator:
    """Parametrizes `script` and `names`, the tests of it that run: in `make test` those of
    short(), and once more all where these are fewer."""
    found = []
    for script in scripts:
        few = short(script)
        found.append(pytest.param(script, few, id=script.stem))
        if script.stem in LONG:
            all_names, id = tests_of(script), f"{script.stem}-all"
            found.append(pytest.param(script, all_names, id=id, marks=pytest.mark.long))
    return pytest.mark.parametrize(("script", "names"), found)


def output_of(target: QemuTarget, script: Path, names: list[str]) -> list[str]:
    """The lines of a device script, run with these of its tests, none of which failed and none of
    which is missing."""
    lines: list[str] = []
    # In its first line, so that the script has the line numbers of its file but for one.
    only = f"import sys; sys.argv[:] = {['', *names]}\n"
    error = target.execute(only + script.read_text(), script.name, lines.append)
    assert not error, "\n".join([*lines, error])
    if names:
        judged = [line for line in lines if line.startswith(("ok ", "SKIP ", "FAIL "))]
        assert [line for line in judged if line.startswith("FAIL")] == [], "\n".join(lines)
        assert [line.split()[1] for line in judged] == sorted(names), "\n".join(lines)
    return lines


def kill(target: QemuTarget) -> None:
    """A power cut."""
    os.kill(target.process_id, signal.SIGKILL)


@contextlib.contextmanager
def held(command: list[str] | None = None, image: Path | None = None) -> Iterator[str]:
    """The pty of an emulator that nobody talks to yet; its disk is RAM."""
    command = command or [*qemu_command(image or firmware(), False, []), "-serial", "pty"]
    process = subprocess.Popen(
        dying_with_parent(command),
        cwd=TOP,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        output, waiting = b"", Patience(60, process.pid)
        while not (found := re.search(rb"(/dev/pts/\d+)\b", output)):
            assert not waiting.over, output
            if not select.select([process.stdout], [], [], 0.1)[0]:
                continue
            data = os.read(process.stdout.fileno(), 4096)
            assert data, output
            output += data
        yield found[1].decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def squares(path: Path, each: int = 20, classes: int = 3, side: int = 12) -> Path:
    """A small samples file: noise, with a brighter stripe for each class."""
    chance = np.random.default_rng(5)
    labels = np.tile(np.arange(classes, dtype=np.uint8), each)
    images = chance.integers(0, 120, (len(labels), side, side), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 + 3 * label : 4 + 3 * label, 2:-2] += chance.integers(40, 130, dtype=np.uint8)
    write_samples(path, Samples([f"stripe {c}" for c in range(classes)], images, labels))
    return path


HOLD = """
import time
from uff import job
class Progress(job.Progress):
    def __init__(self):
        super().__init__(0)
    def __call__(self, stage, done):
        super().__call__(stage, done)
        while done >= {done}:
            time.sleep(1)
job.Progress = Progress
"""


def holding(folder: Path, done: float) -> Path:
    """A folder of scripts: a train.py that comes so far, says so, and goes no further, however
    long the host takes to act."""
    folder = folder / "scripts"
    folder.mkdir()
    text = (TOP / "device" / "scripts" / "train.py").read_text()
    (folder / "train.py").write_text(HOLD.format(done=done) + text)
    return folder


def at_progress(done: float, act: Callable[[], None]) -> Callable[[Any], None]:
    """An OnProgress that acts once, when so much is done."""
    acted: list[bool] = []

    def on_progress(step: Any) -> None:
        if step.done >= done and not acted:
            acted.append(True)
            act()

    return on_progress


def mpremote(port: str, *arguments: Any, cwd: Path | None = None, status: int = 0) -> str:
    """What stock mpremote prints, connected to this port; it must end with this exit status."""
    command = [sys.executable, "-m", "mpremote", "connect", port, *map(str, arguments)]
    ran = patience.run(command, 60, cwd=cwd)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran.stdout
