"""Draw, capture, train, see it learn: the application behind the screen.

    await App(display, touch, recogniser).run()

Two tasks share one loop. One reads the touch controller every 10 ms and handles each report in
its order; the other does what takes long, a slice at a time: thumbnails, predictions, training.
What is captured depends on the reports alone, never on when they come; `busy` says whether what
they set off is still under way, so that a replay can wait for it.
"""

import asyncio
import gc
import sys
from time import ticks_diff, ticks_ms

from drivers.touch import LIFT, PRESS

from . import screen as colours
from .countdown import Countdown
from .layout import Layout, centre
from .pages import ClassPage, DrawPage, SamplePage
from .pen import Drawing
from .raster import SIDE, Raster
from .recogniser import CHECK, LEARN, SAVE, NotSaved, Recogniser
from .screen import Screen

POLL_MS = 10
PREDICT_MS = 200  # at least, between two predictions while the finger is down
ENOUGH = 3  # drawings of a class from which on training is proposed
TROUBLES = (ValueError, MemoryError, OSError, OverflowError)
NO_SPACE = 28  # errno
LITTLE_MEMORY = "Not enough memory for this. What was kept stays; try fewer drawings.", True
KEPT = "Kept.", False
DONE = "It is done, but there was not enough memory to go on.", True
UNKNOWN = "Not enough memory: see whether it was kept.", True
# Made beforehand: there is no memory for another when it is raised.
UNSURE = ValueError("see whether it was kept; there is not enough memory")


