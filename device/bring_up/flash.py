"""A file written and read back, and what an earlier run wrote before a power cut."""

import os
import time

from bring_up.outcomes import Failed
from bring_up.patterns import CHUNK, pattern, sync


def flash(test):
    """Writes a file, reads it back, and looks at what an earlier run wrote before a power cut."""
    found = {"counter": test.counter()}
    if test.cut_in == "power":
        test.say("The last run was cut while it wrote: counter %s." % found["counter"])
        if found["counter"]["state"] != "whole":
            raise Failed("power went while the counter's file was replaced, and it is lost", found)
    if found["counter"]["state"] == "damaged":
        raise Failed("the counter's file is damaged", found)
    try:
        stat = os.statvfs(test.folder or ".")
        found["block_bytes"], found["blocks"], found["blocks_free"] = stat[0], stat[2], stat[3]
    except (AttributeError, OSError) as error:
        found["blocks"] = "unknown: %s" % error
    path, kb = test.folder + "selftest.tmp", test.asked.write_kb
    pieces = [pattern(i) for i in range(8)]
    steps = kb * 1024 // CHUNK
    begun = time.ticks_ms()
    with open(path, "wb") as file:
        for i in range(steps):
            file.write(pieces[i % 8])
            test.progress("writing", i / steps)
    sync()
    found["write_kb_s"] = kb * 1000 // max(1, time.ticks_diff(time.ticks_ms(), begun))
    begun = time.ticks_ms()
    buffer = bytearray(CHUNK)
    wrong = 0
    with open(path, "rb") as file:
        for i in range(steps):
            if file.readinto(buffer) != CHUNK or buffer != pieces[i % 8]:
                wrong += 1
    found["read_kb_s"] = kb * 1000 // max(1, time.ticks_diff(time.ticks_ms(), begun))
    os.remove(path)
    found["written_kb"], found["wrong_blocks"] = kb, wrong
    if wrong:
        raise Failed("%d of %d blocks came back changed" % (wrong, steps), found)
    return found
