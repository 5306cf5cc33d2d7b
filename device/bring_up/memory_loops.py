"""Loops over memory in native code: March tests, and reading, writing, copying."""

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
