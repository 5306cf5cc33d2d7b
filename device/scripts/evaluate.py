"""Predicts every sample of a file with a saved network: accuracy, confusion matrix and, if asked,
all predictions.

Classes of samples and network belong together by their names, or with by_index by their numbers.
"""

import time

import job

from uff import Network, SamplesFile

JOB = {
    "model": "model.uffm",
    "samples": "test.uffs",
    # a file: for each sample its label (uint8) and the goodness of every label (int64)
    "predictions": None,
    "by_index": False,
}
BATCH = 16


def matched(asked, samples, network):
    """For each class of the samples the number of the network's, or None where no sample has
    it."""
    used = set(samples.labels)
    if asked.by_index or samples.names == network.names:
        if max(used) >= len(network.names):
            raise ValueError(
                "%s: class %d, the network knows %d classes"
                % (asked.samples, max(used), len(network.names))
            )
        return list(range(len(samples.names)))
    for path, names in ((asked.samples, samples.names), (asked.model, network.names)):
        if len(set(names)) < len(names):
            raise ValueError("%s: two classes of one name: %s" % (path, ", ".join(names)))
    for label in used:
        if samples.names[label] not in network.names:
            raise ValueError(
                '%s: class "%s", the network knows %s'
                % (asked.samples, samples.names[label], ", ".join(network.names))
            )
    return [network.names.index(n) if n in network.names else None for n in samples.names]


def evaluate():
    asked = job.Job(**JOB)
    started = time.ticks_ms()
    network = Network.load(asked.model)
    samples = SamplesFile.open(asked.samples)
    if (samples.height, samples.width) != (network.embedding.height, network.embedding.width):
        raise ValueError(
            "%s: want images of %d x %d, got %d x %d"
            % (
                asked.samples,
                network.embedding.height,
                network.embedding.width,
                samples.height,
                samples.width,
            )
        )
    classes = len(network.names)
    if not len(samples):
        raise ValueError("%s: no samples" % asked.samples)
    number = matched(asked, samples, network)
    size = network.embedding.size
    images = memoryview(bytearray(BATCH * size))
    labels = memoryview(bytearray(BATCH))
    good = memoryview(bytearray(BATCH * 8 * classes))
    confusion = [[0] * classes for _ in range(classes)]
    progress = job.Progress()
    out = open(asked.predictions, "wb") if asked.predictions else None
    try:
        for first in range(0, len(samples), BATCH):
            last = min(first + BATCH, len(samples))
            count = last - first
            samples.read_into(images[: count * size], first, last)
            network.predict_many(
                images[: count * size], labels[:count], good[: count * 8 * classes]
            )
            for i in range(count):
                confusion[number[samples.labels[first + i]]][labels[i]] += 1
                if out:
                    out.write(labels[i : i + 1])
                    out.write(good[i * 8 * classes : (i + 1) * 8 * classes])
            progress("evaluate", last / len(samples))
    finally:
        if out:
            out.close()
    correct = sum(confusion[c][c] for c in range(classes))
    print("%d of %d right" % (correct, len(samples)))
    job.result(
        images=len(samples),
        correct=correct,
        accuracy=correct / len(samples),
        confusion=confusion,
        seconds=time.ticks_diff(time.ticks_ms(), started) / 1000,
    )


job.main(evaluate)
