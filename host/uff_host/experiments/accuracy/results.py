"""Results of finished tasks, kept in a folder, so that a table goes on where it was stopped."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.experiments.accuracy.baselines import BASELINES, Baseline, Score
from uff_host.experiments.accuracy.grid import UFF, Task
from uff_host.formats.samples import Samples
from uff_host.targets.qemu import m7_firmware
from uff_host.targets.unix import unix_firmware

_BASELINES = "uff_host.experiments.accuracy.baselines"
_FIRMWARE = {"unix": unix_firmware, "m7": m7_firmware}


class Splits(Protocol):
    """Where images come from; fashion.FashionMnist is one."""

    @property
    def mirrored(self) -> bool:
        """Whether a mirrored image is one of its class."""

    def train(self, class_ids: Sequence[int], n: int, seed: int) -> Samples:
        """n training images of each class, drawn by seed."""

    def test(self, class_ids: Sequence[int]) -> Samples:
        """The test images of these classes."""


class Store:
    """Scores of finished tasks, one small file each.

    A file is named by a hash of all that a result depends on: the code, the network, the seed and
    the images themselves. So a result is never used for another version or another split.
    """

    def __init__(self, folder: Path, splits: Splits, versions: dict[str, str]) -> None:
        """versions: network -> what changes when its code does; see `versions()`."""
        self._folder, self._splits, self._versions = folder, splits, versions
        self._digests: dict[object, str] = {}

    def load(self, task: Task) -> list[Score] | None:
        """The scores of a task, or None if they are not known or unreadable."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path(task).read_text())["scores"]
            scores = [Score(str(setting), float(accuracy)) for setting, accuracy in kept]
            return scores or None
        return None

    def save(self, task: Task, scores: Sequence[Score]) -> None:
        """Keep the scores of a task.

        Raises:
            OSError: The cache cannot be written.
        """
        kept = {"task": f"{task.network}, {task.cell}, seed {task.seed}", "scores": list(scores)}
        self._folder.mkdir(parents=True, exist_ok=True)
        files.write_bytes(self._path(task), json.dumps(kept, ensure_ascii=False).encode())

    def _path(self, task: Task) -> Path:
        ids, n = task.cell.class_ids, task.cell.images
        test = self._digest(ids, lambda: self._splits.test(ids))
        train = self._digest((task.cell, task.seed), lambda: self._splits.train(ids, n, task.seed))
        known = (self._versions[task.network], task.network, str(task.seed), train, test)
        return self._folder / f"{hashlib.sha256(' '.join(known).encode()).hexdigest()[:32]}.json"

    def _digest(self, key: object, samples: Callable[[], Samples]) -> str:
        if key not in self._digests:
            drawn = samples()
            content = hashlib.sha256(repr((drawn.class_names, drawn.images.shape)).encode())
            content.update(np.ascontiguousarray(drawn.images).data)
            content.update(np.ascontiguousarray(drawn.labels).data)
            self._digests[key] = content.hexdigest()
        return self._digests[key]


def versions(networks: Iterable[str], on: str) -> dict[str, str]:
    """For each network a hash of the code that gives its numbers, however that is written.

    Raises:
        DeviceError: µFF is wanted on a firmware that has not been built.
    """
    found: dict[str, str] = {}
    for network in networks:
        if network in UFF:
            sources = device_sources()
            if on in _FIRMWARE:
                firmware = _FIRMWARE[on]()
                if not firmware.is_file():
                    raise DeviceError(f"There is no firmware {firmware}: build it by `make {on}`.")
                sources.append(firmware)
            # the unix port takes modules from there first
            instead = os.environ.get("MICROPYPATH", "")
            found[network] = f"{on} {instead} {_hash(sources)}"
        else:
            needs = ("numpy", *BASELINES[network].needs)
            libraries = " ".join(f"{name} {metadata.version(name)}" for name in needs)
            texts = [path.read_text() for path in baseline_sources(BASELINES[network])]
            found[network] = f"{libraries} {meaning(texts)}"
    return found


def baseline_sources(baseline: Baseline) -> list[Path]:
    """The modules of baselines/ that a baseline's numbers come from: its own, and what these
    import from one another, in the order in which they are come upon."""
    found: dict[str, Path] = {}
    left = [getattr(baseline.scores, "func", baseline.scores).__module__]
    while left:
        name = left.pop(0)
        if name in found:
            continue
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        found[name] = Path(spec.origin)
        for node in ast.walk(ast.parse(found[name].read_bytes())):
            if isinstance(node, ast.ImportFrom):
                if node.module == _BASELINES:
                    left += [f"{_BASELINES}.{alias.name}" for alias in node.names]
                elif node.module and node.module.startswith(f"{_BASELINES}."):
                    left.append(node.module)
    return list(found.values())


def meaning(sources: Sequence[str]) -> str:
    """A hash of what the code of some modules of baselines/ does: the same after a change of
    comments, docstrings or layout, or of the names of their functions, classes and constants.

    Names are numbered in the order in which they come, each by one number wherever it stands, so
    that two texts of one hash differ by a renaming alone.

    Raises:
        SyntaxError: A text is no Python.
    """
    trees = [ast.parse(source) for source in sources]
    own, modules = set[str](), set[str]()
    for node in (node for tree in trees for node in tree.body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.Assign):
            own.update(name.id for name in node.targets if isinstance(name, ast.Name))
    for part in (part for tree in trees for part in ast.walk(tree)):
        if isinstance(part, ast.ImportFrom) and part.module == _BASELINES:
            modules.update(alias.asname or alias.name for alias in part.names)
    normal = _Nameless(own, modules)
    return hashlib.sha256(
        "\n".join(ast.dump(normal.visit(tree)) for tree in trees).encode()
    ).hexdigest()


class _Nameless(ast.NodeTransformer):
    """Leaves out docstrings and imports from one another; numbers names that modules define."""

    def __init__(self, own: set[str], modules: set[str]) -> None:
        """own: the names; modules: by which these modules call one another."""
        self._own, self._modules = own, modules
        self._numbers: dict[str, str] = {}

    def _number(self, name: str) -> str:
        if name not in self._own:
            return name
        return self._numbers.setdefault(name, f"#{len(self._numbers)}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        between = node.module and (node.module + ".").startswith(_BASELINES + ".")
        return None if between and not any(alias.asname for alias in node.names) else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._number(node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        of_module = isinstance(node.value, ast.Name) and node.value.id in self._modules
        name = self._number(node.attr) if of_module else node.attr
        return ast.Attribute(self.visit(node.value), name, node.ctx)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._number(node.name)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._number(node.name)
        return self.generic_visit(node)


def device_sources() -> list[Path]:
    """The Python and C files that the device's numbers come from."""
    top = files.checkout()
    device = sorted((top / "device").rglob("*.py"))
    return device + sorted((top / "firmware_build" / "ridge").rglob("*.[ch]"))


def _hash(paths: Iterable[Path]) -> str:
    content = hashlib.sha256()
    for path in paths:
        content.update(hashlib.sha256(path.read_bytes()).digest())
    return content.hexdigest()
