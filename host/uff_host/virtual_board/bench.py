"""The firmware bench as a device: one process that runs the board's own image, whose console is a
socket and whose panel, touch controller, buttons and LEDs are another.

Unlike MicroPython's unix port it resets itself. What its flash holds is kept in a file.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from uff_host.errors import DeviceError
from uff_host.targets.emulator import dying_with_parent
from uff_host.targets.firmware import bench_and_image
from uff_host.virtual_board import wire
from uff_host.virtual_board.device import HELD
from uff_host.virtual_board.hardware import Hardware


class BenchDevice:
    """One bench, from run() to stop(). The same face as Device."""

    def __init__(
        self,
        image: Path,
        hardware: Hardware,
        on_output: Callable[[bytes], None],
        on_report: Callable[[str], None],
        *,
        flash: Path | None = None,
        panel: str = "nt35510",
        pace: bool = True,
        bench: Path | None = None,
    ) -> None:
        """Nothing is started yet.

        Args:
            image: The image, an ELF file built with UART_REPL=1.
            hardware: What its packets go to.
            on_output: Gets what the image writes to its serial line.
            on_report: Gets what the bench says of it, line by line: violations.
            flash: The file with what its flash holds, made if it is not there; by default it is
                empty and forgotten.
            panel: What is plugged in, nt35510, otm8009a or none.
            pace: Whether a sleep takes as long as on the board; else it is skipped.
            bench: The executable; see FirmwareTarget.

        Raises:
            DeviceError: There is no image or no bench.
        """
        self._bench, self._image = bench_and_image(bench, image)
        self._hardware = hardware
        self._options = ["--panel", panel, *(["--pace"] if pace else [])]
        if flash is not None:
            self._options += ["--flash", str(flash.resolve())]
        self._on_output, self._on_report = on_output, on_report
        self.on_room: Callable[[], None] = lambda: None
        self.on_reset: Callable[[], None] = lambda: None
        self._process: subprocess.Popen[bytes] | None = None
        self._console: socket.socket | None = None
        self._wires: socket.socket | None = None
        self._input = bytearray()
        self._said, self._report = b"", b""
        self._held = self._stopping = False
        self.lives = 0

    # ---- what others do to it ----

    def hold(self, held: bool) -> None:
        """Read no output for a while, so that the image waits as it prints; or read again."""
        self._held = held
        if self._console is not None:
            loop = asyncio.get_running_loop()
            if held:
                loop.remove_reader(self._console)
            else:
                loop.add_reader(self._console, self._read_console)

    def input(self, data: bytes) -> bool:
        """Bytes for its serial line. False: no more until on_room()."""
        self._input += data
        self._write()
        return len(self._input) < HELD

    @property
    def unread(self) -> int:
        """Bytes of input that the bench has not taken."""
        return len(self._input)

    def interrupt(self) -> bool:
        """Ctrl-C is a byte like any other: the image's own interrupt handler looks at each."""
        return False

    @property
    def awake(self) -> bool:
        """The bench has started."""
        return self._console is not None

    @property
    def process_id(self) -> int | None:
        """Of the bench."""
        return self._process.pid if self._process else None

    def reset(self) -> None:
        """The reset button. What was on its way to the board is lost."""
        had = len(self._input)
        self._input.clear()
        self._tell_room(had)
        self._hardware.settle()
        if self._wires is not None:
            with contextlib.suppress(OSError):
                self._wires.send(wire.RESET)
                self.on_reset()

    def stop(self) -> None:
        """Off."""
        self._stopping = True
        self._kill()

    # ---- its life ----

    async def run(self) -> None:
        """Be on until stop().

        Raises:
            DeviceError: It does not start, or ends by itself.
        """
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        if self._stopping:
            return
        try:
            process, wires, console = self._start()
        except OSError as error:
            raise DeviceError(f"{self._bench} does not start: {error.strerror}.") from None
        self._process, self._wires, self._console = process, wires, console
        self.lives += 1
        assert process.stderr is not None
        report = process.stderr.fileno()
        os.set_blocking(report, False)
        loop.add_reader(report, self._read_report, report)
        loop.add_reader(wires, self._read_wires, ended)
        self.hold(self._held)
        self._write()
        try:
            while process.poll() is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), 0.1)
                if ended.is_set():
                    await asyncio.sleep(0.005)
        finally:
            self._kill()
            for reader in (report, wires, console):
                loop.remove_reader(reader)
            loop.remove_writer(console)
            self._console = self._wires = None
            self._read_report(report)
            process.stderr.close()
            wires.close()
            console.close()
        if not self._stopping:
            last = self._said.decode(errors="replace").strip().splitlines()[-1:]
            said = f": {last[0].strip()}" if last else "."
            raise DeviceError(f"The bench ended with status {process.returncode}{said}")

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket, socket.socket]:
        """The process, our ends of its wires and of its console.

        Raises:
            OSError: It cannot be started.
        """
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as its:
            wires, its_wires = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            undo.callback(wires.close)
            its.callback(its_wires.close)
            console, its_console = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            undo.callback(console.close)
            its.callback(its_console.close)
            wires.setblocking(False)
            console.setblocking(False)
            command = [str(self._bench), "--wires", str(its_wires.fileno()), *self._options]
            process = subprocess.Popen(
                dying_with_parent([*command, str(self._image)]),
                stdin=its_console.fileno(),
                stdout=its_console.fileno(),
                stderr=subprocess.PIPE,
                pass_fds=[its_wires.fileno()],
                start_new_session=True,
            )
            undo.pop_all()
        return process, wires, console

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    # ---- its serial line, and what the bench says ----

    def _read_console(self) -> None:
        assert self._console is not None
        with contextlib.suppress(OSError):
            data = self._console.recv(65536)
            self._said = (self._said + data)[-4096:]
            if data:
                self._on_output(data)
            else:
                asyncio.get_running_loop().remove_reader(self._console)

    def _write(self) -> None:
        if self._console is None:
            return
        loop, had = asyncio.get_running_loop(), len(self._input)
        with contextlib.suppress(OSError):
            while self._input:
                del self._input[: self._console.send(self._input)]
        if self._input:
            loop.add_writer(self._console, self._write)
        else:
            loop.remove_writer(self._console)
        self._tell_room(had)

    def _tell_room(self, had: int) -> None:
        if had >= HELD > len(self._input):
            self.on_room()

    def _read_report(self, report: int) -> None:
        with contextlib.suppress(OSError):
            data = os.read(report, 65536)
            if not data:
                asyncio.get_running_loop().remove_reader(report)
            *lines, self._report = (self._report + data).split(b"\n")
            for line in lines:
                self._on_report(line.decode(errors="replace"))

    # ---- its hardware ----

    def _read_wires(self, ended: asyncio.Event) -> None:
        """A few packets, so that the page gets its turn too."""
        assert self._wires is not None
        for _ in range(64):
            try:
                data = self._wires.recv(wire.PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(self._wires)
                ended.set()
                return
            answer = self._hardware.take(wire.decode(data))
            if answer is not None:
                with contextlib.suppress(OSError):  # it has just ended
                    self._wires.send(answer)
