"""The scripts of the capture application on a virtual board, over its serial port: a person's
touches are recorded there, and replayed here and there they come to the same files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from board import Board, Serial, open_page
from conftest import DEVICE

from uff_host import patience
from uff_host.cli import main
from uff_host.errors import DeviceError, FormatError
from uff_host.formats.samples import read_samples
from uff_host.formats.touch_recording import read_recording, write_recording
from uff_host.handwriting import Drawing, Field, Writer
from uff_host.handwriting.composer import Layout, lesson
from uff_host.handwriting.lesson import MODEL, SAMPLES, layout_of, replay
from uff_host.targets.serial import SerialTarget
from uff_host.targets.unix import UnixTarget

SCRIPTS = DEVICE / "scripts"


@pytest.fixture(scope="module")
def board(micropython: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    one = Board(tmp_path_factory.mktemp("board"))
    yield one
    one.end()


@pytest.fixture(scope="module")
def unix(micropython: Path) -> Iterator[UnixTarget]:
    with UnixTarget(micropython) as target:
        yield target


@pytest.fixture(scope="module")
def layout(unix: UnixTarget) -> Layout:
    return layout_of(unix)


def forget_job(board: Board) -> None:
    (board.folder / "job.json").unlink(missing_ok=True)


def test_each_script_runs_alone_by_mpremote(board: Board) -> None:
    forget_job(board)
    output = board.mpremote("soft-reset", "run", str(SCRIPTS / "dev" / "layout.py"))
    assert "A screen of 800 x 480" in output
    assert "train" in output
    (board.folder / "drawings.uffm").unlink(missing_ok=True)
    output = board.mpremote("soft-reset", "run", str(SCRIPTS / "predict.py"), check=False)
    assert "predict: there is no network for these drawings; draw and train first" in output


def test_a_session_comes_to_the_same_files_on_the_board(
    board: Board, unix: UnixTarget, layout: Layout, tmp_path: Path
) -> None:
    path = tmp_path / "x.ufft"
    write_recording(path, lesson(layout, Writer(3), "124", 3, 2)[0])
    here = replay(unix, path)
    with SerialTarget(board.port) as target:
        assert layout_of(target) == layout
        with pytest.raises(DeviceError, match="none of"):
            target.run("dev/layout.py", {"hidden": 5})
        assert not (board.folder / "job.json").exists()
    arguments = ["replay", str(path), "--on", board.port, "--json", str(tmp_path / "x.json")]
    assert main.main([*arguments, "--model", str(tmp_path / "x.uffm")]) == 0
    there = json.loads((tmp_path / "x.json").read_text())
    hashes = "samples_sha256", "model_sha256"
    for key in ("counts", "names", "predictions", "loo_accuracy", *hashes):
        assert there[key] == here[key]
    assert there["names"] == ["1", "2", "4"]
    assert not (board.folder / "job.json").exists()  # the next script has no job
    assert (tmp_path / "x.uffm").read_bytes() == (board.folder / MODEL).read_bytes()


def kept(board: Board, count: int) -> bool:
    """Whether the app has kept so many drawings."""
    try:
        return sum(read_samples(board.folder / "mine-drawings.uffs").counts()) == count
    except (OSError, FormatError):  # not yet, or not yet whole
        return False


async def show(board: Board, layout: Layout) -> None:
    """A person at the board's page, at the speed of a person: draws three digits and keeps
    them."""
    left, top, width, height = layout.rect("draw", "field", 3)
    field = Field(left + 12, top + 12, width - 24, height - 24)
    async with open_page(board) as page:

        async def follow(drawing: Drawing) -> None:
            began, down = asyncio.get_running_loop().time(), False
            for t, x, y, pressed in drawing.pointer():
                await asyncio.sleep(began + t / 1000 - asyncio.get_running_loop().time())
                event = ("move" if down else "press") if pressed else "lift"
                await page.touch((1, event, x + 0.5, y + 0.5))
                down = pressed
            await asyncio.sleep(0.1)

        for number, digit in enumerate("123"):
            await follow(Writer(9).draw(digit, 0, field))
            x, y, wide, high = layout.rect("draw", f"class {number}", 3)
            middle = x + wide / 2, y + high / 2
            await page.touch((1, "press", *middle))
            await asyncio.sleep(0.08)
            await page.touch((1, "lift", *middle))
            assert await patience.until_async(partial(kept, board, number + 1), 20)


def test_what_a_person_does_is_recorded_and_replays_to_the_same_drawings(
    board: Board, unix: UnixTarget, layout: Layout, tmp_path: Path
) -> None:
    job = {"record": "me.ufft", "files": "mine-"}
    (board.folder / "job.json").write_text(json.dumps(job))
    with Serial(board.port) as port:
        port.prompt()
        port.send(b"\x01")
        port.until(b"CTRL-B to exit\r\n>")
        port.send((SCRIPTS / "application.py").read_bytes() + b"\x04")
        port.until(b"Draw on the screen of virtual board. Ctrl-C here ends it.")
        asyncio.run(show(board, layout))
        port.send(b"\x03")
        output = port.until(b"\x04>").decode()
        port.send(b"\x02")
    forget_job(board)
    assert "Traceback" not in output
    (line,) = (line for line in output.splitlines() if line.startswith("@result "))
    result = json.loads(line.removeprefix("@result "))
    assert result["counts"] == [1, 1, 1]
    recorded = read_recording(board.folder / "me.ufft")
    assert len(recorded.reports) == result["recorded"] > 20
    assert not (board.folder / "me.ufft.part").exists()
    again = replay(unix, board.folder / "me.ufft")
    assert again["samples_sha256"] == result["samples_sha256"]
    unix.get(SAMPLES, tmp_path / "again.uffs")
    kept = (board.folder / "mine-drawings.uffs").read_bytes()
    assert (tmp_path / "again.uffs").read_bytes() == kept
