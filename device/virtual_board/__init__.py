"""The virtual board, which `uff board` shows on a page (host/uff_host/virtual_board; wire.py has
the layouts).

Its wires are a socket that keeps packets apart, so that Ctrl-C between two of them tears none.
The touch controller is at the socket's other end; the driver here is the real board's.
"""

import os
import struct

import framebuf
from drivers.ft6x06 import FT6x06
from micropython import const

from uff.arena import HeapArena

_ANSWER = const(64)
_LARGEST = const(62)  # bytes of data in a question or an answer
_BAND = const(65536)  # bytes of pixels in a packet


class _Wire:
    """Packets to the board's hardware, and answers to those that ask."""

    def __init__(self, descriptor):
        self._file = open(descriptor, "r+b")
        self._answer = bytearray(_ANSWER)
        self._number = 0

    def send(self, packet):
        self._file.write(packet)

    def ask(self, packet):
        """Sends a question, whose second byte becomes its number; the answer, from its data on.

        OSError as the answer says, and where the line has ended.
        """
        # An answer that Ctrl-C kept from being read still waits; its number tells.
        packet[1] = self._number = (self._number + 1) & 0xFF
        self._file.write(packet)
        answer = self._answer
        answer[0] = self._number ^ 0xFF
        while answer[0] != self._number:
            if self._file.readinto(answer) != _ANSWER:
                raise OSError(5)
        if answer[1]:
            raise OSError(answer[1])
        return memoryview(answer)[2:]


class _I2C:
    """The part of machine.I2C that the touch driver calls."""

    def __init__(self, wire):
        self._wire = wire
        self._read = bytearray(5)

    def readfrom_mem_into(self, address, register, buffer):
        count = len(buffer)
        if count > _LARGEST:
            raise ValueError("i2c: want 0 to %d bytes, got %d" % (_LARGEST, count))
        struct.pack_into("<BBBBB", self._read, 0, 0x52, 0, address, register, count)
        buffer[:] = self._wire.ask(self._read)[:count]

    def writeto_mem(self, address, register, data):
        if len(data) > _LARGEST:
            raise ValueError("i2c: want 0 to %d bytes, got %d" % (_LARGEST, len(data)))
        self._wire.ask(bytearray(struct.pack("<BBBB", 0x57, 0, address, register)) + data)


class _Display:
    def __init__(self, wire, width, height):
        self.width, self.height = width, height
        self._wire = wire
        self._pixels = bytearray(2 * width * height)
        self.framebuf = framebuf.FrameBuffer(self._pixels, width, height, framebuf.RGB565)
        self._packet = memoryview(bytearray(9 + _BAND))

    def screen(self):
        """A Screen for it that tells in words what is on it."""
        from .transcript import Transcript

        return Transcript(self, self.tell)

    def tell(self, text):
        """What is on the screen, for the page; "" where nobody says."""
        self._wire.send(b"S" + text.encode())

    def show(self, x, y, w, h):
        right, bottom = min(x + w, self.width), min(y + h, self.height)
        x, y = max(x, 0), max(y, 0)
        w = right - x
        if w <= 0:
            return
        pixels, packet = memoryview(self._pixels), self._packet
        row, pitch = 2 * w, 2 * self.width
        while y < bottom:
            rows = min(_BAND // row, bottom - y)
            struct.pack_into("<BHHHH", packet, 0, 0x46, x, y, w, rows)
            start = y * pitch + 2 * x
            if row == pitch:
                packet[9 : 9 + rows * row] = pixels[start : start + rows * row]
            else:
                for at in range(9, 9 + rows * row, row):
                    packet[at : at + row] = pixels[start : start + row]
                    start += pitch
            self._wire.send(packet[: 9 + rows * row])
            y += rows


class _Led:
    def __init__(self, wire, number):
        self._wire = wire
        self._packet = bytearray((0x4C, number, 0))

    def on(self):
        self._packet[2] = 1
        self._wire.send(self._packet)

    def off(self):
        self._packet[2] = 0
        self._wire.send(self._packet)


class Board:
    name = "virtual board"
    folder = ""

    def __init__(self):
        self._wire = wire = _Wire(int(os.getenv("UFF_BOARD_FD")))
        width, height = (int(number) for number in os.getenv("UFF_BOARD_SIZE").split("x"))
        self.display = _Display(wire, width, height)
        self.display.tell("")
        self.touch = FT6x06(_I2C(wire), width, height)
        self.leds = tuple(_Led(wire, number) for number in range(4))
        self.arena = HeapArena()
        self._question = bytearray((0x42, 0))

    def button(self):
        return self._wire.ask(self._question)[0] == 1
