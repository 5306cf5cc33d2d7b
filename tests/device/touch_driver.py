"""The FT6x06 driver with the simulated controller: each quirk and fault alone."""

import micropython
from drivers.ft6x06 import LOST, FT6x06
from drivers.touch import CONTACT, LIFT, PRESS
from touch_bus import Bench, Bus
from uff_checks import raises, run


def events(reports):
    return [tuple(r) for r in reports]


def pressed(x=100, y=50, finger=5, **model):
    """A bench with one finger down and reported."""
    bench = Bench(**model)
    bench.model.press(finger, x, y)
    assert events(bench.step(2)) == [(0, PRESS, x, y)]
    return bench


# ---- what works ----


def test_both_addresses_and_both_vendors_are_found():
    for address in (0x2A, 0x38):
        for vendor in (0x11, 0xCD):
            for chip in (0x06, 0x36, 0x64):
                touch = Bench(address=address, vendor=vendor, chip=chip).touch
                assert (touch.address, touch.vendor, touch.chip) == (address, vendor, chip)
                assert touch.note == ""


def test_an_unknown_vendor_works_and_is_noted():
    bench = pressed(vendor=0x79)
    assert bench.touch.note == (
        "touch: the controller at 0x38 says vendor 0x79, chip 0x64; "
        "known are vendors 0x11 and 0xCD"
    )


def test_nothing_on_the_bus_is_a_sentence():
    error = raises(OSError, "no controller answers at 0x2A or 0x38", FT6x06, Bus(), 800, 480)
    assert error.errno == 19


def test_a_finger_is_pressed_moved_and_lifted():
    bench = pressed()
    bench.model.move(5, 120, 60)
    assert events(bench.step()) == [(0, CONTACT, 120, 60)]
    assert events(bench.step(50)) == []
    bench.model.lift(5)
    assert events(bench.step()) == []
    assert events(bench.step()) == [(0, LIFT, 120, 60)]
    assert events(bench.step(50)) == []


def test_the_corners_of_the_screen_come_from_the_panel_in_portrait():
    for width, height in ((800, 480), (480, 272)):
        for x, y in ((0, 0), (width - 1, 0), (width - 1, height - 1), (1, height - 1)):
            bench = Bench(width=width, height=height)
            bench.model.press(0, x, y)
            assert events(bench.step(2)) == [(0, PRESS, x, y)]
            burst = bench.touch.raw()
            assert (burst[1] & 15) << 8 | burst[2] == height - 1 - y
            assert (burst[3] & 15) << 8 | burst[4] == x


def test_coordinates_just_outside_count_as_the_edge():
    bench = pressed(790, 3)
    bench.model.width, bench.model.height = 810, 485  # raw axes may reach farther than the screen
    bench.model.move(5, 809, 0)  # raw x = 484 lies above the screen
    assert events(bench.step()) == [(0, CONTACT, 799, 0)]
    assert bench.touch.ghosts == 0


def test_a_click_shorter_than_a_scan_is_not_lost():
    bench = Bench()
    for k in range(3):  # each from another pointer
        bench.model.press(k, 100 + k, 50)
        bench.model.lift(k)
    reports = events(bench.step(20))
    assert reports == [(0, e, 100 + k, 50) for k in range(3) for e in (PRESS, LIFT)]


def test_what_was_touched_before_is_dropped_and_a_finger_that_stays_down_presses_nothing():
    bench = Bench()
    bench.model.press(5, 100, 50)
    bench.now += 10
    bench.model.scan(bench.now)
    bench.touch.drop()
    bench.judge.down.add(0)  # it is down, though nobody was told
    bench.model.move(5, 130, 60)
    assert events(bench.step(2)) == [(0, CONTACT, 130, 60)]
    bench.model.lift(5)
    assert events(bench.step(3)) == [(0, LIFT, 130, 60)]
    bench.model.press(6, 90, 40)
    assert events(bench.step(2)) == [(0, PRESS, 90, 40)]


def test_two_fingers_keep_their_ids_when_the_first_is_lifted():
    bench = pressed(100, 50, finger=1)
    bench.model.press(2, 600, 400)
    assert events(bench.step(2)) == [(1, PRESS, 600, 400)]
    bench.model.move(1, 101, 51)
    bench.model.move(2, 601, 401)
    assert events(bench.step()) == [(0, CONTACT, 101, 51), (1, CONTACT, 601, 401)]
    bench.model.lift(1)
    assert events(bench.step(2)) == [(0, LIFT, 101, 51)]
    bench.model.move(2, 602, 402)
    assert events(bench.step()) == [(1, CONTACT, 602, 402)]
    bench.model.press(1, 100, 50)
    assert events(bench.step(2)) == [(0, PRESS, 100, 50)]
    bench.model.lift(2)
    bench.model.lift(1)
    assert events(bench.step(2)) == [(0, LIFT, 100, 50), (1, LIFT, 602, 402)]
    touch = bench.touch
    assert (touch.nacks, touch.blanks, touch.ghosts, touch.leaps) == (0, 0, 0, 0)


