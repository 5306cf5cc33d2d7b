"""The short form of board_campaign.py: no fault against a running board costs it anything."""

from __future__ import annotations

from pathlib import Path

import board_campaign
import pytest
from board_campaign import FAULTS, Fault, run


@pytest.mark.usefixtures("micropython")
@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.short], ids=lambda fault: fault.name
)
def test_nothing_is_lost(fault: Fault, tmp_path: Path) -> None:
    outcome = run(fault, tmp_path, short=True)
    assert list(outcome.losses) == []
    assert outcome.tried == fault.short


def test_a_board_that_ends_is_a_loss(micropython: Path, tmp_path: Path) -> None:
    async def end(bench: board_campaign.Bench, count: int) -> int:
        bench.board.process.kill()
        bench.board.process.wait()
        async with bench.losing("connection"):
            await bench.knock(b"")
        return count

    outcome = run(Fault("the end", end, 1, 1), tmp_path)
    assert len(outcome.losses) == 2
    assert outcome.losses[1] == "the server ended with status -9"
