"""Breaks everything on purpose and counts what was lost: `make faults`.

Runs tests/device/campaign.py in the firmware unix-faults and prints a table, "fault | how often
tried | lost". Exit status 1 where anything was lost.

    .venv/bin/python tests/campaigns/faults.py --seed 2 --every 10 power_cuts bad_blocks
"""

from __future__ import annotations

import argparse
import os
import re
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]
DEVICE = TESTS.parent / "device"
FIRMWARE = Path(
    os.environ.get(
        "UFF_UNIX_FAULTS", TESTS.parent / "firmware_build/build/unix-faults/micropython"
    )
)
# Of each campaign's places every so manieth: bytecodes of a whole session are millions.
CAMPAIGNS = {
    "allocations": 1,
    "allocations_in_the_application": 20,
    "shortage": 2,
    "shortage_in_the_application": 40,
    "interrupts": 10,
    "interrupts_in_the_application": 2000,
    "image_by_image": 1,
    "power_cuts": 1,
    "bad_blocks": 1,
    "stuck_blocks": 1,
    "little_memory": 1,
    "full_disks": 1,
    "truncations": 4,
    "mutations": 2,
    "two_programs": 1,
    "monkeys": 1,
}
HEAP = {"little_memory": "2M"}
SILENCE = 600  # seconds without a line: it hangs


class Row(NamedTuple):
    """One line of the table."""

    what: str
    tried: int
    lost: int


class Broken(Exception):
    """A campaign that did not come to its end; says what it printed."""


def lines_of(process: subprocess.Popen[str]) -> Iterator[str]:
    """Its lines as they come. Broken where it falls silent."""
    assert process.stdout is not None
    while True:
        if not select.select([process.stdout], [], [], SILENCE)[0]:
            process.kill()
            raise Broken(f"nothing more for {SILENCE} s")
        line = process.stdout.readline()
        if not line:
            return
        yield line.rstrip("\n")


def run(name: str, seed: int, every: int) -> tuple[list[Row], list[str]]:
    """The rows of a campaign, and all else that it printed."""
    rows, others = [], []
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [
                FIRMWARE,
                "-X",
                f"heapsize={HEAP.get(name, '64M')}",
                TESTS / "device/campaign.py",
                name,
                f"{seed}",
                f"{every}",
            ],
            cwd=folder,
            env={**os.environ, "MICROPYPATH": f"{DEVICE}:{TESTS / 'device'}:.frozen"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in lines_of(process):
            if found := re.fullmatch(r"row (\d+) (\d+) (.*)", line):
                rows.append(Row(found[3], int(found[1]), int(found[2])))
            elif not line.startswith("tried "):
                others.append(line)
        if process.wait() != 0 or not rows:
            raise Broken("\n".join([f"{name}: status {process.returncode}", *others]))
    return rows, others


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaigns", nargs="*", help="default: all", metavar="campaign")
    parser.add_argument("--seed", type=int, default=1, help="which places are tried first")
    parser.add_argument("--every", type=int, default=1, help="try so many times fewer places")
    asked = parser.parse_args()
    if unknown := set(asked.campaigns) - set(CAMPAIGNS):
        parser.error(f"no campaign {', '.join(unknown)}; want {', '.join(CAMPAIGNS)}")
    names = asked.campaigns or list(CAMPAIGNS)
    lost = tried = 0
    print("| fault | tried | lost |\n| --- | ---: | ---: |", flush=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for rows, others in pool.map(
            lambda name: run(name, asked.seed, CAMPAIGNS[name] * asked.every), names
        ):
            for row in rows:
                print(f"| {row.what} | {row.tried:,} | {row.lost:,} |", flush=True)
                lost += row.lost
                tried += row.tried
            print("\n".join(others), file=sys.stderr, end="\n" if others else "", flush=True)
    print(f"| **all** | **{tried:,}** | **{lost:,}** |")
    return 1 if lost else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as error:
        sys.exit(str(error))
