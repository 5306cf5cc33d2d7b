"""A touch recording as a finger on the panel: through the simulated controller, faults and
all, and its driver, into the application. Prints what it came to as a @result line."""

import asyncio

from boards.headless import MemoryDisplay
from capture import app as application
from capture.recogniser import Recogniser
from capture.touch_recording import Replay
from drivers.touch import LIFT, PRESS
from touch_bus import Bench

from uff import job

FAULTS = ("nack", "ones", "origin", "count", "no id", "ghost", "vanish")


class Panel:
    """A touch object: what fingers do comes from a replay, what is reported from the driver."""

    def __init__(self, replay, every):
        self.bench = Bench()
        self.app = None
        self.noted = []
        self._replay = replay
        self._every = every  # scans from one fault to the next; 0: none
        self._scans = 0
        self._after = 20  # scans after the last touch

    @property
    def ended(self):
        return self._after == 0

    def read(self):
        if self.app.busy or self.ended:
            return ()
        model = self.bench.model
        for finger, event, x, y in self._replay.read():
            if event == PRESS:
                model.press(finger, x, y)
            else:
                model.move(finger, x, y)
                if event == LIFT:
                    model.lift(finger)
        self._after -= self._replay.ended
        self._scans += 1
        if self._every and self._scans % self._every == 0:
            model.inject(FAULTS[self._scans // self._every % len(FAULTS)])
        reports = self.bench.step()
        app = self.app
        for report in reports:
            if report.event == PRESS and app.drawing and app.verdict:
                if app.page.hit(report.x, report.y) == "clear":
                    self.noted.append(app.verdict.label)
        return reports


async def follow(app, panel):
    application.POLL_MS = 0
    task = asyncio.create_task(app.run())
    while not task.done() and (app.busy or not panel.ended):
        await asyncio.sleep_ms(5)
    app.quit()
    await task


asked = job.Job(recording="recording.ufft", every=0)
panel = Panel(Replay(asked.recording, 800, 480), asked.every)
recogniser = Recogniser()
panel.app = application.App(MemoryDisplay(), panel, recogniser)
asyncio.run(follow(panel.app, panel))
touch = panel.bench.touch
job.result(
    names=recogniser.names,
    counts=recogniser.counts(),
    noted=panel.noted,
    faults=touch.nacks + touch.blanks + touch.ghosts,
    leaps=touch.leaps,
    loo_accuracy=recogniser.accuracy,
)
