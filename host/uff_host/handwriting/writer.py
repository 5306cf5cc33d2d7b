"""One made-up person, and what that person draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from uff_host.errors import DataError
from uff_host.handwriting import curve
from uff_host.handwriting.letterforms import CHARACTERS, Points, Stroke, forms
from uff_host.handwriting.scribbles import scribble

REPORT_MS = 10  # the touch controller scans the screen a hundred times a second
HEIGHT = 100.0  # of a capital, in the units of the forms


class Field(NamedTuple):
    """Where to draw: a rectangle of the screen, pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Drawing:
    """What a finger does: for each stroke int32 (n, 3) of t_ms, x, y, a row each 10 ms.

    character: what it is meant to be; "" of a scribble.
    """

    character: str
    strokes: tuple[npt.NDArray[np.int32], ...]

    @property
    def lasts_ms(self) -> int:
        """From the first touch until the finger is up."""
        return int(self.strokes[-1][-1, 0]) + REPORT_MS

    def pointer(self) -> Iterator[tuple[int, int, int, bool]]:
        """t_ms, x, y, pressed; each stroke ends with its last point, not pressed."""
        for stroke in self.strokes:
            reports = stroke.tolist()
            for t, x, y in reports:
                yield t, x, y, True
            t, x, y = reports[-1]
            yield t + REPORT_MS, x, y, False


