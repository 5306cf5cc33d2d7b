"""What goes wrong between host and board ends in a sentence, a board that answers and old data
intact; here with the emulated Cortex-M7, whose power can be cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import m7
import numpy as np
import pytest

from uff_host import patience
from uff_host.errors import DeviceError
from uff_host.formats.model_file import read_model
from uff_host.progress import Progress
from uff_host.targets import transfer
from uff_host.targets.qemu import MEMORY_BYTES, QemuTarget
from uff_host.targets.serial import SerialTarget
from uff_host.targets.serial_link import LinkLost, SerialLink

JOB = {"hidden": 48}
TALK = "print('alive')"


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return m7.squares(tmp_path_factory.mktemp("samples") / "train.uffs", each=60)


@pytest.fixture(scope="module")
def board(samples):
    """Holds train.uffs and a model of it."""
    with m7.started() as target:
        target.put(samples, "train.uffs")
        target.run("train.py", JOB)
        yield target


def noise(path, size, seed=1):
    path.write_bytes(np.random.default_rng(seed).bytes(size))
    return path


def content(target, name, tmp_path):
    target.get(name, tmp_path / "fetched")
    return (tmp_path / "fetched").read_bytes()


def alive(target):
    output: list[str] = []
    assert not target.execute(TALK, "talk", output.append)
    return output == ["alive"]


# ---- training ----


@pytest.mark.parametrize("done", [0.01, 0.5, 1.0])
def test_a_power_cut_in_training_keeps_the_old_model(done, board, tmp_path, monkeypatch):
    before = content(board, "model.uffm", tmp_path)
    monkeypatch.setattr(board, "_scripts", m7.holding(tmp_path, done))
    cut = m7.at_progress(done, lambda: m7.kill(board))
    with pytest.raises(DeviceError, match=r"train.py: the emulator was killed by signal 9.*again"):
        board.run("train.py", JOB | {"seed": 1}, cut)
    monkeypatch.undo()
    assert content(board, "model.uffm", tmp_path) == before
    assert board.run("train.py", JOB)["images"] == 180


def test_ctrl_c_stops_the_training_and_keeps_the_old_model(board, tmp_path, monkeypatch):
    before = content(board, "model.uffm", tmp_path)
    monkeypatch.setattr(board, "_scripts", m7.holding(tmp_path, 0.2))

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        board.run("train.py", JOB | {"seed": 1}, m7.at_progress(0.2, stop))
    number = board.process_id
    assert alive(board)
    assert content(board, "model.uffm", tmp_path) == before
    assert board.process_id == number, "it was started again"


def test_a_closed_pty_is_a_sentence_and_a_clean_start(board, tmp_path, monkeypatch):
    before, port = content(board, "model.uffm", tmp_path), board._link._serial
    monkeypatch.setattr(board, "_scripts", m7.holding(tmp_path, 0.2))
    with pytest.raises(DeviceError, match=r"train.py: .*line broke. The emulator was ended.*anew"):
        board.run("train.py", JOB | {"seed": 1}, m7.at_progress(0.2, port.close))
    assert content(board, "model.uffm", tmp_path) == before
    assert alive(board)


def test_a_script_that_raises_is_a_sentence(board, tmp_path):
    (tmp_path / "x.py").write_text("print('so far')\nraise ValueError('too blue')\n")
    board._scripts, kept = tmp_path, board._scripts
    try:
        with pytest.raises(DeviceError, match=r"x.py ended with status 1.*ValueError: too blue"):
            board.run("x.py", {})
    finally:
        board._scripts = kept
    assert alive(board)


def test_a_silent_script_is_stopped(board, tmp_path):
    (tmp_path / "x.py").write_text("while True:\n    pass\n")
    kept = board._scripts, board._silence_s
    board._scripts, board._silence_s = tmp_path, 1.0
    try:
        with pytest.raises(DeviceError, match=r"x.py said nothing for 1 s and was stopped"):
            board.run("x.py", {})
    finally:
        board._scripts, board._silence_s = kept
    assert alive(board)


def test_a_fault_of_the_processor_ends_the_emulator_and_says_where(board):
    with pytest.raises(DeviceError, match=r"emulator ended with status 1 \(HardFault: pc \w+ lr"):
        board.execute("import machine; machine.mem32[0x50000000]", "wild", print)
    assert alive(board)


def test_systick_started_by_others_is_ended(board):
    code = "from machine import mem32\nimport time\n"
    code += "mem32[0xE000E014] = 1000; mem32[0xE000E018] = 0; mem32[0xE000E010] = 7\n"
    code += "time.sleep_ms(20)\nprint(mem32[0xE000E010] & 1)"
    output: list[str] = []
    assert not board.execute(code, "systick", output.append)
    assert output == ["0"]


@pytest.mark.parametrize(
    "heap_bytes",
    [
        pytest.param(MEMORY_BYTES - 200_000, id="arena"),
        pytest.param(MEMORY_BYTES - 100_000, id="arena-smaller-than-a-workspace"),
    ],
)
def test_too_little_memory_is_a_sentence(samples, tmp_path, heap_bytes):
    with m7.started(heap_bytes=heap_bytes) as target:
        target.put(samples, "train.uffs")
        with pytest.raises(DeviceError, match=r"180 images need [\d]+ bytes"):
            target.run("train.py", JOB)
        assert alive(target)
        with pytest.raises(DeviceError, match=r"no file model.uffm"):
            target.get("model.uffm", tmp_path / "model.uffm")


def test_a_damaged_samples_file_is_a_sentence(board, samples, tmp_path):
    before = content(board, "model.uffm", tmp_path)
    damaged = bytearray(samples.read_bytes())
    damaged[9] ^= 1
    (tmp_path / "bad.uffs").write_bytes(damaged)
    board.put(tmp_path / "bad.uffs", "bad.uffs")
    with pytest.raises(DeviceError, match=r"bad.uffs: the header is damaged"):
        board.run("train.py", JOB | {"samples": "bad.uffs"})
    assert content(board, "model.uffm", tmp_path) == before


# ---- transfer ----


class Cut:
    """A link that breaks after so many bytes to the board; `flip` changes a byte instead."""

    def __init__(self, link: SerialLink, cut: int = 10**9, flip: range = range(0)) -> None:
        self._link, self._cut, self._flip, self._lines = link, cut, flip, 0
        self.start, self.read_line, self.ended = link.start, link.read_line, link.ended

    def write_line(self, text: str) -> None:
        self._lines += 1
        data = text + "\n"
        if self._lines in self._flip:
            data = data[:5] + ("0" if data[5] != "0" else "1") + data[6:]
        self._link._send(data[: self._cut].encode())
        self._cut -= len(data)
        if self._cut <= 0:
            raise LinkLost("cut")


@pytest.fixture(scope="module")
def lined():
    with m7.started(by_line=True) as target:
        yield target


def test_a_file_comes_whole_after_a_cut_at_any_byte(lined, tmp_path):
    new, old = noise(tmp_path / "new", 6000), noise(tmp_path / "old", 300, seed=2)
    first = 2 + len(transfer._pack(0, new.read_bytes()[:4096])) + 1  # "0\n", then the first chunk
    # Before and in the first number, within a chunk, just before its end, just after, in the next.
    for cut in (1, 2, 700, first - 1, first, first + 1, first + 900):
        lined.put(old, "x.bin")
        link = lined._awake()
        with pytest.raises(LinkLost):
            transfer.put(Cut(link, cut), new, "x.bin")
        assert content(lined, "x.bin", tmp_path) == old.read_bytes()
        seen: list[Progress] = []
        lined.put(new, "x.bin", seen.append)
        came = pytest.approx(4096 / 6000)
        if cut < first - 1:
            assert seen[0].done == 0
        elif cut > first:
            assert seen[0].done == came
        else:  # Ctrl-C, with the line end before it, runs after the chunk
            assert seen[0].done in (0, came)
        assert content(lined, "x.bin", tmp_path) == new.read_bytes()
    output: list[str] = []
    lined.execute("import os; print(sorted(os.listdir()))", "x", output.append)
    assert ".part" not in output[0]


def test_a_power_cut_in_a_transfer_keeps_what_came(lined, tmp_path):
    new, old = noise(tmp_path / "new", 40_000, seed=3), noise(tmp_path / "old", 3000, seed=4)
    lined.put(old, "y.bin")
    with pytest.raises(DeviceError, match=r"y.bin: the emulator was killed by signal 9"):
        lined.put(new, "y.bin", m7.at_progress(0.5, lambda: m7.kill(lined)))
    assert content(lined, "y.bin", tmp_path) == old.read_bytes()
    seen: list[Progress] = []
    lined.put(new, "y.bin", seen.append)
    assert seen[0].done >= 0.4
    assert content(lined, "y.bin", tmp_path) == new.read_bytes()


def test_a_power_cut_while_fetching_keeps_the_old_file_and_goes_on(lined, tmp_path):
    new, local = noise(tmp_path / "new", 40_000, seed=5), tmp_path / "local"
    local.write_bytes(b"old")
    lined.put(new, "z.bin")
    with pytest.raises(DeviceError, match=r"killed by signal 9"):
        lined.get("z.bin", local, m7.at_progress(0.5, lambda: m7.kill(lined)))
    assert local.read_bytes() == b"old"
    seen: list[Progress] = []
    lined.get("z.bin", local, seen.append)
    assert seen[0].done > 0.5
    assert local.read_bytes() == new.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local", "new"]


def test_a_byte_damaged_on_the_line_is_asked_for_again(lined, tmp_path):
    new = noise(tmp_path / "new", 10_000, seed=6)
    transfer.put(Cut(lined._awake(), flip=range(2, 4)), new, "d.bin")
    assert content(lined, "d.bin", tmp_path) == new.read_bytes()


def test_a_line_that_damages_everything_is_a_sentence(lined, tmp_path):
    new, link = noise(tmp_path / "new", 10_000, seed=7), lined._awake()
    with pytest.raises(DeviceError, match=r"damages what it carries"):
        lined._guard("e.bin", lambda: transfer.put(Cut(link, flip=range(2, 99)), new, "e.bin"))
    assert alive(lined)


def test_a_file_that_arrives_wrong_is_thrown_away(lined, tmp_path, monkeypatch):
    new, old = noise(tmp_path / "new", 6000, seed=8), noise(tmp_path / "old", 300, seed=9)
    lined.put(old, "f.bin")
    pack = transfer._pack
    monkeypatch.setattr(
        transfer, "_pack", lambda at, data: pack(at, bytes([data[0] ^ 1]) + data[1:])
    )
    with pytest.raises(DeviceError, match=r"f.bin arrived damaged.*old one is intact"):
        lined.put(new, "f.bin")
    monkeypatch.undo()
    assert content(lined, "f.bin", tmp_path) == old.read_bytes()
    lined.put(new, "f.bin")
    assert content(lined, "f.bin", tmp_path) == new.read_bytes()


def test_a_file_that_is_there_is_not_sent_again(lined, tmp_path):
    new = noise(tmp_path / "new", 9000, seed=10)
    seen: list[Progress] = []
    lined.put(new, "g.bin")
    lined.put(new, "g.bin", seen.append)
    assert [step.stage for step in seen] == ["g.bin is there"]


def test_a_file_of_no_bytes_goes_both_ways(lined, tmp_path):
    lined.put(noise(tmp_path / "new", 0), "empty.bin")
    assert content(lined, "empty.bin", tmp_path) == b""


def test_a_file_too_large_for_the_disk_is_a_sentence(board, tmp_path):
    before = content(board, "model.uffm", tmp_path)
    with pytest.raises(DeviceError, match=r"17,000,000 bytes do not fit"):
        board.put(noise(tmp_path / "new", 17_000_000), "huge.bin")
    assert content(board, "model.uffm", tmp_path) == before
    assert alive(board)


def test_what_the_target_has_not_cannot_be_fetched(board, lined, tmp_path):
    for target in (board, lined):
        with pytest.raises(DeviceError, match=r"no file nothing.bin"):
            target.get("nothing.bin", tmp_path / "x")
        assert alive(target)


# ---- a board on a port, and what is left behind ----


def test_a_board_on_a_port_trains_and_is_free_after_its_line_was_cut(samples, tmp_path):
    with m7.held() as port:
        with SerialTarget(port, silence_s=60) as target:
            target.put(samples, "train.uffs")
            target.run("train.py", JOB)
            assert target._link is not None
            port_of = target._link._serial
            target._scripts = m7.holding(tmp_path, 0.2)
            with pytest.raises(DeviceError, match=r"train.py: .*the line broke.*plugged in"):
                target.run("train.py", JOB | {"seed": 1}, m7.at_progress(0.2, port_of.close))
        with SerialTarget(port, silence_s=60) as target:
            assert alive(target)
            target.get("model.uffm", tmp_path / "model.uffm")
            assert read_model(tmp_path / "model.uffm").n_images == 180


def test_no_emulator_outlives_a_killed_host():
    code = (
        "import time; from uff_host.targets.qemu import MEMORY_BYTES, QemuTarget;"
        "t = QemuTarget();"
        "print(t.process_id, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"UFF_M7": str(m7.firmware())}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    ) as host:
        assert host.stdout is not None
        number = int(host.stdout.readline())
        os.kill(host.pid, signal.SIGKILL)
    assert patience.until(lambda: not _runs(number), 10)


def _runs(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_missing_emulator_or_firmware_is_a_sentence(tmp_path, monkeypatch):
    image = m7.firmware()
    with pytest.raises(DeviceError, match=r"no firmware .*make m7"):
        QemuTarget(tmp_path / "none.elf")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match=r"qemu-system-arm is not installed.*apt-get install"):
        QemuTarget(image)
