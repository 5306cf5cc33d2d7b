"""The virtual board's page in Debian's chromium."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from board import Board
from conftest import DEVICE_TESTS

from uff_host.formats.samples import read_samples
from uff_host.handwriting import Writer
from uff_host.patience import Patience
from uff_host.virtual_board import browser_driver, server
from uff_host.virtual_board.browser_driver import PageDriver

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.skipif(bool(browser_driver.missing()), reason=browser_driver.missing()),
]

YELLOW, CYAN = [255, 230, 0], [0, 255, 255]
BLUE_SCREEN = [0, 0, 255]


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """A board whose app draws where it is touched."""
    folder = tmp_path / "flash"
    folder.mkdir()
    shutil.copy(DEVICE_TESTS / "board_draw.py", folder / "main.py")
    board = Board(folder)
    yield board
    board.end()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Board]:
    """A board with the capture-and-train app, as it comes."""
    board = Board(tmp_path / "flash")
    yield board
    board.end()


@contextlib.asynccontextmanager
async def visit(board: Board, **options: Any) -> AsyncIterator[PageDriver]:
    """A browser on the board's page; what goes wrong on the page fails the test."""
    async with browser_driver.browser() as browser:
        context = await browser.new_context(
            **{"viewport": {"width": 1500, "height": 800}, **options}
        )
        page = await context.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console",
            lambda message: troubles.append(message.text) if message.type == "error" else 0,
        )
        driver = PageDriver(page)
        await driver.open(board.url)
        yield driver
        assert troubles == []


async def pixel(page: Any, x: int, y: int) -> list[int]:
    """Red, green, blue of the screen."""
    data = await page.evaluate(
        "([x, y]) => [...document.getElementById('screen').getContext('2d')"
        ".getImageData(x, y, 1, 1).data]",
        [x, y],
    )
    return list(data[:3])


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    waiting = Patience(10)
    while not await true():
        assert not waiting.over
        await asyncio.sleep(0.03)


async def shows(page: Any, text: str) -> None:
    """Wait until the console ends with this text."""
    waiting = Patience(10)
    while not await ends(page, text):
        assert not waiting.over, (await page.evaluate("board.terminal.text"))[-500:]
        await asyncio.sleep(0.03)


async def ends(page: Any, text: str) -> bool:
    return bool(await page.evaluate("t => board.terminal.text.trimEnd().endsWith(t)", text))


def test_mouse_console_and_buttons(board: Board) -> None:
    async def work() -> None:
        async with visit(board) as driver:
            page = driver.page
            assert await page.locator("#led0.on").count() == 1
            assert await pixel(page, 5, 5) == BLUE_SCREEN
            box = await page.locator("#screen").bounding_box()
            assert box is not None
            assert (box["width"], box["height"]) == (800, 480)  # a pixel is a pixel
            left, top = box["x"], box["y"]
            await page.mouse.move(left + 100, top + 100)
            await page.mouse.down()
            await until(lambda: same(page, 100, 100, YELLOW))
            for x in range(120, 901, 20):  # out of the canvas, captured
                await page.mouse.move(left + x, top + 100)
                await asyncio.sleep(0.01)  # no hand is faster; the driver takes it for a leap
                if x in (300, 500, 700):  # nor does one leap over half the screen
                    await until(partial(same, page, x - 20, 100, YELLOW))
            await page.mouse.up()
            await shows(page, "lift 0")
            await until(lambda: same(page, 250, 100, YELLOW))
            await until(lambda: same(page, 795, 100, YELLOW))
            # The page measures: from the event to the pixels on its canvas.
            assert await page.evaluate("board.percentile(0.5)") > 0
            await driver.until("document.body.textContent.includes('to this page')")

            await page.locator("#stop").click()
            await shows(page, ">>>")
            await page.locator("#terminal").click()
            await page.keyboard.type("prinX")
            await page.keyboard.press("Backspace")
            await page.keyboard.type("t(6 * 7)")
            await page.keyboard.press("Home")
            await page.keyboard.type("0 or ")
            await page.keyboard.press("Enter")
            await shows(page, ">>> 0 or print(6 * 7)\n42\n>>>")
            await page.keyboard.press("ArrowUp")
            await page.keyboard.press("Enter")
            await shows(page, "42\n>>> 0 or print(6 * 7)\n42\n>>>")
            await page.keyboard.type("boa")
            await page.keyboard.press("Tab")
            await shows(page, ">>> board")
            await page.keyboard.press("Control+c")
            await page.evaluate("board.terminal.paste('for i in range(2):\\n    print(i)\\n')")
            await shows(page, "\n0\n1\n>>>")
            # Longer than a message may be.
            await page.keyboard.type("import sys; print(len(sys.stdin.read(150000)))")
            await page.keyboard.press("Enter")
            await page.evaluate("board.terminal.send('x'.repeat(149998) + '\U0001f600µ')")
            await shows(page, "\n150000\n>>>")
            await page.keyboard.press("Control+d")
            await shows(page, "MPY: soft reboot\ndrawing")

            await page.locator("#hold").check()
            await page.wait_for_selector("#user.held")
            await shows(page, "button held\n" + await prompt(page))
            await page.locator("#reset").click()
            await page.wait_for_selector("#led0:not(.on)")
            await shows(page, "button held\n" + await prompt(page))
            await page.locator("#hold").uncheck()
            await page.locator("#reset").click()
            await shows(page, "drawing")
            await page.reload()
            await driver.settle()
            await shows(page, "drawing")
            assert await pixel(page, 5, 5) == BLUE_SCREEN

    asyncio.run(work())


