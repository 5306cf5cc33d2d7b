"""A Cortex-M7 in QEMU as a target: a board whose serial line is a pty and whose disk is a file.

The emulator lives as long as the target, and dies with it and with this process. Its disk is a
file in the target's folder, which outlives a killed emulator as a flash outlives a power cut.
Files go in and out by semihosting, a hundred times faster than by the line, but are checked and
renamed as if they had come by it.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from uff_host import files
from uff_host.errors import DataError, DeviceError
from uff_host.patience import Patience, until
from uff_host.progress import OnProgress, Progress, ignore
from uff_host.targets import transfer
from uff_host.targets.serial import SerialTarget
from uff_host.targets.serial_link import LinkLost, SerialLink

QEMU = "qemu-system-arm"
DISK_BYTES = 16 << 20
START_S = 20.0
END_S = 0.5
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


class QemuTarget(SerialTarget):
    """MicroPython on QEMU's mps2-an500, in a folder of its own."""

    title = "m7"
    program = QEMU
    kept = "its files are kept"
    built_by = "make m7"

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
            raise DeviceError(
                f"There is no firmware {self._firmware}: build it by `{self.built_by}`."
            )
        self._counted, self._heap_bytes, self._by_line = counted, heap_bytes, by_line
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix="uff-m7-"))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            super().__init__(
                self.title,
                scripts=scripts,
                silence_s=silence_s,
                on_line=on_line,
            )
        except BaseException:
            self.close()
            raise

    @property
    def process_id(self) -> int:
        """Of the emulator, for who wants to kill it."""
        if self._process is None:
            raise DeviceError("The emulator does not run.")
        return self._process.pid

    @property
    def port(self) -> str:
        """The pty, which only one program at a time may hold."""
        return self._link.port if self._link else ""

    def _open(self) -> SerialLink:
        """Start the emulator (again) and open its pty."""
        self._kill()
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._process = subprocess.Popen(
                dying_with_parent(self._command()),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the host alone
            )
        except OSError:
            raise DeviceError(self._not_installed()) from None
        return SerialLink(self._pty())

    def _command(self) -> list[str]:
        """What starts the emulator in its folder; it prints the name of its pty."""
        disk = self._folder / "disk.img"
        if not disk.exists():
            with disk.open("wb") as stream:
                stream.truncate(DISK_BYTES)
        words = ["disk=disk.img"]
        if self._heap_bytes:
            words.append(f"heap={self._heap_bytes}")
        command = qemu_command(self._firmware.resolve(), self._counted, words)
        return [*command, "-serial", "pty"]

    def _not_installed(self) -> str:
        return f"{QEMU} is not installed (Debian: sudo apt-get install qemu-system-arm)."

    def _pty(self) -> str:
        """The pty that the emulator names on its standard output."""
        assert self._process is not None
        assert self._process.stdout is not None
        said = b""
        for turn_s in Patience(START_S, self._process.pid).turns():
            if not select.select([self._process.stdout], [], [], turn_s)[0]:
                continue
            data = os.read(self._process.stdout.fileno(), 4096)
            said += data
            found = re.search(rb"redirected to (\S+)", said)
            if found:
                return found[1].decode()
            if not data:
                break
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise DeviceError(f"{self.program} does not start: {last[0]}.")

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

    def _lost(self, error: LinkLost) -> str:
        # Where the line broke, the emulator is about to end, or has.
        how = self._how_it_ended(END_S if error.__cause__ else 0.0)
        self._kill()
        what = f"the emulator {how}" if how else f"{error} The emulator was ended"
        return f"{what}. Run again: it starts anew, {self.kept}."

    def _how_it_ended(self, limit_s: float) -> str:
        """What became of the emulator; "" if it runs."""
        process = self._process
        if process is None:
            return ""
        if not until(lambda: process.poll() is not None, limit_s, process.pid):
            return ""
        assert process.stdout is not None
        said = process.stdout.read().decode(errors="replace").strip().splitlines()
        last = f" ({said[-1].strip()})" if said else ""
        status = process.returncode
        if status < 0:
            return f"was killed by signal {-status}{last}"
        return f"ended with status {status}{last}"

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _stop(self) -> None:
        """Free the REPL; where Ctrl-C does not help, the emulator is started anew when needed."""
        super()._stop()
        if self._link is None:
            self._kill()

    def close(self) -> None:
        # No farewell to the REPL: nobody comes after.
        self._kill()
        if getattr(self, "_link", None) is not None:
            self._drop()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)


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
    told = ",".join(["enable=on", "target=native", *(f"arg={word}" for word in ["uff", *words])])
    command = [QEMU, "-machine", "mps2-an500", "-nographic", "-monitor", "null"]
    command += ["-semihosting-config", told, "-kernel", str(firmware)]
    # One instruction takes 64 ns of the machine's time, whatever the host is doing.
    return command + (["-icount", "shift=6,sleep=off"] if counted else [])


def dying_with_parent(command: list[str]) -> list[str]:
    """The command, ended by the kernel when the thread that starts it ends (Linux)."""
    return ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command


def m7_firmware() -> Path:
    """${UFF_M7}, else the image that `make m7` builds. It need not exist.

    Raises:
        DeviceError: The package runs without its checkout and UFF_M7 is not set.
    """
    named = os.environ.get("UFF_M7")
    if named:
        return Path(named)
    try:
        return files.checkout() / "firmware_build" / "build" / "m7" / "firmware.elf"
    except DataError as error:
        raise DeviceError(f"{error} Or name the firmware in UFF_M7.") from None
