"""The virtual board's parts, without processes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from board_campaign import HOSTILE
from conftest import DEVICE, Run
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from uff_host import patience
from uff_host.cli import board
from uff_host.errors import DeviceError
from uff_host.virtual_board import messages, serial_port, wire
from uff_host.virtual_board.framebuffer import DirtyRegion, Framebuffer, Rectangle
from uff_host.virtual_board.hardware import Hardware, Move
from uff_host.virtual_board.latency_statistics import Latency, LatencyStatistics
from uff_host.virtual_board.serial_port import SerialPort

# ---- wire ----


def frame(x: int, y: int, width: int, height: int, pixel: int = 0xFFFF) -> bytes:
    head = struct.pack("<BHHHH", ord("F"), x, y, width, height)
    return head + struct.pack("<H", pixel) * width * height


def test_each_packet_is_what_the_device_meant() -> None:
    assert wire.decode(b"\0") == wire.Hello()
    assert wire.decode(b"L\x02\x01") == wire.Led(2, True)
    assert wire.decode(b"B\x07") == wire.Button(7)
    assert wire.decode(b"R\x07\x38\x02\x0d") == wire.Read(7, 0x38, 2, 13)
    assert wire.decode(b"W\x07\x38\x86\0") == wire.Write(7, 0x38, 0x86, b"\0")
    assert wire.decode(struct.pack("<cq", b"T", -5)) == wire.Clock(-5)
    assert wire.decode(struct.pack("<cq", b"N", 1 << 40)) == wire.Now(1 << 40)
    assert wire.decode(b"A\x07\x38") == wire.Probe(7, 0x38)
    assert wire.decode(b"Z") == wire.TouchReset()
    packet = wire.decode(frame(3, 4, 2, 5))
    assert isinstance(packet, wire.Frame)
    assert (packet.x, packet.y, packet.width, packet.height, len(packet.pixels)) == (
        3,
        4,
        2,
        5,
        20,
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"?", b"L", b"L\0\0\0", b"B", b"R\0", b"T\0", b"\0\0", frame(0, 0, 2, 2)[:-1], b"F" * 8],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(DeviceError, match="no packet"):
        wire.decode(data)


def test_an_answer_names_its_question_and_has_one_length() -> None:
    for data in (b"", b"\x01", bytes(62)):
        answer = wire.answer(9, data, 5)
        assert len(answer) == wire.ANSWER_BYTES
        assert answer[:2] == b"\x09\x05"
        assert answer[2 : 2 + len(data)] == data


# ---- framebuffer ----


def test_a_frame_outside_the_screen_is_refused() -> None:
    framebuffer = Framebuffer(80, 48)
    packet = wire.decode(frame(79, 0, 2, 1))
    assert isinstance(packet, wire.Frame)
    with pytest.raises(DeviceError, match=r"2x1 at \(79, 0\) lies outside the screen of 80x48"):
        framebuffer.put(packet)


def test_a_picture_of_the_screen_has_its_colours(tmp_path: Path) -> None:
    framebuffer = Framebuffer(80, 48)
    for x, pixel in enumerate((0xF800, 0x07E0, 0x001F, 0xFFFF)):
        packet = wire.decode(frame(x, 7, 1, 1, pixel))
        assert isinstance(packet, wire.Frame)
        assert framebuffer.put(packet) == (x, 7, 1, 1)
    framebuffer.write_png(tmp_path / "screen.png")
    picture = np.asarray(Image.open(tmp_path / "screen.png").convert("RGB"))
    assert picture.shape == (48, 80, 3)
    assert picture[7, :5].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3, [0] * 3]


rectangles = st.builds(
    Rectangle, st.integers(0, 700), st.integers(0, 400), st.integers(1, 100), st.integers(1, 80)
)


@given(st.lists(rectangles, min_size=1, max_size=30))
def test_all_that_changed_stays_dirty_in_few_rectangles(parts: list[Rectangle]) -> None:
    dirty, changed, covered = DirtyRegion(), np.zeros((480, 800), bool), np.zeros((480, 800), bool)
    for part in parts:
        dirty.add(part)
        changed[part.y : part.y + part.height, part.x : part.x + part.width] = True
    taken = list(dirty.take())
    assert len(taken) <= DirtyRegion.LIMIT
    assert not dirty
    for part in taken:
        covered[part.y : part.y + part.height, part.x : part.x + part.width] = True
    assert (covered >= changed).all()


def test_far_apart_changes_do_not_dirty_what_is_between() -> None:
    dirty = DirtyRegion()
    dirty.add(Rectangle(0, 0, 10, 10))
    dirty.add(Rectangle(700, 400, 10, 10))
    dirty.add(Rectangle(5, 0, 10, 10))
    assert sorted(dirty.take()) == [(0, 0, 15, 10), (700, 400, 10, 10)]


# ---- hardware ----


def test_leds_button_and_what_is_not_there() -> None:
    hardware = Hardware(800, 480)
    assert hardware.take(wire.Led(3, True)) is None
    assert hardware.leds == [False, False, False, True]
    with pytest.raises(DeviceError, match="no LED 4"):
        hardware.take(wire.Led(4, True))
    assert hardware.take(wire.Button(5)) == wire.answer(5, b"\0")
    hardware.button = True
    assert hardware.take(wire.Button(6)) == wire.answer(6, b"\1")
    hardware.reset()
    assert hardware.leds == [False] * 4


def test_another_address_answers_with_no_such_device() -> None:
    answer = Hardware(800, 480).take(wire.Read(1, 0x2A, 0xA8, 1))
    assert answer is not None
    assert answer[1] == 19


def test_the_touch_controller_of_a_bench_is_asked_for_and_reset() -> None:
    hardware = Hardware(800, 480)
    assert hardware.take(wire.Probe(3, 0x38)) == wire.answer(3)
    assert hardware.take(wire.Probe(4, 0x2A)) == wire.answer(4, status=19)
    hardware.take(wire.Write(5, 0x38, 0x86, b"\0"))
    assert hardware.take(wire.TouchReset()) is None
    assert hardware.touch.registers[0x86] == 1
    hardware.touch.dead = True
    assert hardware.take(wire.Probe(6, 0x38)) == wire.answer(6, status=19)


def test_scans_follow_the_time_that_a_bench_tells() -> None:
    """Reads within 10 ms of its time see one scan, however long they take here."""
    hardware = Hardware(800, 480, own_time=True)
    hardware.touch.registers[0x86] = 0
    for ms in (10, 12, 14, 20, 29, 30):
        hardware.take(wire.Now(1000 * ms))
        hardware.take(wire.Read(1, 0x38, 2, 13))
    assert hardware.touch.scans == 3


def test_a_batch_of_moves_is_spread_over_the_time_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hardware, now = Hardware(800, 480), 100.0
    monkeypatch.setattr(
        "uff_host.virtual_board.hardware.time", SimpleNamespace(monotonic=lambda: now)
    )

    def seen() -> tuple[int, int] | None:
        nonlocal now
        now += 0.010
        answer = hardware.take(wire.Read(1, 0x38, 2, 7))
        assert answer is not None
        data = answer[2:]
        if not data[0]:
            return None
        return (data[3] & 15) << 8 | data[4], 479 - ((data[1] & 15) << 8 | data[2])

    hardware.take(wire.Write(1, 0x38, 0x86, b"\0"))  # no slow scanning
    seen()  # all ones, as after power-on
    hardware.move_fingers([Move(0, "press", 10, 20, 5000.0)])
    assert [seen(), seen()] == [(10, 20), (10, 20)]
    hardware.move_fingers([Move(0, "move", 10 + x, 20, 5000.0 + x) for x in (0, 10, 20)])
    hardware.move_fingers([Move(0, "lift", 0, 0, 5020.0)])
    assert [seen(), seen(), seen()] == [(20, 20), (30, 20), None]


class Finger:
    """A hardware whose clock stands still, and a device that looks every 10 ms."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr("uff_host.virtual_board.hardware.time", clock)
        self.hardware = Hardware(800, 480)
        self.hardware.take(wire.Write(1, 0x38, 0x86, b"\0"))  # no slow scanning
        self.look()  # all ones, as after power-on

    def look(self, after_ms: float = 10) -> list[tuple[int, int]]:
        """Where fingers touch."""
        self.now += after_ms / 1e3
        answer = self.hardware.take(wire.Read(1, 0x38, 2, 13))
        assert answer is not None
        touches = answer[2:]
        found = []
        for at in (1, 7):
            if touches[at] >> 6 in (0, 2) and touches[at + 2] >> 4 != 15 and touches[0]:
                x = (touches[at + 2] & 15) << 8 | touches[at + 3]
                found.append((x, 479 - ((touches[at] & 15) << 8 | touches[at + 1])))
        return found[: touches[0]]

    def waiting(self) -> int:
        """All that is yet to be done."""
        queues = self.hardware._queues.values()
        return sum(map(len, queues)) + len(self.hardware.touch._waiting)


