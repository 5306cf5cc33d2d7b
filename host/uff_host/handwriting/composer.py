"""Sessions of touches for the capture application: what a person with a plan taps and draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uff_host.errors import DataError
from uff_host.formats.touch_recording import CONTACT, LIFT, PRESS, Report, TouchRecording
from uff_host.handwriting.writer import REPORT_MS, Field, Writer

Rect = Sequence[int]  # x, y, width, height
NEW_CLASSES = ("1", "2", "3")  # what the application begins with


@dataclass
class Layout:
    """Where the controls are: the result of device/scripts/dev/layout.py."""

    width: int
    height: int
    pen: int
    pages: Mapping[str, Any]

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Layout:
        """From the script's result."""
        return cls(int(result["width"]), int(result["height"]), int(result["pen"]), result)

    def rect(self, page: str, control: str, classes: int) -> Rect:
        """A control's rectangle on a page, with so many classes.

        Raises:
            DataError: The page has no such control.
        """
        places = self.pages[page]
        if page in ("draw", "choose"):
            places = places[str(classes)]
        if control not in places:
            raise DataError(f"The page {page!r} has no {control!r} with {classes} classes.")
        rect: Rect = places[control]
        return rect


@dataclass
class Composer:
    """Writes down touches, one action after the other, of an application that shows the page to
    draw on and knows `classes`.

    asked: for each drawing that was shown to the network and then cleared, the number of the
    class it is of.
    """

    layout: Layout
    writer: Writer
    classes: list[str] = field(default_factory=lambda: list(NEW_CLASSES))
    asked: list[int] = field(default_factory=list)
    _reports: list[Report] = field(default_factory=list)
    _now: int = 200
    _drawn: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng([self.writer.seed, 0x546170])

    def recording(self) -> TouchRecording:
        """All so far."""
        return TouchRecording(self.layout.width, self.layout.height, list(self._reports))

    # ---- a finger ----

    def tap(self, page: str, control: str) -> None:
        """Taps a control, near its middle."""
        left, top, width, height = self.layout.rect(page, control, len(self.classes))
        off = np.clip(self._chance.normal(0, 0.12, 2), -0.3, 0.3)
        x, y = int(left + (0.5 + off[0]) * width), int(top + (0.5 + off[1]) * height)
        lasts = int(self._chance.integers(5, 10))
        for i in range(lasts + 1):
            event = PRESS if i == 0 else LIFT if i == lasts else CONTACT
            self._report(event, x, y)
            self._now += REPORT_MS
        self.rest(int(self._chance.integers(150, 350)))

    def draw(self, character: str) -> None:
        """Draws a character in the field, or for "" a scribble; every time anew."""
        number = self._drawn.get(character, 0)
        self._drawn[character] = number + 1
        left, top, width, height = self.layout.rect("draw", "field", len(self.classes))
        edge = self.layout.pen + 2  # the pen stays in the field with its whole width
        inner = Field(left + edge, top + edge, width - 2 * edge, height - 2 * edge)
        if character:
            drawing = self.writer.draw(character, number, inner)
        else:
            drawing = self.writer.scribble(number, inner)
        started, down = self._now, False
        for t, x, y, pressed in drawing.pointer():
            self._now = started + t
            self._report((CONTACT if down else PRESS) if pressed else LIFT, x, y)
            down = pressed
        self._now += REPORT_MS
        self.rest(int(self._chance.integers(150, 350)))

    def rest(self, ms: int) -> None:
        """Nothing happens for so long."""
        self._now += max(1, ms // REPORT_MS) * REPORT_MS

    def _report(self, event: int, x: int, y: int) -> None:
        self._reports.append(Report(self._now, 0, event, x, y))

    # ---- what one does with the application ----

    def teach(self, character: str, label: int | None = None) -> None:
        """Draws a character and taps the class of its name, or class `label`."""
        self.draw(character)
        number = self._number(character) if label is None else label
        self.tap("draw", f"class {number}")

    def ask(self, character: str) -> None:
        """Draws a character, reads what the network says, and clears it."""
        self.draw(character)
        self.asked.append(self._number(character))
        self.tap("draw", "clear")

    def train(self) -> None:
        """Presses Train."""
        self.tap("draw", "train")

    def add_class(self, name: str) -> None:
        """Adds a class by the keyboard, of small letters and digits."""
        self.tap("draw", "add_class")
        for letter in name:
            self.tap("keyboard", f"key {ord(letter)}")
        self.tap("keyboard", "done")
        self.classes.append(name)

    def remove_class(self, number: int) -> None:
        """Removes a class with all its drawings."""
        self._open(number)
        self.tap("class_page", "remove")
        del self.classes[number]

    def delete(self, number: int, thumbnail: int = 0) -> None:
        """Deletes a drawing of a class; 0 is its newest one."""
        self._open(number)
        self.tap("class_page", f"thumbnail {thumbnail}")
        self.tap("sample", "delete")
        self.tap("class_page", "back")

    def relabel(self, number: int, label: int, thumbnail: int = 0) -> None:
        """Gives a drawing of a class to class `label`."""
        self._open(number)
        self.tap("class_page", f"thumbnail {thumbnail}")
        self.tap("sample", "relabel")
        self.tap("choose", f"class {label}")
        self.tap("class_page", "back")

    def _open(self, number: int) -> None:
        self.tap("draw", f"class {number}")

    def _number(self, character: str) -> int:
        if character not in self.classes:
            raise DataError(f"There is no class {character!r} among {self.classes}.")
        return self.classes.index(character)


def lesson(
    layout: Layout, writer: Writer, characters: str, examples: int, ask: int
) -> tuple[TouchRecording, list[int], list[str]]:
    """A whole lesson in a new application: classes, examples, Train, then unseen drawings.

    Characters "1", "2" and "3" have classes already; another one takes what is left of these.

    Args:
        layout: Where the controls are.
        writer: Who draws.
        characters: Two to sixteen different ones, digits and small letters.
        examples: Drawings of each class.
        ask: Drawings of each class to recognise afterwards.

    Returns:
        The recording; the class of each drawing to recognise; the names of the classes.

    Raises:
        DataError: Too few, too many or repeated characters.
    """
    if not 2 <= len(characters) <= 16 or len(set(characters)) != len(characters):
        raise DataError(f"{characters!r}: want 2 to 16 different characters.")
    composer = Composer(layout, writer)
    for character in characters:
        if character not in composer.classes:
            composer.add_class(character)
    for number in range(len(NEW_CLASSES) - 1, -1, -1):
        if composer.classes[number] not in characters:
            composer.remove_class(number)
    for _ in range(examples):
        for character in characters:
            composer.teach(character)
    composer.train()
    for _ in range(ask):
        for character in characters:
            composer.ask(character)
    return composer.recording(), composer.asked, composer.classes
