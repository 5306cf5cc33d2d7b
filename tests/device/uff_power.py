"""Power cuts and full disks: there is the old model or the new one, and no sample is lost but one.

Two kinds of disk: file systems of MicroPython on a block device in memory that stops at the nth
block, and a fake of open() and os that stops at the nth call, tears writes in the middle and
forgets what was not flushed.
"""

import gc
import os

from uff_checks import RamDisk, contents, exists, mount, raises, run, small_samples, umount, write

import uff.files
from uff import Dataset, FormatError, Options, model
from uff.train import Trainer

SIDE = 5


def trained(seed, hidden=4):
    samples = small_samples(4, classes=2, height=SIDE, width=SIDE)
    return Trainer(samples, Options(hidden=hidden, seed=seed)).run()


def picture(number):
    return bytes([number]) * (SIDE * SIDE)


def live(path):
    samples = Dataset.open(path)
    assert samples.damaged == 0, samples.damaged
    for i in range(len(samples)):
        image = samples[i]
        assert image == picture(image[0])
    return [(samples[i][0], samples.labels[i]) for i in range(len(samples))]


# ---- a block device that stops ----

DISKS = (("VfsLfs2", True), ("VfsLfs2", False), ("VfsFat", False))


def cut_at_every_block(kind, torn, prepare, change, check):
    """prepare(folder) once; then for every n change(folder) with the power going at the nth block
    and check(folder, finished) with the power back. Returns how many n there were."""
    disk = RamDisk(64, torn=torn)
    folder = mount(disk, kind, format=True)
    prepare(folder)
    umount()
    before = bytes(disk.data)
    n = 1
    while True:
        disk.data[:] = before
        mount(disk, kind)
        disk.count, disk.cut_at = 0, n
        try:
            change(folder)
            finished = disk.count < n
        except OSError:
            finished = False
        disk.dead = True
        umount()
        gc.collect()  # files that the cut left open
        disk.cut_at, disk.dead = None, False
        mount(disk, kind)
        check(folder, finished)
        umount()
        if finished:
            return n - 1
        n += 1


def model_survives(first):
    old, new = trained(1), trained(2)
    old_bits, new_bits = bytes(old.layer1.w), bytes(new.layer1.w)

    def prepare(folder):
        if first:
            model.save(old, folder + "/a.uffm")

    def change(folder):
        model.save(new, folder + "/a.uffm")

    def check(folder, finished):
        path = folder + "/a.uffm"
        try:
            bits = bytes(model.load(path).layer1.w)
        except OSError:
            assert not first and not finished, "the model is lost"
            return
        assert bits == new_bits if finished else bits in (old_bits, new_bits)
        # And it goes on: the next save works.
        model.save(new, path)
        assert bytes(model.load(path).layer1.w) == new_bits

    for kind, torn in DISKS:
        cuts = cut_at_every_block(kind, torn, prepare, change, check)
        assert cuts > 3, cuts


def test_a_power_cut_at_any_block_leaves_the_old_model_or_the_new_one():
    model_survives(True)


def test_a_power_cut_at_any_block_of_the_first_save_leaves_none_or_the_whole_model():
    model_survives(False)


def test_a_power_cut_at_any_block_costs_only_the_sample_being_written():
    before = [(number, number % 2) for number in range(20)]  # over several blocks

    def prepare(folder):
        samples = Dataset.create(folder + "/a.uffs", SIDE, SIDE, ["a", "b"])
        for number, label in before:
            samples.append(picture(number), label)

    def append(samples):
        samples.append(picture(99), 1)

    def delete(samples):
        samples.delete(3)

    def relabel(samples):
        samples.relabel(3, 0)

    for work, after in (
        (append, before + [(99, 1)]),
        (delete, before[:3] + before[4:]),
        (relabel, before[:3] + [(3, 0)] + before[4:]),
    ):

        def change(folder, work=work):
            work(Dataset.open(folder + "/a.uffs"))

        def check(folder, finished, after=after):
            path = folder + "/a.uffs"
            found = live(path)
            assert found == after if finished else found in (before, after), found
            Dataset.open(path).append(picture(50), 0)
            assert live(path) == found + [(50, 0)]

        for kind, torn in DISKS:
            cut_at_every_block(kind, torn, prepare, change, check)


def test_a_power_cut_at_any_block_of_creating_leaves_no_file_or_an_empty_one():
    def prepare(folder):
        write(folder + "/other", b"x")

    def change(folder):
        Dataset.create(folder + "/a.uffs", SIDE, SIDE, ["a", "b"])

    def check(folder, finished):
        path = folder + "/a.uffs"
        if finished or exists(path):
            assert live(path) == []
        else:
            Dataset.create(path, SIDE, SIDE, ["a", "b"])
            assert live(path) == []
        assert contents(folder + "/other") == b"x"

    for kind, torn in DISKS:
        cut_at_every_block(kind, torn, prepare, change, check)


