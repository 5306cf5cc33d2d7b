"""The virtual board: MicroPython's unix port behind a page that draws the board.

wire.py                what passes between MicroPython and its hardware
framebuffer.py         the screen
ft6x06_model.py        the touch controller
latency_statistics.py  frames and latencies
hardware.py            these together: what the device's packets do, what fingers do
hand.py                a hand that touches as the device sees it
touched_firmware.py    the firmware bench as a target, with such a hand
process.py             a process with a console and wires, which the board is
device.py              that of MicroPython, started again when it ends
bench.py               or that of the firmware bench, which runs the board's own image
serial_port.py         the pty for mpremote
running_board.py       a board that is on
server.py              its pages; page/ is what a browser gets
latency.py             `uff board --latency`
browser_driver.py      somebody before the page, for tests and pictures
"""
