"""The page with its board in it, as static files below some path, in Debian's browsers."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import firefox
import pytest
import web

from uff_host import patience
from uff_host.handwriting import Hand
from uff_host.patience import Patience
from uff_host.virtual_board import browser_driver
from uff_host.virtual_board.browser_driver import Visitor

pytestmark = pytest.mark.skipif(bool(web.missing()), reason=web.missing())
chromium_only = pytest.mark.skipif(bool(browser_driver.missing()), reason=browser_driver.missing())
each_browser = pytest.mark.parametrize(
    "browser",
    [
        pytest.param("chromium", marks=chromium_only),
        pytest.param(
            "firefox", marks=pytest.mark.skipif(bool(firefox.missing()), reason=firefox.missing())
        ),
    ],
)

LEARN = """
from binascii import crc32
from capture.recogniser import Recogniser
recogniser = Recogniser("")
for _ in recogniser.train():
    pass
print("crc", crc32(open("drawings.uffm", "rb").read()))
"""
SEND = (
    "from binascii import hexlify; from time import sleep_ms; f = open('drawings.uffs', 'rb')\r"
    "while d := f.read(128): print('#' + hexlify(d).decode()); sleep_ms(10)\r\r"
    "from binascii import crc32; print('crc', crc32(open('drawings.uffm', 'rb').read()))\r"
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


@contextlib.asynccontextmanager
async def visit(browser: str, url: str) -> AsyncIterator[Visitor]:
    """A browser on the page; what goes wrong there, or is asked of elsewhere, fails the test."""
    here = url.rpartition("/")[0]
    if browser == "firefox":
        async with firefox.firefox() as fox:
            someone = Visitor(await fox.new_page())
            await someone.come(url)
            yield someone
            assert fox.errors == []
            assert [one for one in fox.requests if not inside(one, here)] == []
        return
    async with browser_driver.browser() as chromium:
        size = {"viewport": {"width": 1500, "height": 800}}
        page = await (await chromium.new_context(**size)).new_page()
        troubles: list[str] = []
        watch(page, here, troubles)
        someone = Visitor(page)
        await someone.come(url)
        yield someone
        assert troubles == []


def watch(page: Any, here: str, troubles: list[str]) -> None:
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type != "log" else 0)
    page.on("request", lambda one: troubles.append(one.url) if not inside(one.url, here) else 0)


def inside(address: str, here: str) -> bool:
    return address.startswith((here, "data:", "about:"))


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    waiting = Patience(20)
    while not await true():
        assert not waiting.over
        await asyncio.sleep(0.03)


async def shows(page: Any, text: str) -> None:
    """Wait until the console ends with this text."""
    waiting = Patience(20)
    while not (said := await page.evaluate("board.terminal.text.trimEnd()")).endswith(text):
        assert not waiting.over, said[-500:]
        await asyncio.sleep(0.03)


async def another(page: Any) -> Any:
    """A further tab of the same browser."""
    if isinstance(page, firefox.FirefoxPage):
        return await page.browser.new_page()
    return await page.context.new_page()


async def stop(someone: Visitor) -> None:
    await someone.page.locator("#stop").click()
    await shows(someone.page, ">>>")


async def type_in(someone: Visitor, text: str) -> None:
    await someone.page.evaluate("text => board.terminal.send(text)", text)


async def teach(someone: Visitor, hand: Hand, rounds: int) -> None:
    for number in range(rounds):
        for label, character in enumerate("123"):
            await someone.draw(hand.draw(character, number, someone.field()))
            await someone.tap(f"class {label}")


@each_browser
def test_draw_train_recognise_and_the_model_is_the_unix_ports(
    browser: str, url: str, micropython: Path, tmp_path: Path
) -> None:
    async def work() -> tuple[bytes, int]:
        async with visit(browser, url) as someone:
            page, hand = someone.page, Hand(4)
            await teach(someone, hand, 3)
            await someone.press("train")
            await someone.page.wait_for_selector("#led0.on")
            await someone.page.wait_for_selector("#led0:not(.on)")
            await someone.settle()
            await stop(someone)
            await type_in(someone, SEND)
            await until(lambda: page.evaluate("/\\ncrc \\d+\\n>>>/.test(board.terminal.text)"))
            text = await page.evaluate("board.terminal.text")
            drawings = bytes.fromhex("".join(re.findall(r"^#([0-9a-f]+)$", text, re.MULTILINE)))
            crc = int(re.findall(r"^crc (\d+)$", text, re.MULTILINE)[-1])
            return drawings, crc

    drawings, crc = asyncio.run(work())
    (tmp_path / "drawings.uffs").write_bytes(drawings)
    (tmp_path / "learn.py").write_text(LEARN)
    device = web.TOP / "device"
    command = ["env", f"MICROPYPATH={device}:.frozen", str(micropython), "-X", "heapsize=32M"]
    done = patience.run([*command, "learn.py"], 60, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"crc {crc}" in done.stdout.splitlines()
    assert crc == zlib.crc32((tmp_path / "drawings.uffm").read_bytes())


@each_browser
def test_drawings_outlive_reload_reset_and_close_and_start_from_nothing(
    browser: str, url: str
) -> None:
    async def counts(someone: Visitor, wanted: str) -> None:
        await stop(someone)
        code = "from capture.recogniser import Recogniser as R; print('has', R().counts())\r"
        await type_in(someone, code)
        await shows(someone.page, f"has {wanted}\n>>>")
        await type_in(someone, "\x04")
        await someone.until("board.terminal.text.includes('MPY: soft reboot')")
        await someone.settle()

    async def work() -> None:
        async with visit(browser, url) as someone:
            page = someone.page
            await teach(someone, Hand(4), 1)
            await page.reload()
            await someone.settle()
            await counts(someone, "[1, 1, 1]")
            await page.locator("#reset").click()
            await someone.settle()
            await counts(someone, "[1, 1, 1]")
            # A second tab says so, and gets its turn when the first is closed.
            troubles: list[str] = []
            other = Visitor(await another(page))
            if browser == "chromium":
                watch(other.page, url.rpartition("/")[0], troubles)
            await other.page.goto(url)
            await other.until(
                "document.getElementById('away').textContent.includes('another tab')"
            )
            assert await other.page.locator("#away").is_visible()
            await page.close()
            await other.settle()
            assert await other.page.locator("#away").is_hidden()
            await counts(other, "[1, 1, 1]")
            await other.page.evaluate("(window.confirm = () => true, 0)")
            await other.page.locator("#erase").click()
            await other.settle()
            await counts(other, "[0, 0, 0]")
            await other.page.reload()
            await other.settle()
            await counts(other, "[0, 0, 0]")
            assert troubles == []

    asyncio.run(work())


@chromium_only
def test_a_browser_that_lacks_something_is_told_what(url: str) -> None:
    async def says(lost: str, sentence: str) -> None:
        async with browser_driver.browser() as chromium:
            page = await chromium.new_page()
            await page.add_init_script(lost)
            await page.goto(url)
            await until(lambda: page.locator("#away").is_visible())
            text = await page.locator("#away").text_content()
            assert text.startswith(f"This browser lacks {sentence}. Chrome or Edge from"), text

    async def work() -> None:
        await says(
            "delete Navigator.prototype.locks", "Web Locks (a page by https, or on this machine)"
        )
        await says(
            "const all = WebAssembly.validate;"
            "WebAssembly.validate = (bytes) => bytes.length > 29 && all(bytes)",
            "WebAssembly with exceptions",
        )

    asyncio.run(work())


def test_make_web_serve_shows_what_make_web_has_built() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["make", "-s", "web-serve", f"WEB_PORT={port}"]
    serving = subprocess.Popen(command, cwd=web.TOP, start_new_session=True)
    try:
        waiting = Patience(100, serving.pid)
        while True:
            assert serving.poll() is None
            assert not waiting.over
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/board.wasm") as answer:
                    assert answer.read() == web.web_firmware().read_bytes()
                    break
            except OSError:
                time.sleep(0.1)
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait()


@chromium_only
def test_console_buttons_and_a_program_that_never_waits(url: str) -> None:
    async def work() -> None:
        async with visit("chromium", url) as someone:
            page = someone.page
            await stop(someone)
            await page.locator("#terminal").click()
            await page.keyboard.type("prinX")
            await page.keyboard.press("Backspace")
            await page.keyboard.type("t(6 * 7)")
            await page.keyboard.press("Enter")
            await shows(page, ">>> print(6 * 7)\n42\n>>>")
            await page.keyboard.press("ArrowUp")
            await page.keyboard.press("Enter")
            await shows(page, "42\n>>> print(6 * 7)\n42\n>>>")
            await page.evaluate("board.terminal.paste('for i in range(2):\\n    print(i)\\n')")
            await shows(page, "\n0\n1\n>>>")
            for busy, says in (
                ("print(7000)\\nwhile True: pass", "7000"),
                ("while True: print(7001)", "7001\\n7001\\n7001"),
                ("import time\\nprint(7002)\\ntime.sleep(99)", "7002"),
            ):
                await type_in(someone, f"exec('{busy}')\r")
                # Ctrl-C before it runs would only end the line that is typed.
                await someone.until(f"board.terminal.text.includes('\\n{says}\\n')")
                await page.locator("#stop").click()
                await shows(page, "KeyboardInterrupt: \n>>>")
            await type_in(someone, "def f(): f()\r\r\rf()\r")
            await shows(page, "maximum recursion depth exceeded\n>>>")
            await type_in(someone, "bytearray(1 << 28)\r")
            await shows(page, "memory allocation failed, allocating 268435456 bytes\n>>>")
            await type_in(someone, "import boards; boards.here().leds[2].on()\r")
            await page.wait_for_selector("#led2.on")
            await page.locator("#hold").check()
            await page.locator("#reset").click()
            await page.wait_for_selector("#led2:not(.on)")
            await someone.until("board.terminal.text.includes('button was held')")
            await page.locator("#hold").uncheck()
            await type_in(someone, "import machine; machine.reset()\r")
            await someone.settle()
            await shows(page, "draw on the screen. Ctrl-C ends it.")

    asyncio.run(work())
