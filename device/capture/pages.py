"""The pages of the application: what each shows, and what a tap on it does.

A page draws itself whole once; later only what changed. `controls` names what is on the screen
now. Long drawing is a generator in `todo`, which the application works off piece by piece.
"""

from uff import FormatError

from . import screen as colours
from . import widgets
from .layout import KEYS, SIGNS, inside

LONGEST_NAME = 12  # characters


class Page:
    """What all pages share."""

    field = None  # where one draws

    def __init__(self, app):
        self.app = app
        self.version = app.recogniser.state[0]  # of the samples it shows
        self.screen = app.screen
        self.layout = app.layout
        self.controls = {}
        self.todo = None
        x, _, width, _ = self.layout.inner
        self.progress_rect = x, 1, width, self.layout.gap - 2
        self._progress = -1
        self._warned = ""

    def fits(self):
        """Whether what it shows is still so."""
        return self.version == self.app.recogniser.state[0]

    def hit(self, x, y):
        """The name of the control at a point, or None."""
        for name, rect in self.controls.items():
            if inside(rect, x, y, self.layout.gap // 2):
                return name
        return None

    def draw(self):
        """The whole page."""
        self._progress = -1
        self.screen.clear()
        self.paint()
        for name in self.controls:
            if not name.startswith("thumbnail"):  # those come by `todo`
                self.control(name, False)

    def paint(self):
        """What is no control."""

    def control(self, name, pressed):
        """One control, as it looks now."""

    def update(self):
        """What changed since it was drawn."""
        self._banner()
        self._draw_progress()

    def _draw_progress(self):
        done = self.app.progress
        width = self.progress_rect[2]
        length = -1 if done is None else int(done * width)
        if length != self._progress:
            self._progress = length
            if length < 0:
                self.screen.fill(self.progress_rect, colours.BACK)
            else:
                widgets.bar(self.screen, self.progress_rect, length, colours.BLUE)

    def _banner(self):
        """A warning over the page's lower edge, until the next touch."""
        notice = self.app.warning()
        if notice == self._warned:
            return
        self._warned = notice
        if not notice:
            self.draw()
            return
        x, y, width, height = self.layout.inner
        tall = self.layout.touch
        rect = x, y + height - tall, width, tall
        screen, radius = self.screen, self.layout.radius
        screen.outlined(rect, radius, colours.BACK, colours.AMBER, 2)
        size = screen.small.height
        screen.badge("!", x + radius, rect[1] + (tall - size) // 2, size, colours.BACK)
        left = x + radius + size + 10
        text = left, rect[1] + 4, x + width - radius - left, tall - 8
        screen.paragraph(notice, text, colours.AMBER, colours.BACK)

    def tap(self, name, number):
        """A control was tapped."""

    def step(self):
        """One piece of what is still to be drawn; False where nothing is."""
        if self.todo is None:
            return False
        try:
            next(self.todo)
        except StopIteration:
            self.todo = None
        return True

    def button(self, name, label, pressed, kind=widgets.PLAIN):
        widgets.button(self.screen, self.layout, self.controls[name], label, kind, pressed)


class DrawPage(Page):
    """The first page: draw, capture, train, see what is recognised."""

    def __init__(self, app):
        super().__init__(app)
        self.places = self.layout.draw()
        self.field = self.places["field"]
        self.message_rect = self.places["message"]
        x, y, width, height = self.message_rect
        self.progress_rect = x, y + height - 6, width, 6
        self.controls = dict(self.places)
        del self.controls["message"], self.controls["verdict"]
        self._said = self._verdict = self._best = self._train = None
        self._bars = self._classes = ()
        self._hint = None

    def fits(self):
        return self.layout is self.app.layout

    def draw(self):
        self._said = self._verdict = self._train = None
        self._best = None
        self._hint = None
        self._bars = [-1] * self.layout.classes
        self._classes = [None] * self.layout.classes
        super().draw()
        self.update()

    def control(self, name, pressed):
        app, rect = self.app, self.controls[name]
        if name == "field":
            self.draw_field()
        elif name == "undo" or name == "clear":
            kind = widgets.PLAIN if app.drawing else widgets.OFF
            self.button(name, "Undo" if name == "undo" else "Clear", pressed, kind)
        elif name == "train":
            label, kind = self._train = self._train_face()
            self.button(name, label, pressed, kind)
        elif name == "add_class":
            screen, radius = self.screen, self.layout.radius
            face = colours.PRESSED if pressed else colours.BACK
            screen.outlined(rect, radius, face, colours.DIM, 2)
            text = "+ Class" if rect[2] > screen.main.width("+ Class") + 8 else "+"
            screen.centred(screen.main, text, rect, colours.TEXT, face)
        else:
            self.draw_class(int(name.split()[1]), pressed)

    def _train_face(self):
        app = self.app
        if app.progress is not None:
            return "Stop", widgets.PLAIN
        if app.recogniser.obstacle():
            return "Train", widgets.OFF
        return "Train", widgets.PLAIN if app.recogniser.trained else widgets.PRIMARY

    def draw_class(self, number, pressed=False):
        """One class button."""
        recogniser = self.app.recogniser
        verdict = self.app.verdict
        self._classes[number] = self._class_face(number)
        widgets.class_button(
            self.screen,
            self.layout,
            self.controls["class %d" % number],
            recogniser.names[number],
            self.app.counts[number],
            number in self.app.doubtful,
            verdict is not None and verdict.label == number,
            pressed,
        )
        self._bars[number] = -1
        self._draw_bar(number)

    def _class_face(self, number):
        return self.app.counts[number], number in self.app.doubtful

    def _draw_bar(self, number):
        verdict = self.app.verdict
        if verdict is None or number >= len(verdict.goodness):
            return  # a class that came after the training
        rect = widgets.bar_rect(self.layout, self.controls["class %d" % number])
        # Its part of all goodness, so that a full bar leaves nothing to the others.
        whole = sum(max(good, 0.0) for good in verdict.goodness) or 1.0
        length = int(max(verdict.goodness[number], 0.0) / whole * rect[2])
        if length != self._bars[number]:
            self._bars[number] = length
            best = verdict.label == number
            widgets.bar(self.screen, rect, length, colours.BLUE if best else colours.DIM)

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
        self._hint = hint = self.app.hint()
        x, y, width, height = self.field
        pad = self.layout.radius
        rect = x + pad, y, width - 2 * pad, height
        screen.paragraph(hint, rect, colours.PENCIL, colours.PAPER, middle=True)

    def update(self):
        app = self.app
        text, warning = app.message()
        said = text, warning, app.progress is None  # the bar takes room from the text
        if said != self._said:
            self._said = said
            self._progress = -1
            self._draw_message(text, warning)
        if app.progress is not None or self._progress >= 0:
            self._draw_progress()
        verdict = app.verdict
        best = None if verdict is None else verdict.label
        if best != self._best or (verdict is None) != (max(self._bars) < 0):
            for number in (
                range(self.layout.classes) if None in (best, self._best) else (best, self._best)
            ):
                self._best = best
                self.draw_class(number)
            self._best = best
        for number in range(self.layout.classes):
            if self._classes[number] != self._class_face(number):
                self.draw_class(number)
            elif verdict is not None:
                self._draw_bar(number)
        if self._verdict != app.status():
            self._draw_verdict()
        if self._train != self._train_face():
            self.control("train", False)
        if not app.drawing and self._hint != app.hint():
            self.draw_field()

    def _draw_message(self, text, warning):
        screen = self.screen
        x, y, width, height = self.message_rect
        screen.fill((x - 2, y, width + 4, height), colours.BACK)  # letters reach out a little
        if self.app.progress is not None:
            height -= 8
        if warning:
            size = screen.small.height
            screen.badge("!", x, y + (height - size) // 2, size, colours.BACK)
            x += size + 10
            width -= size + 10
        colour = colours.AMBER if warning else colours.TEXT
        screen.paragraph(text, (x, y, width, height), colour, colours.BACK)

    def _draw_verdict(self):
        app, screen = self.app, self.screen
        self._verdict = app.status()
        rect = x, y, width, height = self.places["verdict"]
        screen.round(rect, self.layout.radius, colours.PANEL)
        pad = self.layout.radius
        verdict = app.verdict
        small = screen.small
        if verdict is None:
            text = rect[0] + pad, y, width - 2 * pad, height
            screen.paragraph(app.standing(), text, colours.TEXT, colours.PANEL, (small,))
            return
        end = x + width - pad
        nearest = verdict.nearest if not app.recogniser.stale else None
        if nearest is not None:
            # The most similar drawing it learnt from: why it thinks so.
            scale = (height - 8) // 28
            end -= 28 * scale
            image = app.recogniser.samples[nearest]
            screen.picture(image, end, y + (height - 28 * scale) // 2, scale)
            end -= pad
        name = app.recogniser.names[verdict.label]
        font = screen.big
        if not font.covers(name) or font.width(name) > width // 3:
            font = screen.main
        room = width // 2 - pad
        name = font.fit(name, room)
        left = screen.text(
            font, name, x + pad, y + (height - font.height) // 2, colours.TEXT, colours.PANEL
        )
        left += pad + pad // 2
        main = screen.main
        size = main.height * 3 // 4
        top = y + (height - main.height - small.height) // 2
        at = top + main.height // 6
        if verdict.sure:
            screen.tick(left, at, size, colours.GREEN)
            said, why = "sure", "most like this" if nearest is not None else ""
        else:
            screen.badge("?", left, at, size, colours.PANEL)
            said, why = "not sure", verdict.why
        screen.text(main, said, left + size + 6, top, colours.TEXT, colours.PANEL)
        why = small.fit(why, end - left)
        screen.text(small, why, left, top + main.height, colours.DIM, colours.PANEL)

    def tap(self, name, number):
        app = self.app
        if name == "undo":
            app.undo()
        elif name == "clear":
            app.clear()
        elif name == "train":
            app.train_or_stop()
        elif name == "add_class":
            app.go(KeyboardPage(app, None))
        elif app.drawing:
            app.capture(number)
        else:
            app.go(ClassPage(app, number))


class ClassPage(Page):
    """The drawings of one class, the newest first; rename and remove it."""

    def __init__(self, app, number, turn=0):
        super().__init__(app)
        self.number = number
        self.places = self.layout.class_page()
        labels = app.recogniser.samples.labels
        self.samples = [i for i in range(len(labels) - 1, -1, -1) if labels[i] == number]
        self.room = sum(name.startswith("thumb") for name in self.places)
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
        self.first = self.turn * self.room
        for i in range(min(self.room, len(self.samples) - self.first)):
            self.controls["thumbnail %d" % i] = places["thumbnail %d" % i]

    def paint(self):
        app, count = self.app, len(self.samples)
        note = "1 drawing" if count == 1 else "%d drawings" % count
        doubtful = sum(i in app.recogniser.suspects for i in self.samples)
        if self.turns > 1:
            note = "%d to %d of %s" % (self.first + 1, min(self.first + self.room, count), note)
        if doubtful:
            note += ", %d in doubt" % doubtful
        text = "Class “%s”" % app.recogniser.names[self.number]
        widgets.title(self.screen, self.places["title"], text, note)
        if not count:
            x, y, width, height = self.layout.inner
            rect = x, y + self.layout.bar, width, height - self.layout.bar
            hint = "No drawings yet. Go back, draw one, then tap this class."
            self.screen.paragraph(hint, rect, colours.DIM, colours.BACK, middle=True)
        self.todo = self._thumbnails()

    def _thumbnails(self):
        trouble = None
        for i in range(min(self.room, len(self.samples) - self.first)):
            try:
                self._thumbnail(i, False)
            except (OSError, FormatError) as error:
                trouble = error  # the others are to be seen all the same
            yield
        if trouble is not None:
            raise trouble

    def _thumbnail(self, i, pressed):
        sample = self.samples[self.first + i]
        x, y, width, _ = rect = self.places["thumbnail %d" % i]
        line = colours.BLUE if pressed else colours.PAPER
        screen = self.screen
        screen.round(rect, self.layout.gap, line)
        pad = self.layout.gap // 2
        image = self.app.recogniser.samples[sample]
        screen.picture(image, x + pad, y + pad, self.layout.thumbnail)
        if sample in self.app.recogniser.suspects:
            size = screen.small.height
            screen.badge("!", x + width - size - 2, y + 2, size, colours.PAPER)

    def control(self, name, pressed):
        if name == "back":
            self.button(name, "Back", pressed)
        elif name == "rename":
            self.button(name, "Rename", pressed)
        elif name == "remove":
            self.button(name, "Remove", pressed)
        elif name == "previous" or name == "next":
            self.button(name, "", pressed)
            self.screen.arrow(self.controls[name], name == "next", colours.TEXT)
        else:
            self._thumbnail(int(name.split()[1]), pressed)

    def tap(self, name, number):
        app = self.app
        if name == "back":
            app.home()
        elif name == "rename":
            app.go(KeyboardPage(app, self.number))
        elif name == "remove":
            if len(app.recogniser.names) < 2:
                raise ValueError("The last class stays: there must be one.")
            app.go(ConfirmPage(app, self.number))
        elif name == "previous" or name == "next":
            self.turn += 1 if name == "next" else -1
            self._lay()
            self.draw()
        else:
            app.go(SamplePage(app, self.number, self.samples[self.first + number], self.turn))


class SamplePage(Page):
    """One drawing, large: delete it, or say that it belongs to another class."""

    def __init__(self, app, number, sample, turn):
        super().__init__(app)
        self.number, self.sample, self.turn = number, sample, turn
        self.places = self.layout.sample()
        names = ["back", "delete"]
        if self.layout.classes > 1:
            names.append("relabel")
        self.controls = {name: self.places[name] for name in names}

    def paint(self):
        app, screen = self.app, self.screen
        name = app.recogniser.names[self.number]
        widgets.title(screen, self.places["title"], "A drawing of “%s”" % name)
        rect = x, y, width, height = self.places["picture"]
        screen.round(rect, self.layout.radius, colours.PAPER)
        scale = (width - self.layout.radius) // 28
        pad = (width - 28 * scale) // 2
        image = app.recogniser.samples[self.sample]
        screen.picture(image, x + pad, y + pad, scale)
        x, y, width, height = self.places["note"]
        if self.sample in app.recogniser.suspects:
            size = screen.main.height
            screen.badge("!", x, y, size, colours.BACK)
            y += size
            height -= size
            text = "It looks unlike the other drawings of “%s”: is its class right?" % name
            screen.paragraph(text, (x, y, width, height), colours.AMBER, colours.BACK)
        else:
            text = "This is what the board sees: 28 by 28 points."
            screen.paragraph(text, (x, y, width, height), colours.DIM, colours.BACK)

    def control(self, name, pressed):
        if name == "back":
            self.button(name, "Back", pressed)
        elif name == "delete":
            self.button(name, "Delete", pressed, widgets.DANGER)
        else:
            self.button(name, "Other class", pressed)

    def tap(self, name, number):
        app = self.app
        if name == "back":
            app.go(ClassPage(app, self.number, self.turn))
        elif name == "delete":
            app.edit(app.recogniser.delete, self.sample)
            app.go(ClassPage(app, self.number, self.turn))
        else:
            app.go(ChoosePage(app, self.number, self.sample, self.turn))


class ChoosePage(Page):
    """Which class does a drawing belong to?"""

    def __init__(self, app, number, sample, turn):
        super().__init__(app)
        self.number, self.sample, self.turn = number, sample, turn
        self.places = self.layout.choose()
        self.controls = dict(self.places)
        del self.controls["title"]

    def paint(self):
        widgets.title(self.screen, self.places["title"], "Which class is it?")

    def control(self, name, pressed):
        if name == "back":
            self.button(name, "Back", pressed)
        else:
            now = name == "class %d" % self.number
            kind = widgets.PRIMARY if now else widgets.PLAIN
            label = self.app.recogniser.names[int(name.split()[1])]
            if now:
                label += " (now)"
            self.button(name, label, pressed, kind)

    def tap(self, name, number):
        app = self.app
        if name == "back":
            app.go(SamplePage(app, self.number, self.sample, self.turn))
            return
        if number != self.number:
            app.edit(app.recogniser.relabel, self.sample, number)
        app.go(ClassPage(app, self.number, self.turn))


class KeyboardPage(Page):
    """Type the name of a new class (number None) or of one to be renamed."""

    def __init__(self, app, number):
        super().__init__(app)
        self.number = number
        self.signs = self.capital = False
        if number is None:
            self.name = app.free_name()
        else:
            self.name = app.recogniser.names[number]
        self.fresh = True  # the first key replaces what is there
        self._lay()

    def _lay(self):
        self.places = self.layout.keyboard(SIGNS if self.signs else KEYS)
        controls = {}
        for name, rect in self.places.items():
            if name.startswith("key ") and self.capital:
                name = "key %d" % ord(capital(chr(int(name[4:]))))
            controls[name] = rect
        del controls["entry"]
        self.controls = controls

    def paint(self):
        self._entry()

    def _entry(self):
        screen, rect = self.screen, self.places["entry"]
        screen.outlined(rect, self.layout.radius, colours.PAPER, colours.BLUE, 2)
        x, y, _, height = rect
        pad = self.layout.radius
        font = screen.main
        end = x + pad
        top = y + (height - font.height) // 2
        if self.name:
            back, ink = colours.PAPER, colours.INK
            if self.fresh:
                # Marked, as what one types will replace it.
                back, ink = colours.STRONG, colours.TEXT
                screen.fill((end - 3, top, font.width(self.name) + 6, font.height), back)
            end = screen.text(font, self.name, end, top, ink, back)
        else:
            text = "name of the class"
            screen.text(
                screen.small,
                text,
                end + 6,
                y + (height - screen.small.height) // 2,
                colours.PENCIL,
                colours.PAPER,
            )
        if not self.fresh:
            screen.fill((end + 2, top + 2, 3, font.height - 4), colours.STRONG)

    def control(self, name, pressed):
        if name == "back":
            self.button(name, "Cancel", pressed)
        elif name == "done":
            self.button(name, "Add" if self.number is None else "Done", pressed, widgets.PRIMARY)
        elif name == "shift":
            self.button(name, "abc" if self.capital else "ABC", pressed)
        elif name == "signs":
            self.button(name, "abc" if self.signs else "äß ?!", pressed)
        elif name == "backspace":
            self.button(name, "", pressed)
            self.screen.arrow(self.controls[name], False, colours.TEXT)
        elif name == "key 32":
            self.button(name, "space", pressed)
        else:
            self.button(name, chr(int(name[4:])), pressed)

    def tap(self, name, number):
        app = self.app
        if name == "back":
            self._leave()
        elif name == "done":
            self._done()
        elif name == "shift" or name == "signs":
            if name == "shift":
                self.capital = not self.capital
            else:
                self.signs = not self.signs
            self._lay()
            self.draw()
        else:
            text = "" if self.fresh else self.name
            if name == "backspace":
                self.name = text[:-1]
            elif len(text) < LONGEST_NAME:
                self.name = text + chr(number)
            else:
                app.say("A name has at most %d letters." % LONGEST_NAME, True)
            self.fresh = False
            self._entry()

    def _leave(self):
        app = self.app
        if self.number is None:
            app.home()
        else:
            app.go(ClassPage(app, self.number))

    def _done(self):
        app, name = self.app, self.name.strip()
        names = app.recogniser.names
        if not name:
            raise ValueError("Type a name first.")
        if name in names and (self.number is None or names[self.number] != name):
            raise ValueError("There is a class “%s” already." % name)
        if self.number is None:
            app.edit(app.recogniser.add_class, name)
        elif names[self.number] != name:
            app.edit(app.recogniser.rename_class, self.number, name)
        self._leave()


class ConfirmPage(Page):
    """Is this class, with all its drawings, really to go?"""

    def __init__(self, app, number):
        super().__init__(app)
        self.number = number
        self.places = self.layout.confirm()
        self.controls = {name: self.places[name] for name in ("no", "yes")}

    def paint(self):
        app = self.app
        count = app.counts[self.number]
        what = "its drawing" if count == 1 else "its %d drawings" % count
        text = "Remove the class “%s” and %s? They cannot be brought back."
        text %= app.recogniser.names[self.number], what
        self.screen.paragraph(
            text, self.places["question"], colours.TEXT, colours.BACK, middle=True
        )

    def control(self, name, pressed):
        if name == "no":
            self.button(name, "Keep", pressed)
        else:
            self.button(name, "Remove", pressed, widgets.DANGER)

    def tap(self, name, number):
        app = self.app
        if name == "yes":
            app.edit(app.recogniser.remove_class, self.number)
            app.home()
        else:
            app.go(ClassPage(app, self.number))


def capital(letter):
    """The capital of a letter of ASCII or Latin-1; str.upper() of MicroPython knows ASCII
    alone."""
    code = ord(letter)
    if 0xE0 <= code <= 0xFE and code != 0xF7:
        return chr(code - 32)
    return letter.upper()
