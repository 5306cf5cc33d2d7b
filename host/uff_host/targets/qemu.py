"""A Cortex-M7 in QEMU as a target: a board whose serial line is a pty and whose disk is a file.

Its disk is a file in the target's folder, which outlives a killed emulator as a flash outlives a
power cut. Files go in and out by semihosting, a hundred times faster than by the line, but are
checked and renamed as if they had come by it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.progress import OnProgress, Progress, ignore
from uff_host.targets import transfer
from uff_host.targets.emulator import EmulatorTarget
from uff_host.targets.serial_link import SerialLink

QEMU = "qemu-system-arm"
DISK_BYTES = 16 << 20
MEMORY_BYTES = 16 << 20  # heap and arena
EXCHANGE = "exchange.bin"  # of the host, in the target's folder

COPY_IN = (
    transfer.COMMON
    + """
import board_m7
def copy_in(name, part, size, wanted):
    if begin(name, part, size, wanted) is None:
        return
    buffer = memoryview(bytearray(32768))
    try:
        with board_m7.HostFile({exchange!r}, "rb") as source, open(part, "wb") as file:
            while True:
                count = source.readinto(buffer)
                if not count:
                    break
                if file.write(buffer[:count]) != count:
                    raise OSError(28)
    except OSError as error:
        full(error, part)
        return
    finish(name, part, wanted)
copy_in({name!r}, {part!r}, {size}, {digest!r})
"""
)

COPY_OUT = (
    transfer.COMMON
    + """
import board_m7
def copy_out(name):
    try:
        file = open(name, "rb")
    except OSError:
        print("none")
        return
    buffer = memoryview(bytearray(32768))
    with file, board_m7.HostFile({exchange!r}, "wb") as out:
        while True:
            count = file.readinto(buffer)
            if not count:
                break
            out.write(buffer[:count])
    print("file", *digest(name))
copy_out({name!r})
"""
)


class QemuTarget(EmulatorTarget):
    """MicroPython on QEMU's mps2-an500, in a folder of its own."""

    title = "m7"
    program = QEMU
    how_to_get = "Debian: sudo apt-get install qemu-system-arm"
    after_an_end = "its files are kept"

    def __init__(
        self,
        firmware: Path | None = None,
        *,
        folder: Path | None = None,
        counted: bool = False,
        heap_bytes: int | None = None,
        by_line: bool = False,
        scripts: Path | None = None,
        silence_s: float = 600.0,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Start the emulator.

        Args:
            firmware: The image; by default ${UFF_M7}, else the one that `make m7` builds.
            folder: Where its disk lies (disk.img) and stays; by default a temporary one.
            counted: Let the clock count instructions, the same in every run.
            heap_bytes: Another heap than 8 MB; the rest of 16 MB is the arena (device/boards).
            by_line: Send files over the serial line, as to a real board.
            scripts, silence_s, on_line: See SerialTarget.

        Raises:
            DeviceError: There is no firmware or no emulator, or it does not start.
        """
        self._firmware = firmware or m7_firmware()
        if not self._firmware.is_file():
            raise DeviceError(f"There is no firmware {self._firmware}: build it by `make m7`.")
        self._counted, self._heap_bytes, self._by_line = counted, heap_bytes, by_line
        super().__init__(folder=folder, scripts=scripts, silence_s=silence_s, on_line=on_line)

    def _command(self) -> list[str]:
        disk = self._folder / "disk.img"
        if not disk.exists():
            with disk.open("wb") as stream:
                stream.truncate(DISK_BYTES)
        words = ["disk=disk.img"]
        if self._heap_bytes:
            words.append(f"heap={self._heap_bytes}")
        command = qemu_command(self._firmware.resolve(), self._counted, words)
        return [*command, "-serial", "pty"]

    def put(self, local: Path, name: str, on_progress: OnProgress = ignore) -> None:
        if self._by_line:
            super().put(local, name, on_progress)
            return
        digest = hashlib.sha256(local.read_bytes()).hexdigest()
        size = local.stat().st_size
        values = {"name": name, "part": transfer.part_name(name, digest), "size": size}
        code = COPY_IN.format(**values, digest=digest, exchange=EXCHANGE)
        link = self._awake()

        def work() -> None:
            shutil.copyfile(local, self._folder / EXCHANGE)
            answer = _Answers(link, code, "0")
            if answer.words[0] != "same":
                transfer.finished(answer.last, name, size)

        self._exchange(name, work)
        on_progress(Progress(f"Sending {name}", 1.0, 0.0))

    def get(self, name: str, local: Path, on_progress: OnProgress = ignore) -> None:
        if self._by_line:
            super().get(name, local, on_progress)
            return
        link = self._awake()

        def work() -> None:
            answer = _Answers(link, COPY_OUT.format(name=name, exchange=EXCHANGE))
            if answer.words[0] == "none":
                raise DeviceError(f"The target has no file {name}.")
            data = (self._folder / EXCHANGE).read_bytes()
            if hashlib.sha256(data).hexdigest() != answer.words[2]:
                raise DeviceError(f"{name} came damaged and was thrown away; try again.")
            files.write_bytes(local, data)

        self._exchange(name, work)
        on_progress(Progress(f"Fetching {name}", 1.0, 0.0))

    def _exchange(self, name: str, work: Callable[[], None]) -> None:
        try:
            self._guard(name, work)
        finally:
            (self._folder / EXCHANGE).unlink(missing_ok=True)


class _Answers:
    """Runs code that prints a few lines of words; keeps the first and the last."""

    def __init__(self, link: SerialLink, code: str, reply: str | None = None) -> None:
        link.start(code)
        first = link.read_line(transfer.SILENCE_S)
        lines = [] if first is None else [first]
        if reply is not None and first is not None and first != "same":
            link.write_line(reply)
        while first is not None and (line := link.read_line(transfer.SILENCE_S)) is not None:
            lines.append(line)
        error = link.ended(transfer.SILENCE_S)
        if error or not lines:
            raise DeviceError((error or "no answer").splitlines()[-1])
        self.words, self.last = lines[0].split(), lines[-1].strip()


def qemu_command(firmware: Path, counted: bool, words: list[str]) -> list[str]:
    """How the emulator is called, but for -serial; `words` are read by the board's start."""
    semihosting = ",".join(
        ["enable=on", "target=native", *(f"arg={word}" for word in ["uff", *words])]
    )
    command = [QEMU, "-machine", "mps2-an500", "-nographic", "-monitor", "null"]
    command += ["-semihosting-config", semihosting, "-kernel", str(firmware)]
    # One instruction takes 64 ns of the machine's time, whatever the host is doing.
    return command + (["-icount", "shift=6,sleep=off"] if counted else [])


def m7_firmware() -> Path:
    """${UFF_M7}, else the image that `make m7` builds; see files.built()."""
    return files.built("UFF_M7", "m7", "firmware.elf")
