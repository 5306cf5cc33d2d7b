"""Mutated files of samples, models and touches through the readers of device and host.

Sound files of each kind are changed in their fields, arrays, records and bytes, and mostly given
sound CRCs again, so that it is the meaning that is tested. Then both sides must agree: on whether
the file is taken, refusing it with the one exception for that, and on everything it holds. What
was taken is worked with on the device (a sample appended, a model saved, learnt on and saved
again), and the host reads what has become of it.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from uff_host import reference
from uff_host.errors import DataError, FormatError
from uff_host.formats import model_file, touch_recording
from uff_host.formats import samples as samples_files
from uff_host.formats.model import POOLINGS, Array, Layer, Model
from uff_host.formats.model_arrays import DTYPES, layer_alone
from uff_host.formats.model_file import pack_model, read_layer, unpack_model, unpack_statistics
from uff_host.formats.networks import KINDS as KINDS_OF_LAYERS
from uff_host.formats.networks import kinds_of
from uff_host.formats.samples import pack_header, pack_record, unpack_samples
from uff_host.formats.touch_recording import (
    Report,
    TouchRecording,
    pack_recording,
    unpack_recording,
)
from uff_host.merging import sums as merging
from uff_host.reference.encoding import kept_pixels

from . import references
from .calls import Verdict

Rng = np.random.Generator
Case = dict[str, Any]

KINDS = ("samples", "model", "recording", "model", "layer", "merged")
ENDINGS = {
    "samples": ".uffs",
    "model": ".uffm",
    "recording": ".ufft",
    "layer": ".uffm",
    "merged": ".uffm",
}
OF_MODELS = ("model", "layer", "merged")
DEVICE_ERRORS = dict.fromkeys(ENDINGS, "FormatError") | {"recording": "ValueError"}
# Bytes of a system that a heap of 1 MB, in pieces after many cases, may have no room for.
LARGE = 64 << 10
EDITS = ("append", "relabel", "delete", "restore", "name", "remove", "remove and undo", "")
MEMORY_KB = 200_000  # more than any file here makes of the host's reader
NAMES = ["a", "größe", "日本", "T-shirt", "x" * 16, "\U0001f600", "0"]


# ---- sound files ----


def a_samples_file(rng: Rng) -> bytes:
    height, width = (int(rng.integers(4, 10)) for _ in range(2))
    names = [str(rng.choice(NAMES)) for _ in range(rng.integers(1, 17))]
    names = names[: int(rng.integers(1, 5))] if rng.random() < 0.7 else names
    size, classes = height * width, len(names)
    records: list[bytes] = []
    for index in range(int(rng.integers(0, 25))):
        kind = int(rng.choice([1, 1, 1, 1, 2, 3, 4, 5]))
        label, payload = int(rng.integers(0, classes)), rng.bytes(size)
        if kind in (2, 3):
            payload = struct.pack("<I", rng.integers(0, index + 1))
        elif kind == 5:  # often what the record before it has deleted
            payload = records[-1][4:8] if records else bytes(4)
        elif kind == 4:
            label = int(rng.integers(0, min(classes + 1, 16)))
            classes = max(classes, label + 1)
            name = str(rng.choice(NAMES)).encode()[: size - 1]
            payload = bytes([len(name)]) + name
        records.append(pack_record(index, kind, label, payload, size))
    return pack_header(height, width, names) + b"".join(records)


NETWORKS = ("uff1", "uff2", "uff_conv", "uff_kernel", "uff_mirror", "kernel", "contrast+kernel")


def trained(rng: Rng) -> Model:
    """A small network of any kind, on noise."""
    network = str(rng.choice(NETWORKS))
    by = POOLINGS.get(kinds_of(network)[0])
    least, most = (by.least_side, by.least_side + 2) if by else (5, 8)
    height, width = (int(rng.integers(least, most)) for _ in range(2))
    classes = int(rng.integers(2, 5))
    n = int(rng.integers(classes, 12))
    images = rng.integers(0, 256, (n, height, width), np.uint8)
    labels = (np.arange(n) % classes).astype(np.uint8)
    options = reference.Options(
        network=network,
        hidden=4 if by else int(rng.integers(2, 9)),
        seed=int(rng.integers(2**32)),
        form=rng.choice(["primal", "dual"]),
        statistics=bool(rng.random() < 0.6),
        leave_one_out=bool(rng.random() < 0.5),
        copies=int(rng.choice([0, 0, 0, 1, 2])),
    )
    names = [str(rng.choice(NAMES)) for _ in range(classes)]
    return reference.train(samples_files.Samples(names, images, labels), options)


def a_model(rng: Rng) -> bytes:
    made = trained(rng)
    if rng.random() < 0.3:
        note = np.frombuffer(rng.bytes(int(rng.integers(1, 30))), np.uint8)
        made.arrays[b"NOTE"] = Array(note[None])
    return pack_model(made)


def a_layer(rng: Rng) -> bytes:
    """A feature layer alone."""
    made = trained(rng)
    while made.feature_layer is None:
        made = trained(rng)
    return pack_model(layer_alone(made))


def a_merged(rng: Rng) -> bytes:
    """Statistics alone, of few images or of many, scaled down or not; or a network with such."""
    made = trained(rng)
    while made.class_layer.kind != "linear" or made.class_layer.dual or not made.has_statistics:
        made = trained(rng)
    made = replace(made, kept=made.feature_layer is not None, class_names=NAMES[: made.n_classes])
    sums = merging.of_model(made, "it")
    if rng.random() < 0.5:
        for each in sums.classes.values():
            each.numbers = int(rng.integers(16)) * each.images
    while rng.random() < 0.4 and sums.images < 2**18:
        for _ in range(12):
            sums = sums.plus(sums)
    alone = sums.model()
    if rng.random() < 0.6:
        return pack_model(alone if rng.random() < 0.7 else sums.scaled())
    weights = {tag: made.arrays[tag] for tag in (b"W2  ", b"V2  ")}
    network = replace(alone, alone=False, arrays=alone.arrays | weights)
    if rng.random() < 0.3:
        network.arrays = {
            tag: array
            for tag, array in network.arrays.items()
            if tag not in (b"GRAM", b"SUMS", b"CNT ", b"OFFS")
        }
    return pack_model(network)


def a_recording(rng: Rng) -> bytes:
    width, height = (int(rng.integers(1, 900)) for _ in range(2))
    count = int(rng.integers(0, 90))
    times = np.cumsum(rng.integers(0, int(rng.choice([2, 40, 5000])), count))
    reports = [
        Report(int(t), *(int(rng.integers(limit)) for limit in (2, 3, width, height)))
        for t in times
    ]
    return pack_recording(TouchRecording(width, height, reports))


MAKERS = {
    "samples": a_samples_file,
    "model": a_model,
    "recording": a_recording,
    "layer": a_layer,
    "merged": a_merged,
}


# ---- their layout ----


@dataclass
class Field:
    """A number in a file: where it begins, and how struct calls it."""

    at: int
    code: str


def fields(kind: str, data: bytes) -> list[Field]:
    """The numbers of a file, as far as it can be read."""
    if kind == "samples":
        found, at = _struct(samples_files.HEADER, 0)
        size, height, width = struct.unpack_from("<HHH", data, 6)
        found += [Field(at + i, "B") for i in range(min(max(size - 16, 0), 40))]
        step = samples_files.record_bytes(height * width)
        for start in range(size, len(data) - step + 1, step):
            record, behind = _struct(samples_files.RECORD, start)
            found += [*record, Field(behind, "I"), Field(behind, "B"), Field(behind + 1, "B")]
        return found
    if kind == "recording":
        found, at = _struct(touch_recording.HEADER, 0)
        for start in range(at, len(data) - 16, struct.calcsize(touch_recording.RECORD)):
            found += _struct(touch_recording.RECORD, start)[0]
        return found
    version, header = struct.unpack_from("<HH", data, 4)
    found, at = _struct(model_file.START, 0)
    more, at = _struct(model_file.VERSION_1 if version == 1 else model_file.VERSION_2, at)
    found += more
    if version > 1:
        for _ in range(2):
            if at + struct.calcsize(model_file.LAYER) <= header:
                row, at = _struct(model_file.LAYER, at)
                found += row * 2
    found += [Field(i, "B") for i in range(at, min(header, len(data)))]
    for start, size in _model_arrays(data):
        head, behind = _struct(model_file.ARRAY, start)
        found += head * 3
        code = chr(data[start + 4])
        if code in DTYPES and size:
            step = struct.calcsize(code)
            found += [Field(behind + i * step, code) for i in (0, size // step // 2)]
    return found


def _struct(layout: str, at: int) -> tuple[list[Field], int]:
    """The fields of a struct at this place, and where it ends; the magic is none."""
    found = []
    for code in layout[1:].replace("4s", "m"):
        if code != "m":
            found.append(Field(at, code))
        at += 4 if code == "m" else struct.calcsize("<" + code)
    return found, at


def _model_arrays(data: bytes) -> list[tuple[int, int]]:
    """(start, bytes of its elements) of each array that can be found."""
    found = []
    at, head = struct.unpack_from("<H", data, 6)[0], struct.calcsize(model_file.ARRAY)
    while at + head <= len(data) - 4:
        _, code, _, _, rows, columns = struct.unpack_from(model_file.ARRAY, data, at)
        size = rows * columns * (struct.calcsize(chr(code)) if chr(code) in DTYPES else 1)
        if at + head + size > len(data) - 4:
            break
        found.append((at, size))
        at += head + (size + 3) // 4 * 4
    return found


def renew(kind: str, data: bytearray, lengths: bool) -> None:
    """Sound CRCs, and with `lengths` the length that the header says."""
    if kind == "samples":
        size, height, width = struct.unpack_from("<HHH", data, 6)
        if 16 + 4 <= size <= len(data):
            struct.pack_into("<I", data, size - 4, zlib.crc32(data[: size - 4]))
        step = samples_files.record_bytes(height * width)
        for index, start in enumerate(range(size, len(data) - step + 1, step)):
            crc = zlib.crc32(data[start : start + step - 4], zlib.crc32(struct.pack("<I", index)))
            struct.pack_into("<I", data, start + step - 4, crc)
        return
    if kind in OF_MODELS and lengths:
        struct.pack_into("<I", data, 8, len(data))
    if kind == "recording" and lengths:
        count = (len(data) - 20) // struct.calcsize(touch_recording.RECORD)
        struct.pack_into("<I", data, 12, max(count, 0))
    struct.pack_into("<I", data, len(data) - 4, zlib.crc32(data[:-4]))


# ---- mutations ----

INTERESTING: dict[str, list[float]] = {
    "B": [0, 1, 2, 3, 4, 5, 15, 16, 17, 127, 128, 254, 255],
    "H": [0, 1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257, 32768, 65535],
    "I": [0, 1, 2, 3, 255, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1],
    "f": [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-45, 1e-38, 3e38, 0.5],
    "b": [-128, -1, 0, 1, 14, 18, 127],
    "h": [-32768, -1, 0, 1, 32767],
    "i": [-(2**31), -1, 0, 1, 2**28, 2**31 - 1],
    "q": [-(2**63), -1, 0, 1, 2**31, 2**45, 2**63 - 1],
}
STEPS = (-16, -2, -1, 1, 1, 2, 16)


def change_field(rng: Rng, kind: str, data: bytearray) -> None:
    """A number to an interesting one, or near what it was."""
    found = [f for f in fields(kind, bytes(data)) if f.at + struct.calcsize(f.code) <= len(data)]
    place = found[rng.integers(len(found))]
    choices = INTERESTING[place.code]
    new = choices[rng.integers(len(choices))]
    if place.code != "f" and rng.random() < 0.5:
        old = struct.unpack_from("<" + place.code, data, place.at)[0]
        new = old + int(rng.choice(STEPS))
        bits = 8 * struct.calcsize(place.code)
        low = 0 if place.code.isupper() else -(1 << bits - 1)
        new = (new - low) % (1 << bits) + low
    struct.pack_into("<" + place.code, data, place.at, new)


def change_bytes(rng: Rng, kind: str, data: bytearray) -> None:
    for _ in range(int(rng.choice([1, 1, 2, 8]))):
        data[rng.integers(len(data))] = rng.integers(256)


def change_bit(rng: Rng, kind: str, data: bytearray) -> None:
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)


def cut(rng: Rng, kind: str, data: bytearray) -> None:
    del data[rng.integers(1, len(data)) :]


def insert(rng: Rng, kind: str, data: bytearray) -> None:
    at = rng.integers(len(data) + 1)
    data[at:at] = rng.bytes(int(rng.choice([1, 4, 16, 200])))


def take_out(rng: Rng, kind: str, data: bytearray) -> None:
    at = int(rng.integers(len(data) - 1))
    del data[at : at + int(rng.choice([1, 4, 12, 60]))]


def repeat(rng: Rng, kind: str, data: bytearray) -> None:
    at = int(rng.integers(len(data) - 1))
    data[at:at] = data[at : at + int(rng.integers(1, 200))]


def change_parts(rng: Rng, kind: str, data: bytearray) -> None:
    """Records or arrays in another order, twice or left out."""
    spans = _parts(kind, bytes(data))
    if not spans:
        return
    parts = [bytes(data[first:last]) for first, last in spans]
    first, last = spans[0][0], spans[-1][1]
    at, other = (int(i) for i in rng.integers(len(parts), size=2))
    deed = rng.integers(3)
    if deed == 0:
        parts[at], parts[other] = parts[other], parts[at]
    elif deed == 1:
        parts.insert(at, parts[other])
    else:
        parts.pop(at)
    data[first:last] = b"".join(parts)


def _parts(kind: str, data: bytes) -> list[tuple[int, int]]:
    if kind in OF_MODELS:
        head = struct.calcsize(model_file.ARRAY)
        return [(at, at + head + (size + 3) // 4 * 4) for at, size in _model_arrays(data)]
    if kind == "recording":
        start, step, end = 16, struct.calcsize(touch_recording.RECORD), len(data) - 4
    else:
        start, height, width = struct.unpack_from("<HHH", data, 6)
        step, end = samples_files.record_bytes(height * width), len(data)
    return [(at, at + step) for at in range(start, end - step + 1, step)]


MUTATIONS: list[Callable[[Rng, str, bytearray], None]] = [
    *[change_field] * 8, change_bytes, change_bit, cut, insert, take_out, repeat,
    *[change_parts] * 3,
]  # fmt: skip
LEAST = 20  # bytes that a mutation wants to work on: an empty recording has as many


def make(seed: int, number: int) -> Case:
    """Case `number` of a seed: the kinds in turn; one file in ten is sound."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    data = bytearray(MAKERS[kind](rng))
    changes = []
    for _ in range(0 if rng.random() < 0.1 else int(rng.choice([1, 1, 2, 3]))):
        if len(data) >= LEAST:
            change = MUTATIONS[rng.integers(len(MUTATIONS))]
            changes.append(change.__name__)
            change(rng, kind, data)
    if changes and len(data) >= LEAST and rng.random() < 0.9:
        renew(kind, data, bool(rng.random() < 0.6))
    edit = EDITS[rng.integers(len(EDITS))]
    return {"kind": kind, "data": bytes(data).hex(), "changes": changes, "edit": edit}


