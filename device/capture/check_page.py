"""The self-test: which drawings are taken for another class when they are left out, and how often
each class is taken for which."""

from uff import FormatError

from . import screen as colours
from . import widgets
from .page import Page
from .sample_page import SamplePage

AXES = "Row: its class. Column: taken for."
ROOMY = 6  # classes whose table has larger letters


class CheckPage(Page):
    """Drawings that are taken for another class, each opened by a tap; and a table of classes."""

    def __init__(self, app, turn=0):
        super().__init__(app, app.layout.check())
        recogniser = app.recogniser
        labels, taken = recogniser.samples.labels, recogniser.loo_classes
        self.taken = taken
        known = range(len(labels) if taken else 0)
        self.samples = [i for i in known if taken[i] != labels[i]]
        self.labels = bytes([labels[i] for i in self.samples])
        self.count = len(labels)
        k = self.layout.classes
        self.table = [[0] * k for _ in range(k)]
        for i in known:
            self.table[labels[i]][taken[i]] += 1
        self.room = sum([name.startswith("thumb") for name in self.places])
        turns = max((len(self.samples) + self.room - 1) // self.room, 1)
        self.turns, self.turn = turns, turn % turns
        self.first = self.turn * self.room
        self.controls = {"back": self.places["back"]}
        if turns > 1:
            self.controls["more"] = self.places["more"]
        if recogniser.can_undo:
            self.controls["undo"] = self.places["undo"]
        for i in range(min(self.room, len(self.samples) - self.first)):
            self.controls["thumbnail %d" % i] = self.places["thumbnail %d" % i]

    def paint(self):
        wrong = len(self.samples)
        if self.taken is None:
            widgets.title(self.screen, self.places["title"], "Self-test", "Learning…")
            return
        text = "Self-test: %d of %d" % (self.count - wrong, self.count)
        if not wrong:
            note = "Each left out once: all are known"
        elif wrong == 1:
            note = "Tap it to change it"
        else:
            note = "Tap a drawing to change it"
        widgets.title(self.screen, self.places["title"], text, note)
        if not wrong:
            x, y, _, _ = self.places["thumbnail 0"]
            width = self.places["table"][0] - 2 * x
            rect = x, y, width, self.layout.height - y - x
            text = "None is taken for another class."
            self.screen.paragraph(text, rect, colours.DIM, colours.BACK, middle=True)
        self.todo = self._pieces()

    def _pieces(self):
        trouble = None
        for i in range(min(self.room, len(self.samples) - self.first)):
            try:
                self.control("thumbnail %d" % i, False)
            except (OSError, FormatError) as error:
                trouble = error
            yield
        yield from self._table()
        if trouble is not None:
            raise trouble

    def control(self, name, pressed):
        if name == "back":
            self.button(name, "Back", pressed, font=self.screen.small)
        elif name == "more":
            label = "More (%d of %d)" % (self.turn + 1, self.turns)
            self.button(name, label, pressed, font=self.screen.small)
        elif name == "undo":
            self.button(name, "Undo", pressed, widgets.PRIMARY, self.screen.small)
        else:
            i = self.first + int(name.split()[1])
            self.thumbnail(name, self.samples[i], pressed)
            self._caption(self.controls[name], i)

    def _caption(self, rect, i):
        screen, font = self.screen, self.screen.tiny
        names = self.app.recogniser.names
        x, y, width, height = rect
        text = "as " + names[self.taken[self.samples[i]]]
        if font.width(text) > width:
            text = names[self.taken[self.samples[i]]]
        screen.text(font, font.fit(text, width), x, y + height, colours.AMBER, colours.BACK)

    # ---- the table ----

    def _table(self):
        screen, names, k = self.screen, self.app.recogniser.names, self.layout.classes
        x, y, width, height = self.places["table"]
        font = screen.small if k <= ROOMY else screen.tiny
        axes = font.wrap(AXES, width)
        top = y
        for line in axes:
            screen.text(font, line, x, y, colours.DIM, colours.BACK)
            y += font.height
        y += 2
        tall = min((top + height - y) // (k + 1), 2 * self.layout.touch // 3)
        least = font.width("00")
        widest = max([font.width(name) for name in names])
        head = min(widest + 6, width - k * least)
        wide = min((width - head) // k, 2 * self.layout.touch)
        numbered = widest > wide - 4
        if numbered:  # no room for names above the columns
            head = min(widest + font.width("00 ") + 6, width - k * least)
            wide = min((width - head) // k, 2 * self.layout.touch)
        for c in range(k):
            text = "%d" % (c + 1) if numbered else names[c]
            rect = x + head + c * wide, y, wide, tall
            screen.centred(font, text, rect, colours.DIM, colours.BACK)
        yield
        for row in range(k):
            y += tall
            text = "%d %s" % (row + 1, names[row]) if numbered else names[row]
            text = font.fit(text, head - 4)
            screen.text(font, text, x, y + (tall - font.height) // 2, colours.TEXT, colours.BACK)
            for column in range(k):
                self._cell((x + head + column * wide, y, wide - 1, tall - 1), row, column)
            yield

    def _cell(self, rect, row, column):
        screen, count = self.screen, self.table[row][column]
        face, ink = colours.PANEL, colours.TEXT
        if row == column:
            face = colours.STRONG
        elif count:
            face, ink = colours.AMBER, colours.INK
        screen.fill(rect, face)
        if count:
            font = screen.small if rect[3] > screen.small.height + 4 else screen.tiny
            if font.width("%d" % count) > rect[2]:
                font = screen.tiny
            screen.centred(font, "%d" % count, rect, ink, face)

    def tap(self, name, number):
        app = self.app
        if name == "back":
            app.home()
        elif name == "more":
            app.go(CheckPage(app, self.turn + 1))
        elif name == "undo":
            classes = self.layout.classes
            app.undo_change()
            app.go(self.again(app) if len(app.recogniser.names) == classes else app.first_page())
        else:
            app.go(SamplePage(app, self.samples[self.first + number], lambda: self.again(app)))

    def again(self, app):
        """This page anew."""
        return CheckPage(app, self.turn)

    def learnt(self):
        self.app.go(self.again(self.app))
