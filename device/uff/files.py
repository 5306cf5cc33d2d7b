"""What dataset and model files share: class names as bytes, and files that are whole or not there.

A new version is written as NAME.new, flushed, read back, and renamed over NAME. A file system
that cannot rename over a file (FAT) has NAME removed first; where the power went between the two,
finish_replacing() does the rest at the next start. Where NAME is there and sound, a NAME.new is
what was given up: who reads NAME removes it, or it could rise again once NAME is gone.
"""

import os

from ridge import MAX_CLASSES

EEXIST = 17
NOWHERE = (2, 19, 20)  # ENOENT, ENODEV, ENOTDIR: there is no such file


def open_file(path, mode):
    """open(), with the file's name in the OSError."""
    try:
        return open(path, mode)
    except OSError as error:
        raise OSError(error.errno, path)


def exists(path):
    """Whether something of this name is there, be it a folder or a file that cannot be read."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno not in NOWHERE
    return True


def discard(path):
    """Removes the file, if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass


def sync():
    """What was written and flushed is on the disk when this returns."""
    if hasattr(os, "sync"):
        os.sync()


def rename(old, new):
    """Gives a file another name, which nothing has."""
    os.rename(old, new)


def replace(new, path):
    """Renames new over path."""
    try:
        os.rename(new, path)
    except OSError as error:
        if error.errno != EEXIST:
            raise  # else what is there would go for a disk that does not work
        os.remove(path)
        os.rename(new, path)


def finish_replacing(path, whole):
    """Where path is gone and whole(path + ".new") is true, renames that to path."""
    if not exists(path) and whole(path + ".new"):
        os.rename(path + ".new", path)


def check_names(names):
    """A list of 1 to 16 class names, each 1 to 255 bytes of UTF-8; ValueError otherwise.

    MicroPython itself lets surrogates and longer forms than need be pass for UTF-8.
    """
    names = list(names)
    if not 1 <= len(names) <= MAX_CLASSES:
        raise ValueError("classes: want 1 to %d, got %d" % (MAX_CLASSES, len(names)))
    for name in names:
        if not 1 <= len(name.encode()) <= 255:
            raise ValueError("class name: want 1 to 255 bytes, got %d" % len(name.encode()))
        points = [ord(letter) for letter in name]
        if any(0xD800 <= point < 0xE000 for point in points) or name != "".join(map(chr, points)):
            raise ValueError("class name: want UTF-8, got %r" % name.encode())
    return names


def pack_names(names):
    """Class names as bytes: each behind its length."""
    return b"".join(bytes([len(name.encode())]) + name.encode() for name in names)


def unpack_names(packed, count):
    """The first `count` names of packed ones; ValueError where they are cut short."""
    names, at = [], 0
    for _ in range(count):
        size = packed[at] if at < len(packed) else 0
        if at + 1 + size > len(packed):
            raise ValueError("a class name is cut short")
        names.append(str(packed[at + 1 : at + 1 + size], "utf-8"))
        at += 1 + size
    return check_names(names)


def padding(size):
    """Zeros that fill `size` bytes up to a whole word."""
    return b"\0" * (-size % 4)
