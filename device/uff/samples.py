"""Labelled images: in memory (Samples) or in an append-only file (SamplesFile, `.uffs`).

Both offer what a Trainer needs: height, width, names (one a class), len(), labels (one byte a
sample) and read_into(buffer, first, last). In the file every change is one more record of fixed
size with its own CRC-32, started from the record's number, so a power cut costs at most the
record being written. A torn tail is cut (the next append writes over it); a damaged record with
sound ones behind it is passed over and counted in `damaged`. Layout: DESIGN.md.
"""

from array import array
from struct import calcsize, pack, unpack_from

from ridge import crc32

from .embed import MAX_CLASSES
from .errors import FormatError
from .files import discard, exists, finish_replacing, open_file, replace, sync

MAGIC = b"UFFS"
VERSION = 1
HEADER = "<4sHHHHHH"  # magic, version, header bytes, height, width, classes, 0
RECORD = "<BBH"  # kind, label, 0; then the payload, padding and the CRC
SCAN = 8  # records read at once: the file system has as much to do for one as for many
SAMPLE, DELETE, RELABEL, CLASS_NAME = 1, 2, 3, 4


def check_names(names):
    """A list of 1 to 16 class names, each 1 to 255 bytes of UTF-8; ValueError otherwise."""
    names = list(names)
    if not 1 <= len(names) <= MAX_CLASSES:
        raise ValueError("classes: want 1 to %d, got %d" % (MAX_CLASSES, len(names)))
    for name in names:
        if not 1 <= len(name.encode()) <= 255:
            raise ValueError("class name: want 1 to 255 bytes, got %d" % len(name.encode()))
    return names


class Samples:
    """Labelled images in memory.

    names: a list of class names. ValueError where an image has another size or a label is not
    below len(names).
    """

    def __init__(self, height, width, names):
        self.height = height
        self.width = width
        self.names = check_names(names)
        self.labels = bytearray()
        self._images = []

    def __len__(self):
        return len(self.labels)

    def image(self, i):
        """Image i, height*width bytes."""
        return self._images[i]

    def read_into(self, buffer, first, last):
        """Copies images first..last-1 one after the other into buffer (uint8, height*width
        each)."""
        size = self.height * self.width
        for i in range(first, last):
            buffer[(i - first) * size : (i - first + 1) * size] = self._images[i]

    def append(self, image, label):
        """Adds a copy of image (uint8, height*width)."""
        _check_sample(self, image, label)
        self._images.append(bytes(image))
        self.labels.append(label)

    def delete(self, i):
        """Takes sample i out; those behind it move up."""
        _check_number(self, i)
        del self._images[i]
        # MicroPython's bytearray has no item deletion.
        self.labels = self.labels[:i] + self.labels[i + 1 :]

    def relabel(self, i, label):
        """Gives sample i another label."""
        _check_number(self, i)
        _check_label(self, label)
        self.labels[i] = label

    def name_class(self, number, name):
        """Renames class `number`, or adds it where it is the next one."""
        _check_class(self, number)
        names = list(self.names)
        names[number : number + 1] = [name]
        self.names = check_names(names)

    def remove_class(self, number):
        """Takes class `number` and its samples out; the classes behind it move down by one."""
        kept, self.names = _without_class(self, number)
        self._images = [self._images[i] for i in kept]
        self.labels = bytearray(_renumbered(self.labels[i], number) for i in kept)


def _check_class(samples, number):
    last = min(len(samples.names), MAX_CLASSES - 1)
    if not 0 <= number <= last:
        raise ValueError("class number: want 0 to %d, got %d" % (last, number))


def _without_class(samples, number):
    """Numbers of the samples that stay without class `number`, and the names."""
    names = list(samples.names)
    if not 0 <= number < len(names):
        raise ValueError("class number: want 0 to %d, got %d" % (len(names) - 1, number))
    if len(names) == 1:
        raise ValueError("remove class: want two or more classes, there is one")
    names.pop(number)
    return [i for i in range(len(samples)) if samples.labels[i] != number], names


def _renumbered(label, removed):
    return label - (label > removed)


def _check_number(samples, i):
    if not 0 <= i < len(samples):
        raise ValueError("sample number: want 0 to %d, got %d" % (len(samples) - 1, i))


def _check_label(samples, label):
    if not 0 <= label < len(samples.names):
        raise ValueError("label: want 0 to %d, got %d" % (len(samples.names) - 1, label))


def _check_sample(samples, image, label):
    if len(image) != samples.height * samples.width:
        raise ValueError(
            "image: want %d x %d = %d bytes, got %d"
            % (samples.height, samples.width, samples.height * samples.width, len(image))
        )
    _check_label(samples, label)


def _pack_names(names):
    return b"".join(bytes([len(name.encode())]) + name.encode() for name in names)


