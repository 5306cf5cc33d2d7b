"""The first hour with a board: what only hardware can tell, in one file to send back.

    mpremote run device/scripts/selftest.py
    mpremote cp :/flash/selftest.json .

Each section says what it found; one that fails, or whose part is not there, stops no other. The
file is written anew after every section, so that after a crash it names the section that ran.
Questions are answered by the user button (yes) or, in a REPL, by y or n. Parameters: see JOB
below, changed by job.json. What runs here was never seen on a board by us; on the unix port and
on the emulated Cortex-M7 the same script runs with the parts that exist there.
"""

import gc
import json
import os
import struct
import sys
import time
from array import array

import job

import ridge
from uff import Dataset, Options
from uff.train import Trainer

JOB = {
    "sections": "",  # names with commas between; all where empty
    "file": "selftest.json",
    "march_bytes": 0,  # of memory to test; 0: all of the arena, or 1 MB of the heap
    "write_kb": 256,  # to and from the flash
    "answer_s": 15.0,  # for a question
    "rest_s": 3.0,  # without touching
    "touch_s": 20.0,  # for a target
    "power_s": -1.0,  # of writing while the plug may be pulled; -1: 20 on the board, else 0
}

# ---- bounds and hashes, made by `python host/tools/selftest_bounds.py` ----
# Of each kernel: instructions, estimated cycles on the board: at least, at most.
KERNELS = {
    "class_sums": (262627, 153600, 1823928),
    "combine": (1383443, 1134090, 3658192),
    "contrast": (113314, 61440, 633493),
    "copies": (455364, 227682, 1196246),
    "crc32": (4726666, 2363333, 14621977),
    "encode": (528279, 264140, 1906810),
    "factor": (99278980, 98892482, 182190730),
    "goodness": (502412, 324166, 2460062),
    "gram add": (14607085, 10082742, 25386512),
    "gram remove": (18156570, 11857485, 34260225),
    "inverse block": (5972656, 6066776, 10329132),
    "kernel": (1609795, 1092898, 3189928),
    "kernel goodness": (52131, 153600, 330744),
    "leverage": (23854941, 24249262, 41460792),
    "nearest": (39353, 153600, 295758),
    "patch features": (7939653, 4188706, 10627308),
    "patch gram": (355770, 204885, 867273),
    "powers": (35108, 17554, 186570),
    "project": (9663602, 6631801, 14803741),
    "project one": (294655, 1409280, 2278638),
    "solve": (12063202, 12705905, 21613085),
    "unit_rows": (454382, 227191, 3937619),
}
# Of each training: SHA-256 of its weights, instructions, estimated ms: at least, at most.
TRAININGS = {
    "dual": (
        "2c5482f76718db8842d9ce6d207a3b9811e54c7f5fc98abe6d1d65847b6c4cc0",
        28047406,
        80,
        224,
    ),
    "primal": (
        "2c232843cd3443f15fbb25276c1dc7fc92d993115b3122dcf2172c40dffa8d0e",
        234188514,
        560,
        1151,
    ),
    "uff_kernel": (
        "76e4ee94af07423f2c6502435c50c1b5ccaa25c0c72bee289c092d819367ff7e",
        88026919,
        119,
        368,
    ),
}
# ---- end of bounds and hashes ----

HSE_KHZ = 25000


class NotThere(Exception):
    """This machine lacks what a section is about."""


class Failed(Exception):
    """A section found something wrong: Failed(sentence, what was found)."""

    state = "failed"


class Unconfirmed(Failed):
    """Nobody said or did what would tell."""

    state = "not confirmed"


# ---- identity ----


def identity(test):
    """Which board, which firmware."""
    import uff

    found = {
        "board": test.board.name if test.board else None,
        "machine": getattr(sys.implementation, "_machine", ""),
        "build": getattr(sys.implementation, "_build", ""),
        "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
        "version": sys.version,
        "uff": uff.__version__,
        "kernels": ridge.kernels(),
        "heap_free": gc.mem_free(),
    }
    if hasattr(os, "uname"):
        found["uname"] = list(os.uname())
    try:
        import machine
    except ImportError:
        return found
    for name, value in (
        ("unique_id", lambda: "".join("%02x" % byte for byte in machine.unique_id())),
        ("clocks_hz", lambda: list(machine.freq())),
        ("reset_cause", machine.reset_cause if hasattr(machine, "reset_cause") else None),
    ):
        try:
            found[name] = value()
        except (AttributeError, TypeError):
            found[name] = "not there"
    return found


# ---- clocks ----

