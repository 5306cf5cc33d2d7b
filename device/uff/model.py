"""The model file, `.uffm`: a header, class names, arrays, one CRC-32 at the end. Layout:
docs/formats.md.

save() writes under another name, reads that back, then renames it: after a power cut there is the
old file or the new one. On FAT, which cannot rename over a file, the old one goes first; load()
then finds the new one under its other name.

Version 1 holds a network with a linear class layer, alone or behind a contrast layer, trained
without copies; such networks are written so, for older readers. Version 2 holds a table of layers.
Version 3 holds what merging makes of many boards where the others cannot: statistics alone,
statistics of more than 8,191 images (which a host adds up and a board passes over), and those of
classes in another order than they were learnt in.
"""

from array import array
from collections import namedtuple
from struct import calcsize, pack, unpack, unpack_from

from ridge import crc32

from .contrast import ContrastLayer
from .embed import MAX_CLASSES, LabelEmbedding
from .errors import FormatError
from .files import (
    discard,
    finish_replacing,
    open_file,
    pack_names,
    padding,
    replace,
    sync,
    unpack_names,
)
from .layers import CLASS_LAYERS, FEATURE_LAYERS, layer_of_kind
from .linear import LinearClassLayer
from .network import Network, TrainingInfo
from .stage import MAX_COPIES, MAX_IMAGES, packed
from .statistics import Statistics

MAGIC = b"UFFM"
# magic, version, header bytes, file bytes; then
START = "<4sHHI"
# version 1: layers, classes, label pixels, flags; height, width, features, hidden; images, seed;
# label scale, lambda1, lambda2; fitted correct, leave-one-out correct, Gram CRCs of layer 1 and
# class layer
VERSION_1 = "<BBBBHHHHIIfffIIII"
# version 2: layers, classes, label pixels, flags; height, width, copies, 0; images, seed, fitted
# correct, leave-one-out correct; then for each layer
VERSION_2 = "<BBBBHHHHIIII"
# kind, form, outputs (neurons, filters, classes), inputs, lambda, parameter, Gram CRC
LAYER = "<BBHIffI"
# tag, typecode (a letter), exponent, 0, rows, columns; then the elements and padding
ARRAY = "<4sBbHII"
DUAL1, DUAL2, LAMBDA_CHOSEN, STATISTICS, KEPT = 1, 2, 4, 8, 16
ALONE, SCALED = 32, 64  # version 3: statistics without weights; scaled down to be solved
MOST_IMAGES = 0x7FFFFFFF  # version 3
SUMMED_IMAGES = 1 << 21  # of which class sums fit int32
NOT_COMPUTED = 0xFFFFFFFF
LEAST, MOST = 1 / (1 << 20), 1 << 20  # of lambdas and label scale: more than any training takes
SIZES = {"B": 1, "h": 2, "i": 4, "q": 8}
CHUNK = 4096

# layer: a trained feature layer; embedding: LabelEmbedding of its images; notes: bytes or None.
KeptLayer = namedtuple("KeptLayer", ("layer", "embedding", "notes"))


def _arrays(network, statistics, statistics1):
    """(tag, typecode, exponent, rows, columns, buffer) of every array the file will hold."""
    for layer in (network.layer1, network.layer):
        if layer:
            yield from layer.arrays()
    if network.fitted is not None:
        yield b"FIT ", "B", 0, 1, len(network.fitted), network.fitted
    if network.loo_labels is not None:
        yield b"LOO ", "B", 0, 1, len(network.loo_labels), network.loo_labels
    if network.notes is not None:
        yield b"NOTE", "B", 0, 1, len(network.notes), network.notes
    if network.layer1 and statistics1 is not None:
        yield from network.layer1.statistics_arrays(statistics1)
    if statistics is not None:
        yield from network.layer.statistics_arrays(statistics)


def _version(network, statistics=None, alone=False):
    """1 or 2 where that can hold the network, else 3."""
    info = network.info
    if alone or info.images > MAX_IMAGES:
        return 3
    if isinstance(statistics, Statistics) and statistics.offsets is not None:
        return 3
    old = isinstance(network.layer, LinearClassLayer) and not (info.copies or info.kept)
    old = old and (network.layer1 is None or isinstance(network.layer1, ContrastLayer))
    return 1 if old else 2


