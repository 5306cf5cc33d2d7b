"""The samples file: every operation, every torn tail, every flipped bit."""

import os
import sys
from binascii import crc32
from struct import pack, unpack_from

from uff_checks import NAMES, Random, contents, exists, raises, run, scratch, umount, write

import uff.files
from uff import Dataset, FileChanged, FormatError

SIDE = 4  # the smallest image, so that every bit of a file can be tried
STEP = 4 + SIDE * SIDE + 4


def picture(number):
    return bytes([number]) * (SIDE * SIDE)


def create(path, classes=2):
    return Dataset.create(path, SIDE, SIDE, NAMES[:classes])


def live(samples):
    """[(number of the picture, label)], every pixel checked."""
    found = []
    for i in range(len(samples)):
        image = bytes(samples[i])
        assert image == picture(image[0]), image
        found.append((image[0], samples.labels[i]))
    return found


def golden(path):
    """A file with records of every kind -> what is live, every label each picture ever had."""
    samples = create(path)
    samples.append(picture(10), 0)
    samples.append(picture(11), 1)
    samples.name_class(2, "third")
    samples.append(picture(12), 2)
    samples.relabel(0, 2)
    samples.delete(1)
    samples.append(picture(13), 0)
    assert live(samples) == [(10, 2), (12, 2), (13, 0)]
    return live(samples), {10: (0, 2), 11: (1,), 12: (2,), 13: (0,)}


def header_bytes(path):
    return unpack_from("<H", contents(path), 6)[0]


def test_a_file_has_after_reopening_what_it_had_before():
    path = scratch() + "/a.uffs"
    want, _ = golden(path)
    samples = Dataset.open(path)
    assert live(samples) == want
    assert samples.names == NAMES[:2] + ["third"]
    assert (samples.damaged, samples.torn) == (0, 0)
    assert (samples.height, samples.width) == (SIDE, SIDE)
    umount()


def test_a_file_behaves_as_samples_in_memory():
    path = scratch() + "/a.uffs"
    random = Random(1)
    inside = Dataset(SIDE, SIDE, NAMES[:2])
    file = create(path)
    undone = 0
    steps = 240 if sys.platform == "linux" else 100  # an emulator is slow
    for number in range(steps):
        what = random.below(6)
        if number % 25 == 24 and len(inside.names) > 1:
            what = 6
        if inside.can_undo and file.can_undo and random.below(3) == 0:
            call = ("undo",)
            undone += 1
        elif what < 3 or not len(inside):
            call = "append", picture(number), random.below(len(inside.names))
        elif what == 3:
            call = "delete", random.below(len(inside))
        elif what == 4:
            call = "relabel", random.below(len(inside)), random.below(len(inside.names))
        elif what == 6:
            call = "remove_class", random.below(len(inside.names))
        else:
            last = min(len(inside.names), 15)
            call = "name_class", random.below(last + 1), "n%d" % number
        for each in (inside, file):
            getattr(each, call[0])(*call[1:])
        if number % 10 == 0:
            file = Dataset.open(path)
        assert live(file) == live(inside) and file.names == inside.names
        if number % 3 == 0 and call[0] != "remove_class":
            # Whoever else opens the file, for what it holds.
            other = Dataset.open(path)
            assert live(other) == live(inside) and other.names == inside.names
    assert undone > steps // 20
    buffer = bytearray(3 * SIDE * SIDE)
    file.read_into(buffer, 1, 4)
    assert bytes(buffer) == b"".join(bytes(inside[i]) for i in (1, 2, 3))
    umount()


def changes(samples):
    """Changes that can be taken back, one after the other."""
    yield lambda: samples.delete(1)
    yield lambda: samples.delete(0)
    yield lambda: samples.relabel(2, 1)
    yield lambda: samples.remove_class(0)
    yield lambda: samples.remove_class(2)