# Addresses and fields: ST's stm32h747xx.h (CMSIS); meanings: reference manual RM0399.
REGISTERS = {
    "RCC_CFGR": 0x58024410,
    "RCC_D1CFGR": 0x58024418,
    "RCC_PLLCKSELR": 0x58024428,
    "RCC_PLLCFGR": 0x5802442C,
    "RCC_PLL1DIVR": 0x58024430,
    "RCC_PLL2DIVR": 0x58024438,
    "RCC_PLL3DIVR": 0x58024440,
    "RCC_D1CCIPR": 0x5802444C,
    "PWR_CR3": 0x5802480C,
    "PWR_D3CR": 0x58024818,
    "FMC_SDCR1": 0x52004140,
    "FMC_SDCR2": 0x52004144,
    "FMC_SDTR1": 0x52004148,
    "FMC_SDTR2": 0x5200414C,
    "FMC_SDRTR": 0x52004154,
    "QUADSPI_CR": 0x52005000,
    "FLASH_OPTSR_CUR": 0x5200201C,
    "DBGMCU_IDCODE": 0x5C001000,
}


def field(value, low, bits):
    return value >> low & (1 << bits) - 1


def pll_khz(selr, divr, number):
    """Outputs p, q, r of a PLL that HSE feeds, kHz; its fraction not counted."""
    divider = field(selr, 8 * number - 4, 6)
    if field(selr, 0, 2) != 2 or not divider:
        return None
    vco = HSE_KHZ * (field(divr, 0, 9) + 1) // divider
    return {
        "p": vco // (field(divr, 9, 7) + 1),
        "q": vco // (field(divr, 16, 7) + 1),
        "r": vco // (field(divr, 24, 7) + 1),
    }


def memory_clocks(registers):
    """What the registers make of the clocks of SDRAM and QSPI flash, kHz."""
    selr = registers["RCC_PLLCKSELR"]
    plls = [pll_khz(selr, registers["RCC_PLL%dDIVR" % n], n) for n in (1, 2, 3)]
    hpre = field(registers["RCC_D1CFGR"], 0, 4)
    # 0xxx: 1; 1000 to 1111: 2, 4, 8, 16, 64, 128, 256, 512
    ahb = (2, 4, 8, 16, 64, 128, 256, 512)[hpre - 8] if hpre & 8 else 1
    cpre = field(registers["RCC_D1CFGR"], 8, 4)
    cpu = (2, 4, 8, 16, 64, 128, 256, 512)[cpre - 8] if cpre & 8 else 1
    core = plls[0]["p"] // cpu if plls[0] and field(registers["RCC_CFGR"], 3, 3) == 3 else None
    hclk = core // ahb if core else None
    sources = [hclk, plls[0] and plls[0]["q"], plls[1] and plls[1]["r"], None]
    names = ["HCLK", "PLL1 Q", "PLL2 R", "PER"]
    fmc, qspi = field(registers["RCC_D1CCIPR"], 0, 2), field(registers["RCC_D1CCIPR"], 4, 2)
    divider = field(registers["FMC_SDCR1"], 10, 2)
    sdram = sources[fmc] // divider if sources[fmc] and divider > 1 else None
    count = field(registers["FMC_SDRTR"], 1, 13)
    return {
        "core_khz": core,
        "hclk_khz": hclk,
        "pll2_khz": plls[1],
        "pll3_khz": plls[2],
        "fmc_source": names[fmc],
        "fmc_khz": sources[fmc],
        "sdram_khz": sdram,
        "sdram_cas": field(registers["FMC_SDCR2"], 7, 2),
        "sdram_refresh_ns": (count + 20) * 1000000 // sdram if sdram else None,
        "qspi_source": names[qspi],
        "qspi_khz": sources[qspi] // (field(registers["QUADSPI_CR"], 24, 8) + 1)
        if sources[qspi]
        else None,
        "m4_boots": bool(field(registers["FLASH_OPTSR_CUR"], 22, 1)),
    }


def clocks(test):
    """The clock tree, read from the registers, and the core's clock, measured."""
    mem32 = test.mem32()
    registers = {name: mem32[address] & 0xFFFFFFFF for name, address in REGISTERS.items()}
    found = memory_clocks(registers)
    found["registers"] = {name: "0x%08x" % value for name, value in registers.items()}
    found["measured_core_khz"] = measured_core_khz(test)
    if found["sdram_khz"]:
        test.say(
            "The SDRAM runs at %d kHz, CAS %d, a row is refreshed every %d ns."
            % (found["sdram_khz"], found["sdram_cas"], found["sdram_refresh_ns"])
        )
    # What this firmware sets; upstream's dividers would give 24000 (hardware notes, unconfirmed).
    wanted = {"fmc_source": "PLL2 R", "sdram_khz": 100000, "sdram_cas": 3, "qspi_khz": 50000}
    wrong = [
        "%s: want %s, got %s" % (name, value, found[name])
        for name, value in sorted(wanted.items())
        if found[name] != value
    ]
    if found["sdram_refresh_ns"] and found["sdram_refresh_ns"] > 15625:
        wrong.append("sdram_refresh_ns: want 15625 at most, got %d" % found["sdram_refresh_ns"])
    if wrong:
        raise Failed("; ".join(wrong), found)
    return found


