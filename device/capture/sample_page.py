"""One drawing, and the class it is given to."""

from . import screen as colours
from . import widgets
from .page import Page
from .words import with_article


class SamplePage(Page):
    """One drawing, large: delete it, or say that it belongs to another class. back: makes the
    page that it was opened from."""

    def __init__(self, app, sample, back):
        super().__init__(app, app.layout.sample())
        recogniser = app.recogniser
        self.sample, self._back = sample, back
        self.number = recogniser.samples.labels[sample]
        taken = recogniser.loo_classes
        # The class that it looks like, where that is another one.
        self.likely = taken[sample] if taken and taken[sample] != self.number else None
        names = ["back", "delete"]
        if self.layout.classes > 1:
            names.append("relabel")
        if self.likely is not None:
            names.append("make")
        self.controls = {name: self.places[name] for name in names}

    def paint(self):
        app, screen = self.app, self.screen
        names = app.recogniser.names
        widgets.title(screen, self.places["title"], "A drawing of " + names[self.number])
        rect = x, y, width, height = self.places["picture"]
        screen.round(rect, self.layout.radius, colours.PAPER)
        scale = (width - self.layout.radius) // 28
        pad = (width - 28 * scale) // 2
        image = app.recogniser.samples[self.sample]
        screen.picture(image, x + pad, y + pad, scale)
        x, y, width, height = self.places["note"]
        colour, text = colours.DIM, "This is what the board sees: 28 by 28 points."
        if self.likely is not None:
            text = "Without it, the board would take it for %s." % with_article(names[self.likely])
            colour = colours.TEXT
        if self.sample in app.recogniser.suspects:
            size = screen.small.height
            screen.badge("!", x, y + (height - size) // 2, size, colours.BACK)
            x += size + 10
            width -= size + 10
            colour = colours.AMBER
            if self.likely is None:
                text = "It looks unlike the others. Is its class right?"
        sizes = (screen.small, screen.tiny)
        screen.paragraph(text, (x, y, width, height), colour, colours.BACK, sizes)

    def control(self, name, pressed):
        if name == "back":
            self.button(name, "Back", pressed, font=self.screen.small)
        elif name == "delete":
            self.button(name, "Delete", pressed, widgets.DANGER)
        elif name == "relabel":
            self.button(name, "Other class", pressed)
        else:
            name_of = with_article(self.app.recogniser.names[self.likely])
            self.button(name, "Make it " + name_of, pressed, widgets.PRIMARY)

    def learnt(self):
        self.app.go(SamplePage(self.app, self.sample, self._back))

    def back(self):
        """Shows the page it was opened from."""
        self.app.go(self._back())

    def tap(self, name, number):
        app, recogniser = self.app, self.app.recogniser
        if name == "back":
            self.back()
        elif name == "delete":
            app.input.ignore_second_tap()
            app.edit(recogniser.delete, self.sample)
            self.back()
            app.say("Deleted a drawing of “%s”." % recogniser.names[self.number])
        elif name == "make":
            self.give(self.likely)
        else:
            app.go(ChoosePage(app, self))

    def give(self, label):
        """Gives the drawing to another class."""
        app, recogniser = self.app, self.app.recogniser
        if label != self.number:
            app.input.ignore_second_tap()
            app.edit(recogniser.relabel, self.sample, label)
        self.back()
        if label != self.number:
            app.say("It is %s now." % with_article(recogniser.names[label]))


class ChoosePage(Page):
    """Which class does the drawing of a SamplePage belong to?"""

    def __init__(self, app, of):
        super().__init__(app, app.layout.choose())
        self._of = of
        self.controls = dict(self.places)
        del self.controls["title"]

    def paint(self):
        widgets.title(self.screen, self.places["title"], "Which class is it?")

    def control(self, name, pressed):
        if name == "back":
            self.button(name, "Back", pressed, font=self.screen.small)
            return
        now = name == "class %d" % self._of.number
        label = self.app.recogniser.names[int(name.split()[1])]
        kind = widgets.PRIMARY if now else widgets.PLAIN
        self.button(name, label + " (now)" if now else label, pressed, kind)

    def tap(self, name, number):
        if name == "back":
            self.app.go(SamplePage(self.app, self._of.sample, self._of._back))
        else:
            self._of.give(number)
