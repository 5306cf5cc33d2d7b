"""The model file (`.uffm`): its bytes, written and read.

Little-endian: a header, the class names, tagged arrays, and a CRC over all of it.

There are three versions. Version 1 holds the networks uff1 and uff2, both layers trained, without
copies; all others are version 2, whose header has a row for each layer. A version 2 file may also
hold a feature layer alone, for other networks to keep. Version 3 holds what merging makes of many
boards where the others cannot: statistics of a linear class layer without its weights, statistics
of more than 8,191 images, and those of classes in another order than they were learnt in.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from uff_host import files
from uff_host.errors import FormatError
from uff_host.formats.model import LABEL_PIXELS, Array, Layer, Model, image_part
from uff_host.formats.model_arrays import DTYPES, TYPECODES, expected_arrays, layer_alone
from uff_host.formats.model_check import check
from uff_host.formats.networks import KINDS
from uff_host.formats.samples import pack_names, unpack_names

MAGIC = b"UFFM"
NOT_COMPUTED = 0xFFFFFFFF

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


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, no more than its header tells of.

    Raises:
        FormatError: It does not begin as a model file, or goes on behind its end.
        OSError: It cannot be read.
    """
    start = struct.calcsize(START)
    return files.read_sized(path, start, lambda head: _unpack_start(head, str(path))[1])


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
    return _checked(
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
    return _checked(
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


def _checked(model: Model, version: int, flags: int, what: str) -> Model:
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
