MAX_IMAGES: int
MAX_COPIES: int

class Stage:
    name: str
    macs: int
    weight: float
    seconds: float
    def __init__(self, name: str, macs: int, weight: float) -> None: ...
    @property
    def work(self) -> float: ...

class LayerPlan:
    stages: list[Stage]
    arrays: dict[str, int]
    order: int
    dual: bool
    work: int
    def __init__(
        self,
        stages: list[Stage],
        arrays: dict[str, int],
        order: int = 0,
        dual: bool = False,
        work: int = 0,
    ) -> None: ...

def packed(order: int) -> int: ...
def check_rows(tag: bytes, rows: bytes | bytearray, columns: int, longest: int) -> int: ...
def snap(value: float) -> float: ...
def cheaper(solver: str, primal: list[Stage], dual: list[Stage]) -> bool: ...
