"""The unix port as a board whose flash holds what a power cut has left: mounts it and runs its
main.py. micropython after_cut.py FILE: blocks that are not erased, each behind its number.
"""

import os
import struct
import sys

import vfs

BLOCK, BLOCKS = 4096, 4096  # as the board's
ERASED = b"\xff" * BLOCK


class Flash:
    """A block device that knows erasures, and programs that change ones to zeros alone."""

    def __init__(self, path):
        self.blocks = {}
        with open(path, "rb") as file:
            while True:
                head = file.read(4)
                if not head:
                    break
                self.blocks[struct.unpack("<I", head)[0]] = bytearray(file.read(BLOCK))

    def readblocks(self, number, buffer, offset=0):
        buffer[:] = self.blocks.get(number, ERASED)[offset : offset + len(buffer)]

    def writeblocks(self, number, buffer, offset):
        block = self.blocks.get(number)
        if block is None:
            block = self.blocks[number] = bytearray(ERASED)
        end = offset + len(buffer)
        before = block[offset:end]
        if before == ERASED[: len(buffer)]:
            block[offset:end] = buffer
        else:
            left = int.from_bytes(before, "little") & int.from_bytes(buffer, "little")
            block[offset:end] = left.to_bytes(len(buffer), "little")

    def ioctl(self, request, argument):
        if request == 6:
            self.blocks.pop(argument, None)
        return {4: BLOCKS, 5: BLOCK}.get(request, 0)


vfs.mount(vfs.VfsLfs2(Flash(sys.argv[1])), "/flash")
os.chdir("/flash")
with open("main.py") as file:
    program = file.read()
exec(program, {"__name__": "__main__"})
