"""Labelled images: in memory (Dataset) or in an append-only file (FileDataset, `.uffs`).

    train = Dataset.open("train.uffs")
    len(train), train.names, train.labels[7], train[7]

Both offer what a training needs: height, width, names (one a class), len(), labels (one byte a
sample) and read_into(buffer, first, last). In the file every change is one more record of fixed
size with its own CRC-32, started from the record's number, so a power cut costs at most the
record being written. A torn tail is cut (the next append writes over it); a damaged record with
sound ones behind it is passed over and counted in `damaged`. Layout: docs/formats.md.
"""

import gc
from array import array
from collections import namedtuple
from struct import calcsize, pack, unpack_from

from ridge import crc32

from .embed import MAX_CLASSES
from .errors import FileChanged, FormatError
from .files import (
    EEXIST,
    check_names,
    discard,
    exists,
    finish_replacing,
    open_file,
    pack_names,
    padding,
    rename,
    replace,
    sync,
    unpack_names,
)

MAGIC = b"UFFS"
VERSION = 1
HEADER = "<4sHHHHHH"  # magic, version, header bytes, height, width, classes, 0
RECORD = "<BBH"  # kind, label, 0; then the payload, padding and the CRC
EIO, ENOSPC = 5, 28
SCAN = 8  # records read at once: the file system has as much to do for one as for many
SAMPLE, DELETE, RELABEL, CLASS_NAME, RESTORE = 1, 2, 3, 4, 5

NO_UNDO = "undo: want a delete, relabel or remove_class as the last change of this object"

# dataset: with all that was sound; dropped: records that were not, of so many records in the file.
Rescue = namedtuple("Rescue", ("dataset", "dropped", "records"))


class Dataset:
    """Labelled images, in memory; open() and create() give those in a file (FileDataset).

    Sample i is dataset[i], its image (height*width bytes), and dataset.labels[i], the number of
    its class; i counts from 0, or from the end where it is below 0.

    names: a list of class names. ValueError where an image has another size or a label is not
    below len(names).
    """

    __doc__ = (
        "Dataset.open(path), create(path, height, width, names), or in memory "
        "Dataset(height, width, names); then len(ds), ds[i], ds.labels, ds.names, append(image, "
        "label), delete(i), relabel(i, label), undo()"
    )

    def __init__(self, height, width, names):
        self.height = height
        self.width = width
        # One attribute, so that a change of several is made by one assignment. Labels count; an
        # image more is what an append() that was stopped has left.
        self._held = check_names(names), bytearray(), []
        self._undo = None  # what the last change has to be taken back with
        self.version = 0  # another one after each change

    @staticmethod
    def open(path):
        """The FileDataset in a file: reads the header and checks every record. FormatError where
        the header is damaged, OSError where there is none."""
        dataset = FileDataset(path)
        if not dataset.lost:  # which reads it
            discard(path + ".new")
            discard(path + ".undo")
        return dataset

    @staticmethod
    def create(path, height, width, names):
        """A new file without samples, written whole under another name first. OSError where path
        exists."""
        finish_replacing(path, _whole)  # that may hold samples too
        if exists(path):
            raise OSError(EEXIST, path)  # never write over samples
        names = check_names(names)
        if not (4 <= height <= 255 and 4 <= width <= 255):
            raise ValueError("image: want 4x4 to 255x255 pixels, got %d x %d" % (height, width))
        # Not .new: what a cut leaves of this is of no worth, what it leaves of that may be.
        made = path + ".made"
        try:
            with open_file(made, "wb") as file:
                _put(file, _pack_header(height, width, names), path)
                file.flush()
            replace(made, path)
        except BaseException:
            discard(made)
            raise
        return Dataset.open(path)

    @staticmethod
    def rescue(path, aside):
        """Writes all that is sound in a damaged file anew under its name; the old file, as it
        was, gets the name `aside`. Returns Rescue(dataset, dropped, records).

        What lies behind a place that the disk cannot read is dropped too. FormatError where the
        header is damaged, OSError where the disk is full or does not do its work.
        """
        dataset = FileDataset(path)
        return Rescue(dataset, *dataset.write_anew(aside))

    @property
    def names(self):
        return self._held[0]

    @property
    def labels(self):
        return self._held[1]

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return "<Dataset %d images %dx%d, %d classes>" % (
            len(self),
            self.height,
            self.width,
            len(self.names),
        )

    def __getitem__(self, i):
        """Image i, height*width bytes. IndexError where there is none."""
        return self._held[2][_index(self, i)]

    def read_into(self, buffer, first, last):
        """Copies images first..last-1 one after the other into buffer (uint8, height*width
        each)."""
        size, images = self.height * self.width, self._held[2]
        for i in range(first, last):
            buffer[(i - first) * size : (i - first + 1) * size] = images[i]

    def append(self, image, label):
        """Adds a copy of image (uint8, height*width)."""
        _check_sample(self, image, label)
        _, labels, images = self._held
        self.version += 1
        self._undo = None
        images[len(labels) :] = [bytes(image)]
        labels.append(label)

    def delete(self, i):
        """Takes sample i out; those behind it move up."""
        _check_number(self, i)
        names, labels, images = self._held
        # MicroPython's bytearray has no item deletion.
        self._change(names, labels[:i] + labels[i + 1 :], images[:i] + images[i + 1 :])

    def _change(self, *held):
        """A change that can be taken back."""
        self.version += 1
        before = self._held
        self._undo = None
        self._held = held
        self._undo = before

    def relabel(self, i, label):
        """Gives sample i another label."""
        _check_number(self, i)
        _check_label(self, label)
        names, labels, images = self._held
        labels = bytearray(labels)
        labels[i] = label
        self._change(names, labels, images)

    def name_class(self, number, name):
        """Renames class `number`, or adds it where it is the next one."""
        _check_class(self, number)
        names, labels, images = self._held
        names = list(names)
        names[number : number + 1] = [name]
        names = check_names(names)
        self.version += 1
        self._undo = None
        self._held = names, labels, images

    def remove_class(self, number):
        """Takes class `number` and its samples out; the classes behind it move down by one."""
        kept, names, labels = _without_class(self, number)
        images = self._held[2]
        self._change(names, labels, [images[i] for i in kept])

    @property
    def can_undo(self):
        """Whether undo() has something to take back."""
        return self._undo is not None

    def undo(self):
        """Takes back the last change of this object, where that was delete(), relabel() or
        remove_class(): samples, their order, labels and names are as before. ValueError where it
        was none of these, or was taken back."""
        before = self._undo
        if before is None:
            raise ValueError(NO_UNDO)
        self.version += 1
        self._held, self._undo = before, None


