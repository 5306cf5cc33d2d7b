"""Patience follows progress: who is starved or stopped is not blamed, who is dead is found out."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from uff_host import patience
from uff_host.patience import STOPPED_SHARE, TURN_MOST_S, Patience, computed, holders

SLEEPS = "import time; print('here', flush=True); time.sleep(1000)"
COMPUTES = "print('here', flush=True)\nwhile True: pass"


class World:
    """In the place of the clock, of /proc and of the machine's load."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.got, self.states, self.share = 1000.0, 5.0, {"S"}, 1.0
        monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(patience, "computed", lambda processes: (self.got, self.states))
        monkeypatch.setattr(patience, "share", lambda: self.share)

    def spent(self, *processes: int, turns: int = 100, turn_s: float = 0.25, cpu_s: float = 0.0):
        """What so many turns cost."""
        one = Patience(1e9, *processes)
        for _ in range(turns):
            self.now += turn_s
            self.got += cpu_s
            assert not one.over
        return one.spent_s


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


# ---- what is charged ----


def test_on_an_idle_machine_the_clock_counts(world: World) -> None:
    assert world.spent() == pytest.approx(25)
    assert world.spent(7) == pytest.approx(25)


def test_on_a_busy_machine_the_share_of_the_clock_counts(world: World) -> None:
    world.share = 0.2
    assert world.spent() == pytest.approx(5)
    assert world.spent(7) == pytest.approx(5)


def test_who_waits_for_a_processor_is_charged_what_it_got(world: World) -> None:
    world.states = {"S", "R"}
    assert world.spent(7) == 0
    assert world.spent(7, cpu_s=0.01) == pytest.approx(1)
    assert world.spent(7, cpu_s=0.25) == pytest.approx(25)


def test_who_naps_is_charged_the_time(world: World) -> None:
    assert world.spent(7, cpu_s=0.01) == pytest.approx(25)


@pytest.mark.parametrize("state", ["T", "t", "D"])
def test_who_is_stopped_is_charged_little_but_not_nothing(world: World, state: str) -> None:
    world.states = {"S", state}
    assert world.spent(7) == pytest.approx(25 * STOPPED_SHARE)


def test_a_long_turn_counts_as_a_short_one(world: World) -> None:
    assert world.spent(turns=3, turn_s=1000) == pytest.approx(3 * TURN_MOST_S)


def test_what_comes_begins_anew_and_the_end_is_the_limit(world: World) -> None:
    one = Patience(1.0, 7)
    for turn_s in one.turns():
        world.now += turn_s
        if world.now <= 1010:
            one.renew()
    assert world.now == 1011


def test_the_share_is_that_of_the_programs_that_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(patience, "PROC", tmp_path)
    monkeypatch.setattr(patience, "processors", lambda: 2)
    for running, wanted in ((0, 1), (1, 1), (2, 1), (4, 0.5), (10, 0.2)):
        (tmp_path / "loadavg").write_text(f"9.00 9.00 9.00 {running}/123 4567\n")
        assert patience.share() == wanted
    (tmp_path / "loadavg").unlink()
    monkeypatch.setattr(os, "getloadavg", lambda: (8.0, 0.0, 0.0))
    assert patience.share() == 0.25