class App:
    """The application. display, touch, leds, button: see boards/__init__.py; recogniser: a
    Recogniser, whose notices it says one after the other."""

    def __init__(self, display, touch, recogniser, leds=(), button=None):
        self.screen = Screen(display)
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
        self._notices = list(recogniser.notices)
        self._notice = None
        self._learning = self._countdown = self._seconds = None
        self._stage = None  # of the learning under way
        self._training = False  # whether it trains layer 1 too
        self._unsaved = False  # whether the network in use was not saved yet
        # Whether it learns by itself after a change: not where drawings are gone, as a network of
        # what is left would take the place of one that knew them all.
        self._taught = not (recogniser.harmed and recogniser.network is not None)
        self._predicting = None  # the prediction under way, a generator
        self._due = False  # the drawing, or what knows it, changed since the last prediction
        self._predicted = ticks_ms()
        self._pause = PREDICT_MS
        self._finger = self._held = None
        self._over = self._pressed_button = self._quit = False
        self._read = None, None  # the recogniser's state that the pages show
        self._torn = False  # a page may be half drawn, for lack of memory
        self._may_mend = True
        # Made once: a bound method takes memory, and what is not guarded ends the application.
        self._steps = self._begin, self._poll, self._slice, self._refresh
        self._read_samples()
        self.page = DrawPage(self)
        self._next_notice()
        if recogniser.fresh and not self._notice:
            self.say("There are no drawings yet. " + self._next_step())

    # ---- for those who drive it ----

    async def run(self):
        """Shows the first page and serves it until quit()."""
        begin, poll, _, _ = self._steps
        self._guarded(begin)
        worker = asyncio.create_task(self._work())
        try:
            while not self._quit:
                if worker.done():
                    await worker  # raises what ended it
                self._guarded(poll)
                await asyncio.sleep_ms(POLL_MS)
        finally:
            self._quit = False  # for another run; quit() may come before this one has begun
            worker.cancel()
            self._stop()

    def _begin(self):
        self._paint(self.page.draw)
        self.screen.flush()
        if self._taught:
            self._learn_again()

    def quit(self):
        """Ends run()."""
        self._quit = True

    @property
    def busy(self):
        """Whether anything is under way that the reports so far have set off and a person waits
        for; not leave-one-out and saving, which go on meanwhile."""
        return (
            self._stage == LEARN
            or (self._training and self._stage == CHECK)
            or self.page.todo is not None
            or ((self._predicting is not None or self._can_predict()) and not self.drawing.down)
        )

    @property
    def settled(self):
        """Whether nothing at all is under way."""
        return not self.busy and self._learning is None

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
        reports = self._touch.read()
        for report in reports:
            self._guarded(self._report, report)
        if self._button:
            held = self._button()
            if held and not self._pressed_button and self.progress is None:
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
                self._over = False
                self._release()
            if self._finger is None:
                self._finger = finger
                self._may_mend = True
                self._next_notice()
                if not self._leave():
                    self._press(page.hit(x, y), x, y)
        elif finger == self._finger:  # a second finger changes nothing
            try:
                self._follow(page, x, y)
            finally:
                if event == LIFT:
                    self._release()

    def _follow(self, page, x, y):
        if self._held == "field":
            self._draw_on(x, y)
        elif self._held:
            over = page.hit(x, y) == self._held
            if over != self._over:
                self._over = over
                self._paint(page.control, self._held, over)

    def _press(self, held, x, y):
        self._held, self._over = held, True
        if held == "field":
            first = not self.drawing
            if self.drawing.full:
                self.say("That is enough ink: clear it, or tap its class.", True)
                self._held = None
                return
            self.drawing.press(x, y)
            if first:
                self._paint(self.page.draw_drawing)
            self._due = True
        elif held:
            self._paint(self.page.control, held, True)

    def _draw_on(self, x, y):
        if self.drawing.move(x, y):
            self._due = True
            if self.drawing.full:
                self.say("That is enough ink: clear it, or tap its class.", True)

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
                    self._paint(page.control, held, False)

    # ---- what the pages ask for ----

    def go(self, page):
        """Shows another page."""
        gc.collect()
        self.page = page
        self._paint(page.draw)

    def home(self):
        """Shows the first page."""
        self.go(DrawPage(self))

    def _next_notice(self):
        self._notice = (self._notices.pop(0), True) if self._notices else None

    def say(self, text, warning=False):
        """A sentence that stays until the next touch."""
        self._notice = text, warning

    def undo(self):
        """Takes back the last stroke."""
        self.drawing.undo()
        self._redraw()

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
            self.clear()
            if self.warning():
                return
            step = "It learns it now." if self._learning is not None else self._next_step()
            self.say("Kept as “%s”. %s" % (self.recogniser.names[label], step))
        except MemoryError:
            self._torn = True
            self._notice = KEPT

    def train_or_stop(self):
        """Begins to train layer 1 on the drawings there are, or stops it."""
        if self._training:
            self._stop()
            self.say("Stopped.")
            self._learn_again()
            return
        why = self.recogniser.obstacle()
        if why:
            raise ValueError(why)
        self._stop()
        self._learn(True)

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
        refused = isinstance(trouble, (ValueError, OverflowError))
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
                self._notice = DONE

    def _whether_made(self, samples, before):
        gc.collect()
        try:
            return samples.version != before
        except TROUBLES as error:
            try:
                unsure = ValueError("see whether it was kept; %s" % sentence(error, ""))
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
        """(the sentence of the message line, whether it warns)."""
        if self._notice:
            return self._notice
        if self.progress is not None:
            left, doing = self._seconds, "Training" if self._training else "Learning"
            return doing + ("…" if left is None else ": %d s left" % left), False
        return self._next_step(), False

    def warning(self):
        """The warning that stands, or ""."""
        return self._notice[0] if self._notice and self._notice[1] else ""

    def _next_step(self):
        names, counts = self.recogniser.names, self.counts
        if self.drawing:
            if self.recogniser.network is None:
                return "Now tap the class it belongs to."
            return "Tap its class to teach it, or clear."
        if not min(counts):
            return "Draw “%s” in the field." % names[counts.index(0)]
        why = self.recogniser.obstacle()
        if why:
            return sentence(ValueError(why)) + "."
        if self.doubtful:
            return "Check the “!” in “%s”." % names[min(self.doubtful)]
        few = min(counts)
        if few < ENOUGH:
            return "Draw “%s” again, or try it with a new drawing." % names[counts.index(few)]
        return "Now draw one to try it."

    def hint(self):
        """What the empty field says."""
        if self.recogniser.network is not None and min(self.counts):
            return "Draw here."
        few = min(self.counts)
        return (
            "Draw “%s” here, then tap its class." % self.recogniser.names[self.counts.index(few)]
        )

    def standing(self):
        """What the verdict's place says while nothing is drawn: how good it is."""
        recogniser, all = self.recogniser, sum(self.counts)
        if recogniser.network is None:
            text = "1 drawing" if all == 1 else "%d drawings" % all
            return text + " so far. It has learnt nothing yet."
        if recogniser.stale:
            return "It knows the drawings from before the last change."
        if recogniser.accuracy is None:
            return "It knows your 1 drawing." if all == 1 else "It knows your %d drawings." % all
        known = int(recogniser.accuracy * all + 0.5)
        text = "Of your %d drawings it would know %d had it not seen them."
        return text % (all, known)

    def status(self):
        """Changes whenever the verdict's place has to be drawn anew."""
        verdict = self.verdict
        if verdict is None:
            return self.standing()
        return verdict.label, verdict.sure, verdict.why, verdict.nearest

    # ---- the work ----

    async def _work(self):
        _, _, work, refresh = self._steps
        while True:
            worked = self._guarded(work)
            if worked:
                self._guarded(refresh)
            await asyncio.sleep_ms(0 if worked else POLL_MS)

    def _slice(self):
        """One piece of each thing to be done; False where there is nothing."""
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
        return self._due and bool(self.drawing) and self.recogniser.network is not None

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
        if (self.recogniser.stale or self._unsaved) and self.recogniser.obstacle() is None:
            self._learn()

    def _learn(self, training=False):
        recogniser = self.recogniser
        learning = recogniser.train() if training else recogniser.learn()
        countdown = Countdown(ticks_ms())
        self._countdown, self._seconds, self._training = countdown, None, training
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
                if stage == CHECK and self._training:
                    self._countdown = Countdown(ticks_ms())
                elif stage == SAVE:
                    self._say_learnt()
            waits = stage == LEARN or (stage == CHECK and self._training)
            self.progress = done if waits else None
            self._seconds = self._countdown.left(done, ticks_ms()) if waits else None
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
        if self._training and not self.warning():
            all = sum(self.counts)
            before, after = (int(part * all + 0.5) for part in self.recogniser.gain)
            text = "Trained: it would know %d of %d unseen, before %d. " % (after, all, before)
            self.say(text + self._next_step())
        self._training = False
        if isinstance(self.page, (ClassPage, SamplePage)):
            self._paint(self.page.draw)

    def _stop(self):
        """Ends the training, if there is one."""
        learning, self._learning = self._learning, None
        if learning is not None:
            learning.close()
            self.progress = self._seconds = self._stage = None
            self._training = False
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

    def _paint(self, draw, *args):
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
            self._paint(self.page.draw_drawing)

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
                self._notice = UNKNOWN if error is UNSURE else LITTLE_MEMORY
            return True


