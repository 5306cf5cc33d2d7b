"""Learning on after training: images added, taken away, relabelled and merged, exactly.

Exact for the one-layer network, and for the class layer of the two-layer network while layer 1
stays as it is (frozen): the statistics are integers, so the Gram matrix after add + remove is the
same bits as before, and boards that share a layer 1 can be merged in any order. Training layer 1
anew changes the class layer's inputs; that is a training's work.

learner.save_statistics("b.uffm")       # on each board: exact sums alone, to be given away
learner = IncrementalClassifier.open("a.uffm")
learner.merge("b.uffm")                 # adds all that board has learnt; unmerge() takes it out
learner.solve()
learner.save("c.uffm")                  # the same bytes as learning all images here
"""

import ridge
from ridge import crc32

from .embed import LabelEmbedding
from .files import check_names
from .linear import LinearClassLayer, LinearSolver
from .network import Network
from .plan import Options
from .predictor import Predictor
from .stage import packed
from .statistics import Statistics

# Of each class, at least, in statistics that are given away (docs/merging.md)
SHARED_IMAGES = 1000


class IncrementalClassifier(Predictor):
    """A one-layer network that learns image by image, and unlearns exactly: add() images, then
    solve(). It keeps no images, but exact sums over them.

    names: those of the classes; options: Options of a network "uff1" with a given lambda2 and no
    copies. from_network() goes on with a trained network, two-layer ones too.

    A change is made whole or not at all: what Ctrl-C stops between two parts of it is ended or
    taken back at once, where another Ctrl-C comes by the next call. The network has it from the
    next solve().
    """

    __doc__ = (
        "learner.add(image, label), remove, relabel(image, old, new), merge(other), "
        "unmerge(other), add_class(name), remove_class(number); then solve(); predict, score, "
        "save as Classifier; save_statistics(path), IncrementalClassifier.open(path)"
    )

    def __init__(self, height, width, names, options=None, alloc=bytearray):
        options = options or Options(network="uff1")
        if options.network != "uff1" or options.choose_lambda or options.copies:
            raise ValueError(
                "a learner starts with a one-layer network (uff1), a given lambda2 and no copies"
            )
        network = Network.of_options(LabelEmbedding(height, width), check_names(names), options)
        self._begin(network, None, alloc)

    @staticmethod
    def from_network(network, statistics=None, alloc=bytearray):
        """Goes on with a trained network (classifier.network), and changes it. statistics: of the
        images that it knows, by default those that it holds (Classifier(statistics=True,
        solver="primal"), or a file that was saved with them); without any it starts from no
        images, behind the layer 1 that the network has. ValueError where its class layer is not
        linear, or its statistics are of a dual training."""
        return _Continued(network, statistics or network.statistics, alloc)

    @staticmethod
    def open(path, alloc=bytearray):
        """Goes on with the statistics in a file, be it of save() or of save_statistics(), or of a
        Classifier. FormatError where the file is damaged, ValueError where there are none."""
        network = _with_statistics(path)[0]
        return IncrementalClassifier.from_network(network, alloc=alloc)

    def _begin(self, network, statistics, alloc):
        if not isinstance(network.layer, LinearClassLayer):
            raise ValueError(
                "a learner wants a linear class layer; this network is %s" % network.name
            )
        self.network = network
        features, classes = network.layer.features, len(network.names)
        self._work = alloc(ridge.work_bytes(features))
        self.statistics = statistics or Statistics(features, classes, alloc, work=self._work)
        if (self.statistics.features, self.statistics.classes) != (features, classes):
            raise ValueError(
                "statistics: want %d features and %d classes, got %d and %d"
                % (features, classes, self.statistics.features, self.statistics.classes)
            )
        if len(self.statistics.gram) != 4 * packed(features):
            raise ValueError(
                "statistics of a dual training hold no Gram matrix of the features; "
                'train with solver="primal"'
            )
        self._factor = alloc(4 * packed(features))
        self._f = bytearray(2 * features)  # inputs of the class layer; nobody else writes to it
        self._left = ()  # assignments that are still to be made
        self._solved = network.info.images == self.statistics.images  # by the network in use

    def __repr__(self):
        return "<IncrementalClassifier %s, %d images %dx%d, %d classes>" % (
            self.network.name,
            self.statistics.images,
            self.network.embedding.height,
            self.network.embedding.width,
            len(self.names),
        )

    def _assign(self, *changes):
        """Sets attributes: (object, name, value) each."""
        self._left = changes
        try:
            self._settle()
        except BaseException:
            self._settle()
            raise

    def _settle(self):
        for thing, name, value in self._left:
            setattr(thing, name, value)
        self._left = ()
        self.statistics.settle()

    def _label(self, label):
        if not 0 <= label < len(self.network.names):
            raise ValueError("label: want 0 to %d, got %d" % (len(self.network.names) - 1, label))
        return bytes([label])

    def _inputs(self, image):
        """What the class layer sees of an image; it stays until the next call."""
        self._settle()
        self._f[:] = self.network.class_inputs(image)
        return self._f

    def add(self, image, label):
        """Adds one image (uint8, height*width). ValueError, OverflowError: nothing changed."""
        f, labels = self._inputs(image), self._label(label)
        self._solved = False
        self.statistics.add(f, labels)

    def remove(self, image, label):
        """Takes away an image that was added with this label."""
        f, labels = self._inputs(image), self._label(label)
        self._solved = False
        self.statistics.remove(f, labels)

    def relabel(self, image, old, new):
        """Gives an image that was added as `old` the label `new`."""
        f, old, new = self._inputs(image), self._label(old), self._label(new)
        self._solved = False
        self.statistics.relabel(f, old, new)

    def merge(self, other):
        """Adds all images of another IncrementalClassifier, of a network with statistics, or of a
        model file (path), whose layer 1 is the same and was not trained on its own images.

        Classes are matched by name and new ones are added. Then they stand in the order of the
        mean number that each had where its images were learnt, and of their names where that is
        equal; those without images go. So all orders and groupings of boards give the same file,
        and boards with one list of classes keep it. ValueError, OverflowError: nothing changed."""
        self._merge(other, False)

    def unmerge(self, other):
        """Takes all images of another away again that were merged, exactly: as if they had never
        been. `other` and exceptions as in merge(); ValueError where they cannot have been."""
        self._merge(other, True)

    def _merge(self, other, remove):
        self._settle()
        if isinstance(other, IncrementalClassifier):
            other._settle()
        network, theirs = _with_statistics(other)
        self._check_alike(network)
        mine, own, names = self.statistics, self.network.names, network.names
        sign = -1 if remove else 1
        # name -> its images afterwards, and the numbers that they were learnt under, added up
        totals = {}
        for statistics, listed, by in ((mine, own, 1), (theirs, names, sign)):
            if len(set(listed)) < len(listed):
                raise ValueError("merge: two classes of one name: %s" % ", ".join(listed))
            for c, (name, count) in enumerate(zip(listed, statistics.counts)):
                numbers = c * count + (statistics.offsets[c] if statistics.offsets else 0)
                images, before = totals.get(name, (0, 0))
                totals[name] = images + by * count, before + by * numbers
        never = [name for name in names if totals[name][0] < 0]
        if never:
            raise ValueError('merge: so many images of "%s" were never added' % never[0])
        live = _in_order([(name, n, at) for name, (n, at) in totals.items() if n])
        if not live:
            raise ValueError("merge: no images would be left")
        # Classes that will have gone stand last until then.
        last = [name for name in own if not totals[name][0]] if remove else []
        order = check_names([name for name, _, _ in live] + last)
        offsets = [at - c * n for c, (_, n, at) in enumerate(live)]
        offsets = offsets + [0] * len(last) if any(offsets) else None
        places = [order.index(name) if name in order else None for name in names]
        theirs = _without_empty(theirs, places)
        before = self._arrangement()
        self._arrange(order, [own.index(name) if name in own else None for name in order])
        held = mine.held
        try:
            mine.merge(theirs, remove, [at for at in places if at is not None], offsets)
        except BaseException:
            if mine.held is held:
                self._assign(*before)
            else:
                self._drop_behind(len(live))
            raise
        self._drop_behind(len(live))

    def _drop_behind(self, count):
        """Takes out the classes behind the first `count`, which have no images."""
        offsets = self.statistics.offsets
        if count < self.statistics.classes:
            kept = offsets and offsets[:count]
            self._arrange(self.network.names[:count], list(range(count)), kept)

    def _check_alike(self, other):
        """ValueError where the class layer of another network sees other features, or is solved
        otherwise."""
        mine, embedding = self.network, self.network.embedding
        size, sides = ((each.height, each.width) for each in (embedding, other.embedding))
        if size != sides:
            raise ValueError("merge: want images of %d x %d, got %d x %d" % (size + sides))
        if not isinstance(other.layer, LinearClassLayer):
            raise ValueError("merge: want a linear class layer, the other is %s" % other.name)
        if not _same(mine.layer1, other.layer1):
            raise ValueError("merge: the two networks have different first layers")
        for network in (mine, other):
            _check_kept(network)
        for name, a, b in (
            ("lambda2", mine.layer.ridge_lambda, other.layer.ridge_lambda),
            ("label_scale", mine.layer.label_scale, other.layer.label_scale),
        ):
            if a != b:
                raise ValueError("merge: want %s of %g, got %g" % (name, a, b))

    def _arrangement(self):
        """What _arrange() changes, as it is."""
        network, info = self.network, self.network.info
        names = ("seed", "lambda_chosen", "fitted_correct", "loo_correct")
        return [
            (self, "_solved", self._solved),
            (self.statistics, "held", self.statistics.held),
            (network, "layer", network.layer),
            (network, "names", network.names),
        ] + [
            (thing, name, getattr(thing, name))
            for thing, names in ((info, names), (network, _OF_IMAGES))
            for name in names
        ]

    def _arrange(self, names, order, offsets=None):
        """Classes in another order; order: the number of each now, None for a new one. The network
        predicts as before, but what is known of single images goes."""
        network, info = self.network, self.network.info
        self._assign(
            (self, "_solved", False),
            (self.statistics, "held", self.statistics.arranged(order, offsets)),
            (network, "layer", _arranged(network.layer, order)),
            (network, "names", names),
            (info, "seed", 0),
            (info, "lambda_chosen", False),
            (info, "fitted_correct", 0),
            (info, "loo_correct", None),
            *[(network, name, None) for name in _OF_IMAGES],
        )

    def add_class(self, name):
        """One more class, the last; returns its number. It needs images before the next
        solve()."""
        self._settle()
        names = check_names(self.network.names + [name])
        network = self.network
        # The layer keeps predicting the old classes until solve().
        layer = _arranged(network.layer, list(range(len(names) - 1)) + [None])
        self._assign(
            (self, "_solved", False),
            (self.statistics, "held", self.statistics.with_class()),
            (network, "layer", layer),
            (network, "names", names),
        )
        return len(names) - 1

    def remove_class(self, number):
        """Takes class `number` out, exactly; its images must have been removed before. The
        classes behind it move down by one, and the network has them from the next solve()."""
        self._settle()
        statistics, names = self.statistics, list(self.network.names)
        if not 0 <= number < len(names):
            raise ValueError("class number: want 0 to %d, got %d" % (len(names) - 1, number))
        if len(names) < 3:
            raise ValueError("remove class: want three or more classes, got %d" % len(names))
        if statistics.counts[number]:
            raise ValueError(
                'class %d "%s" has %d images; remove them first'
                % (number, names[number], statistics.counts[number])
            )
        names.pop(number)
        network = self.network
        layer = _arranged(network.layer, [c for c in range(len(names) + 1) if c != number])
        self._assign(
            (self, "_solved", False),
            (statistics, "held", statistics.without_class(number)),
            (network, "layer", layer),
            (network, "names", names),
            # The labels found for the training images may name the class that is gone.
            (network, "fitted", None),
            (network, "loo_labels", None),
            (network.info, "fitted_correct", 0),
            (network.info, "loo_correct", None),
        )

    def solve(self):
        """Solves the class layer anew from the statistics, with the label scale and lambda of the
        network's training."""
        for _ in self.solve_steps():
            pass

    def solve_steps(self):
        """A generator: solve() in slices, yielding the part done (0 to 1). The network changes at
        the very end."""
        self._settle()
        statistics, network = self.statistics, self.network
        if statistics.classes < 2:
            raise ValueError(
                "classes: want 2 or more, got %d; add a class first" % statistics.classes
            )
        for c, count in enumerate(statistics.counts):
            if count == 0:
                raise ValueError(
                    'class %d "%s" has no images; add some first' % (c, network.names[c])
                )
        info = network.info
        layer = network.layer.like(statistics.classes)
        solver = LinearSolver(statistics, layer.label_scale, self._factor, self._work)
        for last in solver.factorise(layer.ridge_lambda):
            yield packed(last) / packed(statistics.features)
        solver.solve(layer)
        layer.gram_crc = crc32(statistics.gram)
        self._assign(
            (network, "layer", layer),
            (info, "images", statistics.images),
            (info, "copies", 0),
            (info, "fitted_correct", 0),
            (info, "loo_correct", None),
            (network, "fitted", None),
            (network, "loo_labels", None),
            (network, "residuals", None),
            (network, "margins", None),
            (self, "_solved", True),
        )

    def save(self, path):
        """Writes the model file with the statistics, so that one can learn on with it. ValueError
        where the network is not that of all images, OSError where the disk is full."""
        from .model import save

        self._settle()
        if not self._solved:
            raise ValueError("save: images or classes have changed; solve() first")
        whole = self.statistics.scale == (0, 0)
        save(self.network, path, self.statistics if whole else None)

    def save_statistics(self, path, at_least=SHARED_IMAGES):
        """Writes the exact sums alone, for others to merge; solve() need not have been called, and
        one class is enough. Neither weights nor labels of single images are in it.

        The sums of few images show these images, so ValueError where a class has fewer than
        at_least, and where layer 1 was trained on the images here; OSError as save()."""
        from .model import save

        self._settle()
        statistics, network = self.statistics, self.network
        _check_kept(network)
        if not statistics.images:
            raise ValueError("save: there are no images to tell of")
        for c, count in enumerate(statistics.counts):
            if 0 < count < at_least:
                raise ValueError(
                    'class %d "%s" has %d images, want %d or more: sums of few images show them'
                    % (c, network.names[c], count, at_least)
                )
        save(network, path, statistics, alone=True)


