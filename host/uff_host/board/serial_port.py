"""A pty that stands for the board's serial port: mpremote opens it by its path.

As on a real port, what the board says while nobody reads is lost, and the board never waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import tty
from collections.abc import Callable

from uff_host.patience import Patience

PATIENCE_S = 0.5  # a reader who takes nothing for so long, as patience.py counts, is none
WATCH_S = 0.1
LARGEST = 1 << 16  # bytes that wait for a reader before write() says so


class SerialPort:
    """The server's end of the pty."""

    def __init__(self, on_input: Callable[[bytes], bool], on_room: Callable[[], None]) -> None:
        """on_input: gets what comes; False: no more until resume(). on_room: see write()."""
        self._master, self._slave = os.openpty()  # our own slave keeps it open between readers
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._on_input, self._on_room = on_input, on_room
        self._waiting = bytearray()
        self._deserted = False
        self._patience: Patience | None = None  # while the pty is full
        self._look: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._read)

    def close(self) -> None:
        """The port is gone."""
        if self._look:
            self._look.cancel()
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        os.close(self._slave)

    def resume(self) -> None:
        """Take input again."""
        self._loop.add_reader(self._master, self._read)

    def write(self, data: bytes) -> bool:
        """What the board says. False: the reader is slow, no more until on_room()."""
        if self._deserted:
            return True
        self._waiting += data
        self._write()
        return len(self._waiting) < LARGEST

    def _write(self) -> None:
        """As much as the pty takes. It is full: somebody reads, or everybody has left."""
        had, written = len(self._waiting), 0
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                written = os.write(self._master, self._waiting)
                del self._waiting[:written]
        if self._patience and written:
            self._patience.renew()
        if self._waiting:
            self._loop.add_writer(self._master, self._write)
            if not self._patience:
                self._patience = Patience(PATIENCE_S)
                if not self._look:
                    self._watch()
        else:
            self._patience = None
            self._loop.remove_writer(self._master)
        if had >= LARGEST > len(self._waiting):
            self._on_room()

    def _watch(self) -> None:
        """While the pty is full, look from time to time whether somebody reads."""
        self._look = None
        if self._patience and self._patience.over:
            self._desert()
        elif self._patience:
            self._look = self._loop.call_later(WATCH_S, self._watch)

    def _desert(self) -> None:
        """Nobody reads. Who comes empties the pty of what is old, and by that is seen."""
        self._patience = None
        self._deserted = True
        full = len(self._waiting) >= LARGEST
        self._waiting.clear()
        self._loop.add_writer(self._master, self._seen)
        if full:
            self._on_room()

    def _seen(self) -> None:
        self._deserted = False
        self._loop.remove_writer(self._master)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except OSError:
            return
        if not self._on_input(data):
            self._loop.remove_reader(self._master)
