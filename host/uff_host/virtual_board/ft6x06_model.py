"""A simulated FT6x06 touch controller: fingers in, registers out, for the virtual board and tests.

Plain Python that runs in CPython and in MicroPython. It knows nothing of buses, processes or
clocks: whoever owns it calls scan() with the time and then read_mem(), as a bus does.

As the real one is known to behave, from the drivers of Zephyr, RIOT, esphome and ST (rates and
register 0x86 from memory: uncertain): touches are scanned every 10 ms, every 40 ms while nothing
touched for some seconds, unless register 0x86 is 0; axes are those of the panel in portrait; two
touches at most, each with an id and the slot of that id; press, then contact, then lift for one
scan; after that the slot reads zeros, which say "press", or no id while the other slot is in use;
after power-on reads give all ones for a time.

One thing is kinder than the real one: presses and lifts are taken in their order, each only when
two scans have seen what was before, so that a click shorter than a scan is not lost and two clicks
do not become two fingers; and a finger is lifted only when a scan has seen where it ended.
"""

PRESS, LIFT, CONTACT = 0, 1, 2

TD_STATUS, SLOT_1, SLOT_2, END = 0x02, 0x03, 0x09, 0x0F
CTRL, TIME_TO_MONITOR, PERIOD_ACTIVE, PERIOD_MONITOR = 0x86, 0x87, 0x88, 0x89
CHIP, FIRMWARE, VENDOR = 0xA3, 0xA6, 0xA8
SCANS_HELD = 2
NO_ID = 15

# What inject() knows, and what each does to the next transfers.
FAULTS = {
    "nack": "any transfer: OSError(5), no answer",
    "ones": "any read: all ones, as after a reset",
    "count": "touch read: more touches than there are fingers on the panel (3 to 15)",
    "no id": "touch read: the first touch has id 15",
    "origin": "touch read: the first touch is at raw (0, 0)",
    "leap": "touch read: the first touch is at (x, y)",
    "ghost": "touch read: one more touch, at raw (0, 0)",
    "phantom": "touch read: one more touch, at (x, y)",
    "vanish": "touch read: no touches",
}


class Finger:
    """A finger as the latest scan saw it."""

    def __init__(self) -> None:
        self.down = False
        self.moved = False  # to where no scan has seen it yet
        self.scans = 0  # since it was pressed or lifted
        self.held = SCANS_HELD  # scans before it can be lifted
        self.slot = -1
        self.x = self.y = 0


