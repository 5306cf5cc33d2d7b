"""The model file (`.uffm`): what a target learnt, with everything needed to repeat and check it.

Little-endian: a header, the class names, tagged arrays, and a CRC over all of it. Arrays
hold integers; a stored integer is the value times two to the power of the array's exponent.

There are three versions. Version 1 holds the networks uff1 and uff2, both layers trained, without
copies; all others are version 2, whose header has a row for each layer. A version 2 file may also
hold a feature layer alone, for other networks to keep. Version 3 holds what merging makes of many
boards where the others cannot: statistics of a linear class layer without its weights, statistics
of more than 8,191 images, and those of classes in another order than they were learnt in.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uff_host import files
from uff_host.errors import FormatError
from uff_host.formats.networks import (
    CLASS_KINDS,
    FEATURE_KINDS,
    KINDS,
    NAMES,
    Kinds,
    is_network,
    name_of,
)
from uff_host.formats.samples import MAX_CLASSES, MAX_SIDE, MIN_SIDE, pack_names, unpack_names

MAGIC = b"UFFM"
LABEL_PIXELS = 16  # pixels that carry labels: a 2x2 block in each corner
NOT_COMPUTED = 0xFFFFFFFF
LEAST, MOST = 2.0**-20, 2.0**20  # of lambdas and parameters: more than any training takes

START = "<4sHHI"  # magic, version, header bytes, total bytes; then, by version:
# layers, classes, label pixels, flags, height, width, features, hidden, images, seed, strength,
# lambda1, lambda2, fitted correct, leave-one-out correct, CRC of layer 1's Gram matrix, of the
# class layer's
VERSION_1 = "<BBBBHHHHIIfffIIII"
# layers, classes, label pixels, flags, height, width, copies, 0, images, seed, fitted correct,
# leave-one-out correct; then for each layer
VERSION_2 = "<BBBBHHHHIIII"
LAYER = "<BBHIffI"  # kind, form, outputs, inputs, lambda, parameter, CRC of the Gram matrix
ARRAY = "<4sBbHII"  # tag, typecode, exponent, 0, rows, columns

FLAG_DUAL1 = 1  # the forms are flags in version 1, fields of the layers in version 2
FLAG_DUAL2 = 2
FLAG_LAMBDA_CHOSEN = 4
FLAG_STATISTICS = 8
FLAG_KEPT = 16  # the feature layer came from elsewhere, the class layer alone was trained
FLAG_ALONE = 32  # version 3: statistics without weights
FLAG_SCALED = 64  # version 3: statistics scaled down to int32, to be solved

DTYPES = {"h": "<i2", "i": "<i4", "q": "<i8", "B": "u1"}
TYPECODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}

MAX_COPIES = 15
MAX_NEURONS = 4096  # of a contrast layer
MAX_ROWS = 8191  # 512^2 each on the diagonal of an int32 Gram matrix
MOST_IMAGES = 2**31 - 1  # of statistics in int64
SUMMED_IMAGES = 2**21  # of which class sums fit int32: a feature is 573 at most
PATCH = 36  # elements of a patch
PATCH_SIDE = 9  # of an image, at least
PATCH_CHANNELS = 32  # outputs of a filter: 4 x 4 cells, two signs
# Squares of the rows of a feature layer, added up: below this
ROW_BOUNDS = {"contrast": 2**30 + 1, "patch": 2**29}
MOST_SQUARES = 2**18 + 2**16  # of features: 2^18 is length 1

IntArray = npt.NDArray[Any]


@dataclass
class Array:
    """One array: integers (rows, columns) and the exponent they are stored with."""

    data: IntArray
    exponent: int = 0


@dataclass
class Layer:
    """One layer: how it was trained, and the CRC-32 of the Gram matrix it was trained from.

    kind: one of networks.KINDS. outputs: neurons, filters, or classes. ridge and parameter are
    float32 values; the parameter of a class layer is the strength of its label, that of a patch
    layer its threshold. dual: the inner products of images were its matrix; always so for a
    kernel layer, never for a patch layer.
    """

    kind: str
    outputs: int
    inputs: int
    ridge: float
    parameter: float
    gram_crc: int
    dual: bool = False

    @property
    def features(self) -> int:
        """Numbers that it hands on."""
        return PATCH_CHANNELS * self.outputs if self.kind == "patch" else self.outputs


@dataclass
class Model:
    """The fields of a model file, and its arrays by tag (b"W1  ", b"W2  ", ...).

    layers: at most one feature layer, then a class layer; or a feature layer alone, for which
    there are no classes. kept: the feature layer was trained elsewhere. copies: of each image,
    trained on beside it. loo_correct is None when it was not computed. alone: statistics of the
    class layer without its weights; scaled: those scaled down to int32 (scale_of()), of more than
    8,191 images, for a target to solve.
    """

    height: int
    width: int
    copies: int
    n_images: int
    seed: int
    class_names: list[str]
    layers: list[Layer]
    fitted_correct: int
    loo_correct: int | None
    lambda_chosen: bool = False
    kept: bool = False
    alone: bool = False
    scaled: bool = False
    arrays: dict[bytes, Array] = field(default_factory=dict)

    @property
    def kinds(self) -> Kinds:
        return tuple(layer.kind for layer in self.layers)

    @property
    def network(self) -> str:
        """Its name: "uff1", "patch+kernel", ..."""
        return name_of(self.kinds)

    @property
    def feature_layer(self) -> Layer | None:
        return self.layers[0] if self.layers[0].kind in FEATURE_KINDS else None

    @property
    def is_feature_layer(self) -> bool:
        """Whether it is a feature layer alone."""
        return self.kinds[-1] in FEATURE_KINDS

    @property
    def class_layer(self) -> Layer:
        return self.layers[-1]

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def n_rows(self) -> int:
        """Images and their copies."""
        return self.n_images * (1 + self.copies)

    @property
    def version(self) -> int:
        """Of the file that holds it."""
        many = self.n_images > MAX_ROWS and self.kinds[-1] == "linear"
        if self.alone or many or b"OFFS" in self.arrays:
            return 3
        old = self.kinds in (NAMES["uff1"], NAMES["uff2"]) and not self.copies and not self.kept
        return 1 if old else 2

    @property
    def has_statistics(self) -> bool:
        return b"GRAM" in self.arrays

    def array(self, tag: str) -> IntArray:
        """The integers of the array with this tag, as (rows, columns).

        Raises:
            FormatError: The model has no such array.
        """
        return self._array(tag).data

    def exponent(self, tag: str) -> int:
        """The exponent of the array with this tag.

        Raises:
            FormatError: The model has no such array.
        """
        return self._array(tag).exponent

    def _array(self, tag: str) -> Array:
        try:
            return self.arrays[tag.ljust(4).encode()]
        except KeyError:
            raise FormatError(f"The model holds no array {tag}.") from None


def image_part(height: int, width: int) -> int:
    """Pixels beside the label pixels."""
    return height * width - LABEL_PIXELS


def inputs_of(kind: str, height: int, width: int) -> int:
    """Pixels that a network whose first layer is of this kind sees: the patch layer sees all."""
    return height * width if kind == "patch" else image_part(height, width)


# --- Which arrays a model holds ------------------------------------------------------------------

# tag -> (typecode, exponent or None for any, rows, columns)
Wanted = dict[bytes, tuple[str, int | None, int, int]]


def packed(order: int) -> int:
    """Elements of a packed lower triangle."""
    return order * (order + 1) // 2


def _contrast_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    order = rows if layer.dual else layer.inputs
    return (
        {b"W1  ": ("h", 14, layer.outputs, layer.inputs)},
        {b"GRM1": ("i", 18, 1, packed(order))},
    )


def _patch_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    return (
        {b"W1  ": ("h", None, layer.outputs, PATCH), b"B1  ": ("i", None, 1, layer.outputs)},
        {
            b"GRM1": ("i", 18, 1, packed(PATCH)),
            b"SUM1": ("i", 9, 1, PATCH),
            b"NUM1": ("i", 0, 1, 1),
        },
    )


def _linear_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    k, order = layer.outputs, rows if layer.dual else layer.inputs
    return (
        {b"W2  ": ("h", None, k, layer.inputs), b"V2  ": ("i", None, k, k)},
        {
            b"GRAM": ("i", 18, 1, packed(order)),
            b"SUMS": ("i", 9, k, layer.inputs),
            b"CNT ": ("i", 0, 1, k),
        },
    )


def _kernel_arrays(layer: Layer, rows: int) -> tuple[Wanted, Wanted]:
    k = layer.outputs
    return (
        {
            b"ROWS": ("h", 9, rows, layer.inputs),
            b"W2  ": ("h", None, k, rows),
            b"V2  ": ("i", None, k, k),
        },
        {b"GRAM": ("i", 30, 1, packed(rows)), b"CNT ": ("i", 0, 1, k)},
    )


# The arrays of each kind of layer: its weights, and its statistics
_ARRAYS: dict[str, Callable[[Layer, int], tuple[Wanted, Wanted]]] = {
    "contrast": _contrast_arrays,
    "patch": _patch_arrays,
    "linear": _linear_arrays,
    "kernel": _kernel_arrays,
}


def scale_of(images: int) -> tuple[int, int]:
    """Bits by which (Gram matrix, class sums) of so many images are scaled down to fit int32.

    As many as make 2^bits times 8,191 images, or 2^21, so that what is left has as many bits as
    the sums of a training may have.
    """
    gram = sums = 0
    while images > MAX_ROWS << gram:
        gram += 1
    while images > SUMMED_IMAGES << sums:
        sums += 1
    return gram, sums


def _merged_arrays(model: Model) -> Wanted:
    """Those of a file of version 3."""
    wanted: Wanted = {}
    if model.feature_layer:
        wanted |= _ARRAYS[model.feature_layer.kind](model.feature_layer, 0)[0]
    weights, statistics = _linear_arrays(model.class_layer, 0)
    if not model.alone:
        wanted |= weights
        if b"NOTE" in model.arrays:
            wanted[b"NOTE"] = ("B", 0, 1, model.arrays[b"NOTE"].data.size)
    if model.has_statistics or model.alone:
        wide = model.n_images > MAX_ROWS and not model.scaled
        bits = scale_of(model.n_images) if model.scaled else (0, 0)
        for tag, by in zip((b"GRAM", b"SUMS"), bits, strict=True):
            _, exponent, rows, columns = statistics[tag]
            assert exponent is not None
            statistics[tag] = ("q" if wide else "i", exponent - by, rows, columns)
        wanted |= statistics
    if b"OFFS" in model.arrays:
        wanted[b"OFFS"] = ("q", 0, 1, model.n_classes)
    return wanted


def expected_arrays(model: Model) -> Wanted:
    """What `model` must hold, in the order of the file."""
    if model.version == 3:
        return _merged_arrays(model)
    weights: Wanted = {}
    statistics: Wanted = {}
    for layer in model.layers:
        its_weights, its_statistics = _ARRAYS[layer.kind](layer, model.n_rows)
        weights |= its_weights
        held = model.has_statistics
        if layer.kind in FEATURE_KINDS:
            held = b"GRM1" in model.arrays and not model.kept
        if held and not model.is_feature_layer:
            statistics |= its_statistics
    labels: Wanted = {}
    if b"FIT " in model.arrays and not model.is_feature_layer:
        labels[b"FIT "] = ("B", 0, 1, model.n_images)
    if model.loo_correct is not None:
        labels[b"LOO "] = ("B", 0, 1, model.n_images)
    if b"NOTE" in model.arrays:
        labels[b"NOTE"] = ("B", 0, 1, model.arrays[b"NOTE"].data.size)
    return weights | labels | statistics


# --- Writing -------------------------------------------------------------------------------------


def pack_model(model: Model) -> bytes:
    """The whole file as bytes.

    Raises:
        FormatError: A field or an array does not fit the others.
    """
    check(model, "model")
    names = b"" if model.is_feature_layer else pack_names(model.class_names)
    names += bytes(-len(names) % 4)
    body = bytearray()
    for tag in expected_arrays(model):
        stored = model.arrays[tag]
        code = TYPECODES[stored.data.dtype.newbyteorder("<")]
        body += struct.pack(ARRAY, tag, ord(code), stored.exponent, 0, *stored.data.shape)
        data = stored.data.astype(DTYPES[code]).tobytes()
        body += data + bytes(-len(data) % 4)
    fields = (_pack_1 if model.version == 1 else _pack_2)(model)
    size = struct.calcsize(START) + len(fields) + len(names)
    start = struct.pack(START, MAGIC, model.version, size, size + len(body) + 4)
    data = start + fields + names + bytes(body)
    return data + struct.pack("<I", zlib.crc32(data))


def _flags(model: Model) -> int:
    return (
        FLAG_LAMBDA_CHOSEN * model.lambda_chosen
        | FLAG_STATISTICS * model.has_statistics
        | FLAG_KEPT * model.kept
        | FLAG_ALONE * model.alone
        | FLAG_SCALED * model.scaled
    )


def _loo_field(model: Model) -> int:
    return NOT_COMPUTED if model.loo_correct is None else model.loo_correct


def _pack_1(model: Model) -> bytes:
    first, last = model.feature_layer, model.class_layer
    dual1, dual2 = first is not None and first.dual, last.dual
    return struct.pack(
        VERSION_1,
        len(model.layers),
        model.n_classes,
        LABEL_PIXELS,
        _flags(model) | FLAG_DUAL1 * dual1 | FLAG_DUAL2 * dual2,
        model.height,
        model.width,
        image_part(model.height, model.width),
        first.outputs if first else 0,
        model.n_images,
        model.seed,
        last.parameter,
        first.ridge if first else 0.0,
        last.ridge,
        model.fitted_correct,
        _loo_field(model),
        first.gram_crc if first else last.gram_crc,
        last.gram_crc if first else 0,
    )


def _pack_2(model: Model) -> bytes:
    head = struct.pack(
        VERSION_2,
        len(model.layers),
        model.n_classes,
        LABEL_PIXELS,
        _flags(model),
        model.height,
        model.width,
        model.copies,
        0,
        model.n_images,
        model.seed,
        model.fitted_correct,
        _loo_field(model),
    )
    for layer in model.layers:
        head += struct.pack(
            LAYER,
            1 + KINDS.index(layer.kind),
            layer.dual,
            layer.outputs,
            layer.inputs,
            layer.ridge,
            layer.parameter,
            layer.gram_crc,
        )
    return head


def write_model(path: Path, model: Model) -> None:
    """Write the file whole; an older one stays until the new one is complete.

    Raises:
        FormatError: A field or an array does not fit the others.
        OSError: The file cannot be written.
    """
    files.write_bytes(path, pack_model(model))


# --- Reading -------------------------------------------------------------------------------------


def read_model(path: Path) -> Model:
    """Read the file of a whole network and check every field and array of it.

    Raises:
        FormatError: It is no model file, damaged, its parts do not fit each other, or it holds a
            feature layer or statistics alone.
        OSError: It cannot be read.
    """
    return unpack_model(read_bytes(path), str(path))


def read_statistics(path: Path) -> Model:
    """Read a file of a whole network, or of statistics alone.

    Raises:
        FormatError: As read_model(), but for statistics alone.
        OSError: It cannot be read.
    """
    return unpack_statistics(read_bytes(path), str(path))


def read_layer(path: Path) -> Model:
    """The feature layer of a model file, alone; of a whole network or of a file that holds no
    more.

    Raises:
        FormatError: It is no model file, damaged, or has no feature layer.
        OSError: It cannot be read.
    """
    return unpack_layer(read_bytes(path), str(path))


def unpack_layer(data: bytes, what: str = "layer file") -> Model:
    """Likewise, of the bytes of a file; `what` names it in sentences.

    Raises:
        FormatError: It is no model file, damaged, or has no feature layer.
    """
    model = _unpack(data, what)
    if model.feature_layer is None:
        raise FormatError(f"{what} holds {model.network}, which has no feature layer.")
    return layer_alone(model)


def layer_alone(model: Model) -> Model:
    """The feature layer of a network that has one, as a model that can be written.

    It tells neither of images nor of seeds, and has no note.
    """
    assert model.feature_layer is not None
    layer = replace(model.feature_layer)
    weights, _ = _ARRAYS[layer.kind](layer, 0)
    return Model(
        height=model.height,
        width=model.width,
        copies=0,
        n_images=0,
        seed=0,
        class_names=[],
        layers=[layer],
        fitted_correct=0,
        loo_correct=None,
        arrays={tag: model.arrays[tag] for tag in weights},
    )


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, no more than its header tells of.

    Raises:
        FormatError: It does not begin as a model file, or goes on behind its end.
        OSError: It cannot be read.
    """
    start = struct.calcsize(START)
    return files.read_as_told(path, start, lambda head: _unpack_start(head, str(path))[1])


