"""Takes the power away in every program and erasure of the flash while the image of the
STM32H747I-DISCO is taught and trains, and counts what was lost.

    .venv/bin/python tests/firmware_bench/power_cuts.py firmware.elf
    .venv/bin/python tests/firmware_bench/power_cuts.py firmware.elf --every 16

A program on the board's flash keeps drawings one after the other, trains in their midst and at the
end, and keeps the model. The power goes in the so-manieth write, with half-done bytes; the board
starts and the program goes on from what it finds. Exit status 1 where anything was lost: a drawing
that was accepted, its content, a model, the end of the program, or a byte of the files that it
comes to without a cut.

The image runs once without a cut, and the bench writes down each write and what a cut in it would
leave. From that the flash after each cut is rebuilt, and the unix port goes on with it: it has the
same littlefs and the same program. In every so-manieth write the power is taken from the image
itself: the flash must be what was rebuilt, byte for byte, and the image goes on itself.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from uff_host import patience
from uff_host.targets.firmware import bench_program

HERE = Path(__file__).resolve().parent
DEVICE = HERE.parents[1] / "device"
UNIX = HERE.parents[1] / "firmware_build/build/unix/micropython"
DRAWINGS = 8
BLOCK = 4096
BLOCKS = 4096  # that a file system of the board has: 16 MB of the first die
WHAT = (
    "the power fails in a program or erasure of the flash: the board's image keeps drawings and "
    "trains"
)
WHAT_UNIX = WHAT + "; the unix port goes on"
WHAT_IMAGE = WHAT + "; it goes on itself"

# Says what it finds, each drawing that is accepted, and its files at the end.
PROGRAM = f"""
from hashlib import sha256
from uff import Classifier, Dataset, files
from uff.model import load
def drawing(i):
    return bytes((j * (i + 3) * 5 >> 3) & 255 for j in range(784))
def train():
    one = Classifier(network="uff2", hidden=8)
    one.fit(data)
    one.save("m.uffm")
if files.exists("m.uffm"):
    load("m.uffm")
data = Dataset.open("d.uffs") if files.exists("d.uffs") else Dataset.create(
    "d.uffs", 28, 28, ["a", "b"])
wrong = [i for i in range(len(data)) if bytes(data[i]) != drawing(i) or data.labels[i] != i % 2]
print("found", len(data), wrong, data.damaged)
for i in range(len(data), {DRAWINGS}):
    data.append(drawing(i), i % 2)
    print("kept", i + 1)
    if i == {DRAWINGS // 2}:
        train()
        print("learnt", i + 1)
train()
print("end", *(sha256(open(name, "rb").read()).digest().hex() for name in ("d.uffs", "m.uffm")))
"""


class Run(NamedTuple):
    """What one run of the program came to, on the board or elsewhere."""

    lines: list[list[str]]  # lines of PROGRAM, by words
    printed: str
    reports: str  # of the bench: violations and figures

    @property
    def end(self) -> list[str]:
        """The files at the end."""
        return self.lines[-1][1:] if self.lines and self.lines[-1][0] == "end" else []

    @property
    def accepted(self) -> int:
        """Drawings, as far as it printed."""
        return max((int(words[1]) for words in self.lines if words[0] == "kept"), default=0)


def run_of(printed: str, reports: str) -> Run:
    lines = re.findall(r"^((?:found|kept|learnt|end) .*?)\r?$", printed, re.MULTILINE)
    return Run([line.split(None, 2) for line in lines], printed, reports)


def power_on(image: Path, folder: Path, typed: str, *options: str) -> Run:
    """One power-on of what lies in the folder as the board's flash."""
    lines, printed = folder / "typed", folder / "printed"
    lines.write_text(typed, newline="")
    with lines.open() as line, printed.open("w") as paper:
        command = [str(bench_program()), "--report", "--flash", str(folder / "flash")]
        done = patience.run([*command, *options, str(image)], 600, stdin=line, stdout=paper)
    done.stdout = printed.read_bytes().decode("latin-1")  # a character for each byte
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, command, output=done.stdout, stderr=done.stderr
        )
    return run_of(done.stdout, done.stderr)


