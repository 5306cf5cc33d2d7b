"""What the application knows: the drawings, and the network trained on them. No screen, no
prints.

The drawings lie in drawings.uffs, the network in drawings.uffm; every change is on the disk when
the call returns. A training reads nothing but the samples file and is the same everywhere, so
after a drawing was deleted or relabelled, or a class removed, training gives the very bytes that
it would have given had it never been otherwise: unlearning is exact.
"""

import gc
from array import array
from collections import namedtuple
from struct import calcsize, pack, unpack_from

import ridge
from ridge import crc32
from uff import FormatError, LabelEmbedding, Network, Options, SamplesFile, Trainer
from uff.arena import HeapArena
from uff.files import exists, replace
from uff.model import save_steps
from uff.plan import MAX_IMAGES

from .raster import SIDE

SAMPLES = "drawings.uffs"
MODEL = "drawings.uffm"
NAMES = ("1", "2", "3")  # of a new samples file

# Handwriting by few people wants a stronger ridge in layer 1 than Fashion-MNIST: on the 5,000
# digits of MNIST that `uff data digits` brings, 100 is 0.02 better than 5 with 5, 20 and 50 images
# a class (`uff digits --study`, as are the figures below).
LAMBDA1 = 100.0

# A margin below a fifth of the best goodness is "not sure". With 5, 20 and 60 of those digits a
# class 64, 77 and 80 % of unseen ones pass, and of these 0.86, 0.95 and 0.98 are right.
SURE = 5

# The most similar training drawing must be as similar as theirs are among themselves, but for the
# most singular twentieth, less a twentieth.
ALIKE = 64  # drawings that are compared with all others after a training

# NOTE of the model: fingerprint of the samples, least likeness, number of suspects; then u16 each.
NOTE = "<IiI"

# label: of most goodness. sure: whether to trust it; why: else a few words. goodness: a float for
# each class; margin: best less second best. nearest: number of the most similar drawing, or None
# where the drawings have changed since; similarity: its cosine, 0 to 1.
Verdict = namedtuple(
    "Verdict", ("label", "sure", "why", "goodness", "margin", "nearest", "similarity")
)


