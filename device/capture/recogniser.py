"""What the application knows: the drawings, and the network that learns each of them at once. No
screen, no prints.

The drawings lie in drawings.uffs, the network in drawings.uffm; every change of a drawing is on
the disk when the call returns. The network follows from the samples file and from how many of its
first drawings layer 1 was trained on, and from nothing else: after a drawing was deleted or
relabelled, or a class removed, learn() gives the very bytes that it would have given had it never
been otherwise. So unlearning is exact.

What the samples file holds is what counts: names, counts and whether the network is that of these
drawings follow from it, whatever an error or Ctrl-C has stopped.
"""

import gc
from array import array
from collections import namedtuple
from io import BytesIO
from struct import calcsize, pack, unpack_from

import ridge
from ridge import crc32
from uff import Dataset, FormatError, LabelEmbedding, Options
from uff.arena import HeapArena
from uff.files import NOWHERE, discard, exists, rename
from uff.incremental_kernel import IncrementalKernelClassifier
from uff.model import load, load_layer, read_layer, save_layer, save_steps
from uff.train import Trainer

from . import first_layer, rules
from .raster import SIDE
from .witness import Witness
from .words import NotSaved, Refused, TooMuch

SAMPLES = "drawings.uffs"
MODEL = "drawings.uffm"
LAYER = "drawings.layer"  # layer 1 from before the last change, while that can be taken back
NAMES = ("1", "2", "3")  # of a new samples file
NETWORK = "uff_kernel"
ALIKE = 64  # drawings that are compared with all others
ONE = 1 << 18  # likeness of a drawing with itself
ENOMEM = 12
ALL = 65535  # more than drawings there can be

# NOTE of the model: mark; fingerprint of the samples; least familiarity; suspects; first drawings
# that layer 1 was trained on, and CRC-32 of their labels. Then a u16 for each suspect, and the
# CRC-32 of each of those drawings.
NOTE = "<4sIiHHI"
MARK = b"CAP2"

# label: of most goodness. sure: whether to trust it; why: else a few words. goodness: a float for
# each class; margin: best less second best. nearest: number of the most similar drawing, or None
# where the drawings have changed since; similarity: its cosine, 0 to 1. other: label of second
# most goodness.
Verdict = namedtuple(
    "Verdict", ("label", "sure", "why", "goodness", "margin", "nearest", "similarity", "other")
)

# A network and what belongs to it, never changed but replaced as a whole. classes: for each label
# of the network the number of its class, None where that was removed. alike: least familiarity,
# or None before it is known. version: of the samples it has learnt, or None; checked: whether
# leave-one-out has been done.
_Known = namedtuple("_Known", ("network", "classes", "alike", "suspects", "version", "checked"))

# Layer 1, and the first drawings that it was trained on: CRC-32 of each, and of all their labels.
_First = namedtuple("_First", ("layer1", "images", "labels"))


# Why it is not sure, where no drawing is like it.
UNLIKE = "unlike anything drawn"

# Stages of learn(); part of LEARN that a training of layer 1 takes.
LEARN, CHECK, SAVE = "learn", "check", "save"
LAYER_1 = 0.05


