"""Samples, model and predictions files: what is written is read, damage is not believed."""

import contextlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uff_host import reference
from uff_host.errors import FormatError
from uff_host.formats import model_file
from uff_host.formats import samples as samples_file
from uff_host.formats.model import POOLINGS, Array, Model
from uff_host.formats.model_arrays import DTYPES, layer_alone
from uff_host.formats.model_file import pack_model, read_layer, unpack_model
from uff_host.formats.networks import every_name, kinds_of
from uff_host.formats.predictions import pack_predictions, unpack_predictions
from uff_host.formats.samples import (
    CLASS_NAME,
    DELETE,
    RELABEL,
    RESTORE,
    SAMPLE,
    Samples,
    pack_header,
    pack_record,
    pack_samples,
    read_samples,
    unpack_samples,
    write_samples,
)

DEVICE = Path(__file__).parents[2] / "device" / "uff"
SIDE = 5
PIXELS = SIDE * SIDE


def some_samples(n: int = 6, classes: int = 2, side: int = SIDE) -> Samples:
    random = np.random.default_rng(n)
    images = random.integers(0, 256, (n, side, side), np.uint8)
    return Samples(
        [f"class {c}" for c in range(classes)], images, np.arange(n).astype(np.uint8) % classes
    )


def a_file(*records: tuple[int, int, bytes]) -> bytes:
    packed = [pack_record(i, *record, PIXELS) for i, record in enumerate(records)]
    return pack_header(SIDE, SIDE, ["a", "b"]) + b"".join(packed)


def an_image(value: int) -> bytes:
    return bytes([value]) * PIXELS


def a_model(network: str = "uff2", statistics: bool = True, copies: int = 0) -> Model:
    by = POOLINGS.get(kinds_of(network)[0])
    options = reference.Options(
        network=network, hidden=4 if by else 3, statistics=statistics, copies=copies
    )
    return reference.train(some_samples(side=by.least_side if by else SIDE), options)


# Those that have a version 1 file, and some of version 2
EVERY_NETWORK = every_name()
VERSIONS = [
    ("uff2", 0, 1),
    ("uff2", 1, 2),
    ("uff_conv", 0, 2),
    ("uff_kernel", 2, 2),
    ("uff_mirror", 0, 2),
]


def with_crc(data: bytes | bytearray) -> bytes:
    """The file with its last four bytes made to fit."""
    return bytes(data[:-4]) + struct.pack("<I", zlib.crc32(bytes(data[:-4])))


@given(st.integers(0, 9), st.integers(1, 16), st.integers(4, 7), st.integers(4, 7))
def test_written_samples_are_read_back(n, classes, height, width):
    random = np.random.default_rng(n)
    images = random.integers(0, 256, (n, height, width), np.uint8)
    labels = random.integers(0, classes, n).astype(np.uint8)
    names = [f"ä{c}" for c in range(classes)]
    found = unpack_samples(pack_samples(Samples(names, images, labels)))
    assert found.class_names == names
    assert np.array_equal(found.images, images)
    assert np.array_equal(found.labels, labels)
    assert (found.damaged, found.torn_bytes) == (0, 0)


def test_deleted_relabelled_and_renamed_samples_show_their_newest_state():
    found = unpack_samples(
        a_file(
            (SAMPLE, 0, an_image(1)),
            (SAMPLE, 1, an_image(2)),
            (SAMPLE, 0, an_image(3)),
            (DELETE, 0, struct.pack("<I", 0)),
            (CLASS_NAME, 2, b"\x03new"),
            (RELABEL, 2, struct.pack("<I", 2)),
            (CLASS_NAME, 0, b"\x05first"),
        )
    )
    assert found.class_names == ["first", "b", "new"]
    assert found.images[:, 0, 0].tolist() == [2, 3]
    assert found.labels.tolist() == [1, 2]
    assert found.damaged == 0


