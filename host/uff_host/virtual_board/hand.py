"""A hand at a board's touch panel that sees what the board does: each of its moves waits until the
controller has been read with the one before, each press until the board is done with what it was
told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from uff_host.formats.touch_recording import CONTACT, LIFT, PRESS
from uff_host.virtual_board import wire
from uff_host.virtual_board.framebuffer import Rectangle
from uff_host.virtual_board.hardware import Hardware

REST = 30  # reads of the controller without a frame, after which nothing is under way

Report = tuple[int, int, int, int]  # finger, event, x, y


class Hand:
    """Touches the controller of `hardware`; give it each packet of the board before that."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware
        self._moves: deque[Report] = deque()
        self.quiet = 0  # reads of the controller since the last frame

    def follow(self, reports: Iterable[Report]) -> None:
        """Do this, after what is yet to do."""
        for finger, event, x, y in reports:
            self._moves.append((finger, event, x, y))
            if event == PRESS:  # the driver reports it when it has seen it twice
                self._moves.append((finger, CONTACT, x, y))

    def forget(self) -> None:
        """What it has not done yet is not done."""
        self._moves.clear()

    @property
    def done(self) -> bool:
        """It has nothing more to do, and the board rests."""
        return not self._moves and self.rests

    @property
    def rests(self) -> bool:
        """Nothing is under way: no frames, no learning (the first light)."""
        return self.quiet >= REST and not self._hardware.leds[0]

    def frame(self, part: Rectangle, answers: bool) -> None:
        """The board has drawn: for `hardware.on_frame`."""
        self.quiet = 0

    def sees(self, packet: wire.Packet) -> None:
        """A packet of the board is about to be answered."""
        if isinstance(packet, wire.Read) and packet.register == 2:
            self.quiet += 1
            self._move()

    def _move(self) -> None:
        touch = self._hardware.touch
        if not self._moves or touch.waits():
            return
        finger, event, x, y = self._moves[0]
        if event == PRESS:
            if not self.rests and not self._down():
                return
            touch.press(finger, x, y)
        elif event == LIFT:
            touch.lift(finger)
        else:
            touch.move(finger, x, y)
        self.quiet = 0
        self._moves.popleft()

    def _down(self) -> bool:
        """Whether another finger touches."""
        return any(finger is not None for finger in self._hardware.touch.touching())
