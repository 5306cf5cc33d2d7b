"""`uff board`"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
import webbrowser
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from uff_host import files
from uff_host.cli.argument_types import Parser
from uff_host.errors import DataError, DeviceError

if TYPE_CHECKING:
    from uff_host.virtual_board.running_board import RunningBoard

PORT = 8747  # tried first, so that a page finds the board again
LARGEST = 2048
SIZE, HEAP = (800, 480), "32M"
PANELS = ("nt35510", "otm8009a", "none")  # of firmware_build/firmware_bench


def arguments(command: Parser) -> None:
    """The arguments of `uff board`."""
    command.explain(
        "Runs the code of the board in MicroPython on this machine, behind a page that draws the "
        "board: screen, touch, buttons, LEDs and REPL. It prints the page's address and a pty for "
        "mpremote. Ctrl-C ends it; its files stay.",
        ("uff board", "a board whose files stay in the cache"),
        ("uff board --folder mine/ --size 480x272 --no-open", "another board, another screen"),
        ("uff board --screenshot screen.png", "what it shows at its start"),
        (
            "uff board --firmware firmware.elf",
            "the image of the STM32H747I-DISCO, instruction by instruction",
        ),
    )
    command.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where the board's files lie, its /flash (default: in the cache)",
    )
    command.add_argument(
        "--size",
        type=screen_size,
        default=f"{SIZE[0]}x{SIZE[1]}",
        metavar="WxH",
        help="pixels of the screen (default: 800x480, as on the STM32H747I-DISCO)",
    )
    command.add_argument(
        "--port",
        type=port_number,
        help=f"of the page (default: {PORT}, or any where that is taken)",
    )
    command.add_argument(
        "--no-open", action="store_true", help="do not open the page in a browser"
    )
    command.add_argument(
        "--heap",
        type=heap_size,
        default=HEAP,
        help="MicroPython's memory, like 15M (default: 32M)",
    )
    command.add_argument(
        "--firmware",
        type=Path,
        metavar="ELF",
        help="run this image of the STM32H747I-DISCO (built with UART_REPL=1) on the firmware "
        "bench instead; slower than the board",
    )
    command.add_argument(
        "--panel",
        choices=PANELS,
        help="what is plugged into the bench's board (default: nt35510)",
    )
    instead = command.add_mutually_exclusive_group()
    instead.add_argument(
        "--screenshot",
        type=Path,
        metavar="PNG",
        help="start the board, write its screen when it has settled, and end",
    )
    instead.add_argument(
        "--latency",
        action="store_true",
        help="measure from touch to frame, and frames a second, and end",
    )
    command.set_defaults(do=do)


def screen_size(text: str) -> tuple[int, int]:
    """An argument like 800x480."""
    found = re.fullmatch(r"(\d{1,4})[x×](\d{1,4})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no WIDTHxHEIGHT, like 800x480")
    width, height = int(found[1]), int(found[2])
    if not (64 <= height <= width <= LARGEST):
        raise argparse.ArgumentTypeError(
            f"want a screen in landscape, of 64x64 to {LARGEST}x{LARGEST} pixels; got {text}"
        )
    return width, height


def port_number(text: str) -> int:
    """An argument that is a TCP port."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port, 1 to 65535")
    return int(text)


def heap_size(text: str) -> str:
    """An argument like 15M or 512K."""
    if not re.fullmatch(r"[1-9]\d*[KkMm]?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no size, like 15M or 512K")
    return text


def do(options: argparse.Namespace) -> int:
    """`uff board`"""
    if sys.platform != "linux":
        raise DeviceError("The virtual board needs Linux: its wires are sockets that others lack.")
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        raise DataError("The page needs the package aiohttp: pip install -e host") from None
    _check_bench(options)
    files.check_outputs(options.screenshot)
    own = "board_firmware" if options.firmware else "board"
    folder = options.folder or files.cache_folder() / own
    if options.screenshot:
        asyncio.run(_terminable(_screenshot(options, folder)))
    elif options.latency:
        with tempfile.TemporaryDirectory(prefix="uff-board-") as new:  # no job.json lies there
            asyncio.run(_terminable(_latency(options, options.folder or Path(new))))
    else:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(_terminable(_serve(options, folder)))
            return 0
        options.console.print(
            f"The board is off. Its files stay in {folder}.", highlight=False, soft_wrap=True
        )
    return 0


def _check_bench(options: argparse.Namespace) -> None:
    """The bench has the board's own screen and memory."""
    if options.firmware:
        for name, value in (
            ("--size", options.size != SIZE),
            ("--heap", options.heap != HEAP),
            ("--latency", options.latency),
        ):
            if value:
                raise DataError(f"{name} does not go with --firmware.")
    elif options.panel:
        raise DataError("--panel goes with --firmware alone.")


def _board(options: argparse.Namespace, folder: Path) -> RunningBoard:
    from uff_host.virtual_board.running_board import RunningBoard

    def report(line: str) -> None:
        options.console.print(line, highlight=False, markup=False, soft_wrap=True)

    return RunningBoard(
        folder,
        options.size,
        heap=options.heap,
        image=options.firmware,
        panel=options.panel or PANELS[0],
        on_report=report,
    )


async def _terminable(work: Coroutine[Any, Any, None]) -> None:
    """Do it; SIGTERM and a closed terminal end it as Ctrl-C does."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise


async def _serve(options: argparse.Namespace, folder: Path) -> None:
    from uff_host.virtual_board.server import Server

    console: Console = options.console
    board = _board(options, folder)
    async with board:

        def complain(sentence: str) -> None:
            console.print(sentence, highlight=False, markup=False, soft_wrap=True)

        server = Server(board, complain)
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(server.serve(options.port or PORT))
            except DeviceError:
                if options.port:
                    raise
                server = Server(board, complain)
                await stack.enter_async_context(server.serve(None))
            assert board.port is not None
            for name, value in (
                ("Page", server.url),
                ("mpremote", f"mpremote connect {board.port.path}"),
                ("Files", board.files),
            ):
                console.print(f"{name + ':':10}{value}", highlight=False, soft_wrap=True)
            console.print("Ctrl-C ends the board.", highlight=False)
            if not options.no_open and _has_desktop():
                await asyncio.to_thread(webbrowser.open, server.ticket())
            try:
                await board.ended()
            finally:
                latency = board.hardware.latency.latency()
                if latency:
                    console.print(f"\n{latency.sentence()}", highlight=False)


def _has_desktop() -> bool:
    """Whether there is somebody before a browser with windows."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(shown) and sys.stdout.isatty()


async def _screenshot(options: argparse.Namespace, folder: Path) -> None:
    async with _board(options, folder) as board:
        await board.settled()
        board.hardware.framebuffer.write_png(options.screenshot)
    options.console.print(f"{options.screenshot}", highlight=False, soft_wrap=True)


async def _latency(options: argparse.Namespace, folder: Path) -> None:
    from uff_host.virtual_board import latency

    async with _board(options, folder) as board:
        speed = await latency.measure(board)
    options.console.print(speed.sentences(), highlight=False)
