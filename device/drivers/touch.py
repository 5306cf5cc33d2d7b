"""What every touch object reports: board.touch.read() gives a tuple of these."""

from collections import namedtuple

from micropython import const

# Events, in the FT6x06's numbers. Reports of one id come as PRESS, CONTACT..., LIFT.
PRESS = const(0)
LIFT = const(1)
CONTACT = const(2)

# id: 0 or 1; event: one of the above; x, y: pixels of the screen in landscape, x to the right from
# 0 to width - 1, y down from 0 to height - 1.
Touch = namedtuple("Touch", ("id", "event", "x", "y"))