def test_the_last_change_is_taken_back_as_if_it_had_never_been():
    folder = scratch()
    path = folder + "/a.uffs"
    want, _ = golden(path)
    in_memory = Dataset(SIDE, SIDE, NAMES[:2] + ["third"])
    for number, label in want:
        in_memory.append(picture(number), label)
    for samples in (in_memory, Dataset.open(path)):
        names = list(samples.names)
        assert not samples.can_undo
        raises(ValueError, "undo: want a delete, relabel or remove_class", samples.undo)
        for change in changes(samples):
            version = samples.version
            change()
            assert live(samples) != want and samples.can_undo
            changed = samples.version
            samples.undo()
            assert live(samples) == want and samples.names == names
            assert samples.version not in (version, changed) and not samples.can_undo
            raises(ValueError, "undo: want", samples.undo)
        samples.delete(0)
        samples.append(picture(14), 0)
        assert not samples.can_undo
        samples.delete(2)
        samples.undo()
        assert live(samples) == want[1:] + [(14, 0)]
    assert live(Dataset.open(path)) == live(samples) and not exists(path + ".undo")
    umount()


def test_a_removed_class_comes_back_in_the_same_bytes_until_the_next_change():
    path = scratch() + "/a.uffs"
    golden(path)
    before = contents(path)
    samples = Dataset.open(path)
    samples.remove_class(1)
    assert contents(path + ".undo") == before
    samples.undo()
    assert contents(path) == before and not exists(path + ".undo")
    samples.remove_class(1)
    samples.append(picture(20), 0)
    assert not exists(path + ".undo") and not samples.can_undo
    # Somebody else opens the file: what it was before is gone.
    samples.remove_class(1)
    now = contents(path)
    Dataset.open(path)
    assert not exists(path + ".undo")
    raises(ValueError, "somebody has opened the file", samples.undo)
    assert contents(path) == now
    umount()


def test_a_full_disk_gives_up_what_a_change_could_be_taken_back_with():
    folder = scratch(blocks=64)
    path = folder + "/a.uffs"
    samples = create(path, 3)
    for number in range(60):
        samples.append(picture(number), 1 + number % 2)
    samples.remove_class(0)
    full = os.statvfs(folder)[3]
    write(folder + "/fill", bytes((full - 1) * 512))
    for number in range(60, 90):
        samples.append(picture(number), 0)
    assert len(samples) == 90 and not samples.can_undo and not exists(path + ".undo")
    assert live(Dataset.open(path)) == live(samples)
    umount()


def test_creating_never_writes_over_a_file():
    path = scratch() + "/a.uffs"
    want, _ = golden(path)
    raises(OSError, "17", create, path)
    assert live(Dataset.open(path)) == want
    umount()


def test_wrong_arguments_are_refused_and_write_nothing():
    folder = scratch()
    path = folder + "/a.uffs"
    want, _ = golden(path)
    before = contents(path)
    samples = Dataset.open(path)
    raises(ValueError, "4 x 4 = 16 bytes, got 784", samples.append, bytes(784), 0)
    raises(ValueError, "label: want 0 to 2, got 3", samples.append, picture(1), 3)
    raises(ValueError, "label: want 0 to 2, got -1", samples.relabel, 0, -1)
    raises(ValueError, "sample number: want 0 to 2, got 3", samples.delete, 3)
    raises(ValueError, "sample number: want 0 to 2, got -1", samples.relabel, -1, 0)
    raises(ValueError, "class number: want 0 to 3, got 4", samples.name_class, 4, "x")
    raises(
        ValueError, "class name: want at most 15 bytes, got 16", samples.name_class, 0, "x" * 16
    )
    raises(ValueError, "class name: want 1 to 255 bytes, got 0", samples.name_class, 0, "")
    assert contents(path) == before and live(samples) == want
    other = folder + "/b.uffs"
    for height, width in ((3, 4), (4, 256), (0, 0)):
        raises(
            ValueError,
            "want 4x4 to 255x255 pixels",
            Dataset.create,
            other,
            height,
            width,
            NAMES,
        )
    raises(ValueError, "classes: want 1 to 16, got 0", Dataset.create, other, 4, 4, [])
    assert not exists(other) and not exists(other + ".new")
    raises(OSError, "nothing.uffs", Dataset.open, folder + "/nothing.uffs")
    umount()


