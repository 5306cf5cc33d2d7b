"""The classifier that learns drawing by drawing, kept in step with the samples file."""

from array import array

from uff import Options
from uff.incremental_kernel import IncrementalKernelClassifier

from . import rules, similarity
from .stages import CHECK, LEARN


class Learner:
    """One IncrementalKernelClassifier, made when it is first wanted.

    arena: of its memory; before_move(): called before the rows of `network` move, after which that
    network is of no use.
    """

    def __init__(self, embedding, arena, before_move):
        self._embedding, self._arena, self._before_move = embedding, arena, before_move
        self._classifier = None
        self._images = array("I")  # CRC-32 of each drawing that it has learnt

    @property
    def made(self):
        """Whether it has its memory."""
        return self._classifier is not None

    @property
    def network(self):
        """The network that it has learnt last, or None."""
        return self._classifier and self._classifier.network

    def drop(self):
        """Gives its memory back."""
        self._classifier = None

    def learn_steps(self, training_set, layer1, begun):
        """A generator: learns a TrainingSet, all read, with a Layer1, taking one drawing in a
        slice; begun: the part that was done before."""
        copies = rules.copies_of(len(training_set))
        options = Options(rules.NETWORK, lambda2=rules.LAMBDA2, copies=copies)
        learner = self._classifier
        if learner is None:
            alloc = self._arena()
            learner = IncrementalKernelClassifier(
                layer1.layer, self._embedding, training_set.names, options, rules.ROWS, alloc
            )
            self._arena.keep()
            self._classifier, self._images = learner, array("I")
        elif learner.layer1 is not layer1.layer or learner.group != 1 + options.copies:
            self._restart(training_set, layer1, options)
        n, at = len(training_set), 0
        try:
            # What was deleted goes; what is new comes at the end. All in one go: no slice sees the
            # classifier out of step with _images.
            while at < len(self._images):
                if at < n and self._images[at] == training_set.images[at]:
                    at += 1
                else:
                    self._before_move()
                    learner.remove(at)
                    self._images = array("I", [c for i, c in enumerate(self._images) if i != at])
            there = len(learner)
            learner.set_classes(training_set.names, training_set.labels[:there])
            features, rest = learner.work(n - there)
            share = (1 - begun) * features / (features + rest)
            for i in range(there, n):
                learner.add(training_set.image(i), training_set.labels[i])
                self._images = array("I", training_set.images[: i + 1])
                yield LEARN, begun + share * (i + 1 - there) / (n - there)
            for done in learner.solve_steps():
                yield LEARN, begun + share + (1 - begun - share) * done
        except BaseException:
            if len(learner) != len(self._images):
                self._restart(training_set, layer1, options)
            raise

    def _restart(self, training_set, layer1, options):
        self._before_move()
        self._images = array("I")
        self._classifier.restart(layer1.layer, training_set.names, options)

    def check_steps(self, training_set):
        """A generator: leave-one-out; returns (least familiarity, suspects)."""
        learner = self._classifier
        for done in learner.leave_one_out_steps():
            yield CHECK, 0.8 * done
        network = learner.network
        nearest = []
        for one in similarity.nearest_to_others(network):
            nearest.append(one)
            yield CHECK, 0.8 + 0.2 * len(nearest) / min(len(training_set), similarity.MOST)
        least = rules.least_familiarity(nearest, similarity.ONE)
        return least, tuple(rules.suspects(network.margins, training_set.labels))