def measured_core_khz(test):
    cycles = test.cycle_counter()
    if cycles is None:
        return None
    begun, first = time.ticks_us(), cycles()
    while time.ticks_diff(time.ticks_us(), begun) < 100000:
        pass  # the counter stands still while the core sleeps
    last, passed = cycles(), time.ticks_diff(time.ticks_us(), begun)
    return ((last - first) & 0xFFFFFFFF) * 1000 // passed


# ---- flash ----

CHUNK = 4096


def pattern(number, size=CHUNK):
    """Bytes that tell their number; nothing repeats before 64 KB."""
    piece = bytearray(size)
    state = (number * 40503 + 1) & 0xFFFF or 1
    for i in range(0, size, 2):
        state = xorshift16(state)
        piece[i] = state & 255
        piece[i + 1] = state >> 8
    return piece


def xorshift16(state):
    state ^= state << 7 & 0xFFFF
    state ^= state >> 9
    return state ^ state << 8 & 0xFFFF


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


def sync():
    if hasattr(os, "sync"):
        os.sync()


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


# ---- memory ----

# March C- (van de Goor): up w0; up r0,w1; up r1,w0; down r0,w1; down r1,w0; up r0. In the order of
# (down, word read or 2, word written or 2); words 0 and 1 of a background.
MARCH = ((0, 2, 0), (0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0), (0, 0, 2))
BACKGROUNDS = ((0x00000000, 0xFFFFFFFF), (0x55555555, 0xAAAAAAAA), (0x00FF00FF, 0xFF00FF00))

# Compared through memory, so that words are alike whatever the width of viper's int.
VIPER = """
@micropython.viper
def element(p: ptr32, n: int, words: ptr32, down: int, read: int, write: int, out: ptr32) -> int:
    wrong = 0
    want = words[read & 1]
    new = words[write & 1]
    i = n if down else -1
    for step in range(n):
        i = i - 1 if down else i + 1
        if read < 2:
            if p[i] != want:
                if not wrong:
                    out[0] = i
                    out[1] = p[i]
                wrong += 1
        if write < 2:
            p[i] = new
    return wrong

@micropython.viper
def numbered(p: ptr32, n: int, invert: int, write: int) -> int:
    wrong = 0
    if write:
        for i in range(n):
            p[i] = i ^ invert
    else:
        for i in range(n):
            if int(p[i]) & 0x3FFFFFFF != (i ^ invert) & 0x3FFFFFFF:
                wrong += 1
    return wrong

@micropython.viper
def loop_read(p: ptr32, blocks: int, times: int):
    for time in range(times):
        i = 0
        for block in range(blocks):
            p[i]; p[i + 1]; p[i + 2]; p[i + 3]; p[i + 4]; p[i + 5]; p[i + 6]; p[i + 7]
            p[i + 8]; p[i + 9]; p[i + 10]; p[i + 11]; p[i + 12]; p[i + 13]; p[i + 14]; p[i + 15]
            i += 16

@micropython.viper
def loop_write(p: ptr32, blocks: int, times: int):
    for time in range(times):
        i = 0
        for block in range(blocks):
            p[i] = 0; p[i + 1] = 0; p[i + 2] = 0; p[i + 3] = 0; p[i + 4] = 0; p[i + 5] = 0
            p[i + 6] = 0; p[i + 7] = 0; p[i + 8] = 0; p[i + 9] = 0; p[i + 10] = 0; p[i + 11] = 0
            p[i + 12] = 0; p[i + 13] = 0; p[i + 14] = 0; p[i + 15] = 0
            i += 16

@micropython.viper
def loop_copy(p: ptr32, q: ptr32, blocks: int, times: int):
    for time in range(times):
        i = 0
        for block in range(blocks):
            q[i] = p[i]; q[i + 1] = p[i + 1]; q[i + 2] = p[i + 2]; q[i + 3] = p[i + 3]
            q[i + 4] = p[i + 4]; q[i + 5] = p[i + 5]; q[i + 6] = p[i + 6]; q[i + 7] = p[i + 7]
            q[i + 8] = p[i + 8]; q[i + 9] = p[i + 9]; q[i + 10] = p[i + 10]
            q[i + 11] = p[i + 11]; q[i + 12] = p[i + 12]; q[i + 13] = p[i + 13]
            q[i + 14] = p[i + 14]; q[i + 15] = p[i + 15]
            i += 16
"""

