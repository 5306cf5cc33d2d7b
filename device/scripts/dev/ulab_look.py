"""Looks at samples and a network with ulab: mean images, most goodness, confusion matrix.

ulab and the library share their buffers: an ndarray goes into ridge as it is, and np.frombuffer()
makes one of a bytearray or array without copying. ulab has no int32 and int64, so a goodness is
passed as float. Every line can be typed at the REPL as well.
"""

import time
from array import array

import uff
from uff import job

try:
    from ulab import numpy as np
except ImportError:
    job.fail("ImportError", "this firmware was built without ulab")

JOB = {
    "samples": "test.uffs",
    "model": "model.uffm",
    "limit": None,  # look at the first images only
}
BATCH = 16
INKS = " .:-=+*#%@"


def draw(pixels, height, width):
    """Prints an image of values 0 to 255; two rows share a line, as letters are tall."""
    for y in range(0, height - 1, 2):
        row = [(pixels[y * width + x] + pixels[(y + 1) * width + x]) / 2 for x in range(width)]
        print("".join(INKS[min(int(value * len(INKS) / 256), len(INKS) - 1)] for value in row))


def look():
    asked = job.Job(**JOB)
    started = time.ticks_ms()
    network = uff.load(asked.model).network
    samples = uff.Dataset.open(asked.samples)
    n, k = min(len(samples), asked.limit or len(samples)), len(network.names)
    size = network.embedding.size
    if (samples.height, samples.width) != (network.embedding.height, network.embedding.width):
        raise ValueError("%s: images of another size than the network's" % asked.samples)
    if not n or len(samples.names) > k:
        raise ValueError("%s: want images of at most %d classes" % (asked.samples, k))

    labels = np.frombuffer(samples.labels, dtype=np.uint8)[:n]
    totals = np.zeros((k, size))
    goodness = array("f", bytes(4 * n * k))
    good = array("q", [0] * (BATCH * k))
    for first in range(0, n, BATCH):
        count = min(BATCH, n - first)
        buffer = bytearray(count * size)
        samples.read_into(buffer, first, first + count)
        images = np.frombuffer(buffer, dtype=np.uint8).reshape((count, size))
        for i in range(count):
            c = samples.labels[first + i]
            totals[c] = totals[c] + images[i]
        network.predict_many(buffer, bytearray(count), memoryview(good)[: count * k])
        for i in range(count * k):
            goodness[first * k + i] = network.layer.value(good[i])

    table = np.frombuffer(goodness, dtype=np.float).reshape(
        (n, k)
    )  # the same memory as `goodness`
    predicted = np.array(np.argmax(table, axis=1), dtype=np.uint8)
    confusion, means = [], []
    for c in range(k):
        rows = predicted[labels == c]
        confusion.append(
            [int(np.sum(np.array(rows == label, dtype=np.uint16))) for label in range(k)]
        )
        if len(rows):
            mean = totals[c] / len(rows)
            print("%s: the mean of %d images" % (network.names[c], len(rows)))
            draw(mean, samples.height, samples.width)
            means.append(float(np.mean(mean)))
        else:
            means.append(None)
    print("true class, then how often each was predicted:")
    for name, row in zip(network.names, confusion):
        print("%12s %s" % (name, " ".join("%5d" % count for count in row)))
    w = np.frombuffer(network.layer.w, dtype=np.int16)
    print("weights of the class layer: %d to %d" % (np.min(w), np.max(w)))
    correct = sum(confusion[c][c] for c in range(k))
    job.result(
        images=n,
        correct=correct,
        accuracy=correct / n,
        confusion=confusion,
        class_means=means,
        mean_goodness=float(np.mean(table)),
        seconds=time.ticks_diff(time.ticks_ms(), started) / 1000,
    )


job.main(look)
