"""The line to a board: slow, held up, cut off, dead. Here the board is the unix port behind a
virtual board's port, and the emulated Cortex-M7."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import select
import signal
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import m7
import pytest
from board import Board

from uff_host.errors import DeviceError
from uff_host.targets import serial_link
from uff_host.targets.qemu import QemuTarget
from uff_host.targets.serial import SerialTarget
from uff_host.targets.serial_link import LinkLost, SerialLink

SCRIPT = "for i in range(3):\n    print('line', i)\nimport sys\nprint('end', end='')\n"
LONG = "# a comment that fills some windows of raw paste\n" * 100 + SCRIPT
SAID = ["line 0", "line 1", "line 2", "end"]
DATA = bytes(range(256)) * 20


class Line:
    """A line between a board's port and a port of its own, at the speed of a test's choice."""

    def __init__(self, port: str, delay: Callable[[bytes], float]) -> None:
        """delay: seconds before these bytes of the board go on to the host."""
        self._board = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._board)
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port, self._delay = os.ttyname(self._theirs), delay
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry)

    def __enter__(self) -> Line:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for descriptor in (self._board, self._ours, self._theirs):
            os.close(descriptor)

    def _carry(self) -> None:
        while not self._ended.is_set():
            for ready in select.select([self._board, self._ours], [], [], 0.05)[0]:
                if ready == self._board:
                    data = os.read(self._board, 64)
                    self._ended.wait(self._delay(data))
                    os.write(self._ours, data)
                else:
                    os.write(self._board, os.read(self._ours, 64))


@pytest.fixture(scope="module")
def board(micropython: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    one = Board(tmp_path_factory.mktemp("board"))
    yield one
    one.end()


@pytest.fixture(scope="module")
def emulator() -> Iterator[QemuTarget]:
    with m7.started(by_line=True, silence_s=1.0) as target:
        yield target


def works(target: SerialTarget, tmp_path: Path) -> None:
    """Whether a script runs and files go both ways."""
    output: list[str] = []
    assert not target.execute(LONG, "script", output.append)
    assert output == SAID
    (tmp_path / "there").write_bytes(DATA)
    target.put(tmp_path / "there", "x.bin")
    target.get("x.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA


@contextlib.contextmanager
def stuttering(process: int) -> Iterator[None]:
    """A process that is stopped again and again, for longer than it runs."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            os.kill(process, signal.SIGSTOP)
            ended.wait(0.6)
            os.kill(process, signal.SIGCONT)
            ended.wait(0.1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


# ---- slow ----


def test_a_line_that_is_slow_at_every_step_of_the_protocol_is_waited_for(
    board: Board, tmp_path: Path
) -> None:
    # Longer than mpremote waits for the answer to raw paste.
    with (
        Line(board.port, lambda data: 0.7 if data[:1] in b"R\x01" else 0.01) as line,
        SerialTarget(line.port) as target,
    ):
        output: list[str] = []
        assert not target.execute(SCRIPT, "script", output.append)
    assert output == SAID


def test_a_line_that_drops_out_for_a_second_now_and_then_loses_nothing(
    board: Board, tmp_path: Path
) -> None:
    count = itertools.count()
    with (
        Line(board.port, lambda data: 1.0 if next(count) % 1000 == 49 else 0.0) as line,
        SerialTarget(line.port, silence_s=3) as target,
    ):
        works(target, tmp_path)


@pytest.mark.parametrize("on", ["unix", "m7"])
def test_a_board_that_is_stopped_and_goes_on_again_and_again_loses_nothing(
    on: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if on == "m7":
        emulator = request.getfixturevalue("emulator")
        emulator.execute("pass", "start", print)
        with stuttering(emulator.process_id):
            works(emulator, tmp_path)
    else:
        board = request.getfixturevalue("board")
        (process,) = board.devices()
        with SerialTarget(board.port) as target:
            # No soft reset here: it is another process after that.
            link = target._awake()
            with stuttering(process):
                link.wake(soft_reset=False)
                link.start(LONG)
                output: list[str] = []
                assert not link.follow(output.append, 5)
            assert output == SAID


def test_a_board_that_is_stopped_for_longer_than_its_silence_may_last_is_waited_for(
    emulator: QemuTarget,
) -> None:
    assert emulator._silence_s < 2
    link = emulator._awake()
    link.start("import sys\nprint('first')\nprint(sys.stdin.readline())")
    assert link.read_line(1.0) == "first"
    os.kill(emulator.process_id, signal.SIGSTOP)
    threading.Timer(2.0, os.kill, (emulator.process_id, signal.SIGCONT)).start()
    link.write_line("second")
    assert link.read_line(1.0) == "second"
    assert link.ended(1.0) == ""


def test_a_script_that_ends_by_a_reset_does_not_disturb_the_next(
    board: Board, emulator: QemuTarget
) -> None:
    with SerialTarget(board.port) as unix:
        for target in (unix, emulator):
            for code in ("import sys; sys.exit(3)", "import machine; machine.soft_reset()"):
                output: list[str] = []
                target.execute(code, "ends", output.append)
                assert not target.execute(SCRIPT, "script", output.append)
                assert output == SAID


def test_what_a_board_printed_before_is_never_taken_for_its_prompt(board: Board) -> None:
    noise = "raw REPL; CTRL-B to exit\\r\\n>" * 3 + "R\\x01\\x80\\x00\\x04\\x04>"
    with SerialTarget(board.port) as target:
        link = target._awake()
        link.start(f"while True: print({noise!r}, end='')")
        link.wake(soft_reset=False)
        link.start(SCRIPT)
        output: list[str] = []
        assert not link.follow(output.append, 5)
    assert output == SAID


# ---- dead ----


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_link, "ASK_S", (0.1, 0.1))
    monkeypatch.setattr(serial_link, "PATIENCE_S", 0.2)


@pytest.fixture
def less_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for an emulator to start, and no more."""
    monkeypatch.setattr(serial_link, "ASK_S", (1.0, 1.0))
    monkeypatch.setattr(serial_link, "PATIENCE_S", 6.0)


@pytest.fixture
def far_end() -> Iterator[tuple[int, str]]:
    """The far end of a line, and the port at the near one."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


@contextlib.contextmanager
def answering(master: int, answer: Callable[[bytes], bytes]) -> Iterator[None]:
    """Somebody at the far end who makes an answer of what comes."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            if select.select([master], [], [], 0.02)[0]:
                with contextlib.suppress(BlockingIOError):
                    os.write(master, answer(os.read(master, 4096)))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def prompt(data: bytes) -> bytes:
    """What a MicroPython says when it is asked for its prompt."""
    word = re.search(rb"'uff','(\w+)'", data)
    return b"raw REPL; CTRL-B to exit\r\n>OKuff " + word[1] + b"\r\n\4\4>" if word else b""


def test_a_line_with_nobody_at_its_end_is_a_sentence(
    hurried: None, far_end: tuple[int, str]
) -> None:
    with (
        SerialTarget(far_end[1]) as target,
        pytest.raises(DeviceError, match=r"script: /dev/pts/\d+: no MicroPython answers.*plugged"),
    ):
        target.execute(SCRIPT, "script", print)


def test_a_line_that_takes_nothing_is_a_sentence(hurried: None, far_end: tuple[int, str]) -> None:
    with SerialLink(far_end[1]) as link, pytest.raises(LinkLost, match="takes nothing any more"):
        link.write_line("x" * 100_000)


def test_a_board_that_only_repeats_what_it_hears_is_none(
    hurried: None, far_end: tuple[int, str]
) -> None:
    with (
        answering(far_end[0], lambda data: data),
        SerialLink(far_end[1]) as link,
        pytest.raises(LinkLost, match="no MicroPython answers"),
    ):
        link.wake(soft_reset=False)


def test_a_board_that_prints_for_ever_is_given_up(
    hurried: None, far_end: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_link, "FLOOD", 20_000)

    def flood(data: bytes) -> bytes:
        for _ in range(1000):
            with contextlib.suppress(BlockingIOError):
                os.write(far_end[0], b"spam " * 100)
            time.sleep(0.001)
        return b"."

    with (
        answering(far_end[0], flood),
        SerialLink(far_end[1]) as link,
        pytest.raises(LinkLost, match="no MicroPython answers"),
    ):
        link.wake(soft_reset=False)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (b"", "did not take a script"),
        (b"R\0", r"raw-paste mode \(1.14 or younger\); the board said b'R\\x00'"),
        (b"R\1\4\0zz", "did not take a script: b'z'"),
        (b"R\1\4\0", "did not take a script"),
    ],
)
def test_a_board_that_takes_no_script_is_a_sentence(
    output: bytes, sentence: str, hurried: None, far_end: tuple[int, str]
) -> None:
    with (
        answering(far_end[0], lambda data: output if data == b"\5A\1" else prompt(data)),
        SerialLink(far_end[1]) as link,
    ):
        link.wake(soft_reset=False)
        with pytest.raises(LinkLost, match=sentence):
            link.start(SCRIPT)


def test_a_board_that_does_not_come_back_from_a_reset_is_a_sentence(
    hurried: None, far_end: tuple[int, str]
) -> None:
    with (
        answering(far_end[0], prompt),
        SerialLink(far_end[1]) as link,
        pytest.raises(LinkLost, match="does not come back from a soft reset"),
    ):
        link.wake(soft_reset=True)


def test_a_program_that_hears_nothing_is_stopped_by_a_new_start(
    less_patient: None, emulator: QemuTarget
) -> None:
    deaf = "import machine, time\nmachine.mem32[0xE000E180] = 1\nwhile True: time.sleep(1)"
    before = emulator.process_id
    with pytest.raises(DeviceError, match="deaf said nothing for 1 s and was stopped"):
        emulator.execute(deaf, "deaf", print)
    output: list[str] = []
    assert not emulator.execute(SCRIPT, "script", output.append)
    assert output == SAID
    assert emulator.process_id != before


def test_an_emulator_that_is_stopped_for_good_is_a_sentence(
    less_patient: None, emulator: QemuTarget
) -> None:
    emulator.execute("pass", "start", print)
    os.kill(emulator.process_id, signal.SIGSTOP)
    with pytest.raises(DeviceError, match=r"no MicroPython answers\. The emulator was ended"):
        emulator.execute(SCRIPT, "script", print)
