"""The note in the application's model file: which drawings the network has learnt, and what
leave-one-out found in them (docs/formats.md)."""

from array import array
from collections import namedtuple
from struct import calcsize, pack, unpack_from

from .training_set import TrainingSet

# Mark; fingerprint of the samples; least familiarity; suspects; first drawings that layer 1 was
# trained on, and CRC-32 of their labels. Then a u16 for each suspect, and the CRC-32 of each of
# those drawings.
NOTE = "<4sIiHHI"
MARK = b"CAP2"

Note = namedtuple("Note", ("fingerprint", "least_familiarity", "suspects", "images", "labels"))


def pack_note(training_set, least_familiarity, suspects, layer1):
    """The bytes of the note. training_set: all read; layer1: a Layer1."""
    _, images, labels = layer1
    fingerprint = training_set.fingerprint()
    parts = [pack(NOTE, MARK, fingerprint, least_familiarity, len(suspects), len(images), labels)]
    parts += [pack("<H", i) for i in suspects]
    parts += [pack("<I", crc) for crc in images]
    return b"".join(parts)


def unpack_note(data):
    """The Note in these bytes, or None."""
    if not data or len(data) < calcsize(NOTE):
        return None
    mark, fingerprint, least_familiarity, count, own, labels = unpack_from(NOTE, data, 0)
    at = calcsize(NOTE)
    if mark != MARK or len(data) != at + 2 * count + 4 * own:
        return None
    suspects = tuple(unpack_from("<H", data, at + 2 * i)[0] for i in range(count))
    at += 2 * count
    images = array("I", [unpack_from("<I", data, at + 4 * i)[0] for i in range(own)])
    return Note(fingerprint, least_familiarity, suspects, images, labels)


def has_learnt(network, note, training_set):
    """Whether the network with this note has learnt just the drawings of a TrainingSet, which it
    reads. OSError, FormatError where they cannot be read."""
    n = len(training_set)
    if (network.info.images, len(network.names)) != (n, len(training_set.names)):
        return False
    if any(i >= n for i in note.suspects):
        return False
    for _ in training_set.read_all():
        pass
    return training_set.fingerprint() == note.fingerprint


def is_network_of(network, samples):
    """Whether a network of the application has learnt just these drawings. OSError, FormatError
    where they cannot be read."""
    note = unpack_note(network.notes)
    return note is not None and has_learnt(network, note, TrainingSet(samples))
