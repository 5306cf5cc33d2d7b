"""A board on a serial port as a target: the device scripts run there as they do anywhere."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.progress import OnProgress, ignore
from uff_host.targets import transfer
from uff_host.targets.base import Answer, Result, Target
from uff_host.targets.serial_link import LinkLost, SerialLink, Silence

T = TypeVar("T")


class SerialTarget(Target):
    """A board that runs MicroPython with the module ridge. Its files stay when this is closed."""

    def __init__(
        self,
        port: str,
        *,
        scripts: Path | None = None,
        baudrate: int = 115200,
        silence_s: float = 600.0,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Open the port.

        Args:
            port: Like /dev/ttyACM0.
            scripts: The folder of the scripts; by default device/scripts of the checkout.
            baudrate: Of a real serial line; USB has none.
            silence_s: A script that prints nothing for so long (patience.py says what counts) is
                taken for dead.
            on_line: Gets each line that a script prints for people.

        Raises:
            LinkLost: There is no such port.
        """
        self.name = port
        self._scripts = scripts or files.checkout() / "device" / "scripts"
        self._silence_s, self._on_line = silence_s, on_line
        self._baudrate = baudrate
        self._link: SerialLink | None = self._open()

    def _open(self) -> SerialLink:
        return SerialLink(self.name, self._baudrate)

    def _awake(self, *, soft_reset: bool = False) -> SerialLink:
        """The link, opened again if it was lost, with the board at its prompt."""
        if self._link is None:
            self._link = self._open()
        try:
            self._link.wake(soft_reset=soft_reset)
        except LinkLost:
            self._drop()
            raise
        return self._link

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def put(self, local: Path, name: str, on_progress: OnProgress = ignore) -> None:
        link = self._awake()
        self._guard(name, lambda: transfer.put(link, local, name, on_progress))

    def get(self, name: str, local: Path, on_progress: OnProgress = ignore) -> None:
        link = self._awake()
        self._guard(name, lambda: transfer.get(link, name, local, on_progress))

    def run(self, script: str, job: dict[str, Any], on_progress: OnProgress = ignore) -> Result:
        path = self._scripts / script
        if not path.is_file():
            raise DeviceError(f"There is no script {path}.")
        with tempfile.TemporaryDirectory(prefix="uff-job-") as folder:
            job_file = Path(folder) / "job.json"
            job_file.write_text(json.dumps(job), encoding="utf-8")
            self.put(job_file, "job.json")
        answer = Answer(script, on_progress, self._on_line)
        try:
            error = self.execute(path.read_text(encoding="utf-8"), script, answer.line)
        finally:
            self._forget_job()
        for line in error.splitlines():
            answer.line(line)
        return answer.end(1 if error else 0)

    def _forget_job(self) -> None:
        """Else the next script that a person runs on the board by mpremote would find it.

        Where the line has gone or the script was stopped the hard way, the job stays.
        """
        if self._link is None:
            return
        with contextlib.suppress(DeviceError):
            link = self._awake()
            link.start("import os\nos.remove('job.json')")
            link.ended(transfer.SILENCE_S)

    def execute(self, code: str, what: str, on_line: Callable[[str], None]) -> str:
        """Run code with an empty heap; return its traceback, empty if it had none.

        Args:
            code: A script's text.
            what: Its name, for messages.
            on_line: Gets each line it prints.

        Raises:
            DeviceError: The line broke, or nothing came for too long.
        """

        def work() -> str:
            link = self._awake(soft_reset=True)
            link.start(code)
            return link.follow(on_line, self._silence_s)

        return self._guard(what, work)

    def _guard(self, what: str, work: Callable[[], T]) -> T:
        """Do it; if it fails, leave the board at its prompt or let go of it."""
        try:
            return work()
        except LinkLost as error:
            self._drop()
            raise DeviceError(f"{what}: {self._lost(error)}") from error
        except Silence as error:
            self._stop()
            raise DeviceError(
                f"{what} said nothing for {error.limit_s:g} s and was stopped."
            ) from None
        except BaseException:
            self._stop()
            raise

    def _lost(self, error: LinkLost) -> str:
        """Why the line broke, as far as one can know."""
        return f"{error} Is the board still plugged in? Its files are as they were."

    def _stop(self) -> None:
        """Ctrl-C, and the prompt, so that the board is free; or let go of it."""
        with contextlib.suppress(DeviceError):
            if self._link is not None:
                self._awake()

    def close(self) -> None:
        self._drop()
