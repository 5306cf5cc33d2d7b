"""The screen turned on a phone's page: large enough for fingers, the same touches to the board."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from pages import each_page, place, shows, stop, teach, type_in, until, url, visit
from test_page_access import named
from test_web_use import LISTEN

from uff_host.handwriting import Writer
from uff_host.virtual_board.browser_driver import PageDriver

__all__ = ["place", "url"]
pytestmark = pytest.mark.usefixtures("micropython")

PHONE, SMALLEST, WIDE = (375, 800), (320, 568), (1500, 800)
LEAST = 40
# The controls that are drawn on the screen: name, and its rectangle in the window.
DRAWN = """
[...document.querySelectorAll("#controls button")].map((one) => {
  const { x, y, width, height } = one.getBoundingClientRect();
  return [one.dataset.control, x, y, width, height];
})
"""
TURNED = """
(() => {
  const { left, right, width, height } = document.getElementById("screen").getBoundingClientRect();
  return height > width && left >= 0 && right <= innerWidth && height <= innerHeight - 40
    && document.documentElement.scrollWidth <= innerWidth;
})()
"""
# In pixels of the screen: from corner to corner, and back with a bow.
STROKE = [(60, 50), (180, 120), (300, 190), (420, 260), (540, 330), (660, 400), (640, 300)]


async def resize(page: Any, size: tuple[int, int]) -> None:
    await page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))


async def pressed(page: Any) -> str:
    return str(await page.evaluate("document.getElementById('turn').ariaPressed"))


async def turn_by_key(page: Any) -> None:
    await page.evaluate("(document.getElementById('turn').focus(), 0)")
    await page.keyboard.press("Enter")


async def large(driver: PageDriver, page: str) -> None:
    """What can be hit on this page of the application, and where the window has it."""
    at = await driver.window_place()
    found = await driver.page.evaluate(DRAWN)
    assert found, page
    for name, x, y, width, height in found:
        assert min(width, height) >= LEAST, (page, name, width, height)
        left, top, wide, high = driver.place(name, page)
        seen_x, seen_y = at(left + wide / 2, top + high / 2)
        assert abs(x + width / 2 - seen_x) < 1, (page, name)
        assert abs(y + height / 2 - seen_y) < 1, (page, name)


@each_page
def test_a_turned_screen_is_large_enough_for_fingers(browser: str, place: str) -> None:
    async def work() -> None:
        async with visit(browser, place) as driver:
            page = driver.page
            assert await page.locator("#turn").is_hidden()
            await resize(page, PHONE)
            await until(lambda: page.locator("#turn").is_visible())
            assert await pressed(page) == "false"
            box = await page.locator("#turn").bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= LEAST
            await named(page, "add_class", "+ Class")
            small = [min(one[3:]) for one in await page.evaluate(DRAWN)]
            assert min(small) < LEAST  # what the button is for
            await turn_by_key(page)
            assert await pressed(page) == "true"
            again = await page.locator("#turn").bounding_box()
            assert again is not None
            assert (again["x"], again["y"]) == (box["x"], box["y"])  # a second tap turns it back

            # Kept over a reload; on every page of the application.
            await page.reload()
            await driver.settle()
            assert await pressed(page) == "true"
            await named(page, "add_class", "+ Class")
            await large(driver, "draw")
            await teach(driver, Writer(4), 1)
            await named(page, "class 2", "3 1 drawing")
            await driver.tap("add_class")
            await named(page, "done", "Add")
            await large(driver, "keyboard")
            # Enter is the screen's: not of the button that was pressed before it was touched.
            await turn_by_key(page)
            await turn_by_key(page)
            await driver.tap("key 97", "keyboard")
            await page.keyboard.press("Enter")
            await named(page, "class 3", "a")
            assert await pressed(page) == "true"
            driver.classes = 4
            await driver.tap("class 1")
            await named(page, "thumbnail 0", "drawing 1")
            await large(driver, "class_page")
            await driver.tap("thumbnail 0", "class_page")
            await named(page, "relabel", "")
            await large(driver, "sample")
            await driver.tap("relabel", "sample")
            await named(page, "class 2", "3")
            await large(driver, "choose")
            for size in (SMALLEST, PHONE):
                await resize(page, size)
                await driver.until(TURNED)
                await large(driver, "choose")
            top = (await driver.window_place())(0, 0)
            await page.evaluate("(document.getElementById('stop').click(), 0)")
            await driver.until("document.getElementById('state').textContent !== 'running'")
            assert (await driver.window_place())(0, 0) == top  # nothing moves for a longer line
            await page.evaluate("(document.getElementById('reset').click(), 0)")
            await named(page, "add_class", "+ Class")
            assert (await driver.window_place())(0, 0) == top

            # A wide page has no use for it.
            await resize(page, WIDE)
            await driver.until(
                "document.getElementById('screen').getBoundingClientRect().width > 700"
            )
            assert await page.locator("#turn").is_hidden()
            await resize(page, PHONE)
            await driver.until(TURNED)
            await large(driver, "draw")
            await turn_by_key(page)
            assert await pressed(page) == "false"
            await page.reload()
            await driver.settle()
            assert await pressed(page) == "false"

    asyncio.run(work())


@each_page
def test_a_stroke_on_the_turned_screen_is_the_same_stroke(browser: str, place: str) -> None:
    async def work() -> None:
        async with visit(browser, place) as driver:
            page = driver.page
            await resize(page, PHONE)
            await until(lambda: page.locator("#turn").is_visible())
            await page.locator("#turn").click()
            await stop(driver)
            await type_in(driver, LISTEN.replace("\n", "\r"))
            await driver.until("board.terminal.text.endsWith('listens\\n')")
            await page.evaluate("scrollTo(0, 0)")
            at = await driver.window_place()
            for number, (x, y) in enumerate(STROKE):
                await page.mouse.move(*at(x, y))
                if number == 0:
                    await page.mouse.down()
                await page.wait_for_timeout(60)
            await page.mouse.up()
            await driver.until("/T 0 1 /.test(board.terminal.text)")
            text = await page.evaluate("board.terminal.text")
            reports = [(int(x), int(y)) for x, y in re.findall(r"T 0 [02] (\d+) (\d+)", text)]
            for x, y in STROKE:
                nearest = min(max(abs(x - a), abs(y - b)) for a, b in reports)
                assert nearest <= 3, ((x, y), reports)
            await page.locator("#stop").click()
            await shows(page, ">>>")

    asyncio.run(work())
