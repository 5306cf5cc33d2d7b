"""`uff replay`"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from uff_host import files
from uff_host.cli.argument_types import Parser, add_on
from uff_host.console import screen
from uff_host.errors import DataError
from uff_host.formats.samples import read_samples
from uff_host.formats.touch_recording import read_recording
from uff_host.handwriting.lesson import MODEL, SAMPLES, read_answers, replay, score
from uff_host.targets.base import Target, naming
from uff_host.targets.connect import FIRMWARE, connect


def arguments(command: Parser) -> None:
    """The arguments of `uff replay`."""
    command.explain(
        "Runs the capture application on a target and gives it the touches of a recording, as "
        "fast as it takes them; on the firmware bench a hand touches the screen. The drawings of "
        "the board's owner stay untouched.",
        ("uff replay digits.ufft", "in MicroPython on this machine"),
        ("uff replay digits.ufft --on m7 --samples d.uffs --model d.uffm", "on the emulated "
         "Cortex-M7, and keep what it drew and learnt"),
    )  # fmt: skip
    command.add_argument("recording", type=Path, help="touch recording (.ufft)")
    add_on(command)
    command.add_argument("--start", type=Path, metavar="UFFS", help="drawings to begin with")
    command.add_argument("--samples", type=Path, metavar="UFFS", help="where to keep the drawings")
    command.add_argument("--model", type=Path, metavar="UFFM", help="where to keep the model")
    command.add_argument("--json", type=Path, metavar="FILE", help="where to keep the report")
    command.add_argument("--real-time", action="store_true", help="take as long as the person did")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff replay`"""
    console = options.console
    files.check_regular(*filter(None, (options.recording, options.start)))
    files.check_outputs(
        options.samples, options.model, options.json, inputs=[options.recording, options.start]
    )
    recording = read_recording(options.recording)
    answers = read_answers(options.recording)
    if options.start:
        read_samples(options.start)
    if options.real_time and options.on.startswith(FIRMWARE):
        raise DataError("--real-time does not go with --on firmware:ELF, where a hand touches.")
    job = {"real_time": options.real_time, "width": recording.width, "height": recording.height}
    with (
        naming({"recording.ufft": options.recording, SAMPLES: options.start}),
        _target(options.on) as target,
        screen.progress_bar(console, f"Replaying on {target.name}") as on_progress,
    ):
        result = replay(
            target, options.recording, start=options.start, job=job, on_progress=on_progress
        )
        if options.samples:
            target.get(SAMPLES, options.samples, on_progress)
        if options.model:
            target.get(MODEL, options.model, on_progress)
    console.print(
        ", ".join(f"{n} {c}" for n, c in zip(result["names"], result["counts"], strict=True)),
        highlight=False,
    )
    console.print(f"samples {result['samples_sha256']}", highlight=False, soft_wrap=True)
    if result["model_sha256"]:
        console.print(f"model   {result['model_sha256']}", highlight=False, soft_wrap=True)
    if result["loo_accuracy"] is not None:
        console.print(f"leave-one-out accuracy {result['loo_accuracy']:.4f}")
    console.print(f"{result['seconds']:.1f} s{_whose(options.on)}")
    if answers:
        found = score(result, answers)
        console.print(found.sentence())
        result["accuracy"] = found.accuracy
    if options.json:
        files.write_bytes(options.json, json.dumps(result).encode())


def _target(on: str) -> Target:
    """By name; the board's image has a hand at its screen."""
    if on.startswith(FIRMWARE):
        from uff_host.virtual_board.touched_firmware import TouchedFirmware

        return TouchedFirmware(Path(on.removeprefix(FIRMWARE)))
    return connect(on)


def _whose(on: str) -> str:
    return " (of the emulator)" if on == "m7" or on.startswith(FIRMWARE) else ""