# Blocks of 64 bytes by LDMIA and STMIA of r4 to r7, which inline assembly has no names for.
THUMB = """
@micropython.asm_thumb
def loop_read(r0, r1, r2):
    label(TIMES)
    push({r0, r1})
    label(AGAIN)
    data(2, 0xC8F0, 0xC8F0, 0xC8F0, 0xC8F0)
    sub(r1, 1)
    bgt(AGAIN)
    pop({r0, r1})
    sub(r2, 1)
    bgt(TIMES)

@micropython.asm_thumb
def loop_write(r0, r1, r2):
    label(TIMES)
    push({r0, r1})
    label(AGAIN)
    data(2, 0xC0F0, 0xC0F0, 0xC0F0, 0xC0F0)
    sub(r1, 1)
    bgt(AGAIN)
    pop({r0, r1})
    sub(r2, 1)
    bgt(TIMES)

@micropython.asm_thumb
def loop_copy(r0, r1, r2, r3):
    label(TIMES)
    push({r0, r1, r2})
    label(AGAIN)
    data(2, 0xC8F0, 0xC1F0, 0xC8F0, 0xC1F0, 0xC8F0, 0xC1F0, 0xC8F0, 0xC1F0)
    sub(r2, 1)
    bgt(AGAIN)
    pop({r0, r1, r2})
    sub(r3, 1)
    bgt(TIMES)
"""


def compiled(source):
    """The functions of a piece of native code, or None where this firmware cannot compile it."""
    names = {}
    try:
        exec("import micropython\n" + source, names)
    except (SyntaxError, NotImplementedError, ValueError):
        # No such decorator or instruction here (unix, x86); the report names what ran instead.
        return None
    return names


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


# ---- kernels ----

M, Q, K, N = 768, 500, 10, 64  # features, neurons, classes, images
PATCHED, FILTERS = 16, 32  # images and filters of the patch kernels


def kernels(test):
    """Cycles of every kernel, beside the estimate's bounds. On the emulated Cortex-M7 instead
    instructions, elsewhere microseconds."""
    counter, mask, unit = test.counter_of_work()
    alloc = test.arena()
    found = {"unit": unit, "kernels": {}}
    outside = []
    for name, work in kernel_calls(alloc, found):
        work()  # once, for the caches
        counts = []
        for _ in range(1 if unit == "instructions" else 3):
            first = counter()
            work()
            counts.append((counter() - first) & mask)
        row = {"least": min(counts), "most": max(counts)}
        if name in KERNELS:
            instructions, low, high = KERNELS[name]
            row["instructions_emulated"] = instructions
            row["estimate"] = [low, high]
            if unit == "cycles" and not low <= row["least"] <= high:
                outside.append(name)
        found["kernels"][name] = row
        test.say(
            "%s: %d %s, estimated cycles %s" % (name, row["least"], unit, row.get("estimate"))
        )
    found["outside_the_estimate"] = outside
    return found