def unpack_model(data: bytes, what: str = "model file") -> Model:
    """The network in the bytes of a file; `what` names it in sentences.

    Raises:
        FormatError: It is no model file, damaged, its parts do not fit each other, or it holds a
            feature layer or statistics alone.
    """
    model = unpack_statistics(data, what)
    if model.alone:
        raise FormatError(f"{what} holds statistics alone; `uff merge` makes a network of them.")
    return model


def unpack_statistics(data: bytes, what: str = "model file") -> Model:
    """Likewise, but of statistics alone too.

    Raises:
        FormatError: As unpack_model(), but for statistics alone.
    """
    model = _unpack(data, what)
    if model.is_feature_layer:
        raise FormatError(f"{what} holds a feature layer alone; a whole network is wanted.")
    return model


def _unpack(data: bytes, what: str) -> Model:
    version, total = _unpack_start(data, what)
    start, header_size = struct.calcsize(START), struct.unpack_from(START, data)[2]
    fields = VERSION_1 if version == 1 else VERSION_2
    fixed = start + struct.calcsize(fields)
    if total != len(data):
        raise FormatError(
            f"{what} has {'more than ' * (len(data) > total)}{min(len(data), total)} bytes, "
            f"its header says {total}: it was cut short or is damaged."
        )
    if total < fixed + 4 or struct.unpack_from("<I", data, total - 4)[0] != zlib.crc32(
        memoryview(data)[: total - 4]
    ):
        raise FormatError(f"{what} is damaged (its CRC does not fit).")
    if not fixed <= header_size <= total - 4 or header_size % 4:
        raise FormatError(f"{what}: a header of {header_size} bytes cannot be.")
    arrays = _unpack_arrays(data[header_size : total - 4], what)
    head = data[start:header_size]
    if version == 1:
        return _unpack_1(head, arrays, what)
    return _unpack_2(head, arrays, version, what)


