"""What the application knows: the drawings, and the network trained on them. No screen, no
prints.

The drawings lie in drawings.uffs, the network in drawings.uffm; every change is on the disk when
the call returns. A training reads nothing but the samples file and is the same everywhere, so
after a drawing was deleted or relabelled, or a class removed, training gives the very bytes that
it would have given had it never been otherwise: unlearning is exact.

What the samples file holds is what counts: names, counts and whether the network is that of these
drawings follow from it, whatever an error or Ctrl-C has stopped.
"""

import gc
from array import array
from collections import namedtuple
from struct import calcsize, pack, unpack_from

import ridge
from ridge import crc32
from uff import FormatError, LabelEmbedding, Network, Options, Samples, SamplesFile, Trainer
from uff.arena import HeapArena
from uff.files import NOWHERE, discard, exists, rename
from uff.model import save_steps
from uff.plan import MAX_IMAGES

from .raster import SIDE
from .witness import Witness

SAMPLES = "drawings.uffs"
MODEL = "drawings.uffm"
NAMES = ("1", "2", "3")  # of a new samples file

# Handwriting by few people wants a stronger ridge in layer 1 than Fashion-MNIST: on the 5,000
# digits of MNIST that `uff data digits` brings, 100 is 0.02 better than 5 with 5, 20 and 50 images
# a class (`uff experiment digits --study`, as are the figures below).
LAMBDA1 = 100.0

# A margin below a fifth of the best goodness is "not sure". With 5, 20 and 60 of those digits a
# class 64, 77 and 80 % of unseen ones pass, and of these 0.86, 0.95 and 0.98 are right.
SURE = 5

# The most similar training drawing must be as similar as theirs are among themselves, but for the
# most singular twentieth, less a twentieth.
ALIKE = 64  # drawings that are compared with all others after a training

ENOMEM = 12

# NOTE of the model: fingerprint of the samples, least likeness, number of suspects; then u16 each.
NOTE = "<IiI"

# label: of most goodness. sure: whether to trust it; why: else a few words. goodness: a float for
# each class; margin: best less second best. nearest: number of the most similar drawing, or None
# where the drawings have changed since; similarity: its cosine, 0 to 1.
Verdict = namedtuple(
    "Verdict", ("label", "sure", "why", "goodness", "margin", "nearest", "similarity")
)


# A network and what belongs to it, never changed but replaced as a whole. classes: for each label
# of the network the number of its class, None where that was removed. x: the encoded drawings it
# was trained on, None where they are not all there; alloc: what gave the memory for it. version:
# of the samples it was trained on, or None.
_Known = namedtuple("_Known", ("network", "classes", "x", "alloc", "alike", "suspects", "version"))


class NotSaved(OSError):
    """The network was trained and is in use, but its file is the old one."""


