"""The one file that knows mpremote: a raw REPL at the end of a serial line.

mpremote names its modules no interface and means to change them, so its version is pinned and
nothing else here imports it.
"""

from __future__ import annotations

import contextlib
import io
import struct
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from uff_host.errors import DeviceError

READ_S = 0.5  # how long one read of the port may last, so that deadlines are kept
PATIENCE_S = 20.0  # what the REPL itself is given to answer


class LinkLost(DeviceError):
    """The other end of the line has gone."""


class Silence(DeviceError):
    """Nothing came for too long."""


class SerialLink:
    """A board on a serial port, held in its raw REPL. Use it as a context manager."""

    def __init__(self, port: str, baudrate: int = 115200) -> None:
        """Open the port; the board is not touched.

        Raises:
            LinkLost: There is no such port, or another program holds it.
        """
        self.port = port
        try:
            self._transport = SerialTransport(port, baudrate=baudrate, timeout=READ_S)
        except (TransportError, OSError) as error:
            raise LinkLost(f"{port} cannot be opened: no such port, or in use.") from error
        self._pending = b""

    def close(self) -> None:
        """Leave the raw REPL, so that the board answers people, and give the port back."""
        with contextlib.suppress(OSError, TransportError):
            self._transport.exit_raw_repl()
        with contextlib.suppress(OSError, TransportError):
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def wake(self, *, soft_reset: bool) -> None:
        """Stop what runs and bring the board to its prompt, with an empty heap if asked.

        Raises:
            LinkLost: The line is broken, or no MicroPython answers.
        """
        self._pending = b""
        with self._lost(), contextlib.redirect_stdout(io.StringIO()):  # mpremote prints
            try:
                self._transport.enter_raw_repl(soft_reset=soft_reset, timeout_overall=PATIENCE_S)
            except TransportError:
                raise LinkLost(f"{self.port}: no MicroPython answers.") from None

    def start(self, code: str) -> None:
        """Begin to run `code` on the board; wake() comes before the first.

        Raises:
            LinkLost: The line is broken, or the board does not take it.
        """
        self._pending = b""
        with self._lost(), contextlib.redirect_stdout(io.StringIO()):
            try:
                self._transport.exec_raw_no_follow(code)
                return
            except (TransportError, struct.error):
                pass
        # A script that ended by sys.exit() resets the board softly, which may come between waking
        # it and this; nothing of the code has run, so once more from the prompt.
        self.wake(soft_reset=False)
        with self._lost(), contextlib.redirect_stdout(io.StringIO()):
            try:
                self._transport.exec_raw_no_follow(code)
            except (TransportError, struct.error):
                raise LinkLost(f"{self.port}: the board did not take a script.") from None

    def follow(self, on_line: Callable[[str], None], silence_s: float) -> str:
        """Hand on each line that the code prints; return its traceback, empty if it had none.

        Raises:
            LinkLost: The line is broken.
            Silence: Nothing came for `silence_s`.
        """
        said = bytearray()

        def take(data: bytes) -> None:
            said.extend(data)
            while (end := said.find(b"\n")) >= 0:
                line = bytes(said[:end]).decode(errors="replace").rstrip("\r")
                del said[: end + 1]
                on_line(line)

        with self._lost():
            try:
                _, error = self._transport.follow(timeout=silence_s, data_consumer=take)
            except TransportError:
                raise Silence(f"{self.port}: nothing came for {silence_s:g} s.") from None
        if said.rstrip(b"\x04\r"):
            on_line(bytes(said).rstrip(b"\x04\r").decode(errors="replace"))
        return str(error.decode(errors="replace")).strip()

    # ---- talk with running code: line by line, both ways ----

    def write_line(self, text: str) -> None:
        """Send one line to the code's standard input.

        Raises:
            LinkLost: The line is broken.
        """
        with self._lost():
            self._transport.serial.write(text.encode() + b"\n")

    def read_line(self, silence_s: float) -> str | None:
        """One line that the code prints; None if it has ended (follow() tells why).

        Raises:
            LinkLost: The line is broken.
            Silence: No line came for `silence_s`.
        """
        serial = self._transport.serial
        deadline = time.monotonic() + silence_s
        while b"\n" not in self._pending:
            if b"\x04" in self._pending:
                return None
            with self._lost():
                self._pending += serial.read(max(1, serial.in_waiting))
            if time.monotonic() > deadline:
                raise Silence(f"{self.port}: nothing came for {silence_s:g} s.")
        line, self._pending = self._pending.split(b"\n", 1)
        return line.decode(errors="replace").rstrip("\r")

    def ended(self, silence_s: float) -> str:
        """The traceback of code that was read by read_line(), once it has ended.

        Raises:
            LinkLost: The line is broken.
            Silence: It did not end within `silence_s`.
        """
        deadline = time.monotonic() + silence_s
        while self._pending.count(b"\x04") < 2:
            with self._lost():
                self._pending += self._transport.serial.read(1)
            if time.monotonic() > deadline:
                raise Silence(f"{self.port}: nothing came for {silence_s:g} s.")
        error = self._pending.split(b"\x04")[1]
        self._pending = b""
        return error.decode(errors="replace").strip()

    @contextlib.contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # pyserial's own exception is one
            raise LinkLost(f"{self.port}: the line broke.") from error
