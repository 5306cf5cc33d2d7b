"""A classifier that learns on the board.

classifier = Classifier(hidden=500, seed=0)
print(classifier.plan(train))                   # multiply-adds and bytes, before it starts
classifier.fit(train)
label, goodness, margin = classifier.predict(test[7])
classifier.save("a.uffm")
classifier = load("a.uffm")
"""

import gc

from .arena import HeapArena, free_bytes
from .embed import LabelEmbedding
from .plan import Options, Plan
from .predictor import Predictor
from .train import Trainer, check_labels


class Classifier(Predictor):
    """A network of one or two layers and how to train it.

    network to copies: as in Options. layer1: a trained feature layer that is kept
    (model.load_layer()), so that only the class layer is trained; hidden is then its neurons.
    statistics: whether to hold the exact statistics of a training, which take memory: save()
    writes them, and IncrementalClassifier learns on with them. arena: where big arrays come from
    (arena.py), the heap where none is given.

    alloc: what gave the arrays of the last training (arena.held_bytes()).
    """

    __doc__ = (
        "clf.plan(dataset), fit(dataset), fit_steps(dataset), predict(image), score(dataset), "
        "merge(other), save(path); clf.names, options, info, loo_accuracy, fitted_accuracy"
    )

    def __init__(
        self,
        network="uff2",
        hidden=None,
        label_scale=None,
        lambda1=None,
        lambda2=None,
        seed=0,
        solver="auto",
        leave_one_out=True,
        copies=0,
        layer1=None,
        statistics=False,
        arena=None,
    ):
        if layer1 and hidden is None:
            hidden = layer1.neurons
        self._options = Options(
            network, hidden, label_scale, lambda1, lambda2, seed, solver, leave_one_out, copies
        )
        self._layer1 = layer1
        self._statistics = statistics
        self._arena = arena or HeapArena()
        self.alloc = None

    def __repr__(self):
        network = self.network
        if network is None:
            return "<Classifier %s, not trained>" % self._options.network
        return "<Classifier %s, %d images %dx%d, %d classes, leave-one-out accuracy %s>" % (
            network.name,
            network.info.images,
            network.embedding.height,
            network.embedding.width,
            len(network.names),
            self.loo_accuracy,
        )

    @property
    def options(self):
        """The Options of fit(); of a classifier from a file, those of its training."""
        if self._options is None:
            self._options = _options_of(self.network)
        return self._options

    def plan(self, dataset):
        """The Plan of fit(dataset): multiply-adds of each stage and bytes of each array. Nothing
        is allocated. ValueError where there can be no such training."""
        check_labels(dataset)
        return Plan(
            len(dataset),
            LabelEmbedding(dataset.height, dataset.width),
            len(dataset.names),
            self.options,
            self._layer1 is not None,
        )

    def fit(self, dataset, progress=None):
        """Trains on a Dataset; progress(stage, done) is called after every slice, done being 0 to
        1 of the whole work. Returns the classifier.

        ValueError where a class has no images, DoesNotFit (a MemoryError) where the arrays need
        more memory than is free. Whatever stops it, the network before it stays in use.
        """
        for stage, done in self.fit_steps(dataset):
            if progress:
                progress(stage, done)
        return self

    def fit_steps(self, dataset):
        """A generator: fit() in slices of less than 20 million multiply-adds (for images of 28x28
        and 500 neurons), yielding (stage, done) after each."""
        alloc = self.alloc = self._arena()
        trainer = Trainer(dataset, self.options, alloc, self._layer1)
        gc.collect()
        trainer.plan.check(free_bytes(alloc))
        yield from trainer.steps()
        self._arena.keep()
        network = trainer.network
        network.info.stages = trainer.plan.stages
        if self._statistics:
            network.statistics, network.statistics1 = trainer.statistics, trainer.statistics1
        self.network = network

    def merge(self, other):
        """Adds all that another classifier or model file (path) has learnt, exactly, and solves
        the class layer anew; both have statistics and one layer 1, kept from elsewhere. See
        IncrementalClassifier.merge(), which also takes it out again. Returns the classifier.
        ValueError, OverflowError: nothing changed."""
        from .incremental import IncrementalClassifier

        learner = IncrementalClassifier.open(self)
        learner.merge(other)
        learner.solve()
        self.network.statistics = learner.statistics
        self._options = None
        return self


def load(path, arena=None):
    """The Classifier in a model file (.uffm). FormatError where it is damaged, OSError where there
    is none."""
    from . import model

    classifier = Classifier(arena=arena)
    network = classifier.network = model.load(path)
    classifier._options = None
    classifier._statistics = network.statistics is not None
    classifier._layer1 = network.layer1 if network.info.kept else None
    return classifier


def _options_of(network):
    """The Options that a network was trained with."""
    info, first, last = network.info, network.layer1, network.layer
    return Options(
        network.name,
        hidden=first.neurons if first else None,
        label_scale=last.label_scale,
        lambda1=first.ridge_lambda if first else None,
        lambda2="loo" if info.lambda_chosen else last.ridge_lambda,
        seed=info.seed,
        leave_one_out=info.loo_correct is not None,
        copies=info.copies,
    )
