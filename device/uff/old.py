"""Old names, until the application has the new ones."""

from .dataset import Dataset, FileDataset
from .learner import IncrementalClassifier
from .network import Network
from .train import Trainer  # noqa: F401

Samples, SamplesFile = Dataset, FileDataset
Dataset.image = lambda self, i: self[i]
Network.facts = property(lambda self: self.info)
Network.left_out = property(lambda self: self.loo_labels)


def _save(self, path, statistics=None, statistics1=None):
    from .model import save

    save(self, path, statistics, statistics1)


def _load(path):
    from .model import load

    return load(path)


Network.save, Network.load = _save, staticmethod(_load)


class Learner(IncrementalClassifier):
    def __init__(self, network, statistics=None, alloc=bytearray):
        self._begin(network, statistics, alloc)

    @classmethod
    def start(cls, height, width, names, options=None, alloc=bytearray):
        return IncrementalClassifier(height, width, names, options, alloc)

    def steps(self):
        return self.solve_steps()
