"""`uff receipt`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from uff_host.cli import reports
from uff_host.cli.argument_types import Parser
from uff_host.merging.merge import receipt_of


def arguments(command: Parser) -> None:
    """The arguments of `uff receipt`."""
    command.explain(
        "Prints SHA-256 of a model file, of its layer 1, of the exact sums over its images, and "
        "of the sums of each part that was merged into it, from the receipt beside it.",
        ("uff receipt all.uffm", "for people"),
        ("uff receipt all.uffm --json | jq .parts", "for a program"),
    )
    command.add_argument("model", type=Path, help="model file with statistics")
    command.add_argument("--json", action="store_true", help="write the receipt as JSON")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff receipt`"""
    found = receipt_of(options.model)
    if options.json:
        sys.stdout.write(found.json())
        return
    options.console.print(reports.receipt(found), highlight=False, soft_wrap=True)
