"""The page of the virtual board, and the socket between the two.

Only this machine reaches it: it listens on 127.0.0.1, wants a random token in every address, and
refuses other hosts' names and origins, by which a page from elsewhere could try to get in. Who has
no token can neither fill its memory nor take its descriptors (connection_limit.py).

To a page go texts (JSON: hello, console, leds, screen, button, numbers) and frames
(little-endian):

    <IIH      number, touch that it answers (0: none), rectangles
    <HHHH     x, y, width, height; then width * height pixels, RGB565      for each

From it come the messages of messages.py. A page gets a frame only when it has drawn the one
before, and then all that has changed since, and likewise the console: a slow page, or one behind a
closed lid, sees less often, and holds up nobody. What pages send and the board does not take is
bounded: a page's presses (moves between two bound themselves), keys for all pages together.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import secrets
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

from uff_host.errors import DeviceError
from uff_host.virtual_board import messages
from uff_host.virtual_board.connection_limit import ConnectionLimit
from uff_host.virtual_board.device import CTRL_C
from uff_host.virtual_board.framebuffer import DirtyRegion, Rectangle
from uff_host.virtual_board.hardware import Move
from uff_host.virtual_board.running_board import RunningBoard, latest

ADDRESS = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost")
PAGE = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PAGES = 16
FINGERS = 10  # of a page
PRESSES = 8  # of a page that the controller has not seen; a person makes 10 a second, it sees 25
KEYS = 1 << 20  # bytes that the board has not read
LONGEST = 1 << 16  # a message from a page
REPEAT_S = 60.0  # before the same line is printed on the terminal again
CLOSE_S = 2.0  # for pages to hear that the board is off

# Errors of clients are not logged; those of this server are, by Server._complain().
_SILENT = logging.Logger("uff.board")
_SILENT.addHandler(logging.NullHandler())

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """One open page: what it still has to get, and what it holds."""

    def __init__(self, socket: web.WebSocketResponse, screen: Rectangle, number: int) -> None:
        self.socket, self.number = socket, number
        self.dirty = DirtyRegion()
        self.dirty.add(screen)
        self.messages: list[dict[str, Any]] = []
        self.text = ""
        self.awake = asyncio.Event()
        self.awake.set()
        self.frames = self.drawn = 0  # numbers of the last frame sent and drawn
        self.texts = self.printed = 0  # and of the last piece of console
        self.stamp = self.answered = 0  # of its touches: the one that waits, the one to tell of
        self.fingers: dict[int, int | None] = {}  # its pointers, and what the hardware calls them
        self.button = False
        self.unread = False  # its keys were refused
        self.numbers: dict[str, Any] = {}  # what was last sent

    @property
    def finger_ids(self) -> set[int]:
        """What the hardware calls its fingers, down or not."""
        return set(range(self.number * FINGERS, (self.number + 1) * FINGERS))

    def tell(self, **message: Any) -> None:
        """Send this when the socket is free; what says the same is replaced."""
        self.messages = [one for one in self.messages if one.keys() != message.keys()]
        self.messages.append(message)
        self.awake.set()

    def print(self, text: str) -> None:
        """Show this on its console; of much, the last."""
        self.text = latest(self.text + text)
        self.awake.set()

    def frame(self, bytes_of: Callable[[Rectangle], bytes]) -> bytes:
        """All that it has not got."""
        parts = list(self.dirty.take())
        self.frames += 1
        stamp, self.answered = self.answered, 0
        pieces = [struct.pack("<IIH", self.frames, stamp, len(parts))]
        for part in parts:
            pieces += [struct.pack("<HHHH", *part), bytes_of(part)]
        return b"".join(pieces)


class Server:
    """Serves the pages of one board. Use serve()."""

    def __init__(self, board: RunningBoard, complain: Callable[[str], None] = print) -> None:
        """complain: gets a sentence where something goes wrong that no page shows."""
        self._board, self._hardware = board, board.hardware
        self._token = secrets.token_urlsafe(16)
        self._ticket = ""
        self._pages: set[Page] = set()
        self._port = 0
        self._print = complain
        self._complaints: dict[str, float] = {}  # when each was made
        self._files = {file.name: file.read_bytes() for file in PAGE.iterdir()}

    @property
    def url(self) -> str:
        """The page's address, with its token."""
        return f"http://{ADDRESS}:{self._port}/{self._token}/"

    def ticket(self) -> str:
        """An address that leads to the page once: for a command line, which others can read."""
        self._ticket = secrets.token_urlsafe(16)
        return f"http://{ADDRESS}:{self._port}/open/{self._ticket}"

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
        application = web.Application(middlewares=[_one_exchange, self._guard])
        application.router.add_get("/open/{ticket}", self._open)
        application.router.add_get("/{token}/socket", self._socket)
        application.router.add_get("/{token}/{name}", self._file)
        application.router.add_get("/{token}/", self._file)
        application.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=1.0, logger=_SILENT, lingering_time=0
        )
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            assert runner.server is not None
            self._limit = ConnectionLimit(runner.server)
            try:
                server = await loop.create_server(
                    self._limit.protocol, ADDRESS, port or 0, reuse_address=True, backlog=64
                )
            except OSError as error:
                raise DeviceError(
                    f"Port {port} cannot be used ({error.strerror}). Take another with --port, or "
                    "leave it out."
                ) from None
            stack.callback(server.close)
            self._port = int(server.sockets[0].getsockname()[1])
            self._hardware.on_frame = self._on_frame
            self._hardware.on_leds = self._on_leds
            self._hardware.on_words = self._on_words
            self._board.on_text = self._on_text
            loop.set_exception_handler(self._on_fault)
            stack.callback(loop.set_exception_handler, None)
            numbers = asyncio.create_task(self._numbers())
            stack.push_async_callback(self._close_pages)
            stack.callback(numbers.cancel)
            yield

    async def _close_pages(self) -> None:
        closing = [
            asyncio.create_task(page.socket.close(code=1001, message=b"the board is off"))
            for page in self._pages
        ]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_S)

    # ---- what goes wrong ----

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody has caught: no descriptors for accept(), which asyncio tries again a second
        later, or a mistake in here."""
        error = context.get("exception")
        why = error.strerror if isinstance(error, OSError) else repr(error or context["message"])
        self._complain(f"The page's server: {why}. It goes on.")

    def _complain(self, sentence: str) -> None:
        now = time.monotonic()
        if now - self._complaints.get(sentence, -REPEAT_S) >= REPEAT_S:
            self._complaints[sentence] = now
            self._print(sentence)

    # ---- who may come in ----

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            host = urlsplit(f"//{request.headers.get('Host', '')}")
            name, place, _ = host.hostname, host.netloc, host.port
        except ValueError:  # a bracket, a letter that is two, a port that is none
            raise web.HTTPBadRequest(text="The name of the host is none.\n") from None
        origin = request.headers.get("Origin")
        if name not in NAMES:
            raise web.HTTPForbidden(text="This board is reached as 127.0.0.1 or localhost only.\n")
        if origin is not None and origin != f"http://{place}":
            raise web.HTTPForbidden(text="Pages from elsewhere have no business here.\n")
        if "ticket" in request.match_info:
            known, shown = self._ticket, request.match_info["ticket"]
        else:
            known, shown = self._token, request.match_info.get("token", "")
        if not known or not hmac.compare_digest(_bytes(shown), known.encode()):
            raise web.HTTPForbidden(text="Open the whole address that `uff board` has printed.\n")
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception as error:
            self._complain(f"The page's server: {error!r}. It goes on.")
            raise web.HTTPInternalServerError from None

    # ---- what it gets ----

    async def _open(self, request: web.Request) -> web.StreamResponse:
        self._ticket = ""
        raise web.HTTPSeeOther(f"/{self._token}/")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info.get("name", "index.html")
        if name not in self._files:
            raise web.HTTPNotFound(text="There is no such file.\n")
        kind = TYPES[Path(name).suffix]
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if "Origin" not in request.headers:  # no browser leaves it out
            raise web.HTTPForbidden(text="A page's socket names its origin.\n")
        socket = web.WebSocketResponse(
            heartbeat=20.0, max_msg_size=LONGEST, compress=False, timeout=CLOSE_S
        )
        try:
            await socket.prepare(request)
        except ValueError:  # a key with letters that no key has
            raise web.HTTPBadRequest(text="This is no handshake.\n") from None
        free = set(range(PAGES)) - {page.number for page in self._pages}
        if not free:
            await socket.close(
                code=WSCloseCode.TRY_AGAIN_LATER, message=f"{PAGES} pages are open".encode()
            )
            return socket
        self._limit.admit(request.transport)
        framebuffer = self._hardware.framebuffer
        page = Page(socket, framebuffer.whole, min(free))
        port = self._board.port
        page.tell(
            hello={
                "width": framebuffer.width,
                "height": framebuffer.height,
                "port": port.path if port else "",
                "folder": self._board.files,
            }
        )
        page.tell(leds=self._hardware.leds)
        page.tell(screen=self._words())
        page.print(self._board.backlog)
        self._pages.add(page)
        writing = asyncio.create_task(self._write(page))
        try:
            async for message in socket:
                if message.type != WSMsgType.TEXT:
                    break
                try:
                    self._take(page, messages.read(message.data))
                except messages.MessageError:
                    await socket.close(
                        code=WSCloseCode.UNSUPPORTED_DATA, message=b"not understood"
                    )
                    break
                await asyncio.sleep(0)  # who says much leaves others their turn
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
                waiting, page.messages = page.messages, []
                for message in waiting:
                    await page.socket.send_str(json.dumps(message))
                if page.text and page.texts == page.printed:
                    text, page.text = page.text, ""
                    page.texts += 1
                    await page.socket.send_str(json.dumps({"console": text}))
                if page.dirty and page.frames == page.drawn:
                    await page.socket.send_bytes(page.frame(self._hardware.framebuffer.bytes_of))

    # ---- what it says ----

    def _take(self, page: Page, message: messages.Message) -> None:
        """Do what a page asks for.

        Raises:
            MessageError: It cannot be meant.
        """
        if isinstance(message, messages.Drawn):
            page.drawn = message.number
            page.awake.set()
        elif isinstance(message, messages.Printed):
            page.printed = message.number
            page.awake.set()
        elif isinstance(message, messages.Touch):
            if self._hardware.move_fingers(self._moves(page, message.pointers)):
                for other in self._pages:
                    other.stamp = 0
                page.stamp = message.stamp
        elif isinstance(message, messages.Keys):
            self._type(page, message.text)
        elif isinstance(message, messages.Button):
            page.button = message.held
            self._hold_button()
        else:
            self._board.device.reset()

    def _moves(self, page: Page, pointers: Iterable[messages.Pointer]) -> list[Move]:
        """For the hardware; a tap too many is left out whole.

        Raises:
            MessageError: No page has so many fingers, or one that is up moves.
        """
        framebuffer, moves = self._hardware.framebuffer, []
        presses = self._hardware.presses(page.finger_ids)
        for pointer in pointers:
            doing = pointer.doing
            if doing == "press":
                if pointer.pointer in page.fingers:
                    doing = "move"  # it is down
                elif len(page.fingers) >= FINGERS:
                    raise messages.MessageError("too many fingers")
                else:
                    free = page.finger_ids - set(page.fingers.values())
                    page.fingers[pointer.pointer] = min(free) if presses < PRESSES else None
                    presses += 1
            elif pointer.pointer not in page.fingers:
                raise messages.MessageError("a finger that is up")
            finger = page.fingers[pointer.pointer]
            if doing == "lift":
                del page.fingers[pointer.pointer]
            if finger is not None:
                column = min(max(int(pointer.x), 0), framebuffer.width - 1)
                row = min(max(int(pointer.y), 0), framebuffer.height - 1)
                moves.append(Move(finger, doing, column, row, pointer.at_ms))
        return moves

    def _type(self, page: Page, text: str) -> None:
        """To the REPL. What a program leaves unread has a limit; Ctrl-C has none."""
        device, data = self._board.device, text.encode("utf-8", "replace")
        if device.unread + len(data) <= KEYS:
            page.unread = False
            device.input(data)
            return
        if CTRL_C in data:
            device.interrupt()
        if not page.unread:
            page.print("\r\n[What you type is lost: the board reads nothing]\r\n")
        page.unread = True

    def _hold_button(self) -> None:
        held = any(page.button for page in self._pages)
        if held != self._hardware.button:
            self._hardware.button = held
            for page in self._pages:
                page.tell(button=held)

    def _let_go(self, page: Page) -> None:
        """A page has gone: its fingers are lifted, its button is released."""
        self._hardware.let_go(page.finger_ids)
        page.fingers.clear()
        page.button = False
        self._hold_button()

    # ---- what all get ----

    def _on_frame(self, part: Rectangle, answers: bool) -> None:
        for page in self._pages:
            page.dirty.add(part)
            if answers and page.stamp:
                page.answered, page.stamp = page.stamp, 0
            page.awake.set()

    def _on_leds(self) -> None:
        for page in self._pages:
            page.tell(leds=self._hardware.leds)

    def _words(self) -> Any:
        """What is on the screen, None where nobody says."""
        try:
            return json.loads(self._hardware.words)
        except ValueError:
            return None

    def _on_words(self) -> None:
        words = self._words()
        for page in self._pages:
            page.tell(screen=words)

    def _on_text(self, text: str) -> None:
        for page in self._pages:
            page.print(text)

    async def _numbers(self) -> None:
        statistics = self._hardware.latency
        while True:
            latency = statistics.latency()
            numbers = {
                "fps": statistics.frames_per_second(),
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


@web.middleware
async def _one_exchange(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A connection ends with its answer, and the answer says so; a page's socket is none."""
    try:
        response = await handler(request)
    except web.HTTPException as answer:
        answer.force_close()
        raise
    if not response.prepared:
        response.force_close()
    return response


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
