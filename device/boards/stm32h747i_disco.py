"""The STM32H747I-DISCO: its screen, touch panel, lights, button and memories.

Where the screen or the touch panel does not answer, a sentence says so and the board goes on
without it. The module board_h747 is firmware_build/boards/STM32H747I_DISCO/modboard_h747.c.
"""

from micropython import const

WIDTH, HEIGHT = const(800), const(480)
_LINE = const(32)  # bytes of a line of the data cache: buffers that share none


class Arena:
    """Memory for big arrays outside the collected heap: two parts of the SDRAM, taken in turn.

    arena() gives an alloc for one training, out of the part that is not kept; arena.keep() keeps
    what was given last, so that the next training leaves the present network alone. Whatever is
    older lies in the part that arena() gives anew, and must not be used any more.

    memory: size(region) and take(region, offset, bytes), as board_h747.
    """

    def __init__(self, memory):
        self._memory = memory
        self._given = self._kept = 1

    def __call__(self):
        self._given = 1 - self._kept
        return Part(self._memory, self._given)

    def keep(self):
        self._kept = self._given


class Part:
    """alloc(bytes) -> zeroed bytearray, for one training. MemoryError where the part is full.

    alloc.fast(bytes): the same for scratch memory, in the DTCM while that lasts: no wait states,
    no cache to miss, but out of reach for DMA, so nothing is to be read into it from an SD card.
    The next training gets the same DTCM.
    """

    def __init__(self, memory, number):
        self._memory = memory
        self._used = {}
        self._arena = "arena%d" % number

    def __call__(self, size):
        if size > self.free:
            raise MemoryError(
                "arena: want %d bytes, %d of %d are free; want fewer images or neurons"
                % (size, self.free, self._memory.size(self._arena))
            )
        return self._take(self._arena, size)

    def fast(self, size):
        if size > self._free("workspace"):
            return self(size)
        return self._take("workspace", size)

    @property
    def free(self):
        """Bytes left in the arena."""
        return self._free(self._arena)

    def _free(self, region):
        return max(self._memory.size(region) - self._used.get(region, 0), 0)

    def _take(self, region, size):
        start = self._used.get(region, 0)
        self._used[region] = (start + size + _LINE - 1) // _LINE * _LINE
        return self._memory.take(region, start, size)


class Board:
    name = "STM32H747I-DISCO"
    folder = "/flash/"

    def __init__(self):
        import board_h747
        import pyb

        self.arena = Arena(board_h747)
        self.leds = tuple(pyb.LED(number) for number in range(1, 5))
        self.button = pyb.Switch()
        self.display = _display()
        self.touch = _touch()


def _display():
    try:
        from drivers.lcd import LCD

        return LCD()
    except (ImportError, OSError) as error:
        print("No screen: %s." % _sentence(error))
        return None


def _touch():
    from drivers.ft6x06 import FT6x06
    from machine import I2C, Pin

    # The screen's reset line is the touch controller's, too.
    Pin("LCD_RESET", Pin.OUT, value=1)
    try:
        # 100 kHz: MicroPython's figures for this bus are for another clock, so it runs about 1.85
        # times as fast as asked for (by its sources; not measured), and the controller stops at
        # 400. A read takes 2 ms; one that hangs is given up after 10.
        return FT6x06(I2C(4, freq=100_000, timeout=10_000), WIDTH, HEIGHT)
    except OSError as error:
        print("No touch panel: %s." % _sentence(error))
        return None


def _sentence(error):
    """What an exception says: its text without the number, or all of it."""
    return error.args[1] if len(error.args) > 1 else error
