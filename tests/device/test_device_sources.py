"""How the modules of device/ hang together, and what MicroPython's help() says of them."""

from __future__ import annotations

import ast
import graphlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DEVICE = Path(__file__).resolve().parents[2] / "device"
SOURCES = sorted(DEVICE.rglob("*.py"))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def private_of_others(module: ast.Module) -> list[str]:
    """Names with a leading underscore that a module takes from where it does not define them."""
    own = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            own.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                own.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            own.add(node.value)  # fields of a namedtuple
    taken = []
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [node.attr] if node.attr not in own else []
        else:
            continue
        taken += [f"{node.lineno}: {name}" for name in names if is_private(name)]
    return taken


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(DEVICE)))
def test_no_module_takes_private_names_of_another(path: Path) -> None:
    assert private_of_others(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_a_private_name_of_another_module_is_seen() -> None:
    for text in (
        "from .files import _pad",
        "from . import files\nfiles._pad(3)",
        "def f(other):\n    return other._held",
    ):
        assert private_of_others(ast.parse(text)), text
    own = (
        "class A:\n    def f(self, other):\n        self._x = other._x\n        return self._g()\n"
    )
    assert private_of_others(ast.parse(own + "    def _g(self): ...")) == []
    assert private_of_others(ast.parse(own)) == ["4: _g"]


def imports(path: Path, package: str) -> set[str]:
    """Modules of its package that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level == 1 and node.module:
                found.add(node.module)
            elif node.level == 1:
                found.update(alias.name for alias in node.names)
            elif node.module and node.module.startswith(package + "."):
                found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("package", ["uff", "capture", "drivers", "boards", "virtual_board"])
def test_no_modules_import_each_other(package: str) -> None:
    paths = [path for path in SOURCES if path.parent == DEVICE / package]
    assert paths
    arrows = {path.stem: imports(path, package) for path in paths if path.stem != "__init__"}
    graphlib.TopologicalSorter(arrows).prepare()  # CycleError


def test_no_public_name_hides_a_module() -> None:
    (names,) = (
        ast.literal_eval(node.value)
        for node in ast.parse((DEVICE / "uff/__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert not set(names) & {path.stem for path in (DEVICE / "uff").glob("*.py")}


@pytest.fixture
def says(run_device: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path):
    """says(line): what MicroPython prints."""

    def run(line: str) -> str:
        script = tmp_path / "ask.py"
        script.write_text("import ridge\nimport uff\n" + line + "\n")
        done = run_device(script, tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("thing", "parts"),
    [
        ("uff", ["uff.Classifier().fit(train)", "help(uff.Dataset)", "help(ridge)"]),
        ("uff.Classifier", ["fit(dataset)", "predict(image)", "score(dataset)", "save(path)"]),
        ("uff.Dataset", ["Dataset.open(path)", "len(ds), ds[i], ds.labels, ds.names"]),
        ("uff.IncrementalClassifier", ["add(image, label)", "then solve()"]),
        ("ridge", ["encode, gram, factor, solve", "docs/api.md"]),
    ],
)
def test_help_leads_on(says, thing: str, parts: list[str]) -> None:
    text = says(f"help({thing})")
    assert "__doc__ -- " in text
    for part in parts:
        assert part in text


def test_what_help_names_is_there(says) -> None:
    """Each name in the texts of help() is one of the class."""
    for thing in ("Classifier", "Dataset", "IncrementalClassifier"):
        text = says(f"print(uff.{thing}.__doc__)")
        names = {part.split("(")[0].split(".")[-1] for part in text.replace(";", " ").split()}
        names = {name for name in names if name.isidentifier()}
        known = set(says(f"print(*dir(uff.{thing}), *dir(uff.Classifier))").split())
        methods = {name for name in names if f"{name}(" in text} - {"len", thing}
        assert len(methods) >= 4
        assert methods <= known, methods - known
