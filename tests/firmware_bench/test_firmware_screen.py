"""The image of the STM32H747I-DISCO with a panel and a touch controller on the firmware bench:
what it shows, what a finger does, buttons and lights. All in the board's own time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from firmware_bench.bench_board import BenchBoard
from firmware_bench.image import needs_image

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


def application(image: Path, *options: str) -> BenchBoard:
    """A board that has started, with the application on its screen."""
    board = BenchBoard(image, *options)
    board.hears(DRAW)
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
    """Two screens are equal; else it is said where not."""
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
