"""`uff board` from outside: its serial port, its pages, its ends."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from board import BANNER, Board, Page, Serial, open_page, uff_board
from conftest import DEVICE, DEVICE_TESTS
from PIL import Image

from uff_host import patience
from uff_host.errors import DeviceError
from uff_host.patience import Patience
from uff_host.virtual_board import connection_limit, latency, process, running_board, server
from uff_host.virtual_board.running_board import RunningBoard

APP = DEVICE_TESTS / "board_draw.py"
BLUE, YELLOW, CYAN = 0x001F, 0xFFE0, 0x07FF

pytestmark = pytest.mark.usefixtures("micropython")


@pytest.fixture(scope="module")
def shared(micropython: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """One board for many tests; its app draws where it is touched."""
    folder = tmp_path_factory.mktemp("board")
    shutil.copy(APP, folder / "main.py")
    board = Board(folder)
    yield board
    board.end()


async def reset(board: Board) -> None:
    """Presses the button on a page of its own, until the program has started anew."""
    async with open_page(board) as page:
        await page.say(button=False)
        page.text = ""
        await page.say(reset=True)
        await page.until(lambda: "drawing" in page.text)


@pytest.fixture
def board(shared: Board) -> Board:
    """The shared board, after a reset."""
    asyncio.run(reset(shared))
    return shared


@pytest.fixture
def start(micropython: Path, tmp_path: Path) -> Iterator[Callable[..., Board]]:
    """start(): a board of one's own, in an empty folder."""
    started: list[Board] = []

    def begin(*arguments: str, name: str = "flash") -> Board:
        started.append(Board(tmp_path / name, *arguments))
        return started[-1]

    yield begin
    for one in started:
        one.end()


def runs(process_id: int) -> bool:
    """Whether there is such a process, and not only its remains."""
    try:
        return ") Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_raw(terminal: int) -> bool:
    """Whether a terminal makes no signals of what is typed."""
    return not termios.tcgetattr(terminal)[3] & termios.ISIG


def gone(process_ids: list[int]) -> bool:
    """Whether all of them end."""
    return patience.until(lambda: not any(map(runs, process_ids)), 5)


# ---- mpremote ----