async def same(page: Any, x: int, y: int, colour: list[int]) -> bool:
    found = await pixel(page, x, y)
    return all(abs(a - b) <= 26 for a, b in zip(found, colour, strict=True))


async def prompt(page: Any) -> str:
    """The banner that ends with the prompt."""
    await shows(page, ">>>")
    lines = (await page.evaluate("board.terminal.text")).rstrip().splitlines()
    return "\n".join(lines[-3:])


def test_a_page_too_many_says_so_and_comes_when_there_is_room(board: Board) -> None:
    async def work() -> None:
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(aiohttp.ClientSession())
            origin = {"Origin": f"http://{board.host}"}
            pages = [
                await client.ws_connect(board.url + "socket", headers=origin)
                for _ in range(server.PAGES)
            ]
            browser = await stack.enter_async_context(browser_driver.browser())
            driver = PageDriver(await browser.new_page())
            await driver.page.goto(board.url)
            await driver.until(
                "document.getElementById('away').textContent === "
                "'16 pages are open, and the board has no room for more. Close one.'"
            )
            await pages[0].close()
            await driver.settle()
            assert await driver.page.locator("#away").is_hidden()

    asyncio.run(work())


def test_the_page_says_what_runs_and_where_keys_go(board: Board) -> None:
    async def work() -> None:
        async with visit(board) as driver:
            page = driver.page

            async def says(name: str, text: str) -> None:
                await driver.until(f"document.getElementById('{name}').textContent === '{text}'")

            await says("state", "running")
            place = await page.locator("#stop").bounding_box()
            await page.locator("#terminal").click()
            await says("typing", "Keys go to the REPL; Escape leaves it.")
            assert await page.locator("#stop").bounding_box() == place  # nothing moves for it
            await page.keyboard.press("Escape")
            await says("typing", "")
            await page.locator("#stop").click()
            await says("state", "stopped: press Ctrl-D or RESET below")
            await page.locator("#restart").click()
            await says("state", "running")
            assert not await page.locator("#status").is_visible()
            await page.locator("#figures summary").click()
            await driver.until(
                "document.getElementById('status').textContent.includes('updates/s')"
            )

    asyncio.run(work())


HIDDEN = "[not shown: what a program and the board say to each other]"


def test_the_pane_shows_neither_raw_mode_nor_loses_letters(board: Board) -> None:
    async def work() -> None:
        async with visit(board) as driver:
            page = driver.page

            async def remote(*arguments: str) -> None:
                # It stops what runs; its last Ctrl-B leaves the prompt.
                await asyncio.to_thread(board.mpremote, *arguments)
                await shows(page, HIDDEN + "\n>>>")

            await remote("fs", "cp", __file__, ":copy.py")
            await remote("exec", "print('rub' + 'bish' * 5000)")
            await page.reload()  # the backlog begins amid what was printed
            await shows(page, HIDDEN + "\n>>>")
            text = await page.evaluate("board.terminal.text")
            assert "bish" not in text
            assert "OK" not in text
            assert (board.folder / "copy.py").read_bytes() == Path(__file__).read_bytes()
            # A reset out of the raw REPL is seen.
            await asyncio.to_thread(board.mpremote, "reset")
            await shows(page, HIDDEN + "\ndrawing")

    async def types() -> None:
        async with visit(board) as driver:
            page = driver.page
            await page.locator("#stop").click()
            await shows(page, ">>>")
            await page.locator("#terminal").click()
            await page.keyboard.type("s = 'äµ€😀'; print(s, len(s))")
            await page.keyboard.press("Enter")
            await shows(page, "\näµ€😀 4\n>>>")
            await page.evaluate("board.terminal.paste(\"print('µ', len('€')) # ä\")")
            await shows(page, "\nµ 1\n>>>")
            # A program that reads gets the letters.
            await page.keyboard.type("import sys; print(len(sys.stdin.read(3)))")
            await page.keyboard.press("Enter")
            await driver.until("!board.terminal.asks")
            await page.keyboard.type("äµ€")
            await shows(page, "\n3\n>>>")

    asyncio.run(types())
    asyncio.run(work())


