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
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from typing import Any, NamedTuple

from uff_host import interrupts
from uff_host.cli.argument_types import Parser
from uff_host.errors import UffError


class Command(NamedTuple):
    """What a command does in a few words, and its module, which has a function `arguments`."""

    help: str
    module: str


class Group(NamedTuple):
    """What commands of a common first word do in a few words, and the commands."""

    help: str
    commands: dict[str, Command]
    description: str
    examples: tuple[tuple[str, str], ...]


EXPERIMENTS = {
    "table": Command("compare accuracies over classes, images and seeds", "experiment.table"),
    "cost": Command("count the instructions of a training", "experiment.cost"),
    "bench": Command("count µFF's kernels beside those of other libraries", "experiment.bench"),
    "chart": Command("draw accuracy over the instructions of a training", "experiment.chart"),
    "privacy": Command("try to get images back from exact sums", "experiment.privacy"),
    "digits": Command("see how well ten handwritten digits are learnt", "experiment.digits"),
}
COMMANDS: dict[str, Command | Group] = {
    "demo": Command("train, test and verify networks, in a minute or two", "demo"),
    "data": Command("make and look at samples files", "data"),
    "train": Command("train a network in MicroPython", "train"),
    "evaluate": Command("test a model in MicroPython", "evaluate"),
    "predict": Command("say what pictures show, in MicroPython", "predict"),
    "merge": Command("make one model of what many boards have learnt", "merge"),
    "receipt": Command("say by SHA-256 what a model is made of", "receipt"),
    "verify": Command("check on the host what a target computed", "verify"),
    "board": Command("a virtual board in a web page", "board"),
    "lesson": Command("write a touch recording: a made-up person teaches digits", "lesson"),
    "replay": Command("replay a touch recording in the capture application", "replay"),
    "experiment": Group(
        "make the project's figures anew",
        EXPERIMENTS,
        "Makes the figures of the documentation anew, on this machine and on the emulated "
        "Cortex-M7.",
        (
            ("uff experiment table", "the table of accuracies; Ctrl-C stops it, again goes on"),
            ("uff experiment cost --classes 3 --images 100", "what one training costs"),
        ),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError):  # not those of a terminal, or gone
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        from uff_host.console.terminal import Terminal

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
    from uff_host.console.terminal import plain

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
    _add(top, COMMANDS, [word for word in arguments if not word.startswith("-")])
    return top.parse_args(arguments)


def _add(parser: Parser, table: Mapping[str, Command | Group], words: Sequence[str]) -> None:
    """Add the commands of a table; only the module of the one that the words name is imported."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in table.items():
        of_command = commands.add_parser(name, help=command.help)
        if words[:1] != [name]:
            continue
        if isinstance(command, Group):
            of_command.explain(command.description, *command.examples)
            _add(of_command, command.commands, words[1:])
        else:
            import_module(f"uff_host.cli.{command.module}").arguments(of_command)
