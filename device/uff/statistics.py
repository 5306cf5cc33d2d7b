"""What a linear class layer knows of its images: exact sums, in which images come and go."""

from array import array
from struct import unpack_from

import ridge

from .stage import MAX_IMAGES, packed


class Statistics:
    """What the class layer knows of its images: Gram matrix F'F, class sums, counts. Exact, so
    images can be added, taken away, given another label and merged in any order with the same
    bits as the result.

    gram: int32, packed, features*(features+1)/2; sums: int32, classes x features; counts: int32,
    classes. Where gram is given it is taken as it is; that of a dual training, of the images,
    cannot learn on. work: workspace of ridge.work_bytes(features); made when it is first needed
    where none is given.

    offsets: how far the classes' numbers here are from those that their images were learnt under,
    added up over the images of each class; None where all are 0 (incremental.py, merge). scale:
    bits by which (gram, sums) are scaled down in what a host has made of more than 8,191 images:
    such can be solved, but take no more images.

    All of them change or none does. What an error or Ctrl-C stopped between two of them is taken
    back at once, or where another Ctrl-C came, by the next call: until then f and labels must stay
    as they are.
    """

    def __init__(
        self,
        features,
        classes,
        alloc=bytearray,
        gram=None,
        work=None,
        sums=None,
        counts=None,
        offsets=None,
        scale=(0, 0),
    ):
        self.features = features
        self.scale = scale
        self.gram = alloc(4 * packed(features)) if gram is None else gram
        # Sums, counts and offsets in one attribute, so that one assignment changes all.
        self.held = (
            alloc(4 * features * classes) if sums is None else sums,
            array("i", [0] * classes) if counts is None else counts,
            offsets,
        )
        self._begun = None  # what may be half done
        self._work = work
        self._alloc = alloc

    @property
    def sums(self):
        return self.held[0]

    @property
    def counts(self):
        return self.held[1]

    @property
    def offsets(self):
        return self.held[2]

    @property
    def classes(self):
        return len(self.held[1])

    @property
    def images(self):
        return sum(self.held[1])

    def settle(self):
        """Takes back, or ends, what was stopped half-way."""
        if self._begun is None:
            return
        images, trace, f, labels, remove, held = self._begun
        # Each call of ridge is done or not, and what it changes tells.
        moved = trace is not None and ridge.trace(self.gram) != trace
        if held is not None:
            if moved:
                self.held = held
        elif self.images != images and not moved:
            ridge.class_sums(f, labels, self.sums, self.counts, not remove)
        self._begun = None

    def _open(self):
        self.settle()
        if self.scale != (0, 0):
            raise ValueError("statistics scaled down for a solution take no more images")

    def _change(self, f, labels, remove):
        self._open()
        if self._work is None:
            self._work = self._alloc(ridge.work_bytes(self.features))
        self._begun = self.images, ridge.trace(self.gram), f, labels, remove, None
        try:
            ridge.class_sums(f, labels, self.sums, self.counts, remove)
            ridge.gram(f, self.gram, self._work, remove)
            self._begun = None
        except BaseException:
            self.settle()
            raise

    def add(self, f, labels, gram=True):
        """Adds the rows of f (int16, n x features) with their labels (uint8, n). OverflowError
        beyond 8,191 images.

        gram=False leaves the Gram matrix out: a dual solution takes the images themselves.
        """
        if gram:
            self._change(f, labels, False)
        else:
            ridge.class_sums(f, labels, self.sums, self.counts)

    def remove(self, f, labels):
        """Takes rows away that were added. ValueError where they cannot have been; nothing is
        changed then."""
        self._change(f, labels, True)

    def relabel(self, f, old, new):
        """Gives rows other labels (uint8, n each); the Gram matrix does not depend on them."""
        self._open()
        self._begun = self.images, None, f, old, True, None
        try:
            ridge.class_sums(f, old, self.sums, self.counts, True)
            ridge.class_sums(f, new, self.sums, self.counts)
            self._begun = None
        except BaseException:
            self.settle()
            raise

    def merge(self, other, remove=False, places=None, offsets=None):
        """Adds all images of another Statistics, for instance of another board, or takes them away
        with remove. places: the class here of each class there, by default the same; offsets:
        those that are right afterwards. ValueError where images to be taken away cannot have been
        added, OverflowError beyond 8,191: nothing is changed then."""
        self._open()
        other._open()
        if places is None:
            places = range(self.classes)
        if (other.features, other.classes) != (self.features, len(places)):
            raise ValueError(
                "merge: want %d features and %d classes, got %d and %d"
                % (self.features, len(places), other.features, other.classes)
            )
        sign = -1 if remove else 1
        images = self.images + sign * other.images
        if images > MAX_IMAGES:
            raise OverflowError("merge: %d images; want at most %d" % (images, MAX_IMAGES))
        sums, counts = self._room_for(0), array("i", self.counts)
        row, mine, theirs = 4 * self.features, memoryview(sums), memoryview(other.sums)
        for there, here in enumerate(places):
            counts[here] += sign * other.counts[there]
            to = mine[here * row : (here + 1) * row]
            ridge.merge(to, theirs[there * row : (there + 1) * row], remove)
        if remove:
            self._check_added(other, sums, counts)
        held = sums, counts, offsets
        self._begun = None, ridge.trace(self.gram), None, None, None, held
        try:
            ridge.merge(self.gram, other.gram, remove)
            self.held = held
            self._begun = None
        except BaseException:
            self.settle()
            raise

    def _check_added(self, other, sums, counts):
        """ValueError where the images of `other` cannot all be among those here."""
        row, never = 4 * self.features, min(counts) < 0
        for c, count in enumerate(counts):
            never = never or (not count and any(sums[c * row : (c + 1) * row]))
        for i in range(self.features):
            at = 4 * (packed(i) + i)
            never = never or unpack_from("<i", self.gram, at) < unpack_from("<i", other.gram, at)
        if never:
            raise ValueError("merge: these images were never added")

    def _room_for(self, more):
        """A copy of the sums, with room for so many classes more."""
        sums = self._alloc(len(self.sums) + 4 * self.features * more)
        sums[: len(self.sums)] = self.sums
        return sums

    def targets(self):
        """Target of each neuron on positive data of its class: the mean number of images a class,
        over that of this class. So every class counts the same, however many images it has; with
        equally many it is 1."""
        return [self.images / (self.classes * count) if count else 0.0 for count in self.counts]

    def with_class(self):
        """`held` with one more class, without images yet. Nothing is changed."""
        offsets = None if self.offsets is None else list(self.offsets) + [0]
        return self._room_for(1), array("i", list(self.counts) + [0]), offsets

    def without_class(self, number):
        """`held` without a class whose images have been removed: its count must be
        0. Nothing is changed."""
        if self.counts[number]:
            raise ValueError("remove class: want no images of it, got %d" % self.counts[number])
        row = 4 * self.features
        sums = self._alloc(len(self.sums) - row)
        sums[: number * row] = self.sums[: number * row]
        sums[number * row :] = self.sums[(number + 1) * row :]
        counts, offsets = list(self.counts), self.offsets
        counts.pop(number)
        if offsets is not None:
            offsets = list(offsets)
            offsets.pop(number)
        return sums, array("i", counts), offsets

    def arranged(self, order, offsets):
        """`held` with classes in another order: order has the number of each here, or
        None for a class without images; offsets: those that are right then. Nothing is
        changed."""
        row = 4 * self.features
        sums = self._alloc(row * len(order))
        for to, at in enumerate(order):
            if at is not None:
                sums[to * row : (to + 1) * row] = self.sums[at * row : (at + 1) * row]
        counts = array("i", [0 if at is None else self.counts[at] for at in order])
        return sums, counts, offsets
