"""A short run of `make faults`: allocations that fail, Ctrl-C, power cuts, bad blocks and the rest
cost no drawing without a word, whenever they come."""

from __future__ import annotations

import faults
import pytest

# How many times fewer places than `make faults` tries.
FEWER = {
    "allocations": 40,
    "allocations_in_the_application": 60,
    "shortage": 40,
    "shortage_in_the_application": 40,
    "interrupts": 60,
    "interrupts_in_the_application": 60,
    "image_by_image": 1,
    "power_cuts": 10,
    "bad_blocks": 20,
    "stuck_blocks": 40,
    "little_memory": 20,
    "full_disks": 20,
    "truncations": 80,
    "mutations": 40,
    "two_programs": 20,
    "monkeys": 50,
}


@pytest.mark.parametrize("name", list(faults.CAMPAIGNS))
def test_nothing_is_lost(name: str) -> None:
    rows, others = faults.run(name, 1, faults.CAMPAIGNS[name] * FEWER[name])
    assert all(row.tried > 0 and row.lost == 0 for row in rows), (rows, *others)
