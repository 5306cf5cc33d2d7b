"""FT6206, FT6236 and FT6336 touch controllers on I2C, polled: two fingers, debounced and repaired.

    touch = FT6x06(I2C(4, freq=100_000), 800, 480)
    touch.read()    # about every 10 ms: () or one or two Touch(id, event, x, y)

The panel is mounted in portrait, the screen is landscape: x = raw y, y = height - 1 - raw x.

What the bus says is doubted, as these controllers were seen (sources: the drivers of Zephyr,
RIOT, esphome and ST) to give all ones after a reset, more touches than fingers, a touch at raw
(0, 0), touches without an id, "press" while nothing touches, and no answer at all for a while:

  - a finger counts from its second good sample on, near the one before, and is gone after two
    without it;
  - a sample that cannot be right says nothing: fingers neither come nor go by it;
  - a finger that leaps farther than a hand moves stays where it was; where the next sample is
    there too, it was lifted and pressed again;
  - after LOST bad samples on end all fingers are lifted, so that no stroke goes on for ever.

So a finger at exactly raw (0, 0), a corner of the panel, is not seen. A finger that rests is not
reported again.
"""

import time
from array import array

from micropython import const

from .touch import CONTACT, LIFT, PRESS, Touch

ADDRESSES = (0x2A, 0x38)  # older and newer displays of the STM32H747I-DISCO, in ST's order
VENDORS = (0x11, 0xCD)  # both are in the field

_TD_STATUS = const(0x02)  # number of touches, then six bytes for each of two
_CTRL = const(0x86)  # 0: no slow scanning while nothing touches
_CHIP = const(0xA3)
_FIRMWARE = const(0xA6)
_VENDOR = const(0xA8)
_BURST = const(13)

LOST = const(20)  # bad samples on end
_EMPTY = const(2)  # good samples without a finger that is down
_EDGE = const(16)  # raw coordinates so far outside still count, as those of the edge
_SAMPLE_MS = const(10)
_QUEUE = const(64)  # reports that a simulated controller may hold back
_START_MS = const(600)  # a controller takes about 300 ms to start
_WAIT_MS = const(20)

# States of an id.
_UP = const(0)
_FIRST = const(1)  # seen once
_DOWN = const(2)
_PRESSED = const(3)  # lifted by a leap; the press is yet to be reported

# Numbers of an id's state.
_STATE = const(0)
_X = const(1)  # where it was reported, or first seen
_Y = const(2)
_LEAPT_X = const(3)  # where it leapt to, -1 where it did not
_LEAPT_Y = const(4)
_MISSED = const(5)
_LAST_X = const(6)  # where it was in the latest good sample
_LAST_Y = const(7)


