"""The board that a page carries, in Node: power cuts, and many trainings."""

from __future__ import annotations

import json

import pytest
import web

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
