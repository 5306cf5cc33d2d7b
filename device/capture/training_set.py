"""The training set: the drawings as a Trainer reads them, with their fingerprint."""

from array import array

from ridge import crc32

BATCH = 64  # drawings that are read at once


class TrainingSet:
    """The drawings of the classes that have any.

    names: of those classes; classes: their numbers; labels: of the drawings among them; images:
    CRC-32 of each drawing, after read_all().
    """

    def __init__(self, samples, labels=None):
        self.height, self.width = samples.height, samples.width
        labels = samples.labels if labels is None else labels
        self.classes = sorted(set(labels))
        self.names = [samples.names[c] for c in self.classes]
        self.labels = bytearray(self.classes.index(label) for label in labels)
        self.images = array("I")
        self._samples = samples
        self._all = bytes(labels)
        self._size = samples.height * samples.width

    def __len__(self):
        return len(self.labels)

    def read_into(self, buffer, first, last):
        """Drawings first to last - 1 into uint8 (last - first) * height * width."""
        self._samples.read_into(buffer, first, last)

    def image(self, i):
        """Drawing i, uint8 height * width."""
        return self._samples[i]

    def read_all(self):
        """A generator: fills `images`, a batch a slice."""
        images = array("I")
        batch = memoryview(bytearray(BATCH * self._size))
        for first in range(0, len(self), BATCH):
            last = min(first + BATCH, len(self))
            self.read_into(batch[: (last - first) * self._size], first, last)
            for i in range(last - first):
                images.append(crc32(batch[i * self._size : (i + 1) * self._size]))
            yield
        self.images = images

    def first(self, count):
        """A TrainingSet of the first drawings alone."""
        return TrainingSet(self._samples, self._all[:count])

    def leading(self, layer1):
        """How many of the first drawings are among those that a Layer1 was trained on, in their
        order."""
        count = 0
        for crc in layer1.images:
            if count < len(self.images) and self.images[count] == crc:
                count += 1
        return count

    def begins_with(self, layer1):
        """Whether it begins with just the drawings that a Layer1 was trained on, as they were
        then; else layer 1 has to be trained anew."""
        count = len(layer1.images)
        return self.leading(layer1) == count and crc32(self.first(count).labels) == layer1.labels

    def fingerprint(self):
        """CRC-32 of the drawings and their labels."""
        return crc32(self.labels, crc32(self.images))