class FT6x06:
    """A controller behind `i2c`, which has readfrom_mem_into(address, register, buffer) and
    writeto_mem(address, register, data), as machine.I2C.

    width, height: pixels of the screen in landscape; addresses: 7-bit ones to try, in order.
    OSError(19, a sentence) where none of them answers within 0.6 s. The controller's reset pin
    is the display's: release it first.

    address, vendor (register A8), chip (A3: 0x06 FT6206, 0x36 FT6236, 0x64 FT6336) and firmware
    (A6) are what was found; note is a sentence where that is unknown here, else "". Numbers of
    faults since the start: nacks (no answer), blanks (all ones or more than two touches), ghosts
    (raw (0, 0), no id, out of range), leaps, and losses (LOST bad samples on end).
    """

    def __init__(self, i2c, width, height, addresses=ADDRESSES, ticks_ms=time.ticks_ms):
        self._i2c = i2c
        self._width = width
        self._height = height
        self._ticks_ms = ticks_ms
        self._reach = width // 6  # pixels a finger moves in 10 ms at most
        self._buffer = bytearray(_BURST)
        self._zero = bytes(1)
        self._ids = (array("h", bytes(16)), array("h", bytes(16)))
        self._seen = array("h", bytes(8))  # x and y of each id in a sample; -1: not in it
        self._events = bytearray(2)  # PRESS or CONTACT, of the ids in a sample
        self._seen_ms = [0, 0]  # when the position of an id was last taken
        self._leapt_ms = [0, 0]  # when it leapt
        self._bad = 0
        self._set_up = False
        self.nacks = self.blanks = self.ghosts = self.leaps = self.losses = 0
        self.address = self._find(addresses)
        self.vendor = self._register(_VENDOR)
        self.chip = self._register(_CHIP)
        self.firmware = self._register(_FIRMWARE)
        self.note = ""
        if self.vendor not in VENDORS:
            self.note = (
                "touch: the controller at 0x%02X says vendor 0x%02X, chip 0x%02X; "
                "known are vendors 0x11 and 0xCD" % (self.address, self.vendor, self.chip)
            )

    # ---- at the start ----

    def _find(self, addresses):
        one = bytearray(1)
        answered = None
        for _ in range(_START_MS // _WAIT_MS // len(addresses)):
            for address in addresses:
                try:
                    self._i2c.readfrom_mem_into(address, _VENDOR, one)
                except OSError:
                    continue
                answered = address
                if one[0] != 0xFF:
                    return address
            time.sleep_ms(_WAIT_MS * len(addresses))
        if answered is None:
            raise OSError(
                19,
                "touch: no controller answers at %s; want its reset pin high for 0.3 s "
                "and SCL, SDA with pull-ups" % " or ".join("0x%02X" % a for a in addresses),
            )
        return answered

    def _register(self, register):
        """A register's value; 0xFF where there is no answer."""
        one = bytearray(1)
        for _ in range(5):
            try:
                self._i2c.readfrom_mem_into(self.address, register, one)
            except OSError:
                one[0] = 0xFF
            if one[0] != 0xFF:
                break
            time.sleep_ms(2)
        return one[0]

    # ---- every 10 ms ----

    def read(self):
        """A tuple of up to two Touch, one an id at most. One transfer on the bus; a fault of the
        bus is counted and gives what is known without it."""
        good = self._sample()
        now = self._ticks_ms()
        if good:
            self._bad = 0
        else:
            self._bad += 1
            if self._bad == LOST:
                self.losses += 1
                self._set_up = False  # it may have been reset
        a = self._step(0, good, now)
        b = self._step(1, good, now)
        if a is None:
            return () if b is None else (b,)
        return (a,) if b is None else (a, b)

    def drop(self):
        """Forgets what was touched before: a finger that is down now is reported when it comes
        again."""
        quiet = 0
        for _ in range(_QUEUE):
            quiet = 0 if self.read() else quiet + 1
            if quiet == 2:  # a press is reported at its second sample
                break

    def raw(self):
        """The burst of 13 bytes from register 02 on that the latest read() saw; for looking at."""
        return bytes(self._buffer)

    def _sample(self):
        """Reads where the fingers are into _seen; False where this tells nothing of those that are
        not in it."""
        buffer, seen = self._buffer, self._seen
        seen[0] = seen[2] = -1
        try:
            if not self._set_up and not self._bad:
                self._i2c.writeto_mem(self.address, _CTRL, self._zero)
                self._set_up = True
                return False
            self._i2c.readfrom_mem_into(self.address, _TD_STATUS, buffer)
        except OSError:
            self.nacks += 1
            return False
        count = buffer[0] & 15
        if count > 2:
            self.blanks += 1
            return False
        unexplained = count
        lifted = 0
        good = True
        for at in (1, 7):
            if not unexplained:
                break  # what the other slots say is old, even where it is a press
            event = buffer[at] >> 6
            number = buffer[at + 2] >> 4
            if number > 1 or event == 3:
                continue
            if event == LIFT:
                lifted += 1
                continue
            unexplained -= 1
            if seen[2 * number] >= 0:  # twice the same id
                self.ghosts += 1
                seen[0] = seen[2] = -1
                return False
            raw_x = (buffer[at] & 15) << 8 | buffer[at + 1]
            raw_y = (buffer[at + 2] & 15) << 8 | buffer[at + 3]
            if not (raw_x or raw_y) or (
                raw_x >= self._height + _EDGE or raw_y >= self._width + _EDGE
            ):
                self.ghosts += 1
                good = False
                continue
            self._events[number] = event
            seen[2 * number] = min(raw_y, self._width - 1)
            seen[2 * number + 1] = max(self._height - 1 - raw_x, 0)
        if unexplained > lifted:
            self.ghosts += 1
            good = False
        return good

    def _near(self, x, y, to_x, to_y, since, now):
        """Whether a hand gets from one place to the other in the time that passed."""
        passed = time.ticks_diff(now, since)
        reach = min(self._reach * (1 + max(passed, 0) // _SAMPLE_MS), self._width // 2)
        x -= to_x
        y -= to_y
        return x * x + y * y <= reach * reach

    def _step(self, number, good, now):
        """What the sample says of one id: a Touch or None."""
        me = self._ids[number]
        x, y = self._seen[2 * number], self._seen[2 * number + 1]
        state = me[_STATE]
        if state == _PRESSED:
            me[_STATE] = _DOWN
            me[_MISSED] = 1 if good and x < 0 else 0
            return Touch(number, PRESS, me[_X], me[_Y])
        if x < 0:
            return self._absent(me, number, good)
        missed = me[_MISSED]
        me[_MISSED] = 0
        if state == _DOWN and missed and self._events[number] == PRESS:
            # Another finger, or the same again: the other empty samples were lost.
            report = Touch(number, LIFT, me[_LAST_X], me[_LAST_Y])
            self._take(me, number, x, y, now)
            me[_STATE] = _FIRST
            return report
        if state == _UP:
            self._take(me, number, x, y, now)
            me[_STATE] = _FIRST
            return None
        if self._near(x, y, me[_LAST_X], me[_LAST_Y], self._seen_ms[number], now):
            if state == _FIRST:
                me[_STATE] = _DOWN
                me[_LAST_X], me[_LAST_Y] = x, y
                me[_LEAPT_X] = -1
                self._seen_ms[number] = now
                return Touch(number, PRESS, me[_X], me[_Y])
            moved = x != me[_X] or y != me[_Y]
            self._take(me, number, x, y, now)
            return Touch(number, CONTACT, x, y) if moved else None
        self.leaps += 1
        there_x, there_y = me[_LEAPT_X], me[_LEAPT_Y]
        if there_x < 0 or not self._near(x, y, there_x, there_y, self._leapt_ms[number], now):
            me[_LEAPT_X], me[_LEAPT_Y] = x, y
            self._leapt_ms[number] = now
            return None
        report = None if state == _FIRST else Touch(number, LIFT, me[_LAST_X], me[_LAST_Y])
        self._take(me, number, there_x, there_y, now)
        me[_LAST_X], me[_LAST_Y] = x, y
        if state == _FIRST:  # what was seen first was none
            me[_STATE] = _DOWN
            return Touch(number, PRESS, me[_X], me[_Y])
        me[_STATE] = _PRESSED
        return report

    def _absent(self, me, number, good):
        state = me[_STATE]
        if state == _UP:
            return None
        if good:
            me[_MISSED] += 1
            if state == _DOWN and me[_MISSED] < _EMPTY:
                return None
        elif self._bad < LOST:
            return None
        me[_STATE] = _UP
        if state == _FIRST:
            return None
        return Touch(number, LIFT, me[_LAST_X], me[_LAST_Y])

    def _take(self, me, number, x, y, now):
        """Keeps a position as the one that is known and, but for a first one, reported."""
        me[_X] = me[_LAST_X] = x
        me[_Y] = me[_LAST_Y] = y
        me[_LEAPT_X] = -1
        self._seen_ms[number] = now
