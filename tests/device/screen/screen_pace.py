"""How much work the application does at once, in instructions of the emulated Cortex-M7: between
two updates of the screen while it trains, for a report of the touch controller, for a slice of a
prediction.

    pace NAME most instructions
"""

import capture.prediction
from board_m7 import instructions
from boards import here
from boards.headless import MemoryDisplay
from capture.raster import SIDE
from capture.recogniser import Recogniser
from uff_checks import image
from user import User


class Watched(MemoryDisplay):
    """Notes the longest time between two calls of show()."""

    most = last = 0

    def show(self, x, y, w, h):
        now = instructions()
        self.most = max(self.most, now - self.last)
        self.last = now

    def begin(self):
        self.most, self.last = 0, instructions()


class Timed:
    """A function that notes what its longest call took."""

    def __init__(self, work):
        self.work = work
        self.most = 0

    def __call__(self, *args):
        begun = instructions()
        try:
            return self.work(*args)
        finally:
            self.most = max(self.most, instructions() - begun)


async def script(user):
    app, display = user.app, user.display
    display.begin()
    await user.tap("train")
    print("pace training", display.most)
    report, predict = Timed(app.input.report), Timed(app.prediction.step)
    app.input.report, app.prediction.step = report, predict
    await user.draw(1, 5, 8)
    await user.draw(2, 5, 8)
    print("pace report", report.most)
    print("pace prediction", predict.most)
    display.begin()
    await user.tap("class", 0)  # learns by itself
    print("pace learning", display.most)
    print("accuracy", user.recogniser.accuracy)


EACH = 21  # of three classes: with 15 copies each nearly all the room there is
kept = Recogniser("")
for number in range(3 * EACH):
    kept.add(image(number % 3, number // 3, SIDE, SIDE), number % 3)
capture.prediction.PAUSE_MS = 0
user = User("", display=Watched(), arena=here().arena)
user.app.learning.automatic = False  # it would learn at the start, where nobody looks on
user.run(script)