def _scale(images):
    """Bits by which (Gram matrix, class sums) of so many images are scaled down to int32."""
    gram = sums = 0
    while images > MAX_IMAGES << gram:
        gram += 1
    while images > SUMMED_IMAGES << sums:
        sums += 1
    return gram, sums


def _statistics_head(network, statistics):
    """The header of a file of statistics alone: it tells of the sums, not of how they came."""
    layer1, layer, embedding = network.layer1, network.layer, network.embedding
    layers = [each for each in (layer1, layer) if each]
    head = pack(
        VERSION_2,
        len(layers),
        len(network.names),
        MAX_CLASSES,
        STATISTICS | ALONE | (layer1 is not None) * KEPT,
        embedding.height,
        embedding.width,
        0,
        0,
        statistics.images,
        0,
        0,
        NOT_COMPUTED,
    )
    for each in layers:
        crc = crc32(statistics.gram) if each is layer else each.gram_crc
        head += _row(each, crc)
    return head


def _row(layer, crc):
    """What the table of layers says of one."""
    numbers = layer.neurons, layer.inputs, layer.ridge_lambda, layer.parameter
    return pack(LAYER, layer.KIND, layer.dual, *numbers, crc)


def _header(network, version, statistics):
    """The header behind START, without the names."""
    info, embedding = network.info, network.embedding
    layer1, layer, k = network.layer1, network.layer, len(network.names)
    loo = NOT_COMPUTED if info.loo_correct is None else info.loo_correct
    flags = info.lambda_chosen * LAMBDA_CHOSEN | (statistics is not None) * STATISTICS
    flags |= info.kept * KEPT
    if version == 1:
        crcs = (layer1.gram_crc, layer.gram_crc) if layer1 else (layer.gram_crc, 0)
        return pack(
            VERSION_1,
            2 if layer1 else 1,
            k,
            MAX_CLASSES,
            flags | (layer1 is not None and layer1.dual) * DUAL1 | layer.dual * DUAL2,
            embedding.height,
            embedding.width,
            embedding.features,
            layer1.neurons if layer1 else 0,
            info.images,
            info.seed,
            layer.label_scale,
            layer1.ridge_lambda if layer1 else 0.0,
            layer.ridge_lambda,
            info.fitted_correct,
            loo,
            crcs[0],
            crcs[1],
        )
    layers = [each for each in (layer1, layer) if each]
    head = pack(
        VERSION_2,
        len(layers),
        k,
        MAX_CLASSES,
        flags,
        embedding.height,
        embedding.width,
        info.copies,
        0,
        info.images,
        info.seed,
        info.fitted_correct,
        loo,
    )
    for each in layers:
        head += _row(each, each.gram_crc)
    return head


def save(network, path, statistics=None, statistics1=None, alone=False):
    """Writes network to path. statistics, statistics1: of class layer and layer 1, if they are to
    be kept too; alone: those of a linear class layer without its weights. OSError where the disk
    is full or the file cannot be read back: the old file stays."""
    for _ in save_steps(network, path, statistics, statistics1, alone):
        pass


class _Alone:
    """A feature layer alone, as a network to be saved."""

    names = ()
    layer = fitted = loo_labels = None

    def __init__(self, layer1, embedding, notes):
        self.layer1, self.embedding, self.notes = layer1, embedding, notes
        self.info = TrainingInfo()


def save_layer(layer1, embedding, path, notes=None):
    """Writes a trained feature layer to a file of its own, for trainings that keep it. notes:
    bytes of the application's own. OSError as in save()."""
    for _ in save_steps(_Alone(layer1, embedding, notes), path):
        pass


