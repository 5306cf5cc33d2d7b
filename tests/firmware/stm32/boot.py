"""The STM32H747I-DISCO's _boot.py (path in boot.json) on a stand-in for its flash, card and USB.

Prints what each start says and finds; ends with OK.
"""

import json
import os
import sys

import uctypes
import vfs

BLOCK, BLOCKS = 4096, 64
with open("boot.json") as file:
    BOOT = json.load(file)
with open(BOOT) as file:
    CODE = file.read()

raw = bytearray(b"\xa5" * (BLOCK * BLOCKS))  # a demo's pictures, no file system
broken = False  # every access fails


class Flash:
    """As pyb.Flash: start= gives blocks of 4096 bytes, without it there are sectors of 512."""

    def __init__(self, start=-1, len=-1):
        self.size = 512 if start < 0 and len < 0 else BLOCK
        self.length = BLOCK * BLOCKS if len < 0 else len
        if self.length % BLOCK or self.length > BLOCK * BLOCKS:
            raise ValueError

    def readblocks(self, number, buffer, offset=0):
        if broken:
            return -5
        at = number * self.size + offset
        buffer[:] = memoryview(raw)[at : at + len(buffer)]
        return 0

    def writeblocks(self, number, buffer, offset=0):
        at = number * self.size + offset
        raw[at : at + len(buffer)] = buffer
        return 0

    def ioctl(self, op, arg):
        if op == 4:
            return self.length // self.size
        if op == 5:
            return self.size
        return 0


dtcm = bytearray(8 * 512)  # memory that the card's DMA does not reach


class Addresses:
    """As uctypes on the board: the heap lies in AXI SRAM, `dtcm` where the DTCM does."""

    def addressof(self, buffer):
        away = uctypes.addressof(buffer) - uctypes.addressof(dtcm)
        return 0x20000000 + away if 0 <= away < len(dtcm) else 0x24001000


class Card(Flash):
    """As pyb.SDCard: whole sectors, and nothing for memory that its DMA does not reach."""

    data = None
    failing = -1  # the sector that cannot be read or written
    sectors = 0  # asked for

    def __init__(self):
        super().__init__()

    def present(self):
        return Card.data is not None

    def _error(self, number, buffer):
        count = len(buffer) // 512
        Card.sectors += count
        if addresses.addressof(buffer) < 0x24000000:
            return -5
        return -5 if number <= Card.failing < number + count else 0

    def readblocks(self, number, buffer):
        error = self._error(number, buffer)
        if not error:
            buffer[:] = memoryview(Card.data)[512 * number : 512 * number + len(buffer)]
        return error

    def writeblocks(self, number, buffer):
        error = self._error(number, buffer)
        if not error:
            Card.data[512 * number : 512 * number + len(buffer)] = buffer
        return error


class Pyb:
    Flash = Flash
    SDCard = Card
    usb = []
    own = None  # the program that is named instead of main.py

    def usb_mode(self, mode):
        self.usb.append(mode)

    def main(self, name):
        self.own = name


class Button:
    wanted = False

    def new_file_system_wanted(self):
        return self.wanted


sys.modules["pyb"] = pyb = Pyb()
sys.modules["uctypes"] = addresses = Addresses()
sys.modules["board_h747"] = button = Button()
home, path = os.getcwd(), list(sys.path)


def start(new=False):
    """One start; the folders that are mounted then."""
    for folder in ("/flash", "/sd"):
        try:
            vfs.umount(folder)
        except OSError:
            pass
    os.chdir(home)
    sys.path[:] = path
    pyb.usb.clear()
    pyb.own = None
    button.wanted = new
    exec(CODE, {"__name__": "_boot"})
    assert pyb.usb == ["VCP"], pyb.usb
    return [folder for folder in sys.path if folder not in path]


def write(name, text):
    with open(name, "w") as file:
        file.write(text)


def read(name):
    with open(name) as file:
        return file.read()


