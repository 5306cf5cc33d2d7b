"""The model file, `.uffm`: a header, class names, arrays, one CRC-32 at the end. Layout:
DESIGN.md.

save() writes under another name, reads that back, then renames it: after a power cut there is the
old file or the new one. On FAT, which cannot rename over a file, the old one goes first; load()
then finds the new one under its other name.
"""

from array import array
from struct import calcsize, pack, unpack, unpack_from

from ridge import crc32

from .embed import MAX_CLASSES
from .errors import FormatError
from .files import discard, finish_replacing, open_file, replace, sync
from .samples import _pack_names, _padding, _unpack_names

MAGIC = b"UFFM"
VERSION = 1
# magic, version, header bytes, file bytes; layers, classes, label pixels, flags; height, width,
# features, hidden; images, seed; strength, lambda1, lambda2; fitted correct, leave-one-out
# correct, Gram CRCs of layer 1 and class layer
HEADER = "<4sHHIBBBBHHHHIIfffIIII"
# tag, typecode (a letter), exponent, 0, rows, columns; then the elements and padding
ARRAY = "<4sBbHII"
DUAL1, DUAL2, LAMBDA_CHOSEN, STATISTICS = 1, 2, 4, 8
NOT_COMPUTED = 0xFFFFFFFF
SIZES = {"B": 1, "h": 2, "i": 4}
CHUNK = 4096