def kernel_calls(alloc, found):
    """(name, function) of each kernel on deterministic data; big arrays from alloc."""
    order, few = M, 32
    found["shape"] = {
        "filters": FILTERS,
        "features": M,
        "neurons": Q,
        "classes": K,
        "images": N,
        "rows": few,
    }
    packed = M * (M + 1) // 2
    x, gram, factor = alloc(2 * N * M), alloc(4 * packed), alloc(4 * packed)
    w1 = alloc(2 * Q * M)
    panel, solution = alloc(4 * M * ridge.PANEL), alloc(4 * M * ridge.PANEL)
    w, v = alloc(2 * K * M), array("i", bytes(4 * K * K))
    small = alloc(2 * N * (N + 1))
    size = ridge.work_bytes(M, Q)
    work = alloc.fast(size) if hasattr(alloc, "fast") else alloc(size)
    keep = array("H", range(16, M + 16))
    images = alloc(N * 784)
    state = 1
    for i in range(len(images)):
        state = xorshift16(state)
        images[i] = state & 255
    labels = bytearray(i % K for i in range(N))
    for i in range(0, len(w1), 2):
        w1[i] = i * 37 >> 1 & 255
        w1[i + 1] = 0 if i & 6 else 255
    for i in range(0, len(w), 2):
        w[i] = i * 11 & 255
    hidden = alloc(2 * few * Q)
    sums, counts = alloc(4 * K * M), array("i", bytes(4 * K))
    good = bytearray(8 * N * K)
    total, leverage = array("f", bytes(4 * M)), array("f", bytes(4 * N))
    a, b = array("H", range(16)), array("H", range(16, 32))
    alpha = array("f", (((i * 7) & 15) - 8 for i in range(N * ridge.PANEL)))
    unit = alloc(2 * ridge.PANEL * M)
    rows = memoryview(x)[: 2 * few * M]
    one = memoryview(x)[: 2 * M]
    one_hidden = memoryview(hidden)[: 2 * Q]
    ridge.encode(images, keep, x)
    ridge.gram(x, gram, work)
    kept = bytearray(small)
    pixels, features = alloc(2 * PATCHED * 784), alloc(2 * PATCHED * 32 * FILTERS)
    ridge.encode(memoryview(images)[: 784 * PATCHED], array("H", range(784)), pixels)
    filters = array("h", ((i * 37 & 255) - 128 for i in range(36 * FILTERS)))
    bias = array("i", (i * 1001 for i in range(FILTERS)))
    patch_work = alloc(max(ridge.patch_work_bytes(), ridge.patch_work_bytes(FILTERS)))
    patch_gram, patch_sums = bytearray(4 * 36 * 37 // 2), bytearray(4 * 36)
    drawn, copied = memoryview(images)[:784], bytearray(15 * 784)
    block = bytearray(4 * ridge.PANEL * ridge.PANEL)
    diagonal = float(ridge.trace(gram) // M)

    yield "encode", lambda: ridge.encode(images, keep, x)
    yield "gram add", lambda: ridge.gram(x, gram, work)
    yield "gram remove", lambda: ridge.gram(x, gram, work, True)
    yield "kernel", lambda: ridge.kernel(x, M, small, work)
    yield "project", lambda: ridge.project(rows, w1, M, hidden, work)
    yield "project one", lambda: ridge.project(one, w1, M, one_hidden, work)
    yield "class_sums", lambda: ridge.class_sums(x, labels, sums, counts)
    yield "goodness", lambda: ridge.goodness(x, w, v, good)
    yield "nearest", lambda: ridge.nearest(one, x)
    yield "crc32", lambda: ridge.crc32(gram)
    yield "factor", lambda: ridge.factor(gram, factor, work, last=order, diagonal=diagonal)
    ridge.contrast(x, M, a, b, panel)
    yield "contrast", lambda: ridge.contrast(x, M, a, b, panel)
    yield "solve", lambda: ridge.solve(factor, panel, solution, work)
    yield "leverage", lambda: ridge.leverage(factor, x, total, 0.0, leverage, work)
    yield "combine", lambda: ridge.combine(x, alpha, N, panel)
    yield "unit_rows", lambda: ridge.unit_rows(panel, M, unit)
    yield "inverse block", lambda: ridge.inverse_block(factor, M, 0, ridge.PANEL, block, work)
    ridge.kernel(x, M, small, work)
    kept[:] = small

    def powers():
        small[:] = kept
        ridge.powers(small, 0, N)

    yield "powers", powers
    weights, some = memoryview(w)[: 2 * K * N], bytearray(4 * N)
    yield (
        "kernel goodness",
        lambda: ridge.kernel_goodness(one, x, weights, v, 21, good[: 8 * K], some),
    )
    yield "copies", lambda: ridge.copies(drawn, 28, 28, copied)
    yield (
        "patch gram",
        lambda: ridge.patch_gram(pixels, 28, 28, patch_gram, patch_sums, patch_work),
    )
    yield (
        "patch features",
        lambda: ridge.patch_features(pixels, 28, 28, filters, bias, 1000, features, patch_work),
    )


# ---- training ----

CLASSES, EACH, SIDE, HIDDEN = 5, 12, 28, 128


def training_images():
    """Samples that need no file: stripes of another slope for each class, under noise."""
    samples = Dataset(SIDE, SIDE, ["stripe %d" % c for c in range(CLASSES)])
    state = 1
    for _ in range(EACH):
        for c in range(CLASSES):
            state = xorshift16(state)
            shift = state & 15
            image = bytearray(SIDE * SIDE)
            for y in range(2, SIDE - 2):
                for x in range(2, SIDE - 2):
                    state = xorshift16(state)
                    if (x * (c + 1) + y * (CLASSES - c) + shift) % 12 < 5:
                        image[y * SIDE + x] = 128 + (state & 127)
                    elif state < 16384:
                        image[y * SIDE + x] = state & 127
            samples.append(image, c)
    return samples


def digest(network):
    """SHA-256 of a network's weights, in hex."""
    import hashlib

    sha = hashlib.sha256()
    if network.layer1:
        sha.update(network.layer1.w)
    sha.update(network.layer.w)
    sha.update(bytes(network.layer.v))
    sha.update(struct.pack("<ii", network.layer.exponent, network.info.loo_correct))
    return "".join("%02x" % byte for byte in sha.digest())


def training(test):
    """Trains on the same images as the emulator did; the weights have to be the same bits."""
    samples = training_images()
    found = {"images": len(samples), "crc_images": crc_of(samples), "runs": {}}
    counter, mask, unit = test.counter_of_work()
    found["unit"] = unit
    wrong = []
    for form, options in (
        ("primal", {"hidden": HIDDEN, "solver": "primal"}),
        ("dual", {"hidden": HIDDEN, "solver": "dual"}),
        ("uff_kernel", {"network": "uff_kernel", "hidden": FILTERS, "copies": 1}),
    ):
        trainer = Trainer(samples, Options(**options), alloc=test.arena())
        stages = {}
        begun = time.ticks_us()
        last = counter()
        for stage, done in trainer.steps():
            now = counter()
            stages[stage] = stages.get(stage, 0) + ((now - last) & mask)
            test.progress(form, done)
            last = counter()
        run = {
            "sha256": digest(trainer.network),
            "ms": time.ticks_diff(time.ticks_us(), begun) // 1000,
            "work": sum(stages.values()),
            "stages": stages,
            "network": trainer.network.name,
            "copies": trainer.copies,
            "dual": [trainer.network.layer1.dual, trainer.network.layer.dual],
            "leave_one_out_correct": trainer.network.info.loo_correct,
        }
        if form in TRAININGS:
            sha256, instructions, low, high = TRAININGS[form]
            run["instructions_emulated"], run["estimate_ms"] = instructions, [low, high]
            if unit == "cycles":
                test.say("%s: %d ms, estimated %d to %d" % (form, run["ms"], low, high))
            if sha256 != run["sha256"]:
                wrong.append("%s: want SHA-256 %s, got %s" % (form, sha256, run["sha256"]))
        found["runs"][form] = run
        trainer = None
    if wrong:
        raise Failed("; ".join(wrong), found)
    return found


def crc_of(samples):
    crc = 0
    for i in range(len(samples)):
        crc = ridge.crc32(samples[i], crc)
    return "%08x" % crc


# ---- display ----


def display(test):
    """Patterns, each with a question, and the time that a screen takes."""
    screen = test.screen()
    width, height, canvas = screen.width, screen.height, screen.framebuf
    found = {"width": width, "height": height, "answers": {}}
    colours = (0xFFFF, 0xFFE0, 0x07FF, 0x07E0, 0xF81F, 0xF800, 0x001F, 0x0000)

    def bars():
        for i, colour in enumerate(colours):
            canvas.fill_rect(i * width // 8, 0, width // 8 + 1, height, colour)

    def frame():
        canvas.fill(0)
        canvas.rect(0, 0, width, height, 0xFFFF)
        canvas.rect(2, 2, width - 4, height - 4, 0x07E0)

    def text():
        canvas.fill(0x001F)
        for y in range(0, height - 8, 16):
            canvas.text("%d: the quick brown fox 0123456789" % y, 8, y, 0xFFFF)

    for name, draw, question in (
        ("bars", bars, "white yellow cyan green magenta red blue black bars, left to right"),
        ("frame", frame, "a white frame on the very edge all round, a green one inside it"),
        ("text", text, "white text on blue, upright, left to right, not mirrored"),
    ):
        draw()
        screen.show(0, 0, width, height)
        found["answers"][name] = test.ask("Do you see " + question + "?")
    begun = time.ticks_us()
    for _ in range(10):
        screen.show(0, 0, width, height)
    found["screen_us"] = time.ticks_diff(time.ticks_us(), begun) // 10
    begun = time.ticks_us()
    for _ in range(10):
        screen.show(width // 2 - 32, height // 2 - 32, 64, 64)
    found["square_of_64_us"] = time.ticks_diff(time.ticks_us(), begun) // 10
    # A square in the middle that changes alone: rectangles work.
    canvas.fill(0)
    screen.show(0, 0, width, height)
    canvas.fill_rect(width // 2 - 100, height // 2 - 50, 200, 100, 0xF800)
    screen.show(width // 2 - 100, height // 2 - 50, 200, 100)
    found["answers"]["rectangle"] = test.ask("Do you see one red rectangle in the middle?")
    # Of the board's own display: which panel it is, and frames that were not sent in time.
    for name in ("panel", "underruns"):
        found[name] = getattr(screen, name, None)
    no = [name for name, answer in found["answers"].items() if answer == "no"]
    if no:
        raise Failed("not as it should be: " + ", ".join(sorted(no)), found)
    if "no answer" in found["answers"].values():
        raise Unconfirmed("nobody said what there was to see", found)
    return found


# ---- touch ----

NEAR = 60  # pixels from a target


def touch(test):
    """Rest, then five targets: where they were touched, raw and as pixels, and the faults."""
    panel = test.panel()
    found = {
        name: getattr(panel, name)
        for name in ("address", "vendor", "chip", "firmware", "note")
        if hasattr(panel, name)
    }
    test.say("Touch: leave the screen alone for %d s." % test.asked.rest_s)
    rest = watched(panel, int(1000 * test.asked.rest_s))
    found["reports_at_rest"] = sum(len(reports) for reports in rest)
    found["faults_at_rest"] = faults(panel)
    screen = test.board.display
    width, height = (screen.width, screen.height) if screen else (800, 480)
    targets = {
        "top left": (40, 40),
        "top right": (width - 41, 40),
        "bottom right": (width - 41, height - 41),
        "bottom left": (40, height - 41),
        "middle": (width // 2, height // 2),
    }
    found["targets"] = {}
    far, missed = [], 0
    for name in ("top left", "top right", "bottom right", "bottom left", "middle"):
        x, y = targets[name]
        if screen:
            screen.framebuf.fill(0)
            screen.framebuf.hline(x - 30, y, 61, 0xFFFF)
            screen.framebuf.vline(x, y - 30, 61, 0xFFFF)
            screen.framebuf.text("touch the cross: " + name, width // 2 - 120, height // 3, 0xFFFF)
            screen.show(0, 0, width, height)
        test.say("Touch the %s (%d, %d)." % (name, x, y))
        row = one_touch(panel, test.asked.touch_s)
        row["target"] = [x, y]
        found["targets"][name] = row
        if "press" not in row:
            missed += 1
            if missed == 2:
                test.say("No touches come: the rest is left out.")
                break
        elif max(abs(row["press"][0] - x), abs(row["press"][1] - y)) > NEAR:
            far.append(name)
    found["faults"] = faults(panel)
    if missed:
        raise Unconfirmed("%d targets were not touched, or nothing was seen" % missed, found)
    if far:
        raise Failed("more than %d pixels away: %s" % (NEAR, ", ".join(far)), found)
    return found


def faults(panel):
    return {
        name: getattr(panel, name)
        for name in ("nacks", "blanks", "ghosts", "leaps", "losses")
        if hasattr(panel, name)
    }


def watched(panel, limit_ms):
    """What read() gives, every 10 ms for so long."""
    begun = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), begun) < limit_ms:
        yield panel.read()
        time.sleep_ms(10)


def one_touch(panel, limit_s):
    """Where the next finger is pressed and lifted, and the controller's bytes at the press."""
    from drivers.touch import CONTACT, LIFT, PRESS

    row = {"contacts": 0}
    for reports in watched(panel, int(1000 * limit_s)):
        for report in reports:
            if report.event == PRESS and "press" not in row:
                row["press"] = [report.x, report.y]
                row["id"] = report.id
                if hasattr(panel, "raw"):
                    raw = panel.raw()
                    row["burst"] = "".join("%02x" % byte for byte in raw)
                    at = 1 + 6 * report.id
                    row["raw_x"] = (raw[at] & 15) << 8 | raw[at + 1]
                    row["raw_y"] = (raw[at + 2] & 15) << 8 | raw[at + 3]
            elif "press" in row and report.id == row["id"]:
                if report.event == CONTACT:
                    row["contacts"] += 1
                if report.event == LIFT:
                    row["lift"] = [report.x, report.y]
                    return row
    return row


# ---- all of it ----

# What may take the board down comes late; the plug comes last.
SECTIONS = (
    ("identity", "which board, which firmware", identity),
    ("clocks", "the clock tree, from its registers", clocks),
    ("flash", "a file written and read back", flash),
    ("sdram", "March C- and bandwidth", sdram),
    ("kernels", "cycles of each kernel beside the estimate", kernels),
    ("training", "the same bits as the emulator's", training),
    ("display", "patterns and times", display),
    ("touch", "rest, then five targets", touch),
    ("power", "writing while the plug is pulled", power),
)


class SelfTest:
    """One run: its parameters, its board (None where there is none), and its report."""

    def __init__(self, asked):
        self.asked = asked
        self.on_stm32 = "STM32" in getattr(sys.implementation, "_machine", "")
        self.report = {"selftest": 1, "sections": {}}
        self.board = None
        try:
            import boards

            self.board = boards.here()
        except Exception as error:
            # Whatever is wrong with the board's description, the rest can still tell something.
            self.report["no_board"] = "%s: %s" % (type(error).__name__, error)
            print("No board: " + self.report["no_board"])
        self.folder = self.board.folder if self.board else ""
        self.path = self.folder + asked.file
        self.report["cut_in"] = self.cut_in = self._previous()
        self._counter = None
        self._shown = time.ticks_ms()

    def run(self):
        wanted = [name for name in self.asked.sections.split(",") if name]
        known = [name for name, _, _ in SECTIONS]
        for name in wanted:
            if name not in known:
                raise ValueError("sections: %s is none of %s" % (name, ", ".join(known)))
        for name, title, section in SECTIONS:
            if not wanted or name in wanted:
                self._section(name, title, section)
        print("---- done; send back %s" % self.path)
        for name, _, _ in SECTIONS:
            if name in self.report["sections"]:
                self._say_state(name)
        job.result(**self.report)

    def _section(self, name, title, section):
        print("---- %s: %s" % (name, title))
        part = self.report["sections"][name] = {"state": "running"}
        self._save()
        gc.collect()
        begun = time.ticks_ms()
        try:
            part["found"] = section(self)
            part["state"] = "ok"
        except NotThere as reason:
            part["state"], part["why"] = "not there", str(reason)
        except Failed as failure:
            part["state"], (part["why"], part["found"]) = failure.state, failure.args
        except Exception as error:
            # A section of its own: what it met is what we want to know, and the next one runs.
            part["state"], part["why"] = "failed", "%s: %s" % (type(error).__name__, error)
            sys.print_exception(error)
        part["seconds"] = time.ticks_diff(time.ticks_ms(), begun) / 1000
        self._say_state(name)
        self._save()

    def _say_state(self, name):
        part = self.report["sections"][name]
        print("%-8s %s%s" % (name, part["state"], ": " + part["why"] if "why" in part else ""))

    def _previous(self):
        """What is to be known of an earlier run: the section it was cut in, else None."""
        try:
            with open(self.path) as file:
                sections = json.load(file)["sections"]
        except (OSError, ValueError, KeyError):
            return None
        for name, part in sections.items():
            if part["state"] == "running":
                return name
        return None

    def _save(self):
        try:
            with open(self.path + ".new", "w") as file:
                json.dump(self.report, file)
            sync()
            os.rename(self.path + ".new", self.path)
            sync()
        except OSError as error:
            print("%s cannot be written (%s); copy what is printed." % (self.path, error))

    # ---- what sections ask for ----

    def say(self, text):
        print(text)

    def progress(self, what, done):
        """A line every two seconds."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._shown) > 2000:
            self._shown = now
            print("  %s: %d %%" % (what, int(100 * done)))

    def counter(self):
        """What an earlier run left in the counter's file, as it was found when this one began."""
        if self._counter is None:
            self._counter = read_counter(self.folder + "selftest.counter")
        return self._counter

    def arena(self):
        return self.board.arena() if self.board else bytearray

    def screen(self):
        if self.board is None or self.board.display is None:
            raise NotThere("this board has no screen, or it did not start")
        return self.board.display

    def panel(self):
        if self.board is None or self.board.touch is None:
            raise NotThere("this board has no touch panel, or it did not answer")
        return self.board.touch

    def mem32(self):
        try:
            import stm
        except ImportError:
            raise NotThere("no module stm: this is not an STM32")
        return stm.mem32

    def cycle_counter(self):
        """A function that gives the core's cycles, modulo 2^32; None where there is none."""
        try:
            mem32 = self.mem32()
        except NotThere:
            return None
        mem32[0xE000EDFC] = mem32[0xE000EDFC] | 1 << 24  # DEMCR: trace on
        mem32[0xE0001FB0] = 0xC5ACCE55  # DWT_LAR: unlocked
        mem32[0xE0001004] = 0
        mem32[0xE0001000] = mem32[0xE0001000] | 1  # DWT_CTRL: CYCCNT counts
        first = mem32[0xE0001004]
        if mem32[0xE0001004] == first:
            self.say("DWT_CYCCNT stands still.")
            return None
        return lambda: mem32[0xE0001004]

    def counter_of_work(self):
        """(function, mask of its differences, unit)."""
        cycles = self.cycle_counter()
        if cycles:
            return cycles, 0xFFFFFFFF, "cycles"
        try:
            import board_m7
        except ImportError:
            return time.ticks_us, 0x3FFFFFFF, "us"
        if board_m7.instructions() is None:
            return time.ticks_us, 0x3FFFFFFF, "us"
        return board_m7.instructions, 0xFFFFFFFF, "instructions"

    def ask(self, question):
        """ "yes", "no" or "no answer"."""
        seconds = self.asked.answer_s
        print("%s Button or y: yes; n: no; %d s." % (question, seconds))
        keys = _keys()
        begun = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), begun) < 1000 * seconds:
            key = keys()
            if key == "n":
                return "no"
            if key == "y":
                return "yes"
            if self.board.button():
                while self.board.button():
                    time.sleep_ms(20)
                return "yes"
            time.sleep_ms(20)
        return "no answer"


def _keys():
    """A function that gives the next key typed, or "" """
    import select

    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)

    def key():
        return sys.stdin.read(1) if poll.poll(0) else ""

    return key


def main():
    SelfTest(job.Job(**JOB)).run()


job.main(main)
