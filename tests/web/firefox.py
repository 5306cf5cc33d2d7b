"""Debian's Firefox by WebDriver BiDi, which it speaks itself: as much of Playwright's page as a
browser_driver.PageDriver and the tests here use. (Playwright drives only a Firefox of its own.)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from uff_host.patience import Patience

NAMES = ("firefox-esr", "firefox")
PREFERENCES = """
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""
START_S = 60.0


def missing() -> str:
    """What is not there; empty if nothing is."""
    if any(map(shutil.which, NAMES)):
        return ""
    return "there is no Firefox (Debian: apt-get install firefox-esr)"


class BidiError(AssertionError):
    """The browser refuses a command."""


class Mouse:
    def __init__(self, page: FirefoxPage) -> None:
        self._page = page

    async def move(self, x: float, y: float) -> None:
        await self._act({"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0})

    async def down(self) -> None:
        await self._act({"type": "pointerDown", "button": 0})

    async def up(self) -> None:
        await self._act({"type": "pointerUp", "button": 0})

    async def _act(self, action: dict[str, Any]) -> None:
        pointer = {"type": "pointer", "id": "mouse", "actions": [action]}
        await self._page.call("input.performActions", actions=[pointer])


KEYS = {
    "Backspace": "\ue003",
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
}


class Keyboard:
    def __init__(self, page: FirefoxPage) -> None:
        self._page = page

    async def press(self, key: str) -> None:
        value = KEYS.get(key, key)
        actions = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        keys = {"type": "key", "id": "keyboard", "actions": actions}
        await self._page.call("input.performActions", actions=[keys])

    async def type(self, text: str) -> None:
        for letter in text:
            await self.press(letter)


class Locator:
    def __init__(self, page: FirefoxPage, selector: str) -> None:
        self._page, self._element = page, f"document.querySelector({json.dumps(selector)})"

    async def bounding_box(self) -> dict[str, float]:
        box = f"(({{ x, y, width, height }}) => [x, y, width, height])({self._element}"
        numbers = await self._page.evaluate(box + ".getBoundingClientRect())")
        return dict(zip(("x", "y", "width", "height"), numbers, strict=True))

    async def click(self) -> None:
        await self._page.evaluate(f"{self._element}.click()")

    async def is_visible(self) -> bool:
        return bool(await self._page.evaluate(f"{self._element}.checkVisibility()"))

    async def is_hidden(self) -> bool:
        return not await self.is_visible()


class FirefoxPage:
    """One tab."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self.browser, self._context = browser, context
        self.mouse = Mouse(self)
        self.keyboard = Keyboard(self)

    async def call(self, method: str, **parameters: Any) -> Any:
        return await self.browser.call(method, context=self._context, **parameters)

    async def goto(self, url: str) -> None:
        await self.call("browsingContext.navigate", url=url, wait="complete")

    async def reload(self) -> None:
        await self.call("browsingContext.reload", wait="complete")

    async def set_viewport_size(self, viewport_size: dict[str, int]) -> None:
        await self.call("browsingContext.setViewport", viewport=viewport_size)

    async def close(self) -> None:
        await self.call("browsingContext.close")

    async def evaluate(self, expression: str, argument: Any = None) -> Any:
        if argument is not None:
            expression = f"({expression})({json.dumps(argument)})"
        reply = await self.browser.call(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((it) => JSON.stringify(it) ?? 'null')",
            target={"context": self._context},
            awaitPromise=True,
        )
        if reply["type"] != "success":
            raise BidiError(reply["exceptionDetails"]["text"])
        return json.loads(reply["result"]["value"])

    def locator(self, selector: str) -> Locator:
        return Locator(self, selector)

    async def wait_for_selector(self, selector: str) -> None:
        waiting = Patience(20)
        while not await self.evaluate(f"document.querySelector({json.dumps(selector)}) !== null"):
            assert not waiting.over, selector
            await asyncio.sleep(0.03)

    async def wait_for_timeout(self, ms: float) -> None:
        await asyncio.sleep(ms / 1000)


class Firefox:
    """A running one. Use firefox()."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._number = socket, 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.errors: list[str] = []  # of pages
        self.requests: list[str] = []

    async def read(self) -> None:
        async for message in self._socket:
            reply = json.loads(message.data)
            if reply.get("id") in self._waiting:
                self._waiting.pop(reply["id"]).set_result(reply)
            elif reply.get("method") == "log.entryAdded" and reply["params"]["level"] == "error":
                self.errors.append(str(reply["params"]["text"]))
            elif reply.get("method") == "network.beforeRequestSent":
                self.requests.append(reply["params"]["request"]["url"])

    async def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = future
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        reply = await asyncio.wait_for(future, 60)
        if reply["type"] != "success":
            raise BidiError(f"{method}: {reply.get('error')}: {reply.get('message')}")
        return reply["result"]

    async def new_page(self) -> FirefoxPage:
        made = await self.call("browsingContext.create", type="tab")
        page = FirefoxPage(self, made["context"])
        await page.set_viewport_size({"width": 1500, "height": 800})
        return page


PRIVATE = 'user_pref("browser.privatebrowsing.autostart", true);\n'


@contextlib.asynccontextmanager
async def firefox(private: bool = False) -> AsyncIterator[Firefox]:
    """A Firefox without windows, in a profile of its own; private: as in a private window."""
    program = next(filter(None, map(shutil.which, NAMES)))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        (Path(profile) / "user.js").write_text(PREFERENCES + PRIVATE * private)
        process = await asyncio.create_subprocess_exec(
            *(program, "--headless", "--no-remote", "--profile", profile),
            "--remote-debugging-port=0",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": profile, "PATH": "/usr/bin:/bin"},
        )
        assert process.stderr is not None
        try:
            printed, waiting, found = b"", Patience(START_S, process.pid), None
            while not found:
                assert not waiting.over, printed
                with contextlib.suppress(TimeoutError):
                    line = await asyncio.wait_for(process.stderr.readline(), 0.2)
                    assert line, printed
                    printed += line
                found = re.search(rb"BiDi listening on (ws://\S+)", printed)
            draining = asyncio.create_task(process.stderr.read())
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(found[1].decode() + "/session", max_msg_size=0) as socket,
            ):
                browser = Firefox(socket)
                reading = asyncio.create_task(browser.read())
                await browser.call("session.new", capabilities={})
                events = ["log.entryAdded", "network.beforeRequestSent"]
                await browser.call("session.subscribe", events=events)
                yield browser
                reading.cancel()
            draining.cancel()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
