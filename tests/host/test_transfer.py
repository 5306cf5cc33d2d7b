"""Files over a REPL's line whose bits flip: the file comes whole, or a sentence says why not.

The board's side runs in the unix port; the line is a pair of pipes.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from uff_host.errors import DeviceError
from uff_host.targets import transfer
from uff_host.targets.serial_link import Silence

Flip = Callable[[str, int, str], str]  # direction, number of the line, its text


class Line:
    """Runs the code of a transfer in a folder, as a board would; `flip` sees every line."""

    def __init__(self, micropython: Path, folder: Path, flip: Flip) -> None:
        self._micropython, self._folder, self._flip = micropython, folder, flip
        self._lines = {"to": 0, "from": 0}
        self._started: subprocess.Popen[bytes] | None = None
        self._came = b""

    def start(self, code: str) -> None:
        script = self._folder.with_suffix(".py")
        script.write_text(code)
        self._started = subprocess.Popen(
            [str(self._micropython), str(script)],
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self._started is not None
        return self._started

    @property
    def _to(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _from(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _flipped(self, way: str, text: str) -> str:
        self._lines[way] += 1
        return self._flip(way, self._lines[way], text)

    def write_line(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # a board that has ended does not mind
            self._to.write(self._flipped("to", text).encode("latin-1") + b"\n")
            self._to.flush()

    def read_line(self, silence_s: float) -> str | None:
        while b"\n" not in self._came:
            if not select.select([self._from], [], [], silence_s)[0]:
                raise Silence("the line", silence_s)
            piece = os.read(self._from.fileno(), 65536)
            self._came += piece
            if not piece:
                return None
        line, self._came = self._came.split(b"\n", 1)
        if line.startswith(b"Traceback"):
            self._came = line + b"\n" + self._came
            return None
        return self._flipped("from", line.decode("latin-1"))

    def ended(self, silence_s: float) -> str:
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        output = self._came + self._from.read()
        self._process.wait()
        self._from.close()
        return output.decode().strip()

    def close(self) -> None:
        if self._started is not None:
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(BrokenPipeError):
                self._to.close()
            self._from.close()


@pytest.fixture
def line(micropython: Path, tmp_path: Path) -> Iterator[Callable[..., Line]]:
    (tmp_path / "board").mkdir()
    made: list[Line] = []

    def make(flip: Flip = lambda way, number, text: text) -> Line:
        made.append(Line(micropython, tmp_path / "board", flip))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Two chunks and a bit, that hardly deflate."""
    path = tmp_path / "new.bin"
    path.write_bytes(np.random.default_rng(1).bytes(2 * transfer.CHUNK + 100))
    return path


def one_bit(way: str, number: int, chance: random.Random) -> Flip:
    """Flips a bit of one line, never so that a line ends or Ctrl-C comes."""

    def flip(to: str, at: int, text: str) -> str:
        if (to, at) != (way, number):
            return text
        while True:
            place, bit = chance.randrange(len(text)), 1 << chance.randrange(8)
            found = chr(ord(text[place]) ^ bit)
            if found not in "\n\r\3\4":
                return text[:place] + found + text[place + 1 :]

    return flip


def test_files_go_both_ways(line, new, tmp_path):
    transfer.put(line(), new, "x.bin")
    transfer.put(line(), new, "x.bin")
    transfer.get(line(), "x.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == new.read_bytes()
    assert [path.name for path in (tmp_path / "board").iterdir()] == ["x.bin"]


@pytest.mark.parametrize(("way", "lines"), [("to", 4), ("from", 6)])
def test_a_bit_that_flips_while_sending_is_made_good_or_is_a_sentence(line, new, way, lines):
    """The numbers of lines are those of a sending of three chunks."""
    chance = random.Random(way)
    kept = new.parent / "board" / "x.bin"
    for number in range(1, lines + 1):
        for _ in range(6):
            kept.unlink(missing_ok=True)
            try:
                transfer.put(line(one_bit(way, number, chance)), new, "x.bin")
            except DeviceError as error:
                assert str(error).startswith("x.bin")
                assert not isinstance(error, Silence)
                # Only what begins and what ends cannot be asked for again.
                assert (way, number) in {("to", 1), ("from", 1), ("from", lines)}
                assert number == lines or not kept.exists()
            else:
                assert kept.read_bytes() == new.read_bytes()


@pytest.mark.parametrize(("way", "lines"), [("to", 4), ("from", 4)])
def test_a_bit_that_flips_while_fetching_is_made_good_or_is_a_sentence(line, new, way, lines):
    transfer.put(line(), new, "x.bin")
    chance = random.Random(way)
    local = new.parent / "local.bin"
    for number in range(1, lines + 1):
        for _ in range(6):
            local.write_bytes(b"older")
            try:
                transfer.get(line(one_bit(way, number, chance)), "x.bin", local)
            except DeviceError as error:
                assert not isinstance(error, Silence)
                assert (way, number) == ("from", 1)  # the size and the hash
                assert local.read_bytes() == b"older"
            else:
                assert local.read_bytes() == new.read_bytes()


@pytest.mark.parametrize("answer", ["", "at", "at x", "part", "part 0", "part x y", "\xff", "@ 1"])
def test_an_answer_without_sense_is_a_sentence(line, new, answer):
    def flip(way: str, number: int, text: str) -> str:
        return answer if way == "from" else text

    for work in (
        lambda: transfer.put(line(flip), new, "x.bin"),
        lambda: transfer.get(line(flip), "y.bin", new.parent / "y.bin"),
    ):
        with pytest.raises(DeviceError, match="makes no sense"):
            work()


def test_a_line_that_damages_every_chunk_is_a_sentence(line, new):
    def flip(way: str, number: int, text: str) -> str:
        return text[:-1] + ("A" if text[-1] != "A" else "B") if len(text) > 100 else text

    with pytest.raises(DeviceError, match="damages what it carries"):
        transfer.put(line(flip), new, "x.bin")
    transfer.put(line(), new, "x.bin")
    with pytest.raises(DeviceError, match="damages what it carries"):
        transfer.get(line(flip), "x.bin", new.parent / "y.bin")
    assert not (new.parent / "y.bin").exists()


def test_a_fetched_file_may_go_into_a_pipe(line, new, tmp_path):
    transfer.put(line(), new, "x.bin")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        transfer.get(line(), "x.bin", Path(f"/dev/fd/{reader.stdin.fileno()}"))
        assert reader.communicate()[0] == new.read_bytes()
    with pytest.raises(OSError, match="No space left") as error:
        transfer.get(line(), "x.bin", Path("/dev/full"))
    assert error.value.filename == "/dev/full"
    assert Path("/dev/full").is_char_device()
