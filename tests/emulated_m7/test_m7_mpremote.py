"""Stock mpremote, as people call it, against the emulated Cortex-M7."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time

import m7
import pytest
from m7 import mpremote

from uff_host import patience
from uff_host.patience import computed


@pytest.fixture(scope="module")
def port():
    with m7.held() as pty:
        yield pty


def test_exec_prints(port):
    assert mpremote(port, "exec", "import ridge, uff.job; print(1.5 * 2)").strip() == "3.0"


def test_run_prints_and_a_traceback_is_an_error(port, tmp_path):
    (tmp_path / "x.py").write_text("print('here')\nprint(len([1, 2]))\n")
    assert mpremote(port, "run", tmp_path / "x.py").split() == ["here", "2"]
    (tmp_path / "y.py").write_text("1 / 0\n")
    mpremote(port, "run", tmp_path / "y.py", status=1)
    assert mpremote(port, "exec", "print(7)").strip() == "7"


def test_files_are_copied_listed_and_outlive_a_soft_reset(port, tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 40)
    mpremote(port, "cp", tmp_path / "a.bin", ":b.bin")
    assert "10240 b.bin" in mpremote(port, "fs", "ls")
    mpremote(port, "soft-reset")
    assert "10240 b.bin" in mpremote(port, "fs", "ls")
    mpremote(port, "cp", ":b.bin", tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == (tmp_path / "a.bin").read_bytes()
    mpremote(port, "fs", "rm", ":b.bin")
    assert "b.bin" not in mpremote(port, "fs", "ls")


def test_a_mounted_folder_can_be_imported_from(port, tmp_path):
    (tmp_path / "near.py").write_text("word = 'mounted'\n")
    output = mpremote(port, "mount", tmp_path, "exec", "import near; print(near.word)")
    assert "mounted" in output


def test_main_runs_at_a_start_and_ctrl_c_stops_it(port, tmp_path):
    (tmp_path / "main.py").write_text("import time\nwhile True:\n    time.sleep(1)\n")
    mpremote(port, "cp", tmp_path / "main.py", ":main.py")
    mpremote(port, "soft-reset")
    assert mpremote(port, "exec", "print(9)").strip() == "9"
    mpremote(port, "fs", "rm", ":main.py")


SLEEP = "import time; a = time.ticks_us(); time.sleep_ms(250); print(time.ticks_us() - a)"


def test_time_goes_on_and_sleep_lasts(port):
    assert int(mpremote(port, "exec", SLEEP)) >= 250_000


def test_sleep_lasts_no_longer_where_time_is_that_of_the_instructions():
    took: list[str] = []
    with m7.started(counted=True) as target:
        assert not target.execute(SLEEP, "sleep", took.append)
    assert 250_000 <= int(took[0]) < 251_000


def test_a_waiting_board_uses_no_processor():
    with m7.started() as target:
        target.execute("pass", "x", print)
        processor = [computed([target.process_id])[0]]
        clock = [time.monotonic()]
        time.sleep(1)
        processor.append(computed([target.process_id])[0])
        clock.append(time.monotonic())
    assert processor[1] - processor[0] < 0.5 * (clock[1] - clock[0])


def test_make_m7_run_prints_the_line_to_copy():
    m7.firmware()
    with m7.held(["make", "--no-print-directory", "-o", "m7", "m7-run"]) as port:
        assert mpremote(port, "exec", "print(3)").strip() == "3"


def _typed(process, keys, answer):
    process.stdin.write(keys)
    process.stdin.flush()
    output, waiting = b"", patience.Patience(60, process.pid)
    while answer not in output:
        assert not waiting.over, output
        if select.select([process.stdout], [], [], 0.1)[0]:
            data = os.read(process.stdout.fileno(), 4096)
            assert data, output
            output += data


def test_make_m7_repl_is_a_repl_that_ctrl_a_x_ends():
    m7.firmware()
    command = ["make", "--no-print-directory", "-o", "m7", "m7-repl"]
    process = subprocess.Popen(
        command, cwd=m7.TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        # What comes before the UART listens stays in QEMU's buffer until the next key, so the
        # prompt comes first.
        _typed(process, b"", b">>> ")
        _typed(process, b"print(6 * 7)\r\n", b"\n42\r\n")
        process.stdin.write(b"\x01x")
        process.stdin.flush()
        assert patience.until(lambda: process.poll() is not None, 60, process.pid)
        assert process.returncode == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
