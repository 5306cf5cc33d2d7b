"""Parts of a sentence for people: articles, plurals, capitals."""


def as_sentence(text):
    """With a capital at its beginning and a stop at its end."""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def with_article(name):
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
