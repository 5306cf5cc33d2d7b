"""The drawings, and the network that learns each of them at once: the application without its
screen.

The drawings lie in drawings.uffs, the network in drawings.uffm; every change of a drawing is on
the disk when the call returns. The network follows from the samples file and from how many of its
first drawings layer 1 was trained on, and from nothing else: after a drawing was deleted or
relabelled, or a class removed, learn() gives the very bytes that it would have given had it never
been otherwise. So unlearning is exact.

What the samples file holds is what counts: names, counts and whether the network is that of these
drawings follow from it, whatever an error or Ctrl-C has stopped.
"""

import gc

from uff import FormatError, LabelEmbedding
from uff.arena import HeapArena
from uff.files import discard
from uff.model import save_steps

from . import model_note, rules
from .errors import NotSaved, OutOfMemory, Refused
from .layer1 import Layer1, firmware_layer1, load_for_undo, save_for_undo, train_steps
from .learner import Learner
from .network_in_use import NetworkInUse, if_usable, judge, with_class, without_class
from .raster import SIDE
from .stages import LAYER_1, LEARN, SAVE
from .storage import Storage
from .training_set import TrainingSet

ENOMEM = 12
ALL = 65535  # more than drawings there can be


class Recogniser:
    """Opens the drawings in `folder` ("" or ending in "/"), or begins with none.

    notices: sentences for people on what was found wrong with the files (storage.py). Where the
    disk does not work at all, the drawings are in memory alone. harmed: whether drawings are not
    there any more. fresh: whether there were none. layer1: a Layer1.
    """

    def __init__(self, folder="", arena=None):
        storage = self._storage = Storage(folder)
        self._in_use = self._seen = None
        self.embedding = LabelEmbedding(SIDE, SIDE)
        self._learner = Learner(self.embedding, arena or HeapArena(), self._drop_network)
        self.layer1 = self._layer1_before = firmware_layer1()
        self._removed = None  # number of the class that the last change has removed
        self.unsaved = False  # whether the network's file has other names of the classes
        self.gain = None  # leave-one-out accuracies before and after the last training of layer 1
        self.notices = storage.notices
        network = storage.open_network()
        self.samples = storage.open_drawings(network)
        self.harmed, self.fresh = storage.harmed, storage.fresh
        if network:
            self._adopt(network)
        # As it was before a change that was taken back just before the power failed.
        self.layer1 = load_for_undo(storage.layer_path, self.samples) or self.layer1

    def _adopt(self, network):
        """Takes a network from the disk: as that of these drawings, or of others as far as its
        classes are here by name."""
        note = model_note.unpack_note(network.notes)
        if note:
            if len(note.images):
                self.layer1 = Layer1(network.layer1, note.images, note.labels)
            training_set = TrainingSet(self.samples)
            if self._has_learnt(network, note, training_set):
                names, classes = list(training_set.names), tuple(training_set.classes)
                self.unsaved = list(network.names) != names
                network.names = names
                self._in_use = NetworkInUse(
                    network,
                    classes,
                    note.least_familiarity,
                    note.suspects,
                    self.samples.version,
                    True,
                )
                return
        names = self.names
        classes = tuple(names.index(n) if n in names else None for n in network.names)
        self._in_use = if_usable(network, classes, None)

    def _has_learnt(self, network, note, training_set):
        try:
            return model_note.has_learnt(network, note, training_set)
        except (OSError, FormatError, MemoryError):
            self.notices.append("Some drawings cannot be read.")
            return False

    def _drop_network(self):
        """Before the rows of the learner's network move: that network is no longer of use."""
        if self._in_use and self._in_use.network is self._learner.network:
            self._in_use = None

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
        """(version of the samples, NetworkInUse): the same two objects while nothing changes."""
        return self._look()[0], self._in_use

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
        return self._in_use.network if self._in_use else None

    @property
    def suspects(self):
        """Numbers of the drawings that look mislabelled."""
        return [] if self.stale else list(self._in_use.suspects)

    def suspect_classes(self):
        """Numbers of the classes with drawings that look mislabelled."""
        suspects = self.suspects
        if not suspects:
            return set()
        labels = self.samples.labels
        return {labels[i] for i in suspects}

    @property
    def stale(self):
        """Whether drawings or classes have changed since the network was trained."""
        return self._in_use is None or self._in_use.version != self._look()[0]

    def add(self, image, label):
        """Adds a drawing (uint8, 784). OSError where the disk is full."""
        if len(self.samples) >= rules.ROWS:
            raise Refused("%d drawings are the most: delete some first" % rules.ROWS)
        self.samples.append(image, label)
        self._end_undo()
        self._storage.count_records(self.samples)

    def delete(self, i):
        """Takes drawing i out; those behind it move up."""
        self._keep_for_undo(i)
        self.samples.delete(i)
        self._storage.count_records(self.samples)

    def relabel(self, i, label):
        """Gives drawing i to another class."""
        self._keep_for_undo(i)
        self.samples.relabel(i, label)
        self._storage.count_records(self.samples)

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
        in_use, number = self._in_use, self._removed
        if number is not None:
            self._in_use = None  # for a moment its classes are not those of the samples
        count = len(self.samples.names)
        try:
            self.samples.undo()
        finally:
            if number is not None:
                back = len(self.samples.names) > count
                self._in_use = in_use and with_class(in_use, number) if back else in_use
        # Layer 1 was perhaps trained anew without what is there again.
        self.layer1, self._removed = self._layer1_before, None
        self._storage.count_records(self.samples)

    def _keep_for_undo(self, first_changed):
        """Before a change of drawing `first_changed` or later ones that can be taken back: layer
        1 as it is, in memory, and where the change concerns it on the disk too, where a power cut
        leaves it."""
        layer1 = self.layer1
        if first_changed < len(layer1.images):
            save_for_undo(layer1, self.embedding, self._storage.layer_path)
        self._layer1_before, self._removed = layer1, None

    def _end_undo(self):
        """After a change that cannot be taken back."""
        self._layer1_before, self._removed = self.layer1, None
        discard(self._storage.layer_path)

    def add_class(self, name):
        """One more class; its number."""
        number = len(self.names)
        self._check_name(name, number)
        self.samples.name_class(number, name)
        self._end_undo()
        self._storage.count_records(self.samples)
        return number

    def rename_class(self, number, name):
        """Gives a class another name; the network goes on with it."""
        self._check_name(name, number)
        before = self.samples.version
        self.samples.name_class(number, name)
        in_use = self._in_use
        if in_use and in_use.version == before:
            label = in_use.classes.index(number) if number in in_use.classes else None
            if label is not None:
                in_use.network.names[label] = name
                self.unsaved = True
            self._in_use = NetworkInUse(
                in_use.network,
                in_use.classes,
                in_use.least_familiarity,
                in_use.suspects,
                self.samples.version,
                in_use.checked,
            )
        self._end_undo()
        self._storage.count_records(self.samples)

    def remove_class(self, number):
        """Takes a class and its drawings out; the classes behind it move down by one. The network
        goes on with those that are left, until it is trained anew."""
        in_use = self._in_use
        after = in_use and without_class(in_use, number)
        count = len(self.names)
        labels = self.samples.labels
        self._keep_for_undo(min([i for i, label in enumerate(labels) if label == number] or [ALL]))
        self._storage.clear_count()
        # Until the change is made, its classes are not those of the samples.
        self._in_use = None
        try:
            self.samples.remove_class(number)
        except BaseException:
            self._in_use = in_use if len(self.samples.names) == count else after
            raise
        self._in_use, self._removed = after, number
        self._storage.count_records(self.samples)

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
        in_use = self._in_use
        return not self.stale and in_use.checked and in_use.network.loo_labels is not None

    @property
    def loo_classes(self):
        """For each drawing the number of the class that it is taken for when it is left out with
        its copies; None before that is known, and where drawings have changed since."""
        in_use = self._in_use
        if not self.is_checked:
            return None
        return [in_use.classes[label] for label in in_use.network.loo_labels]

    @property
    def trained(self):
        """Whether layer 1 was trained on all drawings there are."""
        return 0 < len(self.layer1.images) == sum(self._look()[2])

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
        if self.stale or not (self._in_use.checked and self.unsaved):
            yield from self._learn()  # else there is a name to save, and no more
        yield from self._save()

    def _learn(self):
        """A generator: learn() without saving."""
        obstacle = self.obstacle()
        if obstacle:
            raise Refused(obstacle)
        if not self._learner.made:
            gc.collect()  # it takes much
        yield LEARN, 0.0
        samples = self.samples
        version, training_set = samples.version, TrainingSet(samples)
        try:
            yield from self._learn_drawings(training_set)
            if samples.version != version:
                raise Refused("the drawings have changed: it learns them anew")
        except MemoryError:
            self._learner.drop()
            raise OutOfMemory("%d drawings want more memory: delete some" % len(training_set))
        except BaseException:
            if self._learner.made and self._learner.network is None:
                self._in_use = None  # its rows have moved
            raise
        network, classes = self._learner.network, tuple(training_set.classes)
        in_use = self._in_use = NetworkInUse(network, classes, None, (), version, False)
        yield LEARN, 1.0
        least, suspects = yield from self._learner.check_steps(training_set)
        network.notes = model_note.pack_note(training_set, least, suspects, self.layer1)
        if self._in_use is in_use:
            self._in_use = NetworkInUse(network, classes, least, suspects, version, True)

    def _learn_drawings(self, training_set):
        """A generator: brings layer 1 and the learner in step with the drawings."""
        for _ in training_set.read_all():
            yield LEARN, 0.0
        begun = 0.0
        if not training_set.begins_with(self.layer1):
            begun = LAYER_1
            count = training_set.leading(self.layer1)
            self.layer1 = yield from train_steps(training_set, count)
        yield from self._learner.learn_steps(training_set, self.layer1, begun)

    def _save(self):
        """A generator: writes the model file of what was learnt last."""
        network = self.network
        names = list(network.names)
        saving = save_steps(network, self._storage.model_path)
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

    def train(self):
        """A generator: trains layer 1 anew on all drawings there are, then learns them with it, as
        learn() does. `gain` says what it was worth. Stopped before it has learnt them, it leaves
        layer 1 as it was."""
        self.gain = None
        begun = 0.0
        if self.stale or self.accuracy is None:
            # The accuracy with layer 1 as it is, for `gain`.
            begun = 0.4
            learning = self._learn()
            try:
                for stage, done in learning:
                    yield LEARN, begun * (0.5 * done if stage == LEARN else 0.5 + 0.5 * done)
            finally:
                learning.close()  # where this one is closed; nobody else would
            yield LEARN, begun  # what leave-one-out found is shown first
        gc.collect()
        yield LEARN, begun
        before, old, learning = self.accuracy, self.layer1, self._learn()
        samples = self.samples
        version, training_set = samples.version, TrainingSet(samples)
        try:
            for _ in training_set.read_all():
                yield LEARN, 0.0
            for step in self._new_layer1(training_set):
                yield LEARN, begun + (1 - begun) * step[1]
            if samples.version != version:
                raise Refused("the drawings have changed: train again")
            for stage, done in learning:
                if stage == LEARN:
                    done = begun + (1 - begun) * (LAYER_1 + (1 - LAYER_1) * done)
                yield stage, done
        finally:
            learning.close()
            if self.network is None or self.network.layer1 is not self.layer1.layer:
                self.layer1 = old
        self.gain = before, self.accuracy
        yield from self._save()

    def _new_layer1(self, training_set):
        """A generator: trains layer 1 on all drawings."""
        self.layer1 = yield from train_steps(training_set, len(training_set))

    def predict(self, image):
        """Verdict on a drawing (uint8, 784). ValueError where there is no network yet."""
        if self._in_use is None:
            raise Refused("it has learnt nothing yet")
        return judge(self._in_use, image, self.names, self.stale)
