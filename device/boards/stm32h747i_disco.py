"""The STM32H747I-DISCO: its screen, touch panel, lights, button and memories.

Where the screen or the touch panel does not answer, a sentence says so and the board goes on
without it. The module board_h747 is firmware_build/boards/STM32H747I_DISCO/modboard_h747.c.
"""

from micropython import const

from uff.arena import Arena

WIDTH, HEIGHT = const(800), const(480)


class Board:
    """Screen and touch panel are looked for when somebody first asks for them: a script that
    trains does not wait for them."""

    name = "STM32H747I-DISCO"
    folder = "/flash/"

    def __init__(self):
        import board_h747
        import pyb

        self.arena = Arena(board_h747)
        self.leds = tuple(pyb.LED(number) for number in range(1, 5))
        self.button = pyb.Switch()
        self._found = {}

    @property
    def display(self):
        return self._find("display", _display)

    @property
    def touch(self):
        # The screen first: its reset is the touch panel's, too.
        self._find("display", _display)
        return self._find("touch", _touch)

    def _find(self, name, look):
        if name not in self._found:
            self._found[name] = look()
        return self._found[name]


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
