"""drivers.lcd over a module `lcd` that notes its calls. Prints OK."""

import sys


class Module:
    """The C module as lcd.pyi describes it."""

    WIDTH = 800
    HEIGHT = 480

    def __init__(self):
        self.memory = bytearray(800 * 480 * 2)
        self.sent = []
        self.light = None
        self.failure = None

    def init(self):
        if self.failure:
            raise OSError(self.failure)
        return "NT35510"

    def framebuffer(self):
        return self.memory

    def show(self, x, y, w, h):
        assert 0 <= x and x + w <= 800 and w > 0 and 0 <= y and y + h <= 480 and h > 0
        self.sent.append((x, y, w, h))

    def backlight(self, on):
        self.light = on

    def underruns(self):
        return 6


module = Module()
sys.modules["lcd"] = module

from drivers.lcd import LCD  # noqa: E402

display = LCD()
assert (display.width, display.height, display.panel) == (800, 480, "NT35510")
assert display.underruns == 6


def sent(*arguments):
    module.sent.clear()
    display.show(*arguments)
    return module.sent


# The framebuffer is the module's memory: RGB565, low byte first.
display.framebuf.fill(0)
display.framebuf.pixel(3, 2, 0xF81F)
at = (2 * 800 + 3) * 2
assert module.memory[at : at + 2] == b"\x1f\xf8" and sum(module.memory) == 0x1F + 0xF8

# Rectangles are cut to the screen, and nothing is sent where nothing is left.
assert sent() == [(0, 0, 800, 480)]
assert sent(10, 20, 30, 40) == [(10, 20, 30, 40)]
assert sent(-5, -6, 10, 10) == [(0, 0, 5, 4)]
assert sent(795, 470, 10, 20) == [(795, 470, 5, 10)]
assert sent(-100, -100, 2000, 2000) == [(0, 0, 800, 480)]
assert sent(799, 479) == [(799, 479, 1, 1)]
for nothing in (
    (800, 0, 5, 5),
    (0, 480, 5, 5),
    (-5, 0, 5, 5),
    (0, -5, 5, 5),
    (9, 9, 0, 5),
    (9, 9, 5, 0),
):
    assert sent(*nothing) == []

for wrong in ((0, 0, -1, 1), (0, 0, 1, -1)):
    try:
        sent(*wrong)
        raise AssertionError("a negative size was taken")
    except ValueError as error:
        assert "want a size of 0 or more, got w %d, h %d" % wrong[2:] in str(error)
    assert module.sent == []

display.backlight(False)
assert module.light is False

# With `whole`, every rectangle is the screen, but for those with nothing in them.
display = LCD(whole=True)
assert sent(10, 20, 30, 40) == [(0, 0, 800, 480)]
assert sent(900, 0, 5, 5) == []

# No panel: the module's sentence reaches the caller.
module.failure = "no panel answered on DSI"
try:
    LCD()
    raise AssertionError("no panel, no error")
except OSError as error:
    assert str(error) == "no panel answered on DSI"

print("OK")
