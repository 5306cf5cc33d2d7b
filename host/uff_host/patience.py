"""Patience: when a wait is in vain. It follows progress, not the clock.

On a busy machine seconds pass between a question and its answer, and nobody is at fault. So the
seconds of a limit are not those of the clock. Whoever is waited for is charged only what it had:

    asleep              the time that passed, times the share of the machine a program gets now
    computing           the processor time that it got, however long that took
    waiting for a processor
                        nothing
    stopped (SIGSTOP, a debugger) or waiting for a disk
                        a tenth of what one asleep is charged

Processes of this machine are seen in /proc; of a board at a cable, and on other systems, there is
only the first line. A turn of waiting counts for half a second at most: if it took longer, it was
this process that did not get on. Everything that comes (bytes, lines, answers) begins anew, by
renew().

On an idle machine these seconds are the clock's, and a wait in vain always ends. Standard library
only: firmware_build/fetch.py uses it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

TURN_S = 0.25  # how long to wait for something before asking whether it is in vain
TURN_MOST_S = 0.5
STOPPED_SHARE = 0.1
PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Patience:
    """A limit in seconds, charged as above.

    for turn_s in Patience(20, pid).turns():  # wait for turn_s at most; end the loop by break
        ...
    else:
        ...  # in vain
    """

    def __init__(self, limit_s: float, *processes: int) -> None:
        """processes: ids of those that are waited for; what they have started counts with them."""
        self.limit_s, self._processes = limit_s, processes
        self._clock = time.monotonic()
        self._computed = computed(processes)[0] if processes else 0.0
        self.spent_s = 0.0

    def renew(self) -> None:
        """Something has come."""
        self._charge()
        self.spent_s = 0.0

    @property
    def over(self) -> bool:
        """Whether the wait is in vain. Ask often: every TURN_S or so."""
        self.spent_s += self._charge()
        return self.spent_s >= self.limit_s

    def turns(self) -> Iterator[float]:
        """How long to wait before the next look, until the wait is in vain."""
        while not self.over:
            yield TURN_S

    def _charge(self) -> float:
        """What the time since the last look costs."""
        now = time.monotonic()
        turn_s = min(now - self._clock, TURN_MOST_S)
        self._clock = now
        if not self._processes:
            return turn_s * share()
        before = self._computed
        self._computed, states = computed(self._processes)
        got_s = max(0.0, self._computed - before)
        if states & {"T", "t", "D"}:
            return max(got_s, turn_s * share() * STOPPED_SHARE)
        return got_s if "R" in states else max(got_s, turn_s * share())


def share() -> float:
    """What part of a processor a program gets that wants one, at this moment."""
    try:
        running = float((PROC / "loadavg").read_text().split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        try:
            running = os.getloadavg()[0]
        except (OSError, AttributeError):  # a system without
            return 1.0
    return min(1.0, processors() / max(1.0, running))


def processors() -> int:
    """How many of them this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def computed(processes: Sequence[int]) -> tuple[float, set[str]]:
    """Processor seconds of processes and all that they have started, and their threads' states
    as in /proc: R wants a processor, S sleeps, T is stopped, D waits for a disk. Of this process
    nothing: it is the one that waits."""
    ticks, states, left, seen = 0, set(), list(processes), {os.getpid()}
    while left:
        process = left.pop()
        if process in seen:
            continue
        seen.add(process)
        folder = PROC / str(process)
        with contextlib.suppress(OSError):  # it has just ended
            # User and system time, and both of the children that have ended.
            ticks += sum(map(int, _fields(folder / "stat")[11:15]))
            for thread in (folder / "task").iterdir():
                with contextlib.suppress(OSError):
                    states.add(_fields(thread / "stat")[0])
                    left += map(int, (thread / "children").read_text().split())
    return ticks / TICKS, states


def _fields(path: Path) -> list[str]:
    """What stands in a stat file behind the name, which may hold spaces."""
    return path.read_text(errors="replace").rpartition(")")[2].split()


def holders(pty: str) -> list[int]:
    """Other processes that hold the far end of a pty like /dev/pts/3, as far as one can see."""
    found: list[int] = []
    if not (number := re.fullmatch(r"/dev/pts/(\d+)", pty)):
        return found
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for link in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if link.readlink().name == "ptmx":
                        info = (folder / "fdinfo" / link.name).read_text()
                        if re.search(rf"^tty-index:\s*{number[1]}$", info, re.MULTILINE):
                            found.append(int(folder.name))
    return [process for process in found if process != os.getpid()]


def until(true: Callable[[], object], limit_s: float, *processes: int) -> bool:
    """Wait until it is true; False: in vain."""
    patience = Patience(limit_s, *processes)
    while not true():
        if patience.over:
            return False
        time.sleep(0.02)
    return True


async def until_async(true: Callable[[], object], limit_s: float, *processes: int) -> bool:
    """The same, while others have their turn."""
    patience = Patience(limit_s, *processes)
    while not true():
        if patience.over:
            return False
        await asyncio.sleep(0.01)
    return True


async def comes(event: asyncio.Event, limit_s: float, *processes: int) -> bool:
    """Wait for an event; False: in vain."""
    for turn_s in Patience(limit_s, *processes).turns():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), turn_s)
            return True
    return event.is_set()


@contextlib.asynccontextmanager
async def limit(limit_s: float, *processes: int) -> AsyncIterator[None]:
    """asyncio.timeout() with patience.

    Raises:
        TimeoutError: In vain.
    """
    async with asyncio.timeout(None) as scope:

        async def watch() -> None:
            for turn_s in Patience(limit_s, *processes).turns():
                await asyncio.sleep(turn_s)
            scope.reschedule(asyncio.get_running_loop().time())

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()


def finish(
    process: subprocess.Popen[str], limit_s: float, growing: Path | None = None
) -> tuple[str, str]:
    """What a process says until its end, as communicate() gives it.

    Args:
        process: It has been started with pipes.
        limit_s: How long it may take; or stand still, where one sees it get on:
        growing: A folder that it writes to.

    Raises:
        subprocess.TimeoutExpired: In vain; it has been killed, with all that is in its group if it
            leads one.
    """
    patience, had = Patience(limit_s, process.pid), 0
    for turn_s in patience.turns():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=turn_s)
        if growing and (has := bytes_in(growing)) > had:
            had = has
            patience.renew()
    kill(process)
    output = process.communicate()
    raise subprocess.TimeoutExpired(process.args, limit_s, *output)


def bytes_in(folder: Path) -> int:
    """The size of all files in a folder that may be changing."""
    size = 0
    for place, _, names in os.walk(folder):  # which passes over folders that have just gone
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(place, name)).st_size
    return size


def run(
    command: Sequence[Any],
    limit_s: float,
    *,
    check: bool = False,
    growing: Path | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """subprocess.run() for text, with patience in the place of its timeout; see finish().

    Raises:
        subprocess.TimeoutExpired: In vain; it and all that it has started have been killed.
        subprocess.CalledProcessError: Its exit status is not 0, and `check` asks for that.
        OSError: It does not start.
    """
    piped = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # A group of its own: Ctrl-C reaches this process alone, which then ends the group.
    command = [str(part) for part in command]
    with subprocess.Popen(
        command, text=True, errors="replace", start_new_session=True, **{**piped, **options}
    ) as process:
        try:
            output = finish(process, limit_s, growing)
        except BaseException:
            kill(process)
            raise
    done = subprocess.CompletedProcess(command, process.returncode, *output)
    if check:
        done.check_returncode()
    return done


def kill(process: subprocess.Popen[Any]) -> None:
    """End a process now, and its group if it leads one."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg") and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