def test_two_fingers_on_a_phone(board: Board) -> None:
    async def work() -> None:
        phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
        async with visit(board, **phone, color_scheme="dark") as driver:
            page = driver.page
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            box = await page.locator("#screen").bounding_box()
            assert box is not None
            scale = box["width"] / 800
            session = await page.context.new_cdp_session(page)

            async def fingers(kind: str, *places: tuple[int, int]) -> None:
                points = [
                    {"id": number, "x": box["x"] + x * scale, "y": box["y"] + (y + 0.5) * scale}
                    for number, (x, y) in enumerate(places)
                ]
                await session.send(
                    "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
                )
                await asyncio.sleep(0.03)

            before = await page.evaluate("scrollY")
            await fingers("touchStart", (100, 100))
            await fingers("touchStart", (100, 100), (100, 300))
            for x in range(120, 401, 20):
                await fingers("touchMove", (x, 100), (x, 300))
            await fingers("touchEnd")
            await until(lambda: same(page, 300, 100, YELLOW))
            await until(lambda: same(page, 300, 300, CYAN))
            assert await page.evaluate("scrollY") == before  # a stroke is no scrolling
            for finger in (0, 1):
                await driver.until(f"board.terminal.text.includes('lift {finger}')")

    asyncio.run(work())


def test_draw_capture_train_recognise_and_delete(app: Board) -> None:
    model, writer = app.folder / "drawings.uffm", Writer(4)

    async def counts(*wanted: int) -> bool:
        return tuple(read_samples(app.folder / "drawings.uffs").counts()) == wanted

    async def chosen(driver: PageDriver, *wanted: int) -> bool:
        """Whether it is these classes whose buttons have a frame and a bar in the app's blue."""
        found = []
        for number in range(3):
            rectangle = list(driver.place(f"class {number}"))
            blue = await driver.page.evaluate(
                "r => document.getElementById('screen').getContext('2d').getImageData(...r).data"
                ".reduce((n, v, i, d) => n + (i % 4 === 0 && v > 66 && v < 82 && d[i + 1] > 152"
                " && d[i + 1] < 170 && d[i + 2] > 250), 0)",
                rectangle,
            )
            found += [number] if blue > 200 else []
        return found == list(wanted)

    async def work() -> None:
        async with visit(app) as driver:
            page, field = driver.page, driver.field()
            for number in range(3):
                for label, character in enumerate("123"):
                    await driver.draw(writer.draw(character, number, field))
                    await driver.tap(f"class {label}")
            await until(lambda: counts(3, 3, 3))
            await until(lambda: exists(model))  # it has learnt without being asked
            await driver.settle()
            learnt = model.read_bytes()
            await driver.press("train")  # layer 1 too
            await page.reload()  # in mid-training
            await until(lambda: differs(model, learnt))
            await driver.settle()
            for label, character in ((1, "2"), (0, "1"), (2, "3")):
                await driver.draw(writer.draw(character, 10, field))
                await until(partial(chosen, driver, label))
                await driver.tap("clear")
            await until(lambda: chosen(driver))

            # A tap on a class shows its drawings; one of them is deleted, and it learns anew.
            learnt = model.read_bytes()
            await driver.tap("class 1")
            await driver.tap("thumbnail 0", "class_page")
            await driver.tap("delete", "sample")
            await until(lambda: counts(3, 2, 3))
            await until(lambda: differs(model, learnt))
            await driver.settle()

            # The files are the device's own: its REPL sees them, and the app goes on from them.
            await page.locator("#stop").click()
            await shows(page, ">>>")
            await page.locator("#terminal").click()
            await page.keyboard.type("from capture.recogniser import Recogniser as R\n")
            await page.keyboard.type("r = R(); r.counts(), r.network is None, r.stale\n")
            await shows(page, "([3, 2, 3], False, False)\n>>>")
            drawn = await page.evaluate("board.drawnAt")
            await page.keyboard.press("Control+d")
            await driver.until("board.terminal.text.includes('MPY: soft reboot')")
            await driver.until(f"board.drawnAt > {drawn}")
            await driver.settle()
            await driver.draw(writer.draw("2", 11, field))
            await until(lambda: chosen(driver, 1))

    asyncio.run(work())


async def exists(path: Path) -> bool:
    return path.exists()


async def differs(path: Path, before: bytes) -> bool:
    return path.exists() and path.read_bytes() != before
