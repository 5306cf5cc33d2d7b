"""Drawing on the screen: rounded rectangles, text, marks; and which part of it changed.

Colours are RGB565. No meaning rests on a colour alone: what is chosen, doubtful or dangerous also
has a mark, an outline or a word.
"""

from array import array

import framebuf

from .font import fonts


def rgb(red, green, blue):
    """RGB565 of three bytes."""
    return (red & 0xF8) << 8 | (green & 0xFC) << 3 | blue >> 3


BACK = rgb(17, 22, 31)
PANEL = rgb(35, 43, 57)
PRESSED = rgb(74, 90, 117)
TEXT = rgb(243, 246, 250)
DIM = rgb(168, 180, 198)
FAINT = rgb(104, 116, 134)  # of what cannot be used now
TRACK = rgb(58, 69, 88)
PAPER = rgb(250, 246, 236)
INK = rgb(20, 28, 48)
PENCIL = rgb(104, 101, 96)  # of hints on paper
BLUE = rgb(72, 160, 255)
STRONG = rgb(28, 100, 210)  # a blue that carries white letters
GREEN = rgb(92, 214, 150)
AMBER = rgb(255, 194, 77)
RED = rgb(190, 48, 56)

TICK = (0, 54, 14, 40, 37, 62, 84, 10, 100, 24, 39, 92)  # its corners, hundredths of its side
RECTS = 12  # changed parts kept apart between two flushes


def screen_of(display):
    """The Screen that draws on a display: what display.screen() makes, where there is that."""
    make = getattr(display, "screen", None)
    return make() if make else Screen(display)


