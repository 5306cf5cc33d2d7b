"""Errors of the application, and the sentence that the screen shows for each error.

The text of a library's error never reaches a user. The screen shows the text of a Refused or an
OutOfMemory; of any other error it says what that means for the user, and the console what it was.
"""

import sys

from uff import FileChanged, FormatError

from . import words

NO_SPACE = 28  # errno
LITTLE_MEMORY = "Not enough memory for this. What was kept stays; try fewer drawings."


class Refused(ValueError):
    """What cannot be done, and why, in a sentence for people. Nothing was changed."""


class OutOfMemory(MemoryError):
    """What there is not enough memory for, in a sentence for people."""


class NotSaved(OSError):
    """The network was trained and is in use, but its file is the old one."""


def sentence(error, unchanged="; nothing was changed"):
    """What to say of an error that has changed nothing, or with "" of one that may have."""
    if isinstance(error, NotSaved):
        why = "the disk is full" if error.errno == NO_SPACE else "error %s" % error.errno
        return "It has learnt, but the network is not saved (%s)." % why
    if isinstance(error, (Refused, OutOfMemory)):
        return words.as_sentence(str(error))
    if isinstance(error, MemoryError):
        return LITTLE_MEMORY
    if isinstance(error, OSError):
        if error.errno == NO_SPACE:
            return "The disk is full%s. Remove files from it." % unchanged
        return "The disk does not do its work (error %s)%s." % (error.errno, unchanged)
    sys.print_exception(error)
    if isinstance(error, FileChanged):
        return "Another program has changed the drawings; see what is there."
    if isinstance(error, FormatError):
        return "The file of the drawings is damaged%s." % unchanged
    return "That did not work%s." % unchanged
