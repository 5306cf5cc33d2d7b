"""Files to and from a board, over nothing but its REPL.

A chunk travels as one line, deflated and in base64, so Ctrl-C keeps its meaning; it carries its
place and the CRC-32 of what it unpacks to and is asked for again if they differ, as is every line
that cannot be read. A file grows under another
name and takes its own when the SHA-256 of all of it is right, so the old one is there until then.
A transfer that was cut goes on where it was: what had arrived is trusted if its SHA-256 is that
of as much of the source. A file that is there already is not sent.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.progress import OnProgress, Progress, ignore
from uff_host.targets.serial_link import SerialLink

CHUNK = 4096
TRIES = 5  # for one chunk
FINAL = ("done", "damaged", "full")  # last words of a board that received a file
SILENCE_S = 60.0  # the board may hash a file of megabytes, or erase a flash

# Runs on the board: functions that all transfers begin with.
COMMON = """
import binascii, hashlib, io, os, sys
def digest(name):
    count, total, buffer = 0, hashlib.sha256(), memoryview(bytearray(4096))
    try:
        with open(name, "rb") as file:
            while True:
                size = file.readinto(buffer)
                if not size:
                    break
                total.update(buffer[:size])
                count += size
    except OSError:
        count = -1
    return count, str(binascii.hexlify(total.digest()), "ascii")
def finish(name, part, wanted):
    if hasattr(os, "sync"):
        os.sync()
    if digest(part)[1] != wanted:
        os.remove(part)
        print("damaged")
        return
    try:
        os.rename(part, name)
    except OSError:
        os.remove(name)
        os.rename(part, name)
    print("done")
def begin(name, part, size, wanted):
    if digest(name) == (size, wanted):
        print("same")
        return None
    for old in os.listdir():
        if old.startswith(name + ".") and old.endswith(".part") and old != part:
            os.remove(old)
    print("part", *digest(part))  # -1 where there is none
    return int(sys.stdin.readline())
def ask():
    try:
        return sys.stdin.readline().split()
    except UnicodeError:
        return []
def full(error, part):
    if error.errno != 28:
        raise error
    os.remove(part)
    print("full")
"""

RECEIVE = (
    COMMON
    + """
import deflate
def receive(name, part, size, wanted):
    at = begin(name, part, size, wanted)
    if at is None:
        return
    try:
        with open(part, "ab" if at else "wb") as file:
            print("at", at)
            while at < size:
                line = ask()
                try:
                    data = io.BytesIO(binascii.a2b_base64(line[2]))
                    data = deflate.DeflateIO(data, deflate.RAW, 12).read()
                    good = int(line[0]) == at and binascii.crc32(data) == int(line[1], 16)
                except (ValueError, IndexError, OSError, EOFError):
                    good = False
                if not good:
                    print("again", at)
                    continue
                if file.write(data) != len(data):
                    raise OSError(28)
                file.flush()
                at += len(data)
                print("at", at)
    except OSError as error:
        full(error, part)
        return
    finish(name, part, wanted)
receive({name!r}, {part!r}, {size}, {digest!r})
"""
)

SEND = (
    COMMON
    + """
def send(name):
    try:
        os.stat(name)
    except OSError:
        print("none")
        return
    print("file", *digest(name))
    buffer = memoryview(bytearray({chunk}))
    with open(name, "rb") as file:
        while True:
            line = ask()
            if line == ["end"]:
                return
            if len(line) != 2 or line[0] != "at" or not line[1].isdigit():
                print("again")
                continue
            file.seek(int(line[1]))
            data = buffer[: file.readinto(buffer)]
            text = str(binascii.b2a_base64(data), "ascii")
            print(line[1], "%08x" % binascii.crc32(data), text, end="")
