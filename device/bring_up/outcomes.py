"""How a section ends, where it does not return what it found."""


class NotThere(Exception):
    """This machine lacks what a section is about."""


class Failed(Exception):
    """A section found something wrong: Failed(sentence, what was found)."""

    state = "failed"


class Unconfirmed(Failed):
    """Nobody said or did what would tell."""

    state = "not confirmed"
