"""The page without a pointer, read aloud, on small screens: what it promises to everybody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pages import each_page, place, teach, until, url, visit

from uff_host.handwriting import Writer

__all__ = ["place", "url"]
pytestmark = pytest.mark.usefixtures("micropython")


async def label(page: Any, control: str) -> str | None:
    """What a control of the screen is called, None where there is none."""
    found = await page.evaluate(
        "name => document.querySelector(`[data-control='${name}']`)?.getAttribute('aria-label')",
        control,
    )
    return None if found is None else str(found)


async def live(page: Any) -> str:
    return str(await page.evaluate("document.getElementById('screen-says').textContent"))


async def says(page: Any, text: str) -> None:
    """Wait until this is read aloud."""

    async def announced() -> bool:
        return text in await live(page)

    await until(announced, lambda: live(page))


async def named(page: Any, control: str, text: str) -> None:
    async def so() -> bool:
        return ((await label(page, control)) or "").startswith(text)

    await until(so)


async def focused(page: Any) -> str:
    return str(await page.evaluate("document.activeElement.dataset.control ?? ''"))


async def key(page: Any, name: str) -> None:
    """A key of any keyboard: the drivers have the American one."""
    event = f"new KeyboardEvent('keydown', {{ key: '{name}', bubbles: true, cancelable: true }})"
    await page.evaluate(f"document.body.dispatchEvent({event})")


@each_page
def test_the_board_is_used_by_keys_and_read_aloud(browser: str, place: str) -> None:
    async def work() -> None:
        async with visit(browser, place) as driver:
            page = driver.page
            await says(page, "Draw a 1.")
            await named(page, "class 0", "1 0 drawings")
            await named(page, "field", "drawing field: Draw a 1 here, then tap its class.")
            assert (
                await page.evaluate(
                    "document.querySelector(\"[data-control='train']\").ariaDisabled"
                )
                == "true"
            )
            await teach(driver, Writer(4), 1)
            await named(page, "class 2", "3 1 drawing")
            await driver.draw(Writer(4).draw("2", 7, driver.field()))
            await says(page, "It is a 2 sure")
            await says(page, "nearest: a 2")

            # By keys: to "+ Class" and its page.
            await page.evaluate(
                "(document.querySelector('#controls [tabindex=\"0\"]').focus(), 0)"
            )
            assert await focused(page) != ""
            for _ in range(8):
                await page.keyboard.press("ArrowDown")
            for _ in range(3):
                await page.keyboard.press("ArrowRight")
            assert await focused(page) == "add_class"
            await page.keyboard.press("Enter")
            await named(page, "done", "Add")
            assert (await focused(page)) in await page.evaluate(
                "[...document.querySelectorAll('#controls button')].map(b => b.dataset.control)"
            )
            keys = "document.getElementById('keys-go').textContent"
            await driver.until(f"{keys}.startsWith('Keys go to the screen')")

            # The computer's keys are the screen's.
            await page.evaluate("(document.activeElement.blur(), 0)")
            for letter in "Käß":
                await key(page, letter)
            await key(page, "Backspace")
            await key(page, "!")
            await key(page, "€")
            await driver.until(f'{keys} === "The screen\'s keyboard has no €."')
            await page.keyboard.type("7")
            await driver.until("board.controls.idle")
            await page.keyboard.press("Enter")
            await named(page, "class 3", "Kä!7")
            await driver.until(f"{keys} === ''")

            # In the REPL's pane they are the REPL's.
            await driver.settle()
            driver.classes = 4
            await driver.tap("clear")
            await driver.press("add_class")
            await named(page, "done", "Add")
            before = await page.evaluate("board.terminal.text.length")
            await page.evaluate("(document.querySelector('#terminal textarea').focus(), 0)")
            await driver.until(f"{keys} === ''")
            await page.keyboard.type("x")
            await page.keyboard.press("Escape")
            await driver.until(f"{keys} !== ''")
            await page.keyboard.press("Escape")  # cancels
            await named(page, "class 3", "Kä!7")
            assert before <= await page.evaluate("board.terminal.text.length")

            # What has ended says so; RESET and USER are buttons.
            await page.evaluate("(document.getElementById('stop').click(), 0)")
            await says(page, "Stopped Your drawings are kept.")
            assert await page.evaluate("document.querySelectorAll('#controls button').length") == 0
            await page.evaluate("(document.getElementById('reset').focus(), 0)")
            await page.keyboard.press("Enter")
            await named(page, "class 3", "Kä!7")

    asyncio.run(work())
