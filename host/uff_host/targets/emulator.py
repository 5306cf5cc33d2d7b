"""An emulator as a target: a process of its own whose serial line is a pty."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import tempfile
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from uff_host.errors import DeviceError
from uff_host.patience import Patience, until
from uff_host.targets.serial import SerialTarget
from uff_host.targets.serial_link import LinkLost, SerialLink

START_S = 20.0
END_S = 0.5


class EmulatorTarget(SerialTarget):
    """A board that lives as long as this target, and dies with it and with this process."""

    title: str
    program: str  # for people
    how_to_get: str  # the program, where it is not installed
    after_an_end: str  # what a start after it finds

    def __init__(
        self,
        *,
        folder: Path | None,
        scripts: Path | None,
        silence_s: float,
        on_line: Callable[[str], None],
    ) -> None:
        """Start the emulator in a folder, by default one of its own that goes with it.

        Raises:
            DeviceError: It does not start.
        """
        self._temporary = folder is None
        self._folder = folder or Path(tempfile.mkdtemp(prefix=f"uff-{self.title}-"))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            super().__init__(self.title, scripts=scripts, silence_s=silence_s, on_line=on_line)
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _command(self) -> list[str]:
        """What starts the emulator in its folder; it prints the name of its pty."""

    def _inherited(self) -> list[int]:
        """Descriptors that the emulator gets; asked after _command()."""
        return []

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
                pass_fds=self._inherited(),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the host alone
            )
        except OSError:
            raise DeviceError(f"{self.program} is not installed ({self.how_to_get}).") from None
        return SerialLink(self._pty())

    def _pty(self) -> str:
        """The pty that the emulator names on its standard output."""
        assert self._process is not None
        assert self._process.stdout is not None
        output = b""
        for turn_s in Patience(START_S, self._process.pid).turns():
            if not select.select([self._process.stdout], [], [], turn_s)[0]:
                continue
            data = os.read(self._process.stdout.fileno(), 4096)
            output += data
            found = re.search(rb"redirected to (\S+)", output)
            if found:
                return found[1].decode()
            if not data:
                break
        last = output.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise DeviceError(f"{self.program} does not start: {last[0]}.")

    def _lost(self, error: LinkLost) -> str:
        # Where the line broke, the emulator is about to end, or has.
        how = self._how_it_ended(END_S if error.__cause__ else 0.0)
        self._kill()
        what = f"the emulator {how}" if how else f"{error} The emulator was ended"
        return f"{what}. Run again: it starts anew, {self.after_an_end}."

    def _how_it_ended(self, limit_s: float) -> str:
        """What became of the emulator; "" if it runs."""
        process = self._process
        if process is None:
            return ""
        if not until(lambda: process.poll() is not None, limit_s, process.pid):
            return ""
        assert process.stdout is not None
        output = process.stdout.read().decode(errors="replace").strip().splitlines()
        last = f" ({output[-1].strip()})" if output else ""
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


def dying_with_parent(command: list[str]) -> list[str]:
    """The command, ended by the kernel when the thread that starts it ends (Linux)."""
    return ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command
