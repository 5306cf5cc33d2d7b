"""What the application says: its refusals, and a sentence for each error.

A library's words never reach a user. What is to be read on the screen is a Refused or a TooMuch;
of any other error the screen says what it means for the user, and the console what it was.
"""

import sys

from uff import FileChanged, FormatError

NO_SPACE = 28  # errno
LITTLE_MEMORY = "Not enough memory for this. What was kept stays; try fewer drawings."


class Refused(ValueError):
    """What cannot be done, and why, in a sentence for people. Nothing was changed."""


class TooMuch(MemoryError):
    """What there is not enough memory for, in a sentence for people."""


class NotSaved(OSError):
    """The network was trained and is in use, but its file is the old one."""


def sentence(error, unchanged="; nothing was changed"):
    """What to say of an error that has changed nothing, or with "" of one that may have."""
    if isinstance(error, NotSaved):
        why = "the disk is full" if error.errno == NO_SPACE else "error %s" % error.errno
        return "It has learnt, but the network is not saved (%s)." % why
    if isinstance(error, (Refused, TooMuch)):
        return whole(str(error))
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


def whole(text):
    """With a capital at its beginning and a stop at its end."""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def a(name):
    """A class's name with its article: a 2, an 8, an apple, an M."""
    return ("an " if _is_an(name) else "a ") + name


def _is_an(name):
    first = name[:1]
    if first in "0123456789":
        number = ""
        for letter in name:
            if letter not in "0123456789":
                break
            number += letter
        return first == "8" or number in ("11", "18")
    if len(name) == 1:
        return first.upper() in "AEFHILMNORSXÄÖ"
    return first.upper() in "AEIOÄÖÅÆ" or first in "ÀÁÂÃÈÉÊËÌÍÎÏÒÓÔÕØàáâãèéêëìíîïòóôõøäöåæ"


def counted(count, noun="drawing"):
    """1 drawing, 2 drawings."""
    return "1 " + noun if count == 1 else "%d %ss" % (count, noun)
