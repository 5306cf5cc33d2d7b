"""Where the device scripts run. One class for each kind of link; here MicroPython's unix port,
in qemu.py an emulated Cortex-M7, in serial_target.py a board.

A target is a working directory with files in it, and scripts that take a job and give a result:
lines that begin with @ are for the host, everything else a script prints is for people.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from uff_host import files
from uff_host.errors import DataError, DeviceError
from uff_host.patience import Patience
from uff_host.progress import OnProgress, Progress, ignore

Result = dict[str, Any]
NAMES = ("unix", "m7", "a serial port like /dev/ttyACM0")
SCRIPTS_HEAP = 4 << 20  # of the emulated M7: their arrays have the arena, the other 12 MB


class Target(ABC):
    """A place where device scripts run. Use it as a context manager: leaving it cleans up."""

    name: str

    @abstractmethod
    def put(self, local: Path, name: str, on_progress: OnProgress = ignore) -> None:
        """Copy a file of the host to `name` in the working directory."""

    @abstractmethod
    def get(self, name: str, local: Path, on_progress: OnProgress = ignore) -> None:
        """Copy `name` from the working directory; `local` is replaced whole or not at all.

        Raises:
            DeviceError: The target has no such file.
        """

    @abstractmethod
    def run(self, script: str, job: dict[str, Any], on_progress: OnProgress = ignore) -> Result:
        """Run a script of device/scripts with its job and wait for its result.

        Raises:
            DeviceError: It could not start, reported an error, went silent, or gave no result.
        """

    def close(self) -> None:
        """Give back what the target holds."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextlib.contextmanager
def naming(files_of: Mapping[str, Path | None]) -> Iterator[None]:
    """Within the block, what a target says of its files it says of those that they are copies of.

    files_of: name in the target's working directory -> the file of the host, if there is one.
    """
    try:
        yield
    except DeviceError as error:
        known = {name: str(local) for name, local in files_of.items() if local is not None}
        names = "|".join(map(re.escape, known))
        text = re.sub(rf"(?<![\w./-])({names})(?!\.?\w)", lambda m: known[m[1]], str(error))
        if text == str(error):
            raise
        raise DeviceError(text) from error


