"""Mounts the page's disk as /flash; one that holds no littlefs is formatted."""

import os
import sys

import board_web
import vfs
from micropython import const

_BLOCK = const(4096)


class Disk:
    def readblocks(self, number, buffer, offset=0):
        board_web.disk_read(number * _BLOCK + offset, buffer)

    def writeblocks(self, number, buffer, offset=0):
        board_web.disk_write(number * _BLOCK + offset, buffer)

    def ioctl(self, request, argument):
        if request == 3:  # sync
            board_web.disk_sync()
        elif request == 4:
            return board_web.disk_size() // _BLOCK
        elif request == 5:
            return _BLOCK
        return 0


def mount():
    disk = Disk()
    sizes = {"readsize": 256, "progsize": 256, "lookahead": 512}
    try:
        system = vfs.VfsLfs2(disk, **sizes)
    except OSError:
        vfs.VfsLfs2.mkfs(disk, **sizes)
        system = vfs.VfsLfs2(disk, **sizes)
    vfs.mount(system, "/flash")
    os.chdir("/flash")
    sys.path[:] = ["", ".frozen", "/flash", "/flash/lib"]
