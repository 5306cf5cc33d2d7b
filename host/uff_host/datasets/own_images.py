"""Images of the user's own: a folder with one for each class, arrays, a table, or an IDX pair.

Everything becomes grey uint8 images of one shape. Ink is bright on dark, as in MNIST; drawings on
white paper are inverted on request. The split into training and test follows the protocol.
"""

from __future__ import annotations

import errno
import lzma
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from uff_host import files, progress
from uff_host.datasets import pixels
from uff_host.datasets.csv_images import SUFFIXES as TABLES
from uff_host.datasets.csv_images import read_csv
from uff_host.datasets.pixels import SUFFIXES, ImportOptions
from uff_host.datasets.splits import Images, by_hash, draw, interleave
from uff_host.errors import DataError
from uff_host.formats.idx import read_idx
from uff_host.formats.samples import MAX_CLASSES, Samples
from uff_host.progress import OnProgress, Steps

# Names of arrays in an .npz: this project's, then scikit-learn's.
IMAGES, LABELS, NAMES = ("images", "data"), ("labels", "target"), ("class_names", "target_names")
LISTED = 5  # files that are named one by one


@dataclass
class Classes:
    """Images of each class, uint8 (n, height, width), and the names of the classes.

    notes: sentences about what was left out, or taken for something.
    """

    images: list[Images]
    names: list[str]
    notes: list[str] = field(default_factory=list)

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
    how: ImportOptions | None = None,
    on_progress: OnProgress = progress.ignore,
) -> Classes:
    """Read a folder of class folders, an .npz, a .csv, or an IDX pair.

    `labels` is the IDX file of the labels and makes `source` that of the images.

    Raises:
        DataError: The source is not one of these, or its content cannot be used.
        OSError: A file cannot be read.
    """
    how = how or ImportOptions()
    how.check()
    if not source.exists():
        raise DataError(f"There is no {source}.")
    kind = source.suffix.lower()
    if source.is_dir():
        _unused(how, source, "shape", "white", "label_column")
        return from_folder(source, how, on_progress)
    if labels is not None:
        _unused(how, source, "shape", "white", "label_column")
        arrays = read_idx(source, 3), read_idx(labels, 1)
        return _from_arrays(*arrays, None, str(source), how, on_progress)
    files.check_regular(source)
    if kind in TABLES:
        table = read_csv(source, how.label_column)
        texts = np.array(table.labels)
        found = _from_arrays(table.pixels, texts, None, str(source), how, on_progress)
        return Classes(found.images, found.names, [*table.notes, *found.notes])
    _unused(how, source, "label_column")
    if kind in SUFFIXES:
        raise DataError(f"{source} is one picture: put pictures into a folder for each class.")
    return from_npz(source, how, on_progress)


def _unused(how: ImportOptions, source: Path, *options: str) -> None:
    for name in options:
        if getattr(how, name) is not None:
            raise DataError(f"--{name.replace('_', '-')} says nothing about {source}.")


# ---- a folder ----


def from_folder(
    folder: Path, how: ImportOptions, on_progress: OnProgress = progress.ignore
) -> Classes:
    """Images of a folder that holds one folder for each class, named after it.

    Transparent parts count as white paper. Other files are listed in the notes, hidden ones not.

    Raises:
        DataError: There are too few or too many classes, a class is empty, or an image unreadable.
    """
    seen = _seen(folder)
    folders = [path for path in seen if path.is_dir()]
    loose = [path for path in seen if not path.is_dir()]
    notes = _left_out(loose, "in no folder of a class")
    if not 2 <= len(folders) <= MAX_CLASSES:
        count = "1 folder" if len(folders) == 1 else f"{len(folders)} folders"
        also = f" ({loose[0]} is in none)" if loose else ""
        raise DataError(
            f"{folder} holds {count}{also}, one for each class is wanted: 2 to {MAX_CLASSES} "
            "classes can be learnt."
        )
    lists = [[path for path in _seen(sub) if _is_picture(path)] for sub in folders]
    others = [path for sub in folders for path in _seen(sub) if not _is_picture(path)]
    notes += _left_out(others, "no pictures")
    steps = Steps(max(1, sum(map(len, lists))), on_progress)
    classes: list[Images] = []
    for sub, paths in zip(folders, lists, strict=True):
        if not paths:
            raise DataError(f"{sub} holds no image (.png, .jpg and the like).")
        images = []
        for path in paths:
            images.append(pixels.fit(pixels.open_picture(path), how))
            steps.next(f"Reading {sub.name}")
        classes.append(np.stack(images))
    names = [sub.name for sub in folders]
    _check_names(names, str(folder))
    return Classes(classes, names, notes)


def _seen(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name[0] != ".")


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def _left_out(paths: Sequence[Path], why: str) -> list[str]:
    if not paths:
        return []
    names = ", ".join(map(str, paths[:LISTED]))
    more = f" and {len(paths) - LISTED} more" if len(paths) > LISTED else ""
    return [f"Left out, {why}: {names}{more}."]


# ---- arrays ----


