"""Faults against a running `uff board`, over loopback alone: what each tries, and what was lost.

    .venv/bin/python tests/virtual_board/board_campaign.py            # the table, some minutes
    .venv/bin/python tests/virtual_board/board_campaign.py --short    # the same, fewer times
    .venv/bin/python tests/virtual_board/board_campaign.py "half-open requests" ...

Each fault runs against a board of its own, under the limit of 1,024 descriptors that a shell
gives. Lost is, each time counted: a touch of another page that was not drawn, a page that could
not be opened, a reset after which the app did not start, memory that grew by more than 24 MB, a
line in the terminal that should not be there, an exchange that did not end as it should.
test_board_campaign.py runs the short form. Ends with status 1 where something was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import resource
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from board import Board, Page, open_page

from uff_host import patience
from uff_host.virtual_board import connection_limit, server

APP = Path(__file__).resolve().parents[1] / "device" / "board_draw.py"
DESCRIPTORS = 1024
GROWTH_BYTES = 24 << 20
PATIENCE_S = 60.0  # as patience.py counts; nothing here takes a second
BLUE = 0x001F  # where nothing is drawn
WEBSOCKET = (
    "GET {path}socket HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Bench:
    """A board under attack, a page on it that just wants to work, and what it has lost."""

    def __init__(self, board: Board, page: Page) -> None:
        self.board, self.page = board, page
        self.losses: list[str] = []
        self.port = int(board.host.split(":")[1])
        self.path = board.url.split(board.host)[1]
        self.touches = 0
        self.begun = self.memory()

    def memory(self) -> int:
        """Bytes of the server's process."""
        text = Path(f"/proc/{self.board.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found
        return int(found[1]) << 10

    def descriptors(self) -> int:
        """How many the server has open."""
        return len(os.listdir(f"/proc/{self.board.process.pid}/fd"))

    async def has_open(self, count: int) -> None:
        """Wait until the server has so many."""
        there = await patience.until_async(lambda: self.descriptors() == count, PATIENCE_S)
        assert there, f"{self.descriptors()} descriptors, not {count}"

    def lose(self, what: str) -> None:
        self.losses.append(what)

    @contextlib.asynccontextmanager
    async def losing(self, what: str) -> AsyncIterator[None]:
        """What goes wrong in here is lost, and what does not end."""
        try:
            async with patience.limit(2 * PATIENCE_S):
                yield
        except (AssertionError, OSError, TimeoutError, aiohttp.ClientError) as error:
            self.lose(f"{what}: {error!r}")

    async def touch(self) -> None:
        """The page's own touch: pressed, drawn, lifted."""
        async with self.losing("touch"):
            x, y = self.next_place()
            await self.page.touch((1, "press", x, y))
            await self.page.until(lambda: self.page.pixels[y, x] != BLUE, PATIENCE_S)
            before = self.page.text.count("lift")
            await self.page.touch((1, "lift", x, y))
            await self.page.until(lambda: self.page.text.count("lift") > before, PATIENCE_S)

    def next_place(self) -> tuple[int, int]:
        """Where nothing is drawn yet."""
        self.touches += 1
        return 10 + 7 * (self.touches % 110), 20 + 11 * (self.touches // 110 % 30)

    async def opens(self) -> None:
        """A new page."""
        async with self.losing("new page"), open_page(self.board, PATIENCE_S) as other:
            assert other.state["hello"]["width"] == 800
            async with aiohttp.ClientSession() as client, client.get(self.board.url) as answer:
                assert answer.status == 200

    async def reset(self) -> None:
        """The reset button; the app starts, on an empty screen."""
        async with self.losing("reset"):
            before, drawn = self.page.text.count("drawing"), slice(0, 360)
            await self.page.say(reset=True)
            await self.page.until(lambda: self.page.text.count("drawing") > before, PATIENCE_S)
            await self.page.until(
                lambda: bool((self.page.pixels[drawn] == BLUE).all()), PATIENCE_S
            )

    async def all_is_well(self) -> None:
        await self.touch()
        await self.opens()
        await self.reset()
        await self.touch()

    def kept_its_memory(self) -> None:
        grown = self.memory() - self.begun
        if grown > GROWTH_BYTES:
            self.lose(f"memory grew by {grown >> 20} MB")

    # ---- strangers ----

    async def knock(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that has sent this."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        return reader, writer

    async def exchange(self, data: bytes, wait_s: float = PATIENCE_S) -> bytes:
        """What a connection gets for these bytes; nothing, where it waits for more."""
        reader, writer = await self.knock(data)
        try:
            async with patience.limit(wait_s):
                return await reader.read()
        except (ConnectionError, TimeoutError):
            return b""
        finally:
            writer.transport.abort()


async def closed(writers: Iterable[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


# ---- the faults: each tries so often, and tells how often it did ----


async def half_open(bench: Bench, count: int) -> int:
    """Requests without the token that never end, while a page works and a reset happens."""
    kept = []
    begins = [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1",
        b"POST /x/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999\r\n\r\nx",
        b"GET /x/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
    ]
    for number in range(count):
        async with bench.losing("connection"):
            kept.append((await bench.knock(begins[number % len(begins)]))[1])
        if number % (count // 4) == count // 8:
            await bench.all_is_well()
    await bench.all_is_well()
    if bench.descriptors() > 2 * connection_limit.CONNECTIONS:
        bench.lose(f"{bench.descriptors()} descriptors are open")
    await closed(kept)
    return count


async def drips(bench: Bench, count: int) -> int:
    """A byte every half second: cut when their time is over, however long they go on."""
    kept = [await bench.knock(b"GET / HTTP/1.1\r\nX: ") for _ in range(count)]
    begun, ended = time.monotonic(), set()

    async def drip(number: int) -> None:
        reader, writer = kept[number]
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 0.5)
        ended.add(number)

    async with bench.losing("drip"):
        await asyncio.gather(*map(drip, range(count)))
        assert len(ended) == count
        assert time.monotonic() - begun > connection_limit.EXCHANGE_S / 2
    await closed(writer for _, writer in kept)
    await bench.all_is_well()
    return count


async def malformed_http(bench: Bench, count: int) -> int:
    """Requests with bytes changed, left out, doubled: an answer of 4xx, or none."""
    randoms = random.Random(1)
    host = bench.board.host
    whole = [
        f"GET {bench.path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
        WEBSOCKET.format(path=bench.path, host=host).encode(),
        f"POST {bench.path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\n\r\n".encode(),
    ]
    known = [
        f"GET {bench.path} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode("utf-8", "surrogateescape")
        for name in ("[", "[::1", "]", "127.0.0.1:x", "\u2100", "a\udcff", "", "evil.example", "@")
    ] + [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /%ff%fe%00/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /\xed\xa0\x80/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://[/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET //x:y@[/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT [:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Encoding: gzip\r\n\r\nxyz",
    ]
    for number in range(count):
        if number < len(known):
            data, wait_s = known[number], PATIENCE_S
        else:
            data, wait_s = bytes(mutated(randoms, randoms.choice(whole))), 0.05
        async with bench.losing(f"request {data[:60]!r}"):
            answer = await bench.exchange(data, wait_s)
            if number < len(known) or answer:
                status = int(answer.split(b" ", 2)[1])
                # What was changed may be something that does not matter.
                fine = number >= len(known) and status in (101, 200)
                assert 400 <= status < 500 or fine, answer
        if number % 500 == 250:
            await bench.touch()
    await bench.all_is_well()
    return count


def mutated(randoms: random.Random, data: bytes) -> bytearray:
    """With one to four places changed."""
    new = bytearray(data)
    for _ in range(randoms.randint(1, 4)):
        at = randoms.randrange(len(new))
        kind = randoms.randrange(4)
        if kind == 0:
            new[at] = randoms.randrange(256)
        elif kind == 1:
            del new[at : at + randoms.randint(1, 20)]
        elif kind == 2:
            new[at:at] = new[at : at + randoms.randint(1, 40)] * randoms.randint(1, 3)
        else:
            new[at:at] = randoms.choice([b"\r\n", b"\0", b"[", b": ", b"\xff", b" ", b"%", b"\n"])
        if not new:
            new += b"\n"
    return new


HOSTILE = [
    '{"drawn":1e999}',
    '{"drawn":Infinity}',
    '{"drawn":NaN}',
    '{"drawn":1.5}',
    '{"drawn":true}',
    '{"drawn":null}',
    '{"drawn":-1}',
    '{"drawn":' + "9" * 400 + "}",
    '{"drawn":' + "9" * 5000 + "}",
    '{"printed":' + "9" * 400 + "}",
    "[" * 30000,
    '{"touch":' + "[" * 30000,
    "[" * 30000 + "]" * 30000,
    '{"a":' * 10000 + "1" + "}" * 10000,
    '{"touch":[[1,"press",' + "9" * 400 + ',1,1]],"stamp":1}',
    '{"touch":[[1,"press",1,-1e300,1]],"stamp":1}',
    '{"touch":[[1,"press",1,1,Infinity]],"stamp":1}',
    '{"touch":[[1,"press",1,1,1]],"stamp":' + "9" * 400 + "}",
    '{"touch":[[1,"press",1,1,1]],"stamp":4294967296}',
    '{"touch":[[{},"press",1,1,1]],"stamp":1}',
    '{"touch":[[1,{},1,1,1]],"stamp":1}',
    '{"touch":[[1,"press",1,1]],"stamp":1}',
    '{"touch":{},"stamp":1}',
    '{"touch":[]}',
    '{"keys":5}',
    '{"keys":["a"]}',
    '{"button":"held"}',
    '{"reset":false}',
    '{"drawn":1,"keys":"x"}',
    '"\\ud800"',
    "",
    "nul",
    "\0",
]


async def hostile_messages(bench: Bench, count: int) -> int:
    """A page with the token says what no page says: it is closed with 1003, no other is."""
    randoms = random.Random(2)
    sound = [
        '{"drawn":1}',
        '{"touch":[[1,"press",10.5,20,1234.5],[1,"move",11,21,1240]],"stamp":7}',
        '{"button":false}',
        '{"printed":3}',
    ]
    for number in range(count):
        if number < len(HOSTILE):
            message = HOSTILE[number]
        else:
            changed = mutated(randoms, randoms.choice(sound).encode())
            message = changed.decode("utf-8", "replace")
        async with (
            bench.losing(f"message {message[:60]!r}"),
            aiohttp.ClientSession() as client,
            client.ws_connect(
                bench.board.url + "socket", headers={"Origin": f"http://{bench.board.host}"}
            ) as socket,
        ):
            await socket.send_str(message)
            await socket.send_str('{"nonsense":1}')  # closes it where the change did not matter
            async with patience.limit(PATIENCE_S):
                async for _ in socket:
                    pass
            assert socket.close_code == 1003, socket.close_code
        if number % 500 == 250:
            await bench.touch()
    await bench.all_is_well()
    return count


async def hostile_frames(bench: Bench, count: int) -> int:
    """WebSocket frames that are none, torn, too long, unmasked; pings without end."""
    randoms = random.Random(3)
    handshake = WEBSOCKET.format(path=bench.path, host=bench.board.host).encode()

    def masked(opcode: int, data: bytes, length: int | None = None) -> bytes:
        length = len(data) if length is None else length
        return struct.pack("!BBQ4x", 0x80 | opcode, 0x80 | 127, length) + data

    for number in range(count):
        frames = randoms.choice(
            [
                bytes(randoms.randrange(256) for _ in range(randoms.randrange(1, 80))),
                masked(1, b"\xff\xfe"),
                masked(1, b"x", 1 << 62),
                masked(1, b"x" * (server.LONGEST + 1)),
                masked(2, b"binary"),
                masked(3, b"reserved"),
                masked(9, b"x" * 126),
                masked(9, b"ping") * 2000,
                masked(8, b"\0"),
                masked(8, struct.pack("!H", 5) + b"code"),
                struct.pack("!BB", 0x81, 2) + b"{}",
                struct.pack("!BB4x", 0x01, 0x80 | 1) + b"x",
            ]
        )
        async with bench.losing(f"frames {frames[:30]!r}"):
            reader, writer = await bench.knock(handshake)
            async with patience.limit(PATIENCE_S):
                answer = await reader.readuntil(b"\r\n\r\n")
                assert b" 101 " in answer, answer
                writer.write(frames)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
            if number % 2:
                writer.transport.abort()  # some go without a word
            else:
                writer.close()
        if number % 200 == 100:
            await bench.touch()
    await bench.all_is_well()
    bench.kept_its_memory()
    return count


async def queued_moves(bench: Bench, count: int) -> int:
    """A page says so many moves as fast as it can; another one draws, and the app restarts."""
    async with open_page(bench.board, PATIENCE_S) as flood:
        await flood.touch((1, "press", 700, 400))
        each = 800
        for number in range(count // each):
            moves = [[1, "move", 600 + n % 100, 400, number * 1e4 + 25 * n] for n in range(each)]
            await flood.socket.send_str(json.dumps({"touch": moves, "stamp": 1}))
            if number % max(1, count // each // 8) == 0:
                await bench.touch()
        await bench.touch()
        bench.kept_its_memory()
        await bench.reset()
    await bench.all_is_well()
    return count // each * each


async def unread_moves(bench: Bench, count: int) -> int:
    """The same while no program reads touches; the next one gets none of them."""
    await stopped(bench)
    async with open_page(bench.board, PATIENCE_S) as flood:
        await flood.touch((1, "press", 700, 400))
        each = 800
        for number in range(count // each):
            moves = [[1, "move", 600 + n % 100, 400, number * 1e4 + 25 * n] for n in range(each)]
            await flood.socket.send_str(json.dumps({"touch": moves, "stamp": 1}))
        await flood.touch((1, "lift", 700, 400))
        for _ in range(4):  # and some taps
            await flood.touch((2, "press", 300, 390), (2, "lift", 300, 390))
        await served(flood)
        bench.kept_its_memory()
        before = bench.page.text.count("drawing")
        await bench.page.say(keys="\x04")
        async with bench.losing("soft reset"):
            await bench.page.until(lambda: bench.page.text.count("drawing") > before, PATIENCE_S)
        await bench.touch()
        if (bench.page.pixels[380:] != BLUE).any():
            bench.lose("a touch of before is drawn")
    await bench.all_is_well()
    return count // each * each


async def taps(bench: Bench, count: int) -> int:
    """Presses and lifts as fast as a page can say them; another one draws."""
    async with open_page(bench.board, PATIENCE_S) as flood:
        each = 400
        for number in range(count // each):
            moves = [
                [pointer, doing, 700, 400, 0]
                for pointer in range(each)
                for doing in ("press", "lift")
            ]
            await flood.socket.send_str(json.dumps({"touch": moves, "stamp": 1}))
            if number % max(1, count // each // 4) == 0:
                await bench.touch()
        await bench.touch()
        bench.kept_its_memory()
    await bench.all_is_well()
    return count // each * each


async def gone_pages(bench: Bench, count: int) -> int:
    """Pages that vanish with a finger and the button down: both are let go."""
    handshake = WEBSOCKET.format(path=bench.path, host=bench.board.host).encode()
    for _ in range(count):
        async with bench.losing("page"):
            reader, writer = await bench.knock(handshake)
            await reader.readuntil(b"\r\n\r\n")
            for message in (
                '{"touch":[[1,"press",50,450,1],[2,"press",60,450,1]],"stamp":1}',
                '{"touch":[[1,"move",70,450,2]],"stamp":2}',
            ):
                data = message.encode()
                writer.write(struct.pack("!BBH4x", 0x81, 0x80 | 126, len(data)) + data)
            await writer.drain()
            writer.transport.abort()
    await bench.all_is_well()
    return count


async def many_pages(bench: Bench, count: int) -> int:
    """So many pages at once: those there is room for stay, the others get a refusal."""
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(aiohttp.ClientSession())
        refused = 0
        for _ in range(count):
            async with bench.losing("page"):
                socket = await stack.enter_async_context(
                    client.ws_connect(
                        bench.board.url + "socket",
                        headers={"Origin": f"http://{bench.board.host}"},
                    )
                )
                async with patience.limit(PATIENCE_S):
                    message = await socket.receive()
                refused += message.data == 1013
        if refused != count - (server.PAGES - 1):
            bench.lose(f"{refused} of {count} pages were refused")
        await bench.touch()
        await bench.reset()
    await bench.all_is_well()
    return count


async def unread_keys(bench: Bench, count: int) -> int:
    """Bytes typed to a program that reads none; Ctrl-C and a reset still work."""
    await stopped(bench)
    await bench.page.say(keys="exec('print(1 + 1)\\nwhile True: pass')\r")
    await bench.page.until(lambda: "\n2\r\n" in bench.page.text, PATIENCE_S)
    for _ in range(count // 60000):
        await bench.page.say(keys="x" * 60000)
    await served(bench.page)
    bench.kept_its_memory()
    async with bench.losing("Ctrl-C"):
        before = bench.page.text.count("KeyboardInterrupt")
        await bench.page.say(keys="\x03")
        await bench.page.until(
            lambda: bench.page.text.count("KeyboardInterrupt") > before, PATIENCE_S
        )
    await bench.reset()
    await bench.all_is_well()
    return count // 60000 * 60000


async def unread_console(bench: Bench, count: int) -> int:
    """Bytes that a program prints to a page which takes none; another one goes on."""
    async with open_page(bench.board, PATIENCE_S) as still:
        still.acknowledges = False
        await stopped(bench)
        code = f"for n in range({count // 100}): print('x' * 98)"
        await bench.page.say(keys=f"exec({code + chr(10) + 'print(6 * 7)'!r})\r")
        async with bench.losing("console"):
            await bench.page.until(lambda: "\n42\r\n" in bench.page.text, PATIENCE_S)
            assert len(still.text) <= 3 * 16384, len(still.text)
        bench.kept_its_memory()
        await bench.reset()
    await bench.all_is_well()
    return count


async def no_descriptors(bench: Bench, count: int) -> int:
    """No descriptor is left, and a reset comes: reported once, then it goes on when it can."""
    pid = bench.board.process.pid
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    idle, left = bench.descriptors(), 5
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (idle + left, hard))
    for _ in range(count):
        kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        async with bench.losing("full"):
            # Answered: who has gone before is out of the queue of accept(), too.
            assert b" 403 " in await bench.exchange(b"GET / HTTP/1.0\r\n\r\n")
            await bench.has_open(idle)
            kept += [await bench.knock(b"GET /") for _ in range(2 * left)]
            await bench.has_open(idle + left)
            bench.page.text = ""
            await bench.page.say(reset=True)
            await bench.page.until(lambda: "cannot start yet" in bench.page.text, PATIENCE_S)
        await closed(writer for _, writer in kept)
        async with bench.losing("start"):
            await bench.page.until(lambda: "drawing" in bench.page.text, PATIENCE_S)
        await bench.touch()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    await bench.all_is_well()
    return count


async def resets(bench: Bench, count: int) -> int:
    """The reset button without end, while another page draws."""
    async with open_page(bench.board, PATIENCE_S) as other:
        for number in range(count):
            await other.say(reset=True)
            await other.touch((1, "press", 300, 400))
            await other.touch((1, "lift", 300, 400))
            if number % 10 == 9:
                await bench.reset()
    await bench.all_is_well()
    return count


async def stopped(bench: Bench) -> None:
    """No program runs; the REPL waits."""
    bench.page.text = ""
    await bench.page.say(keys="\x03")
    await bench.page.until(lambda: ">>> " in bench.page.text, PATIENCE_S)
    bench.page.text = ""


async def served(page: Page) -> None:
    """The server has read all that this page has sent."""
    await page.say(button=True)
    await page.until(lambda: page.state.get("button") is True, PATIENCE_S)
    await page.say(button=False)
    await page.until(lambda: page.state.get("button") is False, PATIENCE_S)


# ---- all of them ----


@dataclass(frozen=True)
class Fault:
    """What is tried, how often, and in the short form."""

    name: str
    work: Callable[[Bench, int], Awaitable[int]]
    count: int
    short: int
    lines: tuple[str, ...] = ()  # lines in the terminal that belong to it


FAULTS = (
    Fault("half-open requests without the token", half_open, 1100, 1100),
    Fault("requests of a byte every half second", drips, 60, 0),
    Fault("malformed HTTP", malformed_http, 5000, 150),
    Fault("messages that no page says", hostile_messages, 3000, 120),
    Fault("malformed WebSocket frames", hostile_frames, 1000, 40),
    Fault("queued moves", queued_moves, 28000, 28000),
    Fault("queued moves that no program reads", unread_moves, 632000, 56000),
    Fault("queued taps", taps, 40000, 8000),
    Fault("pages that vanish with a finger down", gone_pages, 500, 40),
    Fault("pages open at once", many_pages, 200, 30),
    Fault("bytes typed that no program reads", unread_keys, 60000000, 3000000),
    Fault("bytes printed that a page does not take", unread_console, 20000000, 1000000),
    Fault(
        "no descriptors left",
        no_descriptors,
        20,
        2,
        ("The page's server: Too many open files. It goes on.",),
    ),
    Fault("resets on end", resets, 300, 20),
)


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    fault: Fault
    tried: int
    losses: Sequence[str]

    def row(self) -> str:
        return f"| {self.fault.name} | {self.tried:,} | {len(self.losses):,} |"


def run(fault: Fault, folder: Path, *, short: bool = False) -> Outcome:
    """Try a fault against a new board in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(APP, folder / "main.py")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    board = Board(folder)
    resource.prlimit(board.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * DESCRIPTORS), hard))

    async def work() -> tuple[int, list[str]]:
        async with open_page(board, PATIENCE_S) as page:
            await page.until(lambda: "drawing" in page.text, PATIENCE_S)
            bench = Bench(board, page)
            await bench.touch()
            return await fault.work(bench, fault.short if short else fault.count), bench.losses

    losses: list[str] = []
    tried, begun = 0, time.monotonic()
    try:
        tried, losses = asyncio.run(work())
    except (AssertionError, OSError, TimeoutError, aiohttp.ClientError) as error:
        losses.append(f"the page: {error!r}")
    finally:
        output = board.end()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    ends = ("", "Touch to frame: ", "The board is off. ")
    lines = [line for line in output.splitlines() if not line.startswith(ends[1:]) and line]
    losses += [f"in the terminal: {line}" for line in lines if line not in fault.lines]
    most = 1 + (time.monotonic() - begun) / server.REPEAT_S
    for line in fault.lines:
        if not 1 <= lines.count(line) <= most:
            losses.append(f"in the terminal {lines.count(line)} times: {line}")
    if board.process.returncode:
        losses.append(f"the server ended with status {board.process.returncode}")
    return Outcome(fault, tried, losses)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table as it grows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer times")
    parser.add_argument("names", nargs="*", metavar="FAULT", help="only those that begin so")
    options = parser.parse_args(arguments)
    print("| fault | how often tried | lost |\n|---|---:|---:|", flush=True)
    lost = 0
    for number, fault in enumerate(FAULTS):
        wanted: Any = not options.names or fault.name.startswith(tuple(options.names))
        if not wanted or not (fault.short if options.short else fault.count):
            continue
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="uff-campaign-") as folder:
            outcome = run(fault, Path(folder) / str(number), short=options.short)
        print(outcome.row(), flush=True)
        print(f"{fault.name}: {time.monotonic() - begun:.1f} s", file=sys.stderr)
        for loss in outcome.losses:
            print(f"    lost: {loss}", file=sys.stderr)
        lost += len(outcome.losses)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
