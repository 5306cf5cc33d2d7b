"""Touches and keys by chance at the application, and a ledger of what must be there afterwards.

A Monkey is a touch object: taps on controls, points anywhere, strokes, slides, double taps, second
fingers, lifts that get lost, the user button, Ctrl-C and new starts. What it does follows from
its seed and from what the application shows when it looks.
"""

import asyncio

from capture.app import TROUBLES, App
from capture.errors import Refused
from capture.layout import centre
from capture.recogniser import Recogniser
from capture.running import serve
from drivers.touch import CONTACT, LIFT, PRESS, Touch

from uff.arena import HeapArena

SCAN_MS = 10
PATIENCE = 100_000  # scans within which the application must come to rest


class Ledger(Recogniser):
    """A recogniser with a list of its own of what must be there: rows, (pixels, label) of each
    drawing, and listed, the names of the classes. A WatchedApp says which changes were made."""

    def __init__(self, folder, arena=None):
        super().__init__(folder, arena)
        self.rows, self.listed, self.before = self.contents_now() + (None,)
        self.intended = None  # (rows, listed, before) after the change under way
        self.unsure = None  # the same, of a change of which nobody knows whether it was made

    def contents_now(self):
        samples = self.samples
        rows = [(bytes(samples[i]), samples.labels[i]) for i in range(len(samples))]
        return rows, list(samples.names)

    def settle(self):
        """What there is, or AssertionError where it is not what must be there."""
        seen = self.contents_now()
        unsure = self.unsure
        if unsure is not None and seen == unsure[:2]:
            self.rows, self.listed, self.before = unsure
        self.unsure = None
        assert seen[1] == self.listed, "classes %s, not %s" % (seen[1], self.listed)
        assert seen[0] == self.rows, "%d drawings, not the %d that were kept, or others" % (
            len(seen[0]),
            len(self.rows),
        )
        return seen

    def add(self, image, label):
        self._intend(self.rows + [(bytes(image), label)], self.listed, undoes=False)
        super().add(image, label)

    def delete(self, i):
        self._intend(self.rows[:i] + self.rows[i + 1 :], self.listed)
        super().delete(i)

    def relabel(self, i, label):
        rows = self.rows[:i] + [(self.rows[i][0], label)] + self.rows[i + 1 :]
        self._intend(rows, self.listed)
        super().relabel(i, label)

    def remove_class(self, number):
        rows = [(row, label - (label > number)) for row, label in self.rows if label != number]
        self._intend(rows, self.listed[:number] + self.listed[number + 1 :])
        super().remove_class(number)

    def add_class(self, name):
        self._intend(self.rows, self.listed + [name], undoes=False)
        super().add_class(name)

    def rename_class(self, number, name):
        listed = self.listed[:number] + [name] + self.listed[number + 1 :]
        self._intend(self.rows, listed, undoes=False)
        super().rename_class(number, name)

    def undo(self):
        if self.before is not None:
            self._intend(*self.before, undoes=False)
        super().undo()

    def _intend(self, rows, listed, undoes=True):
        self.intended = rows, listed, (self.rows, self.listed) if undoes else None


class WatchedApp(App):
    """An application that keeps the Ledger it has as its recogniser. troubles: errors that are no
    refusals."""

    def __init__(self, *args):
        self.troubles = []
        super().__init__(*args)

    def edit(self, change, *args):
        ledger = self.recogniser
        if ledger.unsure is not None:
            ledger.settle()
        ledger.intended = None
        try:
            super().edit(change, *args)
        except BaseException as error:
            if not isinstance(error, TROUBLES) or _says_unsure(error):
                ledger.unsure = ledger.intended
            raise
        ledger.rows, ledger.listed, ledger.before = ledger.intended

    def _guarded(self, work, *args):
        return super()._guarded(self._watched, work, args)

    def _watched(self, work, args):
        try:
            return work(*args)
        except TROUBLES as error:
            if not isinstance(error, Refused):
                self.troubles.append(error)
            raise

    def say(self, text, warning=False, goes_on=False):
        if warning and "trouble" in text:
            self.troubles.append(text)
        super().say(text, warning, goes_on)


def _says_unsure(error):
    return isinstance(error, Refused) and "see whether" in error.args[0]