def _unpack_names(packed, count):
    names, at = [], 0
    for _ in range(count):
        size = packed[at] if at < len(packed) else 0
        if at + 1 + size > len(packed):
            raise ValueError("a class name is cut short")
        names.append(str(packed[at + 1 : at + 1 + size], "utf-8"))
        at += 1 + size
    return check_names(names)


def _padding(size):
    return b"\0" * (-size % 4)


class SamplesFile:
    """A samples file; open() or create() one. Sample numbers count the live samples in file
    order."""

    def __init__(self, path):
        self.path = path
        self.damaged = 0  # records passed over
        self.torn = 0  # bytes of a torn tail

    @classmethod
    def create(cls, path, height, width, names):
        """A new file without samples, written whole under another name first. OSError where path
        exists."""
        finish_replacing(path, cls._whole)  # that may hold samples too
        if exists(path):
            raise OSError(17, path)  # EEXIST: never write over samples
        names = check_names(names)
        if not (4 <= height <= 255 and 4 <= width <= 255):
            raise ValueError("image: want 4x4 to 255x255 pixels, got %d x %d" % (height, width))
        # Not .new: what a cut leaves of this is of no worth, what it leaves of that may be.
        made = path + ".made"
        with open_file(made, "wb") as file:
            _put(file, _pack_header(height, width, names), path)
            file.flush()
        replace(made, path)
        return cls.open(path)

    @classmethod
    def open(cls, path):
        """Reads the header and checks every record. FormatError where the header is damaged,
        OSError where none."""
        self = cls(path)
        finish_replacing(path, cls._whole)
        self._read()
        return self

    @staticmethod
    def _whole(path):
        """Whether path is a samples file without damage."""
        try:
            file = SamplesFile(path)
            file._read()
        except (OSError, FormatError):
            return False
        return not (file.damaged or file.torn)

    def _read(self):
        with open_file(self.path, "rb") as file:
            self._read_header(file)
            self._scan(file)

    def _read_header(self, file):
        fixed = file.read(calcsize(HEADER))
        if len(fixed) < calcsize(HEADER):
            raise FormatError("%s: %d bytes are no samples file" % (self.path, len(fixed)))
        magic, version, size, self.height, self.width, classes, zero = unpack_from(
            HEADER, fixed, 0
        )
        if magic != MAGIC:
            raise FormatError("%s: not a samples file (it starts with %r)" % (self.path, magic))
        if version != VERSION:
            raise FormatError(
                "%s: samples format %d; this is format %d" % (self.path, version, VERSION)
            )
        rest = file.read(max(size - len(fixed), 0))
        if size % 4 or len(fixed) + len(rest) != size or len(rest) < 4:
            raise FormatError("%s: the header is cut short" % self.path)
        if crc32(rest[:-4], crc32(fixed)) != unpack_from("<I", rest, len(rest) - 4)[0]:
            raise FormatError("%s: the header is damaged" % self.path)
        if zero or not (4 <= self.height <= 255 and 4 <= self.width <= 255):
            raise FormatError("%s: the header is damaged" % self.path)
        try:
            self.names = _unpack_names(rest[:-4], classes)
        except ValueError as error:
            raise FormatError("%s: %s" % (self.path, error))
        self._header_bytes = size
        payload = self.height * self.width
        self._record = bytearray(calcsize(RECORD) + payload + len(_padding(payload)) + 4)

    def _scan(self, file):
        step = len(self._record)
        self.labels = bytearray()
        self._numbers = array("I")  # record number of each live sample
        self.damaged = number = good = bad = 0
        tail = 0
        records = memoryview(bytearray(SCAN * step))
        while not tail:
            size = file.readinto(records)
            if not size:
                break
            tail = size % step
            for start in range(0, size - tail, step):
                record = records[start : start + step]
                if unpack_from("<I", record, step - 4)[0] == _record_crc(record, number):
                    # Sound but not to be applied: it leans on a record that is damaged. No torn
                    # tail, so never written over.
                    if not self._apply(record, number):
                        bad += 1
                    self.damaged += bad
                    bad = 0
                    good = number + 1
                else:
                    bad += 1
                number += 1
        self._records = good
        self.torn = bad * step + tail

    def _apply(self, record, number):
        kind, label = record[0], record[1]
        if kind == SAMPLE:
            if label >= len(self.names):
                return False
            self._numbers.append(number)
            self.labels.append(label)
        elif kind == DELETE or kind == RELABEL:
            i = self._find(unpack_from("<I", record, calcsize(RECORD))[0])
            if i is None or (kind == RELABEL and label >= len(self.names)):
                return False
            if kind == DELETE:
                self._forget(i)
            else:
                self.labels[i] = label
        elif kind == CLASS_NAME:
            if label > len(self.names) or label >= MAX_CLASSES:
                return False
            try:
                self.names[label : label + 1] = _unpack_names(record[calcsize(RECORD) : -4], 1)
            except ValueError:
                return False
        else:
            return False
        return True

    def _find(self, number):
        low, high = 0, len(self._numbers)
        while low < high:
            middle = (low + high) // 2
            if self._numbers[middle] < number:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._numbers) and self._numbers[low] == number else None

    def _forget(self, i):
        self.labels = self.labels[:i] + self.labels[i + 1 :]
        self._numbers = self._numbers[:i] + self._numbers[i + 1 :]

    def __len__(self):
        return len(self.labels)

    def image(self, i):
        """Image i, a bytearray of height*width."""
        image = bytearray(self.height * self.width)
        self.read_into(image, i, i + 1)
        return image

    def read_into(self, buffer, first, last):
        """Reads images first..last-1 one after the other into buffer (uint8, height*width
        each)."""
        size, step, start = self.height * self.width, len(self._record), calcsize(RECORD)
        view, numbers = memoryview(buffer), self._numbers
        records = memoryview(bytearray(min(SCAN, last - first) * step))
        i, at = first, None
        with open_file(self.path, "rb") as file:
            while i < last:
                number, count = numbers[i], 1
                while i + count < last and count < SCAN and numbers[i + count] == number + count:
                    count += 1
                if number != at:
                    file.seek(self._header_bytes + number * step)
                got = file.readinto(records[: count * step])
                if got != count * step:
                    raise FormatError(
                        "%s: sample %d is gone; was the file changed?"
                        % (self.path, i + got // step)
                    )
                for at in range(start, count * step, step):
                    # Into a view of its own: what follows a slice would be moved onto itself.
                    view[(i - first) * size : (i - first + 1) * size][:] = records[at : at + size]
                    i += 1
                at = number + count

    def _pack(self, number, kind, label, payload):
        """Record `number`, in the one buffer for them."""
        record = memoryview(self._record)
        step = len(record)
        record[:] = bytes(step)
        record[: calcsize(RECORD)] = pack(RECORD, kind, label, 0)
        record[calcsize(RECORD) : calcsize(RECORD) + len(payload)] = payload
        record[step - 4 :] = pack("<I", _record_crc(record, number))
        return record

    def _write(self, kind, label, payload):
        record = self._pack(self._records, kind, label, payload)
        with open_file(self.path, "r+b") as file:
            # over a torn tail, if there is one
            file.seek(self._header_bytes + self._records * len(record))
            _put(file, record, self.path)
            file.flush()
        sync()
        # first: after Ctrl-C between these two lines the next record must not lie over this one
        self._records += 1
        self._apply(record, self._records - 1)

    def append(self, image, label):
        """Adds image (uint8, height*width); it is on the disk when this returns. OSError where
        the disk is full."""
        _check_sample(self, image, label)
        self._write(SAMPLE, label, image)

    def delete(self, i):
        """Takes sample i out; those behind it move up."""
        _check_number(self, i)
        self._write(DELETE, 0, pack("<I", self._numbers[i]))

    def relabel(self, i, label):
        """Gives sample i another label."""
        _check_number(self, i)
        _check_label(self, label)
        self._write(RELABEL, label, pack("<I", self._numbers[i]))

    def name_class(self, number, name):
        """Renames class `number`, or adds it where it is the next one. Names take at most
        height*width-1 bytes."""
        _check_class(self, number)
        packed = _pack_names(check_names([name]))
        if len(packed) > self.height * self.width:
            raise ValueError(
                "class name: want at most %d bytes, got %d"
                % (self.height * self.width - 1, len(packed) - 1)
            )
        self._write(CLASS_NAME, number, packed)

    def remove_class(self, number):
        """Takes class `number` and its samples out; the classes behind it move down by one.

        The file is written anew under another name, checked, and renamed, so that after a power
        cut there is the old one or the new one; what was deleted before is gone from it too.
        OSError where the disk is full: nothing changed.
        """
        kept, names = _without_class(self, number)
        image = bytearray(self.height * self.width)
        new = self.path + ".new"
        try:
            with open_file(new, "wb") as file:
                _put(file, _pack_header(self.height, self.width, names), new)
                for record, i in enumerate(kept):
                    self.read_into(image, i, i + 1)
                    label = _renumbered(self.labels[i], number)
                    _put(file, self._pack(record, SAMPLE, label, image), new)
                file.flush()
            sync()
            if not self._whole(new):
                raise OSError(5, "%s: what was written cannot be read back" % new)  # EIO
        except OSError:
            discard(new)
            raise
        replace(new, self.path)
        self._read()


def _put(file, data, path):
    if file.write(data) != len(data):
        raise OSError(28, path)  # ENOSPC; a short write is a full disk on some ports


def _pack_header(height, width, names):
    packed = _pack_names(names)
    size = calcsize(HEADER) + len(packed)
    packed += _padding(size)
    size += len(_padding(size)) + 4
    head = pack(HEADER, MAGIC, VERSION, size, height, width, len(names), 0) + packed
    return head + pack("<I", crc32(head))


def _record_crc(record, number):
    """CRC of a record (memoryview) but for its own CRC."""
    return crc32(record[:-4], crc32(pack("<I", number)))
