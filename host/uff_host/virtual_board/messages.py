"""What a page says: JSON objects of one key each (two with a touch's stamp).

They come from outside, so each is checked whole before anything is done: kinds, counts, ranges.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

LARGEST = 1 << 32  # of a number that counts something
FARTHEST = 1e15  # of a place or a time
Doing = Literal["press", "move", "lift"]


class MessageError(ValueError):
    """It is nothing that a page says."""


@dataclass(frozen=True)
class Drawn:
    """{"drawn": n}: frames up to n are on the page."""

    number: int


@dataclass(frozen=True)
class Printed:
    """{"printed": n}: n pieces of console are on the page."""

    number: int


@dataclass(frozen=True)
class Pointer:
    """[pointer, doing, x, y, ms]: what a pointer does, in pixels of the screen, by its clock."""

    pointer: int
    doing: Doing
    x: float
    y: float
    at_ms: float


@dataclass(frozen=True)
class Touch:
    """{"touch": [pointers], "stamp": n}: a frame that answers is to name the stamp."""

    pointers: tuple[Pointer, ...]
    stamp: int


@dataclass(frozen=True)
class Keys:
    """{"keys": text}: typed to the REPL."""

    text: str


@dataclass(frozen=True)
class Button:
    """{"button": held}: the user button."""

    held: bool


@dataclass(frozen=True)
class Reset:
    """{"reset": true}: the reset button."""


Message = Drawn | Printed | Touch | Keys | Button | Reset


def read(text: str) -> Message:
    """The message that a page has sent.

    Raises:
        MessageError: It is none.
    """
    try:
        message = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):  # no JSON, a number of 5,000 digits, 30,000 brackets
        raise MessageError("no JSON") from None
    if not isinstance(message, dict):
        raise MessageError("no object")
    keys = message.keys()
    if keys == {"drawn"}:
        return Drawn(_count(message["drawn"]))
    if keys == {"printed"}:
        return Printed(_count(message["printed"]))
    if keys == {"touch", "stamp"} and isinstance(message["touch"], list):
        return Touch(tuple(map(_pointer, message["touch"])), _count(message["stamp"]))
    if keys == {"keys"} and isinstance(message["keys"], str):
        return Keys(message["keys"])
    if keys == {"button"} and isinstance(message["button"], bool):
        return Button(message["button"])
    if keys == {"reset"} and message["reset"] is True:
        return Reset()
    raise MessageError("unknown")


def _no_number(name: str) -> None:
    raise MessageError(f"{name} is no number")


def _count(value: Any) -> int:
    if type(value) is int and 0 <= value < LARGEST:
        return value
    raise MessageError("no count")


def _number(value: Any) -> float:
    if type(value) in (int, float) and -FARTHEST <= value <= FARTHEST:
        return float(value)
    raise MessageError("no number")


def _pointer(value: Any) -> Pointer:
    if not isinstance(value, list) or len(value) != 5 or value[1] not in get_args(Doing):
        raise MessageError("no pointer")
    pointer, doing, *numbers = value
    if type(pointer) is not int or abs(pointer) >= LARGEST:
        raise MessageError("no pointer")
    return Pointer(pointer, doing, *map(_number, numbers))
