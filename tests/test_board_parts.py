"""The virtual board's parts, without processes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import struct
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import DEVICE, Run
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from uff_host.board import command, wire
from uff_host.board.glass import Dirt, Glass, Rectangle
from uff_host.board.hardware import Hardware, Move
from uff_host.board.meter import Latency, Meter
from uff_host.board.serial_port import SerialPort
from uff_host.errors import DeviceError

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


# ---- glass ----


def test_a_frame_outside_the_screen_is_refused() -> None:
    glass = Glass(80, 48)
    packet = wire.decode(frame(79, 0, 2, 1))
    assert isinstance(packet, wire.Frame)
    with pytest.raises(DeviceError, match=r"2x1 at \(79, 0\) lies outside the screen of 80x48"):
        glass.put(packet)


def test_a_picture_of_the_screen_has_its_colours(tmp_path: Path) -> None:
    glass = Glass(80, 48)
    for x, pixel in enumerate((0xF800, 0x07E0, 0x001F, 0xFFFF)):
        packet = wire.decode(frame(x, 7, 1, 1, pixel))
        assert isinstance(packet, wire.Frame)
        assert glass.put(packet) == (x, 7, 1, 1)
    glass.write_png(tmp_path / "screen.png")
    picture = np.asarray(Image.open(tmp_path / "screen.png"))
    assert picture.shape == (48, 80, 3)
    assert picture[7, :5].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3, [0] * 3]


rectangles = st.builds(
    Rectangle, st.integers(0, 700), st.integers(0, 400), st.integers(1, 100), st.integers(1, 80)
)


@given(st.lists(rectangles, min_size=1, max_size=30))
def test_all_that_changed_stays_dirty_in_few_rectangles(parts: list[Rectangle]) -> None:
    dirt, changed, told = Dirt(), np.zeros((480, 800), bool), np.zeros((480, 800), bool)
    for part in parts:
        dirt.add(part)
        changed[part.y : part.y + part.height, part.x : part.x + part.width] = True
    taken = list(dirt.take())
    assert len(taken) <= Dirt.LIMIT
    assert not dirt
    for part in taken:
        told[part.y : part.y + part.height, part.x : part.x + part.width] = True
    assert (told >= changed).all()


def test_far_apart_changes_do_not_dirty_what_is_between() -> None:
    dirt = Dirt()
    dirt.add(Rectangle(0, 0, 10, 10))
    dirt.add(Rectangle(700, 400, 10, 10))
    dirt.add(Rectangle(5, 0, 10, 10))
    assert sorted(dirt.take()) == [(0, 0, 15, 10), (700, 400, 10, 10)]


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


def test_a_batch_of_moves_is_spread_over_the_time_it_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hardware, now = Hardware(800, 480), 100.0
    monkeypatch.setattr("uff_host.board.hardware.time", SimpleNamespace(monotonic=lambda: now))

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
    hardware.hand([Move(0, "press", 10, 20, 5000.0)])
    assert [seen(), seen()] == [(10, 20), (10, 20)]
    hardware.hand([Move(0, "move", 10 + x, 20, 5000.0 + x) for x in (0, 10, 20)])
    hardware.hand([Move(0, "lift", 0, 0, 5020.0)])
    assert [seen(), seen(), seen()] == [(20, 20), (30, 20), None]


# ---- meter ----


def test_latency_is_from_a_touch_to_the_frame_that_shows_it() -> None:
    now = 0.0
    meter = Meter(lambda: now)
    assert meter.latency() is None
    assert meter.touch(100, 100)
    now = 0.004
    assert not meter.frame(Rectangle(300, 100, 20, 20))  # something else
    assert not meter.touch(110, 100)  # the first of the two waits
    now = 0.010
    assert meter.frame(Rectangle(90, 95, 20, 20))
    assert not meter.frame(Rectangle(90, 95, 20, 20))
    assert meter.latency() == Latency(1, 10.0, 10.0)
    meter.touch(5, 5)
    now = 1.0
    assert not meter.frame(Rectangle(0, 0, 800, 480))  # nobody waits that long
    assert meter.frames == 4
    for y in range(0, 480, 40):  # the whole screen, in bands
        meter.frame(Rectangle(0, y, 800, 40))
    assert meter.frames == 5
    assert meter.frames_per_second() == 5


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
            await asyncio.sleep(0.7)
            assert rooms == 1
            assert port.write(bytes(1 << 20))  # lost, at once
            reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                with contextlib.suppress(BlockingIOError):
                    while os.read(reader, 1 << 16):  # what is old
                        await asyncio.sleep(0.02)
                port.write(b"now")
                await asyncio.sleep(0.05)
                assert os.read(reader, 1 << 16) == b"now"
            finally:
                os.close(reader)
        finally:
            port.close()

    asyncio.run(work())


def test_a_slow_reader_of_the_port_gets_all() -> None:
    async def work() -> bytes:
        told = asyncio.Event()
        port = SerialPort(lambda data: True, told.set)
        reader = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        heard, sent = b"", 0
        try:
            while len(heard) < 300000:
                room = True
                while room and sent < 300000:
                    room = port.write(b"%09d\n" % sent * 100)
                    sent += 1000
                await asyncio.sleep(0.001)
                try:
                    heard += os.read(reader, 8192)
                except BlockingIOError:
                    continue
            assert told.is_set()
        finally:
            os.close(reader)
            port.close()
        return heard

    heard = asyncio.run(work())
    assert heard.split()[::100] == [b"%09d" % number for number in range(0, 300000, 1000)]


# ---- arguments ----


def test_arguments_that_make_no_sense_are_refused() -> None:
    assert command.screen_size("480x272") == (480, 272)
    for text in ("800", "480x800", "4000x480", "10x10", "ax3"):
        with pytest.raises(argparse.ArgumentTypeError):
            command.screen_size(text)
    for text in ("0", "70000", "-1", "x"):
        with pytest.raises(argparse.ArgumentTypeError):
            command.port_number(text)
    for text in ("", "12 M", "-5M", "lots"):
        with pytest.raises(argparse.ArgumentTypeError):
            command.heap_size(text)


# ---- the device's side ----


def test_the_checkout_cannot_be_changed_by_the_board(run_device: Run, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.py").write_text("value = 42\n")
    script = tmp_path / "try.py"
    script.write_text(
        f"""
import os, sys, vfs
sys.path.append({str(DEVICE / "boards")!r})
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
    done = subprocess.run(
        [str(micropython), "-c", "print(input('name? '))"],
        input="Ada\n",
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.replace("\r", "").endswith("Ada\nAda\n")