def save_steps(network, path, statistics=None, statistics1=None, alone=False):
    """A generator: save() in slices of 4 KB, yielding the part done (0 to 1). Closing it, or any
    error, leaves the old file."""
    names = pack_names(network.names)
    version = _version(network, statistics, alone)
    if alone:
        head = _statistics_head(network, statistics)
        arrays = list(network.layer1.arrays()) if network.layer1 else []
        arrays += network.layer.statistics_arrays(statistics)
    else:
        head = _header(network, version, statistics)
        arrays = list(_arrays(network, statistics, statistics1))
        _check_arrays(network, version, arrays)
    used = calcsize(START) + len(head) + len(names)
    head_bytes = used + len(padding(used))
    total = head_bytes + 4
    for _, typecode, _, rows, columns, _ in arrays:
        size = rows * columns * SIZES[typecode]
        total += calcsize(ARRAY) + size + len(padding(size))
    head = pack(START, MAGIC, version, head_bytes, total) + head + names
    head += padding(len(head))
    new = path + ".new"
    finish_replacing(path, _whole)  # else a second power cut could cost the only model there is
    saved = False
    written = 0
    try:
        with open_file(new, "wb") as file:
            crc = _put(file, head, 0)
            for tag, typecode, exponent, rows, columns, data in arrays:
                crc = _put(file, pack(ARRAY, tag, ord(typecode), exponent, 0, rows, columns), crc)
                for piece in _pieces(data):
                    crc = _put(file, piece, crc)
                    written += len(piece)
                    yield min(written / total, 1.0) / 2
                crc = _put(file, padding(rows * columns * SIZES[typecode]), crc)
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


def _check_arrays(network, version, arrays):
    """ValueError where load() would not take what save() is about to write."""
    if network.layer and not network.info.images:
        raise ValueError("save: the network has learnt nothing yet; train it first")
    if version == 3:
        return
    _check_rows(network.info.images * (1 + network.info.copies))
    wanted = _wanted(network)
    for tag, typecode, _, rows, columns, _ in arrays:
        want = wanted.get(tag)
        if want and (typecode, rows, columns) != (want[0], want[2], want[3]):
            raise ValueError(
                "save: array %r of %d x %d; want %d x %d, those of this network's training"
                % (tag, rows, columns, want[2], want[3])
            )


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
    """(version, header bytes, file bytes), after length and CRC were found right."""
    steps = _checking(file, path)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def _checking(file, path):
    """A generator: _check() in slices, yielding the part done (0 to 1)."""
    head = file.read(calcsize(START))
    if len(head) < calcsize(START):
        raise FormatError("%s: %d bytes are no model file" % (path, len(head)))
    magic, version, head_bytes, total = unpack(START, head)
    if magic != MAGIC:
        raise FormatError("%s: not a model file (it starts with %r)" % (path, magic))
    if version not in (1, 2, 3):
        raise FormatError("%s: model format %d; this reads 1 to 3" % (path, version))
    size = file.seek(0, 2)
    least = len(head) + calcsize(VERSION_1 if version == 1 else VERSION_2)
    if size != total or head_bytes < least or total < head_bytes + 4:
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
    return version, head_bytes, total


def _whole(path):
    """Whether path is a model file without damage."""
    try:
        with open_file(path, "rb") as file:
            _check(file, path)
    except (OSError, FormatError):
        return False
    return True


def load(path, alone=False):
    """The Network in a model file, with `statistics` and `statistics1` where the file holds
    them and one can learn on with them. alone: of a file of statistics alone too, as a network
    that has learnt nothing yet. FormatError where it is damaged, OSError where there is none."""
    finish_replacing(path, _whole)
    with open_file(path, "rb") as file:
        version, head_bytes, total = _check(file, path)
        try:
            network, flags = _read_header(file, version, head_bytes, total)
            if network.layer is None:
                raise ValueError("it holds a feature layer alone; want a whole network")
            if flags & ALONE and not alone:
                raise ValueError(
                    "it holds statistics alone; IncrementalClassifier.open() learns on with them"
                )
            if version == 3:
                _read_merged(file, network, flags, head_bytes, total)
            else:
                _read_network(file, network, flags, head_bytes, total)
        except (ValueError, IndexError) as error:
            raise FormatError("%s: %s" % (path, error))
    discard(path + ".new")  # what was given up, or it could rise again
    return network


