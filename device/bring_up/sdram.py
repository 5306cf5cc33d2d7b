"""March C- over the memory of the arena, and how fast it reads, writes and copies."""

import time
from array import array

from bring_up.memory_loops import THUMB, VIPER, compiled
from bring_up.outcomes import Failed, NotThere

# March C- (van de Goor): up w0; up r0,w1; up r1,w0; down r0,w1; down r1,w0; up r0. In the order of
# (down, word read or 2, word written or 2); words 0 and 1 of a background.
MARCH = ((0, 2, 0), (0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0), (0, 0, 2))
BACKGROUNDS = ((0x00000000, 0xFFFFFFFF), (0x55555555, 0xAAAAAAAA), (0x00FF00FF, 0xFF00FF00))


def march(test, native, buffer):
    """Tests a buffer; what was found. The buffer holds zeros after it."""
    import uctypes

    words = len(buffer) // 4
    out = array("I", [0, 0])
    found = {"address": "0x%08x" % uctypes.addressof(buffer), "bytes": 4 * words, "wrong": 0}
    begun = time.ticks_ms()
    steps, step = len(BACKGROUNDS) * len(MARCH) + 4, 0

    def judge(wrong, what, want):
        nonlocal step
        step += 1
        test.progress("march", step / steps)
        if wrong and "first" not in found:
            found["first"] = "%s: word %d: want 0x%08x, got 0x%08x" % (what, out[0], want, out[1])
        found["wrong"] += wrong

    flush = bytearray(65536)
    for background in BACKGROUNDS:
        pair = array("I", background)
        for number, (down, read, write) in enumerate(MARCH):
            # So that what was written last is not read from the data cache.
            native["loop_read"](flush, len(flush) // 64, 1)
            wrong = native["element"](buffer, words, pair, down, read, write, out)
            judge(wrong, "March C- %d of %08x" % (number, background[0]), background[read & 1])
    for invert in (0, -1):
        judge(native["numbered"](buffer, words, invert, 1), "", 0)
        wrong = native["numbered"](buffer, words, invert, 0)
        out[0] = out[1] = 0
        judge(wrong, "own numbers", 0)
    found["seconds"] = time.ticks_diff(time.ticks_ms(), begun) / 1000
    native["element"](buffer, words, array("I", [0, 0]), 0, 2, 0, out)
    return found


def sdram(test):
    """March C- over the memory of the arena, and how fast it reads, writes and copies."""
    native = compiled(VIPER)
    if native is None:
        raise NotThere("this firmware compiles no native code (@micropython.viper)")
    alloc = test.arena()
    outside = hasattr(alloc, "free")
    if not outside:
        test.say("This memory is the heap's, not SDRAM of a board.")
    size = test.asked.march_bytes or (alloc.free if outside else 1 << 20)
    buffer = alloc(size // 64 * 64)
    found = {"outside_the_heap": outside, "march": march(test, native, buffer)}
    fast = alloc.fast(32768) if outside else None
    found["mb_s"] = bandwidth(test, native, buffer, fast)
    if test.on_stm32:
        # Line by line 24 MHz give 43 to 55 MB/s, 100 MHz 170 to 213 (estimated).
        read = found["mb_s"]["beyond the cache"]["read"]
        found["reads_as_sdram_of_mhz"] = 24 if read < 100 else 100
    wrong = found["march"]["wrong"]
    if wrong:
        raise Failed("%d words came back changed" % wrong, found)
    return found


def bandwidth(test, native, buffer, fast):
    """MB/s of read, write and copy within the data cache (16 KB) and beyond it."""
    thumb = compiled(THUMB)
    loops = thumb or native
    half = len(buffer) // 128 * 64
    total = 8 << 20 if test.on_stm32 else 1 << 20
    cases = [("cached", buffer, 4096), ("beyond the cache", buffer, half)]
    if fast is not None:
        cases.append(("dtcm", fast, 16384))
    found = {"by": "LDMIA and STMIA" if thumb else "viper"}
    for name, memory, size in cases:
        view = memoryview(memory)
        a, b = view[:size], view[size : 2 * size]
        times = max(1, total // size)
        blocks = size // 64
        rates = {}
        for what in ("read", "write", "copy"):
            function = loops["loop_" + what]
            arguments = (a, b, blocks) if what == "copy" else (a, blocks)
            function(*arguments, 1)
            begun = time.ticks_us()
            function(*arguments, times)
            rates[what] = times * size // max(1, time.ticks_diff(time.ticks_us(), begun))
            test.progress("bandwidth", 0)
        found[name] = rates
    return found
