"""The C module `lcd`: the 800 x 480 panel of the STM32H747I-DISCO, for editors and people.

The panel shows its own memory. Draw into the framebuffer, then send the rectangle that changed:
show() carries it over and returns when it has arrived. Between calls nothing reads the SDRAM.

Every function that talks to the panel raises OSError with a sentence where that fails; a time-out
names the flag that did not come and what its register held. After any failure the display is off
(backlight, panel, clocks) until init() is called again. Nothing waits for ever.
"""

WIDTH: int
HEIGHT: int

def init() -> str:
    """Reset and set up the panel, show a black screen, light the backlight; 0.3 to 0.5 s.

    Returns the controller found: "NT35510" or "OTM8009A". May be called again. Takes pins PG3
    (which also resets the touch controller) and PJ12. OSError within 1 s where no panel answers
    or another one does, where PLL3_R (the pixel clock) does not run at 10 to 60 MHz, or where DSI
    or LTDC do not do what they should.
    """

def framebuffer() -> bytearray:
    """768,000 bytes: RGB565, little-endian, 1,600 bytes a line, top left first. Not on the heap;
    always the same memory, whether the display is on or off.
    """

def show(x: int, y: int, w: int, h: int, /) -> None:
    """Send a rectangle; 10 ms for the whole screen at 40 MHz, 0.15 ms for 32 x 32 pixels.

    Left and right edges are widened to multiples of 16 pixels. ValueError for a rectangle that is
    empty or reaches beyond the screen.
    """

def backlight(on: bool, /) -> None:
    """Switch the backlight. init() has switched it on."""

def panel() -> str | None:
    """The controller that init() found, None while the display is off."""

def underruns() -> int:
    """How often since init() the LTDC could not read the SDRAM fast enough. Such a frame was sent
    again, twice at most, so a count that grows by three a call means damaged pictures.
    """

def deinit() -> None:
    """Put the panel to sleep and switch everything off; 0.12 s. While off: nothing happens."""
