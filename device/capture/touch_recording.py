"""Recorded touches, `.ufft`: Replay gives them as a touch object would, Recorder writes what one
gives.

    header   <4sHHHHI   UFFT, version 2, header bytes 16, width, height of the screen, records
    record   <IBBHH     t_ms from the start, id, event, x, y; as drivers.touch.Touch
    end      <I         CRC-32 of all before
"""

from struct import calcsize, pack, pack_into, unpack_from
from time import ticks_diff, ticks_ms

from drivers.touch import CONTACT, Touch

from ridge import crc32
from uff.files import discard, open_file, replace, sync

MAGIC = b"UFFT"
VERSION = 2
HEADER = "<4sHHHHI"
RECORD = "<IBBHH"
HEADER_BYTES = calcsize(HEADER)
RECORD_BYTES = calcsize(RECORD)
FINGERS = 2
ENOSPC = 28

SCAN_MS = 10  # between two reports of the touch controller
LONGEST_REST = 100  # calls of read() that a pause is worth, however long it was
BLOCK = 64  # records read or written at once


class Replay:
    """A touch object out of a file. ValueError where the file is damaged or was recorded on
    another screen than width x height.

    read() stands for one scan of the controller: it gives the reports of one moment, and () for
    each scan of a pause, however fast it is called. hold: a callable; while it is true nothing is
    given and no time passes. ended: all was given.
    """

    def __init__(self, path, width, height, hold=None):
        self.hold = hold
        self._block = memoryview(bytearray(BLOCK * RECORD_BYTES))
        self.count, self.lasts_ms = _check(path, width, height, self._block)
        self._path = path
        self._file = open_file(path, "rb")
        self._file.seek(HEADER_BYTES)
        self._left = self.count  # records not yet in the block
        self._held = self._at = 0
        self._time, self._rest = 0, 0
        self._next = None
        self._advance()

    @property
    def ended(self):
        return self._next is None

    @property
    def done(self):
        """Part of the reports that were given, 0 to 1."""
        held = self._held - self._at + (self._next is not None)
        return 1 - (self._left + held) / self.count if self.count else 1.0

    def read(self):
        """A tuple of 0 to 2 Touch."""
        if self._next is None or (self.hold and self.hold()):
            return ()
        if self._rest:
            self._rest -= 1
            return ()
        now, first = self._next
        self._time = now
        self._advance()
        if self._next is None or self._next[0] != now:
            return (first,)
        second = self._next[1]
        self._advance()
        return (first, second)

    def now(self):
        """Milliseconds of the recording when what read() gave last was touched."""
        return self._time

    def close(self):
        """Closes the file."""
        self._file.close()

    def _advance(self):
        if self._at == self._held:
            if not self._left:
                self._next = None
                return
            self._held = min(BLOCK, self._left)
            wanted = self._block[: self._held * RECORD_BYTES]
            if self._file.readinto(wanted) != len(wanted):
                raise ValueError("%s: it was cut while it was read" % self._path)
            self._left -= self._held
            self._at = 0
        t, finger, event, x, y = unpack_from(RECORD, self._block, self._at * RECORD_BYTES)
        self._at += 1
        self._next = t, Touch(finger, event, x, y)
        # One scan is due at once, as the last one was a moment ago.
        self._rest = min(max((t - self._time) // SCAN_MS - 1, 0), LONGEST_REST)


def _check(path, width, height, block):
    """(number of records, t_ms of the last) of a sound recording for this screen; ValueError
    otherwise."""
    with open_file(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or header[:4] != MAGIC:
            raise ValueError("%s: not a touch recording, which begins with UFFT" % path)
        _, version, skip, wide, high, count = unpack_from(HEADER, header, 0)
        if version == 1:
            raise ValueError(
                "%s: recorded with an older application, whose pages were others; record it anew"
                % path
            )
        if version != VERSION or skip != HEADER_BYTES:
            raise ValueError("%s: want version %d, got %d" % (path, VERSION, version))
        if size != HEADER_BYTES + count * RECORD_BYTES + 4:
            raise ValueError(
                "%s: want %d bytes for %d touches, got %d"
                % (path, HEADER_BYTES + count * RECORD_BYTES + 4, count, size)
            )
        crc, last, possible = crc32(header), 0, True
        left = count
        while left:
            some = min(left, len(block) // RECORD_BYTES)
            part = block[: some * RECORD_BYTES]
            if file.readinto(part) != len(part):
                raise ValueError("%s: it cannot be read to its end" % path)
            crc = crc32(part, crc)
            for i in range(some):
                t, finger, event, x, y = unpack_from(RECORD, part, i * RECORD_BYTES)
                possible = possible and t >= last and finger < FINGERS and event <= CONTACT
                possible = possible and x < wide and y < high
                last = t
            left -= some
        if unpack_from("<I", file.read(4), 0)[0] != crc:
            raise ValueError("%s: damaged, its CRC does not fit" % path)
    if not possible:
        raise ValueError("%s: touches that no controller reports" % path)
    if (wide, high) != (width, height):
        raise ValueError(
            "%s: made on a screen of %d x %d, this one has %d x %d"
            % (path, wide, high, width, height)
        )
    return count, last


class Recorder:
    """A touch object that passes on what `touch` reads, and writes it down.

    The file grows as path.part and takes its name in close(); what was cut off before that is no
    recording. Where the disk is full the recording ends and keeps nothing, and the touches go on;
    failed is the OSError.
    """

    def __init__(self, touch, path, width, height):
        self._touch, self._path = touch, path
        self._size = width, height
        self._file = open_file(path + ".part", "wb")
        self._file.write(bytes(HEADER_BYTES))
        self._block = bytearray(BLOCK * RECORD_BYTES)
        self._filled = 0
        self._before = ticks_ms()
        self._passed = -1
        self._time = 0
        self.count = 0
        self.failed = None

    def read(self):
        """What the touch object reads."""
        reports = self._touch.read()
        now = ticks_ms()
        self._time += ticks_diff(now, self._before)
        self._before = now
        if reports and self._file is not None:
            # Two readings are two moments, and a recording lasts 49 days at most.
            self._passed = min(max(self._passed + 1, self._time), 0xFFFFFFFF)
            try:
                for touch in reports:
                    self._write(touch)
            except OSError as error:
                self.failed = error
                self.discard()
        return reports

    def now(self):
        """When what read() gave last was touched, as the recording has it."""
        passed_on = getattr(self._touch, "now", None)
        if passed_on:
            return passed_on()
        return self._before if self._file is None else max(self._passed, 0)

    @property
    def drop(self):
        """That of the touch object, or None."""
        return getattr(self._touch, "drop", None)

    def _write(self, touch):
        at = self._filled * RECORD_BYTES
        pack_into(RECORD, self._block, at, self._passed, touch.id, touch.event, touch.x, touch.y)
        self._filled += 1
        self.count += 1
        if self._filled == BLOCK:
            self._flush()

    def _flush(self):
        data = memoryview(self._block)[: self._filled * RECORD_BYTES]
        if self._file.write(data) != len(data):
            raise OSError(ENOSPC, self._path)  # a short write is a full disk on some ports
        self._filled = 0

    def close(self):
        """Ends the recording; the file is whole when this returns."""
        if self._file is None:
            return
        part = self._path + ".part"
        self._flush()
        self._file.close()
        self._file = None
        header = pack(HEADER, MAGIC, VERSION, HEADER_BYTES, *self._size, self.count)
        crc, block = crc32(header), memoryview(self._block)
        with open_file(part, "r+b") as file:
            file.write(header)
            left = self.count * RECORD_BYTES
            while left:
                some = block[: min(left, len(block))]
                if file.readinto(some) != len(some):
                    raise OSError(5, part)
                crc = crc32(some, crc)
                left -= len(some)
            # Between reading and writing a file needs a seek().
            file.seek(HEADER_BYTES + self.count * RECORD_BYTES)
            file.write(pack("<I", crc))
        sync()
        replace(part, self._path)

    def discard(self):
        """Ends the recording and keeps nothing of it."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:
                pass  # it goes anyway
        discard(self._path + ".part")
