"""Replays recording.ufft in the application on a screen in memory, and leaves screen.bin, its
pixels, beside the files of the application (drawings.uffs, drawings.uffm).
"""

import asyncio

from boards import here
from boards.headless import MemoryDisplay
from capture.app import App
from capture.recogniser import Recogniser
from capture.storage import forget
from capture.touch_recording import Replay

forget("")
display = MemoryDisplay(800, 480)
replay = Replay("recording.ufft", 800, 480)
app = App(display, replay, Recogniser("", here().arena))
replay.hold = lambda: app.busy


async def follow():
    task = asyncio.create_task(app.run())
    while not (app.settled and replay.ended):
        await asyncio.sleep_ms(20)
    await asyncio.sleep_ms(300)
    with open("screen.bin", "wb") as file:
        file.write(display.framebuf)
    app.quit()
    await task


asyncio.run(follow())
