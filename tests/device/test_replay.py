"""Sessions of touches: their file, and what the capture application comes to when it is given
them, here and on the emulated Cortex-M7, by made-up writers."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import m7
import numpy as np
import pytest

from uff_host.cli import main
from uff_host.errors import DeviceError, FormatError
from uff_host.formats.samples import read_samples
from uff_host.formats.touch_recording import (
    CONTACT,
    HEADER,
    LIFT,
    PRESS,
    RECORD,
    VERSION,
    Report,
    TouchRecording,
    pack_recording,
    read_recording,
    unpack_recording,
    write_recording,
)
from uff_host.handwriting import Writer
from uff_host.handwriting.composer import Composer, Layout, lesson
from uff_host.handwriting.lesson import MODEL, SAMPLES, layout_of, replay, score
from uff_host.targets.base import Result, Target
from uff_host.targets.unix import UnixTarget

DEVICE = Path(__file__).resolve().parents[2] / "device"
DIGITS = "1234567890"

SMALL = TouchRecording(
    800,
    480,
    [
        Report(5, 0, PRESS, 0, 479),
        Report(5, 1, PRESS, 799, 0),
        Report(15, 0, CONTACT, 3, 470),
        Report(15, 1, LIFT, 799, 0),
        Report(2500, 0, LIFT, 3, 470),
    ],
)


@pytest.fixture(scope="module")
def unix(micropython):
    with UnixTarget(micropython) as target:
        yield target


@pytest.fixture(scope="module")
def layout(unix) -> Layout:
    return layout_of(unix)


class Ran:
    """What a replay reported, and the files it left."""

    def __init__(
        self, target: Target, recording: TouchRecording, folder: Path, **job: object
    ) -> None:
        write_recording(folder / "recording.ufft", recording)
        self.result: Result = replay(target, folder / "recording.ufft", job=job)
        self.files = {}
        for name in (SAMPLES, MODEL):
            if self.result[f"{'samples' if name == SAMPLES else 'model'}_sha256"]:
                target.get(name, folder / name)
                self.files[name] = (folder / name).read_bytes()

    @property
    def model(self) -> bytes:
        return self.files[MODEL]


# ---- the file ----


def test_both_sides_have_the_same_layout():
    text = (DEVICE / "capture" / "touch_recording.py").read_text()
    for name, wanted in (("HEADER", HEADER), ("RECORD", RECORD)):
        assert re.findall(rf'^{name} = "(.*)"$', text, re.MULTILINE) == [wanted]
    assert re.findall(r'^MAGIC = b"(.*)"$', text, re.MULTILINE) == ["UFFT"]
    assert re.findall(r"^VERSION = (\d+)$", text, re.MULTILINE) == [str(VERSION)]
    driver = (DEVICE / "drivers" / "touch.py").read_text()
    for name, number in (("PRESS", PRESS), ("LIFT", LIFT), ("CONTACT", CONTACT)):
        assert re.findall(rf"^{name} = const\((\d)\)$", driver, re.MULTILINE) == [str(number)]


def test_what_is_written_is_read(tmp_path):
    write_recording(tmp_path / "x.ufft", SMALL)
    assert read_recording(tmp_path / "x.ufft") == SMALL
    assert (tmp_path / "x.ufft").stat().st_size == 16 + 5 * 10 + 4
    empty = TouchRecording(480, 272, [])
    assert unpack_recording(pack_recording(empty)) == empty
    assert empty.lasts_ms == 0
    assert SMALL.lasts_ms == 2500


def test_every_truncation_and_every_flipped_bit_is_refused():
    data = pack_recording(SMALL)
    for size in range(len(data)):
        with pytest.raises(FormatError, match="recording"):
            unpack_recording(data[:size])
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError, match="recording"):
            unpack_recording(bytes(changed))


@pytest.mark.parametrize(
    "report",
    [
        Report(4, 0, CONTACT, 1, 1),  # before the one before it
        Report(9, 2, CONTACT, 1, 1),
        Report(9, 0, 3, 1, 1),
        Report(9, 0, CONTACT, 800, 1),
        Report(9, 0, CONTACT, 1, 480),
        Report(9, 0, CONTACT, -1, 1),
        Report(2**32, 0, CONTACT, 1, 1),
    ],
)
def test_touches_that_cannot_be_are_neither_written_nor_read(report):
    wrong = TouchRecording(800, 480, [Report(5, 0, PRESS, 1, 1), report])
    with pytest.raises(FormatError, match="touch 1 cannot be"):
        pack_recording(wrong)
    if report.x >= 0 and report.t_ms < 2**32:
        body = struct.pack(HEADER, b"UFFT", VERSION, 16, 800, 480, 2)
        body += b"".join(struct.pack(RECORD, *one) for one in wrong.reports)
        with pytest.raises(FormatError, match="touch 1 cannot be"):
            unpack_recording(body + struct.pack("<I", zlib.crc32(body)))


def test_the_device_refuses_and_replays_the_same_files(run_device, tmp_path):
    write_recording(tmp_path / "small.ufft", SMALL)
    for number, wrong in enumerate([Report(4, 0, 2, 1, 1), Report(9, 2, 2, 1, 1)]):
        body = struct.pack(HEADER, b"UFFT", VERSION, 16, 800, 480, 2)
        body += struct.pack(RECORD, 5, 0, 0, 1, 1) + struct.pack(RECORD, *wrong)
        data = body + struct.pack("<I", zlib.crc32(body))
        (tmp_path / f"wrong{number}.ufft").write_bytes(data)
    chance = np.random.default_rng(4)
    reports, t = [], 0
    for _ in range(1000):  # more than a block
        t += int(chance.integers(0, 40))
        event, x, y = (int(chance.integers(n)) for n in (3, 800, 480))
        reports.append(Report(t, int(chance.integers(2)), event, x, y))
    write_recording(tmp_path / "long.ufft", TouchRecording(800, 480, reports))
    ran = run_device(DEVICE.parent / "tests/device/capture_recording.py", tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[-1] == "capture_recording: ok", ran.stdout
    # What the device gave, moment by moment, is what was written.
    given = [tuple(map(int, line.split()[1:])) for line in lines if line.startswith("long ")]
    assert given == [tuple(report[1:]) for report in reports]
    # What the device recorded, the host reads.
    recorded = read_recording(tmp_path / "recorded.ufft")
    assert [tuple(one[1:]) for one in recorded.reports] == given


# ---- replays ----


def test_a_recording_of_a_replay_replays_to_the_same(unix, layout, tmp_path):
    recording, asked, _ = lesson(layout, Writer(5), "123", 3, 2)
    first = Ran(unix, recording, tmp_path, record="again.ufft")
    assert first.result["recorded"] == len(recording.reports)
    unix.get("again.ufft", tmp_path / "again.ufft")
    recorded = read_recording(tmp_path / "again.ufft")
    second = Ran(unix, recorded, tmp_path)
    assert second.files == first.files
    assert second.result["predictions"] == first.result["predictions"]
    # From the second class on it recognises while one teaches: the last ones were asked.
    assert len(asked) < len(first.result["predictions"]) < len(asked) + 9
    assert score(first.result, asked).accuracy >= 0.8


def test_drawings_of_the_owner_stay_and_a_replay_may_go_on_with_its_own(unix, layout, tmp_path):
    recording, _, _ = lesson(layout, Writer(6), "123", 1, 0)
    (tmp_path / "own.uffs").write_bytes(b"precious")
    unix.put(tmp_path / "own.uffs", "drawings.uffs")
    first = Ran(unix, recording, tmp_path)
    assert first.result["counts"] == [1, 1, 1]
    assert Ran(unix, recording, tmp_path).result["counts"] == [1, 1, 1]
    assert Ran(unix, recording, tmp_path, keep=True).result["counts"] == [2, 2, 2]
    unix.get("drawings.uffs", tmp_path / "own.uffs")
    assert (tmp_path / "own.uffs").read_bytes() == b"precious"


def test_a_session_of_another_screen_is_refused(unix, tmp_path):
    write_recording(tmp_path / "x.ufft", TouchRecording(480, 272, []))
    with pytest.raises(DeviceError, match="480 x 272"):
        replay(unix, tmp_path / "x.ufft")
    result = replay(unix, tmp_path / "x.ufft", job={"width": 480, "height": 272})
    assert result["counts"] == [0, 0, 0]
    assert result["model_sha256"] is None


def test_small_screens_learn_the_same_way(unix, tmp_path):
    layout = Layout.of(unix.run("dev/layout.py", {"width": 480, "height": 272}))
    recording, asked, _ = lesson(layout, Writer(7), "1230", 5, 5)
    ran = Ran(unix, recording, tmp_path, width=480, height=272)
    assert score(ran.result, asked).accuracy >= 0.9


def test_the_verdicts_of_predict_py_are_those_on_the_screen(unix, layout, tmp_path):
    recording, asked, names = lesson(layout, Writer(8), "123", 4, 4)
    ran = Ran(unix, recording, tmp_path)
    result = unix.run("predict.py", {"replay": "recording.ufft", "files": "replay-"})
    assert result["names"] == names
    assert result["drawings"] == 12 + len(asked)
    assert result["predictions"][-len(asked) :] == ran.result["predictions"][-len(asked) :]
    kept = unix.run("predict.py", {"files": "replay-"})
    assert kept["drawings"] == 12
    assert kept["right"] >= 11
    assert kept["predictions"] == result["predictions"][:12]
    again = unix.run("predict.py", {"files": "replay-", "samples": "replay-drawings.uffs"})
    assert again == kept


def test_the_command_compares_what_was_recognised_and_brings_the_files(tmp_path, capsys):
    path = tmp_path / "two.ufft"
    arguments = ["lesson", str(path), "--characters", "12", "--examples", "4", "--ask", "3"]
    assert main.main(arguments) == 0
    kept, model = tmp_path / "two.uffs", tmp_path / "two.uffm"
    assert main.main(["replay", str(path), "--samples", str(kept), "--model", str(model)]) == 0
    assert "of 6 unseen drawings right" in capsys.readouterr().out
    assert read_samples(kept).counts() == [4, 4]
    assert model.stat().st_size > 1000
    path.write_bytes(path.read_bytes()[:-1])
    assert main.main(["replay", str(path)]) == 1
    assert "touches take" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            "application",
            "application: unix has no touchscreen; want a recording to replay in job.json",
        ),
        ("predict", "predict: there is no network for these drawings; draw and train first"),
    ],
)
def test_without_a_job_where_nothing_can_be_done_a_script_says_so(
    script, says, run_device, tmp_path
):
    ran = run_device(DEVICE / "scripts" / f"{script}.py", tmp_path)
    assert ran.returncode == 1
    assert says in ran.stdout.splitlines()
    assert "Traceback" not in ran.stdout + ran.stderr


# ---- unlearning: as if it had never been ----

Do = Callable[[Composer], None]


def plain(composer: Composer) -> None:
    for _ in range(3):
        for character in "123":
            composer.teach(character)
    composer.train()


def eleventh(composer: Composer) -> None:
    """One class more, learnt and removed."""
    plain(composer)
    composer.add_class("x")
    for _ in range(3):
        composer.teach("x")
    composer.train()
    composer.remove_class(3)
    composer.train()


def relabelled(composer: Composer) -> None:
    """A drawing that went to the wrong class at first, learnt so, then put right."""
    for _ in range(2):
        for character in "123":
            composer.teach(character)
    composer.teach("1")
    composer.teach("2", 0)
    composer.teach("3")
    composer.train()
    composer.relabel(0, 1)
    composer.train()


def deleted(composer: Composer) -> None:
    """A drawing too many, learnt and deleted."""
    plain(composer)
    composer.teach("8", 1)
    composer.train()
    composer.delete(1)
    composer.train()


def made(layout: Layout, do: Do) -> TouchRecording:
    composer = Composer(layout, Writer(11))
    do(composer)
    return composer.recording()


@pytest.mark.parametrize("do", [eleventh, relabelled, deleted])
def test_what_was_unlearnt_leaves_no_trace_in_the_model(unix, layout, tmp_path, do):
    never = Ran(unix, made(layout, plain), tmp_path)
    (tmp_path / "never.uffs").write_bytes(never.files[SAMPLES])
    undone = Ran(unix, made(layout, do), tmp_path)
    assert undone.model == never.model
    first, second = read_samples(tmp_path / "never.uffs"), read_samples(tmp_path / SAMPLES)
    assert first.class_names == second.class_names
    assert np.array_equal(first.labels, second.labels)
    assert np.array_equal(first.images, second.images)


@pytest.mark.parametrize("do", [eleventh, relabelled, deleted])
def test_before_it_was_unlearnt_the_model_was_another(unix, layout, tmp_path, do):
    """Else the test above could not fail."""

    class Stopped(Exception):
        pass

    class HalfWay(Composer):
        def remove_class(self, number):
            raise Stopped

        def relabel(self, number, label, thumbnail=0):
            raise Stopped

        def delete(self, number, thumbnail=0):
            raise Stopped

    composer = HalfWay(layout, Writer(11))
    with pytest.raises(Stopped):
        do(composer)
    half = Ran(unix, composer.recording(), tmp_path)
    assert half.model != Ran(unix, made(layout, plain), tmp_path).model


# ---- the emulated Cortex-M7 ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("digits", "each"),
    [("1234", 3), pytest.param(DIGITS, 5, marks=pytest.mark.long)],
)
def test_the_m7_comes_to_the_same_bytes(digits, each, unix, layout, tmp_path):
    recording, asked, names = lesson(layout, Writer(1), digits, each, 1)
    here = Ran(unix, recording, tmp_path)
    assert here.result["counts"] == [each] * len(digits)
    with m7.started() as board:
        assert layout_of(board) == layout, "the image holds another device/capture: make m7"
        there = Ran(board, recording, tmp_path, record="again.ufft")
        assert there.files == here.files
        board.get("again.ufft", tmp_path / "again.ufft")
        recorded = read_recording(tmp_path / "again.ufft")
        assert [one[1:] for one in recorded.reports] == [one[1:] for one in recording.reports]
        for key in ("predictions", "samples_sha256", "model_sha256", "loo_accuracy", "names"):
            assert there.result[key] == here.result[key]
        assert here.result["names"] == names
        assert len(asked) == len(digits) < len(here.result["predictions"])


@pytest.mark.slow
@pytest.mark.long
def test_the_m7_unlearns_without_a_trace(unix, layout, tmp_path):
    never = Ran(unix, made(layout, plain), tmp_path)
    with m7.started() as board:
        assert Ran(board, made(layout, eleventh), tmp_path).model == never.model