class Writer:
    """A person with habits. Everything follows from the seed and the drawing's number.

    haste: 1 with usual care; at 2, twice as much varies from one drawing to the next.
    """

    def __init__(self, seed: int, haste: float = 1.0) -> None:
        chance = np.random.default_rng([seed, 0x48414E44])
        self.seed, self.haste = seed, haste
        self._vary = haste * float(chance.uniform(0.8, 1.25))
        self._slant = float(chance.normal(0.1, 0.13))  # tangent; to the right above
        self._turn = float(chance.normal(0, 0.05))  # radians
        self._narrow = float(np.exp(chance.normal(0, 0.13)))
        self._size = float(chance.uniform(0.5, 0.78))  # of the field's height
        self._speed = float(np.exp(chance.normal(np.log(330), 0.25)))  # units a second
        self._round = float(chance.uniform(0.4, 1.5))  # how much corners are cut, reports
        self._tremor = float(chance.uniform(0.15, 0.7))  # units
        self._overshoot = float(chance.normal(0.0, 0.02))  # of a stroke's length
        self._constant = float(chance.uniform(0.85, 0.97))  # how often the usual form is drawn
        self._pause_ms = float(chance.uniform(110, 260))

    def draw(self, character: str, number: int, field: Field) -> Drawing:
        """Drawing `number` of a character, somewhere in the field and never outside it.

        Raises:
            DataError: There is no form of this character, or the field is too small.
        """
        if len(character) != 1 or character not in CHARACTERS:
            raise DataError(f"No writer can draw {character!r}: there are {CHARACTERS}.")
        chance = np.random.default_rng([self.seed, ord(character), number])
        return self._drawn(character, self._form(character, chance), chance, field)

    def scribble(self, number: int, field: Field) -> Drawing:
        """Scribble `number`, no character, somewhere in the field and never outside it.

        Raises:
            DataError: The field is too small.
        """
        chance = np.random.default_rng([self.seed, 0x53637269, number])
        return self._drawn("", scribble(number, chance), chance, field)

    def _drawn(
        self, character: str, strokes: list[Stroke], chance: np.random.Generator, field: Field
    ) -> Drawing:
        if min(field.width, field.height) < 40:
            raise DataError(
                f"A field of {field.width} x {field.height} pixels: 40 x 40 are needed to draw."
            )
        lines = self._placed([self._line(stroke, chance) for stroke in strokes], chance, field)
        return Drawing(character, tuple(self._timed(lines, chance, field)))

    def _form(self, character: str, chance: np.random.Generator) -> list[Stroke]:
        """The form this writer gives the character, with its habitual and today's deviations."""
        habit = np.random.default_rng([self.seed, ord(character), 0x466F726D])
        known = forms(character)
        # The first form is the usual one of many people, not of all.
        likely = np.array([0.4] + [0.6 / max(1, len(known) - 1)] * (len(known) - 1))
        usual = int(habit.choice(len(known), p=likely / likely.sum()))
        chosen = usual
        if chance.random() > self._constant:
            chosen = int(chance.integers(len(known)))
        return [
            Stroke(
                stroke.points
                + habit.normal(0, 3.0, stroke.points.shape)
                + habit.normal(0, 2.0, 2)
                + chance.normal(0, 2.2 * self._vary, stroke.points.shape)
                + chance.normal(0, 2.0 * self._vary, 2),
                stroke.corners,
            )
            for stroke in known[chosen]
        ]

    def _line(self, stroke: Stroke, chance: np.random.Generator) -> Points:
        """The stroke as the finger goes, in the units of the forms, a point each report."""
        line = curve.smooth(stroke)
        ends = self._overshoot + chance.normal(0, 0.03 * self._vary, 2)
        line = curve.stretched(line, *ends.tolist())
        pace = self._speed * float(np.exp(chance.normal(0, 0.12)))
        path = curve.travelled(line, pace, REPORT_MS / 1000)
        return path + self._trembling(len(path), chance)

    def _trembling(self, n: int, chance: np.random.Generator) -> Points:
        """Tremor of about 9 Hz with a changing phase, and unrest from report to report, (n, 2)."""
        phase = np.cumsum(2 * np.pi * 0.09 + chance.normal(0, 0.15, n)) + chance.uniform(0, 6.28)
        swing = np.stack([np.sin(phase), np.cos(phase + chance.uniform(0, 6.28))], axis=1)
        return np.asarray(self._tremor * (swing + chance.normal(0, 0.35, (n, 2))))

    def _placed(
        self, strokes: list[Points], chance: np.random.Generator, field: Field
    ) -> list[Points]:
        """Pixels: bent, slanted, turned, sized and put somewhere in the field."""
        lines = [_rounded(line, self._round) for line in strokes]
        whole = np.concatenate(lines)
        centre = (whole.min(axis=0) + whole.max(axis=0)) / 2
        slant = self._slant + float(chance.normal(0, 0.05 * self._vary))
        turn = self._turn + float(chance.normal(0, 0.04 * self._vary))
        narrow = self._narrow * float(np.exp(chance.normal(0, 0.08 * self._vary)))
        size = self._size * field.height / HEIGHT * float(np.exp(chance.normal(0, 0.1)))
        bend = chance.normal(0, 0.05 * self._vary, 4)
        shape = np.array([[narrow, -slant], [0, 1]])
        spun = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        placed = []
        for line in lines:
            p = (line - centre) / HEIGHT
            x, y = p[:, 0], p[:, 1]
            # A slow bend of the whole: proportions of top and bottom, left and right.
            bent = np.stack(
                [
                    x * (1 + 2 * bend[0] * y) + bend[1] * (y * y - 0.08),
                    y * (1 + 2 * bend[2] * x) + bend[3] * x,
                ],
                axis=1,
            )
            placed.append(bent @ (spun @ shape).T * HEIGHT * size)
        whole = np.concatenate(placed)
        low, high = whole.min(axis=0), whole.max(axis=0)
        room = np.array([field.width, field.height]) - 6.0
        fit = min(1.0, float((room / np.maximum(high - low, 1)).min()))
        free = room - (high - low) * fit
        at = np.clip(chance.normal(0.5, 0.17, 2), 0.02, 0.98) * free + 3 - low * fit
        return [line * fit + at + np.array([field.x, field.y]) for line in placed]

    def _timed(
        self, lines: list[Points], chance: np.random.Generator, field: Field
    ) -> Iterator[npt.NDArray[np.int32]]:
        t = 0
        low = np.array([field.x, field.y])
        high = low + np.array([field.width, field.height]) - 1
        for line in lines:
            pixels = np.clip(np.rint(line), low, high).astype(np.int32)
            times = t + REPORT_MS * np.arange(len(pixels), dtype=np.int32)
            yield np.column_stack([times, pixels]).astype(np.int32)
            pause = self._pause_ms * float(np.exp(chance.normal(0, 0.2)))
            t = int(times[-1]) + REPORT_MS * max(3, round(pause / REPORT_MS))


def _rounded(line: Points, width: float) -> Points:
    """The line with its corners cut: what the finger is slow to follow. Its ends stay."""
    reach = 4
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / width) ** 2)
    weights /= weights.sum()
    padded = np.concatenate(
        [
            2 * line[:1] - line[min(reach, len(line) - 1) : 0 : -1][-reach:],
            line,
            2 * line[-1:] - line[-2 : -2 - reach : -1],
        ]
    )
    if len(padded) < len(line) + 2 * reach:  # a stroke of very few reports stays as it is
        return line
    cut = [np.convolve(padded[:, k], weights, "valid") for k in (0, 1)]
    return np.stack(cut, axis=1)
