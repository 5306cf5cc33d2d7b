"""One baseline in a process of its own:

    python -m uff_host.experiments.accuracy.baselines bp train.uffs test.uffs --seed 0

Prints one line for each setting, which the table reads as it comes:
@score {"setting": "raw, rate 0.001, ...", "accuracy": 0.8712}
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from uff_host.experiments.accuracy.baselines import BASELINES, INSTALL, Split
from uff_host.formats.samples import read_samples


def main() -> None:
    """Train and test a baseline at all its settings on two samples files."""
    parser = argparse.ArgumentParser(
        prog="python -m uff_host.experiments.accuracy.baselines", description=main.__doc__
    )
    parser.add_argument("baseline", choices=list(BASELINES))
    parser.add_argument("train", type=Path, help="samples file to train on")
    parser.add_argument("test", type=Path, help="samples file to test on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--mirrored", action="store_true", help="a mirrored image is one of its class"
    )
    args = parser.parse_args()
    baseline = BASELINES[args.baseline]
    if missing := baseline.missing():
        parser.error(f"{baseline.title} needs {' and '.join(missing)}: {INSTALL}")
    train, test = read_samples(args.train), read_samples(args.test)
    for score in baseline.scores(Split.of(train, test, mirrored=args.mirrored), args.seed):
        print("@score", json.dumps(score._asdict()), flush=True)


if __name__ == "__main__":
    main()