def test_moves_that_come_too_fast_join_and_the_last_one_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finger = Finger(monkeypatch)
    finger.hardware.move_fingers([Move(0, "press", 10, 20, 0.0)])
    for number in range(28000):
        finger.hardware.move_fingers([Move(0, "move", 10 + number % 700, 20, number * 25.0)])
        assert finger.waiting() < 30
    finger.hardware.move_fingers([Move(0, "lift", 0, 0, 0.0)])
    # Another finger waits for that lift, not for all that.
    finger.hardware.move_fingers([Move(1, "press", 400, 300, 0.0)])
    seen = [finger.look() for _ in range(6)]
    assert seen[0] == seen[1] == [(10 + 27999 % 700, 20)]
    assert seen[-1] == [(400, 300)]


def test_two_fingers_do_not_make_one_another_late(monkeypatch: pytest.MonkeyPatch) -> None:
    finger = Finger(monkeypatch)
    for number in (0, 1):
        finger.hardware.move_fingers([Move(number, "press", 10, 100 + number, 0.0)])
    # A browser that paints every 16 ms tells of each finger's moves of those.
    for frame in range(100):
        for number in (0, 1):
            moves = [
                Move(number, "move", 10 + frame, 100 + number, 16.0 * frame + at)
                for at in (0, 8, 16)
            ]
            finger.hardware.move_fingers(moves)
        touches = finger.look(16)
    assert touches[0][0] >= 10 + 97
    assert touches[1][0] >= 10 + 97


