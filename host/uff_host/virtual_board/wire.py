"""What passes between the virtual board's MicroPython and its hardware, the server.

The device begins every exchange, as a microcontroller does with its peripherals. The packets of
device/virtual_board/__init__.py, little-endian:

    <B       0                                       MicroPython hears Ctrl-C; before all others
    <BHHHH   'F', x, y, width, height; pixels        a part of the screen, RGB565 by rows
    <BBB     'L', number, on                         a LED
    <BBBBB   'R', question, address, register, n     I2C: read n bytes; asks
    <BBBB    'W', question, address, register; data  I2C: write; asks
    <B       'S'; JSON                               what is on the screen, in words
    <BB      'B', question                           is the user button held? asks
    <Bq      'T', microseconds                       the clock was set so far before the host's

Of the firmware bench (firmware_build/firmware_bench/wires.c) alone:

    <Bq      'N', microseconds                       its own time since power-on; before a question
    <BBB     'A', question, address                  I2C: does anybody answer? asks
    <B       'Z'                                     the touch controller was reset

A question has a number, and its answer of 64 bytes begins with that number and a status: 0, or the
errno of the OSError that the device is to raise. To the bench goes RESET, too: its reset button.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from uff_host.errors import DeviceError

PACKET_BYTES = 9 + 65536
ANSWER_BYTES = 64
RESET = b"X"


@dataclass(frozen=True)
class Hello:
    """MicroPython has started."""


@dataclass(frozen=True)
class Frame:
    """Pixels for a rectangle of the screen."""

    x: int
    y: int
    width: int
    height: int
    pixels: memoryview


@dataclass(frozen=True)
class Led:
    """A LED goes on or off."""

    number: int
    on: bool


@dataclass(frozen=True)
class Read:
    """Read registers of an I2C device."""

    question: int
    address: int
    register: int
    count: int


@dataclass(frozen=True)
class Write:
    """Write registers of an I2C device."""

    question: int
    address: int
    register: int
    data: bytes


@dataclass(frozen=True)
class Button:
    """Is the user button held?"""

    question: int


@dataclass(frozen=True)
class Words:
    """What is on the screen, JSON as device/virtual_board/transcript.py has it, or ""."""

    text: str


@dataclass(frozen=True)
class Clock:
    """The board's clock was set."""

    ahead_us: int


@dataclass(frozen=True)
class Now:
    """The board's own time since power-on."""

    us: int


@dataclass(frozen=True)
class Probe:
    """Does an I2C device answer to its address?"""

    question: int
    address: int


@dataclass(frozen=True)
class TouchReset:
    """The touch controller's reset line was released."""


Packet = Hello | Frame | Led | Read | Write | Button | Clock | Words | Now | Probe | TouchReset


def decode(data: bytes) -> Packet:
    """The packet that these bytes are.

    Raises:
        DeviceError: They are none.
    """
    kind, view = data[:1], memoryview(data)
    try:
        if kind == b"F":
            x, y, width, height = struct.unpack_from("<HHHH", data, 1)
            if len(data) == 9 + 2 * width * height and width and height:
                return Frame(x, y, width, height, view[9:])
        elif kind == b"R":
            return Read(*struct.unpack("<BBBB", view[1:]))
        elif kind == b"W":
            question, address, register = struct.unpack_from("<BBB", data, 1)
            return Write(question, address, register, data[4:])
        elif kind == b"B":
            return Button(*struct.unpack("<B", view[1:]))
        elif kind == b"L":
            number, on = struct.unpack("<BB", view[1:])
            return Led(number, bool(on))
        elif kind == b"T":
            return Clock(*struct.unpack("<q", view[1:]))
        elif kind == b"S":
            return Words(data[1:].decode())
        elif kind == b"N":
            return Now(*struct.unpack("<q", view[1:]))
        elif kind == b"A":
            return Probe(*struct.unpack("<BB", view[1:]))
        elif data == b"Z":
            return TouchReset()
        elif data == b"\0":
            return Hello()
    except (struct.error, UnicodeDecodeError):
        pass
    raise DeviceError(f"{len(data)} bytes that begin with {data[:9].hex()} are no packet.")


def answer(question: int, data: bytes = b"", status: int = 0) -> bytes:
    """The answer to a question."""
    return struct.pack(f"<BB{ANSWER_BYTES - 2}s", question, status, data)
