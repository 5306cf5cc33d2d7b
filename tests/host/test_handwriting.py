"""Made-up writers: what they draw, what they do with the application, and that it learns from them
through the simulated touch controller."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import DEVICE, DEVICE_TESTS, TOP
from hypothesis import given, settings
from hypothesis import strategies as st

from uff_host import patience
from uff_host.errors import DataError, FormatError
from uff_host.formats.touch_recording import (
    CONTACT,
    LIFT,
    PRESS,
    Report,
    TouchRecording,
    pack_recording,
    unpack_recording,
    write_recording,
)
from uff_host.handwriting import CAPITALS, CHARACTERS, DIGITS, SMALL, Drawing, Field, Writer
from uff_host.handwriting.composer import Composer, Layout, lesson
from uff_host.handwriting.curve import along, smooth, stretched, travelled
from uff_host.handwriting.letterforms import Stroke, forms
from uff_host.targets.unix import UnixTarget

FIELD = Field(20, 84, 304, 304)
SIDE = 32


def shape(drawing: Drawing) -> np.ndarray:
    """Where the ink is, moved and scaled to a square of 32 x 32, as booleans."""
    points = np.concatenate([stroke[:, 1:] for stroke in drawing.strokes]).astype(float)
    low, size = points.min(axis=0), np.ptp(points, axis=0).max()
    grid = np.zeros((SIDE, SIDE), bool)
    for stroke in drawing.strokes:
        for start, end in pairwise(stroke[:, 1:]):
            for part in np.linspace(0, 1, 12):
                x, y = ((1 - part) * start + part * end - low) / size * (SIDE - 1)
                grid[int(y), int(x)] = True
    return grid


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far the ink of one lies from that of the other on average, in 32nds of a drawing."""

    def one_way(ink: np.ndarray, other: np.ndarray) -> float:
        gaps = np.argwhere(ink)[:, None] - np.argwhere(other)[None]
        return float(np.sqrt((gaps**2).sum(axis=-1)).min(axis=1).mean())

    return (one_way(a, b) + one_way(b, a)) / 2


# ---- forms and lines ----


def test_every_digit_and_letter_has_forms_of_its_own():
    assert CHARACTERS == DIGITS + CAPITALS + SMALL
    seen = set()
    for character in CHARACTERS:
        assert len(forms(character)) >= (3 if character in DIGITS else 2), character
        for form in forms(character):
            assert 1 <= len(form) <= 4
            for stroke in form:
                assert len(stroke.points) >= 2
                assert not stroke.corners[[0, -1]].any(), (character, "an end is no corner")
                assert stroke.points.min() >= 0
                assert stroke.points[:, 0].max() <= 80
                assert stroke.points[:, 1].max() <= 140
            seen.add(b"".join(stroke.points.tobytes() for stroke in form))
    assert len(seen) == sum(len(forms(character)) for character in CHARACTERS)


def test_a_line_goes_through_its_points_and_keeps_its_corners():
    points = np.array([[0, 0], [30, 10], [50, 50], [40, 90], [0, 100.0]])
    line = smooth(Stroke(points, np.array([False, False, True, False, False])))
    for point in points:
        assert np.linalg.norm(line - point, axis=1).min() < 1e-9
    steps = np.diff(line, axis=0)
    turns = np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))))
    assert np.linalg.norm(line[turns.argmax() + 1] - points[2]) < 1e-9
    assert turns.max() > 4 * np.sort(turns)[-2]


@pytest.mark.parametrize(("start", "end"), [(0.1, 0.1), (-0.1, -0.1), (0.1, -0.1), (-0.9, 0.0)])
def test_ends_are_lengthened_and_shortened(start, end):
    line = np.linspace([0, 0], [100, 0], 40)
    whole = along(stretched(line, start, end))[-1]
    assert whole == pytest.approx(100 * (1 + max(start, -0.2) + end), abs=1.5)


def test_a_finger_is_slow_in_bends_and_at_its_ends():
    bend = np.array([[0, 0], [50, 0], [100, 0], [100, 50], [100, 100.0]])
    path = travelled(smooth(Stroke(bend, np.array([0, 0, 1, 0, 0], bool))), 400, 0.01)
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1)
    middle = np.linalg.norm(path[:-1] - [100, 0], axis=1).argmin()
    straight = np.linalg.norm(path[:-1] - [50, 0], axis=1).argmin()
    assert speed[middle] < 0.75 * speed[straight]
    assert speed[0] < 0.75 * speed[straight]


# ---- writers ----