def load_layer(path):
    """The KeptLayer of a model file, or of a file of the layer alone; nothing else is read.
    FormatError where it holds none."""
    finish_replacing(path, _whole)
    with open_file(path, "rb") as file:
        return read_layer(file, path)


def read_layer(file, name):
    """load_layer() of an open file, such as io.BytesIO; name: for messages."""
    version, head_bytes, total = _check(file, name)
    try:
        network, flags = _read_header(file, version, head_bytes, total)
        layer1 = network.layer1
        if layer1 is None:
            raise ValueError("it holds no feature layer")
        tags = [b"NOTE"] + list(_of_layer(layer1, 0, False))
        wanted = _wanted(network) if version < 3 else _wanted_3(network, flags)
        found = _read_arrays(file, wanted, head_bytes, total, tags)
        layer1.load(found)
        notes = found[b"NOTE"][0] if b"NOTE" in found else None
        return KeptLayer(layer1, network.embedding, notes)
    except (ValueError, IndexError) as error:
        raise FormatError("%s: %s" % (name, error))


def _read_header(file, version, head_bytes, total):
    """(Network without its arrays, flags); nothing is made that the file cannot hold."""
    file.seek(calcsize(START))
    head = file.read(head_bytes - calcsize(START))
    return (_read_1, _read_2, _read_3)[version - 1](head, total)


def _check_rows(rows):
    if rows > MAX_IMAGES:
        raise ValueError("images with copies: want %d at most, got %d" % (MAX_IMAGES, rows))


def _check_room(elements, total):
    if 2 * elements > total:
        raise ValueError("its layers hold %d numbers, more than the file" % elements)


def _read_1(head, total):
    """A network from the header of version 1."""
    fields = unpack_from(VERSION_1, head, 0)
    layers, classes, label_pixels, flags, height, width, features, hidden = fields[:8]
    images, seed, label_scale, lambda1, lambda2, fitted, loo, crc1, crc2 = fields[8:]
    if layers not in (1, 2) or label_pixels != MAX_CLASSES or (layers == 2) != (hidden > 0):
        raise ValueError("want 1 or 2 layers and %d label pixels" % MAX_CLASSES)
    if flags > DUAL1 | DUAL2 | LAMBDA_CHOSEN | STATISTICS:
        raise ValueError("flags %d cannot be" % flags)
    if layers == 1 and (lambda1 or crc2 or flags & DUAL1):
        raise ValueError("one layer, marks of two")
    if hidden:
        ContrastLayer.check(hidden)
    _check_rows(images)
    _check_room(hidden * features + classes * (hidden or features), total)
    embedding = LabelEmbedding(height, width)
    if embedding.features != features:
        raise ValueError("want %d features, got %d" % (embedding.features, features))
    layer1 = None
    if hidden:
        layer1 = ContrastLayer(embedding, hidden)
        layer1.ridge_lambda, layer1.dual, layer1.gram_crc = lambda1, bool(flags & DUAL1), crc1
    layer = LinearClassLayer(hidden or features, classes)
    layer.label_scale, layer.ridge_lambda, layer.dual = label_scale, lambda2, bool(flags & DUAL2)
    layer.gram_crc = crc2 if hidden else crc1
    for each in (layer1, layer) if layer1 else (layer,):
        _check_numbers(each)
    names = head[calcsize(VERSION_1) :]
    return _network(embedding, names, layer1, layer, (images, 0, seed, fitted, loo), flags)


