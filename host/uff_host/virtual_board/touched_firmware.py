"""The board's own image on the firmware bench as a target whose screen can be touched.

What hangs on the board's pins is in a thread of this process. Nobody answers as a touch
controller, so that the board comes to its REPL, but while a hand is lent.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uff_host.errors import DeviceError
from uff_host.formats.touch_recording import LIFT, read_recording
from uff_host.targets.firmware import FirmwareTarget
from uff_host.targets.serial_link import SerialLink
from uff_host.virtual_board import wire
from uff_host.virtual_board.hand import Hand
from uff_host.virtual_board.hardware import Hardware

SIZE = 800, 480  # of the board's screen


class TouchedFirmware(FirmwareTarget):
    """See FirmwareTarget."""

    _wires: Wires | None = None

    @contextlib.contextmanager
    def hand(self, recording: Path) -> Iterator[dict[str, Any]]:
        """The touches go through the board's touch controller, which answers within the block.

        Raises:
            FormatError: This is no recording.
            DeviceError: The bench does not start.
        """
        made = read_recording(recording)
        lifts = sum(one.event == LIFT for one in made.reports)
        self._awake()
        wires = self._wires
        if wires is None:
            raise DeviceError("The bench has no pins.")
        wires.hardware.touch.dead = False
        wires.hand.follow((one.id, one.event, one.x, one.y) for one in made.reports)
        try:
            yield {"hand": lifts, "width": made.width, "height": made.height}
        finally:
            wires.hardware.touch.dead = True
            wires.hand.forget()

    def _pins(self) -> list[str]:
        self._wires = Wires()
        return ["--wires", str(self._wires.descriptor)]

    def _inherited(self) -> list[int]:
        return [self._wires.descriptor] if self._wires else []

    def _open(self) -> SerialLink:
        try:
            return super()._open()
        finally:
            if self._wires:
                self._wires.passed_on()

    def _kill(self) -> None:
        super()._kill()
        wires, self._wires = self._wires, None
        if wires:
            wires.close()


class Wires:
    """The other end of a bench's pins, served by a thread until the bench ends."""

    def __init__(self) -> None:
        self.hardware = Hardware(*SIZE, own_time=True)
        self.hardware.touch.dead = True
        self.hand = Hand(self.hardware)
        self.hardware.on_frame = self.hand.frame
        self._ours, self._its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.descriptor = self._its.fileno()  # of the bench
        self._thread = threading.Thread(target=self._serve, name="wires", daemon=True)
        self._thread.start()

    def passed_on(self) -> None:
        """The bench has its end now, or there is no bench."""
        self._its.close()

    def close(self) -> None:
        """The bench has ended."""
        self._its.close()
        self._thread.join()
        self._ours.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the bench was killed
            while data := self._ours.recv(wire.PACKET_BYTES):
                packet = wire.decode(data)
                self.hand.sees(packet)
                answer = self.hardware.take(packet)
                if answer is not None:
                    self._ours.send(answer)
