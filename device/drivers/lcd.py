"""The display of the STM32H747I-DISCO as the app wants one, over the C module `lcd`.

display.width, display.height    pixels, landscape
display.framebuf                 framebuf.FrameBuffer of the whole screen, RGB565
display.show(x, y, w, h)         sends that rectangle to the panel
"""

import lcd
from framebuf import RGB565, FrameBuffer


class LCD:
    """Brings the panel up, black and lit. OSError with a sentence where that fails.

    `whole` makes show() send the whole screen every time, 10 ms. No rectangle has been seen on a
    real panel by us yet: where rectangles come out wrong and whole screens right, this helps.
    """

    def __init__(self, whole=False):
        self.panel = lcd.init()
        self.width = lcd.WIDTH
        self.height = lcd.HEIGHT
        self.framebuf = FrameBuffer(lcd.framebuffer(), self.width, self.height, RGB565)
        self.whole = whole

    def show(self, x=0, y=0, w=None, h=None):
        """Send the part of the rectangle that lies on the screen; all of it without arguments.

        ValueError for a negative size; nothing is sent where nothing is left. OSError where the
        panel fails: then it is off, and LCD() tries anew.
        """
        w = self.width if w is None else w
        h = self.height if h is None else h
        if w < 0 or h < 0:
            raise ValueError("show: want a size of 0 or more, got w %d, h %d" % (w, h))
        right = min(x + w, self.width)
        bottom = min(y + h, self.height)
        x = max(x, 0)
        y = max(y, 0)
        if x >= right or y >= bottom:
            return
        if self.whole:
            lcd.show(0, 0, self.width, self.height)
        else:
            lcd.show(x, y, right - x, bottom - y)

    @property
    def underruns(self):
        """How often the display's FIFO has run empty within a frame since the panel came up."""
        return lcd.underruns()

    def backlight(self, on):
        """Switch the light behind the panel."""
        lcd.backlight(on)