class FT6x06Model:
    """The controller of a screen of width x height pixels in landscape.

    address: 7 bits; chip: register A3 (0x06 FT6206, 0x36 FT6236, 0x64 FT6336); vendor: register A8
    (0x11 or 0xCD); boot_reads: that many reads after power-on give all ones.
    """

    def __init__(
        self,
        address: int = 0x38,
        chip: int = 0x64,
        width: int = 800,
        height: int = 480,
        vendor: int = 0x11,
        boot_reads: int = 1,
    ) -> None:
        self.address = address
        self.width = width
        self.height = height
        self.dead = False  # where True, nothing answers
        self.scans = 0
        self._chip = chip
        self._vendor = vendor
        self._boot_reads = boot_reads
        self._fingers: dict[int, Finger] = {}
        self._waiting: list[tuple[int, int, int, int]] = []  # finger, event, x, y: not yet scanned
        self._late = 0  # scans that the first of them has waited
        self._faults: list[tuple[str, int, int]] = []
        self.reset()

    def reset(self) -> None:
        """Power-on: registers as at the start, fingers where they are, reads give all ones for a
        time."""
        self.registers = bytearray(256)
        self.registers[0x80] = 0x28
        self.registers[CTRL] = 1
        self.registers[TIME_TO_MONITOR] = 10  # seconds
        self.registers[PERIOD_ACTIVE] = 10  # milliseconds
        self.registers[PERIOD_MONITOR] = 40
        self.registers[CHIP] = self._chip
        self.registers[FIRMWARE] = 1
        self.registers[VENDOR] = self._vendor
        self._blank = self._boot_reads
        self._slots: list[int | None] = [None, None]  # the finger of each
        self._last_scan = -1
        self._last_touch = 0
        for finger in self._fingers.values():
            finger.slot = -1

    # ---- fingers ----

    def press(self, finger: int, x: int, y: int) -> None:
        """A finger (any number) touches at (x, y), pixels in landscape; those outside count as at
        the edge. A third finger waits until one of the two is lifted, as long as it is down."""
        self._waiting.append((finger, PRESS, x, y))

    def move(self, finger: int, x: int, y: int) -> None:
        """A finger that is down moves to (x, y); of moves that no scan has seen, the last one."""
        for i in range(len(self._waiting) - 1, -1, -1):
            if self._waiting[i][0] == finger:
                if self._waiting[i][1] == CONTACT:
                    self._waiting[i] = (finger, CONTACT, x, y)
                    return
                break
        self._waiting.append((finger, CONTACT, x, y))

    def lift(self, finger: int) -> None:
        """A finger is lifted."""
        self._waiting.append((finger, LIFT, 0, 0))

    def presses(self, fingers: set[int]) -> int:
        """How many presses of these fingers no scan has seen."""
        return sum(1 for event in self._waiting if event[0] in fingers and event[1] == PRESS)

    def waits(self) -> bool:
        """Whether anything was done that no scan has seen."""
        return bool(self._waiting)

    def settle(self) -> None:
        """What waits has happened while nobody looked: the next scan sees how it ended."""
        for number, event, x, y in self._waiting:
            self._do(number, event, x, y)
        self._waiting.clear()
        self._late = 0
        for number in list(self._fingers):
            if not self._fingers[number].down:
                self._forget(number)

    def let_go(self, fingers: set[int]) -> None:
        """These fingers are gone: what they were about to do is not done, and those that
        are down are lifted."""
        self._waiting = [event for event in self._waiting if event[0] not in fingers]
        for number, finger in self._fingers.items():
            if number in fingers and finger.down:
                self.lift(number)

    # ---- time ----

    def scan(self, now_ms: int) -> bool:
        """Brings the registers up to date; call it before a read. True where it scanned: once per
        call and period of now_ms at most."""
        period = self.registers[PERIOD_ACTIVE] or 10
        idle_ms = self.registers[TIME_TO_MONITOR] * 1000
        if self.registers[CTRL] and now_ms - self._last_touch > idle_ms:
            period = self.registers[PERIOD_MONITOR] or 40
        if self._last_scan >= 0 and now_ms // period == self._last_scan // period:
            return False
        self._last_scan = now_ms
        self.scans += 1
        self._take_waiting()
        touches = self._fill(0) + self._fill(1)
        self.registers[TD_STATUS] = touches
        if touches:
            self._last_touch = now_ms
            for slot in (0, 1):
                if self._finger_in(slot) is None:
                    self._write(slot, 3, NO_ID, 0xFFF, 0xFFF)
        return True

    def _take_waiting(self) -> None:
        for number in list(self._fingers):
            finger = self._fingers[number]
            finger.scans += 1
            finger.moved = False
            if not finger.down and (finger.slot < 0 or finger.scans >= SCANS_HELD):
                self._forget(number)
        while self._waiting:
            number, event, x, y = self._waiting[0]
            if event == LIFT and self._unseen(number):
                break
            if event == PRESS and self._just_lifted():
                self._late += 1
                break
            self._waiting.pop(0)
            self._do(number, event, x, y)
        for number in sorted(self._fingers):
            finger = self._fingers[number]
            if finger.down and finger.slot < 0 and None in self._slots:
                finger.slot = self._slots.index(None)
                finger.scans = 0
                self._slots[finger.slot] = number

    def _do(self, number: int, event: int, x: int, y: int) -> None:
        finger = self._fingers.get(number)
        if finger is None:
            if event != PRESS:
                return  # it is up already
            finger = self._fingers[number] = Finger()
        if event == PRESS or (event == CONTACT and finger.down):
            at = min(max(x, 0), self.width - 1), min(max(y, 0), self.height - 1)
            finger.moved = finger.moved or at != (finger.x, finger.y)
            finger.x, finger.y = at
        if event != CONTACT and finger.down != (event == PRESS):
            finger.down = event == PRESS
            finger.scans = 0
            # One that came late stays as much longer.
            finger.held = SCANS_HELD + self._late
            self._late = 0

    def _forget(self, number: int) -> None:
        """A finger that is up, and its slot is free."""
        finger = self._fingers.pop(number)
        if finger.slot >= 0:
            self._slots[finger.slot] = None

    def _unseen(self, number: int) -> bool:
        """The finger is down, and scans have not yet seen enough of that."""
        finger = self._fingers.get(number)
        return bool(finger and finger.down and (finger.moved or finger.scans < finger.held))

    def _just_lifted(self) -> bool:
        return any(f.slot >= 0 and not f.down for f in self._fingers.values())

    def _finger_in(self, slot: int) -> Finger | None:
        """Whose registers a slot holds: a finger that is down or was lifted in this scan."""
        number = self._slots[slot]
        if number is None:
            return None
        finger = self._fingers[number]
        return finger if finger.down or finger.scans == 0 else None

    def _fill(self, slot: int) -> int:
        """Writes a slot's registers; the number of touches in it."""
        finger = self._finger_in(slot)
        if finger is None:
            self._write(slot, 0, 0, 0, 0)
            return 0
        event = (PRESS if finger.scans == 0 else CONTACT) if finger.down else LIFT
        self._write(slot, event, slot, self.height - 1 - finger.y, finger.x)
        return 1 if finger.down else 0

    def _write(self, slot: int, event: int, number: int, raw_x: int, raw_y: int) -> None:
        self._put(self.registers, SLOT_1 + 6 * slot, event, number, raw_x, raw_y)

    def _put(
        self, data: bytearray, at: int, event: int, number: int, raw_x: int, raw_y: int
    ) -> None:
        data[at] = event << 6 | raw_x >> 8
        data[at + 1] = raw_x & 255
        data[at + 2] = number << 4 | raw_y >> 8
        data[at + 3] = raw_y & 255
        data[at + 4] = 0x20 if event in (PRESS, CONTACT) and raw_y else 0  # weight
        data[at + 5] = 0x10 if event in (PRESS, CONTACT) and raw_y else 0  # area

    def touching(self) -> list[int | None]:
        """The fingers that the registers hold as touches 0 and 1."""
        touching: list[int | None] = []
        for slot in (0, 1):
            finger = self._finger_in(slot)
            touching.append(self._slots[slot] if finger and finger.down else None)
        return touching

    # ---- the bus ----

    def read_mem(self, address: int, register: int, n: int) -> bytes:
        """n bytes from a register on. OSError(19) for another address, OSError(5) for a fault."""
        fault = self._begin(address, register <= TD_STATUS < register + n)
        if self._blank:
            self._blank -= 1
            return bytes([255] * n)
        if fault is None:
            return self._bytes(self.registers, register, n)
        kind, x, y = fault
        if kind == "ones":
            return bytes([255] * n)
        data = bytearray(self.registers)
        self._spoil(data, kind, x, y)
        return self._bytes(data, register, n)

    def write_mem(self, address: int, register: int, data: bytes) -> None:
        """Writes registers. OSError as read_mem()."""
        self._begin(address, False)
        for i in range(len(data)):
            self.registers[(register + i) & 255] = data[i]

    def _bytes(self, data: bytearray, register: int, n: int) -> bytes:
        return bytes(data[(register + i) & 255] for i in range(n))

    # ---- faults ----

    def inject(self, kind: str, times: int = 1, x: int = 0, y: int = 0) -> None:
        """The next transfers go wrong, `times` of them, after those injected before: a kind of
        FAULTS. ValueError for another. "count": x touches, 15 where x is below 3."""
        if kind not in FAULTS:
            raise ValueError(
                "fault: want one of " + ", ".join(sorted(FAULTS)) + "; got " + repr(kind)
            )
        for _ in range(times):
            self._faults.append((kind, x, y))

    def faults_left(self) -> int:
        """Injected faults that are still to come."""
        return len(self._faults)

    def _begin(self, address: int, touch: bool) -> tuple[str, int, int] | None:
        """The fault of this transfer. Faults of touch reads wait for one."""
        if self.dead or address != self.address:
            raise OSError(19)
        if not self._faults or not (touch or self._faults[0][0] in ("nack", "ones")):
            return None
        fault = self._faults.pop(0)
        if fault[0] == "nack":
            raise OSError(5)
        return fault

    def _spoil(self, data: bytearray, kind: str, x: int, y: int) -> None:
        raw_x, raw_y = self.height - 1 - y, x
        touching = [data[SLOT_1 + 6 * slot] >> 6 in (PRESS, CONTACT) for slot in (0, 1)]
        used = [slot for slot in (0, 1) if data[TD_STATUS] and touching[slot]]
        free = [slot for slot in (0, 1) if slot not in used]
        if kind == "count":
            data[TD_STATUS] = x if 3 <= x <= 15 else 15
        elif kind == "vanish":
            data[TD_STATUS] = 0
        elif kind in ("ghost", "phantom"):
            if free:
                if kind == "ghost":
                    raw_x = raw_y = 0
                data[TD_STATUS] += 1
                self._put(data, SLOT_1 + 6 * free[0], PRESS, free[0], raw_x, raw_y)
        elif used:
            at = SLOT_1 + 6 * used[0]
            if kind == "no id":
                data[at + 2] |= NO_ID << 4
            else:
                if kind == "origin":
                    raw_x = raw_y = 0
                self._put(data, at, data[at] >> 6, used[0], raw_x, raw_y)
