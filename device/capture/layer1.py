"""Layer 1 and the drawings that it was trained on: the firmware's, trained anew, kept for Undo."""

from array import array
from collections import namedtuple
from io import BytesIO
from struct import pack, unpack_from

from ridge import crc32
from uff import Options
from uff.files import discard
from uff.model import load_layer, read_layer, save_layer
from uff.train import Trainer

from . import first_layer, rules
from .stages import LAYER_1, LEARN
from .training_set import TrainingSet

# layer: the trained feature layer. images, labels: of the drawings that it was trained on, the
# first ones there were; CRC-32 of each, and of all their labels.
Layer1 = namedtuple("Layer1", ("layer", "images", "labels"))

DRAWINGS = "<HI"  # their number and the CRC-32 of their labels; then the CRC-32 of each


def firmware_layer1():
    """The patch layer that comes with the firmware, trained on none of the drawings."""
    return Layer1(read_layer(BytesIO(first_layer.DATA), "first layer")[0], array("I"), 0)


def train_steps(training_set, count):
    """A generator: trains layer 1 on the first `count` drawings; returns a Layer1. With fewer than
    two classes among them it is the firmware's again."""
    first = training_set.first(count)
    if len(first.names) < 2:
        return firmware_layer1()
    trainer = Trainer(first, Options(rules.NETWORK, copies=rules.copies_of(count)))
    steps = trainer.layer1_steps()
    while True:
        try:
            _, done = next(steps)
        except StopIteration as end:
            layer = end.value
            break
        yield LEARN, LAYER_1 * done
    return Layer1(layer, training_set.images[:count], crc32(first.labels))


def save_for_undo(layer1, embedding, path):
    """Writes a Layer1 into a file of its own, before a change that can be taken back."""
    notes = pack(DRAWINGS, len(layer1.images), layer1.labels)
    notes += b"".join([pack("<I", crc) for crc in layer1.images])
    try:
        save_layer(layer1.layer, embedding, path, notes)
    except (OSError, MemoryError):
        discard(path)  # exact all the same, unless the power fails


def load_for_undo(path, samples):
    """The Layer1 that was kept, where it belongs to these drawings; else None. The file goes."""
    found = None
    try:
        layer, _, notes = load_layer(path)
        count, labels = unpack_from(DRAWINGS, notes, 0)
        images = array("I", [unpack_from("<I", notes, 6 + 4 * i)[0] for i in range(count)])
        training_set = TrainingSet(samples)
        for _ in training_set.read_all():
            pass
        layer1 = Layer1(layer, images, labels)
        if training_set.begins_with(layer1):
            found = layer1
    except (OSError, ValueError, MemoryError):
        pass  # there is none, as nearly always; or the network's layer 1 has to do
    discard(path)
    return found
