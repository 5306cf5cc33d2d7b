"""The application of a board: made, run, and ended with a message on its screen."""

import asyncio
import gc
import sys

from . import screen as colours
from .app import TROUBLES, App
from .errors import sentence
from .recogniser import Recogniser
from .screen import screen_of


def start(board):
    """The application of a board, ready to run; it has the board and its memory for itself. Where
    it cannot be made, None: the screen and the console say why."""
    board.arena.clear()  # of one that was stopped before
    trouble = None
    for _ in range(2):  # the second time with the memory of the first
        try:
            recogniser = Recogniser(board.folder, board.arena)
            return App(board.display, board.touch, recogniser, board.leds, board.button)
        except TROUBLES as error:
            trouble = error
            gc.collect()
    stopped(board.display, trouble)
    return None


def serve(app):
    """Runs an application until it quits; once more where there was no memory to run it. Then, and
    after an error or Ctrl-C, the screen says that it has stopped."""
    try:
        for last in (False, True):
            try:
                asyncio.run(app.run())
                return
            except MemoryError:
                if last:
                    raise
                gc.collect()
                asyncio.new_event_loop()
    finally:
        end(app)


def end(app):
    """Ends an application, whatever has interrupted it, and says on the whole screen that nothing
    listens any more."""
    for _ in range(3):
        try:
            gc.collect()
            # Ctrl-C mostly comes while the tasks sleep: they know nothing of it, and would go on
            # beside those of the next application.
            asyncio.new_event_loop()
            app.end()
            _paint_stopped(app.screen)
            return
        except (KeyboardInterrupt, MemoryError):  # mpremote sends Ctrl-C twice
            pass


def _paint_stopped(screen):
    screen.clear()
    height = screen.main.height + 3 * screen.small.height
    top = (screen.height - height) // 2
    rect = 0, top, screen.width, screen.main.height
    screen.centred(screen.main, "Stopped", rect, colours.TEXT, colours.BACK)
    side = 2 * screen.small.height
    rect = side, top + screen.main.height, screen.width - 2 * side, 3 * screen.small.height
    text = "Your drawings are kept. Reset the board to go on."
    screen.paragraph(text, rect, colours.DIM, colours.BACK, (screen.small,), middle=True)
    screen.flush()


def stopped(display, error):
    """Says what ended the application: on the console what it was, in the middle of the screen
    what it means."""
    sys.print_exception(error)
    screen = screen_of(display)
    screen.clear()
    text = "The application has stopped: %s Reset the board." % sentence(error, "")
    rect = 0, 0, screen.width, screen.height
    screen.paragraph(text, rect, colours.AMBER, colours.BACK, middle=True)
    screen.flush()