def test_mpremote_executes_runs_copies_and_lists(board: Board, tmp_path: Path) -> None:
    assert board.mpremote("exec", "print(6 * 7)") == "42\n"
    script = tmp_path / "hello.py"
    script.write_text("import sys\nprint('hello', sys.platform, __name__)\nname = 1\n")
    assert board.mpremote("run", str(script)) == "hello linux __main__\n"
    # run starts with a soft reset, resume goes on.
    assert "NameError" in board.mpremote("exec", "print(name)", check=False)
    assert board.mpremote("exec", "kept = 5", "exec", "print(kept)") == "5\n"
    assert board.mpremote("resume", "exec", "print(kept)") == "5\n"
    data = tmp_path / "data.bin"
    data.write_bytes(bytes(range(256)) * 40)
    board.mpremote("cp", str(data), ":data.bin")
    assert (board.folder / "data.bin").read_bytes() == data.read_bytes()
    board.mpremote("cp", ":data.bin", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == data.read_bytes()
    assert "10240 data.bin" in board.mpremote("ls")
    board.mpremote("fs", "mkdir", ":lib", "+", "cp", str(script), ":lib/")
    assert "hello linux hello" in board.mpremote("exec", "import hello")
    board.mpremote("fs", "rm", "-r", ":lib", ":data.bin")
    assert sorted(path.name for path in board.folder.iterdir()) == ["main.py"]


def test_mpremote_tells_what_the_files_take_of_the_board_s_flash(board: Board) -> None:
    def df() -> dict[str, list[int]]:
        head, *lines = board.mpremote("df").splitlines()
        assert head.split() == ["filesystem", "size", "used", "avail", "use%", "mounted", "on"]
        rows = [line.split() for line in lines if line]
        assert [row[0] for row in rows] == ["<Folder>", "<ReadOnly>"]
        return {row[5]: [int(number) for number in row[1:5]] for row in rows}

    flash, block = 16 << 20, 4096
    used = -(-(board.folder / "main.py").stat().st_size // block) * block
    size, *_ = df()["/checkout"]
    taken = sum(-(-path.stat().st_size // block) for path in DEVICE.rglob("*") if path.is_file())
    assert size == taken * block
    assert df()["/checkout"] == [size, size, 0, 100]
    assert df()["/flash"] == [flash, used, flash - used, 0]
    folder = board.folder / "deep" / "er"
    try:
        folder.mkdir(parents=True)
        (folder / "a.bin").write_bytes(bytes(5 * block + 1))
        (folder / "empty").write_bytes(b"")
        (folder / "loop").symlink_to(board.folder)
        assert df()["/flash"] == [flash, used + 6 * block, flash - used - 6 * block, 0]
        with (folder / "a.bin").open("r+b") as file:
            file.truncate(flash)  # more than the board has room for
        assert df()["/flash"] == [flash + used, flash + used, 0, 100]
    finally:
        shutil.rmtree(board.folder / "deep")


def test_mpremote_reads_and_sets_the_clock(board: Board) -> None:
    def clock() -> datetime:
        clock = ast.literal_eval(board.mpremote("rtc"))
        assert clock[3] == date(*clock[:3]).weekday()
        return datetime(*clock[:3], *clock[4:])

    before = datetime.now()
    assert before <= clock() <= datetime.now()
    noon = "(2031, 2, 28, 0, 12, 30, 15, 123456)"
    set_and_see = (
        "import machine, time\n"
        f"machine.RTC().datetime({noon})\n"
        "seconds = time.time()\n"
        "print(machine.RTC().datetime()[:6], time.localtime()[:5], time.localtime(seconds)[:5],"
        " 0 <= time.time_ns() // 10**9 - seconds < 600)\n"
    )
    assert board.mpremote("exec", set_and_see) == (
        "(2031, 2, 28, 4, 12, 30) (2031, 2, 28, 12, 30) (2031, 2, 28, 12, 30) True\n"
    )
    # It goes on over resets, as the board's does; all commands begin with a soft one.
    assert datetime(2031, 2, 28, 12, 30, 15) < clock() < datetime(2031, 2, 28, 12, 40)
    board.mpremote("reset")
    assert datetime(2031, 2, 28, 12, 30, 15) < clock() < datetime(2031, 2, 28, 12, 40)
    for wrong in (
        "(2031, 2, 29, 0, 12, 30, 15, 0)",
        "(2031, 2, 28, 0, 24, 0, 0, 0)",
        "(1999, 2, 28, 0, 12, 0, 0, 0)",
        "(2031, 2, 28, 0, 12, 0, 0, 1000000)",
        "(2031, 2, 28)",
    ):
        output = board.mpremote(
            "exec", f"import machine; machine.RTC().datetime({wrong})", check=False
        )
        assert "ValueError: " in output
    before = datetime.now()
    assert board.mpremote("rtc", "--set") == ""
    assert before <= clock() <= datetime.now()


def test_mpremote_resets_and_its_repl_talks(board: Board) -> None:
    board.mpremote("exec", "kept = 5")
    assert "NameError" in board.mpremote("soft-reset", "exec", "print(kept)", check=False)
    board.mpremote("reset")  # machine.reset()
    terminal, its_terminal = os.openpty()
    repl = subprocess.Popen(
        [sys.executable, "-m", "mpremote", "connect", board.port, "repl"],
        stdin=its_terminal,
        stdout=its_terminal,
        stderr=its_terminal,
        text=True,
    )
    received = b""

    def until(end: bytes) -> None:
        nonlocal received
        waiting = Patience(10, repl.pid)
        while end not in received:
            assert not waiting.over, received
            if select.select([terminal], [], [], 0.1)[0]:
                received += os.read(terminal, 4096)
        received = received.split(end, 1)[1]

    try:
        until(b"exit this shell")
        # mpremote sets it raw after it has said that; a Ctrl-C before would end mpremote.
        assert patience.until(lambda: is_raw(its_terminal), 10, repl.pid)
        os.write(terminal, b"\x03")
        until(b">>> ")
        os.write(terminal, b"print(6 *")
        os.write(terminal, b" 7)\r")
        until(b"\r\n42\r\n>>> ")
        os.write(terminal, b"\x04")
        until(b"MPY: soft reboot\r\ndrawing\r\n")
        os.write(terminal, b"\x1d")
        patience.finish(repl, 10)
        assert repl.returncode == 0
    finally:
        if repl.poll() is None:
            repl.kill()
            repl.wait()
        os.close(terminal)
        os.close(its_terminal)


def test_mpremote_mounts_a_folder_with_any_byte_in_it(board: Board, tmp_path: Path) -> None:
    (tmp_path / "here.py").write_text("print('imported from the host')\n")
    (tmp_path / "bytes.bin").write_bytes(bytes(range(256)) * 8)
    output = board.mpremote(
        "mount",
        str(tmp_path),
        "exec",
        "import here; print(sum(open('bytes.bin', 'rb').read()))\n"
        "with open('new.bin', 'wb') as file: file.write(bytes(range(256)))",
    )
    assert "imported from the host" in output
    assert str(8 * sum(range(256))) in output
    assert (tmp_path / "new.bin").read_bytes() == bytes(range(256))


def test_the_host_is_out_of_the_boards_sight(board: Board) -> None:
    assert board.mpremote("exec", "import os; print(os.getcwd(), os.listdir('/'))") == (
        "/flash ['flash', 'checkout']\n"
    )
    assert "OSError: 30" in board.mpremote(
        "exec", "open('/checkout/boards/new.py', 'w')", check=False
    )


def test_a_soft_reset_shows_what_hardware_shows(board: Board) -> None:
    (board.folder / "boot.py").write_text("print('boot.py runs')\n")
    try:
        with Serial(board.port) as port:
            port.prompt()
            port.send(b"\x04")
            assert port.until(b"drawing\r\n") == (
                b"\r\nMPY: soft reboot\r\nboot.py runs\r\ndrawing\r\n"
            )
            port.send(b"\x03")
            traceback = port.until(BANNER)
            assert b'\r\n  File "/flash/main.py", line' in traceback
            assert b"\r\nKeyboardInterrupt: \r\nMicroPython v" in traceback
            port.send(b"\x01")
            assert port.until(b">") == b"\r\nraw REPL; CTRL-B to exit\r\n>"
            # Out of the raw REPL: the raw REPL again, and no main.py.
            port.send(b"\x04")
            assert port.until(b"\r\n>") == (
                b"OK\r\nMPY: soft reboot\r\nboot.py runs\r\nraw REPL; CTRL-B to exit\r\n>"
            )
            port.send(b"print('a')\nraise ValueError('b')\x04")
            assert port.until(b"\x04>") == (
                b"OKa\r\n\x04Traceback (most recent call last):\r\n"
                b'  File "<stdin>", line 2, in <module>\r\nValueError: b\r\n\x04>'
            )
    finally:
        (board.folder / "boot.py").unlink()


@pytest.mark.parametrize("unread", [0, 5000, 10000, 20000])
def test_ctrl_c_overtakes_what_a_busy_program_leaves_unread(board: Board, unread: int) -> None:
    with Serial(board.port) as port:
        port.prompt()
        port.send(b"exec('print(1 + 1)\\nwhile True: pass')\r")
        port.until(b"\n2\r\n")  # it runs
        port.send(b"x" * unread)
        port.send(b"\x03")
        assert b"KeyboardInterrupt" in port.until(b"\n>>> ")
        port.prompt()  # after the unread bytes, which are typed now


def test_what_a_busy_program_leaves_unread_is_gone_after_a_reset(board: Board) -> None:
    with Serial(board.port) as port:
        port.prompt()
        code = b"import micropython\\nmicropython.kbd_intr(-1)\\nprint(2 + 2)\\nwhile True: pass"
        port.send(b"exec('" + code + b"')\r")
        port.until(b"\n4\n")
        port.send(b"x" * 20000 + b"\x03")  # nobody hears it
        asyncio.run(reset(board))
        port.prompt()


def test_more_than_a_busy_program_takes_leaves_the_port_alive_after_a_reset(board: Board) -> None:
    with Serial(board.port) as port:
        port.prompt()
        code = b"import micropython\\nmicropython.kbd_intr(-1)\\nprint(2 + 2)\\nwhile True: pass"
        port.send(b"exec('" + code + b"')\r")
        port.until(b"\n4\n")
        assert port.fill(b"x" * 1000) > process.HELD
        asyncio.run(reset(board))
        port.send(b"\x03")
        port.until(b">>> x")  # what lay in the line's own buffers
        port.send(b"\r")
        port.until(b"Error: name")
        port.prompt()


def test_what_is_typed_while_it_restarts_is_not_lost(board: Board) -> None:
    with Serial(board.port) as port:
        port.prompt()
        port.send(b"import time, machine; print(1 + 1); time.sleep(1); machine.reset()\r")
        port.until(b"\n2\r\n")
        port.send(b"print('typed ' + 'ahead')\r")
        port.until(b"drawing\r\n")
        port.send(b"\x03")
        port.until(b"\ntyped ahead\r\n>>> ")


def test_a_clock_that_is_set_in_the_last_moment_is_set(board: Board) -> None:
    with Serial(board.port) as port:
        port.prompt()
        port.send(
            b"import machine; machine.RTC().datetime((2031, 2, 28, 0, 12, 0, 0, 0)); "
            b"machine.reset()\r"
        )
        port.until(b"drawing\r\n")
        port.prompt()
        port.send(b"import machine; print(machine.RTC().datetime()[:3])\r")
        port.until(b"(2031, 2, 28)\r\n>>> ")
    board.mpremote("rtc", "--set")


def test_the_console_is_there_for_a_busy_program_too(board: Board) -> None:
    with Serial(board.port) as port:
        port.prompt()
        # Bytes pass as they are while a program wants them so.
        code = "import micropython, sys; micropython.kbd_intr(-1); print(1 + 1)"
        code += "; b = sys.stdin.buffer.read(4); micropython.kbd_intr(3); print(b)"
        port.send(code.encode() + b"\r")
        port.until(b"\n2\n")
        port.send(b"\x03\x04\r\n")
        port.until(b"b'\\x03\\x04\\r\\n'\r\n>>> ")
        # Ctrl-C twice is no more than once.
        port.send(b"import time; print(1 + 2); time.sleep(60)\r")
        port.until(b"\n3\r\n")
        port.send(b"\x03\x03")
        port.until(b"KeyboardInterrupt: \r\n>>> ")
        port.send(b"print(input('name? '))\r")
        port.until(b"\nname? ")
        port.send(b"Ada\r")
        assert port.until(b">>> ").endswith(b"Ada\r\nAda\r\n>>> ")


def test_output_that_nobody_reads_is_lost_and_holds_up_nobody(board: Board) -> None:
    code = "import time; t = time.ticks_ms(); print('x' * 3000000); print(time.ticks_ms() - t)"
    with Serial(board.port) as port:
        port.prompt()
        port.send(code.encode() + b"; open('done', 'w').close()\r")
        assert patience.until((board.folder / "done").exists, 10)
        (board.folder / "done").unlink()
        port.prompt()


# ---- ends and new beginnings ----


def test_machine_reset_starts_again_as_at_power_on(board: Board) -> None:
    with Serial(board.port) as port:
        port.prompt()
        port.send(b"open('kept', 'w').write('x'); import machine; machine.reset()\r")
        port.until(b"drawing\r\n")
        port.prompt()
        port.send(b"open('kept').read()\r")
        port.until(b"'x'\r\n>>> ")
    (board.folder / "kept").unlink()


def test_a_crash_is_reported_and_it_starts_again(board: Board) -> None:
    with Serial(board.port) as port:
        for device in board.devices():
            os.kill(device, signal.SIGSEGV)
        output = port.until(b"drawing\r\n")
        assert (
            b"[MicroPython was killed by signal 11 (Segmentation fault) and starts again]"
            in output
        )


def test_ctrl_c_ends_all_and_the_files_stay(start: Callable[..., Board]) -> None:
    board = start()
    assert board.mpremote("exec", "open('kept', 'w').write('x')") == ""
    devices = board.devices()
    assert devices
    output = board.end()
    assert board.process.returncode == 0
    assert output.splitlines()[-1] == f"The board is off. Its files stay in {board.folder}."
    assert gone(devices)
    assert start().mpremote("exec", "print(open('kept').read())") == "x\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_the_server(start: Callable[..., Board], number: int) -> None:
    board = start()
    with Serial(board.port) as port:
        port.prompt()
        port.send(b"while True: pass\r\r")
        port.until(b"pass\r\n")
    devices = board.devices()
    assert devices
    board.process.send_signal(number)
    assert patience.until(lambda: board.process.poll() is not None, 10)
    assert gone(devices)


def test_a_second_board_in_a_folder_is_refused(shared: Board) -> None:
    second = uff_board("--folder", str(shared.folder), "--no-open")
    output, _ = patience.finish(second, 20)
    assert second.returncode == 1
    assert output.startswith(f"uff: Another virtual board runs in {shared.folder}.")


def test_a_port_that_is_taken_is_refused_and_the_usual_one_given_up(
    start: Callable[..., Board], shared: Board
) -> None:
    taken = shared.host.split(":")[1]
    one = uff_board("--folder", str(shared.folder.parent / "other"), "--port", taken)
    output, _ = patience.finish(one, 20)
    assert one.returncode == 1
    assert output.startswith(f"uff: Port {taken} cannot be used (")
    assert start().host != start(name="third").host


def test_firmware_that_does_not_start_is_reported(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("#!/bin/sh\necho no good\nexit 3\n")
    bad.chmod(0o755)
    one = uff_board("--folder", str(tmp_path / "flash"), "--no-open", UFF_UNIX=str(bad))
    output, _ = patience.finish(one, 20)
    assert one.returncode == 1
    assert f"uff: {bad} ended with status 3, 3 times on end within a second: no good" in output
    one = uff_board("--folder", str(tmp_path / "flash"), UFF_UNIX=str(tmp_path / "none"))
    output, _ = patience.finish(one, 20)
    assert output == f"uff: There is no firmware {tmp_path / 'none'}: build it by `make unix`.\n"


# ---- who may come in ----


def test_only_who_knows_the_address_comes_in(shared: Board) -> None:
    origin = f"http://{shared.host}"
    other = f"{origin}/{'A' * 22}/"

    async def status(url: str, **headers: str) -> int:
        async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as answer:
            return answer.status

    async def socket_status(url: str, **headers: str) -> int:
        try:
            async with aiohttp.ClientSession() as client:
                await (await client.ws_connect(url, headers=headers)).close()
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        return 101

    async def work() -> None:
        assert await status(shared.url) == 200
        assert await status(shared.url, Host="localhost:1234") == 200  # by a tunnel
        assert await status(shared.url + "board.js", Origin=origin) == 200
        assert await status(shared.url + "none") == 404
        assert await status(shared.url + "../server.py") != 200
        assert await status(other) == 403
        assert await status(origin + "/") in (403, 404)
        assert await status(shared.url, Host="evil.example") == 403
        assert await status(shared.url, Host="[") == 400
        assert await status(f"{origin}/%ff%fe/") == 403
        assert await status(shared.url, Origin="http://evil.example") == 403
        assert await status(shared.url, Origin="null") == 403
        address = shared.url + "socket"
        assert await socket_status(address, Origin=origin) == 101
        assert await socket_status(address) == 403
        assert await socket_status(address, Origin="http://evil.example") == 403
        assert await socket_status(address, Origin="http://127.0.0.1:1") == 403
        assert await socket_status(address, Origin=origin, Host="evil.example") == 403
        assert await socket_status(other + "socket", Origin=origin) == 403

    asyncio.run(work())
    # 127.0.0.2 is this machine too, but not the address that it listens on.
    with socket.socket() as elsewhere:
        elsewhere.settimeout(5)
        assert elsewhere.connect_ex(("127.0.0.2", int(shared.host.split(":")[1]))) != 0


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[server.Server, list[str]]]:
    """A server in this process, and what it has complained of."""
    shutil.copy(APP, folder / "main.py")
    output: list[str] = []
    async with RunningBoard(folder, (800, 480)) as on:
        one = server.Server(on, output.append)
        async with one.serve(None):
            yield one, output


def test_a_command_line_s_address_works_once(micropython: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with serving(tmp_path) as (one, output), aiohttp.ClientSession() as client:

            async def get(url: str) -> tuple[int, str]:
                async with client.get(url, allow_redirects=False) as answer:
                    return answer.status, answer.headers.get("Location", "")

            top = one.url.removesuffix(one.url.split("/")[3] + "/")
            assert await get(top + "open/") == (403, "")
            assert await get(top + "open/" + "A" * 22) == (403, "")
            ticket = one.ticket()
            assert one.url.split("/")[3] not in ticket
            assert await get(ticket[:-1]) == (403, "")
            assert await get(ticket) == (303, one.url.removeprefix(top[:-1]))
            assert await get(ticket) == (403, "")
            older, newer = one.ticket(), one.ticket()
            assert await get(older) == (403, "")
            async with client.get(newer) as answer:  # as a browser does
                assert (answer.status, str(answer.url)) == (200, one.url)
            assert output == []

    asyncio.run(work())


def test_a_connection_that_takes_too_long_is_cut_and_a_page_is_not(
    micropython: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limit, "EXCHANGE_S", 1.0)

    async def work() -> None:
        async with serving(tmp_path) as (one, output), aiohttp.ClientSession() as client:
            origin, port = one.url.rsplit("/", 2)[0], int(one.url.split(":")[2].split("/")[0])
            page = await client.ws_connect(one.url + "socket", headers={"Origin": origin})
            for begin in (b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX:"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(begin)
                with contextlib.suppress(ConnectionError):
                    async with patience.limit(60):
                        assert await reader.read() == b""
                writer.close()
            assert one.pages == 1
            await page.send_str('{"button": true}')
            async for message in page:
                if message.data == '{"button": true}':
                    break
            await page.close()
            assert output == []

    asyncio.run(work())


def test_a_mistake_in_the_server_is_one_line_and_it_goes_on(
    micropython: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(text: str) -> None:
        raise ZeroDivisionError("so it is")

    async def work() -> None:
        async with serving(tmp_path) as (one, output), aiohttp.ClientSession() as client:
            with monkeypatch.context() as patch:
                patch.setattr(server.messages, "read", fail)
                for _ in range(3):
                    origin = one.url.rsplit("/", 2)[0]
                    page = await client.ws_connect(one.url + "socket", headers={"Origin": origin})
                    await page.send_str("{}")
                    async for _ in page:
                        pass
            assert output == ["The page's server: ZeroDivisionError('so it is'). It goes on."]
            async with client.get(one.url) as answer:
                assert answer.status == 200

    asyncio.run(work())


def test_the_page_loads_nothing_from_elsewhere(shared: Board) -> None:
    async def work() -> None:
        async with aiohttp.ClientSession() as client:
            for name in ("", "board.css", "board.js", "terminal.js", "transport.js"):
                async with client.get(shared.url + name) as answer:
                    assert answer.status == 200
                    assert answer.headers["Connection"] == "close"
                    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                    assert answer.headers["Cache-Control"] == "no-store"
                    assert not re.findall(
                        r"(?:src|href|from)\W+(?:https?:)?//", await answer.text()
                    )

    asyncio.run(work())


# ---- pages ----


def line(page: Page) -> bool:
    """Whether the line that drag() draws is there."""
    return bool((page.pixels[100, 110:190] == YELLOW).all())


async def drag(page: Page) -> None:
    """A finger from (100, 100) to (200, 100), and up. It waits at both ends until it is seen: what
    happens while the board does something else is lost, as on hardware."""
    await page.touch((1, "press", 100.5, 100.9), stamp=100)
    await page.until(lambda: page.pixels[100, 100] == YELLOW)
    for x in range(110, 201, 10):
        await page.touch((1, "move", x, 100), stamp=x)
        await asyncio.sleep(0.005)
    await page.until(lambda: line(page))
    await page.touch((1, "lift", 200, 100))


def test_a_touch_on_a_page_is_drawn_on_all_pages(board: Board) -> None:
    async def work() -> None:
        async with open_page(board) as one, open_page(board) as two:
            assert one.state["hello"] == {
                "width": 800,
                "height": 480,
                "port": board.port,
                "folder": str(board.folder),
            }
            assert one.state["leds"] == [True, False, False, False]
            assert (one.pixels == BLUE).all()
            one.text = ""
            await drag(one)
            await one.until(lambda: "lift 0" in one.text)
            await one.until(lambda: line(one) and line(two))
            assert (one.pixels == two.pixels).all()
            assert 100 <= one.stamps <= 200  # the page can tell how long it took
            assert two.stamps == 0
            assert (two.pixels == BLUE).sum() > 383000
        async with open_page(board) as again:  # a reload
            assert line(again)
            assert "drawing" in again.text
            await again.until(lambda: again.state.get("numbers", {}).get("median_ms", 0) > 0)
            assert again.state["numbers"]["median_ms"] <= again.state["numbers"]["p95_ms"]

    asyncio.run(work())


def at_rest(page: Page) -> bool:
    """Whether it got the numbers of a screen that does not change, and of no other page."""
    numbers = page.state.get("numbers", {})
    return (numbers.get("fps"), numbers.get("pages")) == (0, 1)


def test_a_page_is_told_the_numbers_of_an_idle_board_too(board: Board) -> None:
    async def work() -> None:
        numbers = []
        for _ in range(2):  # a reload changes none of them
            async with open_page(board) as page:
                await page.until(lambda: at_rest(page))
                numbers.append(page.state["numbers"])
        assert numbers[0] == numbers[1]

    asyncio.run(work())


def test_two_fingers_draw_in_their_colours_and_a_third_is_ignored(board: Board) -> None:
    async def work() -> None:
        async with open_page(board) as page:
            for finger, colour in ((7, YELLOW), (8, CYAN), (9, BLUE)):
                row = 100 * (finger - 6)
                await page.touch((finger, "press", 100, row))
                await page.shows(100, row, colour)
            for x in range(110, 151, 10):
                await page.touch(
                    *((finger, "move", x, 100 * (finger - 6)) for finger in (7, 8, 9))
                )
                await asyncio.sleep(0.02)
            await page.until(lambda: page.pixels[100, 140] == YELLOW)
            await page.until(lambda: page.pixels[200, 140] == CYAN)
            assert page.pixels[300, 140] == BLUE

    asyncio.run(work())


def test_a_page_that_goes_takes_its_fingers_along(board: Board) -> None:
    async def work() -> None:
        async with open_page(board) as other:
            other.text = ""
            async with open_page(board) as page:
                await page.touch((1, "press", 300, 300))
                await page.until(lambda: page.pixels[300, 300] == YELLOW)
                await page.say(button=True)
                await other.until(lambda: "button held" in other.text)
                await page.until(lambda: page.state.get("button") is True)
                assert "lift" not in other.text
            await other.until(lambda: other.state.get("button") is False)
            await other.say(keys="\x04")
            await other.until(lambda: other.text.count("drawing") == 1)

    asyncio.run(work())


def test_a_page_that_stands_still_holds_up_nobody(board: Board) -> None:
    async def work() -> None:
        async with open_page(board) as one, open_page(board) as lid:
            lid.acknowledges = False
            await drag(one)
            await one.until(lambda: line(one))
            frames, number = lid.frames, lid.latest
            for row in range(150, 350, 50):
                await one.touch((1, "press", 100, row))
                await one.shows(100, row, YELLOW)
                await one.touch((1, "move", 150, row))
                await one.shows(125, row, YELLOW)
                await one.touch((1, "lift", 150, row))
            assert lid.frames <= frames + 1  # one may have been on its way
            lid.acknowledges = True
            await lid.say(drawn=max(number, lid.latest))
            await lid.until(lambda: bool((lid.pixels == one.pixels).all()))
            assert lid.frames <= frames + 4  # all at once

    asyncio.run(work())


def test_reset_with_the_user_button_held_gives_the_prompt(board: Board) -> None:
    async def work() -> None:
        async with open_page(board) as page:
            await page.say(button=True)
            page.text = ""
            await page.say(reset=True)
            await page.until(lambda: page.text.endswith(">>> "))
            assert "drawing" not in page.text
            await page.until(lambda: page.state["leds"] == [False] * 4)
            await page.say(keys="print('\\xb5', 1 + 1)\r")
            await page.until(lambda: "µ 2\r\n>>> " in page.text)
            await page.say(button=False)

    asyncio.run(work())


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[]",
        "{}",
        '{"touch": [[1, "hit", 1, 1, 1]], "stamp": 1}',
        '{"touch": [[1, "move", 1, 1, 1]], "stamp": 1}',
        '{"touch": [[1, "press", null, 1, 1]], "stamp": 1}',
        '{"touch": [[1, "press", 1e999, 1, 1]], "stamp": 1}',
        '{"drawn": "x"}',
    ],
)
def test_a_page_that_talks_nonsense_is_closed_and_no_other(shared: Board, message: str) -> None:
    async def work() -> None:
        async with open_page(shared) as good, open_page(shared) as bad:
            await bad.socket.send_str(message)
            await bad.until(lambda: bad.closed == 1003)
            await good.say(button=False)
            assert good.closed is None

    asyncio.run(work())


def test_ctrl_c_tears_no_frame_and_mixes_no_answers(board: Board) -> None:
    code = (
        "while True:\r screen.fill(k); display.show(0, 0, 800, 480); k = k + 1 & 0xFFFF\r"
        " for _ in range(9): board.touch.read(); assert not board.button()\r\r\r"
    )
    with Serial(board.port) as port:
        port.prompt()
        port.send(b"\x05k = 0\r\x04")
        port.until(b">>> ")
        for _ in range(20):
            port.send(b"\x05" + code.encode() + b"\x04")
            port.until(b"button()")
            time.sleep(0.03)
            port.send(b"\x03")
            output = port.until(b"\n>>> ")
            assert b"KeyboardInterrupt" in output
            assert b"Error" not in output
            assert b"no packet" not in output
        port.send(b"board.touch.nacks, board.touch.blanks, board.touch.ghosts\r")
        port.until(b"(0, 0, 0)\r\n>>> ")


# ---- pictures and numbers ----


def test_a_screenshot_needs_no_browser(tmp_path: Path) -> None:
    folder = tmp_path / "flash"
    folder.mkdir()
    shutil.copy(APP, folder / "main.py")
    picture = tmp_path / "screen.png"
    one = uff_board("--folder", str(folder), "--size", "480x272", "--screenshot", str(picture))
    output, _ = patience.finish(one, 30)
    assert (one.returncode, output) == (0, f"{picture}\n")
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert pixels.shape == (272, 480, 3)
    assert (pixels == [0, 0, 255]).all()


def test_a_screenshot_of_nothing_is_refused(
    micropython: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_board, "FIRST_FRAME_S", 0.3)
    (tmp_path / "main.py").write_text("print('no screen today')\n")

    async def work() -> None:
        async with RunningBoard(tmp_path, (800, 480)) as board:
            await board.settled()

    with pytest.raises(DeviceError, match=r"drew nothing for 0.3 s"):
        asyncio.run(work())


def test_touches_and_frames_are_measured(micropython: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('to be stopped')\nwhile True: pass\n")

    async def work() -> latency.Speed:
        async with RunningBoard(tmp_path, (800, 480)) as board:
            return await latency.measure(board, touches=30)

    speed = asyncio.run(work())
    assert speed.latency.count == 30
    assert 0 < speed.latency.median_ms <= speed.latency.p95_ms
    assert speed.frames_per_second > 0
    assert re.fullmatch(
        r"Touch to frame: median \d+\.\d ms, 95 % within \d+\.\d ms \(30 touches\)\.\n"
        r"Whole screens: \d+ frames a second\.",
        speed.sentences(),
    )