class Monkey:
    """Touches by chance. random: a uff_checks.Random; left: touches and keys still to come."""

    def __init__(self, random, touches):
        self.random = random
        self.left = touches
        self.app = None
        self._scans = []
        self._waits = 0  # scans it has waited for the application to come to rest
        self._rests = False
        self._held = 0  # scans for which the user button stays down
        self._time = 0
        self._is_down = False  # a finger, whose lift got lost
        self.stopped = False

    # ---- for the application ----

    def read(self):
        self._time += SCAN_MS
        if self._scans:
            return self._scans.pop(0)
        if self._rests or self.left <= 0:
            if self._is_down:
                self._is_down = False
                return (Touch(0, LIFT, *self._point()),)
            if not self.app.settled:
                self._waits += 1
                if self._waits > PATIENCE:
                    raise AssertionError("it does not come to rest")
                return ()
            self._rests, self._waits = False, 0
            self.at_rest()
            if self.left <= 0:
                self.app.quit()
                return ()
        self._act()
        return self._scans.pop(0) if self._scans else ()

    def now(self):
        return self._time

    def button(self):
        """Whether the user button is down."""
        self._held = max(self._held - 1, 0)
        return self._held > 0

    def at_rest(self):
        """The screen is what it would be if it were drawn anew."""
        app = self.app
        page, pixels = app.page, app.screen.buffer
        app.screen.flush()
        shown = bytes(pixels)
        page.draw()
        while page.step():
            pass
        page.update()
        app.screen.flush()
        if bytes(pixels) != shown:
            raise AssertionError(
                "%s is not what it would be if it were drawn anew" % app.page_name
            )

    # ---- what it does ----

    def _act(self):
        chance = self.random.below(100)
        for part, act in (
            (34, self._tap_control),
            (30, self._stroke),
            (8, self._tap_anywhere),
            (6, self._slide),
            (5, self._double_tap),
            (4, self._two_fingers),
            (1, self._lose_lift),
            (3, self._press_button),
            (5, self._pause),
            (3, self._rest),
            (1, self._stop),
        ):
            chance -= part
            if chance < 0:
                act()
                return

    def _tap_control(self):
        self._tap(*self._control())

    def _control(self):
        """A point in a control of the page; keys of letters are many, so they are less likely."""
        controls = sorted(self.app.page.controls)
        if self.random.below(3) == 0:
            controls = [name for name in controls if not name.startswith("key")]
        if not controls:
            return self._point()
        return centre(self.app.page.controls[controls[self.random.below(len(controls))]])

    def _point(self):
        screen = self.app.screen
        return self.random.below(screen.width), self.random.below(screen.height)

    def _tap(self, x, y, finger=0):
        self.left -= 1
        self._scans += [(Touch(finger, PRESS, x, y),), (Touch(finger, LIFT, x, y),)]

    def _tap_anywhere(self):
        self._tap(*self._point())

    def _double_tap(self):
        x, y = self._control()
        self._tap(x, y)
        self._tap(x, y)

    def _slide(self):
        self._path([self._control(), self._point(), self._control()])

    def _stroke(self):
        """A stroke in the field where there is one, and mostly a tap of a class behind it."""
        field = self.app.page.controls.get("field")
        if field is None:
            self._tap_control()
            return
        left, top, width, height = field
        below = self.random.below
        points = [(left + below(width), top + below(height)) for _ in range(2 + below(5))]
        self._path(points)
        if below(2):
            classes = [name for name in self.app.page.controls if name.startswith("class")]
            self._tap(*centre(self.app.page.controls[sorted(classes)[below(len(classes))]]))

    def _path(self, points):
        self.left -= 1
        self._scans.append((Touch(0, PRESS, *points[0]),))
        x, y = points[0]
        for to_x, to_y in points[1:]:
            for at in (1, 2, 3):
                place = x + (to_x - x) * at // 3, y + (to_y - y) * at // 3
                self._scans.append((Touch(0, CONTACT, *place),))
            x, y = to_x, to_y
        self._scans.append((Touch(0, LIFT, x, y),))

    def _two_fingers(self):
        """A second finger comes while the first one is down, in one report with it or not."""
        first, second = self._point(), self._control()
        self.left -= 2
        self._scans += [
            (Touch(0, PRESS, *first),),
            (Touch(0, CONTACT, *first), Touch(1, PRESS, *second)),
            (Touch(0, LIFT, *first),),
            (Touch(1, CONTACT, *second),),
            (Touch(1, LIFT, *second),),
        ]

    def _lose_lift(self):
        self.left -= 1
        self._scans.append((Touch(0, PRESS, *self._control()),))
        self._is_down = True

    def _press_button(self):
        self.left -= 1
        self._held = 2 + self.random.below(5)

    def _pause(self):
        self._scans += [()] * (1 + self.random.below(60))

    def _rest(self):
        self._rests = True

    def _stop(self):
        """Ctrl-C, or an end that the program was asked for; then it starts anew."""
        self.left -= 1
        self.stopped = True
        self._is_down = False
        if self.random.below(2):
            raise KeyboardInterrupt
        self.app.quit()


def session(folder, display, monkey, check, arena=HeapArena):
    """A monkey's session. check(ledger): after each end of the program; arena(): memory of a
    program that starts. AssertionError, or what the application raised, where anything went
    wrong. Returns the recogniser at the end."""
    while True:
        found = Ledger(folder, arena())
        assert not found.notices, found.notices
        monkey.app = app = WatchedApp(display, monkey, found, (), monkey.button)
        monkey.stopped = False
        try:
            serve(app)
        except KeyboardInterrupt:
            assert monkey.stopped
        asyncio.new_event_loop()
        assert not app.troubles, app.troubles
        check(found)
        if not monkey.stopped:
            return found