def test_sixteen_classes_can_be_named_and_no_more():
    path = scratch() + "/a.uffs"
    samples = create(path)
    for number in range(2, 16):
        samples.name_class(number, "class %d" % number)
    raises(ValueError, "want 0 to 15, got 16", samples.name_class, 16, "more")
    samples.name_class(15, "ümläut")
    samples.append(picture(1), 15)
    again = Dataset.open(path)
    assert (
        again.names == samples.names and again.names[15] == "ümläut" and live(again) == [(1, 15)]
    )
    umount()


def test_a_tail_torn_at_any_byte_is_cut_and_written_over():
    path = scratch() + "/a.uffs"
    golden(path)
    whole = contents(path)
    before = [(10, 2), (12, 2)]
    for size in range(len(whole) - STEP, len(whole)):
        write(path, whole[:size])
        samples = Dataset.open(path)
        assert live(samples) == before
        assert (samples.damaged, samples.torn) == (0, size - (len(whole) - STEP))
        samples.append(picture(20), 1)
        assert live(samples) == before + [(20, 1)]
        samples = Dataset.open(path)
        assert live(samples) == before + [(20, 1)] and (samples.damaged, samples.torn) == (0, 0)
        assert len(contents(path)) == len(whole)
    umount()


def test_a_damaged_record_in_the_middle_is_passed_over_and_counted():
    path = scratch() + "/a.uffs"
    samples = create(path)
    for number in range(5):
        samples.append(picture(number), number % 2)
    data = bytearray(contents(path))
    start = len(data) - 5 * STEP
    for record in (1, 3):
        data[start + record * STEP + 9] ^= 4
    write(path, data)
    samples = Dataset.open(path)
    assert live(samples) == [(0, 0), (2, 0), (4, 0)] and (samples.damaged, samples.torn) == (2, 0)
    samples.delete(1)
    samples.append(picture(9), 1)
    samples = Dataset.open(path)
    assert live(samples) == [(0, 0), (4, 0), (9, 1)] and samples.damaged == 2
    umount()


def test_samples_of_a_class_whose_naming_is_damaged_are_kept_on_the_disk():
    path = scratch() + "/a.uffs"
    samples = create(path)
    samples.append(picture(1), 0)
    samples.name_class(2, "third")
    samples.append(picture(2), 2)
    samples.append(picture(3), 2)
    whole = contents(path)
    data = bytearray(whole)
    data[len(data) - 3 * STEP + 6] ^= 1
    write(path, data)
    samples = Dataset.open(path)
    assert live(samples) == [(1, 0)] and (samples.damaged, samples.torn) == (3, 0)
    samples.append(picture(4), 1)
    assert contents(path)[: len(data)] == bytes(data)  # nothing written over
    assert live(Dataset.open(path)) == [(1, 0), (4, 1)]
    umount()


def records_are_true(path, ever, new=None):
    """The samples of a damaged file, only pictures with labels they had; None if refused."""
    try:
        samples = Dataset.open(path)
    except (FormatError, OSError):
        return None
    for number, label in live(samples):
        assert label in ever[number], (number, label)
    return samples


