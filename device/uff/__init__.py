"""µFF on MicroPython: networks that learn on the board, each layer one ridge regression in closed
form.

    from uff import Network, Options, Samples, SamplesFile, Trainer
    network = Trainer(SamplesFile.open("train.uffs"), Options(network="uff2")).run()
    label, goodness, margin = network.predict(image)      # image: 784 bytes
    network.save("model.uffm")

The library drives the C module `ridge` and owns no pins, no screens and no prints. Arrays are
little-endian, images are uint8 row by row, labels count from 0.
"""

try:
    import ridge as _ridge  # noqa: F401
except ImportError:
    raise ImportError(
        "uff needs the module ridge: flash our firmware, or install the native module "
        "that `make mpy` builds"
    )

from .embed import MAX_CLASSES, LabelEmbedding
from .errors import DoesNotFit, FileChanged, FormatError
from .learner import Learner
from .network import Network, Prediction
from .plan import Options, plan
from .samples import Samples, SamplesFile
from .statistics import Statistics
from .train import Trainer

__all__ = [
    "MAX_CLASSES",
    "DoesNotFit",
    "FileChanged",
    "FormatError",
    "LabelEmbedding",
    "Learner",
    "Network",
    "Options",
    "Prediction",
    "Samples",
    "SamplesFile",
    "Statistics",
    "Trainer",
    "plan",
]
__version__ = "0.1.0"  # of the whole project: all else reads it here
