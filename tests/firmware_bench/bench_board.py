"""A bench with its hardware in this process, in the board's own time: a test has a hand, eyes and
a serial line, and what comes of them depends on nothing else.
"""

from __future__ import annotations

import select
import socket
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from uff_host.errors import DeviceError
from uff_host.formats.touch_recording import LIFT, PRESS
from uff_host.patience import Patience
from uff_host.targets.emulator import dying_with_parent
from uff_host.targets.firmware import bench_program
from uff_host.virtual_board import wire
from uff_host.virtual_board.framebuffer import Rectangle
from uff_host.virtual_board.hand import Hand
from uff_host.virtual_board.hardware import Hardware

SILENCE_S = 240.0  # of the bench's own computing, without anything that was waited for


class BenchBoard:
    """The image on a bench. Use it as a context manager."""

    def __init__(
        self, image: Path, *options: str, panel: str = "nt35510", touch: bool = True
    ) -> None:
        self.hardware = Hardware(800, 480, own_time=True)
        self.hardware.touch.dead = not touch
        self.hardware.on_frame = self._frame
        self.output = ""
        self.reports: list[str] = []  # lines of the bench
        self.parts: list[Rectangle] = []  # of the screen, as they came
        self.hand = Hand(self.hardware)
        self._wires, its_wires = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._console, its_console = socket.socketpair()
        with its_wires, its_console:
            command = [str(bench_program()), "--wires", str(its_wires.fileno()), "--panel", panel]
            self._process = subprocess.Popen(
                dying_with_parent([*command, *options, str(image)]),
                stdin=its_console.fileno(),
                stdout=its_console.fileno(),
                stderr=subprocess.PIPE,
                pass_fds=[its_wires.fileno()],
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> list[str]:
        """Off; all lines of the bench, its figures with --report too."""
        if self._process.poll() is None:
            self._process.terminate()
            while self._turn(1.0):
                pass
            self._process.wait()
        assert self._process.stderr is not None
        if not self._process.stderr.closed:
            self.reports += self._process.stderr.read().decode().splitlines()
            self._process.stderr.close()
        self._wires.close()
        self._console.close()
        return self.reports

    @property
    def violations(self) -> list[str]:
        """What the bench found."""
        return [line for line in self.reports if line.startswith("violation: ")]

    # ---- what one does with it ----

    def until(self, met: Callable[[], bool], what: str) -> None:
        """Let it run until something is so."""
        patience = Patience(SILENCE_S, self._process.pid)
        while not met():
            if not self._turn(0.2):
                raise DeviceError(f"the bench has ended before {what}: {self.output[-300:]}")
            if patience.over:
                raise DeviceError(f"the bench has not come to {what}: {self.output[-300:]}")

    def expect(self, text: str) -> str:
        """Let it run until it has printed this; what it printed before."""
        self.until(lambda: text in self.output, f"{text!r}")
        before, self.output = self.output.split(text, 1)
        return before

    def type(self, text: str) -> None:
        """Type on its serial line."""
        self._console.sendall(text.encode())

    def run(self, code: str) -> str:
        """Stop what runs and run this by the raw REPL; what it prints."""
        self.output = ""
        self.type("\r\x03\x03")
        self.expect(">>> ")
        self.output = ""
        self.type("\r\x01")
        self.expect("CTRL-B to exit\r\n>")
        self.type(code + "\x04")
        self.expect("OK")
        printed = self.expect("\x04")
        error = self.expect("\x04>")
        self.type("\x02")
        if error:
            raise DeviceError(error)
        return printed

    def press_reset(self) -> None:
        """The reset button."""
        self._wires.send(wire.RESET)

    def touches(self, reports: Iterable[tuple[int, int, int]]) -> None:
        """Let a finger do this, one after the other: event, x, y. Each stays until the board has
        seen it; after a lift it is waited until nothing on the screen changes any more."""
        self.hand.follow((1, *report) for report in reports)
        self.until(lambda: self.hand.done, "the end of the touches")

    def tap(self, x: int, y: int) -> None:
        """A short touch."""
        self.touches([(PRESS, x, y), (LIFT, x, y)])

    def settle(self) -> None:
        """Let it run until it rests, the application being up."""
        self.hand.quiet = 0
        self.until(lambda: self.hand.rests, "rest")

    # ---- the inside ----

    def _frame(self, part: Rectangle, answers: bool) -> None:
        self.parts.append(part)
        self.hand.frame(part, answers)

    def _turn(self, wait_s: float) -> bool:
        """One look at what comes; False: the bench has ended."""
        assert self._process.stderr is not None
        sources: list[Any] = [self._wires, self._console, self._process.stderr]
        for one in select.select(sources, [], [], wait_s)[0]:
            if one is self._wires:
                for _ in range(100):
                    data = self._wires.recv(wire.PACKET_BYTES)
                    if not data:
                        return False
                    packet = wire.decode(data)
                    self.hand.sees(packet)
                    answer = self.hardware.take(packet)
                    if answer:
                        self._wires.send(answer)
                    if not select.select([self._wires], [], [], 0)[0]:
                        break
            elif one is self._console:
                self.output += self._console.recv(65536).decode(errors="replace")
            else:
                line = self._process.stderr.readline().decode()
                if line:
                    self.reports.append(line.rstrip("\n"))
        return True