def prepare(image: Path, folder: Path) -> None:
    """A flash whose main.py is PROGRAM."""
    words = f"f = open('main.py', 'w'); f.write({PROGRAM!r}); f.close()\rprint('end', 1)\r"
    if power_on(image, folder, words).end != ["1"]:
        raise ValueError("the program cannot be written to the board's flash")


# ---- what the bench wrote down ----


class Write(NamedTuple):
    """A program or erasure of the flash. Bytes are inverted, as in the flash's file."""

    number: int
    printed: int  # bytes on the serial line before
    address: int
    whole: bytes  # what it leaves
    torn: bytes  # what a power cut in it leaves


Flash = dict[int, bytes]  # blocks by their number, inverted; the others are erased


def read_writes(path: Path) -> list[Write]:
    head = struct.Struct("<QQIIII")
    data, at, writes = path.read_bytes(), 0, []
    while at < len(data):
        number, printed, die, address, count, _ = head.unpack_from(data, at)
        if die != 0 or address + count > BLOCKS * BLOCK:
            raise ValueError(f"write {number} is outside the file system")
        at += head.size
        writes.append(
            Write(
                number, printed, address, data[at : at + count], data[at + count : at + 2 * count]
            )
        )
        at += 2 * count
    return writes


def read_flash(path: Path) -> Flash:
    with path.open("rb") as file:
        blocks = ((number, file.read(BLOCK)) for number in range(BLOCKS))
        return {number: block for number, block in blocks if any(block)}


def written(flash: Flash, address: int, data: bytes) -> Flash:
    """The flash with that in it."""
    number, offset = divmod(address, BLOCK)
    if offset + len(data) > BLOCK:
        raise ValueError(f"a write at 0x{address:x} goes over the end of its block")
    block = flash.get(number, bytes(BLOCK))
    block = block[:offset] + data + block[offset + len(data) :]
    others = {other: kept for other, kept in flash.items() if other != number}
    return {**others, number: block} if any(block) else others


_INVERTED = bytes(255 - byte for byte in range(256))


