"""The image of the STM32H747I-DISCO in trouble: clocks that fail, flashes with strange contents,
power that is lost, programs of its user.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
from pathlib import Path

import numpy as np
import pytest
from firmware_bench import power_cuts
from firmware_bench.bench_board import BenchBoard
from firmware_bench.image import TOP, build, needs_image, power_on
from PIL import Image

from uff_host import patience
from uff_host.cli import main
from uff_host.targets.firmware import FirmwareTarget, bench_program

pytestmark = [pytest.mark.slow]

LIFE = "print('al' + 'ive')"
# Typed before a reset of the processor: what its UART's buffer of 260 bytes holds is gone with it.
LISTENS = "\r" * 300
FIRST_START = "/flash holds no file system: one is made."


def lines_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the board printed, without prompts and what it echoes."""
    assert done.returncode == 0, done.stderr
    lines = (line.strip() for line in done.stdout.splitlines())
    return [line for line in lines if line and not line.startswith((">>>", "..."))]


def broke_no_rule(done: subprocess.CompletedProcess[str]) -> bool:
    return done.stderr.endswith("violations: 0\n")


# ---- clocks and supply ----


@needs_image
@pytest.mark.parametrize(
    "fault",
    ["no-lse", "late-pll", "late-supply", "late-scaling", "old-silicon", "floating-high"],
)
def test_what_is_late_or_not_needed_does_not_matter(
    image: Path, tmp_path: Path, fault: str
) -> None:
    done = power_on(image, tmp_path, [LIFE], "--fault", fault)
    assert "alive" in lines_of(done)
    assert broke_no_rule(done), done.stderr


@needs_image
@pytest.mark.parametrize(
    ("options", "clock_hz"), [([], 480_000_000), (["--fault", "old-silicon"], 400_000_000)]
)
def test_an_image_for_480_mhz_runs_at_what_the_silicon_can(
    tmp_path: Path, options: list[str], clock_hz: int
) -> None:
    words = "import machine; print('clock', machine.freq()[0])"
    done = power_on(build("CORE_MHZ=480"), tmp_path, [words, LIFE], *options)
    assert f"clock {clock_hz}" in lines_of(done)
    assert "alive" in lines_of(done)
    assert broke_no_rule(done), done.stderr


@needs_image
@pytest.mark.parametrize(
    "fault",
    ["no-hse", "no-pll1", "no-pll2", "no-pll3", "no-switch", "no-supply", "no-scaling"],
)
def test_a_clock_or_supply_that_fails_is_shown_by_the_lights(image: Path, fault: str) -> None:
    """All four, then in turn. No REPL is possible; upstream alone would wait in the dark."""
    seen = set()
    with BenchBoard(image, "--fault", fault) as board:
        board.hardware.on_leds = lambda: seen.add(tuple(board.hardware.leds))
        board.until(lambda: (True,) * 4 in seen and len(seen) >= 8, "the lights")
        assert board.output == ""
    assert board.violations == []


# ---- what the flash holds at a start ----

FLASH_BYTES = 16 << 20  # of the first die, what the firmware uses
BLOCK = 4096


def overwrite(flash: Path, at: int, content: bytes) -> None:
    """Change a flash's file, in which the bits are inverted."""
    with flash.open("r+b") as file:
        file.seek(at)
        file.write(bytes(byte ^ 0xFF for byte in content))


def look(flash: Path, at: int, size: int) -> bytes:
    with flash.open("rb") as file:
        file.seek(at)
        return bytes(byte ^ 0xFF for byte in file.read(size))


