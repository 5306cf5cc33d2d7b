"""The command `uff`: reads arguments, calls the modules, shows what they give.

Exit status: 0 done, 1 an error or a failed check (one sentence on stderr), 2 wrong usage,
130 stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any, NamedTuple

from uff_host import interrupts
from uff_host.arguments import Parser
from uff_host.errors import UffError


class Command(NamedTuple):
    """What a command does in a few words, and the function that makes its arguments known."""

    help: str
    module: str
    function: str


COMMANDS = {
    "demo": Command(
        "train, test and verify networks, in a minute or two", "commands.demo", "arguments"
    ),
    "data": Command("make and look at samples files", "commands.data", "arguments"),
    "train": Command("train a network in MicroPython", "commands.train", "arguments"),
    "evaluate": Command("test a model in MicroPython", "commands.evaluate", "arguments"),
    "predict": Command("say what pictures show, in MicroPython", "commands.predict", "arguments"),
    "verify": Command("check on the host what a target computed", "commands.verify", "arguments"),
    "table": Command(
        "compare µFF with its rivals over classes, images and seeds", "table", "table_arguments"
    ),
    "cost": Command(
        "count the instructions of a training on an emulated Cortex-M7", "cost", "cost_arguments"
    ),
    "bench": Command(
        "count µFF beside ulab, CMSIS-DSP, plain C and backpropagation", "bench", "bench_arguments"
    ),
    "chart": Command(
        "draw accuracy over the instructions of a training", "chart", "chart_arguments"
    ),
    "board": Command("a virtual board in a web page", "board.command", "board_arguments"),
    "lesson": Command(
        "write a session of touches: a made-up person teaches digits", "lesson", "lesson_arguments"
    ),
    "replay": Command(
        "replay a session of touches in the capture application", "lesson", "replay_arguments"
    ),
    "digits": Command(
        "see how well ten digits are learnt: real ones, and of made-up hands",
        "digits_report",
        "digits_arguments",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # not those of a terminal, or gone
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        from uff_host.terminal import Terminal

        options.console = Terminal()
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            interrupts.clean_up()
            status = int(options.do(options) or 0)
            sys.stdout.flush()
        return status
    except UffError as error:
        return fail(str(error))
    except KeyboardInterrupt:
        interrupts.ignore()
        fail(interrupts.SENTENCE)
        return interrupts.STOPPED
    except BrokenPipeError:
        _drop_output()  # the reader has gone: nothing is left to say
        return 1
    except OSError as error:
        _drop_output()
        return fail(_os_sentence(error))
    except MemoryError:
        return fail("The memory of this machine is not enough. Try fewer images.")


def fail(sentence: str) -> int:
    """Say what went wrong; the exit status for it."""
    from uff_host.terminal import plain

    print(f"uff: {plain(sentence)}", file=sys.stderr)
    return 1


def _drop_output() -> None:
    """Let go of a standard output that takes no more; Python would write the rest at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _os_sentence(error: OSError) -> str:
    what = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{what}the disk is full. What was saved before is as it was."
    return f"{what}{(error.strerror or str(error)).lower()}."


class _Version(argparse.Action):
    """--version, which is looked up only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"uff {metadata.version('uff-host')}")
        parser.exit()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; only the module of its command is imported."""
    top = Parser(prog="uff")
    top.explain(
        "Neural networks that learn on a microcontroller: prepare data, train on a target in "
        "MicroPython, check on the host what the target did. Each command explains itself: "
        "`uff train --help`.",
        ("uff demo", "begin here: train, test and verify on five classes of Fashion-MNIST"),
        ("uff data import pictures/ --out mine.uffs", "samples of your own pictures"),
        ("uff train mine.uffs --model mine.uffm", "a network of them"),
        ("uff predict mine.uffm new.png", "what another picture shows"),
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for name, command in COMMANDS.items():
        of_command = commands.add_parser(name, help=command.help)
        if name == asked:
            module = import_module(f"uff_host.{command.module}")
            getattr(module, command.function)(of_command)
    return top.parse_args(arguments)