def test_a_lift_waits_until_a_scan_has_seen_where_it_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finger = Finger(monkeypatch)
    finger.hardware.move_fingers([Move(0, "press", 10, 20, 0.0)])
    assert [finger.look(), finger.look()] == [[(10, 20)]] * 2
    finger.look(1)
    finger.hardware.move_fingers([Move(0, "move", 90, 20, 0.0)])
    finger.look(1)  # taken, and not yet scanned
    finger.hardware.move_fingers([Move(0, "lift", 0, 0, 0.0)])
    assert [finger.look(), finger.look()] == [[(90, 20)], []]


def test_a_hand_that_goes_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    finger = Finger(monkeypatch)
    finger.hardware.move_fingers([Move(0, "press", 10, 20, 0.0), Move(5, "press", 300, 300, 0.0)])
    assert [finger.look() for _ in range(2)] == [[(10, 20), (300, 300)]] * 2
    for _ in range(5):
        finger.hardware.move_fingers([Move(0, doing, 50, 60, 0.0) for doing in ("lift", "press")])
    assert finger.hardware.presses({0, 1}) == 5
    finger.hardware.let_go({0, 1})
    assert finger.hardware.presses({0, 1}) == 0
    seen = [finger.look() for _ in range(5)]
    assert seen[-1] == [(300, 300)]
    assert not any((50, 60) in touches for touches in seen)


def test_what_nobody_looked_at_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    finger = Finger(monkeypatch)
    finger.hardware.move_fingers([Move(0, "press", 300, 300, 0.0)])
    for _ in range(4):  # taps
        finger.hardware.move_fingers([Move(1, doing, 50, 60, 0.0) for doing in ("press", "lift")])
    assert finger.look(6000) == [(300, 300)]  # the finger that still rests there
    assert [finger.look() for _ in range(4)] == [[(300, 300)]] * 4
    # A moment without a look loses no tap.
    finger.hardware.move_fingers([Move(1, doing, 50, 60, 0.0) for doing in ("press", "lift")])
    assert (50, 60) in finger.look(900)


def test_a_reset_forgets_taps_and_keeps_fingers(monkeypatch: pytest.MonkeyPatch) -> None:
    finger = Finger(monkeypatch)
    finger.hardware.move_fingers([Move(0, "press", 300, 300, 0.0), Move(0, "move", 310, 300, 5.0)])
    for _ in range(4):
        finger.hardware.move_fingers([Move(1, doing, 50, 60, 0.0) for doing in ("press", "lift")])
    finger.hardware.reset()
    assert finger.waiting() == 0
    finger.look()  # all ones
    assert [finger.look() for _ in range(4)] == [[(310, 300)]] * 4


