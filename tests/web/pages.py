"""The page in Debian's browsers: static files with their board in them, or a virtual board's."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import firefox
import pytest
import web
from board import Board

from uff_host.handwriting import Writer
from uff_host.patience import Patience
from uff_host.virtual_board import browser_driver
from uff_host.virtual_board.browser_driver import PageDriver

if TYPE_CHECKING:
    from playwright.async_api import Page

chromium_only = pytest.mark.skipif(bool(browser_driver.missing()), reason=browser_driver.missing())
firefox_only = pytest.mark.skipif(bool(firefox.missing()), reason=firefox.missing())
each_browser = pytest.mark.parametrize(
    "browser",
    [
        pytest.param("chromium", marks=chromium_only),
        pytest.param("firefox", marks=firefox_only),
    ],
)
# The sources are the same: a virtual board's page needs no second browser.
each_page = pytest.mark.parametrize(
    ("kind", "browser"),
    [
        pytest.param("tab", "chromium", marks=chromium_only),
        pytest.param("tab", "firefox", marks=firefox_only),
        pytest.param("virtual board", "chromium", marks=chromium_only),
    ],
)
# Windows of other sizes, dark or with a touchscreen: Playwright makes them.
each_kind = pytest.mark.parametrize(
    ("kind", "browser"),
    [
        pytest.param("tab", "chromium", marks=chromium_only),
        pytest.param("virtual board", "chromium", marks=chromium_only),
    ],
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The folder's address on a server that knows nothing but files."""
    page = web.web_firmware().parent

    class Files(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return str(page / path.removeprefix("/deep/below/").split("?")[0])

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/deep/below/index.html"
        server.shutdown()


@pytest.fixture
def place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a page, and of its board: without a board for the tab there is none."""
    if kind == "tab":
        if web.missing():
            pytest.skip(web.missing())
        yield request.getfixturevalue("url")
        return
    board = Board(tmp_path / "flash")
    yield board.url
    board.end()


@contextlib.asynccontextmanager
async def visit(browser: str, url: str, **options: Any) -> AsyncIterator[PageDriver]:
    """A browser on the page; what goes wrong there, or is asked of elsewhere, fails the test.
    options: of Chromium's window, as Playwright has them; of Firefox, private."""
    here = url.rpartition("/")[0]
    if browser == "firefox":
        async with firefox.firefox(**options) as fox:
            # What PageDriver does with Playwright's page, a FirefoxPage does too.
            driver = PageDriver(cast("Page", await fox.new_page()))
            await driver.open(url)
            yield driver
            assert fox.errors == []
            assert [one for one in fox.requests if not inside(one, here)] == []
        return
    async with browser_driver.browser() as chromium, window(chromium, url, **options) as driver:
        yield driver


@contextlib.asynccontextmanager
async def window(chromium: Any, url: str, **options: Any) -> AsyncIterator[PageDriver]:
    """A window of Chromium on the page, with nothing of other windows; as visit()."""
    shape = {"viewport": {"width": 1500, "height": 800}, **options}
    context = await chromium.new_context(**shape)
    page = await context.new_page()
    troubles: list[str] = []
    watch(page, url.rpartition("/")[0], troubles)
    driver = PageDriver(page)
    await driver.open(url)
    yield driver
    assert troubles == []
    await context.close()


def watch(page: Any, here: str, troubles: list[str]) -> None:
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if line.type != "log" else 0)
    page.on("request", lambda one: troubles.append(one.url) if not inside(one.url, here) else 0)


def inside(address: str, here: str) -> bool:
    return address.startswith((here, "data:", "about:"))


async def until(
    true: Callable[[], Awaitable[bool]], instead: Callable[[], Awaitable[Any]] | None = None
) -> None:
    """Wait for it; `instead` tells what there is where it does not come."""
    waiting = Patience(20)
    while not await true():
        assert not waiting.over, instead and await instead()
        await asyncio.sleep(0.03)


async def shows(page: Any, text: str) -> None:
    """Wait until the console ends with this text."""
    waiting = Patience(20)
    while not (shown := await page.evaluate("board.terminal.text.trimEnd()")).endswith(text):
        assert not waiting.over, shown[-500:]
        await asyncio.sleep(0.03)


async def another(page: Any) -> Any:
    """A further tab of the same browser."""
    if isinstance(page, firefox.FirefoxPage):
        return await page.browser.new_page()
    return await page.context.new_page()


async def stop(driver: PageDriver) -> None:
    await driver.page.locator("#stop").click()
    await shows(driver.page, ">>>")


async def type_in(driver: PageDriver, text: str) -> None:
    await driver.page.evaluate("text => board.terminal.send(text)", text)


async def teach(driver: PageDriver, writer: Writer, rounds: int) -> None:
    for number in range(rounds):
        for label, character in enumerate("123"):
            await driver.draw(writer.draw(character, number, driver.field()))
            await driver.tap(f"class {label}")