send({name!r})
"""
)


class LineTransport(Protocol):
    """What a transfer needs of a link that has been woken."""

    def start(self, code: str) -> None: ...
    def write_line(self, text: str) -> None: ...
    def read_line(self, silence_s: float) -> str | None: ...
    def ended(self, silence_s: float) -> str: ...


def part_name(name: str, digest: str) -> str:
    """Under which name a file grows; of its content, so that two are never mixed."""
    return f"{name}.{digest[:8]}.part"


def put(
    link: SerialLink | LineTransport, local: Path, name: str, on_progress: OnProgress = ignore
) -> None:
    """Copy a file of the host to `name` on the board.

    Raises:
        DeviceError: The line broke, the board's disk is full, or the file arrived damaged. The
            old file of that name is as it was, and the next put() of the same file goes on.
    """
    data = local.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    values = {"name": name, "part": part_name(name, digest), "size": len(data), "digest": digest}
    link.start(RECEIVE.format(**values))
    words = _words(link, name)
    if words == ["same"]:
        _end(link, name)
        on_progress(Progress(f"{name} is there", 1.0, 0.0))
        return
    held, begun = _count(words, "part", name)
    at = held if 0 < held <= len(data) and hashlib.sha256(data[:held]).hexdigest() == begun else 0
    link.write_line(str(at))
    clock = _Clock(f"Sending {name}", at, len(data), on_progress)
    words, tries = _words(link, name), 0
    while at < len(data):
        if words[0] in FINAL:
            break
        clock.show(at)
        end = min(at + CHUNK, len(data))
        link.write_line(_pack(at, data[at:end]))
        words = _words(link, name)
        if words == ["at", str(end)]:
            at, tries = end, 0
            continue
        # Damaged on its way to the board, or the answer on its way here: the board knows where
        # it is, and says so once more where a chunk is not the one it waits for.
        tries += 1
        if tries == TRIES:
            raise DeviceError(f"{name}: the line damages what it carries. Was there a bad cable?")
        if words[0] == "again" and words[1:2] and words[1].isdecimal():
            at = min(int(words[1]), len(data) - 1)
    if words[0] not in FINAL:
        words = _words(link, name)
    finished(words[0], name, len(data))
    _end(link, name)
    clock.show(len(data))


def finished(word: str, name: str, size: int) -> None:
    """Judge the last word of a board that received a file.

    Raises:
        DeviceError: It is not "done".
    """
    if word == "full":
        raise DeviceError(f"{name}: {size:,} bytes do not fit on the target's disk.")
    if word not in FINAL:
        raise DeviceError(f"{name}: the target's answer {word!r} makes no sense. Send it again.")
    if word != "done":
        raise DeviceError(f"{name} arrived damaged and was thrown away; the old one is intact.")


def get(
    link: SerialLink | LineTransport, name: str, local: Path, on_progress: OnProgress = ignore
) -> None:
    """Copy `name` from the board; `local` is replaced whole or not at all.

    Raises:
        DeviceError: There is no such file, the line broke, or the file came damaged. What had
            come lies beside `local`, and the next get() of the same file goes on there.
    """
    link.start(SEND.format(name=name, chunk=CHUNK))
    words = _words(link, name)
    if words == ["none"]:
        _end(link, name)
        raise DeviceError(f"The target has no file {name}.")
    size, digest = _count(words, "file", name)
    with _part(local, digest) as part:
        at = min(part.stat().st_size, size) // CHUNK * CHUNK if part.exists() else 0
        clock = _Clock(f"Fetching {name}", at, size, on_progress)
        with part.open("r+b" if at else "wb") as stream:
            stream.truncate(at)
            stream.seek(at)
            tries = 0
            while at < size:
                link.write_line(f"at {at}")
                chunk = _unpack(at, _words(link, name))
                if chunk is None:
                    tries += 1
                    if tries == TRIES:
                        raise DeviceError(f"{name}: the line damages what it carries.")
                    continue
                tries = 0
                stream.write(chunk)
                stream.flush()
                at += len(chunk)
                clock.show(at)
        for _ in range(TRIES):
            link.write_line("end")
            if link.read_line(SILENCE_S) is None:
                break
        _end(link, name)
        whole = part.read_bytes()
        part.unlink()
    if hashlib.sha256(whole).hexdigest() != digest:
        raise DeviceError(f"{name} came damaged and was thrown away; try again.")
    files.write_bytes(local, whole)


@contextlib.contextmanager
def _part(local: Path, digest: str) -> Iterator[Path]:
    """Where a file grows: beside its place, where it is found again; for a pipe, anywhere."""
    if files.takes_bytes(local):
        with tempfile.TemporaryDirectory(prefix="uff-") as folder:
            yield Path(folder) / "part"
        return
    place = Path(os.path.realpath(local))
    yield place.parent / part_name(f".{place.name}", digest)


def _pack(at: int, data: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    packed = packer.compress(data) + packer.flush()
    return f"{at} {zlib.crc32(data):08x} {binascii.b2a_base64(packed, newline=False).decode()}"


def _unpack(at: int, words: list[str]) -> bytes | None:
    """The chunk of the file at `at`, or None where the line holds another or none."""
    try:
        place, crc, text = words
        data = binascii.a2b_base64(text)
        good = data and int(place) == at and zlib.crc32(data) == int(crc, 16)
        return data if good else None
    except ValueError:
        return None


def _count(words: list[str], word: str, name: str) -> tuple[int, str]:
    """How many bytes of a file the board has, and their SHA-256, from its first answer.

    Raises:
        DeviceError: It says something else.
    """
    try:
        first, count, digest = words
        if first == word and len(bytes.fromhex(digest)) == hashlib.sha256().digest_size:
            return int(count), digest
    except ValueError:
        pass
    raise DeviceError(
        f"{name}: the target's answer {' '.join(words)!r} makes no sense. Try again."
    )


def _words(link: SerialLink | LineTransport, name: str) -> list[str]:
    line = link.read_line(SILENCE_S)
    if line is None:
        error = link.ended(SILENCE_S)
        last = error.splitlines()[-1] if error else "without a word"
        raise DeviceError(f"{name}: the board's side of the transfer ended: {last}")
    return line.split() or [""]


def _end(link: SerialLink | LineTransport, name: str) -> None:
    error = link.ended(SILENCE_S)
    if error:
        raise DeviceError(f"{name}: {error.splitlines()[-1]}")


class _Clock:
    """Progress of one file, with the time left from the speed so far."""

    def __init__(self, stage: str, start: int, size: int, on_progress: OnProgress) -> None:
        self._stage, self._start, self._size = stage, start, size
        self._on_progress, self._began = on_progress, time.monotonic()

    def show(self, at: int) -> None:
        left = None
        if at > self._start:
            each = (time.monotonic() - self._began) / (at - self._start)
            left = each * (self._size - at)
        self._on_progress(Progress(self._stage, at / self._size if self._size else 1.0, left))