def from_npz(path: Path, how: ImportOptions, on_progress: OnProgress = progress.ignore) -> Classes:
    """Images of a numpy file with the arrays `images` and `labels`, and `class_names` if wanted;
    or `data`, `target` and `target_names`.

    Images: numbers or booleans, (n, height, width), with 1 or 3 colours behind, or (n, pixels).
    Labels: whole numbers or texts, (n,). Names: of the classes 0, 1, ...

    Raises:
        DataError: It is no such file, or an array has another shape, type or range.
        OSError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            images = _array(archive, _member(members, IMAGES, path), path)
            labels = _array(archive, _member(members, LABELS, path), path)
            texts = None
            if any(name in members for name in NAMES):
                names = _array(archive, _member(members, NAMES, path), path)
                texts = _texts(names.ravel(), f"{path}: names of classes")
    except (
        zipfile.BadZipFile,
        lzma.LZMAError,
        zlib.error,
        EOFError,
        MemoryError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a place before its start
            raise
        with path.open("rb") as stream:
            if stream.read(6) == b"\x93NUMPY":
                why = "it is one array, an .npz with images and labels is wanted"
            else:
                why = f"{error}".rstrip(".") or type(error).__name__
        raise DataError(f"{path} cannot be read as .npz ({why}).") from None
    return _from_arrays(images, labels, texts, str(path), how, on_progress)


def _member(
    members: dict[str, zipfile.ZipInfo], names: Sequence[str], path: Path
) -> zipfile.ZipInfo:
    for name in names:
        if name in members:
            return members[name]
    raise DataError(
        f"{path} holds {', '.join(sorted(members)) or 'nothing'}, but no array named "
        f"{' or '.join(map(repr, names))}."
    )


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> npt.NDArray[Any]:
    name = info.filename.removesuffix(".npy")
    if info.file_size > files.LARGEST:
        raise DataError(f"{path}: {name} takes {info.file_size:,} bytes, more than 2 GB.")
    with archive.open(info) as stream:
        try:
            return np.lib.format.read_array(stream, allow_pickle=False)
        except ValueError as error:
            if "allow_pickle" in str(error):
                raise DataError(
                    f"{path}: the array {name} holds Python objects, which could run code when "
                    "they are read. Save numbers or texts instead: numpy.stack(images), "
                    "labels.astype(str)."
                ) from None
            raise


def _texts(values: npt.NDArray[Any], what: str) -> list[str]:
    """Labels or names as texts.

    Raises:
        DataError: They are neither texts nor whole numbers.
    """
    kind = values.dtype.kind
    if kind == "f" and np.isfinite(values).all() and (values == np.floor(values)).all():
        values = values.astype(np.int64)
        kind = "i"
    if kind == "S":
        try:
            return [bytes(value).decode() for value in values]
        except UnicodeDecodeError:
            raise DataError(f"{what}: some are not UTF-8.") from None
    if kind not in "iubU":
        raise DataError(f"{what}: whole numbers or texts are wanted, got {values.dtype}.")
    return [str(value) for value in values]


def _numbered(
    labels: npt.NDArray[Any], names: Sequence[str] | None, what: str
) -> tuple[list[int], list[str]]:
    """Label of each image as a number, and the names of the classes."""
    texts = _texts(labels, f"{what}: labels")
    if names is None:
        whole = all(re.fullmatch(r"-?[0-9]{1,18}", text) for text in set(texts))
        names = sorted(set(texts), key=int if whole else None)
    elif labels.dtype.kind in "iuf":
        _check_names(names, what)
        least, most = int(labels.min()), int(labels.max())
        if least < 0 or most >= len(names):
            raise DataError(
                f"{what}: the labels go from {least} to {most}, but there are {len(names)} names "
                "of classes."
            )
        return [int(label) for label in labels], list(names)
    _check_names(names, what)
    places = {name: c for c, name in enumerate(names)}
    unknown = next((text for text in texts if text not in places), None)
    if unknown is not None:
        raise DataError(f"{what}: the label {unknown!r} is none of {', '.join(names)}.")
    return [places[text] for text in texts], list(names)


def _check_names(names: Sequence[str], what: str) -> None:
    if not 2 <= len(names) <= MAX_CLASSES:
        classes = "1 class" if len(names) == 1 else f"{len(names)} classes"
        raise DataError(f"{what} holds {classes}: 2 to {MAX_CLASSES} can be learnt.")
    for name in names:
        try:
            count = len(name.encode())
        except UnicodeEncodeError:
            raise DataError(f"{what}: the class name {name!r} is not UTF-8.") from None
        if not 1 <= count <= 255:
            raise DataError(f"{what}: the class name {name!r} must have 1 to 255 bytes.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{what}: two classes are named {twice!r}.")


def _from_arrays(
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    names: Sequence[str] | None,
    what: str,
    how: ImportOptions,
    on_progress: OnProgress,
) -> Classes:
    images, about_shape = pixels.shaped(images, what, how)
    if labels.shape == (len(labels), 1):
        labels = labels[:, 0]
    if labels.shape != images.shape[:1]:
        raise DataError(
            f"{what}: {len(images)} images need as many labels, got an array {labels.shape}."
        )
    if len(labels) == 0:
        raise DataError(f"{what} holds no image.")
    grey, about_white = pixels.as_bytes(images, what, how.white)
    numbers, names = _numbered(labels, names, what)
    _check_names(names, what)
    steps = Steps(len(grey), on_progress)
    classes: list[list[Images]] = [[] for _ in names]
    for image, label in zip(grey, numbers, strict=True):
        classes[label].append(pixels.fit(Image.fromarray(image), how))
        steps.next("Reading images")
    for name, members in zip(names, classes, strict=True):
        if not members:
            raise DataError(f"{what}: the class {name} has no image.")
    notes = [*about_shape, *about_white]
    return Classes([np.stack(members) for members in classes], list(names), notes)