class Answer:
    """Reads what a script prints, line by line, whatever the link that brings it."""

    def __init__(
        self, script: str, on_progress: OnProgress, on_line: Callable[[str], None]
    ) -> None:
        self._script, self._on_progress, self._on_line = script, on_progress, on_line
        self._tail: deque[str] = deque(maxlen=40)
        self._result: Result | None = None
        self._crc: str | None = None  # of the result
        self._error: str | None = None

    def line(self, text: str) -> None:
        """Take one line without its end.

        Raises:
            DeviceError: A line for the host does not hold what it should.
        """
        word, _, rest = text.partition(" ")
        if word == "@crc":
            self._crc = rest
            return
        if word not in ("@progress", "@result", "@error"):
            self._tail.append(text)
            self._on_line(text)
            return
        try:
            values = json.loads(rest)
            if word == "@progress":
                left = values.get("left_s")
                left_s = None if left is None else float(left)
                self._on_progress(Progress(str(values["stage"]), float(values["done"]), left_s))
            elif word == "@result":
                if self._crc not in (None, f"{zlib.crc32(rest.encode()):08x}"):
                    raise DeviceError(
                        f"{self._script} is done, but the line damaged its result. Run it again."
                    )
                self._result = dict(values)
            else:
                self._error = str(values["message"]) or str(values["error"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise DeviceError(f"{self._script} printed an unreadable line: {text[:200]}") from None

    def end(self, status: int) -> Result:
        """The result, once the script has ended with this exit status.

        Raises:
            DeviceError: It reported an error or gave no result.
        """
        if self._error is not None:
            raise DeviceError(self._error if self._error.endswith(".") else f"{self._error}.")
        if status or self._result is None:
            how = (
                f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            )
            said = next((line for line in reversed(self._tail) if line.strip()), "")
            why = f": {said.strip()}" if said else "."
            raise DeviceError(f"{self._script} {how} and without a result{why}")
        return self._result


class UnixTarget(Target):
    """MicroPython's unix port as a child process, in a temporary working directory."""

    name = "unix"

    def __init__(
        self,
        firmware: Path | None = None,
        *,
        library: Path | None = None,
        scripts: Path | None = None,
        heap: str = "96M",
        silence_s: float = 600.0,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Find the firmware and make a working directory.

        Args:
            firmware: The executable; by default ${UFF_UNIX}, else the one that `make unix` builds.
            library: The folder that scripts import from, before what is frozen; by default
                ${MICROPYPATH}, else device/ of the checkout, where the scripts come from.
            scripts: The folder of the scripts; by default device/scripts of the checkout.
            heap: Size of the heap, as -X heapsize takes it.
            silence_s: A script that prints nothing for so long (patience.py says what counts) is
                taken for dead.
            on_line: Gets each line that a script prints for people.

        Raises:
            DeviceError: There is no firmware.
        """
        self._firmware = firmware or unix_firmware()
        if not (self._firmware.is_file() and os.access(self._firmware, os.X_OK)):
            raise DeviceError(f"There is no firmware {self._firmware}: build it by `make unix`.")
        self._heap = heap
        self._scripts = scripts or files.checkout() / "device" / "scripts"
        self._library = library or self._scripts.parent
        self._path = None if library else os.environ.get("MICROPYPATH")
        self._silence_s, self._on_line = silence_s, on_line
        self._folder = Path(tempfile.mkdtemp(prefix="uff-unix-"))

    def put(self, local: Path, name: str, on_progress: OnProgress = ignore) -> None:
        try:
            shutil.copyfile(local, self._folder / name)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DeviceError(
                f"{local} does not fit on the disk of {tempfile.gettempdir()}, where MicroPython "
                "runs. TMPDIR names another folder."
            ) from None

    def get(self, name: str, local: Path, on_progress: OnProgress = ignore) -> None:
        source = self._folder / name
        if not source.is_file():
            raise DeviceError(f"The target has no file {name}.")
        with files.replacing(local) as new:
            shutil.copyfile(source, new)

    def run(self, script: str, job: dict[str, Any], on_progress: OnProgress = ignore) -> Result:
        path = self._scripts / script
        if not path.is_file():
            raise DeviceError(f"There is no script {path}.")
        (self._folder / "job.json").write_text(json.dumps(job))
        environment = dict(os.environ)
        environment["MICROPYPATH"] = self._path or f"{self._library.resolve()}:.frozen"
        answer = Answer(script, on_progress, self._on_line)
        command = [
            str(self._firmware.resolve()),
            "-X",
            f"heapsize={self._heap}",
            str(path.resolve()),
        ]
        try:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the host alone, which then ends the child
            )
        except OSError as error:
            raise DeviceError(f"{self._firmware} does not start ({error.strerror}).") from None
        assert process.stdout is not None
        try:
            for line in self._lines(process, script):
                answer.line(line)
            return answer.end(process.wait())
        finally:
            _end(process)

    def _lines(self, process: subprocess.Popen[bytes], script: str) -> Iterator[str]:
        """Lines as they come, until the stream ends.

        Raises:
            DeviceError: Nothing came for `silence_s`.
        """
        assert process.stdout is not None
        pending, stream = b"", process.stdout
        patience = Patience(self._silence_s, process.pid)
        for turn_s in patience.turns():
            if not select.select([stream], [], [], turn_s)[0]:
                continue
            data = os.read(stream.fileno(), 65536)
            if not data:
                break
            patience.renew()
            *whole, pending = (pending + data).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace").rstrip("\r")
        else:
            raise DeviceError(f"{script} said nothing for {self._silence_s:g} s and was stopped.")
        if pending:
            yield pending.decode(errors="replace")

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process if it still runs, and take its remains."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def unix_firmware() -> Path:
    """${UFF_UNIX}, else the executable that `make unix` builds. It need not exist.

    Raises:
        DeviceError: The package runs without its checkout and UFF_UNIX is not set.
    """
    named = os.environ.get("UFF_UNIX")
    if named:
        return Path(named)
    try:
        return files.checkout() / "firmware_build" / "build" / "unix" / "micropython"
    except DataError as error:
        raise DeviceError(f"{error} Or name the firmware in UFF_UNIX.") from None


def connect(name: str, on_line: Callable[[str], None] = lambda line: None) -> Target:
    """The target that a user calls by this name.

    Raises:
        DeviceError: There is no such target, or it is not ready.
    """
    if name == "unix":
        return UnixTarget(on_line=on_line)
    if name == "m7":
        from uff_host.qemu import QemuTarget

        return QemuTarget(on_line=on_line, heap_bytes=SCRIPTS_HEAP)
    if name.startswith(("/", "COM")):
        from uff_host.serial_target import SerialTarget

        return SerialTarget(name, on_line=on_line)
    raise DeviceError(f"There is no target {name!r}. Known: {', '.join(NAMES)}.")
