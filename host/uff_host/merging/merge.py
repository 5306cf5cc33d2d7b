"""Files merged: read, added up, taken away, and written with a receipt."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from uff_host import files, progress
from uff_host.errors import DataError
from uff_host.formats.model import Model
from uff_host.formats.model_file import pack_model, read_bytes, unpack_statistics
from uff_host.formats.samples import MAGIC as SAMPLES
from uff_host.formats.samples import unpack_samples
from uff_host.merging import receipt
from uff_host.merging import sums as exact
from uff_host.merging.receipt import Part, Receipt
from uff_host.merging.sums import Setting, Sums
from uff_host.progress import OnProgress, Steps


@dataclass
class Source:
    """A file that is merged: its sums, and the receipt that it has or that was made for it.

    images: hashes of the images with their classes, of a samples file.
    """

    name: str
    sums: Sums
    receipt: Receipt
    images: frozenset[str] | None = None


@dataclass
class Merged:
    """What came out: the sums, and the parts of their receipt."""

    sums: Sums
    parts: tuple[Part, ...]
    without: tuple[Part, ...]

    def write(self, path: Path, model: Model, receipt_path: Path | None = None) -> Receipt:
        """Write a model with these sums, then its receipt; each is whole or not there, and a
        receipt tells of the model whose hash it has.

        Raises:
            DataError, OSError: A file cannot be written.
        """
        data = pack_model(model)
        own = Receipt.of(data, self.sums, self.parts, self.without)
        files.write_bytes(path, data)
        files.write_bytes(receipt_path or receipt.place(path), own.json().encode())
        return own


def named(patterns: Iterable[str]) -> list[Path]:
    """The files of paths and of patterns like 'boards/*.uffm', those of a pattern by name.

    Raises:
        DataError: No file fits a pattern.
    """
    found: list[Path] = []
    for pattern in patterns:
        if Path(pattern).exists() or not glob.has_magic(pattern):
            found.append(Path(pattern))
            continue
        fitting = sorted(glob.glob(pattern))
        if not fitting:
            raise DataError(f"No file fits {pattern}.")
        found += map(Path, fitting)
    return found


def begins(path: Path, magic: bytes) -> bool:
    """Whether a regular file begins so; of others nothing is read, as that would be gone.

    Raises:
        OSError: It cannot be read.
    """
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(magic)) == magic


def read(path: Path, setting: Setting | None = None) -> Source:
    """The sums of a model file or, with a setting, of a samples file.

    Raises:
        DataError, FormatError, OSError: As sums.of_model() and receipt.of_file().
    """
    if begins(path, SAMPLES):
        data = files.read_whole(path)
        if setting is None:
            raise DataError(f"{path} holds samples; a model file with statistics is wanted first.")
        samples = unpack_samples(data, str(path))
        sums = exact.of_samples(samples, setting, str(path))
        images = frozenset(
            exact.sha256(image.tobytes() + samples.class_names[label].encode())
            for image, label in zip(samples.images, samples.labels, strict=True)
        )
        return Source(str(path), sums, Receipt.of(data, sums), images)
    data = read_bytes(path)
    sums = exact.of_model(unpack_statistics(data, str(path)), str(path))
    return Source(str(path), sums, receipt.of_file(path, data, sums))


def receipt_of(path: Path) -> Receipt:
    """The receipt of a model file; of one without statistics that beside it.

    Raises:
        DataError: There are neither statistics nor a receipt of this very file.
        FormatError, OSError: As read().
    """
    data = read_bytes(path)
    model = unpack_statistics(data, str(path))
    if model.has_statistics:
        return receipt.of_file(path, data, exact.of_model(model, str(path)))
    beside = receipt.place(path)
    if not beside.is_file():
        raise DataError(f"{path} holds no statistics, and there is no receipt {beside}.")
    found = receipt.read(beside)
    if found.model != exact.sha256(data):
        raise DataError(f"{beside} is the receipt of another model than {path}.")
    return found


def merge(
    paths: Sequence[Path],
    removed: Sequence[Path] = (),
    *,
    ridge: float | None = None,
    twice: bool = False,
    on_progress: OnProgress = progress.ignore,
) -> Merged:
    """All files added up, the removed ones taken away. Files are read one after the other: there
    are never more than three sums in memory.

    ridge: lambda of the class layer, whatever those of the files are (snap()).

    Raises:
        DataError: They do not belong together, one is there twice, or no images can have the sum.
        FormatError: One is damaged.
        OSError: One cannot be read.
    """
    steps = Steps(len(paths) + len(removed), on_progress)
    found: Sums | None = None
    receipts: list[tuple[str, Receipt]] = []
    for i, path in enumerate([*paths, *removed]):
        part = read(path, found.setting if found else None)
        if ridge is not None:
            part.sums.setting = replace(part.sums.setting, ridge=ridge)
        if found is None:
            found = part.sums
        else:
            exact.fit(receipts[0][0], found, part.name, part.sums)
            if i < len(paths):
                found.add(part.sums)
            else:
                found = found.plus(part.sums, -1)
        receipts.append((part.name, part.receipt))
        steps.next(path.name)
    if found is None:
        raise DataError("There is nothing to merge: name one file or more.")
    found.check("What is left" if removed else "The sum")
    parts, without = receipt.joined(receipts[: len(paths)], receipts[len(paths) :], twice=twice)
    return Merged(found, parts, without)
