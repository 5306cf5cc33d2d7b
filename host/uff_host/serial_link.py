"""A MicroPython at the end of a serial line, held in its raw REPL.

The protocol is MicroPython's own (its documentation: "raw mode and raw-paste mode"). mpremote
speaks it too, but trusts the clock: half a second for two bytes, ten for the next one. Here every
wait has patience (patience.py), and begins anew with every byte that comes.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import serial

from uff_host.errors import DeviceError
from uff_host.patience import TURN_S, Patience, holders

PATIENCE_S = 20.0  # what the REPL itself is given for its next byte
ASK_S = (2.0, 4.0, 14.0)  # and for its prompt, each time it is asked for that
FLOOD = 1 << 18  # bytes that a program may print after Ctrl-C

CTRL_A, CTRL_B, CTRL_C, CTRL_D = b"\x01", b"\x02", b"\x03", b"\x04"
RAW_PASTE = b"\x05A\x01"
WINDOW = b"\x01"  # as much again may be sent


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
        self._heard = bytearray()

    def close(self) -> None:
        """Leave the raw REPL, so that the board answers people, and give the port back."""
        with contextlib.suppress(OSError):
            self._serial.write(b"\r" + CTRL_B)
        with contextlib.suppress(OSError):
            self._serial.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
            for end in (b"soft reboot\r\n", b"raw REPL; CTRL-B to exit\r\n>"):  # boot.py between
                self._until(end, Patience(PATIENCE_S, *self._others))
        except Silence:
            raise LinkLost(
                f"{self.port}: the board does not come back from a soft reset."
            ) from None

    def _find_prompt(self) -> None:
        """Stop what runs; afterwards all has been read that was said before.

        The prompt alone would not tell: a program may print it, a board that just resets prints it
        once more. So the board is asked for a word nobody else knows. What it is sent while it
        resets may be lost; then it is asked for another one.
        """
        for limit_s in ASK_S:
            word = secrets.token_hex(4)
            ask = f"print('uff',{word!r})".encode()  # an echo is not yet the answer
            try:
                self._send(b"\r" + CTRL_C + CTRL_C + b"\r" + CTRL_A + ask + CTRL_D)
                answer = f"uff {word}\r\n".encode() + 2 * CTRL_D + b">"
                if self._until(answer, Patience(limit_s, *self._others), FLOOD) is not None:
                    return
            except Silence:
                continue
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
                while self._heard or not room:
                    said = self._take(1, patience)
                    if said == CTRL_D:  # it has seen enough: the script has an error
                        self._send(CTRL_D)
                        return
                    if said != WINDOW:
                        raise LinkLost(f"{self.port}: the board did not take a script: {said!r}.")
                    room += window
                self._send(left[:room])
                left, room = left[room:], room - len(left[:room])
            self._send(CTRL_D)
            self._until(CTRL_D, patience)
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
        rest = self._heard[: self._heard.index(CTRL_D)]  # a last line without an end
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
        while (at := self._heard.find(b"\n")) < 0 and CTRL_D not in self._heard:
            self._hear(patience)
        if CTRL_D in self._heard[: at if at >= 0 else None]:
            return None
        line = bytes(self._heard[:at])
        del self._heard[: at + 1]
        return line.decode(errors="replace").rstrip("\r")

    def ended(self, silence_s: float) -> str:
        """The traceback of code that was read by read_line(), once it has ended.

        Raises:
            LinkLost: The line is broken.
            Silence: It did not end: nothing came for `silence_s`.
        """
        patience = Patience(silence_s, *self._others)
        self._until(CTRL_D, patience)
        error = self._until(CTRL_D, patience)
        assert error is not None
        return error.decode(errors="replace").strip()

    # ---- bytes ----

    def _take_in(self) -> bool:
        """Read what has come already; whether that was anything."""
        with self._lost():
            data = self._serial.read(self._serial.in_waiting)
        self._heard += data
        return bool(data)

    def _hear(self, patience: Patience) -> None:
        """Wait for the next bytes.

        Raises:
            LinkLost, Silence: There are none.
        """
        for _ in patience.turns():
            with self._lost():
                data = self._serial.read(1)
            if data:
                self._heard += data
                self._take_in()
                patience.renew()
                return
        raise Silence(self.port, patience.limit_s)

    def _take(self, count: int, patience: Patience) -> bytes:
        while len(self._heard) < count:
            self._hear(patience)
        taken = bytes(self._heard[:count])
        del self._heard[:count]
        return taken

    def _until(self, end: bytes, patience: Patience, most: int | None = None) -> bytes | None:
        """What comes before `end`, which is taken too; None after more than `most` bytes."""
        looked = 0
        while (at := self._heard.find(end, looked)) < 0:
            looked = max(0, len(self._heard) - len(end) + 1)
            if most is not None and looked > most:
                return None
            self._hear(patience)
        before = bytes(self._heard[:at])
        del self._heard[: at + len(end)]
        return before

    def _send(self, data: bytes) -> None:
        """Send all of it; what comes meanwhile is kept, else both ends might wait for ever.

        Raises:
            LinkLost: The line is broken.
            Silence: The line takes nothing any more.
        """
        patience = Patience(PATIENCE_S, *self._others)
        while data and not patience.over:
            with self._lost():
                sent = self._serial.write(data) or 0
            data = data[sent:]
            if sent:
                patience.renew()
            elif not self._take_in():
                time.sleep(0.005)
        if data:
            raise Silence(self.port, PATIENCE_S)

    @contextlib.contextmanager
    def _lost(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LinkLost(f"{self.port}: the line broke.") from error
