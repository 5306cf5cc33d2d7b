"""The page in small windows: all of it can be reached, nothing is too small for a finger."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pages import each_kind, place, url, window

from uff_host.virtual_board import browser_driver

__all__ = ["place", "url"]
pytestmark = pytest.mark.usefixtures("micropython")

WINDOWS: dict[str, dict[str, Any]] = {
    "375x800": {"viewport": {"width": 375, "height": 800}},
    "320x568": {"viewport": {"width": 320, "height": 568}},
    "667x375": {"viewport": {"width": 667, "height": 375}},
    "812x375": {"viewport": {"width": 812, "height": 375}},
    # Of 1280 x 800 at 200 %: half as many pixels of CSS, each twice as large.
    "200 %": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
    "1500x800": {"viewport": {"width": 1500, "height": 800}},
}
SCREEN = """
(({ top, bottom }) => [top, bottom, innerHeight])(
  document.getElementById("screen").getBoundingClientRect())
"""
LEAST = 40  # pixels of a target

# What can be pressed or read: name, size of what a finger hits, and, scrolled into view, whether
# all of it is inside the window and its middle is its own.
REACH = """
(() => {
  const found = [];
  for (const details of document.querySelectorAll("details")) details.open = true;
  document.getElementById("status").textContent = "60 updates/s · touch to frame 16.6 ms, 95 % "
    + "within 120.2 ms · to this page 18 ms, 95 % within 119 ms · 12 pages";
  const targets = "button, summary, input, a", texts = "canvas, pre, .terminal, p, h1, h2, li";
  for (const one of document.querySelectorAll(`${targets}, ${texts}`)) {
    if (one.closest("#controls, .unseen") || !one.checkVisibility()) continue;
    if (one.textContent === "" && one.matches("p")) continue;
    const pressed = one.matches(targets), target = one.closest("label") ?? one;
    target.scrollIntoView({ block: "center", inline: "center" });
    const { x, y, width, height, right, bottom } = target.getBoundingClientRect();
    const at = document.elementFromPoint(x + width / 2, y + height / 2);
    found.push({
      name: one.id || one.textContent.trim().slice(0, 40), pressed, width, height,
      wide: x >= 0 && right <= innerWidth + 0.5,
      high: (y >= 0 && bottom <= innerHeight + 0.5) || one.matches("p, pre"),
      own: at !== null && (target.contains(at) || at.contains(target)),
    });
  }
  return found;
})()
"""


@each_kind
def test_all_is_reached_in_windows_of_any_size(browser: str, place: str) -> None:
    assert browser == "chromium"

    async def work() -> None:
        async with browser_driver.browser() as chromium:
            for name, shape in WINDOWS.items():
                async with window(chromium, place, **shape) as driver:
                    top, bottom, high = await driver.page.evaluate(SCREEN)
                    assert 0 <= top < bottom <= high, name  # whole, without scrolling
                    if shape["viewport"]["width"] > high:
                        assert (bottom - top) / 480 * 64 >= LEAST, name  # of the least control
                    await reached(name, driver.page)
                    if await driver.page.locator("#turn").is_visible():
                        await driver.page.locator("#turn").click()
                        await reached(f"{name}, turned", driver.page)

    asyncio.run(work())


async def reached(name: str, page: Any) -> None:
    found = await page.evaluate(REACH)
    names = {one["name"] for one in found}
    assert {"screen", "user", "hold", "reset", "stop", "open", "terminal"} <= names, name
    lost = [one for one in found if not (one["wide"] and one["high"] and one["own"])]
    assert lost == [], name
    pressed = [one for one in found if one["pressed"]]
    small = [one for one in pressed if min(one["width"], one["height"]) < LEAST]
    assert small == [], name
    whole, seen = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert whole <= seen, name
