"""Predicts every sample of a file with a saved network: accuracy, confusion matrix and, if asked,
all predictions.

Classes of samples and network belong together by their names, or with by_index by their numbers.
"""

import time

import uff
from uff import job
from uff.predictor import check_images, match_classes, predict_batches

JOB = {
    "model": "model.uffm",
    "samples": "test.uffs",
    # a file: for each sample its label (uint8) and the goodness of every label (int64)
    "predictions": None,
    "by_index": False,
}


def by_index(dataset, network):
    """match_classes() by the numbers of the classes."""
    used = max(dataset.labels)
    if used >= len(network.names):
        raise ValueError(
            "%s: class %d, the network knows %d classes" % (dataset.path, used, len(network.names))
        )
    return list(range(len(dataset.names)))


def evaluate():
    asked = job.Job(**JOB)
    started = time.ticks_ms()
    network = uff.load(asked.model).network
    dataset = uff.Dataset.open(asked.samples)
    check_images(dataset, network)
    number = (by_index if asked.by_index else match_classes)(dataset, network)
    n, classes = len(dataset), len(network.names)
    confusion = [[0] * classes for _ in range(classes)]
    progress = job.Progress()
    out = open(asked.predictions, "wb") if asked.predictions else None
    try:
        for first, labels, goodness in predict_batches(dataset, network):
            for i, label in enumerate(labels):
                confusion[number[dataset.labels[first + i]]][label] += 1
                if out:
                    out.write(labels[i : i + 1])
                    out.write(goodness[i * 8 * classes : (i + 1) * 8 * classes])
            progress("evaluate", (first + len(labels)) / n)
    finally:
        if out:
            out.close()
    correct = sum(confusion[c][c] for c in range(classes))
    print("%d of %d right" % (correct, n))
    job.result(
        images=n,
        correct=correct,
        accuracy=correct / n,
        confusion=confusion,
        seconds=time.ticks_diff(time.ticks_ms(), started) / 1000,
    )


job.main(evaluate)
