"""Touch reports, one by one in their order: presses, strokes in the field and taps of controls."""

from time import ticks_diff, ticks_ms

from drivers.touch import LIFT, PRESS

DOUBLE_MS = 300  # a tap that soon at the same place is the second of a double tap
FULL = "That is enough ink: tap its class, or Clear."


class TouchInput:
    """The finger on the pages of an App; a second one changes nothing.

    touch: the touch controller, whose now() is the time of its reports, if it has one.
    """

    def __init__(self, app, touch):
        self._app = app
        self._now = getattr(touch, "now", ticks_ms)
        self._finger = self._control = None  # that is down, and the control that it pressed
        self._over = False  # whether it is still over that control
        self._x = self._y = 0  # where the last report was
        self._first_tap = None  # the place and time of a tap that a second one would undo

    @property
    def held(self):
        """The control under the finger that pressed it, or None."""
        return self._control if self._over else None

    def reset(self):
        """No finger is down."""
        self._finger = self._control = None

    def report(self, report):
        """Handles one report of the touch controller."""
        finger, event, x, y = report
        page = self._app.page
        if event == PRESS:
            if self._finger == finger:  # an error has cost its lift
                self._slide_off(page)
                self._release()
            if self._finger is None:
                self._finger = finger
                self._x, self._y = x, y
                if self._is_second_tap(x, y):
                    return
                self._app.touched()
                if not self._app.leave_stale_page():
                    self._press(page.hit(x, y), x, y)
        elif finger == self._finger:
            self._x, self._y = x, y
            try:
                self._follow(page, x, y)
            finally:
                if event == LIFT:
                    self._release()

    def ignore_second_tap(self):
        """The tap that is handled now has done something after which another control lies there:
        the second tap of a double tap does nothing."""
        self._first_tap = self._x, self._y, self._now()

    def _is_second_tap(self, x, y):
        first, self._first_tap = self._first_tap, None
        if first is None:
            return False
        near = self._app.layout.touch // 2
        return (
            abs(x - first[0]) < near
            and abs(y - first[1]) < near
            and 0 <= ticks_diff(self._now(), first[2]) < DOUBLE_MS
        )

    def _press(self, control, x, y):
        app = self._app
        self._control, self._over = control, True
        if control == "field":
            first = not app.drawing
            if app.drawing.full:
                app.say(FULL, True)
                self._control = None
                return
            app.drawing.press(x, y)
            if first:
                app.paint(app.page.draw_drawing)
            app.prediction.request()
        elif control:
            app.paint(app.page.control, control, True)

    def _follow(self, page, x, y):
        if self._control == "field":
            self._draw_on(x, y)
        elif self._control:
            over = page.hit(x, y) == self._control
            if over != self._over:
                self._over = over
                self._app.paint(page.control, self._control, over)

    def _draw_on(self, x, y):
        app = self._app
        if app.drawing.move(x, y):
            app.prediction.request()
            if app.drawing.full:
                app.say(FULL, True)

    def _slide_off(self, page):
        """The finger is no longer over what it pressed."""
        if self._over and self._control != "field" and self._control in page.controls:
            self._app.paint(page.control, self._control, False)
        self._over = False

    def _release(self):
        app, control, over = self._app, self._control, self._over
        self._finger = self._control = None
        if control == "field":
            app.drawing.lift()
        elif control and over:
            page = app.page
            try:
                name, _, number = control.partition(" ")
                page.tap(name, int(number) if number else None)
            finally:
                if page is app.page and control in page.controls:
                    app.paint(page.control, control, False)
