"""MicroPython's process, whose console is a pty and whose hardware is a socket.

It ends at a soft reset, at machine.reset(), and when it crashes; each time it is started again, as
a microcontroller starts again: after a soft reset out of the raw REPL in the raw REPL and without
main.py, else as at power-on.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path

from uff_host import files
from uff_host.board import wire
from uff_host.board.hardware import Hardware
from uff_host.errors import DeviceError

# How the process ends; the enum of firmware_build/variants/unix/board_virtual.h.
SOFT_FRIENDLY, SOFT_RAW, RESET = 40, 41, 42

HELD = 1 << 16  # bytes of input that wait for the device before input() says so
SHORT_S = 1.0  # a life that ended by itself so soon
SHORT_LIVES = 3  # on end: something is wrong that starting again does not cure
CTRL_C = b"\x03"


class Device:
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
        self._firmware, self._folder, self._hardware = firmware, folder, hardware
        self._library = library or files.checkout() / "device"
        self._heap, self._on_output = heap, on_output
        self.on_room: Callable[[], None] = lambda: None
        self._process: subprocess.Popen[bytes] | None = None
        self._console = -1
        self._awake = False
        self._input = bytearray()
        self._said = b""
        self._held = self._stopping = self._resetting = False
        self.lives = 0

    # ---- what others do to it ----

    def hold(self, held: bool) -> None:
        """Read no output for a while, so that the device waits as it prints; or read again."""
        self._held = held
        if self._console >= 0:
            loop = asyncio.get_running_loop()
            if held:
                loop.remove_reader(self._console)
            else:
                loop.add_reader(self._console, self._read_console)

    def input(self, data: bytes) -> bool:
        """Bytes for its console; they wait while it starts. False: no more until on_room()."""
        self._input += self._interrupted(data)
        self._write()
        return len(self._input) < HELD

    @property
    def awake(self) -> bool:
        """MicroPython has started and hears Ctrl-C."""
        return self._awake

    def _off(self) -> bool:
        return self._stopping

    @property
    def process_id(self) -> int | None:
        """Of the running MicroPython."""
        return self._process.pid if self._process else None

    def reset(self) -> None:
        """The reset button. What was on its way to the device is lost."""
        self._resetting = True
        self._input.clear()
        self._kill()

    def stop(self) -> None:
        """Off."""
        self._stopping = True
        self._kill()

    # ---- its lives ----

    async def run(self) -> None:
        """Be on until stop().

        Raises:
            DeviceError: It does not start, or ends again and again.
        """
        raw, short = False, 0
        try:
            while not self._off():
                begun = time.monotonic()
                self._resetting = False
                status = await self._life(raw)
                if self._off():
                    return
                raw = status == SOFT_RAW
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
                short = short + 1 if time.monotonic() - begun < SHORT_S else 0
                if short >= SHORT_LIVES:
                    lines = self._said.decode(errors="replace").strip().splitlines()
                    said = f": {lines[-1].strip()}" if lines else "."
                    raise DeviceError(
                        f"{self._firmware} {how}, {short} times on end within a second{said}"
                    )
                self._hardware.reset()
                self._on_output(f"\r\n[MicroPython {how} and starts again]\r\n".encode())
        finally:
            self._stopping = True
            self._kill()

    async def _life(self, raw: bool) -> int:
        """One process from its start to its end; its exit status."""
        loop = asyncio.get_running_loop()
        wires, its_wires = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        console, its_console = os.openpty()
        try:
            # Raw, and Ctrl-C an ordinary byte until MicroPython says otherwise.
            tty.setraw(its_console, termios.TCSANOW)
            os.set_blocking(console, False)
            wires.setblocking(False)
            environment = {
                **os.environ,
                "TERM": "xterm",
                "MICROPYPATH": f"{self._library}:.frozen",
                "UFF_BOARD_FD": str(its_wires.fileno()),
                "UFF_BOARD_SIZE": f"{self._hardware.glass.width}x{self._hardware.glass.height}",
                "UFF_BOARD_FOLDER": str(self._folder.resolve()),
                "UFF_BOARD_LIBRARY": str(self._library.resolve()),
                "UFF_BOARD_RAW": "01"[raw],
                "UFF_BOARD_AHEAD_US": str(self._hardware.ahead_us),
            }
            start = self._library / "boards" / "power_on.py"
            try:
                self._process = subprocess.Popen(
                    [str(self._firmware.resolve()), "-X", f"heapsize={self._heap}", str(start)],
                    cwd=self._folder,
                    env=environment,
                    stdin=its_console,
                    stdout=its_console,
                    stderr=its_console,
                    pass_fds=[its_wires.fileno()],
                    start_new_session=True,
                    # The console's Ctrl-C is its signal, and it hears when the server is gone.
                    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                )
            except OSError as error:
                raise DeviceError(f"{self._firmware} does not start: {error.strerror}.") from None
            self.lives += 1
            self._console, self._awake, self._said = console, False, b""
            os.close(its_console)
            its_console = -1
            its_wires.close()
            ended = asyncio.Event()
            if not self._held:
                loop.add_reader(console, self._read_console)
            loop.add_reader(wires, self._read_wires, wires, ended)
            try:
                return await self._ended(self._process, ended)
            finally:
                self._awake = False
                loop.remove_reader(console)
                loop.remove_writer(console)
                loop.remove_reader(wires)
                self._console = -1
                self._drain(console)
        finally:
            self._kill()
            wires.close()
            its_wires.close()
            os.close(console)
            if its_console >= 0:
                os.close(its_console)

    @staticmethod
    async def _ended(process: subprocess.Popen[bytes], ended: asyncio.Event) -> int:
        """Wait for the end; its socket tells at once, unless a child of its own holds that."""
        wait_s = 0.1
        while (status := process.poll()) is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), wait_s)
            if ended.is_set():
                wait_s = 0.005
                await asyncio.sleep(wait_s)
        return status

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    # ---- its console ----

    def _read_console(self) -> None:
        """A piece of output; a program that prints for ever leaves others their turn."""
        try:
            self._output(os.read(self._console, 65536))
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody holds the other end any more
            asyncio.get_running_loop().remove_reader(self._console)

    def _drain(self, console: int) -> None:
        """What an ended process has left."""
        with contextlib.suppress(OSError):
            while data := os.read(console, 65536):
                self._output(data)

    def _output(self, data: bytes) -> None:
        self._said = (self._said + data)[-4096:]
        self._on_output(data)

    def _write(self) -> None:
        """Give the console what waits, as far as it takes it."""
        if not self._awake or self._console < 0:
            return
        loop = asyncio.get_running_loop()
        had = len(self._input)
        with contextlib.suppress(BlockingIOError):
            while self._input:
                try:
                    written = os.write(self._console, self._input)
                except BlockingIOError:
                    raise
                except OSError:  # EIO: it has ended; the next one gets it
                    break
                del self._input[:written]
        if self._input:
            loop.add_writer(self._console, self._write)
        else:
            loop.remove_writer(self._console)
        if had >= HELD > len(self._input):
            self.on_room()

    def _interrupted(self, data: bytes) -> bytes:
        """Input without the Ctrl-C that a running program has heard.

        The terminal would make a signal of it, too, but only once it has taken all that came
        before, and it takes a few KB from a program that reads nothing. On a serial line an
        interrupt overtakes them.
        """
        if CTRL_C not in data or not self._awake or self._console < 0 or self._process is None:
            return data
        with contextlib.suppress(OSError, termios.error):
            if termios.tcgetattr(self._console)[3] & termios.ISIG:
                self._process.send_signal(signal.SIGINT)
                return data.replace(CTRL_C, b"")
        return data

    # ---- its hardware ----

    def _read_wires(self, wires: socket.socket, ended: asyncio.Event) -> None:
        """A few packets, so that the page gets its turn too."""
        for _ in range(64):
            try:
                data = wires.recv(wire.PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(wires)
                ended.set()
                return
            try:
                packet = wire.decode(data)
                answer = self._hardware.take(packet)
            except DeviceError as error:
                self._on_output(f"\r\n[{error}]\r\n".encode())
                continue
            if isinstance(packet, wire.Hello):
                self._awake = True
                self._input[:] = self._interrupted(bytes(self._input))
                self._write()
            if answer is not None:
                with contextlib.suppress(OSError):  # it has just ended
                    wires.send(answer)
