"""What the application decides, as the host counts it: the rules are the device's own, and the
figures come out of the verdicts."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uff_host.experiments.digits import decisions
from uff_host.experiments.digits.decisions import (
    CLOSE,
    SURE,
    UNIT,
    UNLIKE,
    Asked,
    Handwriting,
    Judged,
    Mistakes,
    Person,
    rules,
)
from uff_host.formats.touch_recording import write_recording
from uff_host.handwriting import Writer
from uff_host.handwriting.composer import lesson
from uff_host.handwriting.lesson import DIGITS, layout_of, replay, score
from uff_host.targets.unix import UnixTarget

RULES = rules()


@pytest.fixture(scope="module")
def drawn(micropython, tmp_path_factory) -> Person:
    """What writer 3 draws."""
    with UnixTarget(micropython) as target:
        return decisions.person(
            target, layout_of(target), Writer(3), tmp_path_factory.mktemp("drawn")
        )


@pytest.fixture(scope="module")
def judged(micropython, drawn, tmp_path_factory) -> Judged:
    """Writer 3 taught 3 of each, one of them wrong; asked about unseen digits and scribbles."""
    samples, _ = decisions.mistaken(drawn.lesson(3), 1, 0)
    asked = np.concatenate([drawn.unseen.images, drawn.scribbles])
    with UnixTarget(micropython) as target:
        return decisions.judge(target, tmp_path_factory.mktemp("judged"), samples, asked)


def made(verdict: list[int], label: list[int], suspects: list[bool]) -> Judged:
    """A judgement with these, and nothing else of interest."""
    n, m = len(suspects), len(verdict)
    return Judged(
        labels=np.arange(n, dtype=np.uint8) % 2,
        classes=2,
        copies=15,
        left_out=1.0,
        margins=np.ones(n),
        nearest=np.full(n, UNIT),
        suspects=np.array(suspects),
        label=np.array(label),
        like=np.zeros(m, np.int64),
        likeness=np.full(m, UNIT),
        best=np.ones(m),
        second=np.zeros(m),
        verdict=np.array(verdict),
    )


# ---- the rules ----


def test_a_class_that_was_taught_answers_1_and_one_of_nothing_0():
    for k in (2, 3, 10, 16):
        taught = (1 / k + (1 - 1 / k) / k) ** 2
        assert math.isclose(RULES.response(taught, k), 1)
        assert math.isclose(RULES.response(((1 - 1 / k) / k) ** 2, k), 0, abs_tol=1e-9)


@given(st.lists(st.integers(0, UNIT), min_size=1, max_size=64))
def test_the_least_familiarity_falls_where_drawings_vary_and_never_rises(nearest):
    least = RULES.least_familiarity(nearest, UNIT)
    quarter = sorted(nearest)[len(nearest) // 4]
    assert least <= RULES.LEAST * UNIT
    if quarter >= RULES.USUAL * UNIT:
        assert abs(least - RULES.LEAST * UNIT) <= 1
    else:
        assert abs(least - (RULES.LEAST - RULES.USUAL) * UNIT - quarter) <= 2
    assert RULES.least_familiarity([0] * len(nearest), UNIT) <= least


def test_one_alone_is_like_nothing_else():
    assert RULES.least_familiarity([], UNIT) == 0
    assert not RULES.unlike(0, 0.01, 10, 0, UNIT)


@pytest.mark.parametrize("k", [2, 10])
def test_unlike_is_what_is_little_similar_or_little_answered(k):
    taught = (1 / k + (1 - 1 / k) / k) ** 2
    least = RULES.least_familiarity([UNIT], UNIT)
    assert not RULES.unlike(UNIT, taught, k, least, UNIT)
    assert RULES.unlike(int(0.9 * UNIT), taught, k, least, UNIT)
    assert RULES.unlike(UNIT, 0, k, least, UNIT)
    edge = RULES.LEAST - RULES.RESPONSE
    assert RULES.unlike(int((edge - 0.001) * UNIT), taught, k, least, UNIT)
    assert not RULES.unlike(int((edge + 0.001) * UNIT), taught, k, least, UNIT)


def test_suspects_are_the_worst_and_at_most_a_tenth():
    margins, labels = [1.0] * 30, [0, 1, 2] * 10
    for i, margin in {3: -0.39, 7: -0.41, 11: -2, 13: -0.9, 17: -0.8}.items():
        margins[i] = margin
    assert RULES.suspects(margins, labels) == [11, 13, 17]
    margins[11] = margins[13] = 1.0
    assert RULES.suspects(margins, labels) == [7, 17]
    assert RULES.suspects([-1.0, 0.5, 0.5], [0, 1, 1]) == [], "the only one of its class"


def test_the_host_decides_as_the_device(judged):
    assert decisions.decide(judged, RULES).tolist() == judged.verdict.tolist()
    assert decisions.suspected(judged, RULES).tolist() == judged.suspects.tolist()
    assert set(judged.verdict.tolist()) >= {SURE, UNLIKE}


def test_other_constants_decide_otherwise(judged):
    by: Any = rules()
    by.LEAST, by.SURE_MARGIN = 0.0, 0.0
    assert set(decisions.decide(judged, by)) == {SURE}
    by.SURE_MARGIN = 1.1
    assert set(decisions.decide(judged, by)) == {CLOSE}
    by.LEAST, by.USUAL = 2.0, 0.0
    assert set(decisions.decide(judged, by)) == {UNLIKE}
    by.SUSPECT = -9.0
    assert decisions.suspected(judged, by).sum() == 3
    assert rules().LEAST == RULES.LEAST, "rules are loaded anew each time"


# ---- who draws ----


def test_a_person_has_lessons_and_unseen_drawings(drawn):
    assert drawn.digits.shape == (25, 10, 28, 28)
    assert (len(drawn.scribbles), len(drawn.letters)) == (decisions.SCRIBBLES, 26)
    first, second = drawn.lesson(4), drawn.lesson(4, 4)
    assert first.labels.tolist() == [*range(10)] * 4
    assert first.class_names == list(DIGITS)
    seen = {image.tobytes() for image in drawn.lesson(5).images}
    assert not seen & {image.tobytes() for image in drawn.unseen.images}
    assert not np.array_equal(first.images, second.images)
    assert len({image.tobytes() for image in drawn.scribbles}) == decisions.SCRIBBLES


def test_hands_that_are_reported_for_are_no_others():
    firmware = set(range(901, 909))
    assert not {*decisions.WRITERS} & {*decisions.TUNING_WRITERS}
    assert not ({*decisions.WRITERS} | {*decisions.TUNING_WRITERS}) & firmware


@pytest.mark.parametrize("each", [1, 2, 7])
def test_wrong_classes_are_wrong_and_as_many_as_they_should_be(drawn, each):
    samples = drawn.lesson(4)
    found, which = decisions.mistaken(samples, each, 5)
    assert which.sum() == each
    assert np.array_equal(which, found.labels != samples.labels)
    assert found.labels.max() < 10
    assert np.array_equal(decisions.mistaken(samples, each, 5)[0].labels, found.labels)
    assert not np.array_equal(decisions.mistaken(samples, each, 6)[0].labels, found.labels)


def test_it_says_of_images_what_the_application_says_while_they_are_drawn(
    micropython, tmp_path, drawn
):
    """A lesson by touches, which ends with Train, and its images by the script."""
    with UnixTarget(micropython) as target:
        recording, answers, _ = lesson(layout_of(target), Writer(3), DIGITS, 2, 1)
        write_recording(tmp_path / "lesson.ufft", recording)
        result = replay(target, tmp_path / "lesson.ufft")
        shown = dataclasses.replace(drawn, digits=drawn.digits[:3]).lesson(1, 2)
        found = decisions.judge(target, tmp_path, drawn.lesson(2), shown.images, own=True)
    predictions = [(label, int(sure)) for label, sure, _ in result["predictions"][-10:]]
    assert predictions == [
        (label, int(verdict == SURE))
        for label, verdict in zip(found.label.tolist(), found.verdict.tolist(), strict=True)
    ]
    assert score(result, answers).accuracy == (found.label == shown.labels).mean()
    assert math.isclose(found.left_out, result["loo_accuracy"], abs_tol=1e-6)


# ---- what is counted ----


def test_decisions_are_parts_of_all_images():
    first = Asked(
        made([SURE, CLOSE, UNLIKE, UNLIKE, SURE, UNLIKE], [0, 0, 1, 0, 0, 0], [False] * 4),
        np.array([0, 1, 1], np.uint8),
        scribbles=2,
    )
    second = Asked(made([SURE], [0], [False] * 4), np.array([1], np.uint8))
    found = decisions.decisions([first, second])
    assert (found.sure, found.right, found.unlike) == (0.5, 0.5, 0.25)
    assert (found.scribbles, found.letters) == (0.5, 1.0)
    assert first.accuracy == 2 / 3
    assert first.like == 1 / 3
    assert decisions.decisions([second]).letters is None


def test_alarms_are_counted_apart_for_wrong_and_right_drawings():
    wrong = np.array([True, True, False, False])
    lessons = [
        Mistakes(made([SURE], [0], [True, False, True, False]), wrong),
        Mistakes(made([SURE], [0], [True, True, False, False]), ~wrong),
    ]
    found = decisions.alarms(lessons)
    assert dataclasses.astuple(found) == (4, 1, 4, 3)


def known(part: float | None) -> float:
    assert part is not None, "nothing was asked"
    return part


def test_tuning_gives_what_the_device_gave_where_the_constants_are_its_own(judged):
    asked = Asked(judged, np.tile(np.arange(10, dtype=np.uint8), 20), decisions.SCRIBBLES)
    found = Handwriting(
        {(1.0, 3): [asked]},
        {1.0: [Mistakes(judged, np.arange(30) == 0)]},
        {5: [Asked(judged, asked.truth)]},
    )
    trials = list(decisions.tune(found))
    assert {trial.constant for trial in trials} == set(decisions.VALUES)
    for constant in decisions.VALUES:
        (built,) = [one for one in trials if one.constant == constant and one.built]
        assert built.decisions[1.0] == decisions.decisions([asked])
        assert built.alarms[1.0] == decisions.alarms(found.mistakes[1.0])
    least = [known(t.decisions[1.0].scribbles) for t in trials if t.constant == "LEAST"]
    assert least == sorted(least)
    assert least[0] < least[-1]


# ---- that it works ----


def test_one_hand_is_served_at_3_of_each(judged):
    asked = Asked(judged, np.tile(np.arange(10, dtype=np.uint8), 20), decisions.SCRIBBLES)
    assert asked.accuracy >= 0.95
    assert asked.like >= 0.9
    found = decisions.decisions([asked])
    assert known(found.sure) >= 0.85
    assert known(found.right) >= 0.97
    assert known(found.unlike) <= 0.1
    assert known(found.scribbles) >= 0.9
    assert judged.copies == 15
