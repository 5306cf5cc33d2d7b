"""`uff lesson`"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host import files
from uff_host.cli.argument_types import Parser, add_on, not_negative, positive
from uff_host.formats.touch_recording import write_recording
from uff_host.handwriting import Writer
from uff_host.handwriting.composer import lesson
from uff_host.handwriting.lesson import DIGITS, answers_path, layout_of, write_answers
from uff_host.targets.connect import connect


def arguments(command: Parser) -> None:
    """The arguments of `uff lesson`."""
    command.explain(
        "Writes down the touches of a made-up person who adds classes, draws examples of each, "
        "presses Train and then draws unseen ones. Beside the recording lies a file .json that "
        "says what was drawn, for `uff replay` to compare.",
        ("uff lesson digits.ufft --writer 7", "ten digits, five of each, then 200 unseen ones"),
        ("uff lesson few.ufft --characters 123ab --examples 3 --haste 2", "five classes in haste"),
    )
    command.add_argument("recording", type=Path, help="the recording to write, like digits.ufft")
    command.add_argument("--writer", type=not_negative, default=1, help="who draws (default: 1)")
    command.add_argument(
        "--characters", default=DIGITS, help=f"digits and small letters (default: {DIGITS})"
    )
    command.add_argument(
        "--examples", type=positive, default=5, help="drawings of each to learn from (default: 5)"
    )
    command.add_argument(
        "--ask", type=not_negative, default=20, help="unseen drawings of each (default: 20)"
    )
    command.add_argument(
        "--haste",
        type=_haste,
        default=1.0,
        help="how much drawings vary, 0 to 5; 2 is twice the usual (default: 1)",
    )
    add_on(command, "whose screen")
    command.set_defaults(do=do)


def _haste(text: str) -> float:
    try:
        haste = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 <= haste <= 5:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 and 5")
    return haste


def do(options: argparse.Namespace) -> None:
    """`uff lesson`"""
    files.check_outputs(options.recording, answers_path(options.recording))
    with connect(options.on) as target:
        layout = layout_of(target)
    writer = Writer(options.writer, options.haste)
    recording, asked, names = lesson(
        layout, writer, options.characters, options.examples, options.ask
    )
    write_recording(options.recording, recording)
    write_answers(options.recording, asked, names, writer)
    options.console.print(
        f"{options.recording}: {len(recording.reports)} touches, "
        f"{recording.lasts_ms / 1000:.0f} s of a person's time\n{answers_path(options.recording)}",
        highlight=False,
        soft_wrap=True,
    )
