"""What all pages of the application share.

A page draws itself whole once; later only what changed, and then the screen is what it would be
if it were drawn anew. `controls` names what is on the screen now. Long drawing is a generator in
`todo`, which the application works off piece by piece.
"""

from . import screen as colours
from . import widgets
from .layout import inside


class Page:
    """A page. app: the App; places: the rectangles of its layout."""

    def __init__(self, app, places):
        self.app = app
        self.version = app.recogniser.state[0]  # of the samples it shows
        self.screen = app.screen
        self.layout = app.layout
        self.places = places
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
        self._warned = ""
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
        self.draw_progress()

    def draw_progress(self):
        done = self.app.learning.progress
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
        if not notice:
            self.draw()
            return
        self._warned = notice
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

    def learnt(self):
        """Leave-one-out is known: what it found is shown."""

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
            # What it has drawn may lie over a warning.
            if self._warned:
                self._warned = ""
                self._banner()
        return True

    def button(self, name, label, pressed, kind=widgets.PLAIN, font=None):
        """A control with a word."""
        widgets.button(self.screen, self.layout, self.controls[name], label, kind, pressed, font)

    def thumbnail(self, name, sample, pressed):
        """A control that shows a drawing."""
        x, y, width, _ = rect = self.controls[name]
        screen, pad = self.screen, self.layout.gap // 2
        screen.round(rect, self.layout.gap, colours.BLUE if pressed else colours.PAPER)
        screen.picture(
            self.app.recogniser.samples[sample], x + pad, y + pad, self.layout.thumbnail
        )
        if sample in self.app.recogniser.suspects:
            size = screen.small.height
            screen.badge("!", x + width - size - 2, y + 2, size, colours.PAPER)