# ---- of real processes ----


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """start(code): a Python that has begun to run it."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        return process

    yield begin
    for process in started:
        patience.kill(process)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def at_rest(process: int) -> bool:
    return computed([process])[1] == {"S"}


def test_a_process_is_seen_with_all_that_it_has_started(start) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {COMPUTES!r}])"
    child = f"print('here', flush=True); {child}"
    process = start(child)
    begin = computed([process.pid])[0]
    assert patience.until(lambda: computed([process.pid])[0] > begin + 0.05, 60)
    assert patience.until(lambda: computed([process.pid])[1] == {"S", "R"}, 60)
    for children in Path(f"/proc/{process.pid}/task").glob("*/children"):
        for number in children.read_text().split():
            os.kill(int(number), signal.SIGKILL)
    process.wait()
    assert computed([process.pid]) == (0, set())
    assert computed([os.getpid()]) == (0, set())  # who waits is not waited for


@pytest.mark.slow
def test_a_sleeper_is_found_out_and_a_stopped_one_is_waited_for(start) -> None:
    process = start(SLEEPS)
    assert patience.until(lambda: at_rest(process.pid), 60)
    assert not patience.until(lambda: False, 0.3, process.pid)
    process.send_signal(signal.SIGSTOP)
    assert patience.until(lambda: computed([process.pid])[1] == {"T"}, 60)
    one = Patience(0.3, process.pid)
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        assert not one.over
        time.sleep(0.02)
    assert not patience.until(lambda: False, 0.1, process.pid)  # but not for ever


def test_who_computes_is_charged_no_more_than_it_computes(start) -> None:
    process = start(COMPUTES)
    begin = computed([process.pid])[0]
    assert not patience.until(lambda: False, 0.3, process.pid)
    assert computed([process.pid])[0] - begin >= 0.25  # the rest: it may have been seen asleep


def test_the_far_end_of_a_pty_is_found(start) -> None:
    code = "import os, time; m, s = os.openpty(); print('here', flush=True);"
    process = start(code + "print(os.ttyname(s), flush=True); time.sleep(1000)")
    assert process.stdout is not None
    pty = process.stdout.readline().strip()
    assert holders(pty) == [process.pid]
    master, slave = os.openpty()
    try:
        assert holders(os.ttyname(slave)) == []  # this process
    finally:
        os.close(master)
        os.close(slave)
    assert holders("/dev/ttyACM0") == []


# ---- of runs ----


def test_a_run_gives_what_a_command_says(tmp_path: Path) -> None:
    done = patience.run(["sh", "-c", "pwd; cat; echo oops >&2; exit 3"], 60, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{tmp_path}\n", "oops\n")
    with pytest.raises(subprocess.CalledProcessError):
        patience.run(["false"], 60, check=True)
    with pytest.raises(FileNotFoundError):
        patience.run([tmp_path / "none"], 60)


@pytest.mark.slow
def test_a_run_in_vain_ends_with_all_that_it_has_started(tmp_path: Path) -> None:
    script = f"echo so far; sleep 1000 & echo $! >{tmp_path}/pid; wait"
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        patience.run(["sh", "-c", script], 0.3)
    assert caught.value.output == "so far\n"
    number = int((tmp_path / "pid").read_text())
    assert patience.until(lambda: not Path(f"/proc/{number}").exists(), 60)


def test_a_run_that_is_stopped_for_a_while_ends_well(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = (
        "import os, signal\n"
        f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
        "os.kill(os.getpid(), signal.SIGSTOP)\n"
        "for i in range(1000000): pass\n"
    )
    helper = (
        "import os, pathlib, signal, time\n"
        f"path = pathlib.Path({str(pid)!r})\n"
        "while not (path.exists() and path.read_text()): time.sleep(0.01)\n"
        "number = int(path.read_text())\n"
        "stat = pathlib.Path(f'/proc/{number}/stat')\n"
        "while stat.read_text().rpartition(')')[2].split()[0] != 'T': time.sleep(0.01)\n"
        "time.sleep(1.2)\n"
        "os.kill(number, signal.SIGCONT)\n"
    )
    with subprocess.Popen([sys.executable, "-c", helper]) as stopper:
        # 1.2 s are more than its 1 s, and less than ten times as much.
        assert patience.run([sys.executable, "-c", script], 1.0).returncode == 0
    assert stopper.returncode == 0


@pytest.mark.slow
def test_events_are_waited_for_the_same_way() -> None:
    async def work() -> None:
        event = asyncio.Event()
        assert not await patience.comes(event, 0.2)
        asyncio.get_running_loop().call_later(0.1, event.set)
        assert await patience.comes(event, 60)
        assert not await patience.until_async(lambda: False, 0.2)
        async with patience.limit(60):
            await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            async with patience.limit(0.2):
                await asyncio.Event().wait()

    asyncio.run(work())


@pytest.mark.slow
def test_a_run_that_fills_a_folder_is_waited_for(tmp_path: Path) -> None:
    grow = f"for i in 1 2 3 4 5 6; do sleep 0.2; echo $i >{tmp_path}/$i; done"
    assert patience.run(["sh", "-c", grow], 0.9, growing=tmp_path).returncode == 0
    with pytest.raises(subprocess.TimeoutExpired):
        patience.run(["sh", "-c", "sleep 1000"], 0.3, growing=tmp_path)


def test_the_size_of_a_folder_that_changes_meanwhile_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_bytes(bytes(1000))
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    churn = (
        "import pathlib, shutil, sys\n"
        "print('here', flush=True)\n"
        f"at = pathlib.Path({str(tmp_path / 'x')!r})\n"
        "while True:\n"
        "    (at / 'y' / 'z').mkdir(parents=True)\n"
        "    shutil.rmtree(at)\n"
    )
    with subprocess.Popen([sys.executable, "-c", churn]) as process:
        for _ in range(2000):
            assert patience.bytes_in(tmp_path) >= 1000
        process.kill()
