"""Drawings and networks from and to elsewhere, while the application does not run.

A page or another computer calls this through the REPL (docs/app.md), so bytes are base64. What
comes is written beside the board's files, checked there, and renamed over them: a power cut leaves
the old ones or the new ones. What is refused changes nothing.
"""

import gc
import json
import os
from binascii import a2b_base64, b2a_base64

import boards

from uff import Dataset, FormatError
from uff.dataset import FileDataset
from uff.files import discard, exists, open_file, rename, replace, sync
from uff.model import load

from . import rules
from .errors import OutOfMemory, Refused
from .model_note import is_network_of
from .raster import SIDE
from .record_count import RecordCount
from .storage import LAYER, MODEL, SAMPLES
from .words import counted

PIECE = 3072  # bytes that are sent at once
ARRIVED = ".in"


def _path(name):
    if name not in (SAMPLES, MODEL):
        raise Refused("want %s or %s, got %s" % (SAMPLES, MODEL, name))
    return boards.here().folder + name


def size(name):
    """Bytes of SAMPLES or MODEL, 0 where there is none."""
    return _size(_path(name))


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


def send(name, at):
    """Prints PIECE bytes of a file from `at` on, base64."""
    with open_file(_path(name), "rb") as file:
        file.seek(at)
        print(str(b2a_base64(file.read(PIECE)), "utf-8"), end="")


def catalogue():
    """Prints [names of the classes, labels of the drawings], JSON."""
    samples = _open(_path(SAMPLES))
    print(json.dumps([list(samples.names), list(samples.labels)]))


def images(first, last):
    """Prints drawings first to last - 1, base64, 784 bytes each."""
    samples = _open(_path(SAMPLES))
    pixels = bytearray((last - first) * SIDE * SIDE)
    samples.read_into(pixels, first, last)
    print(str(b2a_base64(pixels), "utf-8"), end="")  # type: ignore[arg-type]


def begin():
    """Discards what arrived before and was not taken."""
    for name in (SAMPLES, MODEL):
        discard(_path(name) + ARRIVED)


def arrive(name, text):
    """The next bytes of a file that is to take the place of `name`, base64. OSError where the disk
    is full."""
    with open_file(_path(name) + ARRIVED, "ab") as file:
        file.write(a2b_base64(text))


def take():
    """What has arrived takes the place of the board's files. Returns a sentence on what is there
    now; Refused, where the files are as they were."""
    gc.collect()
    drawings, model = _path(SAMPLES), _path(MODEL)
    try:
        sync()
        samples = network = None
        if exists(drawings + ARRIVED):
            samples = _open(drawings + ARRIVED)
        if exists(model + ARRIVED):
            network = _load(model + ARRIVED)
            samples = _drawings_of(network, samples)
        if samples is None and network is None:
            raise Refused("nothing has arrived")
        sentences = []
        if samples is not None:
            sentences.append(_sentence(samples))
            RecordCount(drawings).clear()
            for old in (drawings + ".undo", boards.here().folder + LAYER):
                discard(old)
            stays = network is not None or _is_of_ours(samples)
            _replace(drawings)
            if not stays:
                discard(model)  # what is learnt from these must not depend on it
        if network is not None:
            sentences.append("The network is the one that was opened.")
            _replace(model)
        return " ".join(sentences)
    finally:
        begin()


def _replace(path):
    # By way of .new: where the disk cannot rename over a file, the next start completes it.
    discard(path + ".new")
    rename(path + ARRIVED, path + ".new")
    replace(path + ".new", path)
    sync()


def _open(path):
    """The drawings in a file, which are the application's and sound."""
    try:
        samples = FileDataset(path)
        if samples.lost:
            raise Refused("the file of drawings is damaged: %d records are lost" % samples.lost)
    except FormatError:
        raise Refused("this is no file of drawings, or it is damaged at its beginning")
    if (samples.height, samples.width) != (SIDE, SIDE):
        found = samples.height, samples.width
        raise Refused("want drawings of 28 x 28 points, got %d x %d" % found)
    if len(samples) > rules.ROWS:
        raise Refused("want at most %d drawings, got %d" % (rules.ROWS, len(samples)))
    if len(set(samples.names)) < len(samples.names):
        raise Refused("two classes have one name")
    return samples


def _load(path):
    try:
        network = load(path)
    except FormatError:
        raise Refused("this is no network, or it is damaged")
    except MemoryError:
        raise OutOfMemory("there is not enough memory for this network")
    if network.name != rules.NETWORK or (network.embedding.height, network.embedding.width) != (
        SIDE,
        SIDE,
    ):
        raise Refused(
            "this network is none of the application's, which are %s of 28 x 28 points"
            % rules.NETWORK
        )
    return network


def _is_of_ours(samples):
    """Whether the board's network has learnt just these drawings."""
    try:
        return is_network_of(load(_path(MODEL)), samples)
    except (OSError, FormatError, MemoryError):
        return False


def _drawings_of(network, samples):
    """The drawings that are to arrive with a network: None where the board has them."""
    own = samples
    if own is None:
        try:
            own = _open(_path(SAMPLES))
        except OSError:
            pass  # there are none
    if own is not None and len(own):
        if not is_network_of(network, own):
            raise Refused("this network learnt other drawings: open its drawings together with it")
        return samples
    return Dataset.create(_path(SAMPLES) + ARRIVED, SIDE, SIDE, network.names)


def _sentence(samples):
    count = len(samples.names)
    classes = "1 class" if count == 1 else "%d classes" % count
    return "%s in %s now." % (counted(len(samples)), classes)
