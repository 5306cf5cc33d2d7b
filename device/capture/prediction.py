"""The prediction for the drawing in the field: anew after each change of it, a slice at a time."""

from time import ticks_diff, ticks_ms

from .raster import SIDE, Raster

PAUSE_MS = 200  # at least, between two predictions while the finger is down


class Prediction:
    """verdict: on the drawing as it was a moment ago, or None."""

    def __init__(self, recogniser, drawing):
        self.verdict = None
        self._recogniser, self._drawing = recogniser, drawing
        self._raster, self._image = Raster(), bytearray(SIDE * SIDE)
        self._steps = None  # the prediction under way, a generator
        self._due = False  # the drawing, or what knows it, changed since the last prediction
        self._ended = ticks_ms()
        self._pause = PAUSE_MS

    def request(self):
        """A finger has changed the drawing."""
        self._due = True

    def restart(self):
        """What was drawn, or what knows it, changed other than by a finger in the field."""
        self._steps = None
        self._due = True
        if not self._drawing or self._recogniser.network is None:
            self.verdict = None

    @property
    def pending(self):
        """Whether one is under way or wanted."""
        return self._steps is not None or self._can_begin()

    def _can_begin(self):
        if not self._due or self._recogniser.network is None:
            return False
        return bool(self._drawing) and not self._drawing.is_dot

    def step(self):
        """One slice: reports come in between. False where there is nothing to do."""
        if self._steps is None:
            if not self._can_begin():
                return False
            if self._drawing.down and ticks_diff(ticks_ms(), self._ended) < self._pause:
                return False
            self._due = False
            self._steps = self._predict()
            return True
        steps = self._steps
        try:
            next(steps)
        except StopIteration:
            self._steps = None
        except BaseException:
            self._steps = self.verdict = None
            raise
        return True

    def _predict(self):
        begun = ticks_ms()
        verdict = None
        try:
            yield from self._raster.steps(self._drawing.strokes, self._image)
        except ValueError:
            pass  # a dot is nothing yet
        else:
            yield
            verdict = self._recogniser.predict(self._image)
        self.verdict = verdict
        self._ended = ticks_ms()
        # A slow board looks less often: strokes come first.
        self._pause = max(PAUSE_MS, 2 * ticks_diff(self._ended, begun))

    def image(self):
        """The drawing as the recogniser takes it (uint8, 784), until the next prediction."""
        self.restart()  # it shares raster and image
        self._raster.draw(self._drawing.strokes, self._image)
        return self._image
