"""A MicroPython at the end of a serial line, held in its raw REPL.

The protocol is MicroPython's own (its documentation: "raw mode and raw-paste mode"). mpremote
speaks it too, but trusts the clock: half a second for two bytes, ten for the next one. Here every
wait has patience (patience.py), and begins anew with every byte that comes.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
from collections.abc import Callable, Iterator
from typing import Self

import serial

from uff_host.errors import DeviceError
from uff_host.patience import TURN_S, Patience, holders

PATIENCE_S = 20.0  # what the REPL itself is given for its next byte
ASK_S = (2.0, 4.0, 14.0)  # and for its prompt, each time it is asked for that
ASKS = 10  # of that, at most: a board may reset meanwhile
FLOOD = 1 << 18  # bytes that may come before what is wanted: a program prints on after Ctrl-C

CTRL_A, CTRL_B, CTRL_C, CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"
RAW_PASTE = b"\x05A\x01"
WINDOW = b"\x01"  # as much again may be sent
END = re.compile(CTRL_D)
RESET = re.compile(
    rb"soft reboot\r\n.*?raw REPL; CTRL-B to exit\r\n>", re.DOTALL
)  # boot.py between


class LinkLost(DeviceError):
    """The other end of the line has gone, or does not speak as a MicroPython."""


class Silence(DeviceError):
    """Nothing came for too long: limit_s, as patience.py counts."""

    def __init__(self, port: str, limit_s: float) -> None:
        super().__init__(f"{port}: nothing came for {limit_s:g} s.")
        self.limit_s = limit_s


class SerialLink:
    """A board on a serial port. Use it as a context manager."""

    def __init__(self, port: str, baudrate: int = 115200) -> None:
        """Open the port; the board is not touched.

        Raises:
            LinkLost: There is no such port, or another program holds it.
        """
        self.port = port
        try:
            # write_timeout=0: as much as the line takes at once.
            self._serial = serial.serial_for_url(
                port, baudrate, timeout=TURN_S, write_timeout=0, exclusive=True
            )
        except (OSError, ValueError) as error:  # pyserial's own exception is an OSError
            raise LinkLost(f"{port} cannot be opened: no such port, or in use.") from error
        self._others = holders(port)
        self._received = bytearray()

    def close(self) -> None:
        """Leave the raw REPL, so that the board answers people, and give the port back."""
        with contextlib.suppress(OSError, LinkLost):
            if self._has_room():
                self._serial.write(b"\r" + CTRL_B)
        with contextlib.suppress(OSError):
            self._serial.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- the prompt, and code ----

    def wake(self, *, soft_reset: bool) -> None:
        """Stop what runs and bring the board to its prompt, with an empty heap if asked.

        Raises:
            LinkLost: The line is broken, or no MicroPython answers.
        """
        self._find_prompt()
        if not soft_reset:
            return
        try:
            self._send(CTRL_D)
            self._next(RESET, Patience(PATIENCE_S, *self._others))
        except Silence:
            raise LinkLost(
                f"{self.port}: the board does not come back from a soft reset."
            ) from None

    def _find_prompt(self) -> None:
        """Stop what runs; afterwards all output from before has been read.

        The prompt alone would not tell: a program may print it, a board that just resets prints it
        once more. So the board is asked for a word nobody else knows. What it was sent while it
        reset may be lost; then it is asked for another one.
        """
        limits = list(ASK_S)
        for _ in range(ASKS):
            word = secrets.token_hex(4).encode()
            ask = b"print('uff','" + word + b"')"  # an echo is not yet the answer
            answer = b"uff " + word + b"\r\n\4\4>"
            try:
                self._send(b"\r" + CTRL_C + CTRL_C + b"\r" + CTRL_A + ask + CTRL_D)
                patience = Patience(limits[0], *self._others)
                if (
                    self._next(re.compile(answer + b"|" + RESET.pattern, re.DOTALL), patience)[0]
                    == answer
                ):
                    return
            except Silence:
                del limits[0]
                if not limits:
                    break
        raise LinkLost(f"{self.port}: no MicroPython answers.")

    def start(self, code: str) -> None:
        """Begin to run `code` on the board; wake() comes before each.

        Raises:
            LinkLost: The line is broken, or the board does not take it.
        """
        patience = Patience(PATIENCE_S, *self._others)
        try:
            self._send(RAW_PASTE)
            if (answer := self._take(2, patience)) != b"R\x01":
                raise LinkLost(
                    f"{self.port}: want MicroPython's raw-paste mode (1.14 or younger); the board "
                    f"said {answer!r}."
                )
            window = room = int.from_bytes(self._take(2, patience), "little")
            left = code.encode()
            while left:
                self._take_in()
                while self._received or not room:
                    byte = self._take(1, patience)
                    if byte == CTRL_D:  # it has seen enough: the script has an error
                        self._send(CTRL_D)
                        return
                    if byte != WINDOW:
                        raise LinkLost(f"{self.port}: the board did not take a script: {byte!r}.")
                    room += window
                self._send(left[:room])
                left, room = left[room:], room - len(left[:room])
            self._send(CTRL_D)
            self._next(END, patience)
        except Silence:
            raise LinkLost(f"{self.port}: the board did not take a script.") from None

    def follow(self, on_line: Callable[[str], None], silence_s: float) -> str:
        """Hand on each line that the code prints; return its traceback, empty if it had none.

        Raises:
            LinkLost: The line is broken.
            Silence: Nothing came for `silence_s`.
        """
        while (line := self.read_line(silence_s)) is not None:
            on_line(line)
        rest = self._received[: self._received.index(CTRL_D)]  # a last line without an end
        if rest.rstrip(b"\r"):
            on_line(rest.decode(errors="replace").rstrip("\r"))
        return self.ended(silence_s)

    # ---- talk with running code: line by line, both ways ----

    def write_line(self, text: str) -> None:
        """Send one line to the code's standard input.

        Raises:
            LinkLost: The line is broken, or nobody takes it.
        """
        try:
            self._send(text.encode() + b"\n")
        except Silence:
            raise LinkLost(f"{self.port}: the board takes nothing any more.") from None

    def read_line(self, silence_s: float) -> str | None:
        """One line that the code prints; None if it has ended (ended() tells why).

        Raises:
            LinkLost: The line is broken.
            Silence: Nothing came for `silence_s`.
        """
        patience = Patience(silence_s, *self._others)
        while (at := self._received.find(b"\n")) < 0 and CTRL_D not in self._received:
            self._receive(patience)
        if CTRL_D in self._received[: at if at >= 0 else None]:
            return None
        line = bytes(self._received[:at])
        del self._received[: at + 1]
        return line.decode(errors="replace").rstrip("\r")

    def ended(self, silence_s: float) -> str:
        """The traceback of code that was read by read_line(), once it has ended.

        Raises:
            LinkLost: The line is broken.
            Silence: It did not end: nothing came for `silence_s`.
        """
        patience = Patience(silence_s, *self._others)
        self._next(END, patience)
        error = self._next(END, patience)
        return error.string[: error.start()].decode(errors="replace").strip()

    # ---- bytes ----

    def _take_in(self) -> bool:
        """Read what has come already; whether that was anything."""
        with self._lost():
            data = self._serial.read(self._serial.in_waiting)
        self._received += data
        return bool(data)

    def _receive(self, patience: Patience) -> None:
        """Wait for the next bytes.

        Raises:
            LinkLost, Silence: There are none.
        """
        for _ in patience.turns():
            with self._lost():
                data = self._serial.read(1)
            if data:
                self._received += data
                self._take_in()
                patience.renew()
                return
        raise Silence(self.port, patience.limit_s)

    def _take(self, count: int, patience: Patience) -> bytes:
        while len(self._received) < count:
            self._receive(patience)
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def _next(self, wanted: re.Pattern[bytes], patience: Patience) -> re.Match[bytes]:
        """The next place that fits; up to its end all is taken.

        Raises:
            LinkLost: The line is broken.
            Silence: It does not come.
        """
        while not (found := wanted.search(bytes(self._received))):
            if len(self._received) > FLOOD:
                self._received.clear()
                raise Silence(self.port, patience.limit_s)
            self._receive(patience)
        del self._received[: found.end()]
        return found

    def _send(self, data: bytes) -> None:
        """Send all of it; what comes meanwhile is kept, else both ends might wait for ever.

        Raises:
            LinkLost: The line is broken.
            Silence: The line takes nothing any more.
        """
        patience = Patience(PATIENCE_S, *self._others)
        while data and not patience.over:
            if self._has_room():
                with self._lost():
                    data = data[self._serial.write(data) :]
                patience.renew()
            else:
                self._take_in()
        if data:
            raise Silence(self.port, PATIENCE_S)

    def _has_room(self) -> bool:
        """Whether the line takes something; waits for a moment. pyserial would wait for ever."""
        if os.name != "posix":  # the system keeps what is sent
            return True
        with self._lost():
            return bool(select.select([], [self._serial], [], 0.01)[1])

    @contextlib.contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LinkLost(f"{self.port}: the line broke.") from error