def sentence(error, unchanged="; nothing was changed"):
    """What to say of an error that has changed nothing, or with "" of one that may have."""
    text = str(error)
    if isinstance(error, NotSaved):
        why = "the disk is full" if error.errno == NO_SPACE else "error %s" % error.errno
        return "It has learnt, but the network is not saved (%s)." % why
    if isinstance(error, MemoryError):
        return LITTLE_MEMORY[0] if not text or text.startswith("memory allocation") else text
    if isinstance(error, OSError):
        if error.errno == NO_SPACE:
            return "The disk is full%s. Remove files from it." % unchanged
        return "The disk does not do its work (error %s)%s." % (error.errno, unchanged)
    return text[0].upper() + text[1:] if text else "Something went wrong (%r)." % error


def start(board):
    """The application of a board, ready to run. Where it cannot be made, None: the screen and the
    console say why."""
    trouble = None
    for _ in range(2):  # the second time with the memory of the first
        try:
            recogniser = Recogniser(board.folder, board.arena)
            return App(board.display, board.touch, recogniser, board.leds, board.button)
        except TROUBLES as error:
            trouble = error
            gc.collect()
    stopped(board.display, trouble)
    return None


def serve(app):
    """Runs an application until it quits; once more where there was no memory to run it."""
    for last in (False, True):
        try:
            asyncio.run(app.run())
            return
        except MemoryError:
            if last:
                raise
            gc.collect()
            asyncio.new_event_loop()


def stopped(display, error):
    """Says what ended the application, on the console and in the middle of the screen."""
    sys.print_exception(error)
    screen = Screen(display)
    screen.clear()
    text = "The application has stopped: %s Restart the board." % sentence(error, "")
    rect = 0, 0, screen.width, screen.height
    screen.paragraph(text, rect, colours.AMBER, colours.BACK, middle=True)
    screen.flush()
