"""Learning while a person draws: the recogniser's generators, a slice at a time."""

from time import ticks_ms

from .countdown import Countdown
from .stages import CHECK, LEARN, SAVE


class Learning:
    """progress: part of it that is done, 0 to 1, None where nobody waits for it; seconds_left:
    likewise, None where that is not known; training: whether layer 1 is trained too; stage: of
    what is under way, or None; automatic: whether it learns by itself after a change.

    leds: the first is on while it learns.
    """

    def __init__(self, recogniser, leds):
        self._recogniser, self._leds = recogniser, leds
        self.progress = self.seconds_left = self.stage = None
        self.training = False
        # Not where drawings are gone, as a network of what is left would take the place of one
        # that knew them all.
        self.automatic = not (recogniser.harmed and recogniser.network is not None)
        self._steps = self._countdown = None
        self._unsaved = False  # whether the network in use was not saved yet

    @property
    def under_way(self):
        """Whether it learns, checks or saves."""
        return self._steps is not None

    @property
    def is_waited_for(self):
        """Whether a person waits: not for leave-one-out and saving, but after Train."""
        return self.stage == LEARN or (self.training and self.stage == CHECK)

    @property
    def is_learning(self):
        """Whether it learns: until leave-one-out is known, too."""
        return self._steps is not None and self.stage != SAVE

    def why_no_training(self):
        """None, or why Train is off."""
        recogniser = self._recogniser
        if recogniser.trained and not recogniser.stale:
            return "nothing has changed since it was trained"
        return recogniser.obstacle()

    def learn(self):
        """Begins to learn what has changed, if anything has and nothing stands in the way."""
        recogniser = self._recogniser
        to_do = recogniser.stale or recogniser.unsaved or self._unsaved
        if to_do and recogniser.obstacle() is None:
            self._begin(recogniser.learn(), False)

    def train(self):
        """Begins to train layer 1, then to learn."""
        self._begin(self._recogniser.train(), True)

    def _begin(self, steps, training):
        countdown = Countdown(ticks_ms())
        self._countdown, self.seconds_left, self.training = countdown, None, training
        self.stage, self.progress = LEARN, 0.0
        self._steps = steps
        self._light(True)

    def step(self):
        """One slice; what it raises ends the learning. Returns the stage that it has begun, or
        None."""
        try:
            stage, done = next(self._steps)
        except StopIteration:
            self.stop()
            self._unsaved = False
            self.automatic = True
            return None
        except BaseException:
            self.stop()
            raise
        begun = None
        if stage != self.stage:
            if self.stage == LEARN:
                self._unsaved = True  # the network is there and of use
            self.stage = begun = stage
            if stage == CHECK and self.training:
                self._countdown = Countdown(ticks_ms())
        waits = self.is_waited_for
        self.progress = done if waits else None
        self.seconds_left = self._countdown.left(done, ticks_ms()) if waits else None
        return begun

    def stop(self):
        """Ends it, if it is under way."""
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()
            self.progress = self.seconds_left = self.stage = None
            self.training = False
            self._light(False)

    def _light(self, on):
        for led in self._leds[:1]:
            (led.on if on else led.off)()
