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
from uff_host.virtual_board.hardware import Hardware
from uff_host.virtual_board.process import BoardProcess


class BenchDevice(BoardProcess):
    """One bench, from run() to stop()."""

    def __init__(
        self,
        image: Path,
        hardware: Hardware,
        on_output: Callable[[bytes], None],
        on_report: Callable[[str], None],
        *,
        flash: Path | None = None,
        panel: str = "nt35510",
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

        Raises:
            DeviceError: There is no image or no bench.
        """
        super().__init__(hardware, on_output)
        self._bench, self._image = bench_and_image(None, image)
        self._options = ["--panel", panel, "--pace"]
        if flash is not None:
            self._options += ["--flash", str(flash.resolve())]
        self._on_report = on_report
        self._wires: socket.socket | None = None
        self._report = b""

    def reset(self) -> None:
        """The reset button. What was on its way to the board is lost."""
        self._forget_input()
        self._hardware.settle()
        if self._wires is not None:
            with contextlib.suppress(OSError):
                self._wires.send(wire.RESET)
                self.on_reset()

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
        loop.add_reader(wires, self._read_wires, wires, ended)
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
            self._console, self._wires = -1, None
            self._read_report(report)
            process.stderr.close()
            wires.close()
            os.close(console)
        if not self._stopping:
            last = self._tail.decode(errors="replace").strip().splitlines()[-1:]
            why = f": {last[0].strip()}" if last else "."
            raise DeviceError(f"The bench ended with status {process.returncode}{why}")

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
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
        return process, wires, console.detach()

    def _read_report(self, report: int) -> None:
        with contextlib.suppress(OSError):
            data = os.read(report, 65536)
            if not data:
                asyncio.get_running_loop().remove_reader(report)
            *lines, self._report = (self._report + data).split(b"\n")
            for line in lines:
                self._on_report(line.decode(errors="replace"))