def _check_class(dataset, number):
    last = min(len(dataset.names), MAX_CLASSES - 1)
    if not 0 <= number <= last:
        raise ValueError("class number: want 0 to %d, got %d" % (last, number))


def _without_class(dataset, number):
    """Numbers of the samples that stay without class `number`, the names and their labels."""
    names, labels = list(dataset.names), dataset.labels
    if not 0 <= number < len(names):
        raise ValueError("class number: want 0 to %d, got %d" % (len(names) - 1, number))
    if len(names) == 1:
        raise ValueError("remove class: want two or more classes, there is one")
    names.pop(number)
    kept = [i for i in range(len(labels)) if labels[i] != number]
    return kept, names, bytearray(labels[i] - (labels[i] > number) for i in kept)


def _index(dataset, i):
    """i, counted from the end where it is below 0. IndexError where there is no sample i."""
    n = len(dataset)
    if not -n <= i < n:
        raise IndexError("sample number: want 0 to %d, got %d" % (n - 1, i))
    return i + n if i < 0 else i


def _check_number(dataset, i):
    if not 0 <= i < len(dataset):
        raise ValueError("sample number: want 0 to %d, got %d" % (len(dataset) - 1, i))


def _check_label(dataset, label):
    if not 0 <= label < len(dataset.names):
        raise ValueError("label: want 0 to %d, got %d" % (len(dataset.names) - 1, label))


def _check_sample(dataset, image, label):
    if len(image) != dataset.height * dataset.width:
        raise ValueError(
            "image: want %d x %d = %d bytes, got %d"
            % (dataset.height, dataset.width, dataset.height * dataset.width, len(image))
        )
    _check_label(dataset, label)


