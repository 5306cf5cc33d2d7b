"""A person at the screen: runs the application with fingers that follow a script, and looks at its
pixels."""

import asyncio
from array import array

import capture.app
from boards.headless import MemoryDisplay
from capture.app import App
from capture.font import Font
from capture.recogniser import Recogniser
from drivers.touch import CONTACT, LIFT, PRESS, Touch

capture.app.POLL_MS = 1  # nobody waits for these fingers

# Drawings on a square of 100 x 100, by class "1", "2", "3", "4".
SHAPES = (
    ((50, 0, 50, 100),),
    ((0, 0, 100, 0, 100, 100, 0, 100, 0, 0),),
    ((0, 0, 100, 100), (100, 0, 0, 100)),
    ((0, 100, 50, 0, 100, 100),),
)


plain_draw = Font.draw


def draw_covered(self, buffer, text, x, y, palette):
    """Font.draw() for all that the application says: no letter may be a box."""
    assert self.covers(text), text
    plain_draw(self, buffer, text, x, y, palette)


Font.draw = draw_covered


class Fingers:
    """A touch object: read() gives one queued group of reports at a time."""

    def __init__(self):
        self.queue = []
        self.time = 0
        self.pause = 1000  # milliseconds before a press

    def read(self):
        reports = self.queue.pop(0) if self.queue else ()
        if reports:
            self.time += self.pause if reports[0].event == PRESS else 10
        return reports

    def now(self):
        return self.time


class User:
    """Someone who taps and draws on an App. size: of the screen."""

    def __init__(self, folder, size=(800, 480), display=None, arena=None):
        self.display = display or MemoryDisplay(*size)
        self.fingers = Fingers()
        self.recogniser = Recogniser(folder and folder + "/", arena)
        self.app = App(self.display, self.fingers, self.recogniser)

    def run(self, script):
        """Runs the application while script(self), a coroutine, lasts."""

        async def both():
            app = asyncio.create_task(self.app.run())
            try:
                await self.settle()
                await script(self)
            finally:
                self.app.quit()
                await app

        asyncio.run(both())

    async def settle(self):
        """Until all reports are read and what they set off is done."""
        await asyncio.sleep_ms(3)
        while self.fingers.queue or self.app.busy:
            await asyncio.sleep_ms(1)
        await asyncio.sleep_ms(3)

    async def settle_all(self):
        """Until leave-one-out and saving are done, too."""
        await self.settle()
        while not self.app.settled:
            await asyncio.sleep_ms(1)
        await asyncio.sleep_ms(3)

    async def settled_but_for_training(self):
        """Until all reports are read."""
        while self.fingers.queue:
            await asyncio.sleep_ms(1)
        await asyncio.sleep_ms(3)

    def press(self, x, y, finger=0):
        self.fingers.queue.append((Touch(finger, PRESS, x, y),))

    def move(self, x, y, finger=0):
        self.fingers.queue.append((Touch(finger, CONTACT, x, y),))

    def lift(self, x, y, finger=0):
        self.fingers.queue.append((Touch(finger, LIFT, x, y),))

    async def tap(self, name, number=None):
        """Taps a control that is on the screen."""
        x, y = self.app.where(name, number)
        self.press(x, y)
        self.lift(x, y)
        await self.settle()

    async def type(self, text):
        """Types on the keyboard's page."""
        for letter in text:
            await self.tap("key", ord(letter))

    def stroke(self, points, step=12):
        """Queues a stroke through points x0, y0, x1, y1, ... of the screen."""
        x, y = points[0], points[1]
        self.press(x, y)
        for i in range(2, len(points), 2):
            to_x, to_y = points[i], points[i + 1]
            count = max(abs(to_x - x), abs(to_y - y)) // step + 1
            for at in range(1, count + 1):
                self.move(x + (to_x - x) * at // count, y + (to_y - y) * at // count)
            x, y = to_x, to_y
        self.lift(x, y)

    async def draw(self, kind, shift=0, step=12):
        """Draws a shape in the field, a little different for each shift."""
        left, top, width, height = self.app.layout.draw()["field"]
        for points in SHAPES[kind]:
            moved = array("h")
            for i in range(0, len(points), 2):
                wobble = (shift * 7 + i * 5) % 23
                moved.append(left + width // 5 + (points[i] + wobble) * width // 200)
                moved.append(top + height // 5 + (points[i + 1] + wobble // 2) * height // 200)
            self.stroke(moved, step)
        await self.settle()

    async def teach(self, kind, label, count=1, first=0):
        """Draws some of a kind and taps their class."""
        for shift in range(first, first + count):
            await self.draw(kind, shift)
            await self.tap("class", label)
