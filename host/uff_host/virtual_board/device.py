"""MicroPython's process, whose console is a pty and whose hardware is a socket.

It ends at a soft reset, at machine.reset(), and when it crashes; each time it is started again, as
a microcontroller starts again: after a soft reset out of the raw REPL in the raw REPL and without
main.py, else as at power-on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import socket
import subprocess
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.patience import Patience
from uff_host.virtual_board.hardware import Hardware
from uff_host.virtual_board.process import BoardProcess

# How the process ends; the enum of firmware_build/variants/unix/board_virtual.h.
SOFT_FRIENDLY, SOFT_RAW, RESET = 40, 41, 42

SHORT_S = 1.0  # a life that ended by itself so soon
SHORT_LIVES = 3  # on end: something is wrong that starting again does not cure
CTRL_C = b"\x03"
SHORT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)  # passes
RETRY_S = 0.5


class Device(BoardProcess):
    """One MicroPython after the other, until stop()."""

    def __init__(
        self,
        firmware: Path,
        folder: Path,
        hardware: Hardware,
        on_output: Callable[[bytes], None],
        *,
        library: Path | None = None,
        heap: str = "32M",
    ) -> None:
        """Nothing is started yet.

        Args:
            firmware: The unix port's executable, built by `make unix`.
            folder: What the device sees as /flash.
            hardware: What its packets go to.
            on_output: Gets what the device writes to its console.
            library: What it sees as /checkout and imports from; by default device/ of the
                checkout.
            heap: Size of its heap, as -X heapsize takes it.

        Raises:
            DataError: There is no checkout.
        """
        super().__init__(hardware, on_output)
        self._firmware, self._folder, self._heap = firmware, folder, heap
        self._library = library or files.checkout() / "device"
        self._awake = self._resetting = False

    # ---- what others do to it ----

    def input(self, data: bytes) -> bool:
        """Bytes for its console; they wait while it starts. False: no more until on_room()."""
        if CTRL_C in data and self.interrupt():
            data = data.replace(CTRL_C, b"")
        return super().input(data)

    def interrupt(self) -> bool:
        """Ctrl-C, if code runs that hears it; whether it does.

        The terminal would make a signal of the byte, too, but only once it has taken all that came
        before, and it takes a few KB from a program that reads nothing. On a serial line an
        interrupt overtakes them.
        """
        if not self._awake or self._console < 0 or self._process is None:
            return False
        with contextlib.suppress(OSError, termios.error):
            if termios.tcgetattr(self._console)[3] & termios.ISIG:
                self._process.send_signal(signal.SIGINT)
                return True
        return False

    @property
    def awake(self) -> bool:
        """MicroPython has started and hears Ctrl-C."""
        return self._awake

    def _off(self) -> bool:
        return self._stopping

    def reset(self) -> None:
        """The reset button. What was on its way to the device is lost."""
        self._resetting = True
        self._forget_input()
        self._kill()

    # ---- its lives ----

    async def run(self) -> None:
        """Be on until stop().

        Raises:
            DeviceError: It does not start, or ends again and again.
        """
        raw, short, noted, status = False, 0, False, 0
        try:
            while not self._off():
                self._resetting = False
                try:
                    start = self._start(raw)
                except OSError as error:
                    if error.errno not in SHORT_OF:
                        why = f"{self._firmware} does not start: {error.strerror}."
                        raise DeviceError(why) from None
                    if not noted:
                        why = f"[MicroPython cannot start yet: {error.strerror}]"
                        self._on_output(f"\r\n{why}\r\n".encode())
                    noted = True
                    await asyncio.sleep(RETRY_S)
                    continue
                noted = False
                if status not in (SOFT_FRIENDLY, SOFT_RAW):
                    self.on_reset()
                status, soon = await self._life(*start)
                if self._off():
                    return
                raw = status == SOFT_RAW
                self._hardware.settle()  # what fingers did to the life before is not for the next
                if self._resetting or status == RESET:
                    self._hardware.reset()
                if self._resetting or status in (SOFT_FRIENDLY, SOFT_RAW, RESET):
                    short = 0
                    continue
                how = (
                    f"was killed by signal {-status} ({signal.strsignal(-status)})"
                    if status < 0
                    else f"ended with status {status}"
                )
                short = short + 1 if soon else 0
                if short >= SHORT_LIVES:
                    lines = self._tail.decode(errors="replace").strip().splitlines()
                    why = f": {lines[-1].strip()}" if lines else "."
                    raise DeviceError(
                        f"{self._firmware} {how}, {short} times on end within a second{why}"
                    )
                self._hardware.reset()
                self._on_output(f"\r\n[MicroPython {how} and starts again]\r\n".encode())
        finally:
            self._stopping = True
            self._kill()

    def _start(self, raw: bool) -> tuple[socket.socket, int, int]:
        """Start a process: its wires, and its console from both sides.

        Raises:
            OSError: It cannot be started.
        """
        framebuffer = self._hardware.framebuffer
        with contextlib.ExitStack() as undo:
            wires, its_wires = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(wires.close)
            with its_wires:
                console, its_console = os.openpty()
                undo.callback(os.close, console)
                undo.callback(os.close, its_console)
                # Raw, and Ctrl-C an ordinary byte until MicroPython says otherwise.
                tty.setraw(its_console, termios.TCSANOW)
                os.set_blocking(console, False)
                wires.setblocking(False)
                start = self._library / "virtual_board" / "power_on.py"
                self._process = subprocess.Popen(
                    [str(self._firmware.resolve()), "-X", f"heapsize={self._heap}", str(start)],
                    cwd=self._folder,
                    env={
                        **os.environ,
                        "TERM": "xterm",
                        "MICROPYPATH": f"{self._library}:.frozen",
                        "UFF_BOARD_FD": str(its_wires.fileno()),
                        "UFF_BOARD_SIZE": f"{framebuffer.width}x{framebuffer.height}",
                        "UFF_BOARD_FOLDER": str(self._folder.resolve()),
                        "UFF_BOARD_LIBRARY": str(self._library.resolve()),
                        "UFF_BOARD_RAW": "01"[raw],
                        "UFF_BOARD_AHEAD_US": str(self._hardware.ahead_us),
                    },
                    stdin=its_console,
                    stdout=its_console,
                    stderr=its_console,
                    pass_fds=[its_wires.fileno()],
                    start_new_session=True,
                    # The console's Ctrl-C is its signal, and it hears when the server is gone.
                    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                )
            undo.pop_all()
        return wires, console, its_console

    async def _life(
        self, wires: socket.socket, console: int, its_console: int
    ) -> tuple[int, bool]:
        """A process from its start to its end; its exit status, and whether that came soon."""
        assert self._process is not None
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self.lives += 1
        self._console, self._awake, self._tail = console, False, b""
        if not self._held:
            loop.add_reader(console, self._read_console)
        loop.add_reader(wires, self._read_wires, wires, ended)
        try:
            return await self._ended(self._process, ended)
        finally:
            self._kill()
            loop.remove_reader(console)
            loop.remove_writer(console)
            self._console = -1
            while self._read_wires(wires, ended):  # packets from its last moment
                pass
            loop.remove_reader(wires)
            wires.close()
            self._awake = False
            self._keep_input(its_console)
            os.close(its_console)
            self._drain(console)
            os.close(console)

    @staticmethod
    async def _ended(process: subprocess.Popen[bytes], ended: asyncio.Event) -> tuple[int, bool]:
        """Wait for the end; its socket tells at once, unless a child of its own holds that."""
        wait_s, soon, life = 0.1, True, Patience(SHORT_S, process.pid)
        while (status := process.poll()) is None:
            soon = soon and not life.over
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), wait_s)
            if ended.is_set():
                wait_s = 0.005
                await asyncio.sleep(wait_s)
        return status, soon

    # ---- its console ----

    def _drain(self, console: int) -> None:
        """What an ended process has left, up to EIO: nobody holds the other end any more."""
        with contextlib.suppress(OSError):
            while data := os.read(console, 65536):
                self._output(data)

    def _keep_input(self, its_console: int) -> None:
        """What a process that has ended left unread is for the next one, unless that is a reset's:
        a soft reset takes a moment, and who types in it knows nothing of two processes."""
        if self._resetting:
            return
        tty.setraw(its_console, termios.TCSANOW)
        os.set_blocking(its_console, False)
        left = bytearray()
        with contextlib.suppress(BlockingIOError):
            while data := os.read(its_console, 65536):
                left += data
        self._input[:0] = left

    def _woke(self) -> None:
        self._awake = True
        had = len(self._input)
        if CTRL_C in self._input and self.interrupt():
            self._input[:] = self._input.replace(CTRL_C, b"")
        self._tell_room(had)
        super()._woke()