def test_a_full_disk_keeps_the_old_model():
    for kind, _ in DISKS[1:]:
        folder = mount(RamDisk(64), kind, format=True)
        path = folder + "/a.uffm"
        model.save(trained(1), path)
        old = contents(path)
        large = Trainer(
            small_samples(2, height=16, width=16), Options(hidden=100)
        ).run()  # W1 alone is 48 KB
        raises(OSError, "28", model.save, large, path)
        assert contents(path) == old and not exists(path + ".new")
        model.load(path)
        model.save(trained(2), path)
        umount()


def test_a_full_disk_costs_no_sample():
    for kind, _ in DISKS[1:]:
        folder = mount(RamDisk(64), kind, format=True)
        path = folder + "/a.uffs"
        samples = Dataset.create(path, SIDE, SIDE, ["a", "b"])
        samples.append(picture(0), 0)
        free = 40 * 512
        while free > 512:  # fill what is left
            try:
                write(folder + "/fill%d" % free, bytes(free))
            except OSError:
                pass
            free //= 2
        number, refused = 1, 0
        while refused < 3:
            assert number < 2000
            try:
                samples.append(picture(number % 250), number % 2)
                number += 1
            except OSError as error:
                assert error.errno == 28, error
                refused += 1
        assert len(samples) == number
        want = [(i % 250, i % 2) for i in range(number)]
        assert live(path) == want
        for name in os.listdir(folder):
            if name.startswith("fill"):
                os.remove(folder + "/" + name)
        samples.append(picture(77), 1)  # the same object, and over the torn record
        assert live(path) == want + [(77, 1)]
        umount()


# ---- a disk that stops at the nth call ----


class Cut(OSError):
    pass


class FakeDisk:
    """Files in memory behind open() and os. What was not flushed goes with the power; close() does
    not flush, as on POSIX.

    refuses: rename() does not replace a file, as on FAT.
    """

    def __init__(self, refuses):
        self.refuses = refuses
        self.files = {}  # as programs see them
        self.kept = {}  # as the power cut leaves them
        self.count = 0
        self.cut_at = 0

    def step(self):
        """Counts a call; Cut where the power goes or is gone, True where it goes just now."""
        self.count += 1
        return self.cut_at and self.count == self.cut_at

    def dead(self):
        if self.cut_at and self.count >= self.cut_at:
            raise Cut(5)

    def power_on(self):
        self.files = {name: bytearray(data) for name, data in self.kept.items()}
        self.count = self.cut_at = 0

    def open(self, path, mode="r"):
        self.dead()
        if "w" in mode:
            if self.step():
                raise Cut(5)
            self.files[path] = bytearray()
            self.kept[path] = b""
        elif path not in self.files:
            raise OSError(2)
        return FakeFile(self, path)

    # os
    def stat(self, path):
        self.dead()
        if path not in self.files:
            raise OSError(2)
        return (0,) * 6 + (len(self.files[path]),)

    def remove(self, path):
        self.dead()
        self.stat(path)
        if self.step():
            raise Cut(5)
        del self.files[path]
        self.kept.pop(path, None)

    def rename(self, old, new):
        self.dead()
        self.stat(old)
        if self.refuses and new in self.files:
            raise OSError(17)
        if self.step():
            raise Cut(5)
        self.files[new] = self.files.pop(old)
        self.kept[new] = self.kept.pop(old)