@settings(max_examples=60)
@given(
    writer=st.builds(Writer, st.integers(0, 2**32), st.floats(0, 3)),
    character=st.sampled_from(CHARACTERS),
    number=st.integers(0, 1000),
    x=st.integers(0, 500),
    y=st.integers(0, 300),
    width=st.integers(40, 800),
    height=st.integers(40, 480),
)
def test_a_drawing_is_a_finger_within_the_field(writer, character, number, x, y, width, height):
    drawing = writer.draw(character, number, Field(x, y, width, height))
    pointer = list(drawing.pointer())
    times = [t for t, *_ in pointer]
    assert times[0] == 0
    assert times[-1] == drawing.lasts_ms
    assert all(after > before for before, after in pairwise(times))
    assert all(t % 10 == 0 for t in times)
    assert all(x <= px < x + width and y <= py < y + height for _, px, py, _ in pointer)
    assert not pointer[-1][3]
    lifts = [t for t, _, _, pressed in pointer if not pressed]
    assert len(lifts) == len(drawing.strokes)
    for lift in lifts[:-1]:
        assert times[times.index(lift) + 1] - lift >= 20  # the controller sees a finger go
    points = np.array([p[1:3] for p in pointer])
    assert np.ptp(points, axis=0).max() >= 8  # more than a dot


def test_a_drawing_follows_from_hand_and_number_alone():
    first = Writer(5).draw("3", 2, FIELD)
    Writer(5).draw("8", 0, FIELD)
    again = Writer(5).draw("3", 2, FIELD)
    assert all(np.array_equal(a, b) for a, b in zip(first.strokes, again.strokes, strict=True))


def test_no_two_drawings_are_alike_and_hands_differ_more_than_their_drawings():
    same, other, least = [], [], np.inf
    for digit in DIGITS:
        shapes = [[shape(Writer(s).draw(digit, n, FIELD)) for n in range(3)] for s in range(6)]
        for writer, drawings in enumerate(shapes):
            pairs = [(0, 1), (0, 2), (1, 2)]
            found = [apart(drawings[i], drawings[j]) for i, j in pairs]
            least = min(least, *found)
            same += found
            other += [apart(drawings[0], rest[0]) for rest in shapes[writer + 1 :]]
    assert least > 0.1
    assert np.mean(same) > 0.5, "near-copies would make learning easy"
    assert np.mean(other) > 1.25 * np.mean(same)


def test_haste_makes_drawings_differ_more():
    def spread(haste: float) -> float:
        shapes = [shape(Writer(s, haste).draw("5", n, FIELD)) for s in range(8) for n in range(2)]
        return float(
            np.mean([apart(a, b) for a, b in zip(shapes[::2], shapes[1::2], strict=True)])
        )

    assert spread(2) > 1.2 * spread(1) > 1.4 * spread(0.3)


def test_hands_differ_in_form_speed_and_size():
    writers = [Writer(seed) for seed in range(30)]
    strokes = {len(writer.draw("5", 0, FIELD).strokes) for writer in writers}
    lasts = [writer.draw("8", 0, FIELD).lasts_ms for writer in writers]
    tall = [np.ptp(writer.draw("8", 0, FIELD).strokes[0][:, 2]) for writer in writers]
    assert strokes == {1, 2}
    assert max(lasts) > 1.8 * min(lasts)
    assert max(tall) > 1.5 * min(tall)


@pytest.mark.parametrize("character", ["", "ä", "12", " "])
def test_what_no_hand_can_draw_is_refused(character):
    with pytest.raises(DataError, match="No writer can draw"):
        Writer(1).draw(character, 0, FIELD)


def test_a_field_without_room_is_refused():
    with pytest.raises(DataError, match="40 x 40"):
        Writer(1).draw("1", 0, Field(0, 0, 39, 400))


# ---- what they do with the application ----


@pytest.fixture(scope="module")
def layout(micropython: Path) -> Layout:
    with UnixTarget(micropython) as unix:
        return Layout.of(unix.run("dev/layout.py", {}))


def presses(recording: TouchRecording) -> list[tuple[int, int]]:
    return [(r.x, r.y) for r in recording.reports if r.event == PRESS]


def inside(rect, x: int, y: int) -> bool:
    return rect[0] <= x < rect[0] + rect[2] and rect[1] <= y < rect[1] + rect[3]


def test_reports_are_press_contacts_lift_and_leave_room_between(layout):
    recording, asked, names = lesson(layout, Writer(3), "12ab", 2, 3)
    assert names == ["1", "2", "a", "b"]
    assert asked == [0, 1, 2, 3] * 3
    pack_recording(recording)  # possible reports, in their order
    down, lifted = False, -1000
    for report in recording.reports:
        assert report.id == 0
        assert (report.event == PRESS) == (not down), report
        assert report.event in (PRESS, CONTACT, LIFT)
        if report.event == PRESS:
            assert report.t_ms - lifted >= 30
        elif report.event == LIFT:
            lifted = report.t_ms
        down = report.event != LIFT
    assert not down


def test_taps_hit_what_they_are_for(layout):
    composer = Composer(layout, Writer(1))
    composer.add_class("a4")
    composer.tap("draw", "class 3")
    composer.remove_class(0)
    assert composer.classes == ["2", "3", "a4"]
    draw3, draw4 = layout.pages["draw"]["3"], layout.pages["draw"]["4"]
    keys = layout.pages["keyboard"]
    wanted = [
        draw3["add_class"],
        keys[f"key {ord('a')}"],
        keys[f"key {ord('4')}"],
        keys["done"],
        draw4["class 3"],
        draw4["class 0"],
        layout.pages["class_page"]["remove"],
    ]
    found = presses(composer.recording())
    assert len(found) == len(wanted)
    for rect, (x, y) in zip(wanted, found, strict=True):
        assert inside(rect, x, y)