def _unpack_start(data: bytes, what: str) -> tuple[int, int]:
    """Version and bytes of a file, from its first bytes."""
    if len(data) < struct.calcsize(START) or data[:4] != MAGIC:
        raise FormatError(f"{what} is no model file: it does not begin with {MAGIC.decode()}.")
    _, version, _, total = struct.unpack_from(START, data)
    if version not in (1, 2, 3):
        raise FormatError(f"{what} has version {version} of the model file, this reads 1 to 3.")
    return version, total


def _unpack_1(head: bytes, arrays: dict[bytes, Array], what: str) -> Model:
    (
        n_layers,
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
        crc1,
        crc2,
    ) = struct.unpack_from(VERSION_1, head)
    names = _unpack_names(head[struct.calcsize(VERSION_1) :], n_classes, what)

    def need(condition: bool, sentence: str) -> None:
        if not condition:
            raise FormatError(f"{what}: {sentence}")

    m = image_part(height, width)
    need(
        label_pixels == LABEL_PIXELS and n_features == m,
        f"{n_features} features and {label_pixels} label pixels do not make "
        f"images of {height}x{width}.",
    )
    need(n_layers in (1, 2), f"a version 1 file has 1 or 2 layers, this one {n_layers}.")
    need(
        (n_hidden > 0) == (n_layers == 2),
        f"{n_hidden} hidden neurons in a network of {n_layers} layers.",
    )
    dual1, dual2 = bool(flags & FLAG_DUAL1), bool(flags & FLAG_DUAL2)
    if n_layers == 2:
        layers = [
            Layer("contrast", n_hidden, m, lambda1, 0.0, crc1, dual1),
            Layer("linear", n_classes, n_hidden, lambda2, strength, crc2, dual2),
        ]
    else:
        need(not (lambda1 or dual1 or crc2), "one layer, but fields of two are set.")
        layers = [Layer("linear", n_classes, m, lambda2, strength, crc1, dual2)]
    return _whole(
        Model(
            height=height,
            width=width,
            copies=0,
            n_images=n_images,
            seed=seed,
            class_names=names,
            layers=layers,
            fitted_correct=fitted_correct,
            loo_correct=None if loo_correct == NOT_COMPUTED else loo_correct,
            lambda_chosen=bool(flags & FLAG_LAMBDA_CHOSEN),
            arrays=arrays,
        ),
        1,
        flags & ~(FLAG_DUAL1 | FLAG_DUAL2),
        what,
    )


