"""capture/touch_recording.py with small.ufft, long.ufft, wrong0.ufft and wrong1.ufft in the
current directory, which tests/device/test_replay.py writes."""

import os

from capture import touch_recording
from capture.touch_recording import Recorder, Replay
from drivers.touch import CONTACT, LIFT, PRESS, Touch


def refused(path, part, width=800, height=480):
    try:
        Replay(path, width, height).close()
    except ValueError as error:
        assert path in str(error) and part in str(error), error
        return
    raise AssertionError("%s was taken" % path)


def there(name):
    return name in os.listdir()


# ---- damage ----

with open("small.ufft", "rb") as file:
    data = file.read()


def changed(content):
    with open("x.ufft", "wb") as file:
        file.write(content)


for size in range(len(data)):
    changed(data[:size])
    refused("x.ufft", "")
for bit in range(8 * len(data)):
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    changed(damaged)
    refused("x.ufft", "")
changed(data + b"\x00")
refused("x.ufft", "want 70 bytes for 5 touches, got 71")
changed(data[:4] + b"\x01" + data[5:])
refused("x.ufft", "recorded with an older application")
refused("wrong0.ufft", "touches that no controller reports")
refused("wrong1.ufft", "touches that no controller reports")
refused("small.ufft", "made on a screen of 800 x 480, this one has 480 x 272", 480, 272)

# ---- what is given, and when ----

replay = Replay("small.ufft", 800, 480)
assert (replay.count, replay.lasts_ms, replay.ended) == (5, 2500, False)
assert replay.read() == (Touch(0, PRESS, 0, 479), Touch(1, PRESS, 799, 0))
replay.hold = lambda: True
assert replay.read() == replay.read() == ()
replay.hold = None
assert replay.read() == (Touch(0, CONTACT, 3, 470), Touch(1, LIFT, 799, 0))
empty = 0
while not replay.ended:
    reports = replay.read()
    empty += not reports
assert reports == (Touch(0, LIFT, 3, 470),)
assert 1 < empty <= 100, empty  # a rest, but none that takes its whole time
assert replay.read() == () and replay.done == 1
replay.close()


# ---- recording ----


class Script:
    """A touch object that gives what a replay gives, and says it."""

    def __init__(self, path):
        self.replay = Replay(path, 800, 480)

    def read(self):
        reports = self.replay.read()
        for report in reports:
            print("long", *report)
        return reports


script = Script("long.ufft")
recorder = Recorder(script, "recorded.ufft", 800, 480)
while not script.replay.ended:
    recorder.read()
assert there("recorded.ufft.part") and not there("recorded.ufft")
recorder.close()
recorder.close()  # again does nothing
assert there("recorded.ufft") and not there("recorded.ufft.part")
assert recorder.count == 1000
first, second = Replay("long.ufft", 800, 480), Replay("recorded.ufft", 800, 480)
assert second.count == 1000
while not first.ended:
    reports = first.read()
    if reports:
        again = ()
        while len(again) < len(reports):
            again += second.read()
        assert again == reports
assert second.ended

recorder = Recorder(script, "never.ufft", 800, 480)
recorder.discard()
assert not there("never.ufft") and not there("never.ufft.part")

# ---- a full disk ends the recording, and the touches go on ----


class Full:
    def __init__(self, file):
        self.file = file

    def write(self, data):
        if self.file.tell() > 2000:
            raise OSError(28)
        return self.file.write(data)

    def close(self):
        self.file.close()


plain = touch_recording.open_file
touch_recording.open_file = lambda path, mode: (
    Full(plain(path, mode)) if mode == "wb" else plain(path, mode)
)
replay, given = Replay("long.ufft", 800, 480), 0
recorder = Recorder(replay, "full.ufft", 800, 480)
while not replay.ended:
    given += len(recorder.read())
touch_recording.open_file = plain
assert given == 1000 and recorder.failed.errno == 28
recorder.close()
assert not there("full.ufft") and not there("full.ufft.part")
print("capture_recording: ok")
