"""What the pages are made of: buttons, the grid of classes, progress bars, lines of text."""

from . import screen as colours

PLAIN, PRIMARY, DANGER, OFF = range(4)
_FACES = (
    (colours.PANEL, colours.TEXT),
    (colours.STRONG, colours.TEXT),
    (colours.RED, colours.TEXT),
    (colours.BACK, colours.FAINT),
)


def button(screen, layout, rect, label, kind=PLAIN, pressed=False, font=None):
    """A button with a word. One that cannot be used now is an outline."""
    face, ink = _FACES[kind]
    if pressed:
        face = colours.PRESSED
    if kind == OFF or pressed:
        line = colours.TRACK if kind == OFF else colours.TEXT
        screen.outlined(rect, layout.radius, face, line, 2)
    else:
        screen.round(rect, layout.radius, face)
    x, y, width, height = rect
    pad = layout.radius // 4
    inner = x + pad, y, width - 2 * pad, height
    words(screen, label, inner, ink, face, (font,) if font else (screen.main, screen.small))


def add_button(screen, layout, rect, label, pressed):
    """One that adds something: an outline."""
    face = colours.PRESSED if pressed else colours.BACK
    screen.outlined(rect, layout.radius, face, colours.DIM, 2)
    screen.centred(screen.main, label, rect, colours.TEXT, face)


