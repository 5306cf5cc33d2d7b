"""The drawings of one class."""

from uff import FormatError

from . import screen as colours
from . import widgets
from .errors import Refused
from .keyboard_page import KeyboardPage
from .page import Page
from .sample_page import SamplePage
from .words import counted

HINT = "Tap a drawing to change it"


class ClassPage(Page):
    """The drawings of one class, the newest first; rename and remove it."""

    def __init__(self, app, number, turn=0):
        super().__init__(app, app.layout.class_page())
        self.number = number
        self._below = None
        labels = app.recogniser.samples.labels
        self.samples = [i for i in range(len(labels) - 1, -1, -1) if labels[i] == number]
        self.room = sum([name.startswith("thumb") for name in self.places])
        self.turns = max((len(self.samples) + self.room - 1) // self.room, 1)
        self.turn = min(turn, self.turns - 1)
        self._lay()

    def _lay(self):
        places = self.places
        self.controls = {name: places[name] for name in ("back", "rename", "remove")}
        if self.turn:
            self.controls["previous"] = places["previous"]
        if self.turn < self.turns - 1:
            self.controls["next"] = places["next"]
        if self.app.recogniser.can_undo:
            self.controls["undo"] = places["undo"]
        self.first = self.turn * self.room
        for i in range(min(self.room, len(self.samples) - self.first)):
            self.controls["thumbnail %d" % i] = places["thumbnail %d" % i]

    def _hint(self):
        """What stands below the title."""
        notice = self.app.notice
        if notice and not notice[1]:
            return notice[0]
        return HINT if self.samples else ""

    def update(self):
        super().update()
        if self._below != self._hint():
            x, y, width, height = self.places["title"]
            # Two lines may be taller than their place: they reach into the gap below it.
            self.screen.fill((x - 2, y, width + 4, height + self.layout.gap - 1), colours.BACK)
            self._title()

    def _title(self):
        self._below = below = self._hint()
        app, count = self.app, len(self.samples)
        name = app.recogniser.names[self.number]
        note = counted(count)
        if self.turns > 1:
            note = "%d to %d of %d" % (
                self.first + 1,
                min(self.first + self.room, count),
                count,
            )
        doubtful = sum([i in app.recogniser.suspects for i in self.samples])
        if doubtful:
            note += ", %d in doubt" % doubtful
        text = name + ": " + note
        width = self.places["title"][2]
        if self.screen.small.width(text) > width:
            text = name
        widgets.title(self.screen, self.places["title"], text, below)

    def paint(self):
        self._title()
        if not self.samples:
            x, y, width, height = self.layout.inner
            rect = x, y + self.layout.bar, width, height - 2 * self.layout.bar
            hint = "No drawings yet. Go back, draw one, then tap this class."
            self.screen.paragraph(hint, rect, colours.DIM, colours.BACK, middle=True)
        self.todo = self._thumbnails()

    def _thumbnails(self):
        trouble = None
        for i in range(min(self.room, len(self.samples) - self.first)):
            try:
                self.control("thumbnail %d" % i, False)
            except (OSError, FormatError) as error:
                trouble = error  # the others are to be seen all the same
            yield
        if trouble is not None:
            raise trouble

    def control(self, name, pressed):
        small = self.screen.small
        if name == "back":
            self.button(name, "Back", pressed, font=small)
        elif name == "rename":
            self.button(name, "Rename", pressed, font=small)
        elif name == "remove":
            self.button(name, "Remove class", pressed, widgets.DANGER, small)
        elif name == "undo":
            self.button(name, "Undo", pressed, widgets.PRIMARY, small)
        elif name == "previous" or name == "next":
            self.button(name, "", pressed)
            self.screen.arrow(self.controls[name], name == "next", colours.TEXT)
        else:
            self.thumbnail(name, self.samples[self.first + int(name.split()[1])], pressed)

    def tap(self, name, number):
        app = self.app
        if name == "back":
            app.home()
        elif name == "rename":
            app.go(KeyboardPage(app, lambda: self.again(app), self.number))
        elif name == "remove":
            self._remove()
        elif name == "undo":
            self._undo()
        elif name == "previous" or name == "next":
            self.turn += 1 if name == "next" else -1
            self._lay()
            self.draw()
        else:
            sample = self.samples[self.first + number]
            app.go(SamplePage(app, sample, lambda: self.again(app)))

    def learnt(self):
        """Only what it has found: the drawings do not blink."""
        self._below = None
        self.todo = self._thumbnails()

    def again(self, app):
        """This page anew, as the class is now."""
        return ClassPage(app, self.number, self.turn)

    def _undo(self):
        app = self.app
        classes = len(app.recogniser.names)
        app.undo_change()
        if len(app.recogniser.names) == classes:
            app.go(self.again(app))
        else:
            app.home()

    def _remove(self):
        app = self.app
        if len(app.recogniser.names) < 2:
            raise Refused("the last class stays: there must be one")
        name, count = app.recogniser.names[self.number], len(self.samples)
        app.input.ignore_second_tap()
        app.edit(app.recogniser.remove_class, self.number)
        app.home()
        gone = "Removed “%s”" % name
        if count:
            gone += " and its drawing" if count == 1 else " and its %d drawings" % count
        app.say(gone + ".")
