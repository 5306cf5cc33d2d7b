"""What the uff_*.py scripts share: a runner, small images, disks in memory that lose power.

A script defines test_... functions and ends with run(globals()); that prints one `ok`, `SKIP` or
`FAIL` line for each and exits with status 1 if one failed. Nothing here needs a file system of the
board's own: disks are mounted from memory.
"""

import gc
import os
import sys

HEIGHT = WIDTH = 8  # 48 features beside the label pixels


class Skip(Exception):
    """Raised by a test that this firmware cannot run."""


def run(tests):
    failed = 0
    asked = sys.argv[1:]  # names of some of them
    for name in sorted(name for name in tests if name.startswith("test_")):
        if asked and name not in asked:
            continue
        gc.collect()
        try:
            tests[name]()
        except Skip as reason:
            print("SKIP", name, reason)
        except Exception as error:
            print("FAIL", name)
            sys.print_exception(error)
            failed += 1
            try:
                umount()  # for the next
            except OSError:
                pass
        else:
            print("ok", name)
    if failed:
        raise SystemExit(1)


def not_in_16_mb():
    """Skips a test that trains on hundreds of whole images, where all of memory is 16 MB."""
    if sys.platform == "qemu":
        raise Skip("hundreds of whole images are more than its 16 MB")


def raises(kind, part, work, *args, **named):
    """Asserts that work(...) raises exactly `kind` with `part` in its sentence; returns it."""
    try:
        work(*args, **named)
    except Exception as error:
        assert type(error) is kind, "want %s, got %r" % (kind.__name__, error)
        assert part in str(error), "want %r in %r" % (part, str(error))
        return error
    raise AssertionError("nothing raised; want %s with %r" % (kind.__name__, part))


class Random:
    """Whole numbers from a seed, the same everywhere."""

    def __init__(self, seed):
        self.state = seed * 2 + 1

    def below(self, n):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % n


def image(label, number, height=HEIGHT, width=WIDTH, noise=200):
    """A bar whose place tells the class, under noise that makes some images hard."""
    random = Random(label * 4001 + number)
    pixels = bytearray(random.below(noise) for _ in range(height * width))
    for y in range(2, height - 2):
        for x in range(width):
            if (x + label) % 3 == 0 and random.below(4):
                pixels[y * width + x] = 120 + random.below(136)
    return pixels


NAMES = ["bar", "comb", "fence", "grid", "wall", "gate"]


def fill(samples, each, first=0):
    """Appends `each` images a class, interleaved, beginning with image number `first`."""
    for number in range(first, first + each):
        for label in range(len(samples.names)):
            samples.append(image(label, number, samples.height, samples.width), label)
    return samples


def small_samples(each=8, classes=3, first=0, height=HEIGHT, width=WIDTH):
    from uff import Dataset

    return fill(Dataset(height, width, NAMES[:classes]), each, first)


def planned(images, height, width, classes, options):
    """The Plan of a training without its images."""
    from uff import LabelEmbedding, Plan

    return Plan(images, LabelEmbedding(height, width), classes, options)


class Stopped:
    """A module, but Ctrl-C comes before or after the nth call of functions with these names."""

    def __init__(self, real, names, nth, after):
        self.real, self.names, self.left, self.after = real, names, nth, after

    def __getattr__(self, name):
        function = getattr(self.real, name)
        if name not in self.names:
            return function

        def stops(*args):
            self.left -= 1
            if not self.left and not self.after:
                raise KeyboardInterrupt
            function(*args)
            if not self.left and self.after:
                raise KeyboardInterrupt

        return stops


class PowerCut(OSError):
    pass


class RamDisk:
    """A block device in memory. At write number `cut_at` the power goes: none after it arrives.

    torn: half of that write arrives (littlefs); else nothing of it (sectors are whole or not).
    """

    def __init__(self, blocks=64, size=512, torn=True):
        self.size = size
        self.data = bytearray(b"\xff" * (blocks * size))
        self.torn = torn
        self.count = 0
        self.cut_at = None
        # Errors as codes: the collector closes files that the cut left open, and prints these.
        self.dead = False

    def readblocks(self, block, buffer, offset=0):
        if self.dead:
            return -5
        start = block * self.size + offset
        buffer[:] = self.data[start : start + len(buffer)]
        return 0

    def _power(self, length):
        """Bytes of this write that arrive."""
        self.count += 1
        if self.cut_at is None or self.count < self.cut_at:
            return length
        return length // 2 if self.torn and self.count == self.cut_at else 0

    def writeblocks(self, block, buffer, offset=None):
        if self.dead:
            return -5
        if offset is None:
            # Sectors are written whole or not at all, but several in one call may be parted.
            for i in range(0, len(buffer), self.size):
                self.count += 1
                if self.cut_at is not None and self.count >= self.cut_at:
                    raise OSError(5)
                start = block * self.size + i
                self.data[start : start + self.size] = buffer[i : i + self.size]
            return 0
        arrives = self._power(len(buffer))
        start = block * self.size + offset
        self.data[start : start + arrives] = buffer[:arrives]
        if arrives < len(buffer):
            raise OSError(5)
        return 0

    def ioctl(self, request, argument):
        if request == 4:
            return len(self.data) // self.size
        if request == 5:
            return self.size
        if request == 6:  # erase, for littlefs
            if self.dead:
                return -5
            arrives = self._power(self.size)
            start = argument * self.size
            self.data[start : start + arrives] = b"\xff" * arrives
            return 0 if arrives == self.size else -5
        return 0


def mount(disk, kind, point="/ram", format=False):
    """Mounts a RamDisk with a file system of the module vfs, by name."""
    import vfs

    if not hasattr(vfs, kind):
        raise Skip("firmware built without " + kind)
    system = getattr(vfs, kind)
    if format:
        system.mkfs(disk)
    vfs.mount(system(disk), point)
    return point


def umount(point="/ram"):
    import vfs

    vfs.umount(point)


def scratch(kind="VfsLfs2", blocks=512):
    """A fresh disk in memory for a test; returns its folder. Taken away with umount()."""
    return mount(RamDisk(blocks), kind, format=True)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True
