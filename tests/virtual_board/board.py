"""A virtual board for tests: `uff board` as its own process, its serial port, its pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
import numpy as np
import serial

from uff_host import patience
from uff_host.patience import Patience

BANNER = b'Type "help()" for more information.\r\n>>> '


def uff_board(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`uff board` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "uff_host", "board", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Board:
    """A running `uff board`."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        where = () if "--firmware" in arguments else ("--folder", str(folder))
        self.process = uff_board("--no-open", *where, *arguments, **environment)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(4)]
        found = re.search(r"(http://\S+)\s.*connect (/\S+)", "".join(lines), re.DOTALL)
        assert found, [*lines, self.process.stdout.read()]
        self.url, self.port = found[1], found[2]
        self.host = self.url.split("/")[2]

    def end(self) -> str:
        """Ctrl-C; the rest of its output."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return patience.finish(self.process, 20)[0]

    def mpremote(self, *arguments: str, check: bool = True, cwd: Path | None = None) -> str:
        """What stock mpremote prints on this board."""
        done = patience.run(
            [sys.executable, "-m", "mpremote", "connect", self.port, *arguments], 60, cwd=cwd
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def devices(self) -> list[int]:
        """Process ids of its MicroPython."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in listed.split()]


class Serial:
    """The board's serial port, byte by byte."""

    def __init__(self, port: str) -> None:
        self._serial = serial.Serial(port, exclusive=True, timeout=0.1)
        self._others = patience.holders(port)
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._serial.close()

    def send(self, data: bytes) -> None:
        self._serial.write(data)

    def fill(self, data: bytes) -> int:
        """Send this again and again until the port takes no more; how many bytes it took."""
        port, sent, full = self._serial.fileno(), 0, 0
        while full < 20:
            try:
                sent += os.write(port, data)  # pyserial has set it not to block
                full = 0
            except BlockingIOError:
                full += 1
                time.sleep(0.02)
        return sent

    def until(self, end: bytes) -> bytes:
        """All up to and with `end`."""
        waiting = Patience(60, *self._others)
        while end not in self.received:
            assert not waiting.over, f"no {end!r} in {self.received!r}"
            if select.select([self._serial], [], [], 0.1)[0]:
                self.received += self._serial.read(max(1, self._serial.in_waiting))
                waiting.renew()
        at = self.received.index(end) + len(end)
        found, self.received = self.received[:at], self.received[at:]
        return found

    def available(self) -> bytes:
        """What has come."""
        return bytes(self._serial.read(self._serial.in_waiting))

    def prompt(self) -> None:
        """Stop what runs."""
        self._serial.reset_input_buffer()
        self.received = b""
        self.send(b"\x03\x02print('sy' + 'nc')\r")
        self.until(b"sync\r\n>>> ")


class Page:
    """A page without a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.acknowledges = True
        self.pixels: Any = None
        self.frames = self.stamps = self.printed = 0
        self.text = ""
        self.state: dict[str, Any] = {}
        self.closed: int | None = None

    async def read(self) -> None:
        """Until the server closes it."""
        async for message in self.socket:
            if message.type == aiohttp.WSMsgType.BINARY:
                await self._frame(message.data)
            elif message.type == aiohttp.WSMsgType.TEXT:
                values = json.loads(message.data)
                if "console" in values:
                    self.text += values.pop("console")
                    self.printed += 1
                    if self.acknowledges:
                        await self.say(printed=self.printed)
                self.state |= values
                if "hello" in values:
                    size = values["hello"]["height"], values["hello"]["width"]
                    self.pixels = np.zeros(size, dtype=np.uint16)
        self.closed = self.socket.close_code

    async def _frame(self, data: bytes) -> None:
        number, stamp, count = struct.unpack_from("<IIH", data)
        at = 10
        for _ in range(count):
            x, y, width, height = struct.unpack_from("<HHHH", data, at)
            new = np.frombuffer(data, "<u2", width * height, at + 8).reshape(height, width)
            self.pixels[y : y + height, x : x + width] = new
            at += 8 + 2 * width * height
        assert at == len(data)
        self.frames += 1
        self.stamps = stamp or self.stamps
        self.latest = number
        if self.acknowledges:
            await self.say(drawn=number)

    async def say(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def touch(self, *moves: tuple[int, str, float, float], stamp: int = 1) -> None:
        now = time.monotonic() * 1e3
        await self.say(touch=[[*move, now] for move in moves], stamp=stamp)

    async def until(self, true: Callable[[], bool], limit_s: float = 10.0) -> None:
        assert await patience.until_async(true, limit_s), self.text[-500:]

    async def shows(self, x: int, y: int, colour: int) -> None:
        await self.until(lambda: bool(self.pixels[y, x] == colour))


@contextlib.asynccontextmanager
async def open_page(board: Board, limit_s: float = 10.0) -> AsyncIterator[Page]:
    """A page on the board, with its first frame drawn."""
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(
            board.url + "socket", headers={"Origin": f"http://{board.host}"}
        )
        page = Page(socket)
        reading = asyncio.create_task(page.read())
        try:
            await page.until(lambda: page.frames > 0, limit_s)
            yield page
            if reading.done():
                reading.result()
        finally:
            reading.cancel()
            await socket.close()
