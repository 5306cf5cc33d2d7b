"""The Screen of a board that reports its texts and controls in words, for those who do not see it.
The virtual board and the one in a browser tab have it; a real board's Screen does without
(capture/screen.py asks the display for one of its own).
"""

import json

from capture.layout import centre
from capture.screen import AMBER, FAINT, Screen


class Transcript(Screen):
    """A Screen that tells(text) what is on it, after each flush in which that changed:

    {"page": class of the page, "texts": what stands outside of controls, "controls":
    [[name, x, y, width, height, text, usable], ...]}, JSON; "page" is "" and there are no
    controls where no application serves the screen.
    """

    def __init__(self, display, tell):
        super().__init__(display)
        self._tell = tell
        self._app = None
        self._texts = []  # (x, y, text, colour) of each line, x and y of its middle
        self._sent = ""

    def attach(self, app):
        """This application serves the screen, or none (None)."""
        self._app = app

    def mark(self, x, y, width, height):
        super().mark(x, y, width, height)
        for one in self._texts:
            if x <= one[0] < x + width and y <= one[1] < y + height:
                break
        else:
            return
        right, bottom = x + width, y + height
        self._texts = [
            one for one in self._texts if not (x <= one[0] < right and y <= one[1] < bottom)
        ]

    def text(self, font, text, x, y, colour, back):
        end = super().text(font, text, x, y, colour, back)
        if text:
            self._texts.append(((x + end) // 2, y + font.height // 2, text, colour))
        return end

    def flush(self):
        super().flush()
        try:
            state = json.dumps(self._all())
        except MemoryError:
            return  # the next change tells it
        if state != self._sent:
            self._tell(state)
            self._sent = state  # not before: Ctrl-C may have kept it from being sent

    def _all(self):
        page = self._app.page if self._app else None
        found = {name: [] for name in page.controls} if page else {}
        head, outside = [], []
        top = self._app.layout.bar if page else 0
        for line in self._texts:  # as drawn: the lines of a paragraph follow each other
            x, y, text, colour = line
            # A warning lies over controls.
            name = page.hit(x, y) if page and colour != AMBER else None
            lines = found[name] if name in found else head if y < top else outside
            lines.append((text, colour))
        controls = []
        for name in sorted(found, key=lambda one: (page.controls[one][1], page.controls[one][0])):
            lines, rect = found[name], page.controls[name]
            if page.hit(*centre(rect)) != name:
                continue  # it does nothing now
            usable = not lines or lines[0][1] != FAINT
            text = " ".join([text for text, _ in lines])
            controls.append([name] + list(rect) + [text, usable])
        return {
            "page": type(page).__name__ if page else "",
            "texts": [text for text, _ in head + outside],
            "controls": controls,
        }