class Screen:
    """Draws into display.framebuf and sends what changed by display.show(x, y, w, h)."""

    def __init__(self, display):
        self.width, self.height = display.width, display.height
        self.buffer = display.framebuf
        self._display = display
        self.tiny, self.small, self.main, self.big = fonts(display.height)
        self._palettes = {}
        self._corners = {}
        self._changed = array("h", [0] * (4 * RECTS))  # left, top, right, bottom
        self._count = 0
        self._greys = framebuf.FrameBuffer(bytearray(2 * 256), 256, 1, framebuf.RGB565)
        for level in range(256):
            self._greys.pixel(level, 0, _between(PAPER, INK, level, 255))

    def attach(self, app):
        """This application serves the screen from now on, or none (None)."""

    # ---- what changed ----

    def mark(self, x, y, width, height):
        """This rectangle changed. It may reach over the screen's edge."""
        changed = self._changed
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, self.width), min(y + height, self.height)
        if left >= right or top >= bottom:
            return
        for at in range(0, 4 * self._count, 4):
            # Joined where they touch; else apart, so that two far corners are not a whole screen.
            if (
                left <= changed[at + 2]
                and changed[at] <= right
                and top <= changed[at + 3]
                and changed[at + 1] <= bottom
            ):
                break
        else:
            if self._count < RECTS:
                at = 4 * self._count
                self._count += 1
                changed[at], changed[at + 1] = left, top
                changed[at + 2], changed[at + 3] = right, bottom
                return
            at = 4 * RECTS - 4
        changed[at], changed[at + 1] = min(changed[at], left), min(changed[at + 1], top)
        changed[at + 2], changed[at + 3] = (
            max(changed[at + 2], right),
            max(changed[at + 3], bottom),
        )

    def flush(self):
        """Sends what changed."""
        changed, count = self._changed, self._count
        self._count = 0
        for at in range(0, 4 * count, 4):
            left, top = changed[at], changed[at + 1]
            self._display.show(left, top, changed[at + 2] - left, changed[at + 3] - top)

    # ---- shapes ----

    def clear(self):
        """The whole screen, empty."""
        self.buffer.fill(BACK)
        self.mark(0, 0, self.width, self.height)

    def fill(self, rect, colour):
        """A rectangle with sharp corners."""
        x, y, width, height = rect
        self.buffer.fill_rect(x, y, width, height, colour)
        self.mark(x, y, width, height)

    def round(self, rect, radius, colour, back=BACK, key=-1):
        """A rectangle with round, smooth corners on a ground of colour `back`; key=back leaves
        what lies outside the corners as it is."""
        x, y, width, height = rect
        buffer = self.buffer
        radius = min(radius, width // 2, height // 2)
        if radius < 1:
            self.fill(rect, colour)
            return
        buffer.fill_rect(x + radius, y, width - 2 * radius, height, colour)
        buffer.fill_rect(x, y + radius, radius, height - 2 * radius, colour)
        buffer.fill_rect(x + width - radius, y + radius, radius, height - 2 * radius, colour)
        palette = self.palette(back, colour, 16)
        corners = self._corners.get(radius) or self._make_corners(radius)
        right, low = x + width - radius, y + height - radius
        buffer.blit(corners[0], x, y, key, palette)
        buffer.blit(corners[1], right, y, key, palette)
        buffer.blit(corners[2], x, low, key, palette)
        buffer.blit(corners[3], right, low, key, palette)
        self.mark(x, y, width, height)

    def outlined(self, rect, radius, colour, line, thick, back=BACK):
        """The same with an outline."""
        x, y, width, height = rect
        self.round(rect, radius, line, back)
        rect = x + thick, y + thick, width - 2 * thick, height - 2 * thick
        self.round(rect, radius - thick, colour, line, line)

    def _make_corners(self, radius):
        """Four quarters of a circle, each pixel by 4 x 4 points."""
        corners = []
        for _ in range(4):
            pixels = bytearray((radius + 1) // 2 * radius)
            corners.append(
                framebuf.FrameBuffer(
                    pixels, radius, radius, framebuf.GS4_HMSB, (radius + 1) // 2 * 2
                )
            )
        limit = 64 * radius * radius
        for y in range(radius):
            for x in range(radius):
                hits = 0
                for at in range(16):
                    dx, dy = (
                        8 * (radius - x) - 2 * (at & 3) - 1,
                        8 * (radius - y) - (at >> 2) * 2 - 1,
                    )
                    hits += dx * dx + dy * dy <= limit
                level = hits * 15 // 16
                corners[0].pixel(x, y, level)
                corners[1].pixel(radius - 1 - x, y, level)
                corners[2].pixel(x, radius - 1 - y, level)
                corners[3].pixel(radius - 1 - x, radius - 1 - y, level)
        self._corners[radius] = corners
        return corners

    def palette(self, back, front, levels):
        """So many colours from back to front, as a buffer for blit()."""
        key = back, front, levels
        palette = self._palettes.get(key)
        if palette is None:
            palette = framebuf.FrameBuffer(bytearray(2 * levels), levels, 1, framebuf.RGB565)
            for level in range(levels):
                palette.pixel(level, 0, _between(back, front, level, levels - 1))
            self._palettes[key] = palette
        return palette

    # ---- text ----

    def text(self, font, text, x, y, colour, back):
        """One line, its top left corner at x, y; returns where it ends."""
        font.draw(self.buffer, text, x, y, self.palette(back, colour, font.levels))
        end = x + font.width(text)
        self.mark(x, y, end - x, font.height)
        return end

    def centred(self, font, text, rect, colour, back):
        """One line in the middle of a rectangle, cut where it is too wide."""
        x, y, width, height = rect
        text = font.fit(text, width)
        x += (width - font.width(text)) // 2
        self.text(font, text, x, y + (height - font.height) // 2, colour, back)

    def paragraph(self, text, rect, colour, back, sizes=None, middle=False):
        """Text in a rectangle, in the largest of the fonts `sizes` in which all of it fits."""
        x, y, width, height = rect
        for font in sizes or (self.main, self.small, self.tiny):
            lines = font.wrap(text, width)
            if len(lines) * font.height <= height + 4 and not _cut(lines, text):
                break
        most = max((height + 4) // font.height, 1)
        if len(lines) > most:
            lines[most - 1] = font.fit(" ".join(lines[most - 1 :]), width)
            lines = lines[:most]
        y += (height - len(lines) * font.height) // 2
        for line in lines:
            left = x + (width - font.width(line)) // 2 if middle else x
            self.text(font, line, left, y, colour, back)
            y += font.height

    # ---- signs ----

    def tick(self, x, y, size, colour):
        """A check mark in a square."""
        points = array("h", [at * size // 100 for at in TICK])
        self.buffer.poly(x, y, points, colour, True)
        self.mark(x, y, size + 1, size + 1)

    def badge(self, sign, x, y, size, back, colour=AMBER):
        """A sign in a disc."""
        self.round((x, y, size, size), size // 2, colour, back)
        self.centred(self.small, sign, (x, y, size, size), INK, colour)

    def arrow(self, rect, right, colour):
        """A triangle that points to the left or right."""
        x, y, width, height = rect
        size = min(width, height) // 4
        x, y = x + width // 2, y + height // 2
        tip = size if right else -size
        points = array("h", (x - tip * 2 // 3, y - size, x + tip, y, x - tip * 2 // 3, y + size))
        self.buffer.poly(0, 0, points, colour, True)

    def picture(self, image, x, y, scale):
        """A 28x28 image on paper, each pixel a square of `scale` screen pixels."""
        buffer, greys = self.buffer, self._greys
        side = 28 * scale
        buffer.fill_rect(x, y, side, side, PAPER)
        at = 0
        for top in range(y, y + side, scale):
            for left in range(x, x + side, scale):
                if image[at]:
                    buffer.fill_rect(left, top, scale, scale, greys.pixel(image[at], 0))
                at += 1
        self.mark(x, y, side, side)


def _cut(lines, text):
    """Whether a word did not fit."""
    return len(" ".join(lines)) < len(text) or lines[-1].endswith("…") != text.endswith("…")


def _between(back, front, part, whole):
    """The colour that lies part of whole on the way from back to front."""
    colour = 0
    for shift, mask in ((11, 31), (5, 63), (0, 31)):
        a, b = back >> shift & mask, front >> shift & mask
        colour |= (a + ((b - a) * part + whole // 2) // whole) << shift
    return colour
