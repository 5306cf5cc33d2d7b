"""here(): the Board that this MicroPython runs on. Nothing outside this folder knows a target.

A Board has

    name        for people
    display     None, or an object with width, height (pixels), framebuf (framebuf.FrameBuffer,
                RGB565, the whole screen) and show(x, y, w, h), which sends that rectangle
    touch       None, or an object whose read() gives a tuple of 0 to 2 drivers.touch.Touch
    leds        a tuple of objects with on() and off()
    button()    True while the user button is held
    folder      where files live: "" or a path that ends in "/"
    arena       memory for big arrays: arena() gives an alloc(bytes) -> zeroed buffer for one
                training; after arena.keep() the next arena() gives other memory
"""

import os
import sys

_board = None


def here():
    """The one Board of this machine."""
    global _board
    if _board is None:
        _board = _module().Board()
    return _board


def _module():
    if "STM32H747I-DISCO" in getattr(sys.implementation, "_machine", ""):
        from boards import stm32h747i_disco as module
    elif hasattr(os, "getenv") and os.getenv("UFF_BOARD_FD"):
        import virtual_board as module
    elif sys.platform == "webassembly" and _has_screen():
        import web_board as module
    else:
        from boards import headless as module
    return module


def _has_screen():
    """A page has one, Node has none."""
    import board_web

    return board_web.screen() is not None
