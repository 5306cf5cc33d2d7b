"""The samples file (`.uffs`): labelled images, appended record by record.

Little-endian. A header, the class names, a CRC; then records of one size, each with its own CRC
started from the record's number, so that a record cannot be taken for another one. A record is a
sample or a later change: delete, relabel, (re)name a class. What counts are the live samples.
This module reads whole files and writes whole files; the device appends.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from uff_host import files
from uff_host.errors import FormatError

MAGIC = b"UFFS"
VERSION = 1
MAX_CLASSES = 16
MIN_SIDE, MAX_SIDE = 4, 255  # the label pixels are four blocks of 2x2, one in each corner

HEADER = "<4sHHHHHH"  # magic, version, header bytes, height, width, classes, 0
RECORD = "<BBH"  # kind, label, 0

SAMPLE, DELETE, RELABEL, CLASS_NAME, RESTORE = 1, 2, 3, 4, 5


@dataclass
class Samples:
    """Live samples in the order of the file.

    images: uint8 (n, height, width); labels: uint8 (n,), each below len(class_names).
    damaged counts unreadable records inside the file, torn_bytes the cut tail.
    """

    class_names: list[str]
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    damaged: int = field(default=0, compare=False)
    torn_bytes: int = field(default=0, compare=False)

    @property
    def height(self) -> int:
        return int(self.images.shape[1])

    @property
    def width(self) -> int:
        return int(self.images.shape[2])

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> list[int]:
        """Live samples of each class."""
        return [int(n) for n in np.bincount(self.labels, minlength=len(self.class_names))]


@dataclass
class Live:
    """A sample that no record has deleted yet, with its newest label."""

    label: int
    pixels: bytes


def record_bytes(image_bytes: int) -> int:
    """Size of one record: head, payload, padding to a multiple of 4, CRC."""
    return struct.calcsize(RECORD) + (image_bytes + 3) // 4 * 4 + 4


def pack_names(names: list[str]) -> bytes:
    """Class names as a length byte and UTF-8 each.

    Raises:
        FormatError: A name is empty or longer than 255 bytes, or there are too many.
    """
    if not 1 <= len(names) <= MAX_CLASSES:
        raise FormatError(f"{len(names)} classes: a file holds 1 to {MAX_CLASSES}.")
    packed = bytearray()
    for name in names:
        text = name.encode()
        if not 1 <= len(text) <= 255:
            raise FormatError(f"The class name {name!r} has {len(text)} bytes, 1 to 255 fit.")
        packed += bytes([len(text)]) + text
    return bytes(packed)


def unpack_names(data: bytes, count: int, what: str) -> tuple[list[str], int]:
    """`count` class names from the start of `data`, and the bytes they took.

    Raises:
        FormatError: They do not fit, or are not UTF-8; `what` names the file in the sentence.
    """
    names: list[str] = []
    at = 0
    for number in range(count):
        size = data[at] if at < len(data) else 0
        text = data[at + 1 : at + 1 + size]
        if size == 0 or len(text) != size:
            raise FormatError(f"{what}: the name of class {number} is missing or cut short.")
        try:
            names.append(text.decode())
        except UnicodeDecodeError:
            raise FormatError(f"{what}: the name of class {number} is not UTF-8.") from None
        at += 1 + size
    return names, at


def pack_header(height: int, width: int, names: list[str]) -> bytes:
    """The header with class names, padding and CRC.

    Raises:
        FormatError: A size or a name does not fit the layout.
    """
    for side in (height, width):
        if not MIN_SIDE <= side <= MAX_SIDE:
            raise FormatError(
                f"Images of {height}x{width}: each side must be {MIN_SIDE} to {MAX_SIDE}."
            )
    text = pack_names(names)
    text += bytes(-len(text) % 4)
    size = struct.calcsize(HEADER) + len(text) + 4
    head = struct.pack(HEADER, MAGIC, VERSION, size, height, width, len(names), 0) + text
    return head + struct.pack("<I", zlib.crc32(head))


def pack_record(index: int, kind: int, label: int, payload: bytes, image_bytes: int) -> bytes:
    """Record number `index` of a file whose images have `image_bytes` bytes.

    Raises:
        FormatError: The payload is longer than an image.
    """
    if len(payload) > image_bytes:
        raise FormatError(f"A payload of {len(payload)} bytes: records here hold {image_bytes}.")
    body = struct.pack(RECORD, kind, label, 0) + payload
    body += bytes(record_bytes(image_bytes) - 4 - len(body))
    return body + struct.pack("<I", zlib.crc32(body, zlib.crc32(struct.pack("<I", index))))


def pack_samples(samples: Samples) -> bytes:
    """The whole file as bytes.

    Raises:
        FormatError: Shapes, types or labels do not fit the layout.
    """
    images, labels = samples.images, samples.labels
    if images.ndim != 3 or images.dtype != np.uint8:
        raise FormatError(
            f"images must be uint8 (n, height, width), got {images.dtype} {images.shape}."
        )
    if labels.shape != images.shape[:1]:
        raise FormatError(f"{len(images)} images but {labels.size} labels.")
    if len(labels) and int(labels.max()) >= len(samples.class_names):
        raise FormatError(
            f"Label {labels.max()} with only {len(samples.class_names)} class names."
        )
    size = samples.height * samples.width
    parts = [pack_header(samples.height, samples.width, samples.class_names)]
    for index, (label, image) in enumerate(zip(labels, images, strict=True)):
        parts.append(pack_record(index, SAMPLE, int(label), image.tobytes(), size))
    return b"".join(parts)


def write_samples(path: Path, samples: Samples) -> None:
    """Write the file whole; an older one stays until the new one is complete.

    Raises:
        FormatError: Shapes, types or labels do not fit the layout.
        OSError: The file cannot be written.
    """
    files.write_bytes(path, pack_samples(samples))


def read_samples(path: Path) -> Samples:
    """Read the live samples of a file.

    Raises:
        FormatError: The header is damaged, or this is no samples file.
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        if path.stat().st_size > files.LARGEST:
            raise _too_large(str(path))
        return _unpack(stream, str(path))