def _unpack_2(head: bytes, arrays: dict[bytes, Array], version: int, what: str) -> Model:
    (
        n_layers,
        n_classes,
        label_pixels,
        flags,
        height,
        width,
        copies,
        zero,
        n_images,
        seed,
        fitted_correct,
        loo_correct,
    ) = struct.unpack_from(VERSION_2, head)
    at = struct.calcsize(VERSION_2)
    if n_layers not in (1, 2) or at + n_layers * struct.calcsize(LAYER) > len(head):
        raise FormatError(
            f"{what}: 1 or 2 layers are wanted, {n_layers} came in {len(head)} bytes of header."
        )
    if label_pixels != LABEL_PIXELS or zero:
        raise FormatError(
            f"{what}: {label_pixels} label pixels and a spare field of {zero}, "
            f"wanted {LABEL_PIXELS} and 0."
        )
    layers = []
    for _ in range(n_layers):
        kind, form, outputs, inputs, ridge, parameter, gram_crc = struct.unpack_from(
            LAYER, head, at
        )
        if not 1 <= kind <= len(KINDS) or form not in (0, 1):
            raise FormatError(f"{what}: a layer of kind {kind} and form {form} is not known.")
        layers.append(
            Layer(KINDS[kind - 1], outputs, inputs, ridge, parameter, gram_crc, bool(form))
        )
        at += struct.calcsize(LAYER)
    return _whole(
        Model(
            height=height,
            width=width,
            copies=copies,
            n_images=n_images,
            seed=seed,
            class_names=_unpack_names(head[at:], n_classes, what),
            layers=layers,
            fitted_correct=fitted_correct,
            loo_correct=None if loo_correct == NOT_COMPUTED else loo_correct,
            lambda_chosen=bool(flags & FLAG_LAMBDA_CHOSEN),
            kept=bool(flags & FLAG_KEPT),
            alone=bool(flags & FLAG_ALONE),
            scaled=bool(flags & FLAG_SCALED),
            arrays=arrays,
        ),
        version,
        flags,
        what,
    )


