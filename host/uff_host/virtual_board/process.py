"""A board as a process: its console is a file descriptor, its hardware a socket.

What MicroPython's unix port (device.py) and the firmware bench (bench.py) have in common.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable

from uff_host.errors import DeviceError
from uff_host.virtual_board import wire
from uff_host.virtual_board.hardware import Hardware

HELD = 1 << 16  # bytes of input that wait for the board before input() says so


class BoardProcess(ABC):
    """One process after the other, until stop()."""

    def __init__(self, hardware: Hardware, on_output: Callable[[bytes], None]) -> None:
        """Nothing is started yet.

        Args:
            hardware: What its packets go to.
            on_output: Gets what the board writes to its console.
        """
        self._hardware, self._on_output = hardware, on_output
        self.on_room: Callable[[], None] = lambda: None
        self.on_reset: Callable[[], None] = lambda: None  # it starts, other than by a soft reset
        self._process: subprocess.Popen[bytes] | None = None
        self._console = -1
        self._input = bytearray()
        self._tail = b""
        self._held = self._stopping = False
        self.lives = 0

    # ---- what others do to it ----

    def hold(self, held: bool) -> None:
        """Read no output for a while, so that the board waits as it prints; or read again."""
        self._held = held
        if self._console >= 0:
            loop = asyncio.get_running_loop()
            if held:
                loop.remove_reader(self._console)
            else:
                loop.add_reader(self._console, self._read_console)

    def input(self, data: bytes) -> bool:
        """Bytes for its console; they wait while it starts. False: no more until on_room()."""
        self._input += data
        self._write()
        return len(self._input) < HELD

    @property
    def unread(self) -> int:
        """Bytes of input that its console has not taken."""
        return len(self._input)

    def interrupt(self) -> bool:
        """Ctrl-C, if it can overtake what came before and code runs that hears it; whether so."""
        return False

    @property
    def awake(self) -> bool:
        """It has started and takes input."""
        return self._console >= 0

    @property
    def process_id(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process else None

    @abstractmethod
    async def run(self) -> None:
        """Be on until stop().

        Raises:
            DeviceError: It does not start, or ends and should not.
        """

    @abstractmethod
    def reset(self) -> None:
        """The reset button. What was on its way to the board is lost."""

    def stop(self) -> None:
        """Off."""
        self._stopping = True
        self._kill()

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    # ---- its console ----

    def _read_console(self) -> None:
        """A piece of output; a program that prints for ever leaves others their turn."""
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            data = os.read(self._console, 65536)
            if data:
                self._output(data)
            else:
                asyncio.get_running_loop().remove_reader(self._console)

    def _output(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-4096:]
        self._on_output(data)

    def _write(self) -> None:
        """Give the console what waits, as far as it takes it."""
        if not self.awake or self._console < 0:
            return
        loop = asyncio.get_running_loop()
        had = len(self._input)
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self._input:
                written = os.write(self._console, self._input)
                del self._input[:written]
        if self._input:
            loop.add_writer(self._console, self._write)
        else:
            loop.remove_writer(self._console)
        self._tell_room(had)

    def _tell_room(self, had: int) -> None:
        """Of what waited there is less now."""
        if had >= HELD > len(self._input):
            self.on_room()

    def _forget_input(self) -> None:
        """What has come so far is for nobody."""
        had = len(self._input)
        self._input.clear()
        self._tell_room(had)

    # ---- its hardware ----

    def _read_wires(self, wires: socket.socket, ended: asyncio.Event) -> bool:
        """A few packets, so that the page gets its turn too; whether there may be more."""
        for _ in range(64):
            try:
                data = wires.recv(wire.PACKET_BYTES)
            except BlockingIOError:
                return False
            except OSError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(wires)
                ended.set()
                return False
            try:
                packet = wire.decode(data)
                answer = self._hardware.take(packet)
            except DeviceError as error:
                self._on_output(f"\r\n[{error}]\r\n".encode())
                continue
            if isinstance(packet, wire.Hello):
                self._woke()
            if answer is not None:
                with contextlib.suppress(OSError):  # it has just ended
                    wires.send(answer)
        return True

    def _woke(self) -> None:
        """It says that it has started: what waited is for it."""
        self._write()