def _too_large(what: str) -> FormatError:
    return FormatError(f"{what} has more than the {files.LARGEST:,} bytes a board can hold.")


def unpack_samples(data: bytes, what: str = "samples file") -> Samples:
    """The live samples in the bytes of a file; `what` names it in sentences.

    Raises:
        FormatError: The header is damaged, or this is no samples file.
    """
    return _unpack(io.BytesIO(data), what)


def _unpack(stream: BinaryIO, what: str) -> Samples:
    """Record by record, so that only live samples are held in memory."""
    height, width, names = _unpack_header(stream, what)
    pixels = height * width
    size = record_bytes(pixels)
    live: dict[int, Live] = {}
    deleted: dict[int, Live] = {}  # by the last record
    damaged = 0
    bad = 0  # unsound records since the last sound one: damaged if another follows, else torn
    for index in range(files.LARGEST // size):
        record = stream.read(size)
        if len(record) < size:
            break
        if _record_sound(record, index):
            # One that leans on a damaged record is damaged too, but never part of a torn tail.
            damaged += bad + (not _apply(record, index, live, deleted, names, pixels))
            bad = 0
        else:
            bad += 1
    else:
        raise _too_large(what)
    samples = [live[number] for number in sorted(live)]
    images = np.frombuffer(b"".join(one.pixels for one in samples), np.uint8)
    labels = np.array([one.label for one in samples], np.uint8)
    torn = len(record) + bad * size
    return Samples(names, images.reshape(len(live), height, width), labels, damaged, torn)


def _unpack_header(stream: BinaryIO, what: str) -> tuple[int, int, list[str]]:
    fixed = struct.calcsize(HEADER)
    data = stream.read(fixed)
    if len(data) < fixed or data[:4] != MAGIC:
        raise FormatError(f"{what} is no samples file: it does not begin with {MAGIC.decode()}.")
    _, version, size, height, width, count, zero = struct.unpack(HEADER, data)
    if version != VERSION:
        raise FormatError(
            f"{what} has version {version} of the samples file, this reads {VERSION}."
        )
    data += stream.read(max(0, size - fixed))
    if size < fixed + 4 or size % 4 or len(data) < size:
        raise FormatError(f"{what}: the header is cut short or its size of {size} bytes is wrong.")
    if struct.unpack_from("<I", data, size - 4)[0] != zlib.crc32(data[: size - 4]):
        raise FormatError(f"{what}: the header is damaged (its CRC does not fit).")
    possible = min(height, width) >= MIN_SIDE and max(height, width) <= MAX_SIDE
    if not possible or not 1 <= count <= MAX_CLASSES or zero:
        raise FormatError(f"{what}: {height}x{width} images in {count} classes cannot be.")
    names, used = unpack_names(data[fixed : size - 4], count, what)
    if size != fixed + (used + 3) // 4 * 4 + 4 or any(data[fixed + used : size - 4]):
        raise FormatError(f"{what}: the header is longer than its class names.")
    return height, width, names


def _record_sound(record: bytes, index: int) -> bool:
    crc = zlib.crc32(record[:-4], zlib.crc32(struct.pack("<I", index)))
    return bool(crc == struct.unpack("<I", record[-4:])[0])


def _apply(
    record: bytes,
    index: int,
    live: dict[int, Live],
    deleted: dict[int, Live],
    names: list[str],
    image_bytes: int,
) -> bool:
    """Apply one record to the live samples and names; False if it cannot be.

    `deleted` holds the sample that the sound record before it has deleted, if it has.
    """
    kind, label, _ = struct.unpack_from(RECORD, record)
    restorable = dict(deleted)
    deleted.clear()
    payload = record[struct.calcsize(RECORD) :][:image_bytes]
    if kind == CLASS_NAME:
        try:
            (name,), _ = unpack_names(payload, 1, "record")
        except FormatError:
            return False
        if label > len(names) or label >= MAX_CLASSES:
            return False
        names[label : label + 1] = [name]
        return True
    if kind == DELETE:
        number = struct.unpack_from("<I", payload)[0]
        if number not in live:
            return False
        deleted[number] = live.pop(number)
        return True
    if kind == RESTORE:
        number = struct.unpack_from("<I", payload)[0]
        if number not in restorable or restorable[number].label != label:
            return False
        live[number] = restorable[number]
        return True
    if label >= len(names):
        return False
    if kind == SAMPLE:
        live[index] = Live(label, payload)
        return True
    if kind == RELABEL:
        sample = live.get(struct.unpack_from("<I", payload)[0])
        if sample is not None:
            sample.label = label
            return True
    return False
