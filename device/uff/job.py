"""The console side of the scripts: parameters from job.json, progress and results as lines that a
host can read.

A script is run by `micropython x.py` or `mpremote run x.py`, which passes no arguments; so its
parameters lie in job.json in the current directory. Lines that start with @ are JSON for a host
(`uff train`, `uff demo`), the others are for people.
"""

import binascii
import json
import sys
import time


class Job:
    """Parameters of a script: the given defaults, changed by job.json.

    ValueError for a key that is not among them, and for a value of another kind than a default
    that is not None.
    """

    def __init__(self, **defaults):
        try:
            with open("job.json") as file:
                given = json.load(file)
        except OSError:
            given = {}
        except ValueError:
            raise ValueError("job.json: this is no JSON")
        if not isinstance(given, dict):
            raise ValueError("job.json: want an object with keys and values")
        for key, value in given.items():
            if key not in defaults:
                raise ValueError("job.json: %r is none of %s" % (key, ", ".join(sorted(defaults))))
            for kind, name in (
                (bool, "true or false"),
                (str, "a text"),
                ((int, float), "a number"),
            ):
                if isinstance(defaults[key], kind):
                    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
                        raise ValueError("job.json: %s: want %s, got %r" % (key, name, value))
                    break
        defaults.update(given)
        for key, value in defaults.items():
            setattr(self, key, value)


class Progress:
    """Prints a @progress line some times a second; call it with a stage and the part done (0 to
    1) of the whole job."""

    def __init__(self, every_ms=200):
        self._every_ms = every_ms
        self._started = self._shown = time.ticks_ms()

    def __call__(self, stage, done):
        now = time.ticks_ms()
        if time.ticks_diff(now, self._shown) < self._every_ms and done < 1:
            return
        self._shown = now
        elapsed = time.ticks_diff(now, self._started) / 1000
        left = elapsed * (1 - done) / done if done > 0 else 0
        print("@progress", json.dumps({"stage": stage, "done": done, "left_s": left}))


def arena():
    """Where this board's big arrays come from (see boards); the heap where there is no package
    boards, as on firmware of others."""
    try:
        from boards import here
    except ImportError:
        from uff.arena import HeapArena

        return HeapArena()
    return here().arena


def result(**values):
    """The one @result line of a script, after its CRC-32: a serial line may damage it."""
    text = json.dumps(values)
    print("@crc %08x" % binascii.crc32(text))
    print("@result", text)


def main(work):
    """Runs a script's work(); an error becomes one sentence, an @error line and exit status 1."""
    try:
        work()
    except KeyboardInterrupt:
        fail("KeyboardInterrupt", "stopped; what was saved before is untouched")
    except OSError as error:
        what = _errno(error)
        fail("OSError", "%s: %s" % (error.args[1], what) if len(error.args) > 1 else what)
    except MemoryError as error:
        fail(
            type(error).__name__,
            str(error) or "out of memory; want a larger heap, fewer images or fewer neurons",
        )
    except (ValueError, OverflowError) as error:
        fail(type(error).__name__, str(error))


def _errno(error):
    import errno

    names = {
        errno.ENOENT: "no such file",
        errno.EACCES: "not allowed",
        errno.EIO: "input/output error",
    }
    names.update(
        {28: "the disk is full", 17: "the file is there already", 30: "read-only file system"}
    )
    return names.get(error.errno, "error %s" % error.errno)


def fail(kind, message):
    print(message)
    print("@error", json.dumps({"error": kind, "message": message}))
    sys.exit(1)