def _read_2(head, total):
    """A network from the header of version 2; `layer` is None where the file holds a feature
    layer alone."""
    fields = unpack_from(VERSION_2, head, 0)
    count, classes, label_pixels, flags, height, width, copies, zero = fields[:8]
    images, seed, fitted, loo = fields[8:]
    if count not in (1, 2) or label_pixels != MAX_CLASSES or zero or copies > MAX_COPIES:
        raise ValueError(
            "want 1 or 2 layers, %d label pixels and 0 to %d copies" % (MAX_CLASSES, MAX_COPIES)
        )
    at = calcsize(VERSION_2)
    if len(head) < at + count * calcsize(LAYER):
        raise ValueError("the table of layers is cut short")
    table = [unpack_from(LAYER, head, at + i * calcsize(LAYER)) for i in range(count)]
    embedding = LabelEmbedding(height, width)
    if flags > LAMBDA_CHOSEN | STATISTICS | KEPT or flags & (DUAL1 | DUAL2):
        raise ValueError("flags %d cannot be" % flags)
    rows = images * (1 + copies)
    _check_rows(rows)
    layer1, features = None, embedding.features
    alone = count == 1 and not classes and not images
    if count == 2 or alone:
        kind = layer_of_kind(table[0][0], FEATURE_LAYERS)
        kind.check(table[0][2])
        layer1 = kind(embedding, table[0][2])
        _fill(layer1, table[0])
        features = layer1.outputs
    if alone:
        network = _Alone(layer1, embedding, None)
        network.info.seed = seed
        if flags or fitted or loo != NOT_COMPUTED or copies or len(head) > at + calcsize(LAYER):
            raise ValueError("a feature layer alone, marks of a network")
        return network, flags
    kind = layer_of_kind(table[-1][0], CLASS_LAYERS)
    _check_room(classes * kind.columns(features, rows), total)
    layer = kind(features, classes, rows)
    _fill(layer, table[-1])
    names = head[at + count * calcsize(LAYER) :]
    info = images, copies, seed, fitted, loo
    network, flags = _network(embedding, names, layer1, layer, info, flags)
    if _version(network) == 1 or (flags & KEPT and not layer1):
        raise ValueError("%s is no network of format 2" % network.name)
    return network, flags


def _read_3(head, total):
    """A network from the header of version 3; where its statistics are alone, images are of
    them."""
    fields = unpack_from(VERSION_2, head, 0)
    count, classes, label_pixels, flags, height, width, copies, zero = fields[:8]
    images, seed, fitted, loo = fields[8:]
    if count not in (1, 2) or label_pixels != MAX_CLASSES or zero:
        raise ValueError("want 1 or 2 layers and %d label pixels" % MAX_CLASSES)
    if copies or seed or fitted or loo != NOT_COMPUTED:
        raise ValueError("merged, marks of a training")
    at = calcsize(VERSION_2)
    if len(head) < at + count * calcsize(LAYER):
        raise ValueError("the table of layers is cut short")
    table = [unpack_from(LAYER, head, at + i * calcsize(LAYER)) for i in range(count)]
    alone, wide = bool(flags & ALONE), images > MAX_IMAGES
    if flags & ~(STATISTICS | KEPT | ALONE | SCALED) or bool(flags & KEPT) != (count == 2):
        raise ValueError("flags %d cannot be" % flags)
    if (flags & SCALED and not (alone and wide)) or (alone and not flags & STATISTICS):
        raise ValueError("flags %d cannot be" % flags)
    if not (alone or wide or flags & STATISTICS):
        raise ValueError("it is no network of format 3")
    if not 0 < images <= MOST_IMAGES:
        raise ValueError("images: want 1 to %d, got %d" % (MOST_IMAGES, images))
    embedding = LabelEmbedding(height, width)
    layer1, features = None, embedding.features
    if count == 2:
        kind = layer_of_kind(table[0][0], FEATURE_LAYERS)
        kind.check(table[0][2])
        layer1 = kind(embedding, table[0][2])
        _fill(layer1, table[0])
        features = layer1.outputs
    if layer_of_kind(table[-1][0], CLASS_LAYERS) is not LinearClassLayer or table[-1][1]:
        raise ValueError("want a linear class layer in primal form")
    if flags & STATISTICS:
        _check_room(2 * packed(features), total)
    if not 1 <= classes <= MAX_CLASSES:
        raise ValueError("classes: want 1 to %d, got %d" % (MAX_CLASSES, classes))
    _check_room(classes * features, total)
    layer = LinearClassLayer(features, classes)
    _fill(layer, table[-1])
    names = head[at + count * calcsize(LAYER) :]
    return _network(embedding, names, layer1, layer, (images, 0, 0, 0, loo), flags)


