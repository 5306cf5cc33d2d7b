"""The virtual board: MicroPython's unix port behind a page that draws the board.

wire.py           what passes between MicroPython and its hardware
glass.py          the screen
ft6x06_model.py   the touch controller
hardware.py       these together: what the device's packets do, what a hand does
device.py         the process of MicroPython, started again when it ends
serial_port.py    the pty for mpremote
meter.py          frames and latencies
server.py         the page and its socket
command.py        `uff board`
"""

from uff_host.board.command import add_board_parser

__all__ = ["add_board_parser"]
