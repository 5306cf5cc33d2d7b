"""Draw, capture, train, see it learn: the application behind the screen.

    await App(display, touch, recogniser).run()

Two tasks share one loop. One reads the touch controller every 10 ms and handles each report in
its order; the other does what takes long, a slice at a time: thumbnails, predictions, training.
What is captured depends on the reports alone, never on when they come; `busy` says whether what
they set off is still under way, so that a replay can wait for it.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

from . import errors, messages
from . import screen as colours
from .draw_page import DrawPage
from .errors import Refused, sentence
from .layout import Layout, centre
from .learning import Learning
from .pen import Drawing
from .prediction import Prediction
from .screen import screen_of
from .stages import LEARN, SAVE
from .touch_input import TouchInput

POLL_MS = 10
TROUBLES = (ValueError, MemoryError, OSError, OverflowError)
REFUSALS = (ValueError, OverflowError)  # FileChanged too; a tuple made when needed takes memory
LITTLE_MEMORY = errors.LITTLE_MEMORY, True, False
KEPT = "Kept.", False, True
DONE = "It is done, but there was not enough memory to go on.", True, False
UNKNOWN = "Not enough memory: see whether it was kept.", True, False
# Made beforehand: there is no memory for another when it is raised.
UNSURE = Refused("see whether it was kept; there is not enough memory")


class App:
    """The application. display, touch, leds, button: see boards/__init__.py; recogniser: a
    Recogniser, whose notices it says one after the other."""

    def __init__(self, display, touch, recogniser, leds=(), button=None):
        self.screen = screen_of(display)
        self.recogniser = recogniser
        self._touch, self._button = touch, button
        self.layout = self._new_layout()
        self.drawing = Drawing(
            self.screen, self.layout.draw()["field"], self.layout.pen, colours.INK
        )
        self.prediction = Prediction(recogniser, self.drawing)
        self.learning = Learning(recogniser, leds)
        self.input = TouchInput(self, touch)
        self.counts = []
        self.suspect_classes = set()  # classes with drawings that look mislabelled
        self.notice = None  # (sentence, whether it warns, whether the next step follows it)
        self._notices = list(recogniser.notices)
        self._quit = False
        self._pressed_button = True  # one that was held before this listened is none of its own
        self._shown = None, None  # the recogniser's state that the pages show
        self._page_drawn = False  # a page was drawn whole since the last look at the controller
        self._garbage = False  # a page that is no more has left some
        self._half_drawn = False  # a page may be, for lack of memory
        self._may_redraw = True
        # Made once: a bound method takes memory, and what is not guarded ends the application.
        self._steps = self._begin, self._poll, self._slice, self._refresh
        self._read_samples()
        self.page = DrawPage(self)
        self._next_notice()

    # ---- running ----

    async def run(self):
        """Shows the first page and serves it until quit()."""
        begin, poll, _, _ = self._steps
        self.screen.attach(self)
        self._guarded(begin)
        worker = asyncio.create_task(self._work())
        try:
            while not self._quit:
                if worker.done():
                    await worker  # raises what ended it
                begun = ticks_ms()
                self._guarded(poll)
                # What a report took is not waited for once more.
                await asyncio.sleep_ms(max(POLL_MS - ticks_diff(ticks_ms(), begun), 0))
        finally:
            self._quit = False  # for another run; quit() may come before this one has begun
            worker.cancel()
            self.end()

    def _begin(self):
        self.paint(self.page.draw)
        self.screen.flush()
        self._pressed_button = True
        self.input.reset()
        drop = getattr(self._touch, "drop", None)
        if drop:
            drop()  # what was touched before there was something to touch
        if self.learning.automatic:
            self.learning.learn()

    def end(self):
        """Stops learning: nobody serves the screen any more. Also for callers whom Ctrl-C has
        thrown out of asyncio.run(), after which run() itself does not go on."""
        self.screen.attach(None)
        self.learning.stop()

    def quit(self):
        """Ends run()."""
        self._quit = True

    @property
    def busy(self):
        """Whether work is under way that the touches so far have begun and a person waits for;
        not leave-one-out and saving, which go on in the background."""
        return (
            self.learning.is_waited_for
            or self.page.todo is not None
            or (self.prediction.pending and not self.drawing.down)
        )

    @property
    def settled(self):
        """Whether nothing at all is under way."""
        return not self.busy and not self.learning.under_way

    @property
    def verdict(self):
        """The Verdict on the drawing in the field, or None."""
        return self.prediction.verdict

    def where(self, name, number=None):
        """The middle (x, y) of a control on the screen. ValueError where there is none."""
        key = name if number is None else "%s %d" % (name, number)
        if key not in self.page.controls:
            raise ValueError("no %s on the screen, which shows %s" % (key, self.page_name))
        return centre(self.page.controls[key])

    @property
    def page_name(self):
        """The class of the page on the screen, for tests and messages."""
        return type(self.page).__name__

    # ---- touch ----

    def _poll(self):
        self._page_drawn = False
        reports = self._touch.read()
        for report in reports:
            self._guarded(self.input.report, report)
        if self._button:
            held = self._button()
            if held and not self._pressed_button and self.learning.progress is None:
                self.touched()
                self._guarded(self.train_or_stop)
            self._pressed_button = held
            reports = reports or held
        if reports:
            self._refresh()

    def touched(self):
        """A finger or the button came down: the next notice takes the place of this one."""
        self._may_redraw = True
        self._next_notice()

    def leave_stale_page(self):
        """Shows the first page if what the present one shows is no longer there. Returns whether
        it did."""
        version, in_use = self.recogniser.state
        if self._shown[0] != version or self._shown[1] is not in_use:
            self._read_samples()  # an error has kept it from being done
        left = not self.page.fits()
        if left:
            self.home()
        return left

    # ---- what the pages ask for ----

    def go(self, page):
        """Shows another page."""
        self.page = page
        self._page_drawn = self._garbage = True
        self.paint(page.draw)

    def first_page(self):
        """The first page, anew."""
        return DrawPage(self)

    def home(self):
        """Shows the first page."""
        self.go(self.first_page())

    def _next_notice(self):
        self.notice = (self._notices.pop(0), True, False) if self._notices else None

    def say(self, text, warning=False, goes_on=False):
        """A sentence that stays until the next touch; goes_on: what to do next follows it."""
        self.notice = text, warning, goes_on

    def undo(self):
        """Takes back the last stroke; where nothing is drawn, the last change of the drawings."""
        if self.drawing:
            self.drawing.undo()
            self._redraw()
        else:
            self.undo_change()

    def undo_change(self):
        """Takes back the last delete, relabel or removal."""
        self.edit(self.recogniser.undo)
        if not self.warning():
            self.say("Taken back.", False, True)

    def clear(self):
        """Empties the field."""
        self.drawing.clear()
        self._redraw()

    def capture(self, label):
        """Keeps the drawing as one of class `label`."""
        self.edit(self.recogniser.add, self.prediction.image(), label)
        try:
            self.input.ignore_second_tap()
            self.clear()
            if self.warning():
                return
            self.say("Kept as “%s”." % self.recogniser.names[label], False, True)
        except MemoryError:
            self._half_drawn = True
            self.notice = KEPT

    def train_or_stop(self):
        """Begins to train layer 1 on the drawings there are, or stops it."""
        learning = self.learning
        if learning.training:
            learning.stop()
            self.say("Training stopped.", False, True)
            learning.learn()
            return
        why = learning.why_no_training()
        if why:
            raise Refused(why)
        learning.stop()
        learning.train()
        self.input.ignore_second_tap()

    def edit(self, change, *args):
        """Changes the samples by change(*args), a method of the recogniser, then begins to learn.
        Raises what went wrong where nothing was changed; an error after the change is a notice."""
        self.learning.stop()
        samples, trouble = self.recogniser.samples, None
        before = samples.version
        try:
            change(*args)
        except TROUBLES as error:
            trouble = error
        refused = isinstance(trouble, REFUSALS)
        try:
            made = samples.version != before
            self._read_samples()
            if self.learning.automatic:
                self.learning.learn()
        except TROUBLES as error:
            trouble = trouble or error
            made = self._whether_made(samples, before)
        if trouble is not None:
            if refused or not made:
                raise trouble
            try:
                self.say("It is done, but there was trouble: %s" % sentence(trouble, ""), True)
            except MemoryError:
                self._half_drawn = True
                self.notice = DONE

    def _whether_made(self, samples, before):
        gc.collect()
        try:
            return samples.version != before
        except TROUBLES as error:
            try:
                unsure = Refused("see whether it was kept; %s" % sentence(error, ""))
            except MemoryError:
                unsure = UNSURE
            raise unsure

    def free_name(self):
        """The first number that names no class."""
        number = 1
        while str(number) in self.recogniser.names:
            number += 1
        return str(number)

    # ---- what the first page says ----

    def message(self):
        """(the sentence on top, whether it warns), where there is no verdict."""
        return messages.message(self)

    def warning(self):
        """The warning that stands, or ""."""
        return self.notice[0] if self.notice and self.notice[1] else ""

    # ---- the work ----

    async def _work(self):
        _, _, work, refresh = self._steps
        while True:
            worked = self._guarded(work)
            if worked:
                self._guarded(refresh)
            await asyncio.sleep_ms(0 if worked else POLL_MS)

    def _slice(self):
        """One slice of each work in the background: page, prediction, learning. False where there
        is none, and after a page was drawn whole, as touches come first."""
        if self._page_drawn:
            return False
        if self._garbage:
            self._garbage = False
            gc.collect()
            return True
        worked = self.page.step()
        worked = self.prediction.step() or worked
        if self.learning.under_way:
            self._learn_on()
            worked = True
        return worked

    def _learn_on(self):
        learning = self.learning
        before = learning.stage
        begun = learning.step()
        if begun is not None:
            try:
                if before == LEARN:
                    self._read_samples()
                if begun == SAVE:
                    self._say_learnt()
            except BaseException:
                learning.stop()
                raise

    def _say_learnt(self):
        """Leave-one-out is done: what it found is shown, and after a training what it gained."""
        self._read_samples()
        learning = self.learning
        if learning.training and not self.warning():
            count = sum(self.counts)
            before, after = [int(part * count + 0.5) for part in self.recogniser.gain]
            text = "Trained. Self-test: %d of %d, before %d." % (after, count, before)
            self.say(text, False, True)
        learning.training = False
        self.page.learnt()

    def _read_samples(self):
        """Reads what the pages show of the samples: counts, suspect classes, the layout."""
        recogniser = self.recogniser
        state = recogniser.state
        self.counts = recogniser.counts()
        self.suspect_classes = recogniser.suspect_classes()
        if self.layout.classes != len(recogniser.names):
            self.layout = self._new_layout()
        self.prediction.restart()
        self._shown = state

    def _new_layout(self):
        return Layout(self.screen.width, self.screen.height, len(self.recogniser.names))

    def paint(self, draw, *args):
        """draw(*args); where there is no memory for it, the page is drawn anew later."""
        try:
            draw(*args)
        except MemoryError:
            self._half_drawn = True

    def _redraw(self):
        """After a change of the drawing other than by a finger in the field."""
        self.prediction.restart()
        if isinstance(self.page, DrawPage):
            self.paint(self.page.draw_drawing)

    def _refresh(self):
        self.leave_stale_page()
        if self._half_drawn and self._may_redraw:
            self._half_drawn = self._may_redraw = False
            self.page.draw()
        self._guarded(self.page.update)
        self.screen.flush()

    def _guarded(self, work, *args):
        """work(*args); what goes wrong becomes a sentence on the screen."""
        try:
            return work(*args)
        except TROUBLES as error:
            try:
                if isinstance(error, MemoryError):
                    self._half_drawn = True
                    gc.collect()
                self.say(sentence(error), True)
            except MemoryError:
                self.notice = UNKNOWN if error is UNSURE else LITTLE_MEMORY
            return True