def _fill(layer, row):
    """Takes what the table says of a layer."""
    _, form, outputs, inputs, ridge_lambda, parameter, crc = row
    if form not in layer.FORMS or (outputs, inputs) != (layer.neurons, layer.inputs):
        raise ValueError(
            "%s layer: want %d inputs and %d outputs, got %d and %d"
            % (layer.NAME, layer.inputs, layer.neurons, inputs, outputs)
        )
    layer.dual, layer.ridge_lambda, layer.gram_crc = bool(form), ridge_lambda, crc
    layer.parameter = parameter
    _check_numbers(layer)


def _check_numbers(layer):
    """ValueError where a training cannot have had these numbers."""
    for name, value in (("lambda", layer.ridge_lambda), ("parameter", layer.parameter)):
        has_none = name == "parameter" and layer.PARAMETER == 0
        if not (value == 0 if has_none else LEAST <= value <= MOST):
            raise ValueError("%s layer: a %s of %r cannot be" % (layer.NAME, name, value))


def _network(embedding, packed_names, layer1, layer, counts, flags):
    names = unpack_names(packed_names, layer.classes)
    plain = pack_names(names)
    if packed_names != plain + bytes(-len(plain) % 4):  # all before them is whole words
        raise ValueError("the header is longer than its class names")
    network = Network(embedding, names, layer1, layer)
    if layer.classes < 2 and not flags & ALONE:
        raise ValueError("want 2 or more classes, got %d" % layer.classes)
    info = network.info
    info.images, info.copies, info.seed, info.fitted_correct, loo = counts
    info.loo_correct = None if loo == NOT_COMPUTED else loo
    info.lambda_chosen, info.kept = bool(flags & LAMBDA_CHOSEN), bool(flags & KEPT)
    if not 0 < info.images >= max(info.fitted_correct, info.loo_correct or 0):
        raise ValueError(
            "%d of %d images right, %r left out"
            % (info.fitted_correct, info.images, info.loo_correct)
        )
    return network, flags


def _of_layer(layer, rows, statistics):
    """What _wanted() says of a layer, with or without its statistics."""
    return {tag: want for tag, want in layer.wanted(rows).items() if want[4] or statistics}


def _wanted(network):
    """tag -> (typecode, exponent, rows, columns, needed) of the arrays of its file."""
    images = network.info.images
    rows = images * (1 + network.info.copies)
    wanted = {}
    for layer in (network.layer1, network.layer):
        if layer:
            kept = layer is network.layer1 and (network.info.kept or not network.layer)
            wanted.update(_of_layer(layer, rows, not kept))
    if network.layer:
        wanted[b"FIT "] = wanted[b"LOO "] = ("B", 0, 1, images, False)
    return wanted


def _wanted_3(network, flags):
    """Likewise, of a file of version 3."""
    images, layer = network.info.images, network.layer
    wanted = {}
    if network.layer1:
        wanted.update(_of_layer(network.layer1, 0, False))
    wanted.update(_of_layer(layer, 0, flags & STATISTICS))
    if flags & ALONE:
        del wanted[b"W2  "], wanted[b"V2  "]
    if flags & STATISTICS:
        wide = images > MAX_IMAGES and not flags & SCALED
        scale = _scale(images) if flags & SCALED else (0, 0)
        for tag, bits in ((b"GRAM", scale[0]), (b"SUMS", scale[1]), (b"CNT ", 0)):
            code, exponent, rows, columns, _ = wanted[tag]
            if tag != b"CNT ":
                code, exponent = "q" if wide else "i", exponent - bits
            wanted[tag] = code, exponent, rows, columns, True
        wanted[b"OFFS"] = "q", 0, 1, layer.classes, False
    return wanted


