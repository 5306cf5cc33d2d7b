"""A pty that stands for the board's serial port: mpremote opens it by its path.

As on a real port, what the board says while nobody reads is lost, and the board does not wait. Who
reads slowly loses nothing. A pty tells neither whether somebody reads nor how far he is; but what
it holds is counted up to a few KB, and no more is put into it, so each byte that goes is seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable

from uff_host.patience import Patience

HELD = 2048  # bytes in the pty
SOON_S, LATE_S = 0.001, 0.1  # between looks at them; twice as long each time nobody has read
PATIENCE_S = 0.5  # a reader who takes nothing for so long, as patience.py counts, is none
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
        self._unread = 0  # bytes in the pty, at the latest look
        self._deserted = False
        self._pace_s, self._patience = SOON_S, Patience(PATIENCE_S)
        self._next_look: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._read)

    def close(self) -> None:
        """The port is gone."""
        if self._next_look:
            self._next_look.cancel()
        self._loop.remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def resume(self) -> None:
        """Take input again."""
        self._loop.add_reader(self._master, self._read)

    def write(self, data: bytes) -> bool:
        """What the board says. False: the reader is slow, no more until on_room()."""
        if self._deserted and not self._somebody_reads():
            return True
        self._deserted = False
        self._waiting += data
        if not self._next_look:
            self._patience.renew()
            self._write()
        return len(self._waiting) < LARGEST

    def _somebody_reads(self) -> bool:
        """Whether the pty holds less than at the latest look, or nothing."""
        (unread,) = struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)))
        less = unread < self._unread or not unread
        self._unread = unread
        return less

    def _write(self) -> None:
        """As much as shall be in the pty; the rest follows as it is read."""
        self._next_look = None
        if self._somebody_reads():
            self._pace_s = SOON_S
            self._patience.renew()
        had, room = len(self._waiting), HELD - self._unread
        if room > 0:
            with contextlib.suppress(BlockingIOError):
                written = os.write(self._master, self._waiting[:room])
                del self._waiting[:written]
                self._unread += written
        elif self._patience.over:
            self._deserted = True
            self._waiting.clear()
        else:
            self._pace_s = min(2 * self._pace_s, LATE_S)
        if self._waiting:
            self._next_look = self._loop.call_later(self._pace_s, self._write)
        if had >= LARGEST > len(self._waiting):
            self._on_room()

    def _read(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except OSError:
            return
        if not self._on_input(data):
            self._loop.remove_reader(self._master)