def test_a_third_finger_waits_for_a_place():
    bench = Bench()
    for k in range(3):
        bench.model.press(k, 100 + 200 * k, 50)
    assert events(bench.step(5)) == [(0, PRESS, 100, 50), (1, PRESS, 300, 50)]
    bench.model.lift(0)
    assert events(bench.step(5)) == [(0, LIFT, 100, 50), (0, PRESS, 500, 50)]


def test_a_touch_after_a_long_rest_is_seen_at_once():
    bench = Bench()
    bench.now += 1000000
    bench.step(3)
    bench.model.press(0, 9, 9)
    bench.model.lift(0)
    assert events(bench.step(5)) == [(0, PRESS, 9, 9), (0, LIFT, 9, 9)]


def test_a_fast_finger_is_followed():
    bench = pressed(20, 50)
    for k in range(1, 7):
        bench.model.move(5, 20 + 120 * k, 50)
        assert events(bench.step()) == [(0, CONTACT, 20 + 120 * k, 50)]
    bench.model.move(5, 400, 50)  # 340 pixels, but in 40 ms
    assert events(bench.step(ms=40)) == [(0, CONTACT, 400, 50)]
    assert bench.touch.leaps == 0


# ---- what goes wrong ----


def test_all_ones_after_a_reset_are_no_touches():
    bench = Bench(boot_reads=12)
    assert bench.touch.vendor == 0x11
    bench.model.reset()
    assert events(bench.step(15)) == []
    assert bench.touch.blanks == 12


def test_press_events_without_touches_are_no_touches():
    bench = Bench()
    assert bench.touch.raw()[1] >> 6 == PRESS
    assert events(bench.step(5)) == []


def test_a_fault_says_nothing_of_a_finger_that_is_down():
    for kind in ("nack", "ones", "count", "no id", "origin"):
        bench = pressed()
        bench.model.inject(kind, LOST - 1)
        assert events(bench.step(LOST - 1)) == [], kind
        bench.model.move(5, 101, 50)
        assert events(bench.step()) == [(0, CONTACT, 101, 50)], kind
        touch = bench.touch
        counted = {"nack": touch.nacks, "ones": touch.blanks, "count": touch.blanks}
        assert counted.get(kind, touch.ghosts) >= LOST - 1, kind
        assert touch.losses == 0


def test_a_fault_neither_makes_a_finger_nor_delays_more_than_itself():
    for kind in ("nack", "ones", "count", "no id", "origin"):
        bench = Bench()
        bench.model.press(0, 30, 40)
        assert events(bench.step()) == []
        bench.model.inject(kind)
        assert events(bench.step()) == [], kind
        assert events(bench.step()) == [(0, PRESS, 30, 40)], kind
        bench.model.lift(0)
        assert events(bench.step()) == [], kind
        bench.model.inject("nack")
        assert events(bench.step()) == [], kind
        assert events(bench.step()) == [(0, LIFT, 30, 40)], kind


def test_ghosts_are_no_touches():
    for kind in ("ghost", "phantom"):
        bench = Bench()
        for _ in range(5):
            bench.model.inject(kind, 1, 400, 300)
            assert events(bench.step(2)) == [], kind
        bench = pressed()
        bench.model.inject(kind, 1, 400, 300)
        bench.model.move(5, 110, 50)
        assert events(bench.step()) == [(0, CONTACT, 110, 50)], kind
        assert events(bench.step(5)) == [], kind


def test_ghosts_that_stay_at_the_origin_are_no_touches():
    bench = Bench()
    bench.model.inject("ghost", 3 * LOST)
    assert events(bench.step(3 * LOST + 5)) == []
    assert bench.touch.ghosts == 3 * LOST


def test_a_finger_that_leaps_for_one_sample_stays():
    bench = pressed()
    bench.model.inject("leap", 1, 700, 400)
    assert events(bench.step()) == []
    assert bench.touch.leaps == 1
    bench.model.move(5, 103, 50)
    assert events(bench.step()) == [(0, CONTACT, 103, 50)]


def test_a_first_sample_elsewhere_does_not_count():
    bench = Bench()
    bench.model.inject("leap", 1, 700, 400)
    bench.model.press(0, 30, 40)
    assert events(bench.step(2)) == []
    assert events(bench.step(1)) == [(0, PRESS, 30, 40)]
    bench = Bench()
    bench.model.press(0, 30, 40)
    bench.step()
    bench.model.inject("leap", 1, 700, 400)
    assert events(bench.step()) == []
    assert events(bench.step(1)) == [(0, PRESS, 30, 40)]