def _read_merged(file, network, flags, at, total):
    """The arrays of version 3. Sums in int64 are passed over: a board cannot learn on with
    them."""
    wanted, info, layer = _wanted_3(network, flags), network.info, network.layer
    tags = list(wanted) + [b"NOTE"]
    wide = flags & STATISTICS and wanted[b"GRAM"][0] == "q"
    if wide:
        tags = [tag for tag in tags if tag not in (b"GRAM", b"SUMS")]
    found = _read_arrays(file, wanted, at, total, tags)
    if b"NOTE" in found and flags & ALONE:
        raise ValueError("statistics alone with a note")
    if flags & STATISTICS:
        counts = array("i", found[b"CNT "][0])
        if min(counts) < 0 or sum(counts) != info.images:
            raise ValueError("counts: want %d images, got %r" % (info.images, list(counts)))
        offsets = array("q", found[b"OFFS"][0]) if b"OFFS" in found else None
        if offsets is None and not (flags & ALONE or info.images > MAX_IMAGES):
            raise ValueError("it is no network of format 3")
        for c, offset in enumerate(offsets or ()):
            if not 0 <= c * counts[c] + offset < MAX_CLASSES * max(counts[c], 1):
                raise ValueError("offsets: %d of %d images cannot be" % (offset, counts[c]))
        if offsets is not None and not any(offsets):
            raise ValueError("offsets: all are 0")
    network.notes = found[b"NOTE"][0] if b"NOTE" in found else None
    if network.layer1:
        network.layer1.load(found)
    if wide:
        found.pop(b"CNT ")
    network.statistics = layer.load(found)
    if flags & ALONE:
        info.images = 0


def _statistics_tags(layer):
    return [tag for tag, want in layer.wanted(0).items() if not want[4]]


def _check_there(tags, found, wanted):
    """ValueError where an array that is wanted is missing, or one is there that is not."""
    for tag in tags:
        if (tag in found) != wanted:
            raise ValueError("array %r is %s" % (tag, "missing" if wanted else "not wanted here"))


def _read_network(file, network, flags, at, total):
    found = _read_arrays(file, _wanted(network), at, total)
    layer1 = network.layer1
    _check_there([b"LOO "], found, network.info.loo_correct is not None)
    _check_there(_statistics_tags(network.layer), found, bool(flags & STATISTICS))
    if layer1:
        tags = _statistics_tags(layer1)
        _check_there(tags, found, tags[0] in found)
    for tag in (b"FIT ", b"LOO "):
        if tag in found and max(found[tag][0]) >= network.layer.classes:
            raise ValueError("array %r: a label that no class has" % tag)
    if b"CNT " in found:
        counts = array("i", found[b"CNT "][0])
        if min(counts) < 0 or sum(counts) > MAX_IMAGES:
            raise ValueError("counts: want %d images at most, got %r" % (MAX_IMAGES, list(counts)))
    network.fitted, network.loo_labels, network.notes = (
        found[tag][0] if tag in found else None for tag in (b"FIT ", b"LOO ", b"NOTE")
    )
    network.statistics1 = layer1.load(found) if layer1 else None
    network.statistics = network.layer.load(found)


def _read_arrays(file, wanted, at, total, tags=None):
    """tag -> (buffer, exponent) of all arrays, or of those with these tags."""
    found = {}
    seen = set()
    while at < total - 4:
        file.seek(at)
        head = file.read(min(calcsize(ARRAY), total - 4 - at))
        tag, typecode, exponent, zero, rows, columns = unpack(ARRAY, head)
        typecode = chr(typecode)
        if tag == b"NOTE":
            wanted[tag] = ("B", 0, 1, columns, False)
        want = wanted.get(tag)
        if (
            want is None
            or tag in seen
            or (typecode, rows, columns) != (want[0], want[2], want[3])
            or want[1] not in (None, exponent)
            or zero
        ):
            raise ValueError("array %r of %d x %d is not wanted here" % (tag, rows, columns))
        seen.add(tag)
        size = rows * columns * SIZES[typecode]
        zeros = padding(size)
        at += calcsize(ARRAY) + size + len(zeros)
        if at > total - 4:
            raise ValueError("array %r is cut short" % tag)
        if tags is None or tag in tags:
            data = bytearray(size)
            if file.readinto(data) != size:
                raise ValueError("array %r is cut short" % tag)
            found[tag] = data, exponent
        file.seek(at - len(zeros))
        if file.read(len(zeros)) != zeros:
            raise ValueError("array %r: want zeros behind it" % tag)
    for tag, want in wanted.items():
        if want[4] and tag not in seen:
            raise ValueError("array %r is missing" % tag)
    return found
