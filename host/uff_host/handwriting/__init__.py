"""Writers: made-up people who draw digits and letters on a touchscreen, each in their own way.

A Writer is a seed. The same writer keeps its habits: slant, size, proportions, speed, tremor and
the form of each character. No two of its drawings are alike. Made up, not recorded: what a network
reaches on them says that learning works, not how well it does on real handwriting.
"""

from uff_host.handwriting.letterforms import CAPITALS, CHARACTERS, DIGITS, SMALL
from uff_host.handwriting.writer import Drawing, Field, Writer

__all__ = ["CAPITALS", "CHARACTERS", "DIGITS", "SMALL", "Drawing", "Field", "Writer"]
