"""The virtual board without its processor: screen, LEDs, user button, touch controller."""

from __future__ import annotations

import errno
import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from uff_host.errors import DeviceError
from uff_host.virtual_board import wire
from uff_host.virtual_board.framebuffer import Framebuffer, Rectangle
from uff_host.virtual_board.ft6x06_model import FT6x06Model
from uff_host.virtual_board.latency_statistics import LatencyStatistics

LEDS = 4
SCAN_MS = 10.0
STROKE_MS = 20.0  # a batch of moves is spread over this long at most
AHEAD_MS = 40.0  # how far ahead moves are put that come faster than they can be done
UNREAD_S = 5.0  # what the device has not looked at for so long is over

Doing = Literal["press", "move", "lift"]


class Move(NamedTuple):
    """What a finger (any number) does at a pixel, and when by its owner's clock, in ms."""

    finger: int
    doing: Doing
    x: int
    y: int
    at_ms: float


class Hardware:
    """Answers the device's packets; fingers touch it.

    on_frame gets each rectangle that changed and whether it answers a touch; on_leds is called
    when a LED changes.
    """

    def __init__(self, width: int, height: int, *, own_time: bool = False) -> None:
        """own_time: the controller scans by the time that the device tells, not by the host's."""
        self.device_s = 0.0  # its own time, where it tells it
        self._own_time = own_time
        self.framebuffer = Framebuffer(width, height)
        self.touch = FT6x06Model(width=width, height=height)
        self.leds = [False] * LEDS
        self.button = False
        self.ahead_us = 0  # how far its clock is set before the host's; outlives resets
        self.latency = LatencyStatistics()
        self.on_frame: Callable[[Rectangle, bool], None] = lambda part, answers: None
        self.on_leds: Callable[[], None] = lambda: None
        self.words = ""  # what is on the screen, as the device says; "": it does not
        self.on_words: Callable[[], None] = lambda: None
        # What each finger is yet to do, and when.
        self._queues: defaultdict[int, deque[tuple[float, Move]]] = defaultdict(deque)
        self._read_s = self._now_s()  # when the device last looked

    def reset(self) -> None:
        """The reset line: LEDs off, controller as after power-on. The panel keeps its pixels."""
        self.leds = [False] * LEDS
        self.settle()
        self.touch.reset()
        self.on_leds()

    def settle(self) -> None:
        """What fingers were about to do happens now, unseen: those that are down then stay so."""
        self._carry_out(math.inf)
        self.touch.settle()

    def _now_s(self) -> float:
        return self.device_s if self._own_time else time.monotonic()

    # ---- the device's side ----

    def take(self, packet: wire.Packet) -> bytes | None:
        """Do what a packet says; the answer if it is a question.

        Raises:
            DeviceError: There is no such LED or pixel.
        """
        if isinstance(packet, wire.Frame):
            part = self.framebuffer.put(packet)
            self.on_frame(part, self.latency.frame(part))
        elif isinstance(packet, wire.Led):
            if packet.number >= LEDS:
                raise DeviceError(f"There is no LED {packet.number}.")
            self.leds[packet.number] = packet.on
            self.on_leds()
        elif isinstance(packet, wire.Words):
            self.words = packet.text
            self.on_words()
        elif isinstance(packet, wire.Now):
            self.device_s = packet.us / 1e6
        elif isinstance(packet, wire.TouchReset):
            self.touch.reset()
        elif isinstance(packet, wire.Probe):
            there = not self.touch.dead and packet.address == self.touch.address
            return wire.answer(packet.question, status=0 if there else errno.ENODEV)
        elif isinstance(packet, wire.Clock):
            self.ahead_us = packet.ahead_us
        elif isinstance(packet, wire.Button):
            return wire.answer(packet.question, bytes([self.button]))
        elif isinstance(packet, wire.Read | wire.Write):
            return self._transfer(packet)
        return None

    def _transfer(self, packet: wire.Read | wire.Write) -> bytes:
        now_s = self._now_s()
        if now_s - self._read_s > UNREAD_S:
            self.settle()
        self._read_s = now_s
        self._carry_out(now_s * 1e3)
        self.touch.scan(int(now_s * 1e3))
        try:
            if isinstance(packet, wire.Write):
                self.touch.write_mem(packet.address, packet.register, packet.data)
                return wire.answer(packet.question)
            data = self.touch.read_mem(packet.address, packet.register, packet.count)
            return wire.answer(packet.question, data)
        except OSError as error:
            return wire.answer(packet.question, status=error.args[0])

    # ---- the fingers' side ----

    def move_fingers(self, moves: Iterable[Move]) -> bool:
        """Let fingers do this now; whether a frame that answers is waited for from now on.

        A browser tells of several moves at once, as often as it paints; they are done as far
        apart as they were made, so that the controller's 100 scans a second see them all. Moves
        that come faster than that join: what waits of a finger between two presses is bounded.
        """
        now_ms = self._now_s() * 1e3
        begun: dict[int, float] = {}  # of each finger, when it is done with what it did before
        first_ms: float | None = None
        waits = False
        for move in moves:
            first_ms = move.at_ms if first_ms is None else first_ms
            queue = self._queues[move.finger]
            last_ms, last = queue[-1] if queue else (now_ms, None)
            begin = begun.setdefault(move.finger, max(now_ms, last_ms))
            due = max(last_ms, begin + min(max(move.at_ms - first_ms, 0.0), STROKE_MS))
            if move.doing == "move":
                due = max(last_ms, min(due, now_ms + AHEAD_MS))
                if last and last.doing == "move" and due - last_ms < SCAN_MS / 2:
                    due, _ = queue.pop()
            queue.append((due, move))
            if move.doing != "lift":
                waits = self.latency.touch(move.x, move.y) or waits
        return waits

    def presses(self, fingers: set[int]) -> int:
        """How many presses of these fingers the controller has not seen."""
        return self.touch.presses(fingers) + sum(
            move.doing == "press"
            for finger, queue in self._queues.items()
            if finger in fingers
            for _, move in queue
        )

    def let_go(self, fingers: set[int]) -> None:
        """These fingers are gone, and with them what they were about to do."""
        for finger in fingers:
            self._queues.pop(finger, None)
        self.touch.let_go(fingers)

    def _carry_out(self, until_ms: float) -> None:
        """What is due, in its order."""
        due: list[tuple[float, Move]] = []
        for finger, queue in list(self._queues.items()):
            while queue and queue[0][0] <= until_ms:
                due.append(queue.popleft())
            if not queue:
                del self._queues[finger]
        for _, move in sorted(due, key=lambda one: one[0]):
            if move.doing == "press":
                self.touch.press(move.finger, move.x, move.y)
            elif move.doing == "move":
                self.touch.move(move.finger, move.x, move.y)
            else:
                self.touch.lift(move.finger)
