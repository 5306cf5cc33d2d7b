"""The page by the rules of axe-core: no barrier that it calls serious or critical."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import web
from firefox import FirefoxPage
from pages import each_page, place, stop, teach, url, visit

from uff_host.handwriting import Writer

__all__ = ["place", "url"]

SOURCES = (web.TOP / "firmware_build" / "sources.mk").read_text()
VERSION = re.findall(r"^AXE_VERSION = (.*)$", SOURCES, re.MULTILINE)[0]
AXE: Path = web.TOP / f"firmware_build/build/src/axe-core-{VERSION}/axe.min.js"
pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core (make axe)"),
]
FAULTS = """
axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations
  .filter(({ impact }) => ["serious", "critical"].includes(impact))
  .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`))
"""
OPEN = "(document.querySelectorAll('details').forEach((one) => { one.open = true; }), 0)"
NAMELESS = "(document.querySelector('footer').append(document.createElement('button')), 0)"


async def faults(page: Any) -> list[str]:
    """In the light, and where the browser is Chromium in the dark too."""
    found: list[str] = await page.evaluate(FAULTS)
    if not isinstance(page, FirefoxPage):
        await page.emulate_media(color_scheme="dark")
        found += await page.evaluate(FAULTS)
        await page.emulate_media(color_scheme="light")
    return found


@each_page
def test_axe_finds_no_serious_fault(browser: str, place: str) -> None:
    async def work() -> None:
        async with visit(browser, place) as driver:
            page = driver.page
            await page.evaluate(f"(() => {{ {AXE.read_text()} }})()")
            assert await faults(page) == []
            # A verdict, the figures and the commands for a board.
            await teach(driver, Writer(4), 1)
            await driver.draw(Writer(4).draw("2", 7, driver.field()))
            await page.evaluate(OPEN)
            assert await faults(page) == []
            # On a phone, and with the screen turned.
            await page.set_viewport_size({"width": 375, "height": 800})
            for _ in range(2):
                assert await faults(page) == []
                await page.locator("#turn").click()
            await page.set_viewport_size({"width": 1500, "height": 800})
            # The application's keyboard.
            await driver.tap("clear")
            await driver.tap("add_class")
            await driver.until("board.controls.keyboardOpen")
            assert await faults(page) == []
            # The REPL in use.
            await stop(driver)
            await page.evaluate("(document.querySelector('#terminal textarea').focus(), 0)")
            await page.keyboard.type("6 * 7")
            await page.keyboard.press("Enter")
            await driver.until("board.terminal.text.includes('42')")
            assert await faults(page) == []
            # A fault that is put there is found.
            await page.evaluate(NAMELESS)
            assert {one.split(":")[0] for one in await faults(page)} == {"button-name"}

    asyncio.run(work())