def _arrays(network, statistics, gram1):
    """(tag, typecode, exponent, rows, columns, buffer) of every array the file will hold."""
    layer, k = network.layer, len(network.names)
    arrays = []
    if network.hidden:
        arrays.append((b"W1  ", "h", 14, network.hidden, network.features, network.w1))
    arrays.append((b"W2  ", "h", layer.exponent, k, layer.features, layer.w))
    arrays.append((b"V2  ", "i", layer.exponent + 9, k, k, layer.v))
    if network.fitted is not None:
        arrays.append((b"FIT ", "B", 0, 1, len(network.fitted), network.fitted))
    if network.left_out is not None:
        arrays.append((b"LOO ", "B", 0, 1, len(network.left_out), network.left_out))
    if network.notes is not None:
        arrays.append((b"NOTE", "B", 0, 1, len(network.notes), network.notes))
    if gram1 is not None:
        arrays.append((b"GRM1", "i", 18, 1, len(gram1) // 4, gram1))
    if statistics is not None:
        arrays.append((b"GRAM", "i", 18, 1, len(statistics.gram) // 4, statistics.gram))
        arrays.append((b"SUMS", "i", 9, k, layer.features, statistics.sums))
        arrays.append((b"CNT ", "i", 0, 1, k, statistics.counts))
    return arrays


def save(network, path, statistics=None, gram1=None):
    """Writes network to path. OSError where the disk is full or the file cannot be read back: the
    old file stays."""
    for _ in save_steps(network, path, statistics, gram1):
        pass


def save_steps(network, path, statistics=None, gram1=None):
    """A generator: save() in slices of 4 KB, yielding the part done (0 to 1). Closing it, or any
    error, leaves the old file."""
    facts = network.facts
    names = _pack_names(network.names)
    head_bytes = calcsize(HEADER) + len(names) + len(_padding(calcsize(HEADER) + len(names)))
    arrays = _arrays(network, statistics, gram1)
    total = head_bytes + 4
    for _, typecode, _, rows, columns, _ in arrays:
        size = rows * columns * SIZES[typecode]
        total += calcsize(ARRAY) + size + len(_padding(size))
    head = pack(
        HEADER,
        MAGIC,
        VERSION,
        head_bytes,
        total,
        2 if network.hidden else 1,
        len(network.names),
        MAX_CLASSES,
        facts.dual1 * DUAL1
        | facts.dual2 * DUAL2
        | facts.lambda_chosen * LAMBDA_CHOSEN
        | (statistics is not None) * STATISTICS,
        network.embedding.height,
        network.embedding.width,
        network.features,
        network.hidden,
        facts.images,
        facts.seed,
        facts.strength,
        facts.lambda1,
        facts.lambda2,
        facts.fitted_correct,
        NOT_COMPUTED if facts.loo_correct is None else facts.loo_correct,
        facts.gram1_crc,
        facts.gram2_crc,
    )
    new = path + ".new"
    finish_replacing(path, _whole)  # else a second power cut could cost the only model there is
    saved = False
    written = 0
    try:
        with open_file(new, "wb") as file:
            crc = _put(file, head + names, 0)
            crc = _put(file, _padding(len(head) + len(names)), crc)
            for tag, typecode, exponent, rows, columns, data in arrays:
                crc = _put(file, pack(ARRAY, tag, ord(typecode), exponent, 0, rows, columns), crc)
                for piece in _pieces(data):
                    crc = _put(file, piece, crc)
                    written += len(piece)
                    yield min(written / total, 1.0) / 2
                crc = _put(file, _padding(rows * columns * SIZES[typecode]), crc)
            _put(file, pack("<I", crc), 0)
            file.flush()
        sync()
        with open_file(new, "rb") as file:
            for done in _checking(file, new):
                yield 0.5 + done / 2
        saved = True
    except FormatError:
        raise OSError(5, "%s: what was written cannot be read back" % new)  # EIO
    finally:
        if not saved:
            discard(new)
    replace(new, path)


def _pieces(data):
    """data in pieces of a slice; arrays of integers are small and go whole."""
    if isinstance(data, array):
        yield data
    else:
        view = memoryview(data)
        for first in range(0, len(view), CHUNK):
            yield view[first : first + CHUNK]


def _put(file, data, crc):
    # A short write is a full disk on some ports.
    if len(data) and file.write(data) != len(memoryview(data)) * _element(data):
        raise OSError(28, "no room for the model")  # ENOSPC
    return crc32(data, crc)


def _element(data):
    return SIZES["i"] if isinstance(data, array) else 1


def _check(file, path):
    """The file's header as unpacked, after length and CRC were found right."""
    steps = _checking(file, path)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def _checking(file, path):
    """A generator: _check() in slices, yielding the part done (0 to 1)."""
    head = file.read(calcsize(HEADER))
    if len(head) < calcsize(HEADER):
        raise FormatError("%s: %d bytes are no model file" % (path, len(head)))
    fields = unpack(HEADER, head)
    if fields[0] != MAGIC:
        raise FormatError("%s: not a model file (it starts with %r)" % (path, fields[0]))
    if fields[1] != VERSION:
        raise FormatError("%s: model format %d; this is format %d" % (path, fields[1], VERSION))
    size, total = file.seek(0, 2), fields[3]
    if size != total or fields[2] < len(head) or total < fields[2] + 4:
        raise FormatError(
            "%s: want %d bytes, got %d; the file is cut short or damaged" % (path, total, size)
        )
    file.seek(0)
    buffer = memoryview(bytearray(CHUNK))
    crc, left = 0, total - 4
    while left:
        got = file.readinto(buffer[: min(left, CHUNK)])
        if not got:
            raise FormatError("%s: the file is cut short" % path)
        crc = crc32(buffer[:got], crc)
        left -= got
        yield 1 - left / total
    if unpack("<I", file.read(4))[0] != crc:
        raise FormatError("%s: the file is damaged (CRC)" % path)
    return fields


def _whole(path):
    """Whether path is a model file without damage."""
    try:
        with open_file(path, "rb") as file:
            _check(file, path)
    except (OSError, FormatError):
        return False
    return True


def load(path):
    """The Network in a model file, with `statistics` and `gram1` buffers where the file holds
    them."""
    finish_replacing(path, _whole)
    with open_file(path, "rb") as file:
        fields = _check(file, path)
        try:
            network = _read(file, path, fields)
        except (ValueError, IndexError) as error:
            raise FormatError("%s: %s" % (path, error))
    discard(path + ".new")  # what was given up, or it could rise again
    return network


def _read(file, path, fields):
    from .classlayer import Statistics, packed
    from .network import Network

    (
        _,
        _,
        head_bytes,
        total,
        layers,
        classes,
        label_pixels,
        flags,
        height,
        width,
        features,
        hidden,
    ) = fields[:12]
    if layers not in (1, 2) or label_pixels != MAX_CLASSES or (layers == 2) != (hidden > 0):
        raise ValueError("want 1 or 2 layers and %d label pixels" % MAX_CLASSES)
    file.seek(calcsize(HEADER))
    packed_names = file.read(head_bytes - calcsize(HEADER))
    network = Network(height, width, _unpack_names(packed_names, classes), hidden)
    if network.features != features or classes < 2:
        raise ValueError("want %d features and 2 or more classes" % network.features)
    facts = network.facts
    (
        facts.images,
        facts.seed,
        facts.strength,
        facts.lambda1,
        facts.lambda2,
        facts.fitted_correct,
    ) = fields[12:18]
    facts.loo_correct = None if fields[18] == NOT_COMPUTED else fields[18]
    facts.gram1_crc, facts.gram2_crc = fields[19:21]
    facts.dual1, facts.dual2 = bool(flags & DUAL1), bool(flags & DUAL2)
    facts.lambda_chosen = bool(flags & LAMBDA_CHOSEN)
    layer, f = network.layer, network.layer.features
    order1, order2 = (
        (facts.images if facts.dual1 else features),
        (facts.images if facts.dual2 else f),
    )
    want = {
        b"W1  ": ("h", hidden, features),
        b"W2  ": ("h", classes, f),
        b"V2  ": ("i", classes, classes),
        b"FIT ": ("B", 1, facts.images),
        b"LOO ": ("B", 1, facts.images),
        b"GRM1": ("i", 1, packed(order1)),
        b"GRAM": ("i", 1, packed(order2)),
        b"SUMS": ("i", classes, f),
        b"CNT ": ("i", 1, classes),
    }
    found = {}
    at = head_bytes
    while at < total - 4:
        file.seek(at)
        tag, typecode, exponent, _, rows, columns = unpack(ARRAY, file.read(calcsize(ARRAY)))
        typecode = chr(typecode)
        if tag == b"NOTE":
            want[tag] = ("B", 1, columns)
        if want.get(tag) != (typecode, rows, columns) or tag in found:
            raise ValueError("array %r of %d x %d is not wanted here" % (tag, rows, columns))
        size = rows * columns * SIZES[typecode]
        if at + calcsize(ARRAY) + size > total - 4:
            raise ValueError("array %r is cut short" % tag)
        data = layer.w if tag == b"W2  " else bytearray(size)
        if file.readinto(data) != size:
            raise ValueError("array %r is cut short" % tag)
        found[tag] = data
        if tag == b"W2  ":
            layer.exponent = exponent
        at += calcsize(ARRAY) + size + len(_padding(size))
    if b"W2  " not in found or b"V2  " not in found or (hidden and b"W1  " not in found):
        raise ValueError("an array is missing")
    layer.v = _ints(found[b"V2  "])
    network.w1 = found.get(b"W1  ")
    network.fitted = found.get(b"FIT ")
    network.left_out = found.get(b"LOO ")
    network.notes = found.get(b"NOTE")
    network.gram1 = found.get(b"GRM1")
    network.statistics = None
    if flags & STATISTICS and not facts.dual2:
        if not (b"GRAM" in found and b"SUMS" in found and b"CNT " in found):
            raise ValueError("an array is missing")
        network.statistics = Statistics(
            f,
            classes,
            gram=found[b"GRAM"],
            sums=found[b"SUMS"],
            counts=_ints(found[b"CNT "]),
        )
    return network


def _ints(data):
    return array("i", (unpack_from("<i", data, i)[0] for i in range(0, len(data), 4)))