def words(screen, text, rect, ink, face, sizes):
    """Text in the middle of a rectangle, in the largest font in which it fits: on one line, or
    with its words on several; else on as many as it takes in the smallest."""
    x, y, width, height = rect
    for font in sizes + (screen.tiny,):
        split = font.wrap(text, width)
        if " ".join(split) == text and len(split) * font.height <= height:
            break
    else:
        split = font.split(text, width)[: max(height // font.height, 1)]
    y += (height - len(split) * font.height) // 2
    for line in split:
        screen.text(font, line, x + (width - font.width(line)) // 2, y, ink, face)
        y += font.height


class Grid:
    """Class buttons of one size: one font for all names, which fit or wrap, and below each name
    one line for its number of drawings or for a bar. rect: of one of them."""

    def __init__(self, screen, layout, names, rect):
        self.screen, self.layout, self.names = screen, layout, list(names)
        _, _, width, height = rect
        self.pad = pad = min(layout.radius, width // 15)
        inner = width - 2 * pad
        for name_font, font in (
            (screen.main, screen.small),
            (screen.small, screen.small),
            (screen.small, screen.tiny),
            (screen.tiny, screen.tiny),
        ):
            tall = height - font.height - 2
            lines = [name_font.split(name, inner) for name in self.names]
            most = max([len(each) for each in lines])
            if most * name_font.height <= tall and most == 1:
                break
        # Lines of small letters leave room above and below them, so they may overlap a little.
        room = max((tall + 4) // name_font.height, 1)
        for each in lines:  # of names that nobody typed on this screen
            if len(each) > room:
                each[room - 1 :] = [name_font.fit("".join(each[room - 1 :]), inner)]
        self._lines, self._name_font, self._font = lines, name_font, font

    def cell(self, number, rect, count, doubtful, best, judged, pressed):
        """One button. judged: whether a bar comes where the number of drawings is."""
        screen, radius = self.screen, self.layout.radius
        face = self._face(pressed)
        if best or pressed:
            line = colours.TEXT if pressed else colours.BLUE
            screen.outlined(rect, radius, face, line, 3 if self.layout.large else 2)
        else:
            screen.round(rect, radius, face)
        x, y, width, _ = rect
        lines, font, low = self._lines[number], self._name_font, self._low(rect)
        top = y + max((low - y - len(lines) * font.height) // 2, 0) + 1
        for line in lines:
            screen.text(font, line, x + self.pad, top, colours.TEXT, face)
            top += font.height
        if judged:
            return
        small, room = self._font, width - 2 * self.pad
        if doubtful:
            size = small.height
            room -= size + 2
            screen.badge("!", x + width - self.pad - size, low - 1, size, face)
        text = "1 drawing" if count == 1 else "%d drawings" % count
        if small.width(text) > room:
            text = "%d" % count
        screen.text(small, text, x + self.pad, low, colours.DIM, face)

    def _face(self, pressed):
        return colours.PRESSED if pressed else colours.PANEL

    def _low(self, rect):
        """Where the lower line begins."""
        return rect[1] + rect[3] - self._font.height - (4 if self.layout.large else 1)

    def _number(self):
        return self._font.width("100 %")

    def bar_width(self, rect):
        """Pixels of a whole bar."""
        return max(rect[2] - 2 * self.pad - self._number() - 4, 0)

    def bar(self, rect, length, percent, best, pressed):
        """A bar `length` pixels long, and its number."""
        screen, font, low = self.screen, self._font, self._low(rect)
        x, width, face = rect[0] + self.pad, self.bar_width(rect), self._face(pressed)
        thick = max(font.height // 2, 5)
        colour = colours.BLUE if best else colours.DIM
        if width > 10:
            bar(screen, (x, low + (font.height - thick) // 2, width, thick), length, colour)
        end = rect[0] + rect[2] - self.pad
        screen.fill((end - self._number(), low, self._number(), font.height), face)
        text = "%d %%" % percent
        screen.text(font, text, end - font.width(text), low, colours.TEXT, face)


def bar(screen, rect, length, colour, track=colours.TRACK):
    """A bar `length` pixels long in its track."""
    x, y, width, height = rect
    screen.fill((x, y, length, height), colour)
    screen.fill((x + length, y, width - length, height), track)


def verdict(screen, rect, text, sure, tail):
    """What a drawing is taken for, in the largest letters in which it fits: text, a sign, and how
    sure it is."""
    x, y, width, height = rect
    for font in (screen.big, screen.main, screen.small, screen.tiny):
        size = font.cap
        gap = size // 2
        room = width - size - 2 * gap - font.width(tail)
        if font.covers(text + tail) and font.width(text) <= room and font.height <= height + 4:
            break
    top = y + (height - font.height) // 2
    if text:
        x = screen.text(font, font.fit(text, room), x, top, colours.TEXT, colours.BACK) + gap
    middle = y + height // 2
    if sure:
        screen.tick(x, middle - size // 2, size, colours.GREEN)
    else:
        badge = screen.small.height if font is screen.big else font.height
        screen.badge("?", x, middle - badge // 2, badge, colours.BACK)
        size = badge
    colour = colours.GREEN if sure else colours.AMBER
    screen.text(font, tail, x + size + gap // 2, top, colour, colours.BACK)


def caption(screen, lines, end, rect, face):
    """Small lines that end at x = end, in the middle of the height of rect; where they begin."""
    _, y, width, height = rect
    font = screen.small
    room = width // 3
    split = []
    for line in lines:
        split += font.split(line, room)
    if len(split) * font.height > height + 4:
        font, split = screen.tiny, []
        for line in lines:
            split += font.split(line, room)
    y += (height - len(split) * font.height) // 2
    begin = end
    for number, line in enumerate(split):
        left = end - font.width(line)
        begin = min(begin, left)
        screen.text(font, line, left, y, colours.TEXT if number else colours.DIM, face)
        y += font.height
    return begin


def lines(screen, texts, rect, face):
    """A paragraph; or where there are two texts, a line of large letters with a smaller one below
    it."""
    x, y, width, height = rect
    if len(texts) == 1:
        screen.paragraph(texts[0], rect, colours.TEXT, face, (screen.small, screen.tiny))
        return
    first, second = texts
    main = screen.main if screen.main.width(first) <= width else screen.small
    small = screen.small if screen.small.width(second) <= width else screen.tiny
    y += (height - main.height - small.height) // 2
    screen.text(main, main.fit(first, width), x, y, colours.TEXT, face)
    screen.text(small, small.fit(second, width), x, y + main.height, colours.DIM, face)


def title(screen, rect, text, note=""):
    """A page's title with a smaller line below it."""
    x, y, width, height = rect
    for font in (screen.main, screen.small, screen.tiny):
        if font.width(text) <= width:
            break
    small = screen.small if screen.small.width(note) <= width else screen.tiny
    tall = font.height + (small.height if note else 0)
    top = y + (height - tall) // 2
    screen.text(font, font.fit(text, width), x, top, colours.TEXT, colours.BACK)
    if note:
        note = small.fit(note, width)
        screen.text(small, note, x, top + font.height, colours.DIM, colours.BACK)
