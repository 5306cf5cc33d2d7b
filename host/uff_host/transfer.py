"""Files to and from a board, over nothing but its REPL.

A chunk travels as one line, deflated and in base64, so Ctrl-C keeps its meaning; it carries the
CRC-32 of what it unpacks to and is asked for again if that differs. A file grows under another
name and takes its own when the SHA-256 of all of it is right, so the old one is there until then.
A transfer that was cut goes on where it was: what had arrived is trusted if its SHA-256 is that
of as much of the source. A file that is there already is not sent.
"""

from __future__ import annotations

import binascii
import hashlib
import time
import zlib
from pathlib import Path
from typing import Protocol

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.progress import OnProgress, Progress, ignore
from uff_host.serial_link import SerialLink

CHUNK = 4096
TRIES = 5  # for one chunk
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
                line = sys.stdin.readline().split()
                try:
                    data = io.BytesIO(binascii.a2b_base64(line[1]))
                    data = deflate.DeflateIO(data, deflate.RAW, 12).read()
                    good = binascii.crc32(data) == int(line[0], 16)
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
            line = sys.stdin.readline().split()
            if line[0] == "end":
                return
            file.seek(int(line[1]))
            data = buffer[: file.readinto(buffer)]
            print("%08x" % binascii.crc32(data), str(binascii.b2a_base64(data), "ascii"), end="")
send({name!r})
"""
)


class Talk(Protocol):
    """What a transfer needs of a link that has been woken."""

    def start(self, code: str) -> None: ...
    def write_line(self, text: str) -> None: ...
    def read_line(self, silence_s: float) -> str | None: ...
    def ended(self, silence_s: float) -> str: ...


def part_name(name: str, digest: str) -> str:
    """Under which name a file grows; of its content, so that two are never mixed."""
    return f"{name}.{digest[:8]}.part"


def put(link: SerialLink | Talk, local: Path, name: str, on_progress: OnProgress = ignore) -> None:
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
    held = max(0, int(words[1]))
    start = held if _begins(data, held, words[2]) else 0
    link.write_line(str(start))
    clock = _Clock(f"Sending {name}", start, len(data), on_progress)
    at, tries = start, 0
    words = _words(link, name)
    while words[0] in ("at", "again") and (at := int(words[1])) < len(data):
        tries = tries + 1 if words[0] == "again" else 0
        if tries == TRIES:
            raise DeviceError(f"{name}: the line damages what it carries. Was there a bad cable?")
        clock.show(at)
        link.write_line(_pack(data[at : at + CHUNK]))
        words = _words(link, name)
    if words[0] == "at":
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
    if word != "done":
        raise DeviceError(f"{name} arrived damaged and was thrown away; the old one is intact.")


def get(link: SerialLink | Talk, name: str, local: Path, on_progress: OnProgress = ignore) -> None:
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
    size, digest = int(words[1]), words[2]
    part = local.parent / part_name(f".{local.name}", digest)
    local.parent.mkdir(parents=True, exist_ok=True)
    data = part.read_bytes()[: size // CHUNK * CHUNK] if part.exists() else b""
    at = len(data) // CHUNK * CHUNK
    clock = _Clock(f"Fetching {name}", at, size, on_progress)
    with part.open("r+b" if part.exists() else "wb") as stream:
        stream.truncate(at)
        stream.seek(at)
        tries = 0
        while at < size:
            link.write_line(f"at {at}")
            chunk = _unpack(_words(link, name))
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
    link.write_line("end")
    _end(link, name)
    whole = part.read_bytes()
    part.unlink()
    if hashlib.sha256(whole).hexdigest() != digest:
        raise DeviceError(f"{name} came damaged and was thrown away; try again.")
    files.write_bytes(local, whole)


def _begins(data: bytes, held: int, digest: str) -> bool:
    return held <= len(data) and hashlib.sha256(data[:held]).hexdigest() == digest


def _pack(data: bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    packed = packer.compress(data) + packer.flush()
    return f"{zlib.crc32(data):08x} {binascii.b2a_base64(packed, newline=False).decode()}"


def _unpack(words: list[str]) -> bytes | None:
    try:
        data = binascii.a2b_base64(words[1])
        return data if data and zlib.crc32(data) == int(words[0], 16) else None
    except (ValueError, IndexError):
        return None


def _words(link: SerialLink | Talk, name: str) -> list[str]:
    line = link.read_line(SILENCE_S)
    if line is None:
        error = link.ended(SILENCE_S)
        last = error.splitlines()[-1] if error else "without a word"
        raise DeviceError(f"{name}: the board's side of the transfer ended: {last}")
    return line.split() or [""]


def _end(link: SerialLink | Talk, name: str) -> None:
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
