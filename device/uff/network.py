"""A trained network: what predicts and what a model file holds. Inference is integers all through,
so every machine agrees."""

from array import array
from collections import namedtuple

from .layers import network_name

# label: number of the class; goodness: tuple of floats, one a label; margin: best goodness minus
# the second best.
Prediction = namedtuple("Prediction", ("label", "goodness", "margin"))


class TrainingInfo:
    """What is known of a training: counts, seed, and how many of its images it has right."""

    images = 0
    copies = 0  # of each image
    seed = 0
    lambda_chosen = False  # whether lambda 2 was chosen by leave-one-out
    kept = False  # whether layer 1 was trained before, elsewhere
    fitted_correct = 0
    loo_correct = None  # None: not computed
    stages = ()  # Stage of the plan, with its seconds; none of a network from a file

    def __repr__(self):
        return "<TrainingInfo %d images, seed %d, fitted %s, leave-one-out %s>" % (
            self.images,
            self.seed,
            self.fitted_accuracy,
            self.loo_accuracy,
        )

    @property
    def fitted_accuracy(self):
        """Part of the training images that the network knows, 0 to 1; None before a training."""
        return self.fitted_correct / self.images if self.images else None

    @property
    def loo_accuracy(self):
        """Part of them that it would know had it not been trained on them (exact leave-one-out
        of the class layer); None where that was not computed."""
        return None if self.loo_correct is None else self.loo_correct / self.images


class Network:
    """Layers and class names: layer1, a feature layer or None, and layer, the class layer.

    fitted, loo_labels: fitted and leave-one-out label of every training image (uint8), or None;
    residuals: sum of squared leave-one-out errors of every training image (float32), large where
    a label looks wrong; margins: left-out goodness of the right label less the best wrong one
    (float32), below 0 where leave-one-out is wrong; or None (both are not saved).
    statistics, statistics1: exact sums of class layer and layer 1, or None (of a training that
    holds them, or a file that does).
    notes: bytes of the application's own, saved with the model, or None.
    """

    def __init__(self, embedding, names, layer1, layer):
        self.embedding = embedding
        self.names = list(names)
        self.layer1 = layer1
        self.layer = layer
        self.info = TrainingInfo()
        self.fitted = None
        self.loo_labels = None
        self.residuals = None
        self.margins = None
        self.notes = None
        self.statistics = self.statistics1 = None
        whole = layer1 is not None and layer1.WHOLE
        self._whole = whole
        self._x = bytearray(2 * (embedding.size if whole else embedding.features))
        self._f = bytearray(2 * layer1.outputs) if layer1 else self._x
        self._work = self._batch_work = None

    @classmethod
    def of_options(cls, embedding, names, options, images=0, layer1=None):
        """An untrained network for so many training images; layer1: a trained one that is kept."""
        info = TrainingInfo()
        info.images, info.copies, info.seed = images, options.copies, options.seed
        info.lambda_chosen = options.choose_lambda
        info.kept = layer1 is not None
        if options.first_layer and not layer1:
            layer1 = options.first_layer(embedding, options.hidden)
            layer1.ridge_lambda = options.lambda1
        features = layer1.outputs if layer1 else embedding.features
        layer = options.class_layer(features, len(names), images * (1 + options.copies))
        layer.label_scale, layer.ridge_lambda = options.label_scale, options.lambdas[0]
        network = cls(embedding, names, layer1, layer)
        network.info = info
        return network

    def __repr__(self):
        return "<Network %s, %d images %dx%d, %d classes>" % (
            self.name,
            self.info.images,
            self.embedding.height,
            self.embedding.width,
            len(self.names),
        )

    @property
    def name(self):
        """ "uff2" and so on."""
        return network_name(self.layer1, self.layer)

    @property
    def features(self):
        """Length of an encoded image."""
        return len(self._x) // 2

    def class_inputs(self, image):
        """The class layer's input for one image (uint8): an int16 buffer that the next call
        writes over."""
        self.embedding.check(image)
        self.embedding.encode(image, self._x, self._whole)
        if self.layer1:
            if self._work is None:
                self._work = bytearray(self.layer1.work_bytes)
            self.layer1.forward(self._x, self._f, self._work)
        return self._f

    def _check_trained(self):
        if not self.info.images:
            raise ValueError("the network has learnt nothing yet; train it first")

    def predict(self, image):
        """Prediction(label, goodness, margin) for an image (uint8, height*width). ValueError for
        another size, and before any training."""
        self._check_trained()
        good = array("q", [0] * len(self.names))
        label = bytearray(1)
        self.layer.goodness(self.class_inputs(image), good, label)
        goodness = tuple(self.layer.value(g) for g in good)
        best = goodness[label[0]]
        others = max((g for i, g in enumerate(goodness) if i != label[0]), default=0.0)
        return Prediction(label[0], goodness, best - others)

    def predict_many(self, images, labels, good=None):
        """labels (uint8, n) of n images (uint8, one after the other); good: int64 buffer, n x
        classes, to be filled."""
        self._check_trained()
        n = len(labels)
        if len(images) != n * self.embedding.size:
            raise ValueError(
                "images: want %d x %d bytes, got %d" % (n, self.embedding.size, len(images))
            )
        x = bytearray(2 * n * self.features)
        self.embedding.encode(images, x, self._whole)
        if self.layer1:
            if self._batch_work is None:
                self._batch_work = bytearray(self.layer1.batch_work_bytes)
            f = bytearray(2 * n * self.layer1.outputs)
            self.layer1.forward(x, f, self._batch_work)
            x = f
        self.layer.goodness(
            x, bytearray(8 * n * len(self.names)) if good is None else good, labels
        )


def check_kept(layer1, options, embedding):
    """ValueError where a trained feature layer is not the one that the options want."""
    want = options.first_layer
    if want is None or want.NAME != layer1.NAME:
        raise ValueError(
            "layer 1: a %s layer cannot be kept in a network %s" % (layer1.NAME, options.network)
        )
    size, sides = (embedding.height, embedding.width), (layer1.height, layer1.width)
    if size != sides:
        raise ValueError("layer 1: want one for images of %d x %d, got %d x %d" % (size + sides))
    fresh = want(embedding, options.hidden)
    if (fresh.inputs, fresh.neurons) != (layer1.inputs, layer1.neurons):
        raise ValueError(
            "layer 1: want %d inputs and %d neurons, got %d and %d"
            % (fresh.inputs, fresh.neurons, layer1.inputs, layer1.neurons)
        )
