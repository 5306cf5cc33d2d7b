"""The FT6x06 driver with random fingers and random faults: what is touched is reported, once and
where it was, and nothing else."""

import sys

from drivers.ft6x06 import LOST
from drivers.touch import CONTACT, LIFT, PRESS
from touch_bus import HEIGHT, WIDTH, Bench
from uff_checks import Random, run

SEEDS = 25 if sys.platform == "linux" else 8  # an emulator is slow
TOUCHES = 12  # of each of two fingers
ZONE = 250  # fingers stay left of it, false positions lie far to the right
SILENT = ("nack", "ones", "count", "no id", "origin", "ghost")
WRONG = ("leap", "phantom")


class Player:
    """A finger that touches for 40 to 240 ms, draws, and rests for 60 ms or more."""

    def __init__(self, random, model, number):
        self.random = random
        self.model = model
        self.number = number
        self.left = TOUCHES
        self.until = 50 + random.below(300)
        self.down = False
        self.name = -1

    def play(self, now):
        random = self.random
        if now >= self.until:
            if self.down:
                self.model.lift(self.name)
                self.down = False
                self.until = now + 60 + random.below(200)
            elif self.left:
                self.left -= 1
                # Every touch has a name of its own, as a browser's pointers have.
                self.name = self.number + 10 * self.left
                self.x, self.y = random.below(ZONE), random.below(HEIGHT)
                self.model.press(self.name, self.x, self.y)
                self.down = True
                self.until = now + 40 + random.below(200)
        elif self.down and random.below(4):
            self.x = min(max(self.x + random.below(81) - 40, 0), ZONE - 1)
            self.y = min(max(self.y + random.below(81) - 40, 1), HEIGHT - 2)
            self.model.move(self.name, self.x, self.y)

    def over(self):
        return not self.down and not self.left


def fingers_in_slots(model):
    """What the registers now say, truly: for each id (name, x, y) or None."""
    seen = []
    for slot in (0, 1):
        at = 3 + 6 * slot
        r = model.registers
        if not r[2] or r[at] >> 6 not in (PRESS, CONTACT) or r[at + 2] >> 4 == 15:
            seen.append(None)
            continue
        x = (r[at + 2] & 15) << 8 | r[at + 3]
        y = HEIGHT - 1 - ((r[at] & 15) << 8 | r[at + 1])
        seen.append((model.touching()[slot], x, y))
    return seen


def faithful(seed):
    random = Random(seed)
    bench = Bench(boot_reads=random.below(3))
    model = bench.model
    players = [Player(random, model, 1), Player(random, model, 2)]
    paths = {}  # of every touch: where the registers had it
    pressed, lifted = {}, {}
    open_touch = [None, None]
    quiet = 0
    rest = 0
    while rest < 20:
        now = bench.now + 8 + random.below(5)
        for player in players:
            player.play(now)
        rest = rest + 1 if players[0].over() and players[1].over() else 0
        if quiet:
            quiet -= 1
        elif not random.below(3):
            if random.below(3):
                model.inject(SILENT[random.below(len(SILENT))])
            else:
                x = WIDTH - 1 - random.below(100)
                model.inject(WRONG[random.below(len(WRONG))], 1, x, random.below(HEIGHT))
            quiet = 2
        reports = bench.step(1, now - bench.now)
        truth = fingers_in_slots(model)
        for finger in truth:
            if finger:
                paths.setdefault(finger[0], []).append(finger[1:])
        for r in reports:
            if r.event == PRESS:
                names = [n for n in paths if n not in pressed and (r.x, r.y) in paths[n]]
                assert len(names) >= 1, (seed, now, r)
                name = truth[r.id][0] if truth[r.id] else names[-1]
                assert name in names, (seed, now, r, truth)
                pressed[name] = now
                open_touch[r.id] = name
                continue
            name = open_touch[r.id]
            if r.event == CONTACT:
                assert truth[r.id] == (name, r.x, r.y), (seed, now, r, truth)
            else:
                assert (r.x, r.y) in paths[name], (seed, now, r)
                assert truth[r.id] is None or truth[r.id][0] != name, (seed, now, r)
                lifted[name] = now
    assert len(paths) == 2 * TOUCHES, (seed, len(paths))
    assert sorted(pressed) == sorted(paths), (seed, [n for n in paths if n not in pressed])
    assert sorted(lifted) == sorted(paths), seed
    return bench.touch


def test_every_touch_of_40_ms_is_reported_once_and_nothing_else():
    nacks = blanks = ghosts = leaps = 0
    for seed in range(SEEDS):
        touch = faithful(seed)
        nacks += touch.nacks
        blanks += touch.blanks
        ghosts += touch.ghosts
        leaps += touch.leaps
        assert touch.losses == 0
    assert min(nacks, blanks, ghosts, leaps) > 2 * SEEDS, (nacks, blanks, ghosts, leaps)


def chaos(seed):
    """Any fault at any time, for long; the judge of the bench looks at the order of reports."""
    random = Random(1000 + seed)
    small = seed % 2
    bench = Bench(480 if small else 800, 272 if small else 480)
    model = bench.model
    kinds = SILENT + WRONG + ("vanish",)
    for _ in range(300):
        finger = random.below(4)
        x, y = random.below(900) - 50, random.below(600) - 50
        what = random.below(4)
        if what == 0:
            model.press(finger, x, y)
        elif what < 3:
            model.move(finger, x, y)
        else:
            model.lift(finger)
        act = random.below(30)
        if act < 12:
            kind = kinds[random.below(len(kinds))]
            model.inject(kind, 1 + random.below(4), random.below(4096), random.below(4096))
        elif act == 12:
            model.reset()
        elif act == 13:
            model.inject("nack", random.below(2 * LOST))
        elif act == 14:
            for at in range(2, 15):  # noise on the bus
                model.registers[at] = random.below(256)
        bench.step(1, 1 + random.below(40))
    # Quiet again: what is down is lifted, and the next touch is seen.
    for finger in range(4):
        model.lift(finger)
    while model.faults_left():
        bench.step()
    bench.step(LOST + 10)
    assert not bench.judge.down, seed
    model.press(9, 7, 8)
    assert [tuple(r) for r in bench.step(3)] == [(0, PRESS, 7, 8)], seed


def test_whatever_happens_reports_are_well_formed():
    for seed in range(SEEDS):
        chaos(seed)


run(globals())
