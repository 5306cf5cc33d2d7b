"""The board in a browser tab: MicroPython compiled to WebAssembly, in a worker of its page
(firmware_build/web). The touch controller is the page's; the driver here is the real board's.
"""

import board_web
import framebuf
from drivers.ft6x06 import FT6x06

from uff.arena import HeapArena


class _I2C:
    """The part of machine.I2C that the touch driver calls."""

    def readfrom_mem_into(self, address, register, buffer):
        board_web.i2c_read(address, register, buffer)

    def writeto_mem(self, address, register, data):
        board_web.i2c_write(address, register, data)


class _Display:
    def __init__(self, width, height):
        self.width, self.height = width, height
        self._pixels = bytearray(2 * width * height)
        self.framebuf = framebuf.FrameBuffer(self._pixels, width, height, framebuf.RGB565)

    def screen(self):
        """A Screen for it that tells in words what is on it."""
        from transcript import Transcript

        return Transcript(self, board_web.tell)

    def show(self, x, y, w, h):
        right, bottom = min(x + w, self.width), min(y + h, self.height)
        x, y = max(x, 0), max(y, 0)
        if right > x and bottom > y:
            board_web.show(self._pixels, self.width, x, y, right - x, bottom - y)


class _Led:
    def __init__(self, number):
        self._number = number

    def on(self):
        board_web.led(self._number, True)

    def off(self):
        board_web.led(self._number, False)


class Board:
    name = "web page"
    folder = ""

    def __init__(self):
        width, height = board_web.screen()
        self.display = _Display(width, height)
        board_web.tell("")
        self.touch = FT6x06(_I2C(), width, height)
        self.leds = tuple(_Led(number) for number in range(4))
        self.arena = HeapArena()

    def button(self):
        return board_web.button()
