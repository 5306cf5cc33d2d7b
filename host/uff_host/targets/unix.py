"""MicroPython's unix port as a target."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.patience import Patience
from uff_host.progress import OnProgress, ignore
from uff_host.targets.base import Answer, Result, Target


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
        self._firmware = firmware or self._default_firmware()
        self._check_firmware()
        self._heap = heap
        self._scripts = scripts or files.checkout() / "device" / "scripts"
        self._library = library or self._scripts.parent
        self._path = None if library else os.environ.get("MICROPYPATH")
        self._silence_s, self._on_line = silence_s, on_line
        self._folder = Path(tempfile.mkdtemp(prefix=f"uff-{self.name}-"))

    def _default_firmware(self) -> Path:
        return unix_firmware()

    def _check_firmware(self) -> None:
        """Raises:
        DeviceError: It is not there.
        """
        if not (self._firmware.is_file() and os.access(self._firmware, os.X_OK)):
            raise DeviceError(f"There is no firmware {self._firmware}: build it by `make unix`.")

    def _command(self, script: Path) -> list[str]:
        """What runs a script."""
        return [str(self._firmware.resolve()), "-X", f"heapsize={self._heap}", str(script)]

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
        try:
            process = _Process(
                self._command(path.resolve()),
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


class _Process(subprocess.Popen[bytes]):
    """A process that is killed where Ctrl-C or SIGTERM comes while it is being started.

    Popen waits for its exec(); an exception there would leave it running, and its number lost.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        try:
            super().__init__(*arguments, **options)
        except KeyboardInterrupt:
            if getattr(self, "pid", None) is not None:
                _end(self)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process if it still runs, and take its remains."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def unix_firmware() -> Path:
    """${UFF_UNIX}, else the executable that `make unix` builds; see files.built()."""
    return files.built("UFF_UNIX", "unix", "micropython")