def _whole(model: Model, version: int, flags: int, what: str) -> Model:
    """The model, when everything in it fits."""
    check(model, what)
    if model.version != version:
        raise FormatError(
            f"{what}: {model.network} with {model.copies} copies, its feature layer "
            f"{'kept' if model.kept else 'trained'}, belongs in a file of version "
            f"{model.version}, this one says {version}."
        )
    if flags != _flags(model):
        raise FormatError(f"{what}: the flags {flags:#x} do not fit the arrays.")
    return model


def _unpack_names(data: bytes, count: int, what: str) -> list[str]:
    names, used = unpack_names(data, count, what)
    if len(data) != (used + 3) // 4 * 4 or any(data[used:]):
        raise FormatError(f"{what}: the header is longer than its class names.")
    return names


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


# --- Checking ------------------------------------------------------------------------------------

Need = Callable[[bool, str], None]


def check(model: Model, what: str) -> None:
    """Every field by itself, then the layers, then the arrays against both.

    Raises:
        FormatError: Something does not fit; `what` names the model in the sentence.
    """

    def need(condition: bool, sentence: str) -> None:
        if not condition:
            raise FormatError(f"{what}: {sentence}")

    alone = model.is_feature_layer
    need(
        is_network(model.kinds) or (alone and len(model.layers) == 1),
        f"layers {', '.join(model.kinds)}: wanted a feature layer or none, then a class layer.",
    )
    if alone:
        need(not model.class_names, f"a feature layer alone with {model.n_classes} classes.")
        need(
            not (model.n_images or model.copies or model.fitted_correct)
            and not (model.lambda_chosen or model.kept)
            and model.loo_correct is None,
            "a feature layer alone, but fields of a whole network are set.",
        )
    else:
        least = 1 if model.alone else 2
        need(least <= model.n_classes <= MAX_CLASSES, f"{model.n_classes} classes cannot be.")
        need(model.n_images > 0, "it was trained on no image.")
    need(
        not model.kept or model.feature_layer is not None,
        "its feature layer was kept, but it has none.",
    )
    need(
        min(model.height, model.width) >= MIN_SIDE
        and max(model.height, model.width) <= MAX_SIDE
        and image_part(model.height, model.width) > 0,
        f"images of {model.height}x{model.width} leave no pixels beside the label pixels.",
    )
    need(0 <= model.copies <= MAX_COPIES, f"{model.copies} copies, wanted 0 to {MAX_COPIES}.")
    if model.version == 3:
        _check_merged(model, need)
    need(
        model.n_rows <= MAX_ROWS or model.version == 3,
        f"{model.n_images} images with {model.copies} copies are {model.n_rows} rows, "
        f"wanted {MAX_ROWS} at most.",
    )
    for correct in (model.fitted_correct, model.loo_correct or 0):
        need(0 <= correct <= model.n_images, f"{correct} of {model.n_images} images correct.")
    inputs = inputs_of(model.kinds[0], model.height, model.width)
    for layer in model.layers:
        _check_layer(layer, inputs, model, need)
        inputs = layer.features
    _check_arrays(model, need)
    feature = model.feature_layer
    if feature:
        _check_rows("W1", model.array("W1"), ROW_BOUNDS[feature.kind] - 1, need)
        if feature.kind == "patch":
            _check_patch(model, feature, need)
    if b"ROWS" in model.arrays:
        rows = model.array("ROWS")
        need(int(rows.min()) >= 0, "array b'ROWS' holds features below 0.")
        _check_rows("ROWS", rows, MOST_SQUARES, need)
    if not alone:
        more = 9 if model.alone else model.exponent("V2") - model.exponent("W2")
        # A kernel layer's sums of alpha and phi are shifted right by 30 - more.
        fits = -33 <= more <= 30 if model.class_layer.kind == "kernel" else more == 9
        need(fits, "the exponents of W2 and V2 do not belong together.")