def test_fingers_that_are_up_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    finger = Finger(monkeypatch)
    for number in range(1000):
        finger.hardware.move_fingers(
            [Move(number, doing, 5, 6, 0.0) for doing in ("press", "lift")]
        )
        while finger.waiting():
            finger.look()
    for _ in range(4):
        finger.look()
    assert len(finger.hardware.touch._fingers) == len(finger.hardware._queues) == 0


# ---- messages ----


def test_messages_are_what_pages_say() -> None:
    assert messages.read('{"drawn": 4}') == messages.Drawn(4)
    assert messages.read('{"printed": 0}') == messages.Printed(0)
    assert messages.read('{"keys": "µ\\u0003"}') == messages.Keys("µ\x03")
    assert messages.read('{"button": true}') == messages.Button(True)
    assert messages.read('{"reset": true}') == messages.Reset()
    touch = messages.read('{"touch": [[-7, "lift", 1, 2.5, 1e9]], "stamp": 4294967295}')
    assert touch == messages.Touch((messages.Pointer(-7, "lift", 1.0, 2.5, 1e9),), 4294967295)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_what_no_page_says_is_refused(text: str) -> None:
    with pytest.raises(messages.MessageError):
        messages.read(text)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(["drawn", "printed", "touch", "stamp", "keys", "button", "reset"])


@given(st.dictionaries(KEYS, anything, max_size=3) | anything)
def test_whatever_comes_is_a_message_or_refused(message: Any) -> None:
    with contextlib.suppress(messages.MessageError):
        messages.read(json.dumps(message))


# ---- statistics ----


def test_latency_is_from_a_touch_to_the_frame_that_shows_it() -> None:
    now = 0.0
    statistics = LatencyStatistics(lambda: now)
    assert statistics.latency() is None
    assert statistics.touch(100, 100)
    now = 0.004
    assert not statistics.frame(Rectangle(300, 100, 20, 20))  # something else
    assert not statistics.touch(110, 100)  # the first of the two waits
    now = 0.010
    assert statistics.frame(Rectangle(90, 95, 20, 20))
    assert not statistics.frame(Rectangle(90, 95, 20, 20))
    assert statistics.latency() == Latency(1, 10.0, 10.0)
    statistics.touch(5, 5)
    now = 1.0
    assert not statistics.frame(Rectangle(0, 0, 800, 480))  # nobody waits that long
    assert statistics.frames == 4
    for y in range(0, 480, 40):  # the whole screen, in bands
        statistics.frame(Rectangle(0, y, 800, 40))
    assert statistics.frames == 5
    assert statistics.frames_per_second() == 5


def test_median_and_95_percent() -> None:
    latency = Latency.of([number / 1000 for number in range(1, 101)])
    assert latency is not None
    assert latency.median_ms == pytest.approx(50.5)
    assert latency.p95_ms == pytest.approx(95)
    assert latency.sentence() == (
        "Touch to frame: median 50.5 ms, 95 % within 95.0 ms (100 touches)."
    )


# ---- serial port ----


def test_a_port_that_nobody_reads_holds_up_nobody_and_forgets() -> None:
    async def work() -> None:
        rooms = 0

        def room() -> None:
            nonlocal rooms
            rooms += 1

        port = SerialPort(lambda data: True, room)
        try:
            full = False
            for number in range(100):
                full = not port.write(b"%06d" % number * 200) or full
            assert full  # for as long as somebody might be slow
            assert await patience.until_async(lambda: rooms, 10)
            assert rooms == 1
            assert port.write(bytes(1 << 20))  # lost, at once
            reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                received = b""

                def read() -> bytes:
                    nonlocal received
                    with contextlib.suppress(BlockingIOError):
                        received += os.read(reader, 1 << 16)
                    return received

                while not read().endswith(b"now"):  # who empties it of what is old is seen
                    port.write(b"now")
                    await asyncio.sleep(0.02)
                assert len(received) < 1 << 17
            finally:
                os.close(reader)
        finally:
            port.close()

    asyncio.run(work())


def test_a_reader_who_takes_byte_after_byte_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serial_port, "PATIENCE_S", 0.1)

    async def work() -> bytes:
        port = SerialPort(lambda data: True, lambda: None)
        reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        received = b""
        try:
            port.write(bytes(range(256)) * 100)
            for _ in range(100):  # as mpremote reads, on a busy machine
                await asyncio.sleep(0.02)
                received += os.read(reader, 1)
            while len(received) < 25600:
                with contextlib.suppress(BlockingIOError):
                    received += os.read(reader, 8192)
                await asyncio.sleep(0.001)
        finally:
            os.close(reader)
            port.close()
        return received

    received = asyncio.run(asyncio.wait_for(work(), 120))
    assert received == bytes(range(256)) * 100


