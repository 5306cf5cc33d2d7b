"""Writing while the plug is pulled."""

import os
import struct
import time

import ridge
from bring_up.outcomes import Failed
from bring_up.patterns import CHUNK, pattern, sync

COUNTER = "<4sII"  # magic, counter, bytes of pattern; then those; then CRC-32 of all before


def write_counter(path, number):
    """As models are saved: written beside, flushed, renamed."""
    data = struct.pack(COUNTER, b"UFFP", number, CHUNK) + pattern(number)
    with open(path + ".new", "wb") as file:
        file.write(data)
        file.write(struct.pack("<I", ridge.crc32(data)))
    sync()
    os.rename(path + ".new", path)
    sync()


def read_counter(path):
    """{"state": "none", "whole" or "damaged", "number"}."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return {"state": "none"}
    head = struct.calcsize(COUNTER)
    if len(data) == head + CHUNK + 4:
        magic, number, size = struct.unpack_from(COUNTER, data)
        crc = struct.unpack_from("<I", data, head + CHUNK)[0]
        if magic == b"UFFP" and size == CHUNK and crc == ridge.crc32(memoryview(data)[:-4]):
            if data[head:-4] == pattern(number):
                return {"state": "whole", "number": number}
    return {"state": "damaged"}


def power(test):
    """Writes again and again while the plug may be pulled; the next run looks at what is left."""
    path = test.folder + "selftest.counter"
    known = test.counter()
    number = known.get("number", 0)
    seconds = test.asked.power_s
    if seconds < 0:
        seconds = 20 if test.on_stm32 else 0
    if seconds:
        test.say("Pull the plug now, any time in the next %d s, and run this again." % seconds)
    found = {"found_at_start": known, "first": number + 1}
    begun = time.ticks_ms()
    shown = 0
    while True:
        number += 1
        write_counter(path, number)
        passed = time.ticks_diff(time.ticks_ms(), begun)
        if passed >= 1000 * seconds:
            break
        if passed // 1000 != shown:
            shown = passed // 1000
            test.say("counter %d is on the disk" % number)
    found["last"] = number
    again = read_counter(path)
    if again != {"state": "whole", "number": number}:
        raise Failed("counter %d was written, %s was read" % (number, again), found)
    return found
