"""Takes the documentation's pictures of the application on a virtual board.

    .venv/bin/python host/tools/board_pictures.py DIR

A made-up hand draws with a mouse in a browser, so what the pictures show has happened.
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
from uff_host.handwriting import Hand
from uff_host.patience import until_async
from uff_host.virtual_board.browser_driver import Visitor, browser
from uff_host.virtual_board.framebuffer import Rectangle
from uff_host.virtual_board.running_board import Session
from uff_host.virtual_board.server import Server

CLASSES = "123"  # what the app begins with
EACH = 5
VIEW = {"width": 1400, "height": 770}
HAND = 4
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
        async with Session(Path(folder), (800, 480), heap=heap) as session:
            server = Server(session)
            async with server.serve(None), browser() as chromium:
                page = await chromium.new_page(viewport=VIEW)
                someone = Visitor(page)
                await someone.come(server.url)
                await _tour(someone, session, out, made)
    return made


async def _tour(someone: Visitor, session: Session, out: Path, made: list[Path]) -> None:
    hand, field = Hand(HAND), someone.field()

    def screen(name: str) -> None:
        made.append(out / f"board_{name}.png")
        session.hardware.glass.write_png(made[-1])

    async def whole(name: str) -> None:
        # The address of the pty is another one each time.
        await someone.page.evaluate("document.getElementById('port').textContent = '/dev/pts/3'")
        taken = await someone.page.screenshot()
        made.append(out / f"board_{name}.png")
        png.write(Image.open(io.BytesIO(taken)), made[-1])

    screen("start")
    for number in range(EACH):
        for label, character in enumerate(CLASSES):
            await someone.draw(hand.draw(character, number, field))
            if (number, label) == (0, 0):
                screen("draw")
            await someone.tap(f"class {label}")
            if (number, label) == (0, 0):
                screen("capture")
    await _train(someone, session, out / "board_train.png")
    made.append(out / "board_train.png")
    await someone.settle()
    screen("trained")
    await someone.draw(hand.draw(CLASSES[1], EACH + 1, field))
    screen("recognise")
    await whole("page")
    await someone.tap("clear")
    await someone.draw(hand.draw(CLASSES[1], EACH + 2, field))
    await someone.tap("class 2")  # a wrong one
    await someone.tap("verdict")
    screen("check")
    await someone.tap("back", "check")
    await someone.tap("class 2")
    screen("class")
    await someone.tap("thumbnail 0", "class_page")
    screen("sample")


async def _train(someone: Visitor, session: Session, picture: Path) -> None:
    """Press Train; of what the screen shows until it tells how well it has learnt, keep a frame
    from the middle. It all takes some hundredths of a second here, much of it to save."""
    glass, verdict = session.hardware.glass, Rectangle(*someone.place("verdict"))
    model = session.folder / "drawings.uffm"
    await someone.settle()
    old = model.stat().st_mtime_ns
    before, seen, pages = glass.bytes_of(verdict), [glass.copy()], session.hardware.on_frame

    def look(part: Rectangle, answers: bool) -> None:
        pages(part, answers)
        if glass.bytes_of(verdict) == before:
            seen.append(glass.copy())

    session.hardware.on_frame = look
    await someone.press("train")
    if not await until_async(lambda: model.stat().st_mtime_ns != old, LEARNS_S):
        raise DataError("The app has not learnt.")
    session.hardware.on_frame = pages
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
