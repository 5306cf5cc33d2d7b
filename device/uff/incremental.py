"""Learning on after training: images added, taken away, relabelled and merged, exactly.

Exact for the one-layer network, and for the class layer of the two-layer network while layer 1
stays as it is (frozen): the statistics are integers, so the Gram matrix after add + remove is the
same bits as before, and boards that share a layer 1 can be merged in any order. Training layer 1
anew changes the class layer's inputs; that is a training's work.
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
        "add_class(name), remove_class(number); then solve(); predict, score, save as Classifier"
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
        """Adds all images of another IncrementalClassifier whose layer 1 is the same."""
        self._settle()
        other._settle()
        if not _same(self.network.layer1, other.network.layer1):
            raise ValueError("merge: the two networks have different first layers")
        if self.network.names != other.network.names:
            raise ValueError("merge: the two networks have different classes")
        self._solved = False
        self.statistics.merge(other.statistics)

    def add_class(self, name):
        """One more class, the last; returns its number. It needs images before the next
        solve()."""
        self._settle()
        names = check_names(self.network.names + [name])
        network = self.network
        # The layer keeps predicting the old classes until solve(): an empty row is never the best.
        old, layer = network.layer, network.layer.like(len(names))
        layer.w[: len(old.w)] = old.w
        layer.exponent, layer.v_exponent = old.exponent, old.v_exponent
        for c in range(old.classes):
            for label in range(old.classes):
                layer.v[c * layer.classes + label] = old.v[c * old.classes + label]
            layer.v[c * layer.classes + old.classes] = -(1 << 28)
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
        old, layer = network.layer, network.layer.like(len(names))
        row = 2 * old.features
        layer.w[: number * row] = old.w[: number * row]
        layer.w[number * row :] = old.w[(number + 1) * row :]
        layer.exponent, layer.v_exponent = old.exponent, old.v_exponent
        kept = [c for c in range(old.classes) if c != number]
        for c, neuron in enumerate(kept):
            for at, label in enumerate(kept):
                layer.v[c * layer.classes + at] = old.v[neuron * old.classes + label]
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
        save(self.network, path, self.statistics)


class _Continued(IncrementalClassifier):
    """An IncrementalClassifier that goes on with a network."""

    def __init__(self, network, statistics, alloc):
        self._begin(network, statistics, alloc)


def _same(a, b):
    """Whether two feature layers (or None) are the same."""
    if a is None or b is None or a.NAME != b.NAME:
        return a is b
    return all(
        mine[:5] == other[:5] and bytes(mine[5]) == bytes(other[5])
        for mine, other in zip(a.arrays(), b.arrays())
    )
