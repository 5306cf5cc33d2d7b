from collections.abc import Callable, Generator
from typing import Literal

from .arena import Alloc, ArenaLike
from .dataset import Dataset
from .network import Layer, Network
from .plan import Options, Plan
from .predictor import Predictor

class Classifier(Predictor):
    alloc: Alloc | None
    def __init__(
        self,
        network: str = "uff2",
        hidden: int | None = None,
        label_scale: float | None = None,
        lambda1: float | None = None,
        lambda2: float | Literal["loo"] | None = None,
        seed: int = 0,
        solver: Literal["auto", "primal", "dual"] = "auto",
        leave_one_out: bool = True,
        copies: int = 0,
        layer1: Layer | None = None,
        statistics: bool = False,
        arena: ArenaLike | None = None,
    ) -> None: ...
    @property
    def options(self) -> Options: ...
    def plan(self, dataset: Dataset) -> Plan: ...
    def fit(
        self, dataset: Dataset, progress: Callable[[str, float], object] | None = None
    ) -> Classifier: ...
    def fit_steps(self, dataset: Dataset) -> Generator[tuple[str, float]]: ...
    def merge(self, other: Predictor | Network | str) -> Classifier: ...

def load(path: str, arena: ArenaLike | None = None) -> Classifier: ...