def test_a_deleted_sample_comes_back_in_its_place():
    gone = struct.pack("<I", 1)
    records = [(SAMPLE, number % 2, an_image(number)) for number in range(3)]
    found = unpack_samples(a_file(*records, (DELETE, 0, gone), (RESTORE, 1, gone)))
    assert found.images[:, 0, 0].tolist() == [0, 1, 2]
    assert found.labels.tolist() == [0, 1, 0]
    assert found.damaged == 0
    for late in (
        (RESTORE, 0, gone),  # another class than it had
        (RESTORE, 1, struct.pack("<I", 0)),  # another sample
    ):
        found = unpack_samples(a_file(*records, (DELETE, 0, gone), late))
        assert (len(found.labels), found.damaged) == (2, 1)
    between = (SAMPLE, 0, an_image(3))
    found = unpack_samples(a_file(*records, (DELETE, 0, gone), between, (RESTORE, 1, gone)))
    assert (len(found.labels), found.damaged) == (3, 1)


@pytest.mark.parametrize(
    "record",
    [
        (SAMPLE, 2, an_image(9)),
        (RELABEL, 2, struct.pack("<I", 0)),
        (RELABEL, 0, struct.pack("<I", 7)),
        (DELETE, 0, struct.pack("<I", 7)),
        (CLASS_NAME, 3, b"\x01x"),
        (CLASS_NAME, 2, b"\x00"),
        (CLASS_NAME, 2, b"\x02\xff\xff"),
        (CLASS_NAME, 2, b"\xff" + bytes(PIXELS - 1)),
        (RESTORE, 0, struct.pack("<I", 0)),
        (9, 0, an_image(9)),
    ],
)
def test_a_record_that_cannot_be_is_passed_over(record):
    found = unpack_samples(a_file((SAMPLE, 0, an_image(1)), record, (SAMPLE, 1, an_image(2))))
    assert found.images[:, 0, 0].tolist() == [1, 2]
    assert found.damaged == 1
    assert found.class_names == ["a", "b"]


def test_a_sound_record_is_never_part_of_a_torn_tail():
    found = unpack_samples(a_file((SAMPLE, 0, an_image(1)), (SAMPLE, 9, an_image(2))) + b"x")
    assert (len(found), found.damaged, found.torn_bytes) == (1, 1, 1)


def test_every_truncation_of_a_samples_file_cuts_a_tail_or_is_refused():
    whole = some_samples(4)
    data = pack_samples(whole)
    head = len(pack_header(SIDE, SIDE, whole.class_names))
    size = samples_file.record_bytes(PIXELS)
    for length in range(len(data)):
        if length < head:
            with pytest.raises(FormatError):
                unpack_samples(data[:length])
            continue
        found = unpack_samples(data[:length])
        assert len(found) == (length - head) // size
        assert found.torn_bytes == (length - head) % size
        assert np.array_equal(found.images, whole.images[: len(found)])