class Recogniser:
    """Opens the drawings in `folder` ("" or ending in "/"), or begins with none.

    notices: sentences for people on what was found wrong with the files; nothing is ever deleted
    for it. A damaged samples file is renamed to drawings.uffs.bad1 and so on, and what is sound
    in it goes on under its name. Where the disk does not work at all, the drawings are in memory
    alone. harmed: whether drawings are not there any more. fresh: whether there were none.
    """

    def __init__(self, folder="", arena=None):
        self.notices = []
        self.harmed = self.fresh = False
        self._path = folder + MODEL
        self._layer_path = folder + LAYER
        self._witness = Witness(folder + SAMPLES)
        self._arena = arena or HeapArena()
        self._learner = self._known = self._seen = None
        self._first = self._before = _firmware_layer()
        self._removed = None  # number of the class that the last change has removed
        self.unsaved = False  # whether the network's file has other names of the classes
        self.gain = None  # leave-one-out accuracies before and after the last training of layer 1
        network = self._read_model()
        self._had_network = network is not None or exists(self._path)
        self.samples = self._open(folder + SAMPLES, network)
        self.embedding = LabelEmbedding(SIDE, SIDE)
        if network:
            self._adopt(network)
        self._take_layer()

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
            return Dataset(SIDE, SIDE, names)
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
            samples = Dataset.open(path)
        except FormatError:
            why = "The file of the drawings is damaged"
        except OSError as error:
            if error.errno in NOWHERE:
                self.fresh = True
                return Dataset.create(path, SIDE, SIDE, names), 0, 0
            why = "The file of the drawings cannot be read (error %s)" % error.errno
        lost, found = 0, 0
        if samples is None or samples.lost:
            aside = _free(path)
            try:
                samples, lost, found = Dataset.rescue(path, aside)
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
            why = "The drawings have %d x %d points" % (samples.height, samples.width)
        self.harmed = True
        for old in (path, path + ".new"):
            if exists(old):
                aside = _free(path)
                rename(old, aside)
                self.notices.append("%s; it is kept as %s." % (why, _name(aside)))
                why = "There is an unfinished file too"
        return Dataset.create(path, SIDE, SIDE, names), 0, 0

    def _read_model(self):
        try:
            network = load(self._path)
        except OSError as error:
            if error.errno in NOWHERE:
                return None
            why = "The network cannot be read (error %s)" % error.errno
        except FormatError:
            why = "The file of the network is damaged"
        except MemoryError:
            why = "There is not enough memory for the network"
        else:
            shape = network.embedding.height, network.embedding.width
            if network.name == NETWORK and shape == (SIDE, SIDE):
                return network
            why = "The network is of another version of the application"
        self.notices.append(why + ": it learns your drawings anew.")
        return None

    def _adopt(self, network):
        """Takes a network from the disk: as that of these drawings, or of others as far as its
        classes are here by name."""
        note = _unpack_note(network.notes)
        if note:
            fingerprint, alike, suspects, images, labels = note
            if len(images):
                self._first = _First(network.layer1, images, labels)
            reader = _Reader(self.samples)
            if self._trained_on_these(network, reader, fingerprint, suspects):
                self.unsaved = list(network.names) != list(reader.names)
                network.names, classes = list(reader.names), tuple(reader.classes)
                version = self.samples.version
                self._known = _Known(network, classes, alike, suspects, version, True)
                return
        names = self.names
        classes = tuple(names.index(n) if n in names else None for n in network.names)
        self._known = _usable(_Known(network, classes, None, (), None, False))

    def _trained_on_these(self, network, reader, fingerprint, suspects):
        try:
            return _learnt_all(network, reader, fingerprint, suspects)
        except (OSError, FormatError, MemoryError):
            self.notices.append("Some drawings cannot be read.")
            return False

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
        if len(self.samples) >= rules.ROWS:
            raise Refused("%d drawings are the most: delete some first" % rules.ROWS)
        self.samples.append(image, label)
        self._forget_before()
        self._note()

    def delete(self, i):
        """Takes drawing i out; those behind it move up."""
        self._keep_before(i)
        self.samples.delete(i)
        self._note()

    def relabel(self, i, label):
        """Gives drawing i to another class."""
        self._keep_before(i)
        self.samples.relabel(i, label)
        self._note()

    @property
    def can_undo(self):
        """Whether the last change was delete(), relabel() or remove_class(), which undo() takes
        back."""
        try:
            return self.samples.can_undo
        except (OSError, FormatError, MemoryError):
            return False

    def undo(self):
        """Takes back the last change: what is then learnt is what would have been learnt without
        it, to the last bit. Refused where there is nothing to take back."""
        if not self.can_undo:
            raise Refused("there is nothing to take back")
        known, number = self._known, self._removed
        if number is not None:
            self._known = None  # for a moment its classes are not those of the samples
        count = len(self.samples.names)
        try:
            self.samples.undo()
        finally:
            if number is not None:
                back = len(self.samples.names) > count
                self._known = known and _with(known, number) if back else known
        # Layer 1 was perhaps trained anew without what is there again.
        self._first, self._removed = self._before, None
        self._note()

    def _keep_before(self, first_changed):
        """Before a change of drawing `first_changed` or later ones that can be taken back: layer
        1 as it is, in memory, and where the change concerns it on the disk too, where a power cut
        leaves it."""
        first = self._first
        if first_changed < len(first.images):
            notes = pack("<HI", len(first.images), first.labels)
            notes += b"".join([pack("<I", crc) for crc in first.images])
            try:
                save_layer(first.layer1, self.embedding, self._layer_path, notes)
            except (OSError, MemoryError):
                discard(self._layer_path)  # exact all the same, unless the power fails
        self._before, self._removed = first, None

    def _forget_before(self):
        self._before, self._removed = self._first, None
        discard(self._layer_path)

    def _take_layer(self):
        """At the start: layer 1 as it was before a change that was taken back just before the
        power failed. Of no use where that change was not taken back."""
        try:
            layer1, _, notes = load_layer(self._layer_path)
            count, labels = unpack_from("<HI", notes, 0)
            images = array("I", [unpack_from("<I", notes, 6 + 4 * i)[0] for i in range(count)])
            reader = _Reader(self.samples)
            for _ in reader.read_all():
                pass
            first = _First(layer1, images, labels)
            if reader.has(first):
                self._first = first
        except (OSError, ValueError, MemoryError):
            pass  # there is none, as nearly always; or the network's layer 1 has to do
        discard(self._layer_path)

    def add_class(self, name):
        """One more class; its number."""
        number = len(self.names)
        self._check_name(name, number)
        self.samples.name_class(number, name)
        self._forget_before()
        self._note()
        return number

    def rename_class(self, number, name):
        """Gives a class another name; the network goes on with it."""
        self._check_name(name, number)
        before = self.samples.version
        self.samples.name_class(number, name)
        known = self._known
        if known and known.version == before:
            label = known.classes.index(number) if number in known.classes else None
            if label is not None:
                known.network.names[label] = name
                self.unsaved = True
            self._known = _Known(*known[:4], self.samples.version, known.checked)
        self._forget_before()
        self._note()

    def remove_class(self, number):
        """Takes a class and its drawings out; the classes behind it move down by one. The network
        goes on with those that are left, until it is trained anew."""
        known = self._known
        after = known and _without(known, number)
        count = len(self.names)
        labels = self.samples.labels
        self._keep_before(min([i for i, label in enumerate(labels) if label == number] or [ALL]))
        if self._witness:
            self._witness.forget()
        # For a moment its classes are not those of the samples.
        self._known = None
        try:
            self.samples.remove_class(number)
        except BaseException:
            self._known = known if len(self.samples.names) == count else after
            raise
        self._known, self._removed = after, number
        self._note()

    def _check_name(self, name, number):
        name = name.strip()
        if not name:
            raise Refused("type a name first")
        for i, other in enumerate(self.names):
            if other == name and i != number:
                raise Refused("there is a class “%s” already" % name)

    # ---- learning ----

    def obstacle(self):
        """None, or the sentence on why nothing can be learnt yet."""
        _, names, counts = self._look()
        if len(names) < 2:
            return "add a second class"
        missing = [name for name, count in zip(names, counts) if not count]
        if len(missing) == len(counts):
            return "draw something for each class"
        if len(counts) - len(missing) < 2:
            return "draw one for “%s” too" % missing[0]
        return None

    @property
    def is_checked(self):
        """Whether leave-one-out of the drawings as they are is known."""
        known = self._known
        return not self.stale and known.checked and known.network.loo_labels is not None

    @property
    def taken_for(self):
        """For each drawing the number of the class that it is taken for when it is left out with
        its copies; None before that is known, and where drawings have changed since."""
        known = self._known
        if not self.is_checked:
            return None
        return [known.classes[label] for label in known.network.loo_labels]

    @property
    def trained(self):
        """Whether layer 1 was trained on all drawings there are."""
        return 0 < len(self._first.images) == sum(self._look()[2])

    @property
    def accuracy(self):
        """Part of the drawings that the network would know had it not seen them nor their copies
        (exact leave-one-out of the class layer), or None."""
        network = self.network
        if network is None or not network.info.images or network.info.loo_correct is None:
            return None
        return network.info.loo_correct / network.info.images

    def learn(self):
        """A generator: learns what has changed, yielding (stage, part done) in slices of less than
        20 million multiply-adds: first LEARN, from whose end on `network` knows it; then CHECK,
        leave-one-out; then SAVE, which ends in NotSaved where the disk does not take it.

        ValueError with obstacle(); MemoryError and OSError say what was wanted. Whatever stops it,
        the next call goes on from what is there, and the model's file is the old one or the new.
        """
        if self.stale or not (self._known.checked and self.unsaved):
            yield from self._learn()  # else there is a name to save, and no more
        yield from self._save()

    def _learn(self):
        """A generator: learn() without saving."""
        obstacle = self.obstacle()
        if obstacle:
            raise Refused(obstacle)
        if self._learner is None:
            gc.collect()  # it takes much
        yield LEARN, 0.0
        samples = self.samples
        version, reader = samples.version, _Reader(samples)
        try:
            yield from self._follow(reader)
            if samples.version != version:
                raise Refused("the drawings have changed: it learns them anew")
        except MemoryError:
            self._learner = None
            raise TooMuch("%d drawings want more memory: delete some" % len(reader))
        except BaseException:
            if self._learner is not None and self._learner.network is None:
                self._known = None  # its rows have moved
            raise
        learner = self._learner
        network, classes = learner.network, tuple(reader.classes)
        self._had_network = True
        self._known = _Known(network, classes, None, (), version, False)
        yield LEARN, 1.0
        yield from self._check(reader, version)

    def _save(self):
        """A generator: writes the model file of what was learnt last."""
        network = self.network
        names = list(network.names)
        saving = save_steps(network, self._path)
        try:
            for done in saving:
                yield SAVE, done
            if network is self.network and names == network.names:
                self.unsaved = False
        except OSError as error:
            raise NotSaved(error.errno)
        except MemoryError:
            raise NotSaved(ENOMEM)
        finally:
            saving.close()  # where this one is closed; nobody else would
        # Garbage is collected now, when nobody waits, rather than amid the next work.
        gc.collect()

    def _follow(self, reader):
        """A generator: brings the learner in step with the drawings, one of which it takes in a
        slice."""
        yield from reader.read_all()
        begun = 0.0
        first = self._first
        if not reader.has(first):
            begun = LAYER_1
            first = yield from self._train_layer1(reader, reader.leading(first))
            self._first = first
        options = Options(NETWORK, lambda2=rules.LAMBDA2, copies=rules.copies_of(len(reader)))
        learner = self._learner
        if learner is None:
            alloc = self._arena()
            learner = IncrementalKernelClassifier(
                first.layer1, self.embedding, reader.names, options, rules.ROWS, alloc
            )
            self._arena.keep()
            self._learner, self._learnt = learner, array("I")
        elif learner.layer1 is not first.layer1 or learner.group != 1 + options.copies:
            self._forget()
            learner.restart(first.layer1, reader.names, options)
        n, at = len(reader), 0
        kept = array("I")
        try:
            # What was deleted goes; what is new comes at the end. All in one go: no slice sees the
            # learner out of step with _learnt.
            while at < len(self._learnt):
                if at < n and self._learnt[at] == reader.images[at]:
                    at += 1
                else:
                    if self._known and self._known.network is learner.network:
                        self._known = None  # its rows are about to move
                    learner.remove(at)
                    kept = array("I", [c for i, c in enumerate(self._learnt) if i != at])
                    self._learnt = kept
            there = len(learner)
            learner.set_classes(reader.names, reader.labels[:there])
            features, rest = learner.work(n - there)
            share = (1 - begun) * features / (features + rest)
            for i in range(there, n):
                learner.add(reader.image(i), reader.labels[i])
                self._learnt = array("I", reader.images[: i + 1])
                yield LEARN, begun + share * (i + 1 - there) / (n - there)
            for done in learner.solve_steps():
                yield LEARN, begun + share + (1 - begun - share) * done
        except BaseException:
            if len(learner) != len(self._learnt):
                self._forget()
                learner.restart(first.layer1, reader.names, options)
            raise

    def _forget(self):
        """The learner is about to lose what it has."""
        if self._known and self._learner and self._known.network is self._learner.network:
            self._known = None
        self._learnt = array("I")

    def _train_layer1(self, reader, count):
        """A generator: trains layer 1 on the first `count` drawings; returns a _First. With fewer
        than two classes among them it is the firmware's again."""
        first = reader.first(count)
        if len(first.names) < 2:
            return _firmware_layer()
        options = Options(NETWORK, copies=rules.copies_of(count))
        trainer = Trainer(first, options)
        steps = trainer.layer1_steps()
        while True:
            try:
                _, done = next(steps)
            except StopIteration as end:
                layer1 = end.value
                break
            yield LEARN, LAYER_1 * done
        return _First(layer1, reader.images[:count], crc32(first.labels))

    def _check(self, reader, version):
        """A generator: leave-one-out, suspects and the least likeness."""
        learner, known = self._learner, self._known
        for done in learner.leave_one_out_steps():
            yield CHECK, 0.8 * done
        network = learner.network
        nearest = []
        for likeness in self._likeness_to_others(network):
            nearest.append(likeness)
            yield CHECK, 0.8 + 0.2 * len(nearest) / min(len(reader), ALIKE)
        alike = rules.least_familiarity(nearest, ONE)
        suspects = tuple(rules.suspects(network.margins, reader.labels))
        images, labels = self._first[1:]
        note = [pack(NOTE, MARK, reader.fingerprint(), alike, len(suspects), len(images), labels)]
        note += [pack("<H", i) for i in suspects]
        note += [pack("<I", crc) for crc in images]
        network.notes = b"".join(note)
        if self._known is known:
            self._known = _Known(network, known.classes, alike, suspects, version, True)

    def likeness_to_others(self):
        """Likeness (units of 1 / ONE) of at most ALIKE drawings with the most similar row of
        another drawing."""
        return list(self._likeness_to_others(self.network))

    def _likeness_to_others(self, network):
        n, group = network.info.images, 1 + network.info.copies
        if n < 2:
            return
        rows, row = network.layer.rows, 2 * network.layer.features
        for i in range(0, n, -(-n // ALIKE)):
            first, last = i * group * row, (i + 1) * group * row
            one = rows[first : first + row]
            best = 0
            if i:
                best = ridge.nearest(one, rows[:first])[1]
            if last < len(rows):
                best = max(best, ridge.nearest(one, rows[last:])[1])
            yield best

    def train(self):
        """A generator: trains layer 1 anew on all drawings there are, then learns them with it, as
        learn() does. `gain` says what it was worth. Stopped before it has learnt them, it leaves
        layer 1 as it was."""
        self.gain = None
        begun = 0.0
        if self.stale or self.accuracy is None:
            # What it would know with layer 1 as it is.
            begun = 0.4
            learning = self._learn()
            try:
                for stage, done in learning:
                    yield LEARN, begun * (0.5 * done if stage == LEARN else 0.5 + 0.5 * done)
            finally:
                learning.close()  # where this one is closed; nobody else would
        gc.collect()
        yield LEARN, begun
        before, old, learning = self.accuracy, self._first, self._learn()
        samples = self.samples
        version, reader = samples.version, _Reader(samples)
        try:
            yield from reader.read_all()
            for step in self._new_layer1(reader):
                yield LEARN, begun + (1 - begun) * step[1]
            if samples.version != version:
                raise Refused("the drawings have changed: train again")
            for stage, done in learning:
                if stage == LEARN:
                    done = begun + (1 - begun) * (LAYER_1 + (1 - LAYER_1) * done)
                yield stage, done
        finally:
            learning.close()
            if self.network is None or self.network.layer1 is not self._first.layer1:
                self._first = old
        self.gain = before, self.accuracy
        yield from self._save()

    def _new_layer1(self, reader):
        """A generator: trains layer 1 on all drawings."""
        self._first = yield from self._train_layer1(reader, len(reader))

    # ---- prediction ----

    def predict(self, image):
        """Verdict on a drawing (uint8, 784). ValueError where there is no network yet."""
        known = self._known
        if known is None:
            raise Refused("it has learnt nothing yet")
        network, classes = known.network, known.classes
        k, names = len(classes), self.names
        good = array("q", [0] * k)
        f = network.class_inputs(image)
        network.layer.goodness(f, good, bytearray(1))
        here = [c for c in range(k) if classes[c] is not None]
        label = max(here, key=lambda c: good[c])
        here.remove(label)
        other = max(here, key=lambda c: good[c])
        nearest, likeness = None, 0
        if known.version is not None:
            nearest, likeness = ridge.nearest(f, network.layer.rows)
            nearest //= 1 + network.info.copies
        best, why = network.layer.value(good[label]), ""
        judged = nearest is not None and known.alike is not None
        if not good[label] or (judged and rules.unlike(likeness, best, k, known.alike, ONE)):
            why = UNLIKE
        elif not rules.sure(best, network.layer.value(good[other])):
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
            likeness / ONE,
            classes[other],
        )


def _name(path):
    return path.split("/")[-1]


def _free(path):
    """A name for what is put aside, that nothing has."""
    number = 1
    while exists("%s.bad%d" % (path, number)):
        number += 1
    return "%s.bad%d" % (path, number)


def is_network_of(network, samples):
    """Whether a network of the application has learnt just these drawings. OSError, FormatError
    where they cannot be read."""
    note = _unpack_note(network.notes)
    return note is not None and _learnt_all(network, _Reader(samples), note[0], note[2])


def _learnt_all(network, reader, fingerprint, suspects):
    n = len(reader)
    if (network.info.images, len(network.names)) != (n, len(reader.names)):
        return False
    if any(i >= n for i in suspects):
        return False
    for _ in reader.read_all():
        pass
    return reader.fingerprint() == fingerprint


def forget(folder=""):
    """Removes the drawings and the network in a folder, and what belongs to them."""
    for name in (SAMPLES, MODEL, LAYER):
        discard(folder + name)
        discard(folder + name + ".new")
    discard(folder + SAMPLES + ".undo")
    Witness(folder + SAMPLES).forget()


def _without(known, number):
    """What is known when class `number` is gone; None where it could not tell two apart."""
    classes = tuple(None if c is None or c == number else c - (c > number) for c in known.classes)
    return _usable(_Known(known.network, classes, known.alike, (), None, False))


def _with(known, number):
    """What is known when class `number` is there again, of which it knows nothing yet."""
    classes = tuple(None if c is None else c + (c >= number) for c in known.classes)
    return _Known(known.network, classes, known.alike, (), None, False)


def _usable(known):
    return known if sum(c is not None for c in known.classes) >= 2 else None


def _firmware_layer():
    """The patch layer that comes with the firmware, trained on none of the drawings."""
    return _First(read_layer(BytesIO(first_layer.DATA), "first layer")[0], array("I"), 0)


def _unpack_note(note):
    """(fingerprint, least likeness, suspects, CRC-32 of the drawings that layer 1 was trained on,
    and of their labels) of a network's note, or None."""
    if not note or len(note) < calcsize(NOTE):
        return None
    mark, fingerprint, alike, count, own, labels = unpack_from(NOTE, note, 0)
    at = calcsize(NOTE)
    if mark != MARK or len(note) != at + 2 * count + 4 * own:
        return None
    suspects = tuple(unpack_from("<H", note, at + 2 * i)[0] for i in range(count))
    at += 2 * count
    images = array("I", [unpack_from("<I", note, at + 4 * i)[0] for i in range(own)])
    return fingerprint, alike, suspects, images, labels


class _Reader:
    """The drawings of the classes that have any, as a Trainer reads them, with their fingerprint.

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
        self._samples.read_into(buffer, first, last)

    def image(self, i):
        return self._samples[i]

    def read_all(self):
        """A generator: fills `images`, a batch a slice."""
        images = array("I")
        batch = memoryview(bytearray(ALIKE * self._size))
        for first in range(0, len(self), ALIKE):
            last = min(first + ALIKE, len(self))
            self.read_into(batch[: (last - first) * self._size], first, last)
            for i in range(last - first):
                images.append(crc32(batch[i * self._size : (i + 1) * self._size]))
            yield LEARN, 0.0
        self.images = images

    def first(self, count):
        """A _Reader of the first drawings alone."""
        return _Reader(self._samples, self._all[:count])

    def leading(self, first):
        """How many of the first drawings are among those that layer 1 was trained on, in their
        order."""
        count = 0
        for crc in first.images:
            if count < len(self.images) and self.images[count] == crc:
                count += 1
        return count

    def has(self, first):
        """Whether layer 1 was trained on just the first drawings as they are now; else it has to
        be trained anew."""
        count = len(first.images)
        return self.leading(first) == count and crc32(self.first(count).labels) == first.labels

    def fingerprint(self):
        """CRC-32 of the drawings and their labels."""
        return crc32(self.labels, crc32(self.images))
