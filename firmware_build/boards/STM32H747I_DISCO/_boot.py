"""Runs before boot.py and main.py: mounts the flash as /flash and an SD card as /sd, and lets a
main.py in either go before the frozen one.

The flash (16 MB, QSPI) gets a littlefs where it holds no file system, or where the button asked
for a new one at reset. A FAT of an earlier firmware is mounted as it is. What is damaged is left
alone. USB offers the REPL alone: as a drive, a littlefs would look unformatted to the other side.
"""

import errno
import os
import struct
import sys

import board_h747
import pyb
import vfs
from boards.stm32h747i_card import Card

FLASH, CARD = "/flash", "/sd"
DAMAGED = 84  # LFS_ERR_CORRUPT


def littlefs_bytes(flash):
    """Length of the littlefs on it, by its superblock in one of the first two blocks; or 0."""
    block = bytearray(64)
    for number in range(2):
        flash.readblocks(number, block, 0)
        if block[8:16] == b"littlefs":
            size, count = struct.unpack_from("<II", block, 24)
            return size * count
    return 0


def make(flash):
    """A new, empty littlefs, mounted. What was there is lost."""
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), FLASH)


def mount_flash(new):
    """new: make a file system whatever is there."""
    flash = pyb.Flash(start=0)
    if new:
        print("A new file system is made in /flash, as the button asked.")
        return make(flash)
    length = littlefs_bytes(flash)
    if length:
        return vfs.mount(vfs.VfsLfs2(pyb.Flash(start=0, len=length)), FLASH)
    try:
        vfs.mount(vfs.VfsFat(pyb.Flash()), FLASH)
        print(
            "/flash is a FAT: it may lose files in a power cut. "
            "docs/stm32h747i_disco.md says how to renew it."
        )
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        print("/flash holds no file system: one is made.")
        make(flash)


def mount_card():
    if pyb.SDCard().present():
        vfs.mount(Card(), CARD)
        return True
    return False


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def main():
    pyb.usb_mode("VCP")  # first: output from here on waits in its buffer for the host
    mounted = []
    try:
        mount_flash(board_h747.new_file_system_wanted())
        mounted.append(FLASH)
        os.chdir(FLASH)
    except (OSError, ValueError) as error:
        why = "its littlefs is damaged" if error.args[:1] == (DAMAGED,) else error
        print("/flash cannot be mounted: %s. See Recovery in docs/stm32h747i_disco.md." % why)
    try:
        if mount_card():
            mounted.insert(0, CARD)
    except (OSError, ValueError) as error:
        print("/sd cannot be mounted: %s" % error)
    for folder in mounted:
        sys.path += [folder, folder + "/lib"]
    for folder in reversed(mounted):  # the card's goes first: what is named last is run
        if exists(folder + "/main.py"):
            pyb.main(folder + "/main.py")


main()