# ---- both readers ----


def line(case: Case, path: Path) -> str:
    """The case as the firmware reads it; its file is written there."""
    data = bytes.fromhex(case["data"])
    path.write_bytes(data)
    asked = {"kind": case["kind"], "path": str(path), "edit": case["edit"]}
    if case["kind"] == "recording":
        asked["width"], asked["height"] = (
            struct.unpack_from("<HH", data, 8) if len(data) >= 12 else (1, 1)
        )
    return json.dumps(asked)


def judge(case: Case, answer: dict[str, Any], path: Path) -> Verdict:
    """Whether the device's answer is the host's; `path` is the file as the device left it."""
    kind, data = case["kind"], bytes.fromhex(case["data"])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        held = HELD[kind](data, path)
        refused = ""
    except FormatError as error:
        held, refused = None, str(error)
    except Exception as error:
        return Verdict(f"host: {type(error).__name__}: {error}", False)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if grown > MEMORY_KB:
        return Verdict(f"host: {grown} KB of memory for {len(data)} bytes", False)
    raised = answer.get("error")
    if raised not in (None, DEVICE_ERRORS[kind]):
        return Verdict(f"device: {raised}: {answer['sentence']}", False)
    if raised and not refused:
        return Verdict(f"the host takes it, the device: {answer['sentence']}", False)
    if refused and not raised and not (kind == "layer" and _is_network(data)):
        return Verdict(f"the device takes it, the host: {refused}", False)
    if refused and not raised:
        return Verdict("", True)
    if raised:
        return Verdict("" if answer["sentence"] else "device: no sentence", False)
    if held != answer["held"]:
        return Verdict(f"host: {held}, device: {answer['held']}", True)
    return Verdict(_judge_work(kind, data, answer, path), True)