def go_on_in_unix(flash: Flash, before: str, micropython: Path, folder: Path) -> Run:
    """The unix port mounts it and runs its main.py. before: what the board had printed."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for number, block in flash.items():
            file.write(struct.pack("<I", number) + block.translate(_INVERTED))
        file.flush()
        environment = {**os.environ, "MICROPYPATH": f"{DEVICE}:.frozen"}
        command = [str(micropython), str(HERE / "after_cut.py"), file.name]
        done = patience.run(command, 120, env=environment)
    if done.returncode:
        return run_of(before + done.stdout + done.stderr, "")
    return run_of(before + done.stdout, "")


# ---- what is lost ----


def lost(run: Run, accepted: int, whole: Run) -> str:
    """What a run behind a cut has lost against one without; "": nothing."""
    starts = [words for words in run.lines if words[0] == "found"]
    if not starts or not run.end:
        return f"it does not come to its end: {run.printed[-500:]}"
    found = starts[-1]
    if not accepted <= int(found[1]) <= accepted + 1:
        return f"{accepted} drawings were accepted, {found[1]} are found"
    if found[2] != "[] 0":
        return f"found: {found[2]}"
    if run.end != whole.end:
        return f"its files are others: {run.end}"
    return ""


class Campaign:
    """Cuts in the writes of one run of an image.

    Args:
        image: firmware.elf, built with UART_REPL=1.
        folder: An empty one.
        micropython: The unix port.
        seed: Of the half-done bytes, from 1 on.
    """

    def __init__(
        self, image: Path, folder: Path, *, micropython: Path = UNIX, seed: int = 1
    ) -> None:
        self.image, self.folder, self.micropython = image, folder, micropython
        self._seed = ["--seed", str(seed)]
        self.ready = folder / "ready"
        self.ready.mkdir()
        prepare(image, self.ready)
        before = read_flash(self.ready / "flash")
        log = folder / "writes"
        with tempfile.TemporaryDirectory(dir=folder) as own:
            self._copy(Path(own))
            self.whole = power_on(image, Path(own), "", "--writes", str(log), *self._seed)
        if not self.whole.end:
            raise ValueError(f"the program does not come to its end: {self.whole.printed[-500:]}")
        self.writes = read_writes(log)
        self.after: list[Flash] = []  # what a cut in each leaves
        for write in self.writes:
            self.after.append(written(before, write.address, write.torn))
            before = written(before, write.address, write.whole)

    def _copy(self, folder: Path) -> None:
        subprocess.run(["cp", "--sparse=always", self.ready / "flash", folder], check=True)

    def cut_in_unix(self, index: int) -> str:
        """What is lost when power fails in that write and the unix port goes on."""
        write = self.writes[index]
        before = self.whole.printed[: write.printed]
        run = go_on_in_unix(self.after[index], before, self.micropython, self.folder)
        return lost(run, run_of(before, "").accepted, self.whole)

    def cut_in_image(self, index: int) -> str:
        """What is lost when power fails in that write and the image itself goes on; first, in what
        its flash differs from what was rebuilt."""
        write = self.writes[index]
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            own = Path(name)
            self._copy(own)
            cut = power_on(self.image, own, "", "--cut", str(write.number), *self._seed)
            if "power: lost" not in cut.reports:
                return "the power did not fail"
            if read_flash(own / "flash") != self.after[index]:
                return "the flash is not what was rebuilt"
            run = power_on(self.image, own, "")
        for one in (cut, run):
            if not one.reports.endswith("violations: 0\n"):
                return f"it broke a rule: {one.reports}"
        return lost(run, cut.accepted, self.whole)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("image", type=Path, help="firmware.elf, built with UART_REPL=1")
    parser.add_argument(
        "--every", type=int, default=50, help="the image itself goes on from every so-manieth cut"
    )
    parser.add_argument("--seeds", type=int, default=1, help="so many kinds of half-done bytes")
    parser.add_argument("--processes", type=int, default=patience.processors())
    asked = parser.parse_args()
    if min(asked.every, asked.seeds, asked.processes) < 1:
        parser.error("want 1 or more")
    if not shutil.which("cp"):
        parser.error("want cp of GNU coreutils")
    if not UNIX.is_file():
        parser.error(f"there is no {UNIX}: make unix")
    tried, failed = [0, 0], [0, 0]
    with (
        tempfile.TemporaryDirectory(prefix="uff-cuts-") as name,
        ThreadPoolExecutor(asked.processes) as pool,
    ):
        for seed in range(1, asked.seeds + 1):
            folder = Path(name) / str(seed)
            folder.mkdir()
            campaign = Campaign(asked.image, folder, seed=seed)
            image = range(seed - 1, len(campaign.writes), asked.every * asked.seeds)
            for i, (places, attempt) in enumerate(
                (
                    (range(len(campaign.writes)), campaign.cut_in_unix),
                    (image, campaign.cut_in_image),
                )
            ):
                tried[i] += len(places)
                for place, loss in zip(places, pool.map(attempt, places), strict=True):
                    if loss:
                        failed[i] += 1
                        number = campaign.writes[place].number
                        print(f"seed {seed}, write {number}: {loss}", file=sys.stderr, flush=True)
            print(f"seed {seed}: {tried} cuts, {failed} lost", file=sys.stderr, flush=True)
    print("| fault | tried | lost |\n| --- | ---: | ---: |")
    for i, what in enumerate((WHAT_UNIX, WHAT_IMAGE)):
        print(f"| {what} | {tried[i]:,} | {failed[i]:,} |")
    return 1 if any(failed) else 0


if __name__ == "__main__":
    sys.exit(main())