class _Contents:
    """What a samples file holds: what its header says, and what its records come to.

    unread: takes an error of the disk for the file's end, so that what comes before is to be had.
    """

    def __init__(self, file, path, unread=False):
        self._read_header(file, path)
        payload = self.height * self.width
        self.step = calcsize(RECORD) + payload + len(padding(payload)) + 4  # bytes of a record
        self.labels = bytearray()
        self.numbers = array("I")  # record number of each live sample
        self.deleted = None  # record number and label of the sample that the last record deleted
        self.records = 0  # up to the last sound one
        self.damaged = 0
        self.torn = 0
        self._scan(file, unread)

    @property
    def end(self):
        """Where the next record belongs; a torn tail lies from there on."""
        return self.header_bytes + self.records * self.step

    @property
    def lost(self):
        """Records of no use: the damaged ones and those of a torn tail."""
        return self.damaged + -(-self.torn // self.step)

    def _read_header(self, file, path):
        fixed = file.read(calcsize(HEADER))
        if len(fixed) < calcsize(HEADER):
            raise FormatError("%s: %d bytes are no samples file" % (path, len(fixed)))
        magic, version, size, self.height, self.width, classes, zero = unpack_from(
            HEADER, fixed, 0
        )
        if magic != MAGIC:
            raise FormatError("%s: not a samples file (it starts with %r)" % (path, magic))
        if version != VERSION:
            raise FormatError(
                "%s: samples format %d; this is format %d" % (path, version, VERSION)
            )
        rest = file.read(max(size - len(fixed), 0))
        if size % 4 or len(fixed) + len(rest) != size or len(rest) < 4:
            raise FormatError("%s: the header is cut short" % path)
        if crc32(rest[:-4], crc32(fixed)) != unpack_from("<I", rest, len(rest) - 4)[0]:
            raise FormatError("%s: the header is damaged" % path)
        if zero or not (4 <= self.height <= 255 and 4 <= self.width <= 255):
            raise FormatError("%s: the header is damaged" % path)
        try:
            self.names = unpack_names(rest[:-4], classes)
        except ValueError as error:
            raise FormatError("%s: %s" % (path, error))
        if fixed + rest != _pack_header(self.height, self.width, self.names):
            raise FormatError("%s: the header is longer than its class names" % path)
        self.header_bytes = size
        self.seal = rest[-4:]  # CRC-32 of what was written last: of the header, or a record

    def _scan(self, file, unread):
        step, number = self.step, 0
        records = memoryview(bytearray(SCAN * step))
        while True:
            try:
                size = file.readinto(records)
            except OSError:
                if not unread:
                    raise
                break
            for start in range(0, size - size % step, step):
                record = records[start : start + step]
                if unpack_from("<I", record, step - 4)[0] == _record_crc(record, number):
                    self.damaged += number - self.records
                    self.records = number
                    self.take(record)
                number += 1
            if not size or size % step:
                break
        self.torn = file.seek(0, 2) - self.end

    def take(self, record):
        """The next record, which is sound. Where it is not to be applied, as it leans on one that
        is damaged, it counts as damaged too: no torn tail, so never written over."""
        if not self._apply(record):
            self.damaged += 1
        self.seal = bytes(record[-4:])
        self.records += 1
        self.torn = max(self.torn - self.step, 0)

    def _apply(self, record):
        kind, label = record[0], record[1]
        deleted, self.deleted = self.deleted, None
        if kind == SAMPLE:
            if label >= len(self.names):
                return False
            self.numbers.append(self.records)
            self.labels.append(label)
        elif kind == DELETE or kind == RELABEL:
            i = self._find(unpack_from("<I", record, calcsize(RECORD))[0])
            if i is None or (kind == RELABEL and label >= len(self.names)):
                return False
            if kind == RELABEL:
                self.labels[i] = label
            else:
                number = self.numbers[i], self.labels[i]
                self.labels = self.labels[:i] + self.labels[i + 1 :]
                self.numbers = self.numbers[:i] + self.numbers[i + 1 :]
                self.deleted = number
        elif kind == RESTORE:
            if deleted != (unpack_from("<I", record, calcsize(RECORD))[0], label):
                return False
            i = self._place(deleted[0])
            labels = self.labels[:i] + bytes((label,)) + self.labels[i:]
            self.numbers = self.numbers[:i] + array("I", deleted[:1]) + self.numbers[i:]
            self.labels = labels
        elif kind == CLASS_NAME:
            if label > len(self.names) or label >= MAX_CLASSES:
                return False
            try:
                payload = record[calcsize(RECORD) :][: self.height * self.width]
                self.names[label : label + 1] = unpack_names(payload, 1)
            except ValueError:
                return False
        else:
            return False
        return True

    def _place(self, number):
        """Of how many samples the record comes before record `number`."""
        low, high = 0, len(self.numbers)
        while low < high:
            middle = (low + high) // 2
            if self.numbers[middle] < number:
                low = middle + 1
            else:
                high = middle
        return low

    def _find(self, number):
        i = self._place(number)
        return i if i < len(self.numbers) and self.numbers[i] == number else None


def _whole(path):
    """Whether path is a samples file without damage."""
    try:
        with open_file(path, "rb") as file:
            contents = _Contents(file, path)
    except (OSError, FormatError):
        return False
    return not (contents.damaged or contents.torn)


class FileDataset(Dataset):
    """The Dataset in a file, of Dataset.open() or create(). Sample numbers count the live samples
    in file order.

    What the file holds is what counts. An object whose change of the file was stopped by an
    error or by Ctrl-C knows no more what that is, and reads the file again before its next use.
    So does one that finds, before it writes, that another program has written meanwhile.
    """

    def __init__(self, path):
        self.path = path
        self.height = self.width = 0
        self._contents = None  # as far as they are known
        self._record = None  # the one buffer for records
        self._rewritten = 0
        # The version after the last change, and the record that takes it back: kind, label,
        # payload. Kind None: the file from before lies beside this one.
        self._undo = None

    def write_anew(self, aside):
        """rescue() of what this is; (records dropped, of how many)."""
        path, contents = self.path, self._now(True)
        found = contents.records - contents.damaged + contents.lost
        self._write_new(contents.names, range(len(contents.labels)), contents.labels)
        self._contents = None
        try:
            rename(path, aside)
        except BaseException:
            if exists(path):
                discard(path + ".new")
            raise
        # After a power cut here finish_replacing() does the rest.
        rename(path + ".new", path)
        self._now()
        return contents.lost, found

    def _now(self, unread=False):
        """The _Contents; where they are not known, from the file."""
        contents = self._contents
        if contents is None:
            if self._record is not None:
                # What was stopped may have left a file open, whose end a collection would write
                # over what others write meanwhile.
                gc.collect()
            finish_replacing(self.path, _whole)
            with open_file(self.path, "rb") as file:
                contents = _Contents(file, self.path, unread)
            if self._record is None:
                self.height, self.width = contents.height, contents.width
                self._record = bytearray(contents.step)
            elif (contents.height, contents.width) != (self.height, self.width):
                raise FormatError(
                    "%s: want images of %d x %d as before, got %d x %d"
                    % (self.path, self.height, self.width, contents.height, contents.width)
                )
            self._contents = contents
        return contents

    @property
    def names(self):
        """Names of the classes."""
        return self._now().names

    @property
    def labels(self):
        """Label of each sample, a bytearray."""
        return self._now().labels

    @property
    def damaged(self):
        """Records passed over."""
        return self._now().damaged

    @property
    def torn(self):
        """Bytes of a torn tail."""
        return self._now().torn

    @property
    def lost(self):
        """Records of no use: the damaged ones and those of a torn tail."""
        return self._now().lost

    @property
    def records(self):
        """Records in the file, with those of what was deleted or changed."""
        return self._now().records

    @property
    def version(self):
        """Another one after each change that this object has made or read."""
        return self._rewritten, self.records

    def __getitem__(self, i):
        i = _index(self, i)
        image = bytearray(self.height * self.width)
        self.read_into(image, i, i + 1)
        return image

    def read_into(self, buffer, first, last):
        """Reads images first..last-1 one after the other into buffer (uint8, height*width
        each)."""
        contents = self._now()
        size, step, start = self.height * self.width, contents.step, calcsize(RECORD)
        view, numbers = memoryview(buffer), contents.numbers
        records = memoryview(bytearray(min(SCAN, last - first) * step))
        i, at = first, None
        with open_file(self.path, "rb") as file:
            while i < last:
                number, count = numbers[i], 1
                while i + count < last and count < SCAN and numbers[i + count] == number + count:
                    count += 1
                if number != at:
                    file.seek(contents.header_bytes + number * step)
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

    def _check_unchanged(self, file, contents):
        """FileChanged where the file has another length or another last record than it was left
        with."""
        size = file.seek(0, 2)
        file.seek(contents.end - 4)
        if size != contents.end + contents.torn or file.read(4) != contents.seal:
            self._contents = self._undo = None
            raise FileChanged(
                "%s: another program has changed it (want %d bytes, got %d); it is read anew"
                % (self.path, contents.end + contents.torn, size)
            )

    def _write(self, kind, label, payload, back=None):
        """One record more. back: kind, label and payload of the one that would take it back."""
        contents = self._now()
        if back:
            back = ((self._rewritten, contents.records + 1),) + back
        record = self._pack(contents.records, kind, label, payload)
        # Until the record is both in the file and in the contents, these are not known.
        self._contents = None
        aside = self._undo is not None and self._undo[1] is None
        try:
            self._put_record(contents, record)
        except OSError as error:
            if not aside or error.errno != ENOSPC:
                raise
            # The room is worth more than what it could be taken back with.
            self._undo = None
            discard(self.path + ".undo")
            self._put_record(contents, record)
        self._undo = back
        if aside:
            discard(self.path + ".undo")
        try:
            contents.take(record)
        except MemoryError:
            return  # it is in the file, from where it will be read
        self._contents = contents

    def _put_record(self, contents, record):
        with open_file(self.path, "r+b") as file:
            self._check_unchanged(file, contents)
            file.seek(contents.end)  # over a torn tail, if there is one
            _put(file, record, self.path)
            file.flush()
        sync()

    def append(self, image, label):
        """Adds image (uint8, height*width); it is on the disk when this returns. OSError where
        the disk is full, FileChanged where another program has written to the file."""
        _check_sample(self, image, label)
        self._write(SAMPLE, label, image)

    def delete(self, i):
        """Takes sample i out; those behind it move up."""
        _check_number(self, i)
        contents = self._now()
        number = pack("<I", contents.numbers[i])
        self._write(DELETE, 0, number, (RESTORE, contents.labels[i], number))

    def relabel(self, i, label):
        """Gives sample i another label."""
        _check_number(self, i)
        _check_label(self, label)
        contents = self._now()
        number = pack("<I", contents.numbers[i])
        self._write(RELABEL, label, number, (RELABEL, contents.labels[i], number))

    def name_class(self, number, name):
        """Renames class `number`, or adds it where it is the next one. Names take at most
        height*width-1 bytes."""
        _check_class(self, number)
        packed = pack_names(check_names([name]))
        if len(packed) > self.height * self.width:
            raise ValueError(
                "class name: want at most %d bytes, got %d"
                % (self.height * self.width - 1, len(packed) - 1)
            )
        self._write(CLASS_NAME, number, packed)

    def remove_class(self, number):
        """Takes class `number` and its samples out; the classes behind it move down by one.

        The file is written anew under another name, checked, and renamed, so that after a power
        cut there is the old one or the new one; what was deleted before is gone from it too. The
        old one stays as path.undo until the next change, or until somebody opens the new one.
        OSError where the disk is full: nothing changed.
        """
        path = self.path
        kept, names, labels = _without_class(self, number)
        self._write_new(names, kept, labels)
        undo = (self._rewritten + 1, len(kept)), None, 0, b""
        discard(path + ".undo")
        self._contents = self._undo = None
        self._rewritten += 1
        rename(path, path + ".undo")
        try:
            rename(path + ".new", path)
        except OSError:
            if not exists(path):
                rename(path + ".undo", path)
            raise
        self._undo = undo

    @property
    def can_undo(self):
        """Whether undo() has something to take back."""
        return self._undo is not None and self._undo[0] == self.version

    def undo(self):
        """Takes back the last change of this object, where that was delete(), relabel() or
        remove_class(): samples, their order, labels and names are as before. By one more record,
        or by the file from before, so after a power cut it was done or not. ValueError where it
        was none of these changes, or was taken back; OSError, FileChanged as for a change."""
        if not self.can_undo:
            raise ValueError(NO_UNDO)
        _, kind, label, payload = self._undo
        if kind is not None:
            self._write(kind, label, payload)
            return
        path = self.path
        if not exists(path + ".undo"):
            raise ValueError("undo: somebody has opened the file since; want it untouched")
        with open_file(path, "rb") as file:
            self._check_unchanged(file, self._now())
        self._contents = self._undo = None
        self._rewritten += 1
        discard(path + ".new")
        rename(path + ".undo", path + ".new")
        replace(path + ".new", path)

    def _write_new(self, names, kept, labels):
        """Writes the samples `kept` with these labels into a file beside this one, and checks
        it."""
        new = self.path + ".new"
        image = bytearray(self.height * self.width)
        try:
            with open_file(new, "wb") as file:
                _put(file, _pack_header(self.height, self.width, names), new)
                for number, i in enumerate(kept):
                    self.read_into(image, i, i + 1)
                    _put(file, self._pack(number, SAMPLE, labels[number], image), new)
                file.flush()
            sync()
            if not _whole(new):
                raise OSError(EIO, "%s: what was written cannot be read back" % new)
            with open_file(self.path, "rb") as file:
                self._check_unchanged(file, self._now())
        except BaseException:
            discard(new)
            raise


def _put(file, data, path):
    if file.write(data) != len(data):
        raise OSError(ENOSPC, path)  # a short write is a full disk on some ports


def _pack_header(height, width, names):
    packed = pack_names(names)
    size = calcsize(HEADER) + len(packed)
    packed += padding(size)
    size += len(padding(size)) + 4
    head = pack(HEADER, MAGIC, VERSION, size, height, width, len(names), 0) + packed
    return head + pack("<I", crc32(head))


def _record_crc(record, number):
    """CRC of a record (memoryview) but for its own CRC."""
    return crc32(record[:-4], crc32(pack("<I", number)))
