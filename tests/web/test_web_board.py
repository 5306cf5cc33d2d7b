"""The board that a page carries, in Node: power cuts, many trainings, looks at the fingers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import web

from uff_host.handwriting import Writer
from uff_host.handwriting.composer import lesson
from uff_host.handwriting.lesson import layout_of
from uff_host.targets.unix import UnixTarget

pytestmark = pytest.mark.skipif(bool(web.missing()), reason=web.missing())


def test_a_tab_that_dies_at_any_point_loses_nothing_that_was_kept() -> None:
    wasm = str(web.web_firmware())
    lines = web.node("power_cut.js", wasm, "23", limit_s=200).splitlines()
    learnt, *cuts = (json.loads(line) for line in lines)
    assert learnt["kept"] == 6
    assert len(cuts) > 20
    for cut in cuts:
        assert not cut["harmed"], cut
        assert cut["notices"] == 0, cut
        # What comes over the console is heard a little later than it was written.
        assert cut["kept"] <= cut["found"] <= cut["kept"] + 2, cut
        assert cut["after"] == cut["found"] + 1, cut
    assert cuts[0]["found"] == 0
    assert cuts[-1]["found"] == 6
    assert cuts[-1]["network"]


def test_trainings_one_after_the_other_take_no_more_memory() -> None:
    ran = json.loads(web.node("growth.js", str(web.web_firmware()), "30", limit_s=200))
    assert len(ran["used"]) == 10
    assert max(ran["used"][2:]) - min(ran["used"][2:]) < 8192
    assert ran["bytes"] < 72 << 20  # the heap has 32 MB; the C library asks for twice as much


GAP_MS = 50  # docs/web.md


def test_no_gap_between_two_looks_at_the_fingers_is_long(
    micropython: Path, tmp_path: Path
) -> None:
    with UnixTarget(micropython) as target:
        session, _, _ = lesson(layout_of(target), Writer(4), "123", 5, 1)
    touches = tmp_path / "touches.json"
    touches.write_text(json.dumps(session.reports))
    wasm = str(web.web_firmware())
    ran = json.loads(web.node("touch_gaps.js", wasm, str(touches), limit_s=200))
    print(f"longest {ran['longest']['ms']:.0f} ms, of {ran['looks']} looks")
    assert sorted(ran["kept"]) == ["1", "2", "3"]
    assert ran["longest"]["ms"] <= GAP_MS, ran
