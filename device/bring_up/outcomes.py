"""How a section ends, where it does not return what it found."""


class NotThere(Exception):
    """This machine lacks what a section is about."""


class Failed(Exception):
    """A section found something wrong: Failed(sentence, what was found)."""

    state = "failed"


class Unconfirmed(Failed):
    """Nobody answered a question, or did what a test asked for."""

    state = "not confirmed"
