"""µFF on MicroPython: networks that learn on the board, each layer one ridge regression in closed
form.

    import uff
    train, test = uff.Dataset.open("train.uffs"), uff.Dataset.open("test.uffs")
    clf = uff.Classifier(hidden=500, seed=0)    # network="uff2"; "uff_kernel", "uff_mirror", ...
    print(clf.plan(train))                      # multiply-adds and bytes, before it starts
    clf.fit(train, progress=print)              # or: for stage, done in clf.fit_steps(train): ...
    print(clf.loo_accuracy, clf.score(test))
    label, goodness, margin = clf.predict(test[7])
    clf.save("a.uffm")
    clf = uff.load("a.uffm")

The library drives the C module `ridge` and owns no pins, no screens and no prints. Arrays are
little-endian, images are uint8 row by row, labels count from 0.
"""

try:
    import ridge  # noqa: F401
except ImportError:
    raise ImportError(
        "uff needs the module ridge: flash our firmware, or install the native module "
        "that `make mpy` builds"
    )

from .classifier import Classifier, load
from .dataset import Dataset, FileDataset
from .embed import MAX_CLASSES, LabelEmbedding
from .errors import DoesNotFit, FileChanged, FormatError
from .incremental import IncrementalClassifier
from .network import Network, Prediction, TrainingInfo
from .plan import Options, Plan

__all__ = [
    "MAX_CLASSES",
    "Classifier",
    "Dataset",
    "DoesNotFit",
    "FileChanged",
    "FileDataset",
    "FormatError",
    "IncrementalClassifier",
    "LabelEmbedding",
    "Network",
    "Options",
    "Plan",
    "Prediction",
    "TrainingInfo",
    "load",
]
__version__ = "0.1.0"  # of the whole project: all else reads it here

# What help(uff) shows among the names: MicroPython keeps no docstrings.
__doc__ = """neural networks that learn on the board, in closed form
    train, test = uff.Dataset.open("train.uffs"), uff.Dataset.open("test.uffs")
    clf = uff.Classifier().fit(train)           help(uff.Classifier)
    clf.score(test); clf.predict(test[7]); clf.save("a.uffm"); clf = uff.load("a.uffm")
    help(uff.Dataset), help(uff.IncrementalClassifier), help(ridge)"""
