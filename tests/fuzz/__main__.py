"""Fuzzing of the C module and of the file readers: `make fuzz MINUTES=n`.

The unix port, built with AddressSanitizer and UBSan, makes random calls of every function of
`ridge` (calls.py) and reads mutated files, which the host's readers read too (files.py). Cases
are numbered from a seed: the same seed gives the same cases. What is found is kept as a file in
the folder for that, with the command that repeats it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

from .campaign import PARTS, Campaign, repeat
from .link import TOP

FIRMWARE = TOP / "firmware_build/build/unix-sanitized/micropython"
OUTCOMES = ("taken", "refused", "lost")


def main() -> int:
    asked = _arguments()
    micropython = Path(os.environ.get("UFF_UNIX_SANITIZED", FIRMWARE))
    if not micropython.exists():
        sys.exit(f"fuzz: {micropython}: no firmware; build it with `make unix-sanitized`")
    if asked.repeat:
        wrong = repeat(micropython, asked.repeat)
        print(wrong or "Nothing is wrong with this case.")
        return bool(wrong)
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    out = asked.out or TOP / "firmware_build/build/fuzz" / str(seed)
    parts = tuple(asked.parts or PARTS)
    print(f"fuzz: seed {seed}, {', '.join(parts)}", flush=True)
    with Campaign(micropython, seed, out, parts) as campaign:
        try:
            _run(campaign, asked)
        except KeyboardInterrupt:
            print("\nfuzz: stopped")
        _report(campaign)
    return bool(campaign.findings)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--cases", type=int, help="how many, instead")
    parser.add_argument("--seed", type=int, help="of the cases; a random one is printed")
    parser.add_argument("--out", type=Path, help="folder for what is found")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="calls, files (both)")
    parser.add_argument("--repeat", type=Path, help="a case that was kept, once more")
    return parser.parse_args()


def _run(campaign: Campaign, asked: argparse.Namespace) -> None:
    """Batches until the time is over, the number reached or enough found."""
    begin = shown = time.monotonic()
    every = 1 if sys.stdout.isatty() else 30
    printed = 0
    for _ in campaign.batches():
        now = time.monotonic()
        if asked.cases:
            done = campaign.executions / asked.cases
        else:
            done = (now - begin) / (60 * asked.minutes)
        for finding in campaign.findings[printed:]:
            print(f"\n{finding.path}: {finding.sentence[:2000]}")
            print(f"  again: make fuzz REPEAT={finding.path}", flush=True)
        printed = len(campaign.findings)
        if done >= 1 or campaign.over:
            return
        if now - shown >= every:
            shown = now
            left = (now - begin) / done * (1 - done) if done else 0
            text = f"fuzz: {campaign.executions:,} cases, {campaign.lost} lost, "
            text += f"{left // 60:.0f}:{left % 60:02.0f} left"
            print(text, end="   \r" if every == 1 else "\n", flush=True)


def _report(campaign: Campaign) -> None:
    kinds = sorted({kind for kind, _ in campaign.counts})
    print(f"{'fault':32}{'tried':>12}" + "".join(f"{name:>12}" for name in OUTCOMES))
    for kind in kinds:
        numbers = [campaign.counts[kind, outcome] for outcome in OUTCOMES]
        print(f"{kind:32}{sum(numbers):12,}" + "".join(f"{number:12,}" for number in numbers))
    where = f", see {campaign.out}" if campaign.lost else ""
    print(
        f"fuzz: {campaign.executions:,} cases of seed {campaign.seed}, {campaign.lost} lost{where}"
    )


if __name__ == "__main__":
    sys.exit(main())
