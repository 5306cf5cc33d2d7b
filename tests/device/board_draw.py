"""A small app for the tests of the virtual board: draws where it is touched, LED 1 on while it
runs, ends when the user button is held."""

import time

import boards
from drivers.touch import LIFT, PRESS

board = boards.here()
display = board.display
screen = display.framebuf
COLOURS = (0xFFE0, 0x07FF)
last = {}

if not board.button():
    screen.fill(0x001F)
    display.show(0, 0, display.width, display.height)
    board.leds[0].on()
    print("drawing")
while not board.button():
    for touch in board.touch.read():
        if touch.event == PRESS:
            last[touch.id] = touch.x, touch.y
        x, y = last[touch.id]
        screen.line(x, y, touch.x, touch.y, COLOURS[touch.id])
        last[touch.id] = touch.x, touch.y
        left, top = min(x, touch.x), min(y, touch.y)
        display.show(left, top, abs(x - touch.x) + 1, abs(y - touch.y) + 1)
        if touch.event == LIFT:
            print("lift", touch.id)
    time.sleep_ms(5)
print("button held")
