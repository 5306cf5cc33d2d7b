"""A trained network: what predicts and what is saved. Inference is integers all through, so every
machine agrees."""

from array import array
from collections import namedtuple

import ridge

from .classlayer import ClassLayer
from .embed import LabelEmbedding

# label: number of the class; goodness: tuple of floats, one a label; margin: best goodness minus
# the second best.
Prediction = namedtuple("Prediction", ("label", "goodness", "margin"))


class Facts:
    """What is known of a training: hyper-parameters as used, counts, and checksums of the exact
    Gram matrices."""

    images = 0
    seed = 0
    strength = 0.0
    lambda1 = 0.0
    lambda2 = 0.0
    dual1 = False
    dual2 = False
    lambda_chosen = False
    fitted_correct = 0
    loo_correct = None  # None: not computed
    gram1_crc = 0
    gram2_crc = 0


class Network:
    """Layers and class names. `w1` (int16, hidden x features, units of 2^-14) is None for the
    one-layer network.

    fitted, left_out: fitted and leave-one-out label of every training image (uint8), or None;
    residuals: sum of squared leave-one-out errors of every training image (float32), large where
    a label looks wrong; margins: left-out goodness of the right label less the best wrong one
    (float32), below 0 where leave-one-out is wrong; or None (both are not saved).
    notes: bytes of the application's own, saved with the model, or None.
    """

    def __init__(self, height, width, names, hidden, w1=None):
        self.embedding = LabelEmbedding(height, width)
        self.names = list(names)
        self.hidden = hidden
        self.w1 = w1
        self.layer = ClassLayer(hidden or self.embedding.features, len(self.names))
        self.facts = Facts()
        self.fitted = None
        self.left_out = None
        self.residuals = None
        self.margins = None
        self.notes = None
        self._x = bytearray(2 * self.embedding.features)
        self._work = bytearray(4 * hidden)  # enough for one image at a time
        self._batch_work = None
        self._h = bytearray(2 * hidden) if hidden else self._x

    @property
    def features(self):
        """Length of the image part."""
        return self.embedding.features

    def project(self, x, h, work):
        """x (int16, n x features) -> h (int16, n x hidden), the hidden values; only in a
        two-layer network.

        work: workspace of ridge.work_bytes(features, hidden); for a single image 4*hidden bytes
        do.
        """
        ridge.project(x, self.w1, self.features, h, work)

    def class_inputs(self, image):
        """The class layer's input for one image (uint8): an int16 buffer that the next call
        writes over."""
        self.embedding.check(image)
        self.embedding.encode(image, self._x)
        if self.hidden:
            self.project(self._x, self._h, self._work)
        return self._h

    def predict(self, image):
        """Prediction(label, goodness, margin) for an image (uint8, height*width). ValueError for
        another size."""
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
        n = len(labels)
        if len(images) != n * self.embedding.size:
            raise ValueError(
                "images: want %d x %d bytes, got %d" % (n, self.embedding.size, len(images))
            )
        x = bytearray(2 * n * self.features)
        self.embedding.encode(images, x)
        if self.hidden:
            if self._batch_work is None:
                self._batch_work = bytearray(ridge.work_bytes(self.features, self.hidden))
            h = bytearray(2 * n * self.hidden)
            self.project(x, h, self._batch_work)
            x = h
        self.layer.goodness(
            x, bytearray(8 * n * len(self.names)) if good is None else good, labels
        )

    def save(self, path, statistics=None, gram1=None):
        """Writes the model file; the old one stays until the new one is whole. See model.py."""
        from .model import save

        save(self, path, statistics, gram1)

    @staticmethod
    def load(path):
        """Reads a model file. FormatError where it is damaged, OSError where there is none."""
        from .model import load

        return load(path)
