"""The unix target: what a script prints becomes a result or an error; nothing is left behind."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from uff_host import patience
from uff_host.errors import DataError, DeviceError
from uff_host.progress import Progress
from uff_host.targets.base import naming
from uff_host.targets.connect import connect
from uff_host.targets.unix import UnixTarget, unix_firmware


def fake(tmp_path: Path, script: str) -> Path:
    """A shell script in the place of MicroPython; it ignores what it is told to run."""
    path = tmp_path / "micropython"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    (tmp_path / "x.py").touch()
    return path


def target(tmp_path: Path, script: str, **options) -> UnixTarget:
    return UnixTarget(fake(tmp_path, script), scripts=tmp_path, **options)


def test_a_script_gets_its_job_and_gives_its_result(tmp_path):
    lines: list[str] = []
    steps: list[Progress] = []
    script = """
    echo "heap $2 of $3"
    echo '@progress {"stage": "Gram", "done": 0.25, "left_s": 3.1}'
    echo '@progress {"stage": "Gram", "done": 1}'
    printf '@result '; cat job.json
    """
    with target(tmp_path, script, on_line=lines.append) as unix:
        result = unix.run("x.py", {"seed": 3, "lambda2": None}, steps.append)
    assert result == {"seed": 3, "lambda2": None}
    assert steps == [Progress("Gram", 0.25, 3.1), Progress("Gram", 1.0, None)]
    assert lines == [f"heap heapsize=96M of {tmp_path / 'x.py'}"]


def test_files_go_in_and_come_out_and_the_folder_goes(tmp_path):
    (tmp_path / "in").write_bytes(b"\x00samples")
    script = "cp in out; echo '@result {}'; pwd"
    lines: list[str] = []
    with target(tmp_path, script, on_line=lines.append) as unix:
        unix.put(tmp_path / "in", "in")
        unix.run("x.py", {})
        unix.get("out", tmp_path / "out")
        with pytest.raises(DeviceError, match="no file"):
            unix.get("other", tmp_path / "other")
        with pytest.raises(DataError, match="there is no folder"):
            unix.get("out", tmp_path / "deep" / "out")
    assert (tmp_path / "out").read_bytes() == b"\x00samples"
    assert not (tmp_path / "deep").exists()
    assert not Path(lines[0]).exists()
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            'echo \'@error {"error": "ValueError", "message": "label 9 of 5"}\'; exit 1',
            "label 9 of 5",
        ),
        ("echo 'Traceback'; echo 'NameError: x'; echo; exit 1", "status 1.*NameError: x"),
        ("echo oops >&2; exit 3", "status 3.*oops"),
        ("exit 0", "without a result"),
        ("echo '@result [1'", "unreadable line"),
        ("echo '@result 5'", "unreadable line"),
        ("printf '@result '; printf '[%.0s' $(seq 50000)", "unreadable line"),
        ("echo '@progress {\"done\": 0.5}'", "unreadable line"),
        ('echo \'@progress {"stage": "a", "done": "much"}\'', "unreadable line"),
        ("kill -9 $$", "killed by signal 9"),
    ],
)
def test_a_failed_script_is_one_sentence(tmp_path, script, sentence):
    with target(tmp_path, script) as unix, pytest.raises(DeviceError, match=sentence):
        unix.run("x.py", {})


@pytest.mark.parametrize("changed", ["@crc 00000000", '@result {"right": 8}'])
def test_a_result_that_the_line_damaged_is_not_believed(tmp_path, changed):
    lines = ["@crc 3caff154", '@result {"right": 9}']
    with target(tmp_path, f"cat <<'end'\n{chr(10).join(lines)}\nend") as unix:
        assert unix.run("x.py", {}) == {"right": 9}
    lines[changed.startswith("@result")] = changed
    with (
        target(tmp_path, f"cat <<'end'\n{chr(10).join(lines)}\nend") as unix,
        pytest.raises(DeviceError, match=r"x\.py is done, but the line damaged its result"),
    ):
        unix.run("x.py", {})


def test_what_a_target_says_of_its_files_names_those_of_the_host():
    known = {"test.uffs": Path("my/digits.uffs"), "model.uffm": Path("a\\1.uffm"), "x": None}
    for output, sentence in (
        ("test.uffs: no samples", "my/digits.uffs: no samples"),
        ("model.uffm and test.uffs.", "a\\1.uffm and my/digits.uffs."),
        ("model.uffm.new: the disk is full", "model.uffm.new: the disk is full"),
        ("/tmp/test.uffs, mytest.uffs, x", "/tmp/test.uffs, mytest.uffs, x"),
    ):
        with pytest.raises(DeviceError) as error, naming(known):
            raise DeviceError(output)
        assert str(error.value) == sentence


def test_a_full_disk_of_temporary_files_is_a_sentence(tmp_path, monkeypatch):
    def full(source, goal):
        raise OSError(28, "No space left on device", str(source), None, str(goal))

    with target(tmp_path, "") as unix:
        monkeypatch.setattr(shutil, "copyfile", full)
        with pytest.raises(DeviceError, match=r"my/a\.uffs does not fit on the disk of .*TMPDIR"):
            unix.put(Path("my/a.uffs"), "test.uffs")


def test_a_line_cut_in_two_and_bytes_that_are_no_text_are_read(tmp_path):
    script = (
        r"""printf '@result {"a"'; sleep 0.2; printf ': 1}\r\n'; printf '\377\n'; printf end"""
    )
    lines: list[str] = []
    with target(tmp_path, script, on_line=lines.append) as unix:
        assert unix.run("x.py", {}) == {"a": 1}
    assert lines == ["\ufffd", "end"]


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_silent_script_is_killed(tmp_path):
    lines: list[str] = []
    script = "echo $$; exec sleep 60"
    with (
        target(tmp_path, script, silence_s=0.5, on_line=lines.append) as unix,
        pytest.raises(DeviceError, match=r"said nothing for 0\.5 s"),
    ):
        unix.run("x.py", {})
    assert not running(int(lines[0]))


def test_a_callback_that_raises_ends_the_script(tmp_path):
    pids: list[int] = []

    def stop(line: str) -> None:
        pids.append(int(line))
        raise KeyboardInterrupt

    with (
        target(tmp_path, "echo $$; exec sleep 60", on_line=stop) as unix,
        pytest.raises(KeyboardInterrupt),
    ):
        unix.run("x.py", {})
    assert not running(pids[0])


def test_ctrl_c_while_the_script_is_being_started_leaves_none_behind(tmp_path, monkeypatch):
    def children() -> str:
        return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()

    def interrupted(file: int, count: int) -> bytes:
        raise KeyboardInterrupt  # Popen waits for exec() here

    before = children()
    with target(tmp_path, "exec sleep 60") as unix:
        monkeypatch.setattr(os, "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            unix.run("x.py", {})
        monkeypatch.undo()
    assert children() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_command_and_script_and_leaves_the_older_model(tmp_path, number):
    pid = tmp_path / "pid"
    firmware = fake(tmp_path, f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 60")
    model = tmp_path / "model.uffm"
    model.write_bytes(b"older")
    environment = {**os.environ, "UFF_UNIX": str(firmware), "TMPDIR": str(tmp_path)}
    code = (
        "from uff_host.datasets import shapes; from pathlib import Path;"
        "from uff_host.formats.samples import write_samples;"
        f"write_samples(Path({str(tmp_path / 's.uffs')!r}), shapes.samples(2, 0))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    command = [sys.executable, "-m", "uff_host", "train", str(tmp_path / "s.uffs")]
    process = subprocess.Popen(
        [*command, "--model", str(model)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert patience.until(pid.exists, 30, process.pid)
        process.send_signal(number)
        _, output = patience.finish(process, 30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert output.count("\n") == 1
    assert "Stopped" in output
    assert not running(int(pid.read_text()))
    assert model.read_bytes() == b"older"
    assert not list(tmp_path.glob("uff-unix-*"))


def test_a_missing_firmware_says_how_to_build_it(tmp_path, monkeypatch):
    monkeypatch.setenv("UFF_UNIX", str(tmp_path / "none"))
    assert unix_firmware() == tmp_path / "none"
    with pytest.raises(DeviceError, match="make unix"):
        connect("unix")


def test_a_file_that_does_not_start_is_a_sentence(tmp_path):
    firmware = fake(tmp_path, "")
    firmware.write_bytes(b"\x7fELF")
    with UnixTarget(firmware, scripts=tmp_path) as unix:
        with pytest.raises(DeviceError, match="does not start"):
            unix.run("x.py", {})
        with pytest.raises(DeviceError, match="no script"):
            unix.run("y.py", {})


def test_an_unknown_target_is_named_with_those_there_are():
    with pytest.raises(DeviceError, match=r"'moon'.*unix"):
        connect("moon")


def test_the_library_of_a_folder_can_replace_the_frozen_one(tmp_path):
    script = """printf '@result {"path": "%s"}' "$MICROPYPATH" """
    with target(tmp_path, script, library=tmp_path) as unix:
        assert unix.run("x.py", {}) == {"path": f"{tmp_path}:.frozen"}
