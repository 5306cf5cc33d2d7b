"""A board without screen and touch: the unix port in a terminal, WebAssembly in Node, and the
emulated Cortex-M7.

MemoryDisplay is for who wants a screen there all the same: replays and tests.
"""

import sys

import framebuf

from uff.arena import Arena, HeapArena


class MemoryDisplay:
    """A screen that nobody sees: framebuf draws, `buffer` (RGB565, rows from the top) holds."""

    def __init__(self, width=800, height=480):
        self.width, self.height = width, height
        self.buffer = bytearray(2 * width * height)
        self.framebuf = framebuf.FrameBuffer(self.buffer, width, height, framebuf.RGB565)
        self.shown = 0  # calls of show()

    def show(self, x, y, w, h):
        self.shown += 1


class Board:
    def __init__(self):
        emulated = "mps2-an500" in getattr(sys.implementation, "_machine", "").lower()
        node = sys.platform == "webassembly"
        self.name = "MPS2-AN500 (emulated)" if emulated else "Node" if node else "unix"
        self.display = self.touch = None
        self.leds = ()
        self.folder = ""
        self.arena = _arena()

    def button(self):
        return False


def _arena():
    """The emulator's memory behind its heap, as on the board; or the heap."""
    try:
        import board_m7
    except ImportError:
        return HeapArena()
    return Arena(board_m7) if board_m7.size("arena") else HeapArena()
