"""Bytes to write and read back, and the flush that makes them lasting."""

import os

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


def sync():
    if hasattr(os, "sync"):
        os.sync()
