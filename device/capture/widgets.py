"""What the pages are made of: buttons, class buttons, progress bars, panels."""

from . import screen as colours

PLAIN, PRIMARY, DANGER, OFF = range(4)
_FACES = (
    (colours.PANEL, colours.TEXT),
    (colours.STRONG, colours.TEXT),
    (colours.RED, colours.TEXT),
    (colours.BACK, colours.FAINT),
)


def button(screen, layout, rect, label, kind=PLAIN, pressed=False):
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
    pad = layout.radius // 2
    inner = x + pad, y, width - 2 * pad, height
    font = screen.main if screen.main.width(label) <= inner[2] else screen.small
    screen.centred(font, label, inner, ink, face)


def class_button(screen, layout, rect, name, count, doubtful=False, best=False, pressed=False):
    """A class: its name, how many drawings it has, a mark where some look mislabelled, and room
    for a bar. best: it is what the drawing is taken for."""
    face = colours.PRESSED if pressed else colours.PANEL
    if best or pressed:
        screen.outlined(rect, layout.radius, face, colours.TEXT if pressed else colours.BLUE, 3)
    else:
        screen.round(rect, layout.radius, face)
    x, y, width, _ = rect
    pad, small = layout.radius, screen.small
    tall = bar_rect(layout, rect)[1] - y
    text = "%d" % count
    if width > 15 * small.height // 2:
        text += " drawing" if count == 1 else " drawings"
    end = x + width - pad - small.width(text)
    middle = y + (tall - small.height) // 2 + 2
    below = 0
    if small.width(name) > end - 6 - x - pad and tall > 7 * small.height // 4:
        # A long name in a narrow button takes a line of its own.
        below = tall - 7 * small.height // 4
        end, middle = x + pad, y + tall - small.height + 2
    screen.text(small, text, end, middle, colours.DIM, face)
    if doubtful:
        size = small.height
        end = x + width - pad - size if below else end - size - 6
        screen.badge("!", end, middle, size - below // 2, face)
    room = width - 2 * pad if below else end - 6 - x - pad
    font = screen.main if screen.main.width(name) <= room and not below else small
    top = y + below // 2 if below else y + (tall - font.height) // 2 + 2
    screen.text(font, font.fit(name, room), x + pad, top, colours.TEXT, face)


def bar_rect(layout, rect):
    """Where the bar of a class button lies."""
    x, y, width, height = rect
    pad = layout.radius
    thick = layout.gap * 3 // 2 if layout.large else 6
    return x + pad, y + height - thick - pad * 3 // 4, width - 2 * pad, thick


def bar(screen, rect, length, colour, track=colours.TRACK):
    """A bar `length` pixels long in its track."""
    x, y, width, height = rect
    screen.fill((x, y, length, height), colour)
    screen.fill((x + length, y, width - length, height), track)


def title(screen, rect, text, note=""):
    """A page's title with a smaller line below it."""
    x, y, width, height = rect
    main, small = screen.main, screen.small
    font = main if main.width(text) <= width else small
    tall = font.height + (small.height if note else 0)
    top = y + (height - tall) // 2
    screen.text(font, font.fit(text, width), x, top, colours.TEXT, colours.BACK)
    if note:
        note = small.fit(note, width)
        screen.text(small, note, x, top + font.height, colours.DIM, colours.BACK)
