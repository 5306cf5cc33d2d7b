"""Files that are whole or not there: what samples and models share.

A new version is written as NAME.new, flushed, read back, and renamed over NAME. A file system
that cannot rename over a file (FAT) has NAME removed first; where the power went between the two,
finish_replacing() does the rest at the next start. Where NAME is there and sound, a NAME.new is
what was given up: who reads NAME removes it, or it could rise again once NAME is gone.
"""

import os

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