# Nothing there that is a file system: littlefs is made, and found again.
assert start() == ["/flash", "/flash/lib"]
assert os.getcwd() == "/flash", os.getcwd()
assert raw[8:16] == b"littlefs" or raw[BLOCK + 8 : BLOCK + 16] == b"littlefs"
write("/flash/kept", "one")
print("again")
start()
assert read("kept") == "one"
assert pyb.own is None

# One's own main.py goes before the frozen one.
write("/flash/main.py", "")
start()
assert pyb.own == "/flash/main.py", pyb.own

# One of another length, made elsewhere.
vfs.umount("/flash")
short = Flash(start=0, len=32 * BLOCK)
vfs.VfsLfs2.mkfs(short)
vfs.mount(vfs.VfsLfs2(short), "/short")
write("/short/kept", "short")
vfs.umount("/short")
start()
assert read("kept") == "short"
assert os.statvfs("/flash")[2] == 32, os.statvfs("/flash")

# The button asks for a new one: all is gone.
print("button")
start(new=True)
assert os.listdir("/flash") == []
assert os.statvfs("/flash")[2] == BLOCKS

# A damaged littlefs is left alone, and a flash that does not answer.
write("/flash/kept", "two")
os.chdir(home)
vfs.umount("/flash")
sound = bytes(raw)
for block in range(2):
    raw[block * BLOCK + 24 : block * BLOCK + 32] = b"\x00\x10\x00\x00\x40\x00\x00\x00"
    raw[block * BLOCK + 32 : block * BLOCK + 512] = b"\xff" * 480
damaged = bytes(raw)
print("damaged")
assert start() == []
assert bytes(raw) == damaged
raw[:] = sound
print("broken")
broken = True
assert start() == []
broken = False
assert bytes(raw) == sound
start()
assert read("kept") == "two"

# A FAT stays one.
os.chdir(home)
vfs.umount("/flash")
raw[:] = bytes(len(raw))
vfs.VfsFat.mkfs(Flash())
vfs.mount(vfs.VfsFat(Flash()), "/flash")
write("/flash/kept", "fat")
vfs.umount("/flash")
print("fat")
start()
assert read("kept") == "fat"

# A card, its folders first in the path; an unreadable one.
Card.data = bytearray(BLOCK * BLOCKS)
vfs.VfsFat.mkfs(Card())
print("card")
assert start() == ["/sd", "/sd/lib", "/flash", "/flash/lib"]
assert os.getcwd() == "/flash"
write("/sd/x", "y")

# A file on it goes into and out of memory that its DMA does not reach, whole sectors and parts.
content = bytes(n * 7 & 255 for n in range(5000))
with open("/sd/content", "wb") as file:
    file.write(content)
view = memoryview(dtcm)
assert Card().readblocks(0, view[:512]) == -5  # what the wrapper is for
for begin, length in ((0, 4096), (0, 512), (512, 1024), (100, 3000), (4608, 392)):
    dtcm[:] = bytes(len(dtcm))
    with open("/sd/content", "rb") as file:
        file.seek(begin)
        Card.sectors = 0
        assert file.readinto(view[:length]) == length
        assert Card.sectors <= length // 512 + 3
    assert dtcm[:length] == content[begin : begin + length], (begin, length)
    assert dtcm[length:] == bytes(len(dtcm) - length), (begin, length)
    with open("/sd/copy", "wb") as file:
        assert file.write(view[:length]) == length
    with open("/sd/copy", "rb") as file:
        assert file.read() == content[begin : begin + length], (begin, length)

# A sector in the middle that cannot be read or written is an error there too.
whole = bytes(Card.data)
at = next(n for n in range(0, len(whole), 512) if whole[n : n + 512] == content[1024:1536])
for mode in ("rb", "r+b"):
    Card.failing = at // 512
    try:
        with open("/sd/content", mode) as file:
            if mode == "rb":
                file.readinto(view)
            else:
                file.write(view)
        raise AssertionError(mode)
    except OSError as error:
        assert error.errno == 5, error
    Card.failing = -1
assert bytes(Card.data)[at : at + 512] == content[1024:1536]

Card.data = bytearray(BLOCK * BLOCKS)
assert start() == ["/flash", "/flash/lib"]
print("OK")