@pytest.fixture(scope="module")
def used(image: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the bench keeps of a flash with a littlefs and a file in it."""
    folder = tmp_path_factory.mktemp("used")
    flash = folder / "flash"
    done = power_on(
        image,
        folder,
        ["f = open('kept', 'w'); f.write('x' * 5000); f.close()", LIFE],
        "--flash",
        str(flash),
    )
    assert FIRST_START in lines_of(done)
    assert "alive" in lines_of(done)
    with flash.open("rb") as file:
        return file.read(FLASH_BYTES)


@pytest.fixture
def flash(image: Path, used: bytes, tmp_path: Path) -> Path:
    """Such a flash, to be spoilt."""
    path = tmp_path / "flash"
    power_on(image, tmp_path, [], "--seconds", "0.0001", "--flash", str(path))  # the file's frame
    with path.open("r+b") as file:
        file.write(used)
    return path


KEPT = ["import os", "print(os.listdir(), len(open('kept').read()))"]


@needs_image
@pytest.mark.parametrize("options", [[], ["--demo"], ["--fault", "slow-flash"]])
def test_a_start_finds_what_was_written(
    image: Path, flash: Path, tmp_path: Path, options: list[str]
) -> None:
    """Also where ST's demo ran until the reset, and left the flash in its own protocol."""
    done = power_on(image, tmp_path, KEPT, "--flash", str(flash), *options)
    assert lines_of(done)[-1] == "['kept'] 5000"
    assert broke_no_rule(done), done.stderr


@needs_image
def test_pictures_of_the_factory_give_way_to_a_file_system(image: Path, tmp_path: Path) -> None:
    """ST's demo keeps its pictures in the flash: bytes that are no file system."""
    flash = tmp_path / "flash"
    power_on(image, tmp_path, [], "--seconds", "0.0001", "--flash", str(flash))
    pictures = np.random.default_rng(13).integers(0, 256, 2 << 20, np.uint8)
    overwrite(flash, 0, pictures.tobytes())
    first = power_on(
        image,
        tmp_path,
        ["f = open('kept', 'w'); f.write('new'); f.close()"],
        "--flash",
        str(flash),
    )
    assert FIRST_START in lines_of(first)
    second = power_on(image, tmp_path, KEPT, "--flash", str(flash))
    assert FIRST_START not in lines_of(second)
    assert lines_of(second)[-1] == "['kept'] 3"
    assert broke_no_rule(second), second.stderr


# The partition that upstream's firmware formats at its first start.
PARTITION = """
class Partition:
    def __init__(self):
        self.flash = pyb.Flash()
    def readblocks(self, number, buffer):
        return self.flash.readblocks(number + 256, buffer)
    def writeblocks(self, number, buffer):
        return self.flash.writeblocks(number + 256, buffer)
    def ioctl(self, op, arg):
        return self.flash.ioctl(op, arg) - (256 if op == 4 else 0)
"""


@needs_image
def test_a_fat_is_kept_and_said(image: Path, flash: Path, tmp_path: Path) -> None:
    make = [
        "import vfs, pyb, os",
        f"exec({PARTITION!r})",
        "vfs.umount('/flash'); vfs.VfsFat.mkfs(Partition())",
        "vfs.mount(vfs.VfsFat(pyb.Flash()), '/flash'); os.chdir('/flash')",
        "f = open('kept', 'w'); f.write('fat'); f.close(); os.sync()",
    ]
    power_on(image, tmp_path, make, "--flash", str(flash))
    done = power_on(image, tmp_path, KEPT, "--flash", str(flash))
    assert any(line.startswith("/flash is a FAT: it may lose files") for line in lines_of(done))
    assert lines_of(done)[-1] == "['kept'] 3"


@needs_image
def test_a_damaged_littlefs_is_reported_and_left_alone(
    image: Path, flash: Path, tmp_path: Path
) -> None:
    """Both superblocks keep their name, and their checksums are wrong."""
    for block in (0, 1):
        overwrite(flash, block * BLOCK + 40, bytes(200))
    before = look(flash, 0, FLASH_BYTES)
    done = power_on(image, tmp_path, [LIFE], "--flash", str(flash))
    assert any(
        "/flash cannot be mounted: its littlefs is damaged." in line for line in lines_of(done)
    )
    assert lines_of(done)[-1] == "alive"
    assert look(flash, 0, FLASH_BYTES) == before


@needs_image
def test_the_board_behind_the_page_keeps_its_flash(image: Path, tmp_path: Path) -> None:
    folder, picture = tmp_path / "board", tmp_path / "screen.png"
    words = ["board", "--firmware", image, "--folder", folder, "--screenshot", picture]
    assert main.main([str(word) for word in words]) == 0
    with Image.open(picture) as shown:
        assert shown.size == (800, 480)
    assert b"littlefs" in look(folder / "flash", 0, 2 * BLOCK)
    done = power_on(image, tmp_path, [LIFE], "--flash", str(folder / "flash"))
    assert FIRST_START not in lines_of(done)


# ---- power ----


@pytest.fixture(scope="module")
def cuts(
    image: Path, micropython: Path, tmp_path_factory: pytest.TempPathFactory
) -> power_cuts.Campaign:
    return power_cuts.Campaign(image, tmp_path_factory.mktemp("cuts"), micropython=micropython)


@needs_image
def test_power_that_fails_in_any_write_costs_no_accepted_drawing(
    cuts: power_cuts.Campaign,
) -> None:
    """Drawings are kept and learnt one after the other, then it trains; the unix port goes on
    with what a cut has left in the image's flash."""
    assert len(cuts.writes) > 300
    losses = {place: cuts.cut_in_unix(place) for place in range(len(cuts.writes))}
    assert not any(losses.values()), losses


@needs_image
def test_the_image_goes_on_itself_from_the_flash_that_was_rebuilt(
    cuts: power_cuts.Campaign,
) -> None:
    places = [0, len(cuts.writes) // 2, len(cuts.writes) - 1]
    assert [cuts.cut_in_image(place) for place in places] == ["", "", ""]


def spoilt(flash: power_cuts.Flash) -> power_cuts.Flash:
    """The first drawing has lost a pixel, wherever it lies."""
    part = bytes(~(j * 15 >> 3) & 255 for j in range(300, 332))
    found = {number: block.replace(part, part[:-1] + b"\0") for number, block in flash.items()}
    assert found != flash
    return found


@needs_image
def test_a_flash_that_forgets_or_spoils_is_noticed(cuts: power_cuts.Campaign) -> None:
    """Nothing behind its first write; a pixel of a drawing that is another."""
    place = len(cuts.writes) // 2
    printed = cuts.whole.printed[: cuts.writes[place].printed]
    accepted = power_cuts.run_of(printed, "").accepted
    for flash in (cuts.after[0], spoilt(cuts.after[place])):
        run = power_cuts.go_on_in_unix(flash, printed, cuts.micropython, cuts.folder)
        loss = power_cuts.lost(run, accepted, cuts.whole)
        assert loss.startswith(f"{accepted} drawings were accepted, "), loss


@needs_image
def test_a_reset_in_mid_write_leaves_a_whole_file_system(image: Path, tmp_path: Path) -> None:
    """The processor resets itself while a file grows: what was closed is there, and a REPL."""
    done = power_on(
        image,
        tmp_path,
        [
            "import machine, os",
            "with open('whole', 'w') as f: f.write('x' * 5000)\r",
            "f = open('cut', 'w')",
            "f.write('y' * 20000)",
            "machine.reset()",
            LISTENS + "import os",
            "print(len(open('whole').read()), os.stat('cut')[6] <= 20000)",
        ],
    )
    assert done.stdout.count("MicroPython v") == 2, done.stdout
    assert done.stdout.count("no file system") == 1, done.stdout
    assert lines_of(done)[-1] == "5000 True"
    assert broke_no_rule(done), done.stderr


@needs_image
def test_a_reset_in_mid_training_leaves_the_drawings_and_the_network(
    image: Path, tmp_path: Path
) -> None:
    """A training that is cut short leaves no half of a model; the next one ends as it should."""
    flash = tmp_path / "flash"
    make = (
        "from uff import Dataset; d = Dataset.create('train.uffs', 14, 14, ['a', 'b', 'c']); "
        "[d.append(bytes((i * j * 7) & 255 for j in range(196)), i % 3) for i in range(24)]; "
        "print(len(d))"
    )
    train = (
        "import uff, machine; d = uff.Dataset.open('train.uffs'); "
        "c = uff.Classifier(network='uff2', hidden=48); "
    )
    first = power_on(
        image, tmp_path, [make, train + "c.fit(d); c.save('m.uffm')"], "--flash", str(flash)
    )
    whole = re.search(r"Traceback", first.stdout)
    assert whole is None, first.stdout
    soon = "t = machine.Timer(-1, period=150, mode=0, callback=lambda t: machine.reset()); "
    done = power_on(
        image,
        tmp_path,
        [
            "import os; was = open('m.uffm', 'rb').read()",
            train + soon + "c.fit(d); c.save('m.uffm'); print('not cut')",
            LISTENS + "import os; was = open('m.uffm', 'rb').read(); print(os.listdir())",
            train
            + "c.fit(d); c.save('m.uffm'); print(open('m.uffm', 'rb').read() == was, len(d))",
        ],
        "--flash",
        str(flash),
    )
    assert "not cut" not in lines_of(done)
    assert done.stdout.count("MicroPython v") == 2, done.stdout
    assert lines_of(done)[-1] == "True 24"


# ---- the user's own ----


@needs_image
def test_the_user_s_main_runs_and_what_it_raises_ends_in_a_repl(
    image: Path, flash: Path, tmp_path: Path
) -> None:
    program = "print('main', 6 * 7)\nraise ValueError('mine')\n"
    write = [f"f = open('main.py', 'w'); f.write({program!r}); f.close()"]
    power_on(image, tmp_path, write, "--flash", str(flash))
    done = power_on(image, tmp_path, [LIFE], "--flash", str(flash))
    assert "main 42" in lines_of(done)
    assert "ValueError: mine" in lines_of(done)
    assert lines_of(done)[-1] == "alive"


@needs_image
def test_a_main_without_end_gives_way_to_ctrl_c(image: Path, flash: Path, tmp_path: Path) -> None:
    program = "print('begun')\nwhile True:\n    pass\n"
    write = [f"f = open('main.py', 'w'); f.write({program!r}); f.close()"]
    power_on(image, tmp_path, write, "--flash", str(flash))
    command = [str(bench_program()), "--flash", str(flash), str(image)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bench:
        try:
            assert bench.stdin is not None
            assert bench.stdout is not None
            received = b""
            for wanted, answer in ((b"begun", b"\x03"), (b">>> ", LIFE.encode() + b"\r")):
                while wanted not in received:
                    received += one_byte(bench)
                bench.stdin.write(answer)
                bench.stdin.flush()
            while b"alive" not in received:
                received += one_byte(bench)
        finally:
            bench.kill()


def one_byte(bench: subprocess.Popen[bytes]) -> bytes:
    assert bench.stdout is not None
    line = [bench.stdout]
    assert patience.until(lambda: select.select(line, [], [], 0.1)[0], 120, bench.pid)
    byte = os.read(bench.stdout.fileno(), 1)
    assert byte, "the bench has ended"
    return byte


@needs_image
def test_mpremote_copies_runs_and_mounts(image: Path, tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("print('run', 6 * 7)\n")
    (tmp_path / "mine.txt").write_text("from the host")
    with FirmwareTarget(image) as own:
        mpremote = [str(TOP / ".venv/bin/mpremote"), "connect", own.port]
        own._drop()  # mpremote's turn

        def call(*words: str) -> str:
            done = patience.run([*mpremote, *words], 300, cwd=tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        call("cp", "mine.txt", ":mine.txt")
        assert "mine.txt" in call("ls")
        assert call("cat", ":mine.txt") == "from the host"
        assert call("run", "there.py").split() == ["run", "42"]
        mounted = call("mount", ".", "exec", "import os, there; print(open('mine.txt').read())")
        assert "run 42" in mounted
        assert "from the host" in mounted
