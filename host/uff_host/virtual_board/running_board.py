"""A virtual board that is on: its folder, hardware, MicroPython, serial port and console."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from uff_host.errors import DeviceError
from uff_host.patience import Patience, comes
from uff_host.targets.unix import unix_firmware
from uff_host.virtual_board.bench import BenchDevice
from uff_host.virtual_board.device import Device
from uff_host.virtual_board.framebuffer import Rectangle
from uff_host.virtual_board.hardware import Hardware
from uff_host.virtual_board.process import BoardProcess
from uff_host.virtual_board.serial_port import SerialPort

BACKLOG = 16384  # characters of console that a new page is shown
# Each as patience.py counts.
QUIET_S, QUIET_OF_IMAGE_S = 0.3, 6.0
FIRST_FRAME_S, FIRST_FRAME_OF_IMAGE_S = 20.0, 120.0
ANSWER_S = 10.0  # of the REPL
LIFE = "\x1b[!p"  # "soft terminal reset": what pages hear after a reset that is no soft one
RAW, COOKED = "raw REPL; CTRL-B to exit\r\n>", 'Type "help()" for more information.'
SILENCE_S = 120.0  # of code that runs


def latest(text: str) -> str:
    """The last BACKLOG characters of a console; a note where they begin in the raw REPL."""
    if len(text) <= BACKLOG:
        return text
    cut = len(text) - BACKLOG
    raw = text.rfind(RAW, 0, cut + len(RAW) - 1)
    ended = max(text.rfind(mark, 0, cut) for mark in (COOKED, LIFE))
    return (RAW if raw > ended else "") + text[cut:]


class RunningBoard:
    """Use it as an async context manager: leaving it ends the board's process."""

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        *,
        firmware: Path | None = None,
        library: Path | None = None,
        heap: str = "32M",
        image: Path | None = None,
        panel: str = "nt35510",
        on_report: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Prepare a board.

        Args:
            folder: Where its files lie; made if it is not there.
            size: Width and height of its screen in pixels.
            firmware: The unix port's executable; by default ${UFF_UNIX}, else that of `make unix`.
            library: What it sees as /checkout; by default device/ of the checkout.
            heap: Size of MicroPython's heap, as -X heapsize takes it.
            image: Instead of the unix port, the board's own image on the firmware bench; its
                flash is the file "flash" in the folder.
            panel, on_report: See BenchDevice.

        Raises:
            DeviceError: There is no firmware.
            DataError: There is no checkout.
        """
        self.folder = folder
        self.files = str(folder / "flash" if image else folder)
        self._image = image
        self.hardware = Hardware(*size)
        self.device: BoardProcess
        if image:
            self.device = BenchDevice(
                image, self.hardware, self._output, on_report, flash=folder / "flash", panel=panel
            )
        else:
            path = firmware or unix_firmware()
            if not (path.is_file() and os.access(path, os.X_OK)):
                raise DeviceError(f"There is no firmware {path}: build it by `make unix`.")
            self.device = Device(
                path, folder, self.hardware, self._output, library=library, heap=heap
            )
        self.device.on_reset = self._after_reset
        self.on_text: Callable[[str], None] = lambda text: None
        self.backlog = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lock = -1
        self.port: SerialPort | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Take the folder and switch the board on.

        Raises:
            DeviceError: Another virtual board has the folder.
            OSError: The folder cannot be made.
        """
        self._take(self.folder)
        self.port = SerialPort(self.device.input, lambda: self.device.hold(False))
        self.device.on_room = self.port.resume
        self._running = asyncio.create_task(self.device.run())
        return self

    def _take(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise DeviceError(
                f"Another virtual board runs in {folder}. End it, or give this one a folder "
                "of its own with --folder."
            ) from None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.device.stop()
        if self._running is not None:
            with contextlib.suppress(DeviceError, asyncio.CancelledError):
                await self._running
        if self.port is not None:
            self.port.close()
        if self._lock >= 0:
            os.close(self._lock)

    async def ended(self) -> None:
        """Wait until the board goes off.

        Raises:
            DeviceError: MicroPython does not start, or ends again and again.
        """
        assert self._running is not None
        await asyncio.shield(self._running)

    def _processes(self) -> list[int]:
        """Whom one waits for: the MicroPython that runs now."""
        number = self.device.process_id
        return [] if number is None else [number]

    def _output(self, data: bytes) -> None:
        if self.port is not None and not self.port.write(data):
            self.device.hold(True)
        self._say(self._decoder.decode(data))

    def _say(self, text: str) -> None:
        self.backlog = latest(self.backlog + text)
        self.on_text(text)

    def _after_reset(self) -> None:
        """Pages hear of it, the serial port does not."""
        self._say(LIFE)

    async def settled(self) -> None:
        """Wait until the first frames have come and nothing moves any more.

        Raises:
            DeviceError: Nothing came.
        """
        drawn = False

        def note(part: Rectangle, answers: bool) -> None:
            nonlocal drawn
            drawn = True
            quiet.renew()

        first_s = FIRST_FRAME_OF_IMAGE_S if self._image else FIRST_FRAME_S
        first = Patience(first_s, *self._processes())
        quiet_s = QUIET_OF_IMAGE_S if self._image else QUIET_S
        quiet = Patience(quiet_s, *self._processes())
        self.hardware.on_frame = note
        while not (quiet.over and drawn):
            assert self._running is not None
            if self._running.done():
                await self._running
            if first.over:
                if drawn:
                    return  # something on the screen never rests
                lines = self.backlog.strip().splitlines()
                last = f" Its console's last line: {lines[-1].strip()}" if lines else ""
                raise DeviceError(f"The board drew nothing for {first_s:g} s.{last}")
            await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def running(self, code: str) -> AsyncIterator[asyncio.Future[str]]:
        """Stop what runs and run `code` by the raw REPL; the future gets what it prints.

        Raises:
            DeviceError: The board does not answer, or the code raised.
        """
        received, arrived = "", asyncio.Event()

        def hear(text: str) -> None:
            nonlocal received
            received += text
            arrived.set()

        async def until(what: str, limit_s: float = ANSWER_S) -> str:
            nonlocal received
            while what not in received:
                arrived.clear()
                if not await comes(arrived, limit_s, *self._processes()):
                    raise DeviceError("The board's REPL does not answer.")
            found, received = received.split(what, 1)
            return found

        before, self.on_text = self.on_text, hear
        try:
            while not self.device.awake:
                await asyncio.sleep(0.01)
            self.device.input(b"\r\x03\x03")
            await until(">>> ")
            self.device.input(b"\r\x01")
            await until("CTRL-B to exit\r\n>")
            self.device.input(code.encode() + b"\x04")
            await until("OK")

            async def result() -> str:
                output = await until("\x04", SILENCE_S)
                error = await until("\x04")
                if error:
                    raise DeviceError(error.strip().splitlines()[-1])
                return output

            task = asyncio.create_task(result())
            try:
                yield task
            finally:
                task.cancel()
                self.device.input(b"\x03\x02")
        finally:
            self.on_text = before
