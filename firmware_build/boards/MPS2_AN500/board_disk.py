"""Mounts the disk as /: a file of the host where the emulator was started with disk=NAME, which
outlives it, else RAM outside the heap, which soft resets leave alone."""

import os

import board_m7
import vfs
from micropython import const

_BLOCK = const(4096)


class RamDisk:
    def __init__(self):
        self._memory = memoryview(board_m7.ram_disk())

    def readblocks(self, number, buffer, offset=0):
        start = number * _BLOCK + offset
        buffer[:] = self._memory[start : start + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        start = number * _BLOCK + offset
        self._memory[start : start + len(buffer)] = buffer

    def ioctl(self, request, argument):
        if request == 4:
            return len(self._memory) // _BLOCK
        if request == 5:
            return _BLOCK
        return 0


class HostDisk:
    def __init__(self, name):
        self._file = board_m7.HostFile(name, "r+b")
        self._blocks = self._file.seek(0, 2) // _BLOCK

    def readblocks(self, number, buffer, offset=0):
        self._file.seek(number * _BLOCK + offset)
        if self._file.readinto(buffer) != len(buffer):
            raise OSError(5)

    def writeblocks(self, number, buffer, offset=0):
        self._file.seek(number * _BLOCK + offset)
        self._file.write(buffer)

    def ioctl(self, request, argument):
        if request == 4:
            return self._blocks
        if request == 5:
            return _BLOCK
        return 0


def mount():
    name = board_m7.option("disk")
    disk = HostDisk(name) if name else RamDisk()
    # littlefs caches four read sizes: a whole block, so that few reads come here. No times: there
    # is no clock that keeps the date, and how many instructions os.stat() takes to divide one
    # depends on the time itself.
    sizes = {"readsize": 1024, "progsize": 256, "lookahead": 512, "mtime": False}
    try:
        system = vfs.VfsLfs2(disk, **sizes)
    except OSError:
        vfs.VfsLfs2.mkfs(disk, **sizes)
        system = vfs.VfsLfs2(disk, **sizes)
    vfs.mount(system, "/")
    os.chdir("/")
