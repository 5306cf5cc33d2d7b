"""The sanitized firmware at work: a script that answers case after case (device/fuzz_cases.py)."""

from __future__ import annotations

import os
import queue
import resource
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DEVICE_FOLDERS = (TOP / "device", TOP / "tests/device")
SCRIPTS = Path(__file__).resolve().parent / "device"

LIFE = 2000  # cases that one process answers
LIFE_CPU_S = 300  # of its own processor time: a healthy one takes 10, however busy the machine is


class Died(Exception):
    """The process ended instead of answering; the message is its log."""


class Link:
    """One script in one firmware; started anew after about LIFE cases and after each death."""

    def __init__(self, micropython: Path, script: str, folder: Path, heap: str) -> None:
        self._command = [str(micropython), "-X", f"heapsize={heap}", str(SCRIPTS / script)]
        self._folder = folder
        self._log = folder / f"{script}.log"
        self._process: subprocess.Popen[str] | None = None
        self._left = 0

    def _start(self) -> None:
        with self._log.open("w") as stderr:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={
                    **os.environ,
                    "MICROPYPATH": ":".join([*map(str, DEVICE_FOLDERS), ".frozen"]),
                    "ASAN_OPTIONS": "detect_leaks=0",
                    "UBSAN_OPTIONS": "print_stacktrace=1",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                preexec_fn=_limit_cpu,
            )
        self._left = LIFE
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_feed, args=(self._process, self._lines), daemon=True).start()

    def answers(self, lines: list[str]) -> Iterator[str]:
        """The answers to these cases, which the process works at meanwhile.

        Raises:
            Died: The process ended; that case and all behind it have no answer.
        """
        if self._left <= 0:
            self.close()
            self._start()
        self._left -= len(lines)
        for line in lines:
            self._lines.put(line)
        for _ in lines:
            yield self._answer()

    def _answer(self) -> str:
        assert self._process
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line.endswith("\n"):
            return line
        status = self._process.wait()
        self.close()
        log = self._log.read_text(errors="replace").strip()
        if status == -24:  # SIGXCPU
            log = f"no answer in {LIFE_CPU_S} s of processor time\n{log}"
        raise Died(log or f"exit status {status}")

    def close(self) -> None:
        """End the process; the next case starts one."""
        self._left = 0
        if self._process is None:
            return
        self._lines.put(None)
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._process = None


def _feed(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdin
    try:
        while (line := lines.get()) is not None:
            process.stdin.write(f"{len(line):08}{line}")
            if lines.empty():
                process.stdin.flush()
        process.stdin.close()
    except (BrokenPipeError, OSError):
        pass


def _limit_cpu() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LIFE_CPU_S, LIFE_CPU_S + 5))