class FakeFile:
    def __init__(self, disk, path):
        self.disk = disk
        self.path = path
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def write(self, data):
        self.disk.dead()
        data = bytes(data)
        torn = self.disk.step()
        if torn:
            data = data[: len(data) // 2]
        file = self.disk.files[self.path]
        file[self.at : self.at + len(data)] = data
        self.at += len(data)
        if torn:
            self.disk.kept[self.path] = bytes(
                file
            )  # a torn write may also be the one that arrived
            raise Cut(5)
        return len(data)

    def flush(self):
        self.disk.dead()
        if self.disk.step():
            raise Cut(5)
        self.disk.kept[self.path] = bytes(self.disk.files[self.path])

    def seek(self, at, whence=0):
        self.at = at + (len(self.disk.files[self.path]) if whence == 2 else 0)
        return self.at

    def read(self, count=-1):
        data = self.disk.files[self.path]
        data = bytes(data[self.at :] if count < 0 else data[self.at : self.at + count])
        self.at += len(data)
        return data

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Installed:
    """Puts a FakeDisk in the place of open() and os in the library, while it is entered."""

    def __init__(self, disk):
        self.disk = disk

    def __enter__(self):
        uff.files.open, uff.files.os = self.disk.open, self.disk
        return self.disk

    def __exit__(self, *_):
        uff.files.open, uff.files.os = open, os


def loaded(path):
    try:
        return bytes(model.load(path).layer1.w)
    except (OSError, FormatError):
        return None


def test_saves_cut_one_after_another_always_leave_a_model():
    # At every pair of calls: the second save meets what the first one left lying about.
    networks = [trained(seed, hidden=2) for seed in (1, 2, 3)]
    bits = [bytes(network.layer1.w) for network in networks]
    for refuses in (False, True):
        with Installed(FakeDisk(refuses)) as disk:
            model.save(networks[0], "m")
            disk.count = 0
            model.save(networks[1], "m")
            calls = disk.count
            for load_between in (False, True):
                for first in range(1, calls + 1):
                    for second in range(1, calls + 3):
                        disk.files, disk.kept = {}, {}
                        disk.power_on()
                        model.save(networks[0], "m")
                        possible = bits[:1]
                        for network, cut in ((networks[1], first), (networks[2], second)):
                            disk.count, disk.cut_at = 0, cut
                            try:
                                model.save(network, "m")
                                possible = [bytes(network.layer1.w)]
                            except OSError:
                                possible = possible + [bytes(network.layer1.w)]
                            disk.power_on()
                            if load_between:
                                assert loaded("m") in possible, (refuses, first, second)
                                possible = [loaded("m")]
                        assert loaded("m") in possible, (refuses, first, second)


def test_a_cut_at_any_call_costs_only_the_sample_being_written():
    for first in range(1, 3):
        with Installed(FakeDisk(False)) as disk:
            Dataset.create("s", SIDE, SIDE, ["a", "b"]).append(picture(1), 1)
            disk.count, disk.cut_at = 0, first
            try:
                Dataset.open("s").append(picture(2), 0)
                raise AssertionError
            except OSError:
                disk.power_on()
            samples = Dataset.open("s")
            assert list(samples.labels) == [1] and samples.damaged == 0
            samples.append(picture(3), 0)
            disk.power_on()  # a cut right after append() has returned
            assert live("s") == [(1, 1), (3, 0)]


def test_a_cut_while_a_class_is_removed_leaves_all_or_none_of_it():
    whole = [(1, 0), (2, 1), (3, 2), (4, 1), (5, 2)]
    less = [(1, 0), (3, 1), (5, 1)]
    for refuses in (False, True):
        cut, done = 0, False
        while not done:
            cut += 1
            with Installed(FakeDisk(refuses)) as disk:
                samples = Dataset.create("s", SIDE, SIDE, ["a", "b", "c"])
                for number, label in whole:
                    samples.append(picture(number), label)
                disk.count, disk.cut_at = 0, cut
                try:
                    samples.remove_class(1)
                    done = True
                except OSError:
                    pass
                disk.power_on()
                samples = Dataset.open("s")
                assert samples.damaged == samples.torn == 0
                found = live("s")
                assert (found, samples.names) in ((whole, ["a", "b", "c"]), (less, ["a", "c"]))
                assert not done or found == less
        assert cut > 7, cut  # open, header, three records, flush, rename


def test_a_created_file_is_on_the_disk_when_create_returns():
    with Installed(FakeDisk(False)) as disk:
        Dataset.create("s", SIDE, SIDE, ["a", "b"])
        disk.power_on()
        assert live("s") == []


def test_a_saved_model_is_on_the_disk_when_save_returns():
    for refuses in (False, True):
        with Installed(FakeDisk(refuses)) as disk:
            for seed in (1, 2):
                network = trained(seed)
                model.save(network, "m")
                disk.power_on()
                assert loaded("m") == bytes(network.layer1.w)


def test_a_short_write_is_a_full_disk():
    class Short(FakeFile):
        def write(self, data):
            return super().write(data[: len(data) // 2])

    disk = FakeDisk(False)
    network = trained(1)
    with Installed(disk):
        model.save(network, "m")
        samples = Dataset.create("s", SIDE, SIDE, ["a", "b"])
        samples.append(picture(1), 0)
        uff.files.open = lambda path, mode: Short(disk, path) if disk.open(path, mode) else None
        raises(OSError, "28", model.save, trained(2), "m")
        raises(OSError, "28", samples.append, picture(2), 0)
        raises(OSError, "28", Dataset.create, "t", SIDE, SIDE, ["a", "b"])
    with Installed(disk):
        assert (
            loaded("m") == bytes(network.layer1.w)
            and "m.new" not in disk.files
            and "t" not in disk.files
        )
        assert live("s") == [(1, 0)]
        samples.append(picture(3), 1)
        assert live("s") == [(1, 0), (3, 1)]


def test_what_cannot_be_read_back_does_not_replace_the_old_model():
    class Lying(FakeFile):
        def write(self, data):
            data = bytearray(bytes(data))
            if len(data) > 20:
                data[-1] ^= 16
            return super().write(data)

    disk = FakeDisk(False)
    network = trained(1)
    with Installed(disk):
        model.save(network, "m")
        uff.files.open = lambda path, mode: (
            (Lying if "w" in mode else FakeFile)(disk, path) if disk.open(path, mode) else 0
        )
        raises(OSError, "cannot be read back", model.save, trained(2), "m")
    with Installed(disk):
        assert loaded("m") == bytes(network.layer1.w)


run(globals())
