"""How long the application does not look at its touch controller while somebody touches by chance,
in instructions of the emulated Cortex-M7.

    pace PAGE most instructions between two looks, while this page was on the screen
"""

import capture.app
from board_m7 import instructions
from boards import here
from boards.headless import MemoryDisplay
from monkey import Monkey, session
from uff_checks import Random

from uff import Dataset

TOUCHES = 300
SEED = 3


class TimedMonkey(Monkey):
    """Notes for each page the longest time between two looks."""

    def __init__(self, *args):
        super().__init__(*args)
        self.most = {}
        self.last = None
        self.shown = self.left

    def read(self):
        now = instructions()
        if self.last is not None:
            page = self.app.page_name
            self.most[page] = max(self.most.get(page, 0), now - self.last)
        try:
            return super().read()
        finally:
            # What is drawn anew to be compared is no work of the application, nor is a new start.
            self.last = None if self.stopped else instructions()
            if self.left <= self.shown - 20:
                self.shown = self.left
                print("left", self.left)  # it goes on


def check(ledger):
    file = Dataset.open("drawings.uffs")
    rows = [(bytes(file[i]), file.labels[i]) for i in range(len(file))]
    assert (rows, list(file.names)) == ledger.settle()


def arena():
    here().arena.clear()
    return here().arena


capture.app.POLL_MS = 0
monkey = TimedMonkey(Random(SEED), TOUCHES)
found = session("", MemoryDisplay(), monkey, check, arena)
for page, most in monkey.most.items():
    print("pace", page, most)
print("drawings", len(found.samples))
