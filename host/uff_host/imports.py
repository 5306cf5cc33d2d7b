"""Images of the user's own: an npz file, an IDX pair, or a folder with one for each class.

Everything becomes grey uint8 images of one shape. Ink is bright on dark, as in MNIST; drawings on
white paper are inverted on request. The split into training and test follows the protocol.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from uff_host import progress
from uff_host.errors import DataError
from uff_host.idx import read_idx
from uff_host.progress import OnProgress, Steps
from uff_host.protocol import Images, by_hash, draw, interleave
from uff_host.samples import MAX_CLASSES, MAX_SIDE, MIN_SIDE, Samples

SUFFIXES = (".png", ".bmp", ".gif", ".jpg", ".jpeg", ".pgm", ".ppm", ".webp")


@dataclass
class Shape:
    """What images are turned into: size, and whether dark ink becomes bright."""

    height: int = 28
    width: int = 28
    invert: bool = False


@dataclass
class Classes:
    """Images of each class, uint8 (n, height, width), and the names of the classes."""

    images: list[Images]
    names: list[str]

    def split(self, n: int | None, n_test: int, seed: int) -> tuple[Samples, Samples | None]:
        """Training samples, and test samples if any are wanted.

        Of each class the first n_test images by hash are the test set; of the rest a seed draws
        n, or all are taken where n is None.

        Raises:
            DataError: A class has too few images.
        """
        train: list[Images] = []
        test: list[Images] = []
        for c, (images, name) in enumerate(zip(self.images, self.names, strict=True)):
            wanted = n_test + (1 if n is None else n)
            if len(images) < wanted or wanted <= n_test:
                raise DataError(
                    f"The class {name} has {len(images)} images, but {n_test} for the test and "
                    f"{'at least 1' if n is None else n} for training are wanted."
                )
            ordered = by_hash(images)
            test.append(ordered[:n_test])
            pool = ordered[n_test:]
            train.append(pool if n is None else draw(pool, n, seed, c))
        return (
            interleave(train, self.names),
            interleave(test, self.names) if n_test else None,
        )


def read(
    source: Path,
    labels: Path | None = None,
    shape: Shape | None = None,
    on_progress: OnProgress = progress.ignore,
) -> Classes:
    """Read a folder of class folders, an .npz with images and labels, or an IDX pair.

    `labels` is the IDX file of the labels and makes `source` that of the images.

    Raises:
        DataError: The source is not one of these, or its content cannot be used.
        OSError: A file cannot be read.
    """
    shape = shape or Shape()
    if min(shape.height, shape.width) < MIN_SIDE or max(shape.height, shape.width) > MAX_SIDE:
        raise DataError(
            f"{shape.height}x{shape.width}: each side must be {MIN_SIDE} to {MAX_SIDE}."
        )
    if source.is_dir():
        return from_folder(source, shape, on_progress)
    if not source.exists():
        raise DataError(f"There is no {source}.")
    if labels is not None:
        return _from_arrays(
            read_idx(source, 3), read_idx(labels, 1), None, str(source), shape, on_progress
        )
    return from_npz(source, shape, on_progress)


def from_folder(folder: Path, shape: Shape, on_progress: OnProgress = progress.ignore) -> Classes:
    """Images of a folder that holds one folder for each class, named after it.

    Transparent parts count as white paper.

    Raises:
        DataError: There are too few or too many classes, a class is empty, or an image unreadable.
    """
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    _check_count(len(folders), str(folder), "folders, one for each class")
    lists = [
        sorted(file for file in sub.iterdir() if file.suffix.lower() in SUFFIXES)
        for sub in folders
    ]
    steps = Steps(max(1, sum(map(len, lists))), on_progress)
    classes: list[Images] = []
    for sub, paths in zip(folders, lists, strict=True):
        if not paths:
            raise DataError(f"{sub} holds no image (.png and the like).")
        images = []
        for path in paths:
            images.append(_fit(_open(path), shape))
            steps.next(f"Reading {sub.name}")
        classes.append(np.stack(images))
    return Classes(classes, [sub.name for sub in folders])


def from_npz(path: Path, shape: Shape, on_progress: OnProgress = progress.ignore) -> Classes:
    """Images of a numpy file with the arrays `images` and `labels`, and `class_names` if wanted.

    images: integers 0 to 255 or reals 0 to 1, (n, height, width) or with 1 or 3 colours behind.
    labels: integers 0 to 15, (n,).

    Raises:
        DataError: It is no such file, or an array has another shape, type or range.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(f"{path} is one array: an .npz with images and labels is wanted.")
        with archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as .npz ({error}).") from None
    missing = [name for name in ("images", "labels") if name not in arrays]
    if missing:
        raise DataError(f"{path} holds {sorted(arrays)}, but no array named {missing[0]!r}.")
    names = arrays.get("class_names")
    return _from_arrays(
        arrays["images"],
        arrays["labels"],
        None if names is None else [str(name) for name in names.ravel()],
        str(path),
        shape,
        on_progress,
    )