class _Continued(IncrementalClassifier):
    """An IncrementalClassifier that goes on with a network."""

    def __init__(self, network, statistics, alloc):
        self._begin(network, statistics, alloc)


# What a Network knows of single images
_OF_IMAGES = ("fitted", "loo_labels", "residuals", "margins", "notes")


def _with_statistics(of):
    """(Network, Statistics) of an IncrementalClassifier, a Classifier, a Network or a file."""
    from .model import load

    if isinstance(of, str):
        of = load(of, alone=True)
    network = of if isinstance(of, Network) else of.trained()
    statistics = of.statistics if isinstance(of, IncrementalClassifier) else network.statistics
    if statistics is None:
        raise ValueError(
            "there are no statistics to learn on with; train with statistics=True, "
            'solver="primal", or save a learner'
        )
    return network, statistics


def _check_kept(network):
    if network.layer1 and not network.info.kept:
        raise ValueError(
            "layer 1 was trained on images of one board, which could never be taken out again; "
            "keep one from elsewhere (layer1=)"
        )


def _in_order(classes):
    """(name, images, numbers added up), in the order of the mean number, then of the name."""
    ordered = []
    for name, n, at in classes:
        key = name.encode()
        i = len(ordered)
        while i and (at * ordered[i - 1][1], key) < (ordered[i - 1][2] * n, ordered[i - 1][3]):
            i -= 1
        ordered.insert(i, (name, n, at, key))
    return [each[:3] for each in ordered]


