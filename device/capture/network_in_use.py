"""The network in use, the classes and drawings that it belongs to, and its verdicts."""

from array import array
from collections import namedtuple

import ridge

from . import rules
from .similarity import ONE

UNLIKE = "unlike anything drawn"  # why it is not sure, where no drawing is like it

# label: of most goodness. sure: whether to trust it; why: else a few words. goodness: a float for
# each class; margin: best less second best. nearest: number of the most similar drawing, or None
# where the drawings have changed since; similarity: its cosine, 0 to 1. other: label of second
# most goodness.
Verdict = namedtuple(
    "Verdict", ("label", "sure", "why", "goodness", "margin", "nearest", "similarity", "other")
)

# Never changed but replaced as a whole. classes: for each label of the network the number of its
# class, None where that was removed. least_familiarity: None before it is known. version: of the
# samples it has learnt, or None; checked: whether leave-one-out has been done.
NetworkInUse = namedtuple(
    "NetworkInUse",
    ("network", "classes", "least_familiarity", "suspects", "version", "checked"),
)


def without_class(in_use, number):
    """The NetworkInUse after class `number` was removed; None where fewer than two are left."""
    classes = tuple(None if c is None or c == number else c - (c > number) for c in in_use.classes)
    return if_usable(in_use.network, classes, in_use.least_familiarity)


def with_class(in_use, number):
    """The NetworkInUse after class `number` came back, of which it knows nothing yet."""
    classes = tuple(None if c is None else c + (c >= number) for c in in_use.classes)
    return NetworkInUse(in_use.network, classes, in_use.least_familiarity, (), None, False)


def if_usable(network, classes, least_familiarity):
    """The NetworkInUse that has not learnt these drawings; None where fewer than two of its
    classes are there."""
    if sum(c is not None for c in classes) < 2:
        return None
    return NetworkInUse(network, classes, least_familiarity, (), None, False)


def judge(in_use, image, names, stale):
    """The Verdict on a drawing (uint8, 784). names: of the classes; stale: whether the drawings
    have changed since it learnt them."""
    network, classes = in_use.network, in_use.classes
    k, layer = len(classes), network.layer
    good = array("q", [0] * k)
    f = network.class_inputs(image)
    layer.goodness(f, good, bytearray(1))
    here = [c for c in range(k) if classes[c] is not None]
    label = max(here, key=lambda c: good[c])
    here.remove(label)
    other = max(here, key=lambda c: good[c])
    nearest, likeness = None, 0
    if in_use.version is not None:
        nearest, likeness = ridge.nearest(f, layer.rows)
        nearest //= 1 + network.info.copies
    best, why, least = layer.value(good[label]), "", in_use.least_familiarity
    judged = nearest is not None and least is not None
    if not good[label] or (judged and rules.unlike(likeness, best, k, least, ONE)):
        why = UNLIKE
    elif not rules.sure(best, layer.value(good[other])):
        why = "%s or %s?" % (names[classes[label]], names[classes[other]])
    goodness = [0.0] * len(names)
    for c, number in enumerate(classes):
        if number is not None:
            goodness[number] = layer.value(good[c])
    return Verdict(
        classes[label],
        not why,
        why,
        tuple(goodness),
        layer.value(good[label] - good[other]),
        None if stale else nearest,
        likeness / ONE,
        classes[other],
    )