def test_every_flipped_bit_of_a_samples_file_costs_one_record_or_is_refused():
    whole = some_samples(3)
    data = bytearray(pack_samples(whole))
    head = len(pack_header(SIDE, SIDE, whole.class_names))
    size = samples_file.record_bytes(PIXELS)
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        if bit // 8 < head:
            with pytest.raises(FormatError):
                unpack_samples(bytes(data))
        else:
            found = unpack_samples(bytes(data))
            lost = (bit // 8 - head) // size
            assert np.array_equal(found.images, np.delete(whole.images, lost, axis=0))
            assert (found.damaged, found.torn_bytes) == ((0, size) if lost == 2 else (1, 0))
        data[bit // 8] ^= 1 << bit % 8


def test_a_record_moved_to_another_place_is_not_believed():
    first = (SAMPLE, 0, an_image(1))
    data = pack_header(SIDE, SIDE, ["a", "b"]) + pack_record(1, *first, PIXELS)
    assert len(unpack_samples(data)) == 0


@given(st.binary(max_size=200))
def test_arbitrary_bytes_behind_a_samples_header_never_crash(tail):
    unpack_samples(pack_header(SIDE, SIDE, ["a"]) + tail)


@given(st.binary(max_size=120), st.sampled_from([b"UFFS", b"UFFM", b""]))
def test_arbitrary_bytes_are_no_file(data, magic):
    for unpack in (unpack_samples, unpack_model):
        with pytest.raises(FormatError):
            unpack(magic + data)


def test_samples_that_do_not_fit_the_layout_are_not_written(tmp_path):
    good = some_samples()
    wide: Any = good.images.astype(np.int16)  # as one has it who checks no types
    for names, images, labels in (
        (["a"], good.images, good.labels),
        (["a"] * 17, good.images, good.labels),
        (["", "b"], good.images, good.labels),
        (["a", "b"], good.images[:, :3], good.labels),
        (["a", "b"], wide, good.labels),
        (["a", "b"], good.images, good.labels[:2]),
    ):
        with pytest.raises(FormatError):
            write_samples(tmp_path / "s.uffs", Samples(names, images, labels))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_older_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "s.uffs"
    write_samples(path, some_samples())

    def full_disk(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_samples(path, some_samples(2))
    assert len(read_samples(path)) == 6
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("network", EVERY_NETWORK)
@pytest.mark.parametrize("statistics", [False, True])
@pytest.mark.parametrize("copies", [0, 2])
def test_a_written_model_is_read_back(network, statistics, copies, tmp_path):
    model = a_model(network, statistics, copies)
    model_file.write_model(tmp_path / "m.uffm", model)
    found = model_file.read_model(tmp_path / "m.uffm")
    assert pack_model(found) == (tmp_path / "m.uffm").read_bytes() == pack_model(model)
    assert (found.network, found.copies, found.layers) == (network, copies, model.layers)
    assert found.class_names == model.class_names
    assert found.has_statistics == statistics
    for tag, array in model.arrays.items():
        assert np.array_equal(found.arrays[tag].data, array.data)
        assert found.arrays[tag].exponent == array.exponent


def test_uff1_and_uff2_are_version_1_unless_there_are_copies_and_all_else_is_version_2():
    for network in EVERY_NETWORK:
        for copies in (0, 1):
            old = network in ("uff1", "uff2") and not copies
            (version,) = struct.unpack_from("<H", pack_model(a_model(network, copies=copies)), 4)
            assert version == (1 if old else 2), (network, copies)


def test_a_version_1_file_is_what_it_was_before_there_were_layers():
    """The head of uff2 and of uff1, field by field."""
    for network, hidden in (("uff1", 0), ("uff2", 3)):
        model = a_model(network)
        fields = struct.unpack_from("<4sHHIBBBBHHHHIIfffIIII", pack_model(model))
        last = model.class_layer
        first = model.feature_layer
        crcs = (first.gram_crc, last.gram_crc) if first else (last.gram_crc, 0)
        duals = 2 * last.dual + (first.dual if first else 0)
        assert fields[4:12] == (len(model.layers), 2, 16, 8 | duals, SIDE, SIDE, 9, hidden)
        assert fields[12:14] == (6, 0)
        assert fields[14:17] == (last.parameter, first.ridge if first else 0.0, last.ridge)
        assert fields[17:] == (model.fitted_correct, model.loo_correct, *crcs)


@pytest.mark.parametrize(("network", "copies", "version"), VERSIONS)
def test_every_truncation_of_a_model_file_is_refused(network, copies, version):
    data = pack_model(a_model(network, network == "uff2", copies))
    assert data[4] == version
    for length in [*range(min(400, len(data))), *range(400, len(data), 7)]:
        with pytest.raises(FormatError):
            unpack_model(data[:length])
    with pytest.raises(FormatError):
        unpack_model(data + b"\0")


@pytest.mark.parametrize(("network", "copies", "version"), VERSIONS)
def test_a_flipped_bit_of_a_model_file_is_refused(network, copies, version):
    data = bytearray(pack_model(a_model(network, False, copies)))
    places = [*range(8 * 400), *range(8 * 400, 8 * len(data), 101)]
    for bit in places if len(data) > 1000 else range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            unpack_model(bytes(data))
        data[bit // 8] ^= 1 << bit % 8


def heads(data: bytes | bytearray) -> Iterator[int]:
    """Numbers of the bytes of the header and of the head of each array."""
    at = struct.unpack_from("<H", data, 6)[0]
    yield from range(at)
    while at < len(data) - 4:
        yield from range(at, at + struct.calcsize(model_file.ARRAY))
        _, code, _, _, rows, columns = struct.unpack_from(model_file.ARRAY, data, at)
        size = rows * columns * np.dtype(DTYPES[chr(code)]).itemsize
        at += struct.calcsize(model_file.ARRAY) + (size + 3) // 4 * 4


@pytest.mark.parametrize(("network", "copies", "version"), VERSIONS)
def test_a_model_file_with_its_crc_made_to_fit_is_still_checked_or_harmless(
    network, copies, version
):
    """Every bit of the head and of each array's head flipped: refused, or read without a crash."""
    data = bytearray(pack_model(a_model(network, False, copies)))
    for byte in heads(data):
        for bit in range(8):
            data[byte] ^= 1 << bit
            fixed = with_crc(data)
            try:
                model = unpack_model(fixed)
            except FormatError:
                pass
            else:
                assert pack_model(model) == fixed  # nothing in the file is without a meaning
            data[byte] ^= 1 << bit


@settings(max_examples=300)
@given(st.data())
def test_a_model_header_of_any_numbers_never_crashes(data):
    network, fields_of = data.draw(
        st.sampled_from([("uff2", model_file.VERSION_1), ("kernel", model_file.VERSION_2)])
    )
    header = model_file.START + fields_of[1:]
    good = pack_model(a_model(network))
    fields = list(struct.unpack_from(header, good))
    at = data.draw(st.integers(1, len(fields) - 1))
    if isinstance(fields[at], float):
        fields[at] = data.draw(st.floats(width=32))
    else:
        fields[at] = data.draw(st.integers(0, 255))
    body = struct.pack(header, *fields) + good[struct.calcsize(header) :]
    with contextlib.suppress(FormatError):
        unpack_model(with_crc(body))


def rewritten(model: Model, change: Callable[[Model], None]) -> bytes:
    """A file of the model after a change that the writer would not let pass."""
    change(model)
    checked, model_file.check = model_file.check, lambda model, what: None
    try:
        return pack_model(model)
    finally:
        model_file.check = checked


def set_array(tag: bytes, **changes):
    """A change of the data or the exponent of an array."""

    def change(model):
        array = model.arrays[tag]
        data = array.data.copy()
        if "values" in changes:
            data[0] = changes["values"]
        model.arrays[tag] = Array(data, changes.get("exponent", array.exponent))

    return change


def set_layer(number: int, **changes):
    """A change of the fields of a layer."""

    def change(model):
        for name, value in changes.items():
            setattr(model.layers[number], name, value)

    return change


def set_model(**changes):
    def change(model):
        for name, value in changes.items():
            setattr(model, name, value)

    return change


HOSTILE = {
    "copies": ("kernel", set_model(copies=16)),
    "rows": ("kernel", set_model(n_images=8192)),
    "one class": ("kernel", set_model(class_names=["a"])),
    "no image": ("kernel", set_model(n_images=0)),
    "fitted": ("kernel", set_model(fitted_correct=7)),
    "class layer's inputs": ("uff_conv", set_layer(1, inputs=64)),
    "patch layer's inputs": ("uff_conv", set_layer(0, inputs=65)),
    "filters": ("uff_conv", set_layer(0, outputs=6)),
    "neurons": ("contrast+kernel", set_layer(0, outputs=0)),
    "classes": ("kernel", set_layer(0, outputs=3)),
    "lambda 0": ("kernel", set_layer(0, ridge=0.0)),
    "lambda below 0": ("kernel", set_layer(0, ridge=-1.0)),
    "lambda infinite": ("uff_conv", set_layer(0, ridge=float("inf"))),
    "strength": ("kernel", set_layer(0, parameter=float("nan"))),
    "strength 0": ("kernel", set_layer(0, parameter=0.0)),
    "threshold": ("uff_conv", set_layer(0, parameter=-0.4)),
    "threshold too large": ("uff_conv", set_layer(0, parameter=1e6)),
    "parameter of contrast": ("contrast+kernel", set_layer(0, parameter=0.5)),
    "dual patch": ("uff_conv", set_layer(0, dual=True)),
    "primal kernel": ("kernel", set_layer(0, dual=False)),
    "kept layer of none": ("kernel", set_model(kept=True)),
    "long filter": ("uff_conv", set_array(b"W1  ", values=30000)),
    "long neuron": ("contrast+kernel", set_array(b"W1  ", values=30000)),
    "bias": ("uff_conv", set_array(b"B1  ", values=2**24)),
    "smallest bias": ("uff_conv", set_array(b"B1  ", values=-(2**31))),
    "small filters": ("uff_conv", set_array(b"W1  ", exponent=-11)),
    "large filters": ("uff_conv", set_array(b"W1  ", exponent=21)),
    "exponent of biases": ("uff_conv", set_array(b"B1  ", exponent=3)),
    "features below 0": ("kernel", set_array(b"ROWS", values=-1)),
    "long features": ("kernel", set_array(b"ROWS", values=200)),
    "exponent of features": ("kernel", set_array(b"ROWS", exponent=8)),
    "exponents of the class layer": ("uff_conv", set_array(b"V2  ", exponent=3)),
    "exponents of a kernel layer": ("kernel", set_array(b"V2  ", exponent=100)),
    "label": ("kernel", set_array(b"LOO ", values=2)),
    "no patch": ("uff_conv", set_array(b"NUM1", values=0)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_model_that_cannot_be_is_neither_read_nor_written(what, tmp_path):
    network, change = HOSTILE[what]
    model = a_model(network)
    data = rewritten(model, change)
    with pytest.raises(FormatError, match=r"m\.uffm: ."):
        unpack_model(data, "m.uffm")
    with pytest.raises(FormatError):
        model_file.write_model(tmp_path / "m.uffm", model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kinds", [(1, 1), (3, 1), (3, 3), (4, 4), (2, 4), (0, 4), (1, 5)])
def test_layers_of_other_kinds_or_in_another_order_are_refused(kinds):
    data = bytearray(pack_model(a_model("contrast+kernel")))
    at = struct.calcsize(model_file.START + model_file.VERSION_2[1:])
    for number, kind in enumerate(kinds):
        data[at + number * struct.calcsize(model_file.LAYER)] = kind
    with pytest.raises(FormatError):
        unpack_model(with_crc(data))


def test_a_network_has_one_file_and_no_other():
    """What version 1 can hold, uff2 without copies, is refused in a file of version 2."""
    data = pack_model(a_model("uff2", copies=1))
    at = struct.calcsize("<4sHHIBBBBHH")
    for copies, version in ((0, 2), (1, 1)):
        other = bytearray(data)
        struct.pack_into("<H", other, 4, version)
        struct.pack_into("<H", other, at, copies)
        with pytest.raises(FormatError):
            unpack_model(with_crc(other))


def test_no_more_of_a_file_is_read_than_its_header_asks_for(tmp_path):
    path = tmp_path / "m.uffm"
    data = pack_model(a_model())
    with path.open("wb") as file:
        file.write(data)
        file.truncate(1 << 40)  # a sparse file of a terabyte
    with pytest.raises(FormatError, match=f"more than the {len(data)} bytes"):
        model_file.read_model(path)


@pytest.mark.parametrize("network", ["uff2", "uff_conv"])
def test_a_feature_layer_alone_is_a_file_too(network, tmp_path):
    whole, alone = tmp_path / "whole.uffm", tmp_path / "layer1.uffm"
    model = a_model(network)
    model_file.write_model(whole, model)
    model_file.write_model(alone, layer_alone(model))
    found = read_layer(alone)
    assert pack_model(read_layer(whole)) == pack_model(found) == alone.read_bytes()
    assert found.layers == model.layers[:1]
    for tag in found.arrays:
        assert np.array_equal(found.arrays[tag].data, model.arrays[tag].data)
    with pytest.raises(FormatError, match="feature layer alone"):
        model_file.read_model(alone)
    data = alone.read_bytes()
    for length in range(len(data)):
        with pytest.raises(FormatError):
            model_file.unpack_model(data[:length])
    for change in (
        set_model(fitted_correct=1),
        set_model(class_names=["a", "b"]),
        set_model(kept=True),
    ):
        alone.write_bytes(rewritten(layer_alone(model), change))
        with pytest.raises(FormatError):
            read_layer(alone)
    with_labels = layer_alone(model)
    with_labels.arrays[b"FIT "] = model.arrays[b"FIT "]
    with pytest.raises(FormatError, match="FIT"):
        pack_model(with_labels)
    other = bytearray(data)
    struct.pack_into("<I", other, struct.calcsize("<4sHHIBBBBHHHHIII"), 0)  # leave-one-out
    alone.write_bytes(with_crc(other))
    with pytest.raises(FormatError, match="whole network"):
        read_layer(alone)


def test_a_network_without_a_feature_layer_has_none_to_give(tmp_path):
    model_file.write_model(tmp_path / "m.uffm", a_model("kernel"))
    with pytest.raises(FormatError, match="no feature layer"):
        read_layer(tmp_path / "m.uffm")


@pytest.mark.parametrize("network", ["uff2", "uff_kernel", "uff_mirror"])
def test_a_network_with_a_kept_layer_says_so(network):
    first = a_model(network)
    samples = some_samples(8, 2, first.height)
    options = reference.Options(network=network, statistics=True)
    model = reference.train(samples, options, layer1=first)
    found = unpack_model(pack_model(model))
    assert found.kept and found.version == 2
    assert found.layers[0] == first.layers[0]
    assert b"GRM1" not in found.arrays and b"GRAM" in found.arrays


def test_predictions_are_read_back_and_other_sizes_refused():
    labels = np.array([1, 0], np.uint8)
    goodness = np.array([[5, 2**40], [7, 0]], np.int64)
    data = pack_predictions(labels, goodness)
    assert data == struct.pack("<B2q", 1, 5, 2**40) + struct.pack("<B2q", 0, 7, 0)
    found = unpack_predictions(data, 2, 2)
    assert np.array_equal(found.goodness, goodness)
    assert np.array_equal(found.labels, labels)
    for n, k in ((1, 2), (2, 3), (3, 2)):
        with pytest.raises(FormatError):
            unpack_predictions(data, n, k)


@pytest.mark.parametrize("module", [samples_file, model_file])
def test_host_and_device_write_the_same_layout(module):
    source = DEVICE / {samples_file: "dataset.py", model_file: "model.py"}[module]
    names = "HEADER|RECORD|START|VERSION_1|VERSION_2|LAYER|ARRAY"
    layouts = dict(re.findall(rf'^({names}) = ("[^"]+")', source.read_text(), re.M))
    assert layouts, f"{source} has no layout"
    for constant, text in layouts.items():
        assert getattr(module, constant) == text.strip('"'), constant