def _from_arrays(
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    names: Sequence[str] | None,
    what: str,
    shape: Shape,
    on_progress: OnProgress,
) -> Classes:
    pixels = _as_bytes(images, what)
    if labels.shape != pixels.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{what}: {len(pixels)} images need as many whole numbers as labels, "
            f"got {labels.dtype} {labels.shape}."
        )
    if len(labels) == 0:
        raise DataError(f"{what} holds no image.")
    if int(labels.min()) < 0 or int(labels.max()) >= MAX_CLASSES:
        raise DataError(
            f"{what}: the labels go from {labels.min()} to {labels.max()}, "
            f"0 to {MAX_CLASSES - 1} are possible."
        )
    k = int(labels.max()) + 1 if names is None else len(names)
    _check_count(k, what, "classes")
    if int(labels.max()) >= k:
        raise DataError(f"{what}: label {labels.max()}, but only {k} class names.")
    names = list(names) if names is not None else [str(c) for c in range(k)]
    steps = Steps(len(pixels), on_progress)
    classes: list[list[Images]] = [[] for _ in range(k)]
    for image, label in zip(pixels, labels, strict=True):
        classes[label].append(_fit(Image.fromarray(image), shape))
        steps.next("Reading images")
    for c, members in enumerate(classes):
        if not members:
            raise DataError(f"{what}: the class {names[c]} has no image.")
    return Classes([np.stack(members) for members in classes], list(names))


def _check_count(k: int, what: str, things: str) -> None:
    if not 2 <= k <= MAX_CLASSES:
        raise DataError(f"{what} holds {k} {things}: 2 to {MAX_CLASSES} can be learnt.")


def _as_bytes(images: npt.NDArray[Any], what: str) -> npt.NDArray[np.uint8]:
    """uint8 (n, height, width) or (n, height, width, 3) of pixels in one of the usual ranges."""
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if (
        not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3))
        or 0 in images.shape[1:]
    ):
        raise DataError(
            f"{what}: images of shape {images.shape}, "
            "wanted (n, height, width) or (n, height, width, 3)."
        )
    if images.size == 0 or images.dtype == np.uint8:
        return images.astype(np.uint8)
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind not in "iuf":
        raise DataError(f"{what}: images of type {images.dtype} have no pixels.")
    low, high = images.min(), images.max()
    if np.issubdtype(images.dtype, np.integer) and low >= 0 and high <= 255:
        return images.astype(np.uint8)
    if np.issubdtype(images.dtype, np.floating) and low >= 0 and high <= 1:
        return np.floor(images * 255 + 0.5).astype(np.uint8)
    raise DataError(
        f"{what}: pixels of type {images.dtype} from {low} to {high}, "
        "wanted whole numbers 0 to 255 or reals 0 to 1."
    )


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                colour = image.convert("RGBA")
                paper = Image.new("RGBA", colour.size, "white")
                return Image.alpha_composite(paper, colour)
            if image.mode.startswith("I"):  # 16-bit grey, which convert("L") would clip
                return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
            return image.copy()
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ):
        raise DataError(f"{path} cannot be read as an image.") from None


def _fit(image: Image.Image, shape: Shape) -> Images:
    """Grey uint8 (height, width): area average when made smaller, bilinear when made larger."""
    grey = image.convert("L")
    if grey.size != (shape.width, shape.height):
        smaller = grey.width >= shape.width and grey.height >= shape.height
        how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
        grey = grey.resize((shape.width, shape.height), how)
    pixels = np.asarray(grey, np.uint8)
    return 255 - pixels if shape.invert else pixels
