"""Runs the capture application on this board: a person draws, teaches, trains. Ctrl-C ends it.

With job.json {"replay": "x.ufft"} the touches come from that file instead, as fast as the board
takes them, on the board's screen or, where there is none, in memory; then the script reports what
the application came to. Such a replay keeps its files apart (replay-drawings.uffs and .uffm) and
begins without drawings. With {"record": "x.ufft"} it writes down what a person does. With
{"hand": 12} a machine touches the board's panel as in a replay, and lifts a finger twelve times.
"""

import asyncio
import hashlib
import time
from binascii import hexlify

from boards import here
from boards.headless import MemoryDisplay
from capture import app as application
from capture import running
from capture.recogniser import Recogniser
from capture.storage import MODEL, SAMPLES, forget
from capture.touch_recording import Recorder, Replay
from drivers.touch import LIFT, PRESS

from uff import job

JOB = {
    "replay": None,  # a file of touches to replay
    "hand": None,  # so many lifts of a hand that touches the panel: what it does is a replay
    "record": None,  # a file to write touches into
    # what the names of the files begin with; else replay- for a replay, the board's folder for a
    # person
    "files": None,
    "keep": False,  # a replay goes on with the drawings that are there
    "real_time": False,  # a replay takes as long as the person did
    "width": 800,  # of a screen in memory
    "height": 480,
}


class PredictionLog:
    """A touch object that passes on a replay, and notes what the application shows for a drawing
    when the finger next goes elsewhere: to a class, to Clear."""

    def __init__(self, replay):
        self._replay = replay
        self.app = None
        self.noted = []  # label, whether sure, margin in thousandths

    def read(self):
        reports = self._replay.read()
        for report in reports:
            if report.event == PRESS:
                if self.app.page.hit(report.x, report.y) != "field":
                    self.note()
        return reports

    def note(self):
        verdict = self.app.verdict
        if self.app.page_name == "DrawPage" and self.app.drawing and verdict is not None:
            margin = int(verdict.margin * 1000 + 0.5)
            self.noted.append((verdict.label, verdict.sure, margin))


class Hand:
    """A touch object that knows when a hand has lifted its fingers so many times: a replay through
    the board's own controller."""

    def __init__(self, touch, count):
        self._touch, self.count, self._left = touch, count, count

    @property
    def ended(self):
        return self._left <= 0

    @property
    def done(self):
        return 1 - self._left / self.count if self.count else 1.0

    def read(self):
        reports = self._touch.read()
        for report in reports:
            if report.event == LIFT:
                self._left -= 1
        return reports


def capture():
    asked = job.Job(**JOB)
    board = here()
    display = board.display
    files = asked.files
    by_hand = asked.hand is not None
    replayed = by_hand or asked.replay is not None
    if (by_hand or not replayed) and (display is None or board.touch is None):
        raise ValueError(
            "application: %s has no touchscreen; want a recording to replay in job.json"
            % board.name
        )
    if not replayed:
        files = board.folder if files is None else files
        touch = board.touch
    else:
        display = display or MemoryDisplay(asked.width, asked.height)
        files = "replay-" if files is None else files
        if not by_hand:
            replay = Replay(asked.replay, display.width, display.height)
        elif (display.width, display.height) == (asked.width, asked.height):
            replay = Hand(board.touch, asked.hand)  # type: ignore[assignment]
        else:
            raise ValueError(
                "application: touches of a screen of %d x %d, this one has %d x %d"
                % (asked.width, asked.height, display.width, display.height)
            )
        if not asked.keep:
            forget(files)
        touch = predictions = PredictionLog(replay)
    recorder = None
    if asked.record is not None:
        touch = recorder = Recorder(touch, asked.record, display.width, display.height)
    try:
        recogniser = Recogniser(files, board.arena)
        app = application.App(display, touch, recogniser, board.leds, board.button)
        started = time.ticks_ms()
        if not replayed:
            print("Draw on the screen of %s. Ctrl-C here ends it." % board.name)
            serve(app)
        else:
            predictions.app = app
            if by_hand:
                print("A hand touches the screen of %s, %d times." % (board.name, replay.count))
            else:
                print(
                    "Replaying %d touches of %d s on %s."
                    % (replay.count, replay.lasts_ms // 1000, board.name)
                )
                replay.hold = lambda: app.busy
            try:
                asyncio.run(follow(app, replay, by_hand or asked.real_time))
            finally:
                running.end(app)
            predictions.note()
        seconds = time.ticks_diff(time.ticks_ms(), started) / 1000
    finally:
        if recorder is not None:
            recorder.close()
    report(recogniser, files, seconds, recorder, predictions.noted if replayed else None)


def serve(app):
    """Until Ctrl-C, which is how a person ends it."""
    try:
        running.serve(app)
    except KeyboardInterrupt:
        print()


async def follow(app, replay, real_time):
    """Runs the application until the recording has ended and nothing is under way."""
    pause = application.POLL_MS
    if not real_time:
        application.POLL_MS = 0
    progress = job.Progress()
    task = asyncio.create_task(app.run())
    try:
        while not task.done() and not (app.settled and replay.ended):
            progress("replay", replay.done)
            await asyncio.sleep_ms(20)
    finally:
        application.POLL_MS = pause
        app.quit()
    await task  # raises what ended it before its time
    progress("replay", 1)


def report(recogniser, files, seconds, recorder, noted):
    counts = recogniser.counts()
    for name, count in zip(recogniser.names, counts):
        print("%s: %d" % (name, count))
    accuracy = recogniser.accuracy
    if recogniser.network is None:
        print("No network was trained.")
    elif accuracy is not None:
        print("Trained; leave-one-out accuracy %.3f." % accuracy)
    if noted:
        sure = sum(one[1] for one in noted)
        print("%d drawings were recognised while drawn, %d of them surely." % (len(noted), sure))
    if recorder is not None:
        if recorder.failed:
            print("The touches were not recorded (error %s)." % recorder.failed.errno)
        else:
            print("%d touches were recorded." % recorder.count)
    job.result(
        names=recogniser.names,
        counts=counts,
        samples=files + SAMPLES,
        samples_sha256=digest(files + SAMPLES),
        model=files + MODEL,
        model_sha256=digest(files + MODEL),
        loo_accuracy=accuracy,
        stale=recogniser.stale,
        predictions=noted,
        recorded=None if recorder is None or recorder.failed else recorder.count,
        seconds=seconds,
    )


def digest(path):
    """SHA-256 of a file in hex, None where there is none. (A CRC-32 would be the same of every
    file that ends with its own.)"""
    block, sha = memoryview(bytearray(1024)), hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while True:
                size = file.readinto(block)
                if not size:
                    return str(hexlify(sha.digest()), "ascii")
                sha.update(block[:size])
    except OSError:
        return None


job.main(capture)