def _check_merged(model: Model, need: Need) -> None:
    """The fields of a file of version 3."""
    need(
        not (model.copies or model.seed or model.fitted_correct or model.lambda_chosen)
        and model.loo_correct is None,
        "statistics were merged, but fields of a training are set.",
    )
    need(
        model.class_layer.kind == "linear" and not model.class_layer.dual,
        "statistics are merged of a linear class layer in primal form.",
    )
    need(
        model.kept == (model.feature_layer is not None),
        "a feature layer beside merged statistics must have been kept.",
    )
    need(model.n_images <= MOST_IMAGES, f"{model.n_images} images, wanted {MOST_IMAGES} at most.")
    need(
        not model.scaled or (model.alone and model.n_images > MAX_ROWS),
        f"statistics of {model.n_images} images, not alone or not many, are scaled down.",
    )
    if b"OFFS" in model.arrays:
        need(model.has_statistics, "there are offsets without statistics.")


def _check_layer(layer: Layer, inputs: int, model: Model, need: Need) -> None:
    kind, is_class = layer.kind, layer.kind in CLASS_KINDS
    need(layer.inputs == inputs, f"the {kind} layer has {layer.inputs} inputs, wanted {inputs}.")
    if is_class:
        need(
            layer.outputs == model.n_classes,
            f"the {kind} layer has {layer.outputs} outputs for {model.n_classes} classes.",
        )
    else:
        need(layer.outputs > 0, f"the {kind} layer has no neurons.")
        need(
            kind != "contrast" or 2 <= layer.outputs <= MAX_NEURONS,
            f"a contrast layer of {layer.outputs} neurons: wanted 2 to {MAX_NEURONS}.",
        )
    need(
        LEAST <= layer.ridge <= MOST,
        f"lambda of the {kind} layer is {layer.ridge}, it must be {LEAST:g} to {MOST:g}.",
    )
    if kind == "contrast":
        need(layer.parameter == 0, f"the contrast layer has a parameter of {layer.parameter}.")
    else:
        name = "strength" if is_class else "threshold"
        need(
            LEAST <= layer.parameter <= MOST,
            f"{name} of the {kind} layer is {layer.parameter}, it must be {LEAST:g} to {MOST:g}.",
        )
    if kind == "patch":
        need(
            min(model.height, model.width) >= PATCH_SIDE,
            f"images of {model.height}x{model.width}: a patch layer wants sides of "
            f"{PATCH_SIDE} or more.",
        )
        need(
            layer.outputs % 4 == 0 and 4 <= layer.outputs <= 64,
            f"a patch layer of {layer.outputs} filters: wanted a multiple of 4 from 4 to 64.",
        )
        need(not layer.dual, "a patch layer has no dual form.")
    if kind == "kernel":
        need(layer.dual, "a kernel layer has no primal form.")


