"""`uff experiment privacy`"""

from __future__ import annotations

import argparse
from pathlib import Path

from uff_host import files, progress
from uff_host.cli.argument_types import Parser, add_idx, numbers, positive
from uff_host.console import screen
from uff_host.datasets import fashion_mnist
from uff_host.errors import DataError
from uff_host.experiments.privacy import reconstruction

LARGEST = 700  # images of an attempt: below the features of an image


def arguments(command: Parser) -> None:
    """The arguments of `uff experiment privacy`."""
    command.explain(
        "Takes the exact sums over a few images of one class of Fashion-MNIST, as a board would "
        "give them away, and tries to get the images back from the Gram matrix alone.",
        ("uff experiment privacy --plot privacy.png", "1 to 100 images, some minutes"),
        ("uff experiment privacy --images 1,5 --rounds 300", "seconds"),
    )
    command.add_argument(
        "--images",
        type=numbers,
        default="1,5,10,20,50,100",
        metavar="LIST",
        help="how many images of the class (default: 1,5,10,20,50,100)",
    )
    command.add_argument(
        "--class-id", type=int, default=0, metavar="N", help="class, 0 to 9 (default: 0)"
    )
    command.add_argument(
        "--rounds",
        type=positive,
        default=20000,
        metavar="N",
        help="of the search for each (default: 20000)",
    )
    add_idx(command)
    command.add_argument("--plot", type=Path, metavar="PNG", help="draw what was found")
    command.set_defaults(do=do)


def do(options: argparse.Namespace) -> None:
    """`uff experiment privacy`"""
    wrong = [n for n in options.images if not 1 <= n <= LARGEST]
    if wrong:
        raise DataError(f"{wrong[0]} images: 1 to {LARGEST} can be tried.")
    if not 0 <= options.class_id < len(fashion_mnist.CLASS_NAMES):
        raise DataError(f"Class {options.class_id}: Fashion-MNIST has the classes 0 to 9.")
    files.check_outputs(options.plot)
    with screen.progress_bar(options.console, "Fashion-MNIST") as on_progress:
        known = fashion_mnist.load(options.idx, on_progress)
    other = (options.class_id + 1) % len(fashion_mnist.CLASS_NAMES)
    attempts = []
    with screen.progress_bar(options.console, "Trying") as on_progress:
        steps = progress.Steps(len(options.images), on_progress)
        for n in options.images:
            drawn = known.train((options.class_id, other), n, 0)
            images = drawn.images[drawn.labels == 0]
            attempts.append(reconstruction.attempt(images, options.rounds))
            steps.next(f"{n} images")
    rows = [
        (
            f"{tried.images}",
            f"{tried.cosines.mean():.4f}",
            f"{tried.cosines.min():.4f}",
            f"{tried.recovered:.0%}",
            f"{tried.mean:.4f}",
        )
        for tried in attempts
    ]
    columns = ("images", "cosine", "least", "found", "mean of the class")
    name = fashion_mnist.CLASS_NAMES[options.class_id]
    options.console.print(screen.table(f"{name}, out of its Gram matrix", columns, rows))
    if options.plot:
        from uff_host.experiments.privacy import plot

        plot.plot(attempts, fashion_mnist.SIDE, options.plot)
        options.console.print(f"{options.plot}", highlight=False, soft_wrap=True)
