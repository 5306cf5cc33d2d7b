"""The virtual board without its processor: screen, LEDs, user button, touch controller."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from uff_host.board import wire
from uff_host.board.ft6x06_model import FT6x06Model
from uff_host.board.glass import Glass, Rectangle
from uff_host.board.meter import Meter
from uff_host.errors import DeviceError

LEDS = 4
SCAN_MS = 10.0
STROKE_MS = 20  # a batch of moves is spread over this long at most

Doing = Literal["press", "move", "lift"]


class Move(NamedTuple):
    """What a finger (any number) does at a pixel, and when by its owner's clock, in ms."""

    finger: int
    doing: Doing
    x: int
    y: int
    at_ms: float


class Hardware:
    """Answers the device's packets; a hand touches it.

    on_frame gets each rectangle that changed and whether it answers a touch; on_leds is called
    when a LED changes.
    """

    def __init__(self, width: int, height: int) -> None:
        self.glass = Glass(width, height)
        self.touch = FT6x06Model(width=width, height=height)
        self.leds = [False] * LEDS
        self.button = False
        self.ahead_us = 0  # how far its clock is set before the host's; outlives resets
        self.meter = Meter()
        self.on_frame: Callable[[Rectangle, bool], None] = lambda part, answers: None
        self.on_leds: Callable[[], None] = lambda: None
        self._hand: deque[tuple[float, Move]] = deque()  # what is yet to be done, and when

    def reset(self) -> None:
        """The reset line: LEDs off, controller as after power-on. The panel keeps its pixels."""
        self.leds = [False] * LEDS
        self.touch.reset()
        self.on_leds()

    # ---- the device's side ----

    def take(self, packet: wire.Packet) -> bytes | None:
        """Do what a packet says; the answer if it is a question.

        Raises:
            DeviceError: There is no such LED or pixel.
        """
        if isinstance(packet, wire.Frame):
            part = self.glass.put(packet)
            self.on_frame(part, self.meter.frame(part))
        elif isinstance(packet, wire.Led):
            if packet.number >= LEDS:
                raise DeviceError(f"There is no LED {packet.number}.")
            self.leds[packet.number] = packet.on
            self.on_leds()
        elif isinstance(packet, wire.Clock):
            self.ahead_us = packet.ahead_us
        elif isinstance(packet, wire.Button):
            return wire.answer(packet.question, bytes([self.button]))
        elif isinstance(packet, wire.Read | wire.Write):
            return self._transfer(packet)
        return None

    def _transfer(self, packet: wire.Read | wire.Write) -> bytes:
        now_ms = time.monotonic() * 1e3
        while self._hand and self._hand[0][0] <= now_ms:
            self._do(self._hand.popleft()[1])
        self.touch.scan(int(now_ms))
        try:
            if isinstance(packet, wire.Write):
                self.touch.write_mem(packet.address, packet.register, packet.data)
                return wire.answer(packet.question)
            data = self.touch.read_mem(packet.address, packet.register, packet.count)
            return wire.answer(packet.question, data)
        except OSError as error:
            return wire.answer(packet.question, status=error.args[0])

    # ---- the hand's side ----

    def hand(self, moves: Iterable[Move]) -> bool:
        """Let fingers do this now; whether a frame that answers is waited for from now on.

        A browser tells of several moves at once, as often as it paints; they are done as far
        apart as they were made, so that the controller's 100 scans a second see them all.
        """
        now_ms = time.monotonic() * 1e3
        if self._hand:
            now_ms = max(now_ms, self._hand[-1][0])
        begun: float | None = None
        waits = False
        for move in moves:
            begun = move.at_ms if begun is None else begun
            due = now_ms + min(max(move.at_ms - begun, 0.0), STROKE_MS)
            if self._hand:
                # A finger that is lifted has rested where it ends for a scan.
                due = max(due, self._hand[-1][0] + (SCAN_MS if move.doing == "lift" else 0))
            self._hand.append((due, move))
            if move.doing != "lift":
                waits = self.meter.touch(move.x, move.y) or waits
        return waits

    def _do(self, move: Move) -> None:
        if move.doing == "press":
            self.touch.press(move.finger, move.x, move.y)
        elif move.doing == "move":
            self.touch.move(move.finger, move.x, move.y)
        else:
            self.touch.lift(move.finger)