def test_drawings_stay_so_far_from_the_edge_that_the_pen_does_too(layout):
    composer = Composer(layout, Writer(9))
    for character in DIGITS:
        composer.draw(character)
    x, y, width, height = layout.rect("draw", "field", 3)
    inner = (x + layout.pen + 1, y + layout.pen + 1)
    for report in composer.recording().reports:
        assert inner[0] <= report.x < x + width - layout.pen - 1
        assert inner[1] <= report.y < y + height - layout.pen - 1


def test_what_is_drawn_again_is_drawn_anew(layout):
    composer = Composer(layout, Writer(9))
    composer.draw("8")
    first = len(composer.recording().reports)
    composer.draw("8")
    reports = composer.recording().reports
    assert [r[1:] for r in reports[:first]] != [r[1:] for r in reports[first:]]


@pytest.mark.parametrize(
    ("characters", "part"),
    [
        ("1", "2 to 16 different"),
        ("11", "2 to 16 different"),
        ("1234567890abcdefg", "2 to 16 different"),
        ("1A", "no 'key 65'"),
    ],
)
def test_a_lesson_that_cannot_be_is_refused(layout, characters, part):
    with pytest.raises(DataError, match=part):
        lesson(layout, Writer(1), characters, 1, 1)


def test_a_class_that_is_not_there_is_refused(layout):
    with pytest.raises(DataError, match="no class '7'"):
        Composer(layout, Writer(1)).teach("7")


# ---- the application learns from them ----


@pytest.mark.slow
@pytest.mark.parametrize(
    ("writer", "each", "ask", "every"),
    [
        (2, 3, 3, 23),
        pytest.param(1, 5, 20, 0, marks=pytest.mark.long),
        pytest.param(2, 5, 20, 23, marks=pytest.mark.long),
        pytest.param(6, 5, 20, 0, marks=pytest.mark.long),
    ],
)
def test_ten_digits_are_learnt_through_the_touch_controller(
    writer: int, each: int, ask: int, every: int, layout, micropython: Path, tmp_path: Path
):
    """So many drawings of each, then so many unseen ones; every: scans between two faults of the
    bus."""
    recording, asked, names = lesson(layout, Writer(writer), "1234567890", each, ask)
    write_recording(tmp_path / "recording.ufft", recording)
    (tmp_path / "job.json").write_text(json.dumps({"every": every}))
    library = f"{DEVICE}:{DEVICE_TESTS}:{TOP / 'host' / 'uff_host' / 'virtual_board'}:.frozen"
    ran = patience.run(
        [str(micropython), "-X", "heapsize=32M", str(DEVICE_TESTS / "writer_touch.py")],
        400,
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": library},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1].removeprefix("@result "))
    assert result["names"] == names
    assert result["counts"] == [each] * 10
    assert result["leaps"] == 0
    # Five of each and 200 unseen ones: some 900.
    assert (result["faults"] > 2 * len(asked)) == (every > 0)
    assert len(asked) == len(result["noted"]) == 10 * ask
    accuracy = np.mean(np.array(asked) == result["noted"])
    print(f"writer {writer}: {accuracy:.3f}")
    assert accuracy >= 0.90


# ---- scribbles ----


def test_scribbles_stay_in_the_field_and_no_two_are_alike():
    writer = Writer(5)
    drawn = [writer.scribble(number, FIELD) for number in range(24)]
    for one in drawn:
        points = np.concatenate([stroke[:, 1:] for stroke in one.strokes])
        assert one.character == ""
        assert (points >= (FIELD.x, FIELD.y)).all()
        assert (points < (FIELD.x + FIELD.width, FIELD.y + FIELD.height)).all()
        assert np.ptp(points, axis=0).max() > FIELD.height / 6
    shapes = [shape(one) for one in drawn]
    for i, this in enumerate(shapes):
        assert all(apart(this, other) > 0.5 for other in shapes[:i])
    assert {len(one.strokes) for one in drawn[0::4]} == {1}, "a tangle"
    assert min(len(one.strokes) for one in drawn[3::4]) >= 4, "strokes here and there"


def test_a_scribble_follows_from_hand_and_number():
    first, again, other = (Writer(seed).scribble(3, FIELD) for seed in (5, 5, 6))
    assert all(map(np.array_equal, first.strokes, again.strokes))
    assert len(first.strokes) != len(other.strokes) or not all(
        map(np.array_equal, first.strokes, other.strokes)
    )


def test_a_scribble_wants_a_field():
    with pytest.raises(DataError, match="40 x 40"):
        Writer(1).scribble(0, Field(0, 0, 39, 100))


def test_a_recording_of_an_older_application_is_refused_with_a_sentence() -> None:
    data = bytearray(pack_recording(TouchRecording(800, 480, [Report(0, 0, PRESS, 1, 2)])))
    unpack_recording(bytes(data))
    data[4] = 1
    with pytest.raises(FormatError, match=r"^old\.ufft was recorded with an older application"):
        unpack_recording(bytes(data), "old.ufft")