def _check_arrays(model: Model, need: Need) -> None:
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
    if b"CNT " in model.arrays:
        counts = model.arrays[b"CNT "].data
        total = int(counts.sum(dtype=np.int64))
        merged = model.version == 3
        need(
            int(counts.min()) >= 0 and (total == model.n_images if merged else total <= MAX_ROWS),
            f"it counts {counts[0].tolist()} images of its classes, wanted "
            + (f"{model.n_images}." if merged else f"{MAX_ROWS} at most."),
        )
    if b"OFFS" in model.arrays:
        _check_offsets(model, need)


def _check_offsets(model: Model, need: Need) -> None:
    offsets = [int(value) for value in model.array("OFFS")[0]]
    need(any(offsets), "its offsets are all 0.")
    for c, (offset, count) in enumerate(zip(offsets, model.array("CNT")[0], strict=True)):
        need(
            0 <= c * int(count) + offset < MAX_CLASSES * max(int(count), 1),
            f"an offset of {offset} for {count} images cannot be.",
        )


def _check_rows(tag: str, rows: IntArray, most: int, need: Need) -> None:
    real = rows.astype(np.float64)  # sums of squares are exact in it
    longest = int(np.einsum("ij,ij->i", real, real).max())
    need(
        longest <= most,
        f"a row of {tag} has a length of {math.sqrt(longest):.0f}, "
        f"wanted {math.sqrt(most):.0f} at most.",
    )


def _check_patch(model: Model, layer: Layer, need: Need) -> None:
    e = model.exponent("W1")
    need(-10 <= e <= 20, f"W1 of a patch layer has exponent {e}, wanted -10 to 20.")
    need(model.exponent("B1") == e + 9, "the exponents of W1 and B1 do not belong together.")
    largest = int(np.abs(model.array("B1").astype(np.int64)).max())
    need(largest < 2**24, f"a bias of {largest} in B1, wanted less than {2**24}.")
    threshold = math.ldexp(layer.parameter, e + 9)
    need(threshold < 2**24, f"a threshold of {threshold:.0f}, wanted less than {2**24}.")
    if b"NUM1" in model.arrays:
        counted = int(model.array("NUM1")[0, 0])
        need(counted > 0, f"{counted} patches were counted, wanted 1 or more.")
