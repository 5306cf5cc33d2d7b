"""The image of the STM32H747I-DISCO with a panel and a touch controller on the firmware bench:
what it shows, what a finger does, buttons and lights. All in the board's own time.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from board import Board, open_page
from firmware_bench.bench_board import BenchBoard
from firmware_bench.image import needs_image

from uff_host.cli import main
from uff_host.formats.touch_recording import TouchRecording, write_recording
from uff_host.handwriting import Writer
from uff_host.handwriting.composer import Composer, Layout
from uff_host.handwriting.lesson import layout_of
from uff_host.targets.unix import UnixTarget

DRAW = "draw on the screen. Ctrl-C ends it."
RunDevice = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def layout(micropython: Path) -> Iterator[Layout]:
    with UnixTarget(micropython) as unix:
        yield layout_of(unix)


def application(image: Path, panel: str = "nt35510") -> BenchBoard:
    """A board that has started, with the application on its screen."""
    board = BenchBoard(image, panel=panel)
    board.expect(DRAW)
    board.settle()
    return board


def pixels(board: BenchBoard) -> bytes:
    """What is on the screen, RGB565."""
    return board.hardware.framebuffer.bytes_of(board.hardware.framebuffer.whole)


def on_unix(run_device: RunDevice, recording: TouchRecording, folder: Path) -> bytes:
    """The pixels that the unix port comes to by the same touches; its files are in the folder."""
    write_recording(folder / "recording.ufft", recording)
    done = run_device(Path(__file__).parents[1] / "device/draw_recording.py", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "screen.bin").read_bytes()


def same(one: bytes, other: bytes) -> None:
    """Two screens are equal; else the message says where not."""
    a, b = (np.frombuffer(data, "<u2").reshape(480, 800) for data in (one, other))
    rows, columns = np.nonzero(a != b)
    assert not len(rows), (
        f"{len(rows)} pixels differ, columns {columns.min()} to {columns.max()}, "
        f"rows {rows.min()} to {rows.max()}"
    )


def play(board: BenchBoard, recording: TouchRecording) -> None:
    board.touches((one.event, one.x, one.y) for one in recording.reports)


@needs_image
@pytest.mark.slow
def test_three_digits_are_drawn_learnt_and_recognised_as_on_unix(
    image: Path, layout: Layout, run_device: RunDevice, tmp_path: Path
) -> None:
    """Screen, samples and model, byte for byte; no rule broken in more than a hundred frames."""
    composer = Composer(layout, Writer(4))
    for digit in "123":
        composer.teach(digit)
    composer.draw("2")
    with application(image) as board:
        empty = composer.recording()
        same(pixels(board), on_unix(run_device, TouchRecording(800, 480, []), tmp_path))
        lit = False

        def led(old: Callable[[], None] = board.hardware.on_leds) -> None:
            nonlocal lit
            lit = lit or board.hardware.leds[0]

        board.hardware.on_leds = led
        play(board, empty)
        assert lit  # while it learnt
        assert not any(board.hardware.leds)
        same(pixels(board), on_unix(run_device, empty, tmp_path))
        assert len(board.parts) > 100
        for name in ("drawings.uffs", "drawings.uffm"):
            printed = board.run(f"print(open('/flash/{name}', 'rb').read().hex())")
            assert bytes.fromhex(printed.strip()) == (tmp_path / name).read_bytes(), name
    assert board.violations == []


@needs_image
@pytest.mark.slow
def test_the_other_panel_faults_of_its_touch_and_the_reset_button(
    image: Path, layout: Layout, run_device: RunDevice, tmp_path: Path
) -> None:
    """An OTM8009A. The controller fails in many ways before and in a stroke, and the drawing is
    that of a finger without faults; it is kept when the reset button is pressed.
    """
    composer = Composer(layout, Writer(7))
    composer.teach("2")
    recording = composer.recording()
    with application(image, panel="otm8009a") as board:
        touch = board.hardware.touch

        def fail(*faults: str) -> None:
            for fault in faults:
                touch.inject(fault, 1, 790, 240)
            board.until(lambda: not touch.faults_left(), "the end of the faults")

        fail("nack", "ones", "count", "no id", "origin", "ghost", "vanish")
        board.settle()
        some = len(recording.reports) // 3
        board.touches((one.event, one.x, one.y) for one in recording.reports[:some])
        fail("nack", "ones", "count", "origin", "leap", "nack")  # in the middle of a stroke
        board.touches((one.event, one.x, one.y) for one in recording.reports[some:])
        shown = pixels(board)
        same(shown, on_unix(run_device, recording, tmp_path))
        board.press_reset()
        board.expect(DRAW)
        board.settle()
        assert board.hardware.leds == [False] * 4
        kept = "print(open('/flash/drawings.uffs', 'rb').read().hex())"
        assert bytes.fromhex(board.run(kept)) == (tmp_path / "drawings.uffs").read_bytes()
    assert board.violations == []


@needs_image
@pytest.mark.slow
def test_a_panel_or_touch_controller_that_is_not_there_is_reported(image: Path) -> None:
    with BenchBoard(image, panel="none") as board:
        output = board.expect(">>> ")
        assert "No screen: no panel answered on DSI (is the display board plugged in?)" in output
        assert "there is no screen, so this is the REPL" in output
        assert board.parts == []
        assert not board.violations
    with BenchBoard(image, touch=False) as board:
        output = board.expect(">>> ")
        assert "No touch panel: touch: no controller answers at 0x2A or 0x38" in output
        assert board.parts != []  # a black screen, lit
        assert not board.violations


@needs_image
@pytest.mark.slow
def test_the_button_at_reset_chooses_what_the_lights_show(image: Path) -> None:
    """The user button is held through a reset. At the third choice (lights 2 and 3) it is let go:
    a new file system. Held for good, it is the REPL.
    """
    with BenchBoard(image, panel="none") as board:
        board.expect(">>> ")
        assert board.run("open('a.txt', 'w').write('x'); import os; print(os.listdir())") != ""
        board.hardware.button = True
        board.press_reset()
        board.until(lambda: board.hardware.leds == [False, True, True, False], "the third choice")
        board.hardware.button = False
        board.output = ""
        assert "A new file system is made in /flash, as the button asked." in board.expect(">>> ")
        assert "[]" in board.run("import os; print(os.listdir())")
        assert not board.violations


UNCLEAN = """
import lcd, machine
lcd.init()
pixels = lcd.framebuffer()
def frame():
    machine.mem32[0x50000404] = 0  # WCR: the wrapper is off while the LTDC is set up
    machine.mem32[0x50000410] = 2
    machine.mem32[0x50001018] |= 1
    machine.mem32[0x50000404] = 8
    machine.mem32[0x50000404] = 12
    while not machine.mem32[0x5000040c] & 2:
        pass
    machine.mem32[0x50000404] = 0
    machine.mem32[0x50001018] &= ~1
    machine.mem32[0x50000404] = 8