def test_a_finger_found_elsewhere_was_lifted_and_pressed_again():
    bench = pressed()
    bench.model.move(5, 700, 400)
    assert events(bench.step()) == []
    assert events(bench.step()) == [(0, LIFT, 100, 50)]
    assert events(bench.step()) == [(0, PRESS, 700, 400)]
    bench.model.move(5, 710, 400)
    assert events(bench.step()) == [(0, CONTACT, 710, 400)]
    # Even where the finger is gone just then.
    bench.model.move(5, 100, 50)
    assert events(bench.step(2)) == [(0, LIFT, 710, 400)]
    bench.model.lift(5)
    assert events(bench.step()) == [(0, PRESS, 100, 50)]
    assert events(bench.step()) == [(0, LIFT, 100, 50)]


def test_leaps_to_different_places_are_none():
    bench = pressed()
    bench.model.inject("leap", 1, 700, 400)
    bench.model.inject("leap", 1, 700, 20)
    assert events(bench.step(2)) == []
    assert bench.touch.leaps == 2
    bench.model.move(5, 103, 50)
    assert events(bench.step()) == [(0, CONTACT, 103, 50)]


def test_a_leap_from_before_the_press_is_forgotten():
    bench = Bench()
    bench.model.press(0, 30, 40)
    bench.step()
    bench.model.inject("leap", 1, 700, 400)
    bench.step()
    assert events(bench.step()) == [(0, PRESS, 30, 40)]
    bench.model.inject("leap", 1, 700, 400)
    assert events(bench.step(5)) == []


def test_places_far_outside_the_screen_are_none():
    bench = pressed()
    for x, y in ((3000, 50), (100, -3000)):
        before = bench.touch.ghosts
        bench.model.inject("leap", 3, x, y)
        assert events(bench.step(3)) == []
        assert bench.touch.ghosts == before + 3
    assert bench.touch.leaps == 0


def slots(bench, count, *touches):
    """Has the next samples hold these (event, id, x, y)."""
    r = bench.model.registers
    r[2] = count
    for at, (event, number, x, y) in zip((3, 9), touches):
        raw_x = 479 - y
        r[at : at + 4] = bytes(
            (event << 6 | raw_x >> 8, raw_x & 255, number << 4 | x >> 8, x & 255)
        )


def test_a_slot_without_an_event_holds_no_touch():
    bench = Bench()
    bench.model.scan = lambda now: None
    slots(bench, 1, (3, 0, 500, 300), (CONTACT, 1, 20, 30))
    assert events(bench.step(2)) == [(1, PRESS, 20, 30)]


def test_the_same_id_twice_is_a_fault():
    bench = pressed()
    bench.model.scan = lambda now: None
    slots(bench, 2, (CONTACT, 0, 101, 50), (CONTACT, 0, 99, 50))
    assert events(bench.step(5)) == []
    assert bench.touch.ghosts == 5


def test_one_empty_sample_does_not_lift():
    bench = pressed()
    bench.model.inject("vanish")
    assert events(bench.step(5)) == []


def test_a_dead_bus_lifts_all_fingers_and_comes_back():
    bench = pressed(100, 50, finger=1)
    bench.model.press(2, 600, 400)
    bench.step(2)
    bench.model.dead = True
    assert events(bench.step(LOST - 1)) == []
    assert events(bench.step()) == [(0, LIFT, 100, 50), (1, LIFT, 600, 400)]
    assert events(bench.step(100)) == []
    assert bench.touch.losses == 1 and bench.touch.nacks == LOST + 100
    bench.model.dead = False
    bench.model.reset()
    reports = events(bench.step(6))
    assert sorted(reports) == [(0, PRESS, 100, 50), (1, PRESS, 600, 400)]
    assert bench.model.registers[0x86] == 0  # set up anew


class Still:
    """A bus that gives one burst after another and takes no memory."""

    def __init__(self, *bursts):
        self.bursts = bursts
        self.at = 0

    def readfrom_mem_into(self, address, register, buffer):
        burst = self.bursts[self.at]
        self.at += 1
        for i in range(13):
            buffer[i] = burst[i]


def test_reading_takes_no_memory_but_for_its_reports():
    bench = pressed()
    model, touch = bench.model, bench.touch
    resting = model.read_mem(0x38, 2, 13)
    model.inject("count")
    crowd = model.read_mem(0x38, 2, 13)
    model.inject("leap", 1, 700, 400)
    leap = model.read_mem(0x38, 2, 13)
    model.inject("origin")
    origin = model.read_mem(0x38, 2, 13)
    model.inject("vanish")
    empty = model.read_mem(0x38, 2, 13)
    touch._i2c = Still(resting, crowd, origin, leap, resting, empty, resting, crowd, empty)
    touch._ticks_ms = lambda: 1
    micropython.heap_lock()
    try:
        for _ in range(9):
            assert touch.read() == ()
    finally:
        micropython.heap_unlock()
    touch._i2c = Still(empty)
    assert events(touch.read()) == [(0, LIFT, 100, 50)]


run(globals())
