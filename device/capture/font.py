"""Anti-aliased text: letters of font_data.py, blitted with a palette from back to front colour.

A character the font lacks is drawn as a box.
"""

from struct import unpack_from

import framebuf

from . import font_data

RECORD = "<HBBbbB"
STEP = 7
FORMATS = {2: framebuf.GS2_HMSB, 4: framebuf.GS4_HMSB}


class Font:
    """One size. height: of a line, pixels; cap: of a capital letter; levels: shades of its
    palette."""

    def __init__(self, data):
        self.height, self._bits, self._characters, self._index, self._pixels = data
        self.levels = 1 << self._bits
        self._glyphs = {}  # what was drawn once is kept: framebuf wants its pixels in RAM
        _, _, self.cap, _, self._top, self._box = self._record("H")

    def _record(self, character):
        code = ord(character)
        # The first 95 are printable ASCII in order, but for the biggest font.
        if 32 <= code < 127 and len(self._characters) > 94:
            at = code - 32
        else:
            at = self._characters.find(character)
        return unpack_from(RECORD, self._index, at * STEP) if at >= 0 else None

    def covers(self, text):
        """Whether no character would be a box."""
        for character in text:
            if self._record(character) is None:
                return False
        return True

    def width(self, text):
        """Pixels to the right that text takes."""
        sum = 0
        for character in text:
            sum += (self._glyphs.get(character) or self._glyph(character))[4]
        return sum

    def _glyph(self, character):
        record = self._record(character)
        if record is not None:
            at, width, height, left, top, advance = record
            per_byte = 8 // self._bits
            row = (width + per_byte - 1) // per_byte
            pixels = bytearray(self._pixels[at : at + row * height]) or bytearray(1)
            picture = framebuf.FrameBuffer(
                pixels, max(width, 1), max(height, 1), FORMATS[self._bits], max(row * per_byte, 1)
            )
            glyph = picture, width, left, top, advance
        else:
            glyph = None, self._box - 2, 1, self._top, self._box
        self._glyphs[character] = glyph
        return glyph

    def draw(self, buffer, text, x, y, palette):
        """Draws text with its line's top left corner at x, y. palette: levels x 1 pixels, from
        the background to the letters' colour."""
        for character in text:
            picture, width, left, top, advance = self._glyphs.get(character) or self._glyph(
                character
            )
            if picture is None:
                colour = palette.pixel(self.levels - 1, 0)
                buffer.rect(x + left, y + top, width, self.cap, colour)
            elif width:
                buffer.blit(picture, x + left, y + top, -1, palette)
            x += advance

    def fit(self, text, width):
        """text, cut and ended with "…" where it is wider than width."""
        if self.width(text) <= width:
            return text
        end = "…" if self.covers("…") else ""
        while text and self.width(text + end) > width:
            text = text[:-1]
        return text + end

    def split(self, text, width):
        """A list of lines of text, broken wherever one is full: for names, of which nothing may
        be cut off."""
        lines, line = [], ""
        for letter in text:
            if line and self.width(line + letter) > width:
                # At a space, where there is one; a space between lines is not shown.
                at = line.rfind(" ") if letter != " " else len(line)
                if at > 0:
                    lines.append(line[:at])
                    line = line[at:].lstrip()
                else:
                    lines.append(line)
                    line = ""
            line = (line + letter).lstrip()
        lines.append(line)
        return lines

    def wrap(self, text, width):
        """A list of lines of text, broken between words."""
        lines, line = [], ""
        for word in text.split(" "):
            longer = line + " " + word if line else word
            if line and self.width(longer) > width:
                lines.append(line)
                line = self.fit(word, width)
            else:
                line = self.fit(longer, width) if not line else longer
        lines.append(line)
        return lines


def fonts(height):
    """(tiny, small, main, big) for a screen of this height."""
    data = font_data
    if height >= 400:
        return Font(data.TINY), Font(data.SMALL), Font(data.MAIN), Font(data.BIG)
    return Font(data.MICRO), Font(data.TINY), Font(data.SMALL), Font(data.MAIN)
