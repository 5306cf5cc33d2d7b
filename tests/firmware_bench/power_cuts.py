"""Takes the power away in every program and erasure of the flash while the image of the
STM32H747I-DISCO is taught and trains, and counts what was lost.

    .venv/bin/python tests/firmware_bench/power_cuts.py firmware.elf
    .venv/bin/python tests/firmware_bench/power_cuts.py firmware.elf --every 10

A program on the board's flash keeps drawings one after the other, trains in their midst and at the
end, and keeps the model. The power goes in the so-manieth write, with half-done bytes, and is back
at once; the board starts and the program goes on from what it finds. Exit status 1 where anything
was lost: a drawing that was accepted, its content, a model, the end of the program, or a byte of
the files that it comes to without a cut.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from uff_host import patience
from uff_host.targets.firmware import bench_program

LISTENS = "\r" * 300  # a start takes what came before its REPL listens
DRAWINGS = 8
WHAT = (
    "the power fails in a program or erasure of the flash: the board's image keeps drawings and "
    "trains"
)

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
    """What one run of the bench came to."""

    told: list[list[str]]  # lines of PROGRAM, by words
    printed: str
    said: str  # by the bench: violations and figures

    @property
    def end(self) -> list[str]:
        """The files at the end."""
        return self.told[-1][1:] if self.told and self.told[-1][0] == "end" else []

    @property
    def writes(self) -> int:
        """Programs and erasures of the flash."""
        found = re.search(r"^flash: (\d+) writes$", self.said, re.MULTILINE)
        if not found:
            raise ValueError(f"the bench does not say how often it wrote: {self.said}")
        return int(found[1])


def power_on(image: Path, folder: Path, typed: str, *options: str) -> Run:
    """One power-on of what lies in the folder as the board's flash."""
    lines = folder / "typed"
    lines.write_text(LISTENS + "\r" + typed, newline="")
    with lines.open() as line:
        command = [str(bench_program()), "--report", "--flash", str(folder / "flash")]
        done = patience.run([*command, *options, str(image)], 600, stdin=line)
    if done.returncode:
        raise subprocess.CalledProcessError(
            done.returncode, command, output=done.stdout, stderr=done.stderr
        )
    told = re.findall(r"^((?:found|kept|learnt|end) .*?)\r?$", done.stdout, re.MULTILINE)
    return Run([line.split(None, 2) for line in told], done.stdout, done.stderr)


def prepare(image: Path, folder: Path) -> None:
    """A flash whose main.py is PROGRAM."""
    words = f"f = open('main.py', 'w'); f.write({PROGRAM!r}); f.close()\rprint('end', 1)\r"
    if power_on(image, folder, words).end != ["1"]:
        raise ValueError("the program cannot be written to the board's flash")


def lost(run: Run, whole: Run) -> str:
    """What a run with a cut has lost against one without; "": nothing."""
    starts = [i for i, words in enumerate(run.told) if words[0] == "found"]
    if "power: lost" not in run.said:
        return "the power did not fail"
    if not starts or not run.end:
        return f"it does not come to its end: {run.printed[-500:]}"
    before = [words for words in run.told[: starts[-1]] if words[0] == "kept"]
    accepted = int(before[-1][1]) if before else 0
    found = run.told[starts[-1]]
    if not accepted <= int(found[1]) <= accepted + 1:
        return f"{accepted} drawings were accepted, {found[1]} are found"
    if found[2] != "[] 0":
        return f"found: {found[2]}"
    if run.end != whole.end:
        return f"its files are others: {run.end}"
    if not run.said.endswith("violations: 0\n"):
        return f"it broke a rule: {run.said}"
    return ""


def campaign(
    image: Path, folder: Path, *, every: int = 0, places: int = 0, processes: int = 1
) -> Iterator[tuple[int, str]]:
    """Cuts in every so-manieth write, or in so many of them: which one, and what it has lost."""
    ready = folder / "ready"
    ready.mkdir()
    prepare(image, ready)

    def attempt(write: int) -> Run:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            subprocess.run(["cp", "--sparse=always", ready / "flash", own], check=True)
            return power_on(image, Path(own), "", *(["--cut", str(write)] if write else []))

    whole = attempt(0)
    if not whole.end:
        raise ValueError(f"the program does not come to its end: {whole.printed[-500:]}")
    step = every or max(1, whole.writes // places)
    with ThreadPoolExecutor(processes) as pool:
        cuts = range(1, whole.writes + 1, step)
        for write, run in zip(cuts, pool.map(attempt, cuts), strict=True):
            yield write, lost(run, whole)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("image", type=Path, help="firmware.elf, built with UART_REPL=1")
    parser.add_argument("--every", type=int, default=1, help="cut in every so-manieth write")
    parser.add_argument("--processes", type=int, default=patience.processors())
    asked = parser.parse_args()
    if asked.every < 1 or asked.processes < 1:
        parser.error("want 1 or more")
    if not shutil.which("cp"):
        parser.error("want cp of GNU coreutils")
    tried = failed = 0
    with tempfile.TemporaryDirectory(prefix="uff-cuts-") as name:
        for write, what in campaign(
            asked.image, Path(name), every=asked.every, processes=asked.processes
        ):
            tried += 1
            if what:
                failed += 1
                print(f"write {write}: {what}", file=sys.stderr, flush=True)
            if tried % 10 == 0:
                print(f"{tried} cuts, {failed} lost", file=sys.stderr, flush=True)
    print("| fault | tried | lost |\n| --- | ---: | ---: |")
    print(f"| {WHAT} | {tried:,} | {failed:,} |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