def _without_empty(statistics, places):
    """The statistics of the classes that have a place (not None); the others have no images."""
    order = [c for c, place in enumerate(places) if place is not None]
    if len(order) == statistics.classes:
        return statistics
    sums, counts, _ = statistics.arranged(order, None)
    return Statistics(
        statistics.features,
        len(order),
        gram=statistics.gram,
        sums=sums,
        counts=counts,
        scale=statistics.scale,
    )


def _arranged(old, order):
    """A LinearClassLayer with classes in another order, None for new ones, that predicts as
    before: a new class is never the best."""
    layer = old.like(len(order))
    row = 2 * old.features
    layer.exponent, layer.v_exponent, layer.gram_crc = old.exponent, old.v_exponent, old.gram_crc
    for to, at in enumerate(order):
        if at is None:
            continue
        layer.w[to * row : (to + 1) * row] = old.w[at * row : (at + 1) * row]
        for label, of in enumerate(order):
            layer.v[to * layer.classes + label] = (
                -(1 << 28) if of is None else old.v[at * old.classes + of]
            )
    return layer


def _same(a, b):
    """Whether two feature layers (or None) are the same, and were trained in the same way."""
    if a is None or b is None or a.NAME != b.NAME:
        return a is b
    same = all(
        getattr(a, name) == getattr(b, name)
        for name in ("neurons", "ridge_lambda", "parameter", "dual", "gram_crc")
    )
    return same and all(
        mine[:5] == other[:5] and bytes(mine[5]) == bytes(other[5])
        for mine, other in zip(a.arrays(), b.arrays())
    )
