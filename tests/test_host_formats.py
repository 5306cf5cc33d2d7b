"""Samples, model and predictions files: what is written is read, damage is not believed."""

import contextlib
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uff_host import model as model_file
from uff_host import reference
from uff_host import samples as samples_file
from uff_host.errors import FormatError
from uff_host.model import pack_model, unpack_model
from uff_host.predictions import pack_predictions, unpack_predictions
from uff_host.samples import (
    CLASS_NAME,
    DELETE,
    RELABEL,
    SAMPLE,
    Samples,
    pack_header,
    pack_record,
    pack_samples,
    read_samples,
    unpack_samples,
    write_samples,
)

DEVICE = Path(__file__).parents[1] / "device" / "uff"
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


def a_model(network: str = "uff2", statistics: bool = True) -> model_file.Model:
    options = reference.Options(network=network, hidden=3, statistics=statistics)
    return reference.train(some_samples(), options)


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
    for names, images, labels in (
        (["a"], good.images, good.labels),
        (["a"] * 17, good.images, good.labels),
        (["", "b"], good.images, good.labels),
        (["a", "b"], good.images[:, :3], good.labels),
        (["a", "b"], good.images.astype(np.int16), good.labels),
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


@pytest.mark.parametrize("network", ["uff1", "uff2"])
@pytest.mark.parametrize("statistics", [False, True])
def test_a_written_model_is_read_back(network, statistics):
    model = a_model(network, statistics)
    data = pack_model(model)
    found = unpack_model(data)
    assert pack_model(found) == data
    assert found.class_names == model.class_names
    assert np.array_equal(found.array("W2"), model.array("W2"))
    assert found.has_statistics == statistics


def test_every_truncation_of_a_model_file_is_refused():
    data = pack_model(a_model())
    for length in range(len(data)):
        with pytest.raises(FormatError):
            unpack_model(data[:length])


def test_every_flipped_bit_of_a_model_file_is_refused():
    data = bytearray(pack_model(a_model(statistics=False)))
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            unpack_model(bytes(data))
        data[bit // 8] ^= 1 << bit % 8


def test_a_model_file_with_its_crc_made_to_fit_is_still_checked_or_harmless():
    """Every bit of the head and of each array's head flipped: refused, or read without a crash."""
    data = bytearray(pack_model(a_model(statistics=False)))
    for bit in range(8 * (len(data) - 4)):
        data[bit // 8] ^= 1 << bit % 8
        fixed = bytes(data[:-4]) + struct.pack("<I", zlib.crc32(bytes(data[:-4])))
        try:
            model = unpack_model(fixed)
        except FormatError:
            pass
        else:
            assert pack_model(model) == fixed  # nothing in the file is without a meaning
        data[bit // 8] ^= 1 << bit % 8


@settings(max_examples=300)
@given(st.data())
def test_a_model_header_of_any_numbers_never_crashes(data):
    good = pack_model(a_model())
    fields = list(struct.unpack_from(model_file.HEADER, good))
    at = data.draw(st.integers(1, len(fields) - 1))
    if isinstance(fields[at], float):
        fields[at] = data.draw(st.floats(width=32))
    else:
        fields[at] = data.draw(st.integers(0, 255))
    body = struct.pack(model_file.HEADER, *fields) + good[struct.calcsize(model_file.HEADER) : -4]
    with contextlib.suppress(FormatError):
        unpack_model(body + struct.pack("<I", zlib.crc32(body)))


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
    name = module.__name__.rpartition(".")[2]
    source = DEVICE / f"{name}.py"
    layouts = dict(re.findall(r'^(HEADER|RECORD|ARRAY) = ("[^"]+")', source.read_text(), re.M))
    assert layouts, f"{source} has no layout"
    for constant, text in layouts.items():
        assert getattr(module, constant) == text.strip('"'), constant
