"""The page of the virtual board, and the socket between the two.

Only this machine reaches it: it listens on 127.0.0.1, wants a random token in every address, and
refuses other hosts' names and origins, by which a page from elsewhere could try to get in.

To a page go texts (JSON objects: hello, console, leds, numbers) and frames (little-endian):

    <IIH      number, touch that it answers (0: none), rectangles
    <HHHH     x, y, width, height; then width * height pixels, RGB565      for each

From it come JSON objects with one of the keys touch, drawn, keys, button, reset. A page gets a
frame only when it has drawn the one before, and then all that has changed since: a slow page, or
one behind a closed lid, sees less often, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import math
import secrets
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from uff_host.board.glass import Dirt, Rectangle
from uff_host.board.hardware import Move
from uff_host.board.session import BACKLOG, Session
from uff_host.errors import DeviceError

ADDRESS = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost")
PAGE = Path(__file__).parent / "page"
KINDS = {
    "": ("index.html", "text/html"),
    "board.css": ("board.css", "text/css"),
    "board.js": ("board.js", "text/javascript"),
    "terminal.js": ("terminal.js", "text/javascript"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FINGERS = 10  # of a page
LONGEST = 1 << 16  # a message from a page

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """One open page: what it still has to get, and what it holds."""

    def __init__(self, socket: web.WebSocketResponse, screen: Rectangle) -> None:
        self.socket = socket
        self.dirt = Dirt()
        self.dirt.add(screen)
        self.messages: list[dict[str, Any]] = []
        self.text = ""
        self.awake = asyncio.Event()
        self.awake.set()
        self.sent = self.drawn = 0  # numbers of frames
        self.stamp = self.answered = 0  # of its touches: the one that waits, the one to tell of
        self.fingers: dict[int, int] = {}  # its pointers, and what the hardware calls them
        self.button = False
        self.numbers: dict[str, Any] = {}  # what it has been told

    def tell(self, **message: Any) -> None:
        """Send this when the socket is free; what says the same is replaced."""
        self.messages = [one for one in self.messages if one.keys() != message.keys()]
        self.messages.append(message)
        self.awake.set()

    def print(self, text: str) -> None:
        """Show this on its console; of much, the last."""
        self.text = (self.text + text)[-BACKLOG:]
        self.awake.set()

    def frame(self, glass_bytes: Callable[[Rectangle], bytes]) -> bytes:
        """All that it has not got."""
        parts = list(self.dirt.take())
        self.sent += 1
        stamp, self.answered = self.answered, 0
        pieces = [struct.pack("<IIH", self.sent, stamp, len(parts))]
        for part in parts:
            pieces += [struct.pack("<HHHH", *part), glass_bytes(part)]
        return b"".join(pieces)


class Server:
    """Serves the pages of one board. Use serve()."""

    def __init__(self, session: Session) -> None:
        self._session, self._hardware = session, session.hardware
        self._token = secrets.token_urlsafe(16)
        self._pages: set[Page] = set()
        self._next_finger = 0
        self._port = 0

    @property
    def url(self) -> str:
        """The page's address, with its token."""
        return f"http://{ADDRESS}:{self._port}/{self._token}/"

    @property
    def pages(self) -> int:
        """How many are open."""
        return len(self._pages)

    @contextlib.asynccontextmanager
    async def serve(self, port: int | None) -> AsyncIterator[None]:
        """Listen on a port; None: on any that is free.

        Raises:
            DeviceError: The port is taken.
        """
        application = web.Application(middlewares=[self._guard])
        application.router.add_get("/{token}/socket", self._socket)
        application.router.add_get("/{token}/{name}", self._file)
        application.router.add_get("/{token}/", self._file)
        application.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, ADDRESS, port or 0, reuse_address=True)
            try:
                await site.start()
            except OSError as error:
                raise DeviceError(
                    f"Port {port} cannot be used ({error.strerror}). Take another with --port, or "
                    "leave it out."
                ) from None
            self._port = int(runner.addresses[0][1])
            self._hardware.on_frame = self._on_frame
            self._hardware.on_leds = self._on_leds
            self._session.on_text = self._on_text
            numbers = asyncio.create_task(self._numbers())
            try:
                yield
            finally:
                numbers.cancel()
                for page in list(self._pages):
                    with contextlib.suppress(Exception):
                        await page.socket.close(code=1001, message=b"the board is off")
        finally:
            await runner.cleanup()

    # ---- who may come in ----

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        host = urlsplit(f"//{request.headers.get('Host', '')}")
        origin = request.headers.get("Origin")
        if host.hostname not in NAMES:
            raise web.HTTPForbidden(text="This board is reached as 127.0.0.1 or localhost only.\n")
        if origin is not None and origin != f"http://{host.netloc}":
            raise web.HTTPForbidden(text="Pages from elsewhere have no business here.\n")
        token = request.match_info.get("token", "")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise web.HTTPForbidden(text="Open the whole address that `uff board` has printed.\n")
        return await handler(request)

    # ---- what it gets ----

    async def _file(self, request: web.Request) -> web.StreamResponse:
        try:
            name, kind = KINDS[request.match_info.get("name", "")]
        except KeyError:
            raise web.HTTPNotFound(text="There is no such file.\n") from None
        return web.Response(body=(PAGE / name).read_bytes(), content_type=kind, charset="utf-8")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if "Origin" not in request.headers:  # no browser leaves it out
            raise web.HTTPForbidden(text="A page's socket names its origin.\n")
        socket = web.WebSocketResponse(
            heartbeat=20.0, max_msg_size=LONGEST, compress=False, timeout=2.0
        )
        await socket.prepare(request)
        glass = self._hardware.glass
        page = Page(socket, glass.whole)
        port = self._session.port
        page.tell(
            hello={
                "width": glass.width,
                "height": glass.height,
                "port": port.path if port else "",
                "folder": str(self._session.folder),
            }
        )
        page.tell(leds=self._hardware.leds)
        page.print(self._session.backlog)
        self._pages.add(page)
        writing = asyncio.create_task(self._write(page))
        try:
            async for message in socket:
                if message.type != WSMsgType.TEXT:
                    break
                try:
                    self._take(page, json.loads(message.data))
                except (ValueError, TypeError, KeyError, AttributeError):
                    await socket.close(code=1003, message=b"not understood")
        finally:
            self._pages.discard(page)
            writing.cancel()
            self._let_go(page)
        return socket

    async def _write(self, page: Page) -> None:
        """Send what waits, one piece after the other."""
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                await page.awake.wait()
                page.awake.clear()
                messages, page.messages = page.messages, []
                for message in messages:
                    await page.socket.send_str(json.dumps(message))
                if page.text:
                    text, page.text = page.text, ""
                    await page.socket.send_str(json.dumps({"console": text}))
                if page.dirt and page.sent == page.drawn:
                    await page.socket.send_bytes(page.frame(self._hardware.glass.bytes_of))

    # ---- what it says ----

    def _take(self, page: Page, message: dict[str, Any]) -> None:
        """Do what a page asks for.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: It is nothing a page says.
        """
        if "drawn" in message:
            page.drawn = int(message["drawn"])
            page.awake.set()
        elif "touch" in message:
            stamp = int(message["stamp"])
            if self._hardware.hand([self._move(page, *move) for move in message["touch"]]):
                for other in self._pages:
                    other.stamp = 0
                page.stamp = stamp
        elif "keys" in message:
            self._session.device.input(str(message["keys"]).encode("utf-8", "replace"))
        elif "button" in message:
            page.button = bool(message["button"])
            self._hold_button()
        elif "reset" in message:
            self._session.device.reset()
        else:
            raise KeyError("unknown message")

    def _move(
        self, page: Page, pointer: int, doing: Any, x: float, y: float, at_ms: float
    ) -> Move:
        if doing not in ("press", "move", "lift") or not all(map(math.isfinite, (x, y, at_ms))):
            raise ValueError("no touch")
        if doing == "press" and pointer not in page.fingers:
            if len(page.fingers) >= FINGERS:
                raise ValueError("too many fingers")
            page.fingers[pointer] = self._next_finger
            self._next_finger += 1
        finger = page.fingers[pointer]
        if doing == "lift":
            del page.fingers[pointer]
        glass = self._hardware.glass
        column = min(max(int(x), 0), glass.width - 1)
        row = min(max(int(y), 0), glass.height - 1)
        return Move(finger, doing, column, row, float(at_ms))

    def _hold_button(self) -> None:
        held = any(page.button for page in self._pages)
        if held != self._hardware.button:
            self._hardware.button = held
            for page in self._pages:
                page.tell(button=held)

    def _let_go(self, page: Page) -> None:
        """A page has gone: its fingers are lifted, its button is released."""
        self._hardware.hand([Move(finger, "lift", 0, 0, 0.0) for finger in page.fingers.values()])
        page.fingers.clear()
        page.button = False
        self._hold_button()

    # ---- what all get ----

    def _on_frame(self, part: Rectangle, answers: bool) -> None:
        for page in self._pages:
            page.dirt.add(part)
            if answers and page.stamp:
                page.answered, page.stamp = page.stamp, 0
            page.awake.set()

    def _on_leds(self) -> None:
        for page in self._pages:
            page.tell(leds=self._hardware.leds)

    def _on_text(self, text: str) -> None:
        for page in self._pages:
            page.print(text)

    async def _numbers(self) -> None:
        meter = self._hardware.meter
        while True:
            latency = meter.latency()
            numbers = {
                "fps": meter.frames_per_second(),
                "median_ms": latency and round(latency.median_ms, 1),
                "p95_ms": latency and round(latency.p95_ms, 1),
                "pages": len(self._pages),
            }
            for page in self._pages:
                if page.numbers != numbers:
                    page.numbers = numbers
                    page.tell(numbers=numbers)
            await asyncio.sleep(1)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