def _is_network(data: bytes) -> bool:
    """Whether it says so: then the device reads no more of it than layer 1."""
    return not (data[4:6] == b"\2\0" and data[12:14] == b"\1\0")


def _judge_work(kind: str, data: bytes, answer: dict[str, Any], path: Path) -> str:
    """What has become of a file that was taken."""
    try:
        if kind == "samples" and "after" in answer:
            after = _samples_held(path.read_bytes())
            if after != answer["after"]:
                return f"changed on the device: {answer['after']}, host: {after}"
        if kind == "model":
            if complaint := _judge_goodness(unpack_model(data), answer["goodness"]):
                return complaint
            saved = _model_held(path.with_name(path.name + ".saved").read_bytes())
            if saved != _model_held(data):
                return f"saved on the device it is another model: {saved}"
            if answer.get("learnt") == "MemoryError" and _system_bytes(data) < LARGE:
                return "no memory for a small system"
            if answer.get("learnt") == "":
                unpack_model(path.with_name(path.name + ".learnt").read_bytes())
    except FormatError as error:
        return f"written on the device, the host: {error}"
    return ""


def _system_bytes(model: bytes) -> int:
    """Of the packed Gram matrix of the class layer."""
    inputs = unpack_model(model).class_layer.inputs
    return 4 * (inputs * (inputs + 1) // 2)


def _judge_goodness(model: Model, got: list[str] | str) -> str:
    """Goodness of one image, layer by layer as `ridge` must compute them."""
    size = model.height * model.width
    i = np.arange(size)
    values: references.Values = {"images": ((i * i * 31 + 7 * i) & 255).astype(np.uint8)}
    layer = model.feature_layer
    whole = layer is not None and layer.kind in POOLINGS
    values["keep"] = i if whole else kept_pixels(model.height, model.width)
    values["x"] = np.zeros(len(values["keep"]), np.int16)
    f = np.asarray(references.encode(values).arrays["x"]).ravel()
    if layer is not None:
        values = {"x": f, "w": model.array("W1").ravel(), "m": layer.inputs}
        if whole:
            values |= {"height": model.height, "width": model.width}
            values["bias"] = model.array("B1").ravel()
            power = model.exponent("W1") + 9
            values["threshold"] = int(np.float32(math.ldexp(layer.parameter, power)) + 0.5)
        kinds = {"patch": references.patch_features, "mirror": references.mirror_features}
        want = kinds.get(layer.kind, references.project)(values)
        if want.error:
            return "" if isinstance(got, str) else f"layer 1: want {want.error}, got {got}"
        f = np.asarray(want.arrays["f" if whole else "h"]).ravel()
    values = {"f": f, "w": model.array("W2").ravel(), "v": model.array("V2").ravel()}
    if model.class_layer.kind == "linear":
        want = references.goodness(values)
    else:
        values |= {"rows": model.array("ROWS").ravel(), "alpha": values["w"]}
        values["shift"] = 30 + model.exponent("W2") - model.exponent("V2")
        want = references.kernel_goodness(values)
    if want.error:
        return "" if isinstance(got, str) else f"want {want.error}, got {got}"
    good = [str(value) for value in np.asarray(want.arrays["good"])]
    return "" if good == got else f"goodness: host {good}, device {got}"


def _samples_held(data: bytes) -> dict[str, Any]:
    found = unpack_samples(data)
    counted = [found.height, found.width, found.damaged, found.torn_bytes]
    return {
        "names": [name.encode().hex() for name in found.class_names],
        "labels": found.labels.tobytes().hex(),
        "counted": [*counted, zlib.crc32(found.images.tobytes())],
    }


def _model_held(data: bytes) -> dict[str, Any]:
    """As the device tells it, which keeps no statistics of the class layer but to learn on."""
    model = unpack_model(data)
    arrays = dict(model.arrays)
    if model.class_layer.dual:
        for tag in (b"GRAM", b"SUMS", b"CNT "):
            arrays.pop(tag, None)
    named = {tag.decode().strip(): stored for tag, stored in arrays.items()}
    return {
        "names": [name.encode().hex() for name in model.class_names],
        "sizes": [model.height, model.width],
        "counts": [
            *(model.n_images, model.copies, model.seed),
            *(model.fitted_correct, model.loo_correct),
        ],
        "flags": [model.lambda_chosen, model.kept],
        "layers": [_layer_held(layer) for layer in model.layers],
        "exponents": {
            tag: stored.exponent
            for tag, stored in named.items()
            if tag not in ("FIT", "LOO", "NOTE")
        },
        "arrays": {tag: zlib.crc32(stored.data.tobytes()) for tag, stored in named.items()},
    }


def _layer_held(layer: Layer) -> list[Any]:
    sizes = [1 + KINDS_OF_LAYERS.index(layer.kind), layer.dual, layer.outputs, layer.inputs]
    return [*sizes, _bits(layer.ridge), _bits(layer.parameter), layer.gram_crc]


def _merged_held(data: bytes) -> dict[str, Any]:
    """As the device tells it, which passes sums in int64 over."""
    model = unpack_statistics(data)
    with contextlib.suppress(DataError):
        merging.of_model(model, "it")
    arrays = dict(model.arrays)
    if model.has_statistics and model.array("GRAM").dtype == np.int64:
        for tag in (b"GRAM", b"SUMS", b"CNT ", b"OFFS"):
            arrays.pop(tag, None)
    return {
        "names": [name.encode().hex() for name in model.class_names],
        "sizes": [model.height, model.width],
        "images": 0 if model.alone else model.n_images,
        "kept": model.kept,
        "layers": [_layer_held(layer) for layer in model.layers],
        "arrays": {
            tag.decode().strip(): zlib.crc32(stored.data.tobytes())
            for tag, stored in arrays.items()
        },
    }


def _only_layer_held(data: bytes, path: Path) -> dict[str, Any]:
    """Of a file that the host's reader of layers takes."""
    path.write_bytes(data)
    model = read_layer(path)
    return {
        "sizes": [model.height, model.width],
        "layer": _layer_held(model.layers[0]),
        "arrays": {
            tag.decode().strip(): [stored.exponent, zlib.crc32(stored.data.tobytes())]
            for tag, stored in model.arrays.items()
        },
    }


def _bits(value: float) -> str:
    return struct.pack("<f", value).hex()


def _recording_held(data: bytes) -> list[int]:
    found = unpack_recording(data)
    packed = b"".join(struct.pack("<BBHH", *report[1:]) for report in found.reports)
    count = len(found.reports)
    return [count, count, found.lasts_ms, zlib.crc32(packed)]


HELD: dict[str, Callable[[bytes, Path], Any]] = {
    "samples": lambda data, _: _samples_held(data),
    "model": lambda data, _: _model_held(data),
    "recording": lambda data, _: _recording_held(data),
    "layer": lambda data, path: _only_layer_held(data, path.with_suffix(".layer")),
    "merged": lambda data, _: _merged_held(data),
}
