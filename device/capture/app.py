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

from drivers.touch import LIFT, PRESS

from . import said, words
from . import screen as colours
from .countdown import Countdown
from .draw_page import DrawPage
from .layout import Layout, centre
from .pen import Drawing
from .raster import SIDE, Raster
from .screen import brush_of
from .stages import CHECK, LEARN, SAVE
from .words import Refused, sentence

POLL_MS = 10
PREDICT_MS = 200  # at least, between two predictions while the finger is down
DOUBLE_MS = 300  # a tap that soon at the same place is the second of a double tap
TROUBLES = (ValueError, MemoryError, OSError, OverflowError)
REFUSALS = (ValueError, OverflowError)  # FileChanged too; a tuple made when needed takes memory
LITTLE_MEMORY = words.LITTLE_MEMORY, True, False
KEPT = "Kept.", False, True
DONE = "It is done, but there was not enough memory to go on.", True, False
UNKNOWN = "Not enough memory: see whether it was kept.", True, False
# Made beforehand: there is no memory for another when it is raised.
UNSURE = Refused("see whether it was kept; there is not enough memory")


class App:
    """The application. display, touch, leds, button: see boards/__init__.py; recogniser: a
    Recogniser, whose notices it says one after the other."""

    def __init__(self, display, touch, recogniser, leds=(), button=None):
        self.screen = brush_of(display)
        self.recogniser = recogniser
        self._touch, self._leds, self._button = touch, leds, button
        self._raster, self._image = Raster(), bytearray(SIDE * SIDE)
        self.layout = self._new_layout()
        self.drawing = Drawing(
            self.screen, self.layout.draw()["field"], self.layout.pen, colours.INK
        )
        self.verdict = None
        self.counts = []
        self.doubtful = set()  # classes with drawings that look mislabelled
        self.progress = None  # part of the learning that is done, 0 to 1; None: nobody waits
        self.notice = None  # (sentence, whether it warns, whether the next step is said behind it)
        self.training = False  # whether layer 1 is trained too
        self.seconds_left = None  # of the learning somebody waits for
        self._notices = list(recogniser.notices)
        self._learning = self._countdown = None
        self._stage = None  # of the learning under way
        self._unsaved = False  # whether the network in use was not saved yet
        # Whether it learns by itself after a change: not where drawings are gone, as a network of
        # what is left would take the place of one that knew them all.
        self._taught = not (recogniser.harmed and recogniser.network is not None)
        self._predicting = None  # the prediction under way, a generator
        self._due = False  # the drawing, or what knows it, changed since the last prediction
        self._predicted = ticks_ms()
        self._pause = PREDICT_MS
        self._finger = self._held = None
        self._over = self._quit = False
        self._pressed_button = True  # one that was held before this listened is none of its own
        self._now = getattr(
            touch, "now", ticks_ms
        )  # of the reports: those of a replay have theirs
        self._x = self._y = 0  # where the last report was
        self._once = None  # the place and time of a tap that a second one would undo
        self._read = None, None  # the recogniser's state that the pages show
        self._drawn = False  # a page was drawn whole since the last look at the touch controller
        self._littered = False  # a page that is no more has left garbage
        self._torn = False  # a page may be half drawn, for lack of memory
        self._may_mend = True
        # Made once: a bound method takes memory, and what is not guarded ends the application.
        self._steps = self._begin, self._poll, self._slice, self._refresh
        self._read_samples()
        self.page = DrawPage(self)
        self._next_notice()

    # ---- for those who drive it ----

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
        self._finger = self._held = None
        drop = getattr(self._touch, "drop", None)
        if drop:
            drop()  # what was touched before there was something to touch
        if self._taught:
            self._learn_again()

    def end(self):
        """Nobody serves the screen any more: a training stops. For those as well whom Ctrl-C has
        thrown out of run()'s loop, where run() itself learns nothing of it."""
        self.screen.attach(None)
        self._stop()

    def quit(self):
        """Ends run()."""
        self._quit = True

    @property
    def busy(self):
        """Whether anything is under way that the reports so far have set off and a person waits
        for; not leave-one-out and saving, which go on meanwhile."""
        return (
            self._stage == LEARN
            or (self.training and self._stage == CHECK)
            or self.page.todo is not None
            or ((self._predicting is not None or self._can_predict()) and not self.drawing.down)
        )

    @property
    def settled(self):
        """Whether nothing at all is under way."""
        return not self.busy and self._learning is None

    @property
    def is_learning(self):
        """Whether it learns: until leave-one-out is known, too."""
        return self._learning is not None and self._stage != SAVE

    @property
    def held(self):
        """The control under the finger that pressed it, or None."""
        return self._held if self._over else None

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
        self._drawn = False
        reports = self._touch.read()
        for report in reports:
            self._guarded(self._report, report)
        if self._button:
            held = self._button()
            if held and not self._pressed_button and self.progress is None:
                self._may_mend = True
                self._next_notice()
                self._guarded(self.train_or_stop)
            self._pressed_button = held
            reports = reports or held
        if reports:
            self._refresh()

    def _report(self, report):
        finger, event, x, y = report
        page = self.page
        if event == PRESS:
            if self._finger == finger:  # an error has cost its lift
                self._slide_off(page)
                self._release()
            if self._finger is None:
                self._finger = finger
                self._x, self._y = x, y
                if self._is_second_tap(x, y):
                    return
                self._may_mend = True
                self._next_notice()
                if not self._leave():
                    self._press(page.hit(x, y), x, y)
        elif finger == self._finger:  # a second finger changes nothing
            self._x, self._y = x, y
            try:
                self._follow(page, x, y)
            finally:
                if event == LIFT:
                    self._release()

    def once(self):
        """The tap that is handled now has done something after which another control lies there:
        the second tap of a double tap does nothing."""
        self._once = self._x, self._y, self._now()

    def _is_second_tap(self, x, y):
        once, self._once = self._once, None
        if once is None:
            return False
        near = self.layout.touch // 2
        return (
            abs(x - once[0]) < near
            and abs(y - once[1]) < near
            and 0 <= ticks_diff(self._now(), once[2]) < DOUBLE_MS
        )

    def _follow(self, page, x, y):
        if self._held == "field":
            self._draw_on(x, y)
        elif self._held:
            over = page.hit(x, y) == self._held
            if over != self._over:
                self._over = over
                self.paint(page.control, self._held, over)

    def _slide_off(self, page):
        """The finger is no longer over what it pressed."""
        if self._over and self._held != "field" and self._held in page.controls:
            self.paint(page.control, self._held, False)
        self._over = False

    def _press(self, held, x, y):
        self._held, self._over = held, True
        if held == "field":
            first = not self.drawing
            if self.drawing.full:
                self.say("That is enough ink: tap its class, or Clear.", True)
                self._held = None
                return
            self.drawing.press(x, y)
            if first:
                self.paint(self.page.draw_drawing)
            self._due = True
        elif held:
            self.paint(self.page.control, held, True)

    def _draw_on(self, x, y):
        if self.drawing.move(x, y):
            self._due = True
            if self.drawing.full:
                self.say("That is enough ink: tap its class, or Clear.", True)

    def _release(self):
        held, over = self._held, self._over
        self._finger = self._held = None
        if held == "field":
            self.drawing.lift()
        elif held and over:
            page = self.page
            try:
                name, _, number = held.partition(" ")
                page.tap(name, int(number) if number else None)
            finally:
                if page is self.page and held in page.controls:
                    self.paint(page.control, held, False)

    # ---- what the pages ask for ----

    def go(self, page):
        """Shows another page."""
        self.page = page
        self._drawn = self._littered = True
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
        """A sentence that stays until the next touch; goes_on: what to do next is said behind
        it."""
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
        self._predict_anew()  # it shares raster and image
        self._raster.draw(self.drawing.strokes, self._image)
        self.edit(self.recogniser.add, self._image, label)
        try:
            self.once()
            self.clear()
            if self.warning():
                return
            self.say("Kept as “%s”." % self.recogniser.names[label], False, True)
        except MemoryError:
            self._torn = True
            self.notice = KEPT

    def why_no_training(self):
        """None, or why Train is off."""
        recogniser = self.recogniser
        if recogniser.trained and not recogniser.stale:
            return "nothing has changed since it was trained"
        return recogniser.obstacle()

    def train_or_stop(self):
        """Begins to train layer 1 on the drawings there are, or stops it."""
        if self.training:
            self._stop()
            self.say("Training stopped.", False, True)
            self._learn_again()
            return
        why = self.why_no_training()
        if why:
            raise Refused(why)
        self._stop()
        self._learn(True)
        self.once()

    def edit(self, change, *args):
        """Changes the samples by one of the recogniser's methods; then learns anew if anything
        was learnt before. Returns where the change was made, be it with trouble."""
        self._stop()
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
            if self._taught:
                self._learn_again()
        except TROUBLES as error:
            trouble = trouble or error
            made = self._whether_made(samples, before)
        if trouble is not None:
            if refused or not made:
                raise trouble
            try:
                self.say("It is done, but there was trouble: %s" % sentence(trouble, ""), True)
            except MemoryError:
                self._torn = True
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
        return said.message(self)

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
        """One piece of each thing to be done; False where there is nothing, or where fingers come
        first."""
        if self._drawn:
            return False
        if self._littered:
            self._littered = False
            gc.collect()
            return True
        worked = self.page.step()
        if self._predicting is not None:
            self._predict()
            worked = True
        elif self._can_predict():
            waited = ticks_diff(ticks_ms(), self._predicted)
            if not self.drawing.down or waited >= self._pause:
                self._due = False
                self._predicting = self._prediction()
                worked = True
        if self._learning is not None:
            self._learn_on()
            worked = True
        return worked

    def _can_predict(self):
        if not self._due or self.recogniser.network is None:
            return False
        return bool(self.drawing) and not self.drawing.is_dot

    def _predict(self):
        """One slice of the prediction under way: reports come in between."""
        predicting = self._predicting
        try:
            next(predicting)
        except StopIteration:
            self._predicting = None
        except BaseException:
            self._predicting = self.verdict = None
            raise

    def _prediction(self):
        begun = ticks_ms()
        verdict = None
        try:
            yield from self._raster.steps(self.drawing.strokes, self._image)
        except ValueError:
            pass  # a dot is nothing yet
        else:
            yield
            verdict = self.recogniser.predict(self._image)
        self.verdict = verdict
        self._predicted = ticks_ms()
        # A slow board looks less often: strokes come first.
        self._pause = max(PREDICT_MS, 2 * ticks_diff(self._predicted, begun))

    def _predict_anew(self):
        """What was drawn, or what knows it, changed other than by a finger in the field."""
        self._predicting = None
        self._due = True

    def _learn_again(self):
        recogniser = self.recogniser
        to_do = recogniser.stale or recogniser.unsaved or self._unsaved
        if to_do and recogniser.obstacle() is None:
            self._learn()

    def _learn(self, training=False):
        recogniser = self.recogniser
        learning = recogniser.train() if training else recogniser.learn()
        countdown = Countdown(ticks_ms())
        self._countdown, self.seconds_left, self.training = countdown, None, training
        self._stage, self.progress = LEARN, 0.0
        self._learning = learning
        self._light(True)

    def _learn_on(self):
        try:
            stage, done = next(self._learning)
            if stage != self._stage:
                if self._stage == LEARN:
                    # The network is there and of use.
                    self._unsaved = True
                    self._read_samples()
                self._stage = stage
                if stage == CHECK and self.training:
                    self._countdown = Countdown(ticks_ms())
                elif stage == SAVE:
                    self._say_learnt()
            waits = stage == LEARN or (stage == CHECK and self.training)
            self.progress = done if waits else None
            self.seconds_left = self._countdown.left(done, ticks_ms()) if waits else None
        except StopIteration:
            self._stop()
            self._unsaved = False
            self._taught = True
        except BaseException:
            self._stop()
            raise

    def _say_learnt(self):
        """Leave-one-out is done: what it found is shown, and after a training what it gained."""
        self._read_samples()
        if self.training and not self.warning():
            all = sum(self.counts)
            before, after = [int(part * all + 0.5) for part in self.recogniser.gain]
            text = "Trained. Self-test: %d of %d, before %d." % (after, all, before)
            self.say(text, False, True)
        self.training = False
        self.page.learnt()

    def _stop(self):
        """Ends the training, if there is one."""
        learning, self._learning = self._learning, None
        if learning is not None:
            learning.close()
            self.progress = self.seconds_left = self._stage = None
            self.training = False
            self._light(False)

    def _light(self, on):
        for led in self._leds[:1]:
            (led.on if on else led.off)()

    def _read_samples(self):
        """What the pages show of the samples."""
        recogniser = self.recogniser
        state = recogniser.state
        self.counts = recogniser.counts()
        self.doubtful = recogniser.classes_in_doubt()
        if self.layout.classes != len(recogniser.names):
            self.layout = self._new_layout()
        if recogniser.network is None:
            self.verdict = None
        self._predict_anew()
        self._read = state

    def _new_layout(self):
        return Layout(self.screen.width, self.screen.height, len(self.recogniser.names))

    def paint(self, draw, *args):
        """draw(*args); where there is no memory for it, the page is drawn anew later."""
        try:
            draw(*args)
        except MemoryError:
            self._torn = True

    def _redraw(self):
        """After a change of the drawing other than by a finger in the field."""
        self._predict_anew()
        if not self.drawing:
            self.verdict = None
        if isinstance(self.page, DrawPage):
            self.paint(self.page.draw_drawing)

    def _leave(self):
        """Shows the first page, where the one on the screen shows what is no more; whether it
        did."""
        version, known = self.recogniser.state
        if self._read[0] != version or self._read[1] is not known:
            self._read_samples()  # an error has kept it from being done
        left = not self.page.fits()
        if left:
            self.home()
        return left

    def _refresh(self):
        self._leave()
        if self._torn and self._may_mend:
            self._torn = self._may_mend = False
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
                    self._torn = True
                    gc.collect()
                self.say(sentence(error), True)
            except MemoryError:
                self.notice = UNKNOWN if error is UNSURE else LITTLE_MEMORY
            return True
