"""The model file (`.uffm`): what a target learnt, with everything needed to repeat and check it.

Little-endian: a fixed header, the class names, tagged arrays, and a CRC over all of it. Arrays
hold integers; a stored integer is the value times two to the power of the array's exponent.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host import files
from uff_host.errors import FormatError
from uff_host.samples import MAX_CLASSES, MAX_SIDE, MIN_SIDE, pack_names, unpack_names

MAGIC = b"UFFM"
VERSION = 1
LABEL_PIXELS = 16  # pixels that carry labels: a 2x2 block in each corner
NOT_COMPUTED = 0xFFFFFFFF

# magic, version, header bytes, total bytes, network, classes, label pixels, flags,
# height, width, features, hidden, images, seed, strength, lambda1, lambda2,
# fitted correct, leave-one-out correct, CRC of layer 1's Gram, CRC of the hidden values' Gram
HEADER = "<4sHHIBBBBHHHHIIfffIIII"
ARRAY = "<4sBbHII"  # tag, typecode, exponent, 0, rows, columns

FLAG_DUAL1 = 1
FLAG_DUAL2 = 2
FLAG_LAMBDA_CHOSEN = 4
FLAG_STATISTICS = 8

DTYPES = {"h": "<i2", "i": "<i4", "B": "u1"}
TYPECODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}

IntArray = npt.NDArray[Any]


@dataclass
class Array:
    """One array: integers (rows, columns) and the exponent they are stored with."""

    data: IntArray
    exponent: int = 0


@dataclass
class Model:
    """The fields of a model file, and its arrays by tag (b"W1  ", b"W2  ", ...).

    strength, lambda1 and lambda2 are float32 values; loo_correct is None when it was not computed.
    """

    network: int
    height: int
    width: int
    n_hidden: int
    n_images: int
    seed: int
    strength: float
    lambda1: float
    lambda2: float
    class_names: list[str]
    fitted_correct: int
    loo_correct: int | None
    gram1_crc: int
    gram2_crc: int
    dual1: bool = False
    dual2: bool = False
    lambda_chosen: bool = False
    arrays: dict[bytes, Array] = field(default_factory=dict)

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def n_features(self) -> int:
        """Pixels of the image part, m."""
        return self.height * self.width - LABEL_PIXELS

    @property
    def n_class_features(self) -> int:
        """What the class layer sees: the hidden values, or the pixels of the one-layer network."""
        return self.n_hidden if self.network == 2 else self.n_features

    @property
    def has_statistics(self) -> bool:
        return b"GRAM" in self.arrays

    def array(self, tag: str) -> IntArray:
        """The integers of the array with this tag, as (rows, columns).

        Raises:
            FormatError: The model has no such array.
        """
        try:
            return self.arrays[tag.ljust(4).encode()].data
        except KeyError:
            raise FormatError(f"The model holds no array {tag}.") from None

    def flags(self) -> int:
        return (
            FLAG_DUAL1 * self.dual1
            | FLAG_DUAL2 * self.dual2
            | FLAG_LAMBDA_CHOSEN * self.lambda_chosen
            | FLAG_STATISTICS * self.has_statistics
        )


def expected_arrays(model: Model) -> dict[bytes, tuple[str, int | None, int, int]]:
    """What `model` must hold: tag -> (typecode, exponent or None for any, rows, columns)."""
    k, n, m = model.n_classes, model.n_images, model.n_features
    m2 = model.n_class_features
    wanted: dict[bytes, tuple[str, int | None, int, int]] = {}
    if model.network == 2:
        wanted[b"W1  "] = ("h", 14, model.n_hidden, m)
    wanted[b"W2  "] = ("h", None, k, m2)
    wanted[b"V2  "] = ("i", None, k, k)
    if b"FIT " in model.arrays:
        wanted[b"FIT "] = ("B", 0, 1, n)
    if model.loo_correct is not None:
        wanted[b"LOO "] = ("B", 0, 1, n)
    if b"NOTE" in model.arrays:
        wanted[b"NOTE"] = ("B", 0, 1, model.arrays[b"NOTE"].data.size)
    if model.has_statistics:
        size2 = n if model.dual2 else m2
        wanted[b"GRAM"] = ("i", 18, 1, size2 * (size2 + 1) // 2)
        wanted[b"SUMS"] = ("i", 9, k, m2)
        wanted[b"CNT "] = ("i", 0, 1, k)
        if model.network == 2:
            size1 = n if model.dual1 else m
            wanted[b"GRM1"] = ("i", 18, 1, size1 * (size1 + 1) // 2)
    return wanted


def pack_model(model: Model) -> bytes:
    """The whole file as bytes.

    Raises:
        FormatError: A field or an array does not fit the others.
    """
    _check(model, "model")
    names = pack_names(model.class_names)
    names += bytes(-len(names) % 4)
    body = bytearray()
    for tag in expected_arrays(model):
        stored = model.arrays[tag]
        code = TYPECODES[stored.data.dtype.newbyteorder("<")]
        body += struct.pack(ARRAY, tag, ord(code), stored.exponent, 0, *stored.data.shape)
        data = stored.data.astype(DTYPES[code]).tobytes()
        body += data + bytes(-len(data) % 4)
    header_size = struct.calcsize(HEADER) + len(names)
    loo = NOT_COMPUTED if model.loo_correct is None else model.loo_correct
    head = struct.pack(
        HEADER,
        MAGIC,
        VERSION,
        header_size,
        header_size + len(body) + 4,
        model.network,
        model.n_classes,
        LABEL_PIXELS,
        model.flags(),
        model.height,
        model.width,
        model.n_features,
        model.n_hidden,
        model.n_images,
        model.seed,
        model.strength,
        model.lambda1,
        model.lambda2,
        model.fitted_correct,
        loo,
        model.gram1_crc,
        model.gram2_crc,
    )
    data = head + names + bytes(body)
    return data + struct.pack("<I", zlib.crc32(data))


def write_model(path: Path, model: Model) -> None:
    """Write the file whole; an older one stays until the new one is complete.

    Raises:
        FormatError: A field or an array does not fit the others.
        OSError: The file cannot be written.
    """
    files.write_bytes(path, pack_model(model))


def read_model(path: Path) -> Model:
    """Read a model file and check every field and array of it.

    Raises:
        FormatError: It is no model file, damaged, or its parts do not fit each other.
        OSError: It cannot be read.
    """
    return unpack_model(path.read_bytes(), str(path))


def unpack_model(data: bytes, what: str = "model file") -> Model:
    """The model in the bytes of a file; `what` names it in sentences.

    Raises:
        FormatError: It is no model file, damaged, or its parts do not fit each other.
    """
    fixed = struct.calcsize(HEADER)
    if len(data) < fixed + 4 or data[:4] != MAGIC:
        raise FormatError(f"{what} is no model file: it does not begin with {MAGIC.decode()}.")
    (
        _,
        version,
        header_size,
        total,
        network,
        n_classes,
        label_pixels,
        flags,
        height,
        width,
        n_features,
        n_hidden,
        n_images,
        seed,
        strength,
        lambda1,
        lambda2,
        fitted_correct,
        loo_correct,
        gram1_crc,
        gram2_crc,
    ) = struct.unpack_from(HEADER, data)
    if version != VERSION:
        raise FormatError(f"{what} has version {version} of the model file, this reads {VERSION}.")
    if total != len(data):
        raise FormatError(
            f"{what} has {len(data)} bytes, its header says {total}: it was cut short."
        )
    if struct.unpack_from("<I", data, total - 4)[0] != zlib.crc32(data[: total - 4]):
        raise FormatError(f"{what} is damaged (its CRC does not fit).")
    if not fixed <= header_size <= total - 4 or header_size % 4:
        raise FormatError(f"{what}: a header of {header_size} bytes cannot be.")
    names, used = unpack_names(data[fixed:header_size], n_classes, what)
    if header_size != fixed + (used + 3) // 4 * 4 or any(data[fixed + used : header_size]):
        raise FormatError(f"{what}: the header is longer than its class names.")
    model = Model(
        network=network,
        height=height,
        width=width,
        n_hidden=n_hidden,
        n_images=n_images,
        seed=seed,
        strength=strength,
        lambda1=lambda1,
        lambda2=lambda2,
        class_names=names,
        fitted_correct=fitted_correct,
        loo_correct=None if loo_correct == NOT_COMPUTED else loo_correct,
        gram1_crc=gram1_crc,
        gram2_crc=gram2_crc,
        dual1=bool(flags & FLAG_DUAL1),
        dual2=bool(flags & FLAG_DUAL2),
        lambda_chosen=bool(flags & FLAG_LAMBDA_CHOSEN),
        arrays=_unpack_arrays(data[header_size : total - 4], what),
    )
    if label_pixels != LABEL_PIXELS or n_features != model.n_features:
        raise FormatError(
            f"{what}: {n_features} features and {label_pixels} label pixels do not make "
            f"images of {height}x{width}."
        )
    _check(model, what)
    if flags != model.flags():
        raise FormatError(f"{what}: the flags {flags:#x} do not fit the arrays.")
    return model


def _unpack_arrays(data: bytes, what: str) -> dict[bytes, Array]:
    arrays: dict[bytes, Array] = {}
    head = struct.calcsize(ARRAY)
    at = 0
    while at < len(data):
        if len(data) - at < head:
            raise FormatError(f"{what}: {len(data) - at} bytes behind the last array.")
        tag, byte, exponent, zero, rows, columns = struct.unpack_from(ARRAY, data, at)
        code = chr(byte)
        if code not in DTYPES or zero or tag in arrays:
            raise FormatError(f"{what}: the head of array {tag!r} is wrong.")
        at += head
        dtype = np.dtype(DTYPES[code])
        size = rows * columns * dtype.itemsize
        padded = (size + 3) // 4 * 4
        if padded > len(data) - at or any(data[at + size : at + padded]):
            raise FormatError(f"{what}: array {tag!r} of {rows}x{columns} does not fit the file.")
        values = np.frombuffer(data, dtype, rows * columns, at).reshape(rows, columns)
        arrays[tag] = Array(values, exponent)
        at += padded
    return arrays


def _check(model: Model, what: str) -> None:
    """Every field by itself, then the arrays against the fields."""

    def need(condition: bool, sentence: str) -> None:
        if not condition:
            raise FormatError(f"{what}: {sentence}")

    need(model.network in (1, 2), f"network {model.network} is neither 1 nor 2.")
    need(1 <= model.n_classes <= MAX_CLASSES, f"{model.n_classes} classes cannot be.")
    need(
        min(model.height, model.width) >= MIN_SIDE
        and max(model.height, model.width) <= MAX_SIDE
        and model.n_features > 0,
        f"images of {model.height}x{model.width} leave no pixels beside the label pixels.",
    )
    need(
        (model.n_hidden > 0) == (model.network == 2),
        f"{model.n_hidden} hidden neurons in a network of {model.network} layers.",
    )
    need(model.n_images > 0, "it was trained on no image.")
    for name, value in (("strength", model.strength), ("lambda2", model.lambda2)):
        need(math.isfinite(value) and value > 0, f"{name} is {value}, it must be above 0.")
    need(
        math.isfinite(model.lambda1)
        and (model.lambda1 > 0 if model.network == 2 else not model.lambda1),
        f"lambda1 is {model.lambda1}.",
    )
    need(model.network == 2 or not (model.dual1 or model.gram2_crc), "one layer, marks of two.")
    for correct in (model.fitted_correct, model.loo_correct or 0):
        need(0 <= correct <= model.n_images, f"{correct} of {model.n_images} images correct.")

    wanted = expected_arrays(model)
    extra = sorted(set(model.arrays) - set(wanted))
    missing = sorted(set(wanted) - set(model.arrays))
    need(not extra, f"it holds {extra}, which this network does not have.")
    need(not missing, f"it lacks {missing}.")
    for tag, (code, exponent, rows, columns) in wanted.items():
        stored = model.arrays[tag]
        need(
            stored.data.shape == (rows, columns),
            f"array {tag!r} is {stored.data.shape}, wanted {(rows, columns)}.",
        )
        need(
            TYPECODES.get(stored.data.dtype.newbyteorder("<")) == code,
            f"array {tag!r} is of type {stored.data.dtype}, wanted {code}.",
        )
        need(
            exponent is None or stored.exponent == exponent,
            f"array {tag!r} has exponent {stored.exponent}, wanted {exponent}.",
        )
    for tag in (b"FIT ", b"LOO "):
        if tag in model.arrays:
            need(
                int(model.arrays[tag].data.max()) < model.n_classes,
                f"array {tag!r} holds a label that no class has.",
            )
    need(
        model.arrays[b"V2  "].exponent == model.arrays[b"W2  "].exponent + 9,
        "the exponents of W2 and V2 do not belong together.",
    )
