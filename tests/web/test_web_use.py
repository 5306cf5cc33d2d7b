"""The tab as people use it: by fingers on small screens, with many classes, in private windows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import web
from pages import (
    chromium_only,
    firefox_only,
    shows,
    stop,
    teach,
    type_in,
    until,
    url,
    visit,
)

from uff_host.handwriting import Writer
from uff_host.virtual_board.browser_driver import PageDriver

__all__ = ["url"]
pytestmark = pytest.mark.skipif(bool(web.missing()), reason=web.missing())

SMALL = [(375, 800, False), (375, 800, True), (812, 375, False)]  # the last: turned on the page
LISTEN = """\x05
import boards, time
touch = boards.here().touch
print("listens")
while True:
    for one in touch.read():
        print("T", one.id, one.event, one.x, one.y)
    time.sleep_ms(5)
\x04"""
PAPER, INK = [255, 246, 238], [16, 28, 49]  # as RGB565 has them
PIXEL = """
([x, y]) => {
  const copy = document.createElement("canvas"), screen = document.getElementById("screen");
  Object.assign(copy, { width: screen.width, height: screen.height });
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(screen, 0, 0);
  return [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
}
"""


async def fingers_on(driver: PageDriver) -> Callable[..., Awaitable[None]]:
    """fingers("touchStart", (x, y), ...): fingers at these pixels of the board's screen."""
    page: Any = driver.page
    await page.evaluate("document.getElementById('screen').scrollIntoView({ block: 'center' })")
    session = await page.context.new_cdp_session(page)

    async def fingers(kind: str, *places: tuple[int, int]) -> None:
        at = await driver.window_place()
        seen = [at(x + 0.5, y + 0.5) for x, y in places]
        points = [{"id": number, "x": x, "y": y} for number, (x, y) in enumerate(seen)]
        await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        await asyncio.sleep(0.04)

    return fingers


def phone(width: int, height: int) -> dict[str, Any]:
    size = {"width": width, "height": height}
    return {"viewport": size, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@chromium_only
@pytest.mark.parametrize(("width", "height", "turned"), SMALL)
def test_a_finger_on_a_small_screen_hits_the_right_pixel(
    url: str, width: int, height: int, turned: bool
) -> None:
    async def work() -> None:
        async with visit("chromium", url, **phone(width, height)) as driver:
            page = driver.page
            if turned:
                await page.locator("#turn").click()
            await page.evaluate("(board.terminal.send('\\x03'), 0)")
            await shows(page, ">>>")
            await type_in(driver, LISTEN.replace("\n", "\r"))
            await driver.until("board.terminal.text.endsWith('listens\\n')")
            fingers = await fingers_on(driver)
            places = [(8, 8), (791, 8), (400, 240), (8, 471), (791, 471), (123, 345)]
            for number, (x, y) in enumerate(places):
                await fingers("touchStart", (x, y))
                await fingers("touchEnd")
                count = "board.terminal.text.match(/T 0 1 /g)?.length"
                await driver.until(f"{count} === {number + 1}")
            text = await page.evaluate("board.terminal.text")
            pressed = re.findall(r"T 0 0 (\d+) (\d+)", text)
            assert len(pressed) == len(places)
            for (x, y), (got_x, got_y) in zip(places, pressed, strict=True):
                assert abs(int(got_x) - x) <= 2, (x, y, got_x, got_y)
                assert abs(int(got_y) - y) <= 2, (x, y, got_x, got_y)

    asyncio.run(work())


@chromium_only
@pytest.mark.parametrize("turned", [False, True])
def test_a_second_finger_draws_nothing(url: str, turned: bool) -> None:
    async def work() -> None:
        async with visit("chromium", url, **phone(375, 800)) as driver:
            page, field = driver.page, driver.field()
            if turned:
                await page.locator("#turn").click()
            fingers = await fingers_on(driver)
            left, right = field.x + 60, field.x + 220
            top, bottom = field.y + 60, field.y + 220
            before = await page.evaluate("scrollY")
            await fingers("touchStart", (left, top))
            await fingers("touchStart", (left, top), (left, bottom))
            for x in range(left, right + 1, 20):
                await fingers("touchMove", (x, top), (x, bottom))
            await fingers("touchEnd")

            async def drawn() -> bool:
                return bool(await page.evaluate(PIXEL, [(left + right) // 2, top]) == INK)

            await until(drawn)
            await driver.settle()
            assert await page.evaluate(PIXEL, [(left + right) // 2, bottom]) == PAPER
            assert await page.evaluate(PIXEL, [left, bottom]) == PAPER  # no dot either
            assert await page.evaluate("scrollY") == before

    asyncio.run(work())


@chromium_only
def test_sixteen_classes_are_typed_on_the_computers_keyboard(url: str) -> None:
    async def work() -> None:
        async with visit("chromium", url) as driver:
            page = driver.page
            label = "document.querySelector(`[data-control='{}']`)?.getAttribute('aria-label')"
            for number, name in enumerate("abcdefghijklm", 3):
                await driver.press("add_class")
                await driver.until("board.controls.keyboardOpen")
                await page.keyboard.type(name)
                await page.keyboard.press("Enter")
                await driver.until(f"/^{name} 0/.test({label.format(f'class {number}')})")
                await driver.settle()
                driver.classes += 1
            await driver.until(
                "document.querySelector(\"[data-control='add_class']\").ariaDisabled === 'true'"
            )
            await driver.tap("add_class")
            text = "document.getElementById('screen-says').textContent"
            await driver.until(f"{text}.includes('There are 16 classes, the most there can be')")
            # The last of them is taught.
            await driver.draw(Writer(4).draw("2", 0, driver.field()))
            await driver.tap("class 15")
            await driver.until(f"{label.format('class 15')} .startsWith('m 1')")

    asyncio.run(work())


@pytest.mark.parametrize(
    "browser",
    [
        pytest.param("chromium", marks=chromium_only),
        pytest.param("firefox", marks=firefox_only),
    ],
)
def test_a_private_window_says_what_is_kept(browser: str, url: str) -> None:
    options = {"private": True} if browser == "firefox" else {}  # Playwright's windows are

    async def counts(driver: PageDriver) -> str:
        await stop(driver)
        code = "from capture.recogniser import Recogniser as R; print('has', R().counts())\r"
        await type_in(driver, code)
        await driver.until("/\\nhas .*\\n>>>/.test(board.terminal.text)")
        text = await driver.page.evaluate("board.terminal.text")
        return str(re.findall(r"^has (.*)$", text, re.MULTILINE)[-1])

    async def work() -> None:
        async with visit(browser, url, **options) as driver:
            text = await driver.page.evaluate("document.getElementById('files').textContent")
            await teach(driver, Writer(4), 1)
            await driver.page.reload()
            await driver.settle()
            has = await counts(driver)
            print(browser, text, has)
            if text.startswith("Drawings stay in this browser"):
                assert "A private window forgets them when it closes." in text
                assert has == "[1, 1, 1]"
            else:
                assert text.startswith("This window keeps no files")
                assert has == "[0, 0, 0]"

    asyncio.run(work())
