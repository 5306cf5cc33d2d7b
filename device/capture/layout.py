"""Where everything lies on the screen: pure arithmetic, for any landscape screen from 480x272 on.

A rectangle is a tuple (x, y, width, height) in pixels. Controls have names, such as "train" or,
numbered, "class 3".
"""

KEYS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
SIGNS = ("äöüßàâçéèê", "ëîïôùûñåøæ", "-_+*/=()!", "?.,:#&%")
MOST_CLASSES = 16


class Layout:
    """Rectangles on a screen of width x height for so many classes.

    Each page is a dict from name to rectangle: draw, class_page, sample, choose, keyboard, check.
    ValueError where the screen is too small.
    """

    def __init__(self, width, height, classes):
        if width < 480 or height < 272:
            raise ValueError(
                "screen: want at least 480 x 272 pixels, got %d x %d" % (width, height)
            )
        self.width, self.height, self.classes = width, height, classes
        self.large = height >= 400
        self.gap = gap = 8 if self.large else 5
        self.touch = touch = 64 if self.large else 40  # least side of what a finger hits
        self.radius = 12 if self.large else 7  # of corners
        self.pen = 10 if self.large else 6  # radius of a stroke
        self.head = 56 if self.large else 34  # height of the message line
        self.inner = (gap, gap, width - 2 * gap, height - 2 * gap)
        self.thumbnail = 3 if self.large else 2  # screen pixels of an image's pixel
        self.bar = touch

    # ---- pages ----

    def draw(self):
        """The page one draws on."""
        gap, touch, width, height = self.gap, self.touch, self.width, self.height
        top = gap + self.head + gap
        side = height - top - gap - touch - gap
        page = {
            "message": (gap, gap, width - 2 * gap, self.head),
            "field": (gap, top, side, side),
        }
        y = top + side + gap
        third = (side - 2 * gap) // 3
        page["undo"] = (gap, y, third, touch)
        page["clear"] = (gap + third + gap, y, third, touch)
        x = gap + 2 * (third + gap)
        page["train"] = (x, y, gap + side - x, touch)
        left = gap + side + gap
        panel = 80 if self.large else 48
        wide = width - left - gap
        if self.classes == MOST_CLASSES:
            # The grid is full; the button that is off says so.
            page["add_class"] = (left + wide - touch, top, touch, panel)
            wide -= touch + gap
        page["verdict"] = (left, top, wide, panel)
        y = top + panel + gap
        area = (left, y, width - left - gap, height - gap - y)
        cells = self.classes + (self.classes < MOST_CLASSES)
        for i, rect in enumerate(self._grid(area, cells)):
            page["class %d" % i if i < self.classes else "add_class"] = rect
        return page

    def _grid(self, area, cells):
        """Rectangles for so many cells, at most four rows of them."""
        x, y, width, height = area
        columns = (cells + 3) // 4
        rows = max(4 if columns == 1 else 3, (cells + columns - 1) // columns)
        gap = self.gap
        cell_w, cell_h = (width + gap) // columns - gap, (height + gap) // rows - gap
        rects = []
        for i in range(cells):
            row, column = i // columns, i % columns
            rects.append((x + column * (cell_w + gap), y + row * (cell_h + gap), cell_w, cell_h))
        return rects

    def _head(self, *names):
        """A page's first line: back, title, and buttons at the right."""
        gap, width = self.gap, self.width
        wide = width * 19 // 100
        page = {"back": (gap, gap, wide, self.bar)}
        x = width
        for name in reversed(names):
            x -= gap + wide
            page[name] = (x, gap, wide, self.bar)
        page["title"] = (2 * gap + wide, gap, x - 3 * gap - wide, self.bar)
        return page

    def class_page(self):
        """The page of one class: its drawings as thumbnails, "thumbnail 0" and so on."""
        gap = self.gap
        page = self._head("rename", "remove")
        side = 28 * self.thumbnail + 2 * (gap // 2)
        top = gap + self.bar + gap
        step = side + gap
        turn = self.touch + gap
        columns = (self.width - gap - turn) // step
        rows = (self.height - top) // step
        # What is left over goes between the thumbnails.
        spare_x = (self.width - gap - turn - gap - columns * side) // max(columns - 1, 1)
        spare_y = (self.height - top - gap - rows * side) // max(rows - 1, 1)
        for i in range(rows * columns):
            x, y = gap + i % columns * (side + spare_x), top + i // columns * (side + spare_y)
            page["thumbnail %d" % i] = (x, y, side, side)
        x = self.width - gap - self.touch
        middle = (self.height - gap - top - gap) // 2
        page["previous"] = (x, top, self.touch, middle)
        # Undo has the place below, and a finger that aims at the middle of what was there before
        # it came still turns the page.
        page["next"] = (x, top + middle + gap, self.touch, middle - self.touch - gap)
        page["undo"] = (x, self.height - gap - self.touch, self.touch, self.touch)
        return page

    def sample(self):
        """The page of one drawing."""
        gap = self.gap
        page = self._head()
        top = gap + self.bar + gap
        side = self.height - top - gap
        page["picture"] = (gap, top, side, side)
        x = gap + side + 2 * gap
        wide = self.width - x - gap
        tall = self.touch * 5 // 4
        page["delete"] = (x, self.height - gap - tall, wide, tall)
        page["relabel"] = (x, self.height - 2 * (gap + tall), wide, tall)
        page["make"] = (x, self.height - 3 * (gap + tall), wide, tall)
        page["note"] = (x, top, wide, self.height - 3 * (gap + tall) - gap - top)
        return page

    def choose(self):
        """The page where one says which class a drawing belongs to."""
        gap = self.gap
        page = self._head()
        top = gap + self.bar + gap
        area = (gap, top, self.width - 2 * gap, self.height - gap - top)
        for i, rect in enumerate(self._grid(area, self.classes)):
            page["class %d" % i] = rect
        return page

    def keyboard(self, rows=KEYS):
        """The page where one types a name. rows: four strings of keys; "key 97" is a."""
        gap = self.gap
        page = self._head("done")
        page["entry"] = page.pop("title")
        top = gap + self.bar + gap
        wide = (self.width - gap) // 10 - gap
        tall = (self.height - top) // 5 - gap
        for number, row in enumerate(rows):
            y = top + number * (tall + gap)
            x = (self.width - len(row) * (wide + gap) + gap) // 2
            for i, key in enumerate(row):
                page["key %d" % ord(key)] = (x + i * (wide + gap), y, wide, tall)
        y = top + 3 * (tall + gap)
        side = (self.width - 7 * (wide + gap) + gap) // 2 - 2 * gap
        page["shift"] = (gap, y, side, tall)
        page["backspace"] = (self.width - gap - side, y, side, tall)
        y += tall + gap
        two = 2 * wide + gap
        page["signs"] = (gap, y, two, tall)
        page["key 32"] = (2 * gap + two, y, self.width - two - 3 * gap, tall)
        return page

    def check(self):
        """The page of the self-test: the drawings that are taken for another class ("thumbnail
        0" and so on, each with room for a line below it), and the table beside them."""
        gap = self.gap
        page = self._head("undo", "more")
        side = 28 * self.thumbnail + 2 * (gap // 2)
        line = 17 if self.large else 12
        top = gap + self.bar + gap
        table = self.width * 61 // 100
        x = self.width - gap - table
        page["table"] = (x, top, table, self.height - gap - top)
        columns = (x - gap) // (side + gap)
        rows = (self.height - top) // (side + line + gap)
        for i in range(rows * columns):
            left = gap + i % columns * (side + gap)
            page["thumbnail %d" % i] = left, top + i // columns * (side + line + gap), side, side
        return page


def inside(rect, x, y, margin=0):
    """Whether a point lies in a rectangle, or so near it."""
    left, top, width, height = rect
    return left - margin <= x < left + width + margin and top - margin <= y < top + height + margin


def centre(rect):
    """The middle of a rectangle."""
    return rect[0] + rect[2] // 2, rect[1] + rect[3] // 2
