from .classifier import Classifier as Classifier
from .classifier import load as load
from .dataset import Dataset as Dataset
from .dataset import FileDataset as FileDataset
from .embed import MAX_CLASSES as MAX_CLASSES
from .embed import LabelEmbedding as LabelEmbedding
from .errors import DoesNotFit as DoesNotFit
from .errors import FileChanged as FileChanged
from .errors import FormatError as FormatError
from .incremental import IncrementalClassifier as IncrementalClassifier
from .network import Network as Network
from .network import Prediction as Prediction
from .network import TrainingInfo as TrainingInfo
from .plan import Options as Options
from .plan import Plan as Plan

__version__: str