class Recogniser:
    """Opens the drawings in `folder` ("" or ending in "/"), or begins with none.

    notices: sentences for people on what was found wrong with the files; nothing is ever deleted
    for it. A damaged samples file is renamed to drawings.uffs.bad1 and so on, and what is sound
    in it goes on under its name. Where the disk does not work at all, the drawings are in memory
    alone. harmed: whether drawings are not there any more. fresh: whether there were none.
    """

    def __init__(self, folder="", arena=None, options=None):
        self.notices = []
        self.harmed = self.fresh = False
        self._path = folder + MODEL
        self._witness = Witness(folder + SAMPLES)
        self._arena = arena or HeapArena()
        self._options = options or Options(lambda1=LAMBDA1)
        self._known = self._kept = self._seen = None
        network = self._read_model()
        self._had_network = network is not None or exists(self._path)
        self.samples = self._open(folder + SAMPLES, network)
        self.embedding = LabelEmbedding(SIDE, SIDE)
        self._probe = bytearray(2 * self.embedding.features)
        if network:
            self._adopt(network)

    # ---- files ----

    def _open(self, path, network):
        names = network.names if network else NAMES
        try:
            self._witness.prepare()
            samples, found, lost = self._open_or_begin(path, names)
            lost += max(self._witness.records - found, 0)
            # What is lost is said at each start, until a change shows that somebody was there.
            self._witness.note(samples.records + lost)
        except OSError as error:
            self.harmed, self._witness = True, None
            self.notices.append(
                "The disk does not work (error %s): what you draw is gone with the power."
                % error.errno
            )
            return Samples(SIDE, SIDE, names)
        if lost:
            text = "%d drawings or changes are lost." % lost if lost > 1 else "A drawing is lost."
            self.notices.insert(0, text)
        elif self.fresh and network:
            self.harmed = True
            self.notices.insert(0, "The drawings are gone; the network is kept.")
        self.harmed = self.harmed or lost > 0
        self.fresh = self.fresh and not self.harmed
        return samples

    def _open_or_begin(self, path, names):
        """(samples, records that were found, how many of these are of no use)."""
        samples, why = None, None
        try:
            samples = SamplesFile.open(path)
        except FormatError as error:
            why = str(error)
        except OSError as error:
            if error.errno in NOWHERE:
                self.fresh = True
                return SamplesFile.create(path, SIDE, SIDE, names), 0, 0
            why = "%s cannot be read (error %s)" % (path, error.errno)
        lost, found = 0, 0
        if samples is None or samples.lost:
            aside = _free(path)
            try:
                samples, lost, found = SamplesFile.rescue(path, aside)
                self.notices.append("The old file is kept as %s." % _name(aside))
            except FormatError:
                pass
            except OSError as error:
                if samples is not None:
                    # It goes on as it is, and what is torn is written over.
                    self.notices.append("The old file cannot be kept (error %s)." % error.errno)
                    lost, found = samples.lost, samples.records
        if samples is not None:
            if (samples.height, samples.width) == (SIDE, SIDE):
                return samples, found or samples.records, lost
            why = "%s has images of %d x %d" % (path, samples.height, samples.width)
        self.harmed = True
        for old in (path, path + ".new"):
            if exists(old):
                aside = _free(path)
                rename(old, aside)
                self.notices.append("%s. It is kept as %s." % (why, _name(aside)))
                why = "There is an unfinished file too"
        return SamplesFile.create(path, SIDE, SIDE, names), 0, 0

    def _read_model(self):
        try:
            network = Network.load(self._path)
            why = None
            if (network.embedding.height, network.embedding.width) != (SIDE, SIDE):
                why = "images of %d x %d" % (network.embedding.height, network.embedding.width)
        except OSError as error:
            if error.errno in NOWHERE:
                return None
            why = "error %s" % error.errno
        except (FormatError, MemoryError) as error:
            why = str(error)
        if why is None:
            return network
        self.notices.append("The network cannot be used: %s." % why)
        return None

    def _adopt(self, network):
        """Takes a network from the disk: as that of these drawings, or of others as far as its
        classes are here by name."""
        names = self.names
        found = self._trained_on_these(network)
        if found:
            x, alloc, alike, suspects = found
            network.names = list(names)
            classes = tuple(range(len(names)))
            version = self.samples.version
            self._known = _Known(network, classes, x, alloc, alike, suspects, version)
            self._keep()
        else:
            classes = tuple(names.index(n) if n in names else None for n in network.names)
            self._known = _usable(_Known(network, classes, None, None, 0, (), None))

    def _trained_on_these(self, network):
        """(encoded drawings, what gave their memory, likeness, suspects), or None where the
        network was trained on others."""
        note, samples = network.notes or b"", self.samples
        if (
            len(note) < calcsize(NOTE)
            or len(network.names) != len(samples.names)
            or not 0 < network.facts.images == len(samples)
        ):
            return None
        fingerprint, alike, count = unpack_from(NOTE, note, 0)
        if len(note) != calcsize(NOTE) + 2 * count:
            return None
        suspects = [unpack_from("<H", note, calcsize(NOTE) + 2 * i)[0] for i in range(count)]
        if suspects and max(suspects) >= len(samples):
            return None
        reader = _Reader(samples)
        try:
            alloc = self._arena()
            x = alloc(2 * len(samples) * self.embedding.features)
            rows, row = memoryview(x), 2 * self.embedding.features
            batch = bytearray(ALIKE * SIDE * SIDE)
            for first in range(0, len(samples), ALIKE):
                last = min(first + ALIKE, len(samples))
                images = memoryview(batch)[: (last - first) * SIDE * SIDE]
                reader.read_into(images, first, last)
                self.embedding.encode(images, rows[first * row : last * row])
        except (OSError, FormatError, MemoryError) as error:
            self.notices.append("The drawings cannot be read: %s" % error)
            return None
        if reader.fingerprint() != fingerprint:
            return None
        return x, alloc, alike, suspects

    def _keep(self):
        """Tells the arena, before it is asked for more, that the network in use lies in what it
        gave last."""
        alloc = self._known and self._known.alloc
        if alloc is not None and alloc is not self._kept:
            self._arena.keep()
            self._kept = alloc

    # ---- drawings and classes ----

    def _look(self):
        """(version, names, counts) of the samples. Where memory or the disk does not let them be
        read, as they were when they last could."""
        try:
            samples, seen = self.samples, self._seen
            version = samples.version
            if seen is None or seen[0] != version:
                names = list(samples.names)
                counts = [0] * len(names)
                for label in samples.labels:
                    counts[label] += 1
                self._seen = version, names, counts
        except (OSError, FormatError, MemoryError):
            if self._seen is None:
                raise
        return self._seen

    @property
    def state(self):
        """(version of the samples, what is known of them): the same two objects while both are as
        they were."""
        return self._look()[0], self._known

    @property
    def names(self):
        """Names of the classes."""
        return self._look()[1]

    def counts(self):
        """Drawings of each class."""
        return list(self._look()[2])

    @property
    def network(self):
        """The network in use, or None."""
        return self._known.network if self._known else None

    @property
    def suspects(self):
        """Numbers of the drawings that look mislabelled."""
        return [] if self.stale else list(self._known.suspects)

    def classes_in_doubt(self):
        """Numbers of the classes with drawings that look mislabelled."""
        suspects = self.suspects
        if not suspects:
            return set()
        labels = self.samples.labels
        return {labels[i] for i in suspects}

    @property
    def stale(self):
        """Whether drawings or classes have changed since the network was trained."""
        return self._known is None or self._known.version != self._look()[0]

    @property
    def wants_training(self):
        """Whether there was a network, and it is not that of these drawings."""
        return self._had_network and self.stale

    def _note(self):
        if self._witness:
            try:
                self._witness.note(self.samples.records)
            except (OSError, FormatError, MemoryError):
                pass  # the change was made; it is noted with the next one

    def add(self, image, label):
        """Adds a drawing (uint8, 784). OSError where the disk is full."""
        if len(self.samples) >= MAX_IMAGES:
            raise ValueError("%d drawings are the most; delete some first" % MAX_IMAGES)
        self.samples.append(image, label)
        self._note()

    def delete(self, i):
        """Takes drawing i out; those behind it move up."""
        self.samples.delete(i)
        self._note()

    def relabel(self, i, label):
        """Gives drawing i to another class."""
        self.samples.relabel(i, label)
        self._note()

    def add_class(self, name):
        """One more class; its number."""
        number = len(self.names)
        self._check_name(name, number)
        self.samples.name_class(number, name)
        self._note()
        return number

    def rename_class(self, number, name):
        """Gives a class another name; the network goes on with it."""
        self._check_name(name, number)
        before = self.samples.version
        self.samples.name_class(number, name)
        known = self._known
        if known and known.version == before:
            known.network.names[number] = name
            self._known = _Known(*known[:-1], self.samples.version)
        self._note()

    def remove_class(self, number):
        """Takes a class and its drawings out; the classes behind it move down by one. The network
        goes on with those that are left, until it is trained anew."""
        known = self._known
        after = known and _without(known, number)
        count = len(self.names)
        if self._witness:
            self._witness.forget()
        # For a moment its classes are not those of the samples.
        self._known = None
        try:
            self.samples.remove_class(number)
        except BaseException:
            self._known = known if len(self.samples.names) == count else after
            raise
        self._known = after
        self._note()

    def _check_name(self, name, number):
        name = name.strip()
        if not name:
            raise ValueError("a class wants a name")
        for i, other in enumerate(self.names):
            if other == name and i != number:
                raise ValueError("there is a class “%s” already" % name)

    # ---- training ----

    def obstacle(self):
        """None, or the sentence on why there can be no training yet."""
        _, names, counts = self._look()
        if len(names) < 2:
            return "add a second class"
        missing = [name for name, count in zip(names, counts) if not count]
        if len(missing) == len(counts):
            return "draw something for each class"
        if missing:
            return "draw one for “%s”, or remove it" % missing[0]
        return None

    @property
    def accuracy(self):
        """Part of the training drawings that the network would know had it not seen them (exact
        leave-one-out of the class layer), or None."""
        network = self.network
        if network is None or not network.facts.images or network.facts.loo_correct is None:
            return None
        return network.facts.loo_correct / network.facts.images

    def train(self):
        """A generator: trains on all drawings, yielding (stage, part done) in slices of less than
        20 million multiply-adds; then saves, yielding ("save", part done) anew from 0.

        `network` changes when the training is done, before the save; NotSaved where that fails.
        ValueError with obstacle(); MemoryError and OSError say what was wanted. Drawings may
        change meanwhile: before all are read that is a ValueError, later the network just wants
        training again. Whatever stops it, the old model's file or the new one is whole.
        """
        obstacle = self.obstacle()
        if obstacle:
            raise ValueError(obstacle)
        # Garbage is collected now, in a slice of its own, rather than amid the training.
        gc.collect()
        yield "collect garbage", 0.0
        samples, trainer = self.samples, None
        version, reader = samples.version, _Reader(samples)
        self._keep()
        try:
            alloc = self._arena()
            trainer = Trainer(reader, self._options, alloc)
            for step in trainer.steps():
                yield step
                if samples.version != version and step[0] == trainer.plan.stages[0].name:
                    raise ValueError("the drawings changed; train again")
        except MemoryError:
            need = " %d KB" % (trainer.plan.memory_bytes // 1024) if trainer else ""
            raise MemoryError("%d drawings want%s more memory; delete some" % (len(reader), need))
        network, x = trainer.network, trainer.x
        alike = yield from self._likeness(x, len(reader))
        suspects = _suspects(network.margins)
        network.notes = pack(NOTE, reader.fingerprint(), alike, len(suspects)) + b"".join(
            pack("<H", i) for i in suspects
        )
        x = memoryview(x)[: 2 * len(reader) * self.embedding.features]
        # Drawings may have changed after the training had read them: then it is stale at once.
        classes = tuple(range(len(reader.names)))
        self._known = _Known(network, classes, x, alloc, alike, suspects, version)
        self._keep()
        self._had_network = True
        saving = save_steps(network, self._path)
        try:
            for done in saving:
                yield "save", done
        except OSError as error:
            raise NotSaved(error.errno)
        except MemoryError:
            raise NotSaved(ENOMEM)
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
            if len(nearest) % (ALIKE // 8) == 0:  # one is little beside what a slice costs
                yield "compare drawings", 1.0
        nearest.sort()
        return nearest[len(nearest) // 20] * 19 // 20

    # ---- prediction ----

    def predict(self, image):
        """Verdict on a drawing (uint8, 784). ValueError where there is no network yet."""
        known = self._known
        if known is None:
            raise ValueError("train first")
        network, classes = known.network, known.classes
        k, names = len(classes), self.names
        good = array("q", [0] * k)
        network.layer.goodness(network.class_inputs(image), good, bytearray(1))
        here = [c for c in range(k) if classes[c] is not None]
        label = max(here, key=lambda c: good[c])
        here.remove(label)
        other = max(here, key=lambda c: good[c])
        nearest, likeness = None, 0
        if known.x is not None:
            self.embedding.encode(image, self._probe)
            nearest, likeness = ridge.nearest(self._probe, known.x)
        why = ""
        if likeness < known.alike or not good[label]:
            why = "unlike anything drawn"
        elif SURE * (good[label] - good[other]) < good[label]:
            why = "%s or %s?" % (names[classes[label]], names[classes[other]])
        goodness = [0.0] * len(names)
        for c, number in enumerate(classes):
            if number is not None:
                goodness[number] = network.layer.value(good[c])
        return Verdict(
            classes[label],
            not why,
            why,
            tuple(goodness),
            network.layer.value(good[label] - good[other]),
            None if self.stale else nearest,
            likeness / 262144,
        )


def _name(path):
    return path.split("/")[-1]


def _free(path):
    """A name for what is put aside, that nothing has."""
    number = 1
    while exists("%s.bad%d" % (path, number)):
        number += 1
    return "%s.bad%d" % (path, number)


def forget(folder=""):
    """Removes the drawings and the network in a folder, and what belongs to them."""
    for name in (SAMPLES, MODEL):
        discard(folder + name)
        discard(folder + name + ".new")
    Witness(folder + SAMPLES).forget()


def _without(known, number):
    """What is known when class `number` is gone; None where it could not tell two apart."""
    classes = tuple(None if c is None or c == number else c - (c > number) for c in known.classes)
    return _usable(_Known(known.network, classes, *known[2:-1], None))


def _usable(known):
    return known if sum(c is not None for c in known.classes) >= 2 else None


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
