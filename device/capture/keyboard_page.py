"""The page where one types the name of a class."""

from . import screen as colours
from . import widgets
from .errors import Refused
from .layout import KEYS, SIGNS
from .page import Page

LONGEST_NAME = 12  # characters


class KeyboardPage(Page):
    """Type the name of a new class (number None) or of one to be renamed. back(): the page to show
    afterwards."""

    def __init__(self, app, back, number=None):
        super().__init__(app, {})
        self._back, self.number = back, number
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
        self.app.go(self._back())

    def _done(self):
        app, name = self.app, self.name.strip()
        names = app.recogniser.names
        if not name:
            raise Refused("type a name first")
        if name in names and (self.number is None or names[self.number] != name):
            raise Refused("there is a class “%s” already" % name)
        if self.number is None:
            app.edit(app.recogniser.add_class, name)
        elif names[self.number] != name:
            app.edit(app.recogniser.rename_class, self.number, name)
        self._leave()


def capital(letter):
    """The capital of a letter of ASCII or Latin-1; str.upper() of MicroPython knows ASCII
    alone."""
    code = ord(letter)
    if 0xE0 <= code <= 0xFE and code != 0xF7:
        return chr(code - 32)
    return letter.upper()