def test_any_flipped_bit_is_refused_or_costs_one_record():
    path = scratch() + "/a.uffs"
    want, ever = golden(path)
    whole = contents(path)
    header = header_bytes(path)
    for at in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[at] ^= 1 << bit
            write(path, data)
            samples = records_are_true(path, ever)
            if at < header:
                assert samples is None, at
                continue
            assert samples.damaged or samples.torn == STEP, (at, bit)
            record = (at - header) // STEP
            # Lost is this record and what leans on it: 2 names a class, 4 relabels, 5 deletes.
            lost = ((10,), (), (12,), (12,), (), (), (13,))[record]
            assert [x for x, _ in live(samples) if x != 11] == [
                x for x, _ in want if x not in lost
            ], (at, bit)
            if bit == at % 8:
                before = live(samples)
                samples.append(picture(14), 1)
                assert live(Dataset.open(path)) == before + [(14, 1)], (at, bit)
    umount()


def test_any_truncation_is_refused_or_loses_only_what_was_cut():
    path = scratch() + "/a.uffs"
    _, ever = golden(path)
    whole = contents(path)
    header = header_bytes(path)
    for size in range(len(whole)):
        write(path, whole[:size])
        samples = records_are_true(path, ever)
        if size < header:
            assert samples is None, size
        else:
            assert samples.damaged == 0 and samples.torn == (size - header) % STEP
            assert len(samples) == (0, 1, 2, 2, 3, 3, 2)[(size - header) // STEP], size
    umount()


def test_other_files_are_no_samples_files():
    path = scratch() + "/a.uffs"
    for data, part in (
        (b"", "0 bytes are no samples file"),
        (b"UFFM" + bytes(100), "not a samples file"),
        (b"UFFS\x02\x00" + bytes(100), "samples format 2; this is format 1"),
        (bytes(1000), "not a samples file"),
        (bytes([255]) * 1000, "not a samples file"),
    ):
        write(path, data)
        raises(FormatError, part, Dataset.open, path)
    umount()


def head(names, classes, size=None, height=SIDE, zero=0):
    total = 16 + len(names) + -len(names) % 4 + 4
    data = (
        pack("<4sHHHHHH", b"UFFS", 1, total if size is None else size, height, SIDE, classes, zero)
        + names
    )
    data += bytes(-len(names) % 4)
    return data + pack("<I", crc32(data))


def test_headers_with_a_sound_crc_and_nonsense_inside_are_refused():
    path = scratch() + "/a.uffs"
    write(path, head(b"\x01a", 1))
    assert len(Dataset.open(path)) == 0
    for data in (
        head(b"\x01a", 0),
        head(b"\x01a", 2),
        head(b"\x01a", 17),
        head(b"\xffa", 1),
        head(b"\x00a", 1),
        head(b"\x01\xff", 1),
        head(b"\x01a", 1, height=3),
        head(b"\x01a", 1, height=256),
        head(b"\x01a", 1, zero=1),
        head(b"\x01a", 1, size=12),
        head(b"\x01a", 1, size=65535),
        head(b"\x01a", 1, size=0),
    ):
        write(path, data)
        raises(FormatError, "a.uffs", Dataset.open, path)
    umount()


def test_records_with_a_sound_crc_and_nonsense_inside_are_passed_over():
    path = scratch() + "/a.uffs"
    payload = SIDE * SIDE
    for kind, label, start in (
        (0, 0, b""),
        (5, 0, b""),
        (1, 2, b""),  # a label too high
        (2, 0, pack("<I", 7)),  # deletes what is not there
        (2, 0, pack("<I", 1)),  # deletes itself
        (3, 0, pack("<I", 0xFFFFFFFF)),
        (3, 2, pack("<I", 0)),
        (4, 3, b"\x01a"),  # a class too far
        (4, 0, b"\x00"),
        (4, 0, b"\x02\xff\xff"),
        (4, 0, b"\xffabc"),
    ):
        write(path, head(b"\x01a\x01b", 2))
        Dataset.open(path).append(picture(1), 1)
        record = pack("<BBH", kind, label, 0) + start + bytes(payload - len(start))
        write(path, contents(path) + record + pack("<I", crc32(record, crc32(pack("<I", 1)))))
        samples = Dataset.open(path)
        assert live(samples) == [(1, 1)] and samples.names == ["a", "b"], (kind, label, start)
        assert (samples.damaged, samples.torn) == (1, 0)
        samples.append(picture(2), 0)
        assert live(Dataset.open(path)) == [(1, 1), (2, 0)]
    umount()


def test_a_record_at_another_place_is_not_taken():
    # A block of the disk that went astray: sound by itself, but its CRC starts from its number.
    path = scratch() + "/a.uffs"
    samples = create(path)
    for number in range(3):
        samples.append(picture(number), 0)
    data = contents(path)
    write(path, data[: -2 * STEP] + data[-STEP:] + data[-STEP:])
    samples = Dataset.open(path)
    assert live(samples) == [(0, 0), (2, 0)] and samples.damaged == 1
    umount()


# ---- what an object is worth after an error ----


class Stopping:
    """Files whose nth call of a kind raises an error, before or after it is done."""

    def __init__(self, name, after, error):
        self.name, self.after, self.error = name, after, error

    def __enter__(self):
        uff.files.open = self.open
        return self

    def __exit__(self, *_):
        uff.files.open = open

    def open(self, path, mode):
        return StoppingFile(self, open(path, mode))


class StoppingFile:
    def __init__(self, stopping, file):
        self.stopping, self.file = stopping, file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        method = getattr(self.file, name)
        stopping = self.stopping
        if name != stopping.name:
            return method

        def stops(*args):
            if stopping.after:
                method(*args)
            raise stopping.error

        return stops


CHANGES = (
    (lambda samples: samples.append(picture(30), 1), lambda was: was + [(30, 1)]),
    (lambda samples: samples.delete(0), lambda was: was[1:]),
    (lambda samples: samples.relabel(1, 0), lambda was: [was[0], (was[1][0], 0)] + was[2:]),
)


def test_after_an_error_the_object_is_what_the_file_is():
    path = scratch() + "/a.uffs"
    for change, changed in CHANGES:
        for name in ("seek", "write", "flush"):
            for after in (False, True):
                for error in (OSError(5), MemoryError(), KeyboardInterrupt()):
                    if exists(path):
                        os.remove(path)
                    want, _ = golden(path)
                    samples = Dataset.open(path)
                    with Stopping(name, after, error):
                        try:
                            change(samples)
                            raise AssertionError("nothing raised")
                        except (OSError, MemoryError, KeyboardInterrupt):
                            pass
                    found = live(Dataset.open(path))
                    assert live(samples) == found in (want, changed(want)), (name, after)
                    samples.append(picture(40), 2)
                    assert live(samples) == found + [(40, 2)] == live(Dataset.open(path))
    umount()


def test_a_class_is_removed_or_not_whatever_stops_it():
    path = scratch() + "/a.uffs"
    for name in ("write", "flush", "readinto"):
        for error in (OSError(5), MemoryError(), KeyboardInterrupt()):
            if exists(path):
                os.remove(path)
            want, _ = golden(path)
            samples = Dataset.open(path)
            with Stopping(name, False, error):
                try:
                    samples.remove_class(0)
                    raise AssertionError("nothing raised")
                except (OSError, MemoryError, KeyboardInterrupt):
                    pass
            assert live(samples) == want and not exists(path + ".new"), name
            samples.remove_class(0)
            assert live(samples) == [(10, 1), (12, 1)] == live(Dataset.open(path))
    umount()


def test_another_program_that_writes_is_noticed_and_nothing_is_written():
    path = scratch() + "/a.uffs"
    for change, changed in CHANGES:
        if exists(path):
            os.remove(path)
        want, _ = golden(path)
        one, other = Dataset.open(path), Dataset.open(path)
        for number in range(4):  # 4 + 4 are 8
            for samples in (one, other):
                try:
                    samples.append(picture(number), 1)
                except FileChanged as error:
                    assert "a.uffs: another program has changed it (want " in str(error)
                    assert live(samples) == want
                    samples.append(picture(number), 1)
                want.append((number, 1))
        other.relabel(0, 0)
        want[0] = want[0][0], 0
        before = contents(path)
        raises(FileChanged, "another program has changed it", change, one)
        assert contents(path) == before and live(one) == want
        change(one)
        want = changed(want)
        assert live(one) == want == live(Dataset.open(path))
    umount()


def test_a_file_that_was_written_anew_and_has_the_same_length_is_noticed():
    path = scratch() + "/a.uffs"
    golden(path)
    size = len(contents(path))
    one, other = Dataset.open(path), Dataset.open(path)
    other.remove_class(1)
    for number in range(4):
        other.append(picture(60 + number), 0)
    assert len(contents(path)) == size
    want = live(other)
    raises(FileChanged, "another program has changed it", one.delete, 0)
    assert live(one) == want == live(Dataset.open(path))
    umount()


def test_a_class_is_not_removed_from_a_file_that_another_program_has_changed():
    path = scratch() + "/a.uffs"
    want, _ = golden(path)
    one, other = Dataset.open(path), Dataset.open(path)
    other.append(picture(50), 1)
    raises(FileChanged, "another program has changed it", one.remove_class, 0)
    assert live(one) == want + [(50, 1)] and not exists(path + ".new")
    umount()


def test_a_damaged_file_is_rescued_and_kept_aside():
    folder = scratch()
    path, aside = folder + "/a.uffs", folder + "/a.uffs.bad1"
    want, _ = golden(path)
    whole = contents(path)
    for size, lost, found, left in (
        (0, 0, 7, want),
        (1, 1, 7, want[:2]),
        (STEP + 5, 1, 6, [(10, 2), (11, 1), (12, 2)]),
    ):
        data = whole[: len(whole) - size]
        write(path, data)
        samples, *counts = Dataset.rescue(path, aside)
        assert counts == [lost, found] and live(samples) == left
        assert contents(aside) == data
        assert samples.names == NAMES[:2] + ["third"] and samples.lost == 0
        os.remove(aside)
    data = bytearray(whole)
    data[-STEP - 6] ^= 1  # the deletion of 11
    write(path, data)
    samples, dropped, found = Dataset.rescue(path, aside)
    assert (dropped, found) == (1, 7) and live(samples) == [(10, 2), (11, 1)] + want[1:]
    samples.append(picture(9), 0)
    assert live(Dataset.open(path))[-1] == (9, 0)
    os.remove(aside)
    write(path, whole[:10])
    raises(FormatError, "10 bytes", Dataset.rescue, path, aside)
    assert contents(path) == whole[:10] and not exists(aside)
    umount()


def test_what_a_disk_cannot_read_is_left_out_of_the_rescued_file():
    path = scratch() + "/a.uffs"
    samples = create(path)
    for number in range(30):
        samples.append(picture(number), number % 2)

    class Unreadable(StoppingFile):
        reads = 0

        def readinto(self, buffer):
            Unreadable.reads += 1
            if Unreadable.reads == 3:
                raise OSError(84)
            return self.file.readinto(buffer)

    stopping = Stopping("none", False, None)
    stopping.open = lambda path, mode: Unreadable(stopping, open(path, mode))
    with stopping:
        raises(OSError, "84", Dataset.open, path)
        Unreadable.reads = 0
        samples, lost, found = Dataset.rescue(path, path + ".bad1")
    assert (lost, found) == (14, 30)
    assert live(samples) == [(number, number % 2) for number in range(16)]
    umount()


def test_what_was_being_written_goes_where_the_file_is_sound_and_stays_where_it_is_not():
    path = scratch() + "/a.uffs"
    golden(path)
    whole = contents(path)
    write(path + ".new", whole)
    Dataset.open(path)
    assert not exists(path + ".new")
    write(path, whole[:-3])
    write(path + ".new", whole)
    Dataset.open(path)
    assert contents(path + ".new") == whole
    umount()


run(globals())
