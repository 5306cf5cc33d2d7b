"""Measures the virtual board: from a finger's move to the frame with its pixels, and full frames.

device/scripts/dev/latency.py runs on the board, its touches pass the simulated controller, the
driver and the drawing as those of the app do. What a page adds (a socket, a canvas) is measured
there.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.patience import comes
from uff_host.virtual_board.framebuffer import Rectangle
from uff_host.virtual_board.hardware import Move
from uff_host.virtual_board.latency_statistics import Latency
from uff_host.virtual_board.running_board import RunningBoard

TOUCHES = 200
STEP = 40  # pixels; farther than what counts as near a touch
# As patience.py counts.
FIRST_S = 10.0
LOST_S = 1.0


@dataclass(frozen=True)
class Speed:
    """What was measured."""

    latency: Latency
    frames_per_second: float

    def sentences(self) -> str:
        """For people."""
        return (
            f"{self.latency.sentence()}\n"
            f"Whole screens: {self.frames_per_second:.0f} frames a second."
        )


async def measure(board: RunningBoard, touches: int = TOUCHES) -> Speed:
    """Run the script on the board and drag a finger over it.

    Raises:
        DeviceError: The board does not answer, or a touch was not drawn within a second.
    """
    code = (files.checkout() / "device" / "scripts" / "dev" / "latency.py").read_text(
        encoding="utf-8"
    )
    loop, hardware = asyncio.get_running_loop(), board.hardware
    drawn, wanted = asyncio.Event(), (0, 0)

    def look(part: Rectangle, answers: bool) -> None:
        if part.holds(*wanted):
            drawn.set()

    seconds = []
    async with board.running(code) as result:
        hardware.on_frame = look
        framebuffer = hardware.framebuffer
        columns = range(STEP, framebuffer.width - STEP, STEP)
        places = [
            (x, y)
            for number, y in enumerate(range(STEP, framebuffer.height - STEP, STEP))
            for x in (reversed(columns) if number % 2 else columns)  # back and forth, no leaps
        ]
        places += places[-2:0:-1]  # and the way back
        randoms = random.Random(0)
        if not await comes(drawn, FIRST_S):  # all of the screen
            raise DeviceError("latency.py drew nothing.")
        for number in range(touches + 1):
            wanted = places[number % len(places)]
            drawn.clear()
            begun = loop.time()
            hardware.move_fingers([Move(0, "move" if number else "press", *wanted, 0.0)])
            if not await comes(drawn, LOST_S):
                raise DeviceError(f"A touch at {wanted} was not drawn within a second.")
            if number:  # a press is debounced, and waits for a second scan
                seconds.append(loop.time() - begun)
            # Else every move would come right after a scan.
            await asyncio.sleep(randoms.random() * 0.02)
        hardware.move_fingers([Move(0, "lift", *wanted, 0.0)])
        output = await result
    latency = Latency.of(seconds)
    lines = [line for line in output.splitlines() if line.startswith("@result ")]
    if latency is None or not lines:
        raise DeviceError("latency.py gave no result.")
    return Speed(latency, json.loads(lines[-1].split(" ", 1)[1])["frames_per_second"])