def test_a_slow_reader_of_the_port_gets_all() -> None:
    async def work() -> bytes:
        emptied = asyncio.Event()
        port = SerialPort(lambda data: True, emptied.set)
        reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        received, sent = b"", 0
        try:
            while len(received) < 300000:
                room = True
                while room and sent < 300000:
                    room = port.write(b"%09d\n" % sent * 100)
                    sent += 1000
                await asyncio.sleep(0.001)
                try:
                    received += os.read(reader, 8192)
                except BlockingIOError:
                    continue
            assert emptied.is_set()
        finally:
            os.close(reader)
            port.close()
        return received

    received = asyncio.run(work())
    assert received.split()[::100] == [b"%09d" % number for number in range(0, 300000, 1000)]


# ---- arguments ----


def test_arguments_that_make_no_sense_are_refused() -> None:
    assert board.screen_size("480x272") == (480, 272)
    for text in ("800", "480x800", "4000x480", "10x10", "ax3"):
        with pytest.raises(argparse.ArgumentTypeError):
            board.screen_size(text)
    for text in ("0", "70000", "-1", "x"):
        with pytest.raises(argparse.ArgumentTypeError):
            board.port_number(text)
    for text in ("", "12 M", "-5M", "lots"):
        with pytest.raises(argparse.ArgumentTypeError):
            board.heap_size(text)


# ---- the device's side ----


def test_the_checkout_cannot_be_changed_by_the_board(run_device: Run, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.py").write_text("value = 42\n")
    script = tmp_path / "try.py"
    script.write_text(
        f"""
import os, sys, vfs
sys.path.append({str(DEVICE / "virtual_board")!r})
from folders import ReadOnly
vfs.mount(ReadOnly({str(tmp_path / "kept")!r}), "/checkout")
sys.path.append("/checkout")
import a
print(a.value, os.listdir("/checkout"), os.stat("/checkout/a.py")[6])
for name, work in (
    ("write", lambda: open("/checkout/a.py", "w")),
    ("append", lambda: open("/checkout/a.py", "ab")),
    ("update", lambda: open("/checkout/a.py", "r+b")),
    ("remove", lambda: os.remove("/checkout/a.py")),
    ("rename", lambda: os.rename("/checkout/a.py", "/checkout/b.py")),
    ("mkdir", lambda: os.mkdir("/checkout/new")),
    ("rmdir", lambda: os.rmdir("/checkout")),
):
    try:
        work()
        print(name, "done")
    except OSError as error:
        print(name, error.errno)
"""
    )
    done = run_device(script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == ["42 ['a.py'] 11"] + [
        f"{name} 30"
        for name in ("write", "append", "update", "remove", "rename", "mkdir", "rmdir")
    ]
    assert (tmp_path / "kept" / "a.py").read_text() == "value = 42\n"


def test_without_a_screen_the_board_is_headless(run_device: Run, tmp_path: Path) -> None:
    script = tmp_path / "here.py"
    script.write_text(
        "import boards\n"
        "from boards.headless import MemoryDisplay\n"
        "board = boards.here()\n"
        "print(board.name, board.display, board.touch, board.leds, board.button(), board.folder)\n"
        "print(boards.here() is board, len(board.arena()(5)), board.arena.keep())\n"
        "display = MemoryDisplay(480, 272)\n"
        "display.framebuf.pixel(479, 271, 0x1234)\n"
        "display.show(0, 0, 480, 272)\n"
        "print(display.buffer[-2:], display.shown)\n"
    )
    done = run_device(script, tmp_path)
    assert done.stdout.splitlines() == [
        "unix None None () False ",
        "True 5 None",
        "bytearray(b'4\\x12') 1",
    ], done.stderr


def test_a_plain_unix_port_keeps_its_own_console(micropython: Path, tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("Ada\n")
    with (tmp_path / "typed").open() as typed:
        command = [micropython, "-c", "print(input('name? '))"]
        done = patience.run(command, 20, check=True, cwd=tmp_path, stdin=typed)
    assert done.stdout.replace("\r", "").endswith("Ada\nAda\n")
