"""The first page: draw, teach, train, see what is recognised."""

from . import messages, widgets
from . import screen as colours
from .check_page import CheckPage
from .class_page import ClassPage
from .errors import Refused
from .keyboard_page import KeyboardPage
from .layout import MOST_CLASSES
from .network_in_use import UNLIKE
from .page import Page
from .widgets import OFF, PLAIN, PRIMARY


class DrawPage(Page):
    """The verdict on top, as large as letters come; the field at the left; at the right what to
    do next, or how good it is, and the classes."""

    def __init__(self, app):
        super().__init__(app, app.layout.draw())
        self.field = self.places["field"]
        x, y, width, height = self.places["message"]
        top = y + height + self.layout.gap // 2 - 1
        self.progress_rect = x, top, width, self.layout.gap // 2
        self.controls = dict(self.places)
        del self.controls["message"]
        names = app.recogniser.names
        rect = self.places["class 0"]
        self._grid = widgets.Grid(self.screen, self.layout, names, rect)
        self._forget()

    def fits(self):
        return self.layout is self.app.layout and self._grid.names == self.app.recogniser.names

    def _forget(self):
        """Nothing of it is on the screen."""
        self._headline = self._panel = self._hint = None
        self._faces = {}
        self._bars = [None] * self.layout.classes

    def draw(self):
        self._forget()
        super().draw()
        self.update()

    def hit(self, x, y):
        name = super().hit(x, y)
        return None if name == "verdict" and not messages.can_check(self.app) else name

    # ---- its parts ----

    def control(self, name, pressed):
        if name == "field":
            self.draw_field()
        elif name == "verdict":
            self._draw_panel(pressed)
        elif name.startswith("class"):
            self.draw_class(int(name.split()[1]), pressed)
        else:
            face = self._faces[name] = self._face(name)
            label, kind = face
            rect = self.controls[name]
            if name == "add_class" and kind != OFF:
                widgets.add_button(self.screen, self.layout, rect, label, pressed)
            else:
                self.button(name, label, pressed, kind)

    def _face(self, name):
        """(word, kind) of a button now."""
        app = self.app
        if name == "undo":
            return "Undo", PLAIN if app.drawing or app.recogniser.can_undo else OFF
        if name == "clear":
            return "Clear", PLAIN if app.drawing else OFF
        if name == "train":
            if app.learning.training:
                return "Stop", PLAIN
            off = app.learning.why_no_training()
            return "Train", OFF if off else PRIMARY if app.recogniser.stale else PLAIN
        full = self.layout.classes == MOST_CLASSES
        wide = self.controls[name][2] > self.screen.main.width("+ Class") + 8
        return "+ Class" if wide else "+", OFF if full else PLAIN

    def draw_class(self, number, pressed=False):
        """One class button."""
        count, doubtful, best, judged = self._faces[number] = self._class_face(number)
        rect = self.controls["class %d" % number]
        self._grid.cell(number, rect, count, doubtful, best, judged, pressed)
        self._bars[number] = None
        self._draw_bar(number, pressed)

    def _class_face(self, number):
        app, verdict = self.app, self.app.verdict
        best = verdict is not None and verdict.label == number and verdict.why != UNLIKE
        return app.counts[number], number in app.suspect_classes, best, verdict is not None

    def _draw_bar(self, number, pressed=False):
        verdict = self.app.verdict
        if verdict is None:
            return
        # A class that came after the training has none of it.
        good = verdict.goodness[number] if number < len(verdict.goodness) else 0.0
        # Its part of all goodness, so that a full bar leaves nothing to the others.
        whole = sum([max(one, 0.0) for one in verdict.goodness]) or 1.0
        part = max(good, 0.0) / whole
        rect = self.controls["class %d" % number]
        bar = int(part * 100 + 0.5), int(part * self._grid.bar_width(rect))
        if bar != self._bars[number]:
            self._bars[number] = bar  # type: ignore[assignment]
            best = self._faces[number][2]
            self._grid.bar(rect, bar[1], bar[0], best, pressed)

    def draw_drawing(self):
        """The field, and what can be done with what is in it."""
        self.draw_field()
        self.control("undo", False)
        self.control("clear", False)

    def draw_field(self):
        """The field with the drawing, or with a hint."""
        screen = self.screen
        screen.round(self.field, self.layout.radius, colours.PAPER)
        self._hint = None
        if self.app.drawing:
            self.app.drawing.draw()
            return
        self._hint = hint = messages.hint(self.app)
        x, y, width, height = self.field
        pad = self.layout.radius
        rect = x + pad, y, width - 2 * pad, height
        screen.paragraph(hint, rect, colours.PENCIL, colours.PAPER, middle=True)

    def update(self):
        app = self.app
        headline = messages.headline(app)
        if headline != self._headline:
            self._draw_headline(headline)
        self.draw_progress()
        held = app.input.held
        for number in range(self.layout.classes):
            if self._faces.get(number) != self._class_face(number):
                self.draw_class(number, held == "class %d" % number)
            else:
                self._draw_bar(number, held == "class %d" % number)
        if self._panel != messages.panel(app):
            self._draw_panel(held == "verdict")
        for name in ("undo", "clear", "train", "add_class"):
            if self._faces.get(name) != self._face(name):
                self.control(name, held == name)
        if not app.drawing and self._hint != messages.hint(app):
            self.draw_field()

    def _draw_headline(self, headline):
        self._headline = headline
        screen = self.screen
        x, _, width, _ = self.places["message"]
        tall = self.progress_rect[1]
        screen.fill((0, 0, screen.width, tall), colours.BACK)
        kind, text, tail = headline
        if kind == messages.MESSAGE or kind == messages.WARNING:
            if kind == messages.WARNING:
                size = screen.small.height
                screen.badge("!", x, (tall - size) // 2, size, colours.BACK)
                x += size + 10
                width -= size + 10
            colour = colours.AMBER if kind == messages.WARNING else colours.TEXT
            screen.paragraph(text, (x, 0, width, tall), colour, colours.BACK)
        else:
            widgets.verdict(screen, (x, 0, width, tall), text, kind == messages.SURE, tail)

    def _draw_panel(self, pressed):
        app, screen = self.app, self.screen
        self._panel = panel = messages.panel(app)
        rect = x, y, width, height = self.places["verdict"]
        pad = self.layout.radius
        lines, nearest, can_check = panel
        face = colours.PRESSED if pressed and can_check else colours.PANEL
        screen.round(rect, pad, face)
        end = x + width - pad
        if nearest is not None:
            # The most similar drawing it learnt from: why it thinks so.
            sample, caption = nearest
            scale = (height - 8) // 28
            end -= 28 * scale
            image = app.recogniser.samples[sample]
            screen.picture(image, end, y + (height - 28 * scale) // 2, scale)
            end = widgets.caption(screen, caption, end - pad // 2, rect, face) - pad
        elif can_check:
            size = screen.small.height
            end -= size
            screen.arrow((end, y, size, height), True, colours.DIM)
            end -= pad // 2
        widgets.lines(screen, lines, (x + pad, y, end - x - pad, height), face)

    # ---- taps ----

    def tap(self, name, number):
        app = self.app
        if name == "undo":
            app.undo()
        elif name == "clear":
            app.clear()
        elif name == "train":
            app.train_or_stop()
        elif name == "add_class":
            if self.layout.classes == MOST_CLASSES:
                raise Refused("there are %d classes, the most there can be" % MOST_CLASSES)
            app.input.ignore_second_tap()
            app.go(KeyboardPage(app, app.first_page))
        elif name == "verdict":
            if messages.can_check(app):
                app.go(CheckPage(app))
        elif app.drawing:
            app.capture(number)
        else:
            app.go(ClassPage(app, number))
