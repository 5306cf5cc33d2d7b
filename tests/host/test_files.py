"""Files of the host: only regular files are replaced, nothing is read further than it can mean."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from uff_host import files
from uff_host.datasets import shapes
from uff_host.errors import DataError, FormatError, UffError
from uff_host.formats.idx import read_idx
from uff_host.formats.model_file import START, read_model
from uff_host.formats.predictions import read_predictions
from uff_host.formats.samples import pack_samples, read_samples
from uff_host.formats.touch_recording import HEADER as SESSION_HEADER
from uff_host.formats.touch_recording import read_recording

# ---- writing ----


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_written_to_and_stays_one(device):
    before = os.stat(device)
    try:
        files.write_bytes(Path(device), b"x" * 10000)
    except OSError as error:
        assert device == "/dev/full"
        assert error.filename == device
    after = os.stat(device)
    assert (after.st_ino, after.st_mode, after.st_rdev) == (
        before.st_ino,
        before.st_mode,
        before.st_rdev,
    )
    assert not list(Path("/dev").glob(".uff*"))


def test_a_pipe_gets_the_bytes_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        files.write_bytes(pipe, b"bytes")
        assert reader.communicate()[0] == b"bytes"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_stays_one_and_its_file_is_replaced(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"older")
    link, dangling = tmp_path / "link", tmp_path / "dangling"
    link.symlink_to("deep/file")
    dangling.symlink_to("deep/other")
    for path in (link, dangling):
        files.write_bytes(path, b"newer")
        assert path.is_symlink()
    assert (tmp_path / "deep" / "file").read_bytes() == b"newer"
    assert (tmp_path / "deep" / "other").read_bytes() == b"newer"


def test_permissions_of_the_older_file_stay_and_new_files_have_the_usual_ones(tmp_path):
    path = tmp_path / "file"
    umask = os.umask(0o027)
    try:
        files.write_bytes(path, b"1")
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o600)
        files.write_bytes(path, b"2")
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(umask)


def test_what_cannot_be_a_file_is_a_sentence_that_names_it(tmp_path):
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "deep" / "x", "there is no folder .*/none/deep"),
        (tmp_path / ("x" * 300), None),
    ):
        for work in (partial(files.write_bytes, path, b""), partial(files.check_outputs, path)):
            if words:
                with pytest.raises(DataError, match=f"{path} .*{words}|{path} {words}"):
                    work()
            else:
                with pytest.raises(OSError, match="name too long") as error:
                    work()
                assert error.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_no_temporary_name_is_in_an_error(tmp_path):
    path = tmp_path / "model.uffm"

    def full(new: Path) -> None:
        raise OSError(28, "No space left on device", str(new))

    def nameless(new: Path) -> None:
        raise OSError(28, "No space left on device")

    def copying(new: Path) -> None:
        raise OSError(28, "No space left on device", "source", None, str(new))

    for fail in (full, nameless, copying):
        with pytest.raises(OSError, match="No space") as error, files.replacing(path) as new:
            fail(new)
        assert (error.value.filename, error.value.filename2) == (str(path), None)
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_would_take_the_place_of_another_file_are_refused(tmp_path):
    source, link = tmp_path / "a.uffs", tmp_path / "link"
    source.write_bytes(b"precious")
    link.symlink_to(source)
    new = tmp_path / "new"
    for outputs, inputs in (
        ((source,), (source,)),
        ((link,), (source,)),
        ((new, tmp_path / ".." / tmp_path.name / "new"), ()),
        ((source, link), ()),
    ):
        with pytest.raises(DataError, match=r"would take the place of|is what is to be read"):
            files.check_outputs(*outputs, inputs=inputs)
    files.check_outputs(new, None, source, inputs=(None, tmp_path / "other"))
    files.check_outputs(Path("/dev/null"), Path("/dev/null"))


# ---- reading ----


def endless(path: Path, head: bytes) -> subprocess.Popen[bytes]:
    """A pipe at `path` that begins with `head` and never ends."""
    os.mkfifo(path)
    (path.parent / "head").write_bytes(head)
    command = f"exec cat '{path.parent / 'head'}' /dev/zero > '{path}'"
    return subprocess.Popen(["sh", "-c", command], stderr=subprocess.DEVNULL)


def model_head(total: int) -> bytes:
    return struct.pack(START, b"UFFM", 1, 76, total) + bytes(64)


@pytest.mark.parametrize(
    ("read", "head"),
    [
        (read_samples, b""),
        (read_samples, pack_samples(shapes.samples(2, 0))),
        (read_model, b""),
        (read_model, model_head(5000)),
        (read_recording, b""),
        (read_recording, struct.pack(SESSION_HEADER, b"UFFT", 2, 16, 800, 480, 100)),
        (lambda path: read_predictions(path, 20, 3), b""),
        (lambda path: read_idx(path, 3), b""),
        (lambda path: read_idx(path, 3), struct.pack(">4B3I", 0, 0, 8, 3, 9, 9, 9)),
        (lambda path: read_idx(path, 3), struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3)),
        (files.read_whole, b""),
        (files.read_json, b"[1"),
    ],
)
def test_an_endless_input_is_a_sentence(read, head, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 1 << 20)
    monkeypatch.setattr(files, "JSON_LARGEST", 1 << 20)
    with endless(tmp_path / "pipe", head) as feeder:
        with pytest.raises(UffError, match="pipe"):
            read(tmp_path / "pipe")
        feeder.kill()


def test_a_huge_file_of_samples_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.uffs"
    path.write_bytes(pack_samples(shapes.samples(2, 0)))
    os.truncate(path, 100 << 30)  # a hole
    with pytest.raises(FormatError, match=r"huge\.uffs has more than the 2,147,483,647 bytes"):
        read_samples(path)


def test_a_file_that_unpacks_to_more_than_its_head_says_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    head = struct.pack(">4B3I", 0, 0, 8, 3, 2, 4, 4)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(head + bytes(16))
    one = path.read_bytes()
    with gzip.open(path, "wb") as stream:
        stream.write(head)
        for _ in range(64):
            stream.write(bytes(1 << 20))
    with pytest.raises(DataError, match="holds more values, its head promises 32"):
        read_idx(path, 3)
    path.write_bytes(one)
    with pytest.raises(DataError, match="holds 16 values, its head promises 32"):
        read_idx(path, 3)


@pytest.mark.parametrize("text", [b"", b"[" * 100_000, b"\xff", b'{"a": 1,}'])
def test_what_is_no_json_is_a_value_error(tmp_path, text):
    (tmp_path / "x").write_bytes(text)
    with pytest.raises(ValueError, match=r"."):
        files.read_json(tmp_path / "x")


def test_a_model_longer_or_shorter_than_its_header_says_is_refused(tmp_path):
    path = tmp_path / "m.uffm"
    path.write_bytes(model_head(100) + bytes(100))
    with pytest.raises(FormatError, match="more than the 100 bytes that its header tells of"):
        read_model(path)
    path.write_bytes(model_head(500) + bytes(100))
    with pytest.raises(FormatError, match="cut short"):
        read_model(path)


def test_a_pipe_is_read_as_a_file_is(tmp_path):
    pipe, whole = tmp_path / "pipe", shapes.samples(20, 0)
    os.mkfifo(pipe)
    (tmp_path / "s.uffs").write_bytes(pack_samples(whole))
    with subprocess.Popen(["sh", "-c", f"exec cat {tmp_path}/s.uffs > {pipe}"]):
        assert np.array_equal(read_samples(pipe).images, whole.images)
    with pytest.raises(DataError, match="a file is wanted"):
        files.check_regular(pipe)
