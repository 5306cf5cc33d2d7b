from typing import Literal

from .embed import LabelEmbedding
from .stage import LayerPlan, Stage

class Options:
    network: str
    hidden: int
    label_scale: float
    lambda1: float
    lambdas: list[float]
    choose_lambda: bool
    seed: int
    solver: str
    leave_one_out: bool
    copies: int
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
    ) -> None: ...

class Plan:
    images: int
    classes: int
    height: int
    width: int
    rows: int
    features: int
    order: int
    work_bytes: int
    first: LayerPlan | None
    last: LayerPlan
    stages: list[Stage]
    arrays: dict[str, int]
    def __init__(
        self,
        images: int,
        embedding: LabelEmbedding,
        classes: int,
        options: Options,
        kept: bool = False,
    ) -> None: ...
    @property
    def macs(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...
    def check(self, free_bytes: int) -> None: ...
