"""How fast the screen is: draws where it is touched until the finger is lifted, then fills the
whole screen again and again. Parameters in job.json: frames, wait_s (for the first touch).

On the board by `mpremote run`; `uff board --latency` drags a finger over it and measures.
"""

import time

import boards
from drivers.touch import LIFT

from uff.job import Job, main, result


def work():
    job = Job(frames=100, wait_s=10)
    board = boards.here()
    display = board.display
    if display is None:
        raise ValueError("latency: this board has no screen")
    screen = display.framebuf
    screen.fill(0)
    display.show(0, 0, display.width, display.height)
    touches, seen = 0, None
    begun = time.ticks_ms()
    while seen is not None or not touches:
        if not touches and time.ticks_diff(time.ticks_ms(), begun) > 1000 * job.wait_s:
            break
        for touch in board.touch.read():
            if touch.event == LIFT:
                seen = None
                break
            x, y = seen or (touch.x, touch.y)
            screen.line(x, y, touch.x, touch.y, 0xFFFF)
            seen = touch.x, touch.y
            left, top = min(x, touch.x), min(y, touch.y)
            display.show(left, top, abs(touch.x - x) + 1, abs(touch.y - y) + 1)
            touches += 1
        time.sleep_ms(10)
    begun_us = time.ticks_us()
    for number in range(job.frames):
        screen.fill(number * 0x0841 & 0xFFFF)
        display.show(0, 0, display.width, display.height)
    passed = time.ticks_diff(time.ticks_us(), begun_us)
    result(touches=touches, frames=job.frames, frames_per_second=job.frames * 1e6 / passed)


main(work)
