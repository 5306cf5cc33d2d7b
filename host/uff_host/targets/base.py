"""What every target is: a working directory with files in it, and scripts that take a job and
give a result.

Lines of a script's output that begin with @ are for the host, all others are for people.
"""

from __future__ import annotations

import contextlib
import json
import re
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from uff_host.errors import DeviceError
from uff_host.progress import OnProgress, Progress, ignore

Result = dict[str, Any]


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

    @contextlib.contextmanager
    def hand(self, recording: Path) -> Iterator[dict[str, Any]]:
        """Within the block a hand touches the target's screen as in a touch recording, where there
        is one; what device/scripts/application.py is to be told of it, {} where there is none.
        """
        yield {}

    def close(self) -> None:
        """Give back what the target holds."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
            last = next((line for line in reversed(self._tail) if line.strip()), "")
            why = f": {last.strip()}" if last else "."
            raise DeviceError(f"{self._script} {how} and without a result{why}")
        return self._result
