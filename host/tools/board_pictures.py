"""Takes the documentation's pictures of the application on a virtual board.

    .venv/bin/python host/tools/board_pictures.py DIR

A made-up writer draws with a mouse in a browser, so what the pictures show has happened.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from uff_host import png
from uff_host.errors import DataError, UffError
from uff_host.handwriting import Writer
from uff_host.patience import until_async
from uff_host.virtual_board.browser_driver import PageDriver, browser
from uff_host.virtual_board.framebuffer import Rectangle
from uff_host.virtual_board.running_board import RunningBoard
from uff_host.virtual_board.server import Server

CLASSES = "123"  # what the app begins with
EACH = 5
VIEW = {"width": 1400, "height": 770}
WRITER = 4
LEARNS_S = 60.0  # as patience.py counts


async def take(out: Path, heap: str = "32M") -> list[Path]:
    """Make the pictures board_*.png in `out`; their paths in the order of the tour.

    Raises:
        DataError: There is no browser, or the page does not come.
        DeviceError: The board does not start.
    """
    made: list[Path] = []
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="uff-pictures-") as folder:
        async with RunningBoard(Path(folder), (800, 480), heap=heap) as board:
            server = Server(board)
            async with server.serve(None), browser() as chromium:
                page = await chromium.new_page(viewport=VIEW)
                driver = PageDriver(page)
                await driver.open(server.url)
                await _tour(driver, board, out, made)
    return made


async def _tour(driver: PageDriver, board: RunningBoard, out: Path, made: list[Path]) -> None:
    writer, field = Writer(WRITER), driver.field()

    def screen(name: str) -> None:
        made.append(out / f"board_{name}.png")
        board.hardware.framebuffer.write_png(made[-1])

    async def whole(name: str) -> None:
        # The address of the pty is another one each time.
        await driver.page.evaluate("document.getElementById('port').textContent = '/dev/pts/3'")
        taken = await driver.page.screenshot()
        made.append(out / f"board_{name}.png")
        png.write(Image.open(io.BytesIO(taken)), made[-1])

    screen("start")
    for number in range(EACH):
        for label, character in enumerate(CLASSES):
            await driver.draw(writer.draw(character, number, field))
            if (number, label) == (0, 0):
                screen("draw")
            await driver.tap(f"class {label}")
            if (number, label) == (0, 0):
                screen("capture")
    await _train(driver, board, out / "board_train.png")
    made.append(out / "board_train.png")
    await driver.settle()
    screen("trained")
    await driver.draw(writer.draw(CLASSES[1], EACH + 1, field))
    screen("recognise")
    await whole("page")
    await driver.tap("clear")
    await driver.draw(writer.draw(CLASSES[1], EACH + 2, field))
    await driver.tap("class 2")  # a wrong one
    await driver.tap("verdict")
    screen("check")
    await driver.tap("back", "check")
    await driver.tap("class 2")
    screen("class")
    await driver.tap("thumbnail 0", "class_page")
    screen("sample")


async def _train(driver: PageDriver, board: RunningBoard, picture: Path) -> None:
    """Press Train; of what the screen shows until it tells how well it has learnt, keep a frame
    from the middle. It all takes some hundredths of a second here, much of it to save."""
    framebuffer, verdict = board.hardware.framebuffer, Rectangle(*driver.place("verdict"))
    model = board.folder / "drawings.uffm"
    await driver.settle()
    old = model.stat().st_mtime_ns
    before, seen = framebuffer.bytes_of(verdict), [framebuffer.copy()]
    pages = board.hardware.on_frame

    def look(part: Rectangle, answers: bool) -> None:
        pages(part, answers)
        if framebuffer.bytes_of(verdict) == before:
            seen.append(framebuffer.copy())

    board.hardware.on_frame = look
    await driver.press("train")
    if not await until_async(lambda: model.stat().st_mtime_ns != old, LEARNS_S):
        raise DataError("The app has not learnt.")
    board.hardware.on_frame = pages
    seen[len(seen) // 2].write_png(picture)


def main() -> int:
    """Make the pictures in the folder that is named; say their paths."""
    if len(sys.argv) != 2:
        print("usage: board_pictures.py DIR", file=sys.stderr)
        return 2
    try:
        for path in asyncio.run(take(Path(sys.argv[1]))):
            print(path)
    except UffError as error:
        print(f"board_pictures: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
