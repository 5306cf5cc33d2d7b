"""A short run of `make faults`: allocations that fail, Ctrl-C, power cuts, bad blocks and the rest
cost no drawing without a word, whenever they come."""

from __future__ import annotations

import faults
import pytest

# How many times fewer places than `make faults` tries.
FEWER = {
    "allocations": 80,
    "allocations_in_the_application": 120,
    "shortage": 80,
    "shortage_in_the_application": 80,
    "interrupts": 120,
    "interrupts_in_the_application": 120,
    "image_by_image": 3,
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
