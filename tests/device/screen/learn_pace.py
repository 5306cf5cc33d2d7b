"""What learning one drawing costs the application, in instructions of the emulated Cortex-M7.

pace NAME instructions
most NAME instructions    of its longest slice
"""

import gc

from board_m7 import instructions
from boards import here
from capture import rules
from capture.raster import SIDE
from capture.recogniser import Recogniser
from uff_checks import image

DRAWINGS, CLASSES = 50, 10  # with the one that is learnt last


def drawing(number):
    return image(number % CLASSES, number // CLASSES, SIDE, SIDE)


def learn(recogniser):
    """Instructions of each stage of learn(), all and of the longest slice."""
    whole, most = {}, {}
    gc.collect()
    before = instructions()
    for stage, _ in recogniser.learn():
        now = instructions()
        whole[stage] = whole.get(stage, 0) + now - before
        most[stage] = max(most.get(stage, 0), now - before)
        before = instructions()
    return whole, most


found = Recogniser("", here().arena)
while len(found.names) < CLASSES:
    found.add_class(str(len(found.names) + 1))
for i in range(DRAWINGS - 1):
    found.add(drawing(i), i % CLASSES)
for _ in found.learn():
    pass
found.add(drawing(DRAWINGS - 1), (DRAWINGS - 1) % CLASSES)
whole, most = learn(found)
for stage in whole:
    print("pace", stage, whole[stage])
    print("most", stage, most[stage])
print("copies", rules.copies_of(DRAWINGS))
print("rows", found.network.layer.images)
