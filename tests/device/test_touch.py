"""The FT6x06 driver in the unix firmware against the simulated controller: tests/device/touch_*.py
(test_m7_device.py runs the same on the Cortex-M7); and that controller in CPython."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from conftest import DEVICE, DEVICE_TESTS, TOP
from hypothesis import given, settings
from hypothesis import strategies as st

from uff_host import patience
from uff_host.virtual_board.ft6x06_model import (
    CONTACT,
    CTRL,
    FAULTS,
    LIFT,
    NO_ID,
    PRESS,
    FT6x06Model,
)

MODEL = TOP / "host" / "uff_host" / "virtual_board"
SCRIPTS = ["touch_driver.py", "touch_random.py"]
WIDTH, HEIGHT = 800, 480


# ---- the driver, in MicroPython ----


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_driver(script: str, micropython: Path, tmp_path: Path) -> None:
    ran = patience.run(
        [str(micropython), "-X", "heapsize=15M", str(DEVICE_TESTS / script)],
        100,
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": f"{DEVICE}:{DEVICE_TESTS}:{MODEL}:.frozen"},
    )
    output = ran.stdout + ran.stderr
    names = re.findall(r"^def (test_\w+)\(", (DEVICE_TESTS / script).read_text(), re.MULTILINE)
    assert ran.returncode == 0, output
    assert sorted(ran.stdout.split()) == sorted(["ok"] * len(names) + names), output


# ---- the controller, in CPython ----


class Touches:
    """What a burst of 13 bytes from register 2 on says."""

    def __init__(self, burst: bytes, height: int = HEIGHT) -> None:
        self.count = burst[0]
        self.slots = []
        for at in (1, 7):
            raw_x = (burst[at] & 15) << 8 | burst[at + 1]
            raw_y = (burst[at + 2] & 15) << 8 | burst[at + 3]
            self.slots.append((burst[at + 2] >> 4, burst[at] >> 6, raw_y, height - 1 - raw_x))

    @property
    def live(self):
        """id -> (event, x, y)"""
        if not self.count:
            return {}
        return {s[0]: s[1:] for s in self.slots if s[1] in (PRESS, CONTACT) and s[0] != NO_ID}


def scanned(model: FT6x06Model, now_ms: int) -> Touches:
    model.scan(now_ms)
    return Touches(model.read_mem(model.address, 2, 13), model.height)


def test_other_addresses_do_not_answer():
    model = FT6x06Model(address=0x2A, boot_reads=0)
    with pytest.raises(OSError, match="19"):
        model.read_mem(0x38, 2, 1)
    with pytest.raises(OSError, match="19"):
        model.write_mem(0x38, CTRL, b"\0")
    assert model.read_mem(0x2A, 0xA3, 1) == b"\x64"


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match=r"fault: want one of .*nack.*; got 'smoke'"):
        FT6x06Model().inject("smoke")


def test_the_registers_of_a_touch_are_those_of_the_data_sheet():
    model = FT6x06Model(boot_reads=0)
    model.press(3, 0x123, 0x45)
    model.scan(0)
    raw_x = HEIGHT - 1 - 0x45
    want = bytes([1, raw_x >> 8, raw_x & 255, 0x01, 0x23])
    assert model.read_mem(0x38, 2, 5) == want
    model.scan(10)
    assert model.read_mem(0x38, 3, 1) == bytes([CONTACT << 6 | raw_x >> 8])
    model.lift(3)
    model.scan(20)
    assert model.read_mem(0x38, 2, 2) == bytes([0, LIFT << 6 | raw_x >> 8])
    model.scan(30)
    assert model.read_mem(0x38, 2, 13) == bytes(13)


def test_it_scans_every_10_ms_and_every_40_when_nothing_touched_for_long():
    model = FT6x06Model()
    assert sum(model.scan(t) for t in range(1000)) == 100
    assert sum(model.scan(t) for t in range(20000, 21000)) == 25
    model.press(0, 5, 5)
    model.scan(21000)
    assert sum(model.scan(t) for t in range(22000, 23000)) == 100
    model.lift(0)
    model.write_mem(0x38, CTRL, b"\0")
    assert sum(model.scan(t) for t in range(50000, 51000)) == 100


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_a_fault_spoils_one_transfer_only(kind):
    model = FT6x06Model(boot_reads=0)
    model.press(0, 100, 100)
    model.scan(0)
    good = model.read_mem(0x38, 2, 13)
    model.inject(kind, 1, 700, 400)
    if kind == "nack":
        with pytest.raises(OSError, match="5"):
            model.read_mem(0x38, 2, 13)
    else:
        assert model.read_mem(0x38, 2, 13) != good
    assert model.read_mem(0x38, 2, 13) == good
    assert model.faults_left() == 0


@st.composite
def acts(draw):
    """(ms to wait, what, finger, x, y), any order."""
    return draw(
        st.lists(
            st.tuples(
                st.integers(0, 60),
                st.sampled_from(["press", "move", "lift"]),
                st.integers(0, 3),
                st.integers(-10, 900),
                st.integers(-10, 600),
            ),
            max_size=40,
        )
    )


@settings(max_examples=100)
@given(acts(), st.sampled_from([(800, 480), (480, 272)]))
def test_whatever_fingers_do_the_registers_are_sound(sequence, size):
    width, height = size
    model = FT6x06Model(width=width, height=height, boot_reads=0)
    now, before = 0, {}
    for wait, what, finger, x, y in [*sequence, *((900, "lift", f, 0, 0) for f in range(4))]:
        if what == "lift":
            model.lift(finger)
        else:
            getattr(model, what)(finger, x, y)
        for _ in range(1 + wait // 10):
            now += 10
            touches = scanned(model, now)
            live = touches.live
            assert touches.count == len(live) <= 2
            for number, (event, at_x, at_y) in live.items():
                assert number in (0, 1)
                assert 0 <= at_x < width
                assert 0 <= at_y < height
                # Press once, contact from then on.
                assert event == (CONTACT if number in before else PRESS)
            before = live
    assert scanned(model, now + 1000).count == 0


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=12))
def test_no_click_is_lost_however_fast(clicks):
    # All within one scan, from any pointers: each is there for two scans at least, in order.
    model = FT6x06Model(boot_reads=0)
    for number, (finger, wait) in enumerate(clicks):
        model.press(finger, number, 100 + wait)
        model.lift(finger)
    seen: list[int] = []
    for k in range(20 * len(clicks)):
        seen += [x for _, x, _ in scanned(model, 10 * k).live.values()]
    assert sorted(set(seen)) == list(range(len(clicks)))
    assert seen == sorted(seen)
    assert all(seen.count(number) >= 2 for number in set(seen))
