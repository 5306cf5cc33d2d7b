"""Strokes under a finger: kept for the recogniser, shown with round caps as they come.

Points are pixels from the field's top left corner. What leaves the field is cut at its edge, so
that what is kept is what is seen. A report draws one circle and one quad and allocates nothing
but the growing stroke.
"""

from array import array

from .raster import DOT

MOST_POINTS = 4000  # of a drawing: a minute of scribbling
FAR = 32767


class Drawing:
    """What was drawn in the field, a rectangle of the screen, with a pen of this radius."""

    def __init__(self, screen, field, radius, ink):
        self._screen = screen
        self._ink = ink
        self._radius = radius
        x, y, width, height = field
        self._x, self._y = x, y
        # The pen's middle stays within these, so that its edge stays in the field.
        self._left = self._top = radius + 1
        self._right, self._bottom = width - radius - 2, height - radius - 2
        self._quad = array("h", [0] * 8)
        self._point = array("h", [0] * 2)
        self._end = array("h", [0] * 4)  # a clipped line: from x, y to x, y
        self.strokes = []  # arrays of int16: x0, y0, x1, y1, ...
        self._gestures = []  # number of strokes before each press
        self._stroke = None  # the one that grows
        self._last_x = self._last_y = 0  # where the finger was, in the field or not
        self._points = 0
        self._box = array("h", (FAR, FAR, -FAR, -FAR))  # of all points
        self.down = False

    def __bool__(self):
        return bool(self.strokes)

    @property
    def full(self):
        """Whether no more points are taken."""
        return self._points >= MOST_POINTS

    @property
    def is_dot(self):
        """Whether there is something, and so small that it is only a dot."""
        box = self._box
        return bool(self.strokes) and max(box[2] - box[0], box[3] - box[1]) < DOT

    def press(self, x, y):
        """A finger comes down at x, y of the screen."""
        self._gestures.append(len(self.strokes))
        self.down = True
        x = min(max(x - self._x, self._left), self._right)
        y = min(max(y - self._y, self._top), self._bottom)
        self._last_x, self._last_y = x, y
        self._begin(x, y)

    def move(self, x, y):
        """It moves to x, y, or is still there. True where the drawing has changed."""
        if not self.down:
            return False
        x -= self._x
        y -= self._y
        from_x, from_y = self._last_x, self._last_y
        if (x == from_x and y == from_y) or self.full:
            return False
        self._last_x, self._last_y = x, y
        end = self._end
        if not self._clip(from_x, from_y, x, y):
            self._stroke = None
            return False
        stroke = self._stroke
        if stroke is None:
            self._begin(end[0], end[1])
            stroke = self._stroke
        if end[0] != end[2] or end[1] != end[3]:
            point = self._point
            point[0], point[1] = end[2], end[3]
            stroke.extend(point)  # both or none of them
            self._points += 1
            self._reach(end[2], end[3])
            self._line(end[0], end[1], end[2], end[3])
        if end[2] != x or end[3] != y:
            self._stroke = None  # it left; where it comes back another stroke begins
        return True

    def lift(self):
        """The finger is gone."""
        self.down = False
        self._stroke = None

    def undo(self):
        """Takes back all since the last press."""
        self.lift()
        if self._gestures:
            del self.strokes[self._gestures.pop() :]
            self._points = 0
            self._forget_box()
            for stroke in self.strokes:
                self._points += len(stroke) // 2
                for i in range(0, len(stroke), 2):
                    self._reach(stroke[i], stroke[i + 1])

    def clear(self):
        """Takes back everything."""
        self.lift()
        self.strokes.clear()  # new lists would take memory
        self._gestures.clear()
        self._points = 0
        self._forget_box()

    def _forget_box(self):
        box = self._box
        box[0] = box[1] = FAR
        box[2] = box[3] = -FAR

    def _reach(self, x, y):
        box = self._box
        box[0], box[1] = min(box[0], x), min(box[1], y)
        box[2], box[3] = max(box[2], x), max(box[3], y)

    def draw(self):
        """Draws all strokes anew, onto a field that was cleared."""
        for stroke in self.strokes:
            for i in range(0, len(stroke), 2):
                if i:
                    self._line(stroke[i - 2], stroke[i - 1], stroke[i], stroke[i + 1])
                else:
                    self._dot(stroke[0], stroke[1])

    def _begin(self, x, y):
        stroke = array("h", (x, y))
        self.strokes.append(stroke)
        self._stroke = stroke
        self._points += 1
        self._reach(x, y)
        self._dot(x, y)

    def _dot(self, x, y):
        r = self._radius
        x += self._x
        y += self._y
        self._screen.buffer.ellipse(x, y, r, r, self._ink, True)
        self._screen.mark(x - r, y - r, 2 * r + 1, 2 * r + 1)

    def _line(self, x0, y0, x1, y1):
        """A line to a round cap, where its start has one already."""
        r, quad, buffer = self._radius, self._quad, self._screen.buffer
        x0 += self._x
        x1 += self._x
        y0 += self._y
        y1 += self._y
        dx, dy = x1 - x0, y1 - y0
        # Half the width across the line, rounded; the root by Newton, a few steps from above.
        square = dx * dx + dy * dy
        length = abs(dx) + abs(dy)
        while length * length > square:
            length = (length + square // length) // 2
        across, along = (
            (2 * dy * r + length) // (2 * length),
            (2 * dx * r + length) // (2 * length),
        )
        quad[0], quad[1] = x0 - across, y0 + along
        quad[2], quad[3] = x1 - across, y1 + along
        quad[4], quad[5] = x1 + across, y1 - along
        quad[6], quad[7] = x0 + across, y0 - along
        buffer.poly(0, 0, quad, self._ink, True)
        buffer.ellipse(x1, y1, r, r, self._ink, True)
        self._screen.mark(
            min(x0, x1) - r - 1, min(y0, y1) - r - 1, abs(dx) + 2 * r + 3, abs(dy) + 2 * r + 3
        )

    def _clip(self, x0, y0, x1, y1):
        """Puts the part within the field into _end; False where there is none."""
        end = self._end
        left, top, right, bottom = self._left, self._top, self._right, self._bottom
        # Cohen and Sutherland: one end and one side a round.
        for _ in range(8):
            if (x0 < left and x1 < left) or (x0 > right and x1 > right):
                return False
            if (y0 < top and y1 < top) or (y0 > bottom and y1 > bottom):
                return False
            if not left <= x0 <= right:
                edge = left if x0 < left else right
                x0, y0 = edge, y0 + (y1 - y0) * (edge - x0) // (x1 - x0)
            elif not top <= y0 <= bottom:
                edge = top if y0 < top else bottom
                x0, y0 = x0 + (x1 - x0) * (edge - y0) // (y1 - y0), edge
            elif not left <= x1 <= right:
                edge = left if x1 < left else right
                x1, y1 = edge, y1 + (y0 - y1) * (edge - x1) // (x0 - x1)
            elif not top <= y1 <= bottom:
                edge = top if y1 < top else bottom
                x1, y1 = x1 + (x0 - x1) * (edge - y1) // (y0 - y1), edge
            else:
                end[0], end[1], end[2], end[3] = x0, y0, x1, y1
                return True
        return False