frame()
print("one")
pixels[2 * (800 * 100 + 40)] = 255
frame()
print("two")
lcd.show(40, 100, 1, 1)
"""


@needs_image
@pytest.mark.slow
def test_pixels_that_were_not_cleaned_from_the_cache_are_a_violation(image: Path) -> None:
    """The same frame by hand: once as it was cleaned, once with a pixel changed."""
    with BenchBoard(image, "--report", touch=False) as board:
        board.expect(">>> ")
        assert board.run(UNCLEAN) == "one\r\ntwo\r\n"
        place = 40, 100
        assert board.hardware.framebuffer.pixel(*place) == 255  # by show(), after all
        (message,) = board.violations
        address = 0xD1E00000 + 2 * (800 * 100 + 40) & ~31
        wanted = f"the LTDC reads 0x{address:08x}, which was written and not cleaned"
        assert wanted in message
    assert any("framebuffer: in the data cache, write-back" in line for line in board.end())


BOOT_S = 200.0  # of computing, with room


@needs_image
@pytest.mark.slow
def test_uff_board_shows_the_image_behind_the_page(image: Path, tmp_path: Path) -> None:
    """A finger draws on the page, the button trains, reset starts anew; mpremote on the pty."""
    folder = tmp_path / "kept"
    board = Board(tmp_path, "--firmware", str(image), "--folder", str(folder))

    async def look() -> None:
        async with open_page(board, BOOT_S) as page:
            await page.until(lambda: DRAW in page.text, BOOT_S)
            assert page.state["hello"]["folder"] == str(folder / "flash")
            paper = int(page.pixels[380, 60])
            await page.touch((1, "press", 60, 380), (1, "move", 90, 380))
            await page.until(lambda: int(page.pixels[380, 60]) != paper, 60)
            await page.touch((1, "lift", 90, 380))
            await page.say(button=True)
            await page.until(lambda: page.state.get("button") is True, 20)
            await page.say(button=False)
            before = page.text
            await page.say(reset=True)
            await page.until(lambda: DRAW in page.text[len(before) :], BOOT_S)

    try:
        asyncio.run(look())
        assert board.mpremote("exec", "print(6 * 7)").split()[-1] == "42"
    finally:
        output = board.end()
    assert "The board is off." in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--firmware", "x.elf", "--size", "480x272"], "--size does not go with --firmware"),
        (["--firmware", "x.elf", "--heap", "1M"], "--heap does not go with --firmware"),
        (["--panel", "none"], "--panel goes with --firmware alone"),
    ],
)
def test_what_a_bench_cannot_have_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["board", "--no-open", *arguments]) != 0
    assert message in capsys.readouterr().err