class Recogniser:
    """Opens the drawings in `folder` ("" or ending in "/"), or begins with none.

    notices: sentences for people on what was found wrong with the files; nothing is ever deleted
    for it. A samples file that cannot be read is renamed to drawings.bad1 and so on.
    """

    def __init__(self, folder="", arena=None, options=None):
        self.notices = []
        self.network = None
        self.suspects = []
        self.wants_training = False  # there was a network, and it is not that of these drawings
        self._path = folder + MODEL
        self._arena = arena or HeapArena()
        self._options = options or Options(lambda1=LAMBDA1)
        self._x = None
        self._alike = 0
        self._trained = 0
        self._version = 0
        self.samples = self._open(folder + SAMPLES)
        self.embedding = LabelEmbedding(self.samples.height, self.samples.width)
        self._probe = bytearray(2 * self.embedding.features)
        self._load()

    # ---- files ----

    def _open(self, path):
        try:
            samples = SamplesFile.open(path)
        except FormatError as error:
            kept = self._put_aside(path)
            self.notices.append("%s. It is kept as %s; a new file begins." % (error, kept))
            samples = SamplesFile.create(path, SIDE, SIDE, NAMES)
        except OSError as error:
            if error.errno != 2:  # ENOENT
                raise
            samples = SamplesFile.create(path, SIDE, SIDE, NAMES)
        if (samples.height, samples.width) != (SIDE, SIDE):
            kept = self._put_aside(path)
            self.notices.append(
                "%s holds images of %d x %d. It is kept as %s; a new file begins."
                % (path, samples.height, samples.width, kept)
            )
            samples = SamplesFile.create(path, SIDE, SIDE, NAMES)
        if samples.damaged:
            self.notices.append("%d damaged drawings were passed over." % samples.damaged)
        return samples

    @staticmethod
    def _put_aside(path):
        number = 1
        while exists("%s.bad%d" % (path, number)):
            number += 1
        kept = "%s.bad%d" % (path, number)
        replace(path, kept)
        return kept

    def _load(self):
        try:
            network = Network.load(self._path)
        except OSError:
            return
        except (FormatError, MemoryError) as error:
            self.notices.append("The model cannot be used: %s" % error)
            self.wants_training = True
            return
        note = network.notes or b""
        samples = self.samples
        self.wants_training = True
        if (
            len(note) < calcsize(NOTE)
            or len(network.names) != len(samples.names)
            or (network.embedding.height, network.embedding.width) != (SIDE, SIDE)
            or network.facts.images != len(samples)
        ):
            return
        fingerprint, alike, suspects = unpack_from(NOTE, note, 0)
        if len(note) != calcsize(NOTE) + 2 * suspects:
            return
        reader = _Reader(samples)
        try:
            x = self._arena()(2 * len(samples) * self.embedding.features)
            rows, row = memoryview(x), 2 * self.embedding.features
            batch = bytearray(ALIKE * samples.height * samples.width)
            for first in range(0, len(samples), ALIKE):
                last = min(first + ALIKE, len(samples))
                images = memoryview(batch)[: (last - first) * SIDE * SIDE]
                reader.read_into(images, first, last)
                self.embedding.encode(images, rows[first * row : last * row])
        except (OSError, FormatError, MemoryError) as error:
            self.notices.append("The drawings cannot be read: %s" % error)
            return
        if reader.fingerprint() != fingerprint:
            return
        self._arena.keep()
        network.names = list(samples.names)
        self.network, self._x, self._alike = network, x, alike
        self._trained = len(samples)
        self.suspects = [
            unpack_from("<H", note, calcsize(NOTE) + 2 * i)[0] for i in range(suspects)
        ]
        self.wants_training = False

    # ---- drawings and classes ----

    @property
    def names(self):
        """Names of the classes."""
        return self.samples.names

    def counts(self):
        """Drawings of each class."""
        counts = [0] * len(self.names)
        for label in self.samples.labels:
            counts[label] += 1
        return counts

    def add(self, image, label):
        """Adds a drawing (uint8, 784). OSError where the disk is full."""
        if len(self.samples) >= MAX_IMAGES:
            raise ValueError("%d drawings are the most; delete some first" % MAX_IMAGES)
        self.samples.append(image, label)
        self._changed()

    def delete(self, i):
        """Takes drawing i out; those behind it move up."""
        self.samples.delete(i)
        self._changed()

    def relabel(self, i, label):
        """Gives drawing i to another class."""
        self.samples.relabel(i, label)
        self._changed()

    def add_class(self, name):
        """One more class; its number."""
        number = len(self.names)
        self._check_name(name, number)
        self.samples.name_class(number, name)
        self._changed()
        return number

    def rename_class(self, number, name):
        """Gives a class another name; the network goes on with it."""
        self._check_name(name, number)
        self.samples.name_class(number, name)
        if self.network is not None and number < len(self.network.names):
            self.network.names[number] = name

    def remove_class(self, number):
        """Takes a class and its drawings out; the classes behind it move down by one. The
        network, which knew the class, goes too."""
        self.samples.remove_class(number)
        self._changed()
        self.network = None

    def _check_name(self, name, number):
        name = name.strip()
        if not name:
            raise ValueError("a class wants a name")
        for i, other in enumerate(self.names):
            if other == name and i != number:
                raise ValueError("there is a class “%s” already" % name)

    def _changed(self):
        self._version += 1
        self.wants_training = self.wants_training or self.network is not None
        self.suspects = []

    @property
    def stale(self):
        """Whether drawings or classes have changed since the network was trained."""
        return self.network is None or self.wants_training

    # ---- training ----

    def obstacle(self):
        """None, or the sentence on why there can be no training yet."""
        if len(self.names) < 2:
            return "add a second class"
        counts = self.counts()
        missing = [name for name, count in zip(self.names, counts) if not count]
        if len(missing) == len(counts):
            return "draw something for each class"
        if missing:
            return "draw one for “%s”, or remove it" % missing[0]
        return None

    @property
    def accuracy(self):
        """Part of the training drawings that the network would know had it not seen them (exact
        leave-one-out of the class layer), or None."""
        if self.network is None or self.network.facts.loo_correct is None:
            return None
        return self.network.facts.loo_correct / self.network.facts.images

    def train(self):
        """A generator: trains on all drawings, yielding (stage, part done) in slices of less than
        20 million multiply-adds; then saves, yielding ("save", part done) anew from 0.

        `network` changes when the training is done, before the save. ValueError with obstacle();
        MemoryError and OSError say what was wanted. Drawings may change meanwhile: before all are
        read that is a ValueError, later the network just wants training again. Whatever stops it,
        the old model's file or the new one is whole.
        """
        obstacle = self.obstacle()
        if obstacle:
            raise ValueError(obstacle)
        # Garbage is collected now, in a slice of its own, rather than amid the training.
        gc.collect()
        yield "collect garbage", 0.0
        reader = _Reader(self.samples)
        version, trainer = self._version, None
        try:
            trainer = Trainer(reader, self._options, self._arena())
            for step in trainer.steps():
                yield step
                if self._version != version and step[0] == trainer.plan.stages[0].name:
                    raise ValueError("the drawings changed; train again")
        except MemoryError:
            need = " %d KB" % (trainer.plan.memory_bytes // 1024) if trainer else ""
            raise MemoryError(
                "%d drawings want%s more memory; delete some" % (len(self.samples), need)
            )
        network, x = trainer.network, trainer.x
        alike = yield from self._likeness(x, len(reader))
        suspects = _suspects(network.margins)
        network.notes = pack(NOTE, reader.fingerprint(), alike, len(suspects)) + b"".join(
            pack("<H", i) for i in suspects
        )
        self._arena.keep()
        self.network, self._x, self._alike = network, x, alike
        self._trained = len(reader)
        # Drawings may have changed after the training had read them.
        self.wants_training = self._version != version
        self.suspects = [] if self.wants_training else suspects
        saving = save_steps(network, self._path)
        try:
            for done in saving:
                yield "save", done
        finally:
            saving.close()  # where this one is closed; nobody else would

    def _likeness(self, x, n):
        """Cosine (units of 2^-18) below which a drawing is unlike all others; 0 where there is
        just one."""
        if n < 2:
            return 0
        rows, row = memoryview(x), 2 * self.embedding.features
        nearest = []
        for i in range(0, n, -(-n // ALIKE)):
            one = rows[i * row : (i + 1) * row]
            best = 0
            if i:
                best = ridge.nearest(one, rows[: i * row])[1]
            if i + 1 < n:
                best = max(best, ridge.nearest(one, rows[(i + 1) * row : n * row])[1])
            nearest.append(best)
            yield "compare drawings", 1.0
        nearest.sort()
        return nearest[len(nearest) // 20] * 19 // 20

    # ---- prediction ----

    def predict(self, image):
        """Verdict on a drawing (uint8, 784). ValueError where there is no network yet."""
        network = self.network
        if network is None:
            raise ValueError("train first")
        k = len(network.names)
        good, label = array("q", [0] * k), bytearray(1)
        layer = network.layer
        layer.goodness(network.class_inputs(image), good, label)
        label = label[0]
        second = max((good[c] for c in range(k) if c != label), default=0)
        self.embedding.encode(image, self._probe)
        x = memoryview(self._x)[: 2 * self._trained * self.embedding.features]
        nearest, likeness = ridge.nearest(self._probe, x)
        why = ""
        if likeness < self._alike or not good[label]:
            why = "unlike anything drawn"
        elif SURE * (good[label] - second) < good[label]:
            other = max((c for c in range(k) if c != label), key=lambda c: good[c])
            why = "%s or %s?" % (network.names[label], network.names[other])
        goodness = [layer.value(g) for g in good] + [0.0] * (len(self.names) - k)
        return Verdict(
            label,
            not why,
            why,
            tuple(goodness),
            layer.value(good[label] - second),
            None if self.stale else nearest,
            likeness / 262144,
        )


class _Reader:
    """The samples as a Trainer reads them, each once and in order, with their fingerprint: the
    CRC-32 of all images, then all labels."""

    def __init__(self, samples):
        self.height, self.width = samples.height, samples.width
        self.names = list(samples.names)
        self.labels = bytearray(samples.labels)
        self._samples = samples
        self._crc = 0

    def __len__(self):
        return len(self.labels)

    def read_into(self, buffer, first, last):
        self._samples.read_into(buffer, first, last)
        self._crc = crc32(buffer, 0 if first == 0 else self._crc)

    def fingerprint(self):
        return crc32(self.labels, self._crc)


def _suspects(margins):
    """Numbers of the drawings that look mislabelled: left out, they are taken for another class
    by more than three quarters of the usual margin. At most a tenth of all."""
    usual = sorted(abs(margin) for margin in margins)[len(margins) // 2]
    worst = sorted((margin, i) for i, margin in enumerate(margins) if 4 * margin < -3 * usual)
    return sorted(i for _, i in worst[: len(margins) // 10])
