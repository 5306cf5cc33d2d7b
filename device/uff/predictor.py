"""What everything with a trained network does: predict, score, save."""

BATCH = 16  # images read and predicted together


class Predictor:
    """Base of the classifiers. network: the Network in use, or None before a training."""

    network = None

    @property
    def names(self):
        """Names of the classes, by label; none before a training."""
        return self.network.names if self.network else []

    @property
    def info(self):
        """TrainingInfo of the network: counts, seed, how many images it has right."""
        return self.trained().info

    @property
    def loo_accuracy(self):
        """Part of the training images that would be known had they not been trained on (exact
        leave-one-out), 0 to 1; None where that was not computed."""
        return self.info.loo_accuracy

    @property
    def fitted_accuracy(self):
        """Part of the training images that are known, 0 to 1."""
        return self.info.fitted_accuracy

    def trained(self):
        """The network; ValueError where there is none."""
        if self.network is None:
            raise ValueError("the classifier has learnt nothing yet; train it first")
        return self.network

    def predict(self, image):
        """Prediction(label, goodness, margin) for an image (uint8, height*width): the number of
        its class, the goodness of each class, best goodness less the second best. ValueError for
        an image of another size, and before a training."""
        return self.trained().predict(image)

    def score(self, dataset):
        """Part of the images of a Dataset that are recognised, 0 to 1. ValueError where there are
        none, or of another size, or of a class whose name this does not know."""
        network = self.trained()
        check_images(dataset, network)
        labels, right = dataset.labels, 0
        numbers = match_classes(dataset, network)
        for first, predicted, _ in predict_batches(dataset, network):
            for i, label in enumerate(predicted):
                right += numbers[labels[first + i]] == label
        return right / len(dataset)

    def save(self, path):
        """Writes the model file (.uffm), with the exact statistics where they are held; the old
        file stays until the new one is whole. OSError where the disk is full."""
        from .model import save

        network = self.trained()
        save(network, path, network.statistics, network.statistics1)


def check_images(dataset, network):
    """ValueError where there are no images, or they are of another size than the network's."""
    here, embedding = getattr(dataset, "path", "dataset"), network.embedding
    if (dataset.height, dataset.width) != (embedding.height, embedding.width):
        raise ValueError(
            "%s: want images of %d x %d, got %d x %d"
            % (here, embedding.height, embedding.width, dataset.height, dataset.width)
        )
    if not len(dataset):
        raise ValueError("%s: no samples" % here)


def match_classes(dataset, network):
    """For each class of a dataset the number that the network has for its name; None where it has
    none, which is a ValueError if the dataset has images of it."""
    known, names = network.names, dataset.names
    if names == known:
        return list(range(len(known)))
    here = getattr(dataset, "path", "dataset")
    for where, each in ((here, names), ("network", known)):
        if len(set(each)) < len(each):
            raise ValueError("%s: two classes of one name: %s" % (where, ", ".join(each)))
    for label in set(dataset.labels):
        if names[label] not in known:
            raise ValueError(
                '%s: class "%s", the network knows %s' % (here, names[label], ", ".join(known))
            )
    return [known.index(name) if name in known else None for name in names]


def predict_batches(dataset, network):
    """A generator: (first, labels, goodness) of all images, a few at a time: number of the first
    of them, predicted labels (uint8), goodness (int64, images x classes). Both are views that the
    next step writes over. After check_images()."""
    n, size, row = len(dataset), network.embedding.size, 8 * len(network.names)
    images = memoryview(bytearray(BATCH * size))
    labels = memoryview(bytearray(BATCH))
    goodness = memoryview(bytearray(BATCH * row))
    for first in range(0, n, BATCH):
        count = min(BATCH, n - first)
        dataset.read_into(images[: count * size], first, first + count)
        network.predict_many(images[: count * size], labels[:count], goodness[: count * row])
        yield first, labels[:count], goodness[: count * row]
