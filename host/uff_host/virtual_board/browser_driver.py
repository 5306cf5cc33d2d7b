"""Somebody before the page of the virtual board, who knows where the app's controls lie.

For tests and for the docs' pictures; needs the package playwright and Debian's chromium, which
this never downloads.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uff_host import files
from uff_host.errors import DataError
from uff_host.handwriting import Drawing, Field
from uff_host.patience import Patience

if TYPE_CHECKING:
    from playwright.async_api import Page

FLAGS = [
    "--headless",
    "--no-sandbox",  # as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# As patience.py counts.
QUIET_S = 0.15
WAITS_S = 15.0


def missing() -> str:
    """What is not there to open a page; empty if nothing is."""
    if importlib.util.find_spec("playwright") is None:
        return "the Python package playwright is not installed"
    if shutil.which("chromium") is None:
        return "there is no chromium (Debian: apt-get install chromium)"
    return ""


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """A browser without windows.

    Raises:
        DataError: It is not installed.
    """
    if lacking := missing():
        raise DataError(f"A browser is needed: {lacking}.")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS
        )
        try:
            yield chromium
        finally:
            await chromium.close()


class PageDriver:
    """A person who taps controls and draws with a mouse."""

    def __init__(self, page: Page, width: int = 800, height: int = 480, classes: int = 3) -> None:
        """classes: how many the app has now; it decides where their buttons lie."""
        self.page, self.classes = page, classes
        self.size = width, height

    async def open(self, url: str) -> None:
        """Open the page and wait for the first picture.

        Raises:
            DataError: It does not come.
        """
        await self.page.goto(url)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the screen rests.

        Raises:
            DataError: It never does, or shows nothing.
        """
        quiet, limit, drawn = Patience(QUIET_S), Patience(WAITS_S), None
        while not (quiet.over and drawn):
            if limit.over:
                raise DataError("The screen does not come to rest.")
            latest = await self.page.evaluate("window.board && board.drawnAt")
            if latest != drawn:
                drawn = latest
                quiet.renew()
            await asyncio.sleep(0.03)

    async def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true; the page's rules forbid it to wait itself.

        Raises:
            DataError: It stays false.
        """
        limit = Patience(WAITS_S)
        while not await self.page.evaluate(expression):
            if limit.over:
                raise DataError(f"The page has waited {WAITS_S:g} s in vain for {expression}")
            await asyncio.sleep(0.03)

    def place(self, name: str, page: str = "draw") -> tuple[int, int, int, int]:
        """The rectangle of a control on the screen, by its name in device/capture/layout.py."""
        layout = _layout_module().Layout(*self.size, self.classes)
        x, y, width, height = getattr(layout, page)()[name]
        return x, y, width, height

    async def tap(self, name: str, page: str = "draw") -> None:
        """Tap a control and wait until the screen rests."""
        await self.press(name, page)
        await self.settle()

    async def press(self, name: str, page: str = "draw") -> None:
        """Tap a control."""
        x, y, width, height = self.place(name, page)
        at = await self.window_place()
        await self.page.mouse.move(*at(x + width / 2, y + height / 2))
        await self.page.mouse.down()
        await self.page.wait_for_timeout(40)
        await self.page.mouse.up()

    async def draw(self, drawing: Drawing) -> None:
        """Draw as a hand does, but faster: as a mouse that tells every other point."""
        at, down = await self.window_place(), False
        for number, (_, x, y, pressed) in enumerate(drawing.pointer()):
            if pressed and down and number % 2:
                continue
            await self.page.mouse.move(*at(x, y))
            if pressed and not down:
                await self.page.mouse.down()
                await self.page.wait_for_timeout(25)
            elif not pressed:
                await self.page.mouse.up()
                await self.page.wait_for_timeout(40)
            down = pressed
        await self.settle()

    def field(self) -> Field:
        """Where the app lets one draw, a little inside."""
        x, y, width, height = self.place("field")
        return Field(x + 12, y + 12, width - 24, height - 24)

    async def window_place(self) -> Callable[[float, float], tuple[float, float]]:
        """A function from a pixel of the screen to where it is seen in the window.

        A screen that is higher than wide there is turned clockwise.
        """
        box = await self.page.locator("#screen").bounding_box()
        assert box is not None
        left, top, width, height = (box[name] for name in ("x", "y", "width", "height"))
        if height > width:
            scale = height / self.size[0]
            return lambda x, y: (left + width - y * scale, top + x * scale)
        scale = width / self.size[0]
        return lambda x, y: (left + x * scale, top + y * scale)


def _layout_module() -> Any:
    path: Path = files.checkout() / "device" / "capture" / "layout.py"
    spec = importlib.util.spec_from_file_location("capture_layout", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
