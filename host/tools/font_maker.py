"""Makes device/capture/font_data.py: the letters of the board's screen, from the DejaVu Sans that
matplotlib brings along.

    .venv/bin/python host/tools/font_maker.py device/capture/font_data.py

A font is a tuple (line height, bits a pixel, characters, index, pixels). The index has one record
of seven bytes a character, in their order: offset into the pixels, width, height,
left, top, advance, as RECORD. Pixels are rows of GS4_HMSB or GS2_HMSB of MicroPython's framebuf,
each glyph cut to its ink. Of the device's code only capture/font.py reads this.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

RECORD = "<HBBbbB"  # offset, width, height, left, top (below the line's top), advance
ASCII = "".join(map(chr, range(32, 127)))
LATIN = ASCII + "".join(map(chr, range(0xC0, 0x100))) + "µ°…–“”"  # Latin-1's letters and signs
PLAIN = "".join(c for c in ASCII if c.isalnum() or c in " -?+")
# name, pixels of the em, bits a pixel, characters. Large letters do with four greys: their edges
# are a small part of them. The biggest shows the verdict alone; MAIN serves names it lacks.
FONTS = (
    ("MICRO", 10, 2, LATIN),
    ("TINY", 14, 4, LATIN),
    ("SMALL", 22, 4, LATIN),
    ("MAIN", 33, 2, LATIN),
    ("BIG", 54, 2, PLAIN),
)


def glyph(font: ImageFont.FreeTypeFont, character: str, bits: int) -> tuple[bytes, bytes]:
    """The index record without its offset, and the packed pixels of one character."""
    ascent, _ = font.getmetrics()
    left, top, right, bottom = (int(v) for v in font.getbbox(character, anchor="ls"))
    width, height = right - left, bottom - top
    advance = round(font.getlength(character))
    if not width or not height or character in " \xad":
        return struct.pack(RECORD[:1] + RECORD[2:], 0, 0, 0, 0, advance), b""
    picture = Image.new("L", (width, height))
    ImageDraw.Draw(picture).text((-left, -top), character, 255, font, anchor="ls")
    levels, per_byte = (1 << bits) - 1, 8 // bits
    packed = bytearray()
    for y in range(height):
        row = [(int(picture.getpixel((x, y))) * levels + 127) // 255 for x in range(width)]  # type: ignore[arg-type]
        row += [0] * (-width % per_byte)
        for x in range(0, len(row), per_byte):
            group = row[x : x + per_byte]
            if bits == 2:
                group.reverse()  # GS2_HMSB has the first pixel in its lowest bits, GS4_HMSB not
            byte = 0
            for value in group:
                byte = byte << bits | value
            packed.append(byte)
    return struct.pack(RECORD[:1] + RECORD[2:], width, height, left, ascent + top, advance), bytes(
        packed
    )


def make(size: int, bits: int, characters: str) -> tuple[int, int, str, bytes, bytes]:
    """A font as the board has it. See the module's first lines."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    ascent, descent = font.getmetrics()
    index, pixels = bytearray(), bytearray()
    for character in characters:
        record, packed = glyph(font, character, bits)
        index += struct.pack("<H", len(pixels)) + record
        pixels += packed
    return ascent + descent, bits, characters, bytes(index), bytes(pixels)


def source() -> str:
    """The text of font_data.py."""
    lines = [
        '"""The letters of the screen, made by host/uff_host/font_maker.py from DejaVu Sans (its',
        "license: https://dejavu-fonts.github.io/License.html). Not for editing.",
        '"""',
        "",
        "# fmt: off",
    ]
    for name, size, bits, characters in FONTS:
        height, bits, _, index, pixels = make(size, bits, characters)
        lines.append(f"{name} = (")
        lines.append(f"    {height}, {bits},")
        for at in range(0, len(characters), 70):
            comma = "," if at + 70 >= len(characters) else ""
            lines.append(f"    {json.dumps(characters[at : at + 70], ensure_ascii=False)}{comma}")
        for data in (index, pixels):
            for at in range(0, len(data), 22):
                text = "".join(f"\\x{byte:02x}" for byte in data[at : at + 22])
                comma = "," if at + 22 >= len(data) else ""
                lines.append(f'    b"{text}"{comma}')
        lines.append(")")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python host/tools/font_maker.py FILE")
    Path(sys.argv[1]).write_text(source())
