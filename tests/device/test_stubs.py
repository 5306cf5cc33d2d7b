"""The stub package uff-micropython-stubs: what it says against the modules, and the documented
examples against it.

mypy does it: Pyright wants Node, and its strict mode (1.1.414) found in these examples nothing but
the bare expressions of the REPL's.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_docs import BLOCKS, Block, statements

from uff_host import patience

TOP = Path(__file__).resolve().parents[2]
STUBS = TOP / "host/stubs"
LIBRARY = TOP / "device/uff"
MODULES = sorted(path.stem for path in (STUBS / "uff").glob("*.pyi"))

Function = ast.FunctionDef


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def stub(name: str) -> ast.Module:
    return parsed(STUBS / f"uff/{name}.pyi")


def source(name: str) -> ast.Module:
    return parsed(LIBRARY / f"{name}.py")


def members(body: list[ast.stmt]) -> dict[str, ast.AST]:
    """name -> definition of what a module or class defines or is assigned."""
    found: dict[str, ast.AST] = {}
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                each = target.elts if isinstance(target, ast.Tuple) else [target]
                found.update({name.id: node for name in each if isinstance(name, ast.Name)})
    return found


def is_public(name: str) -> bool:
    return not name.startswith("_")


def attributes(node: ast.ClassDef) -> set[str]:
    """What a class's methods assign to self."""
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Store)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
    }


def signature(function: Function) -> list[str]:
    """Names, kinds and defaults of the parameters, and the decorators but @property's like."""
    a = function.args
    names = [each.arg for each in (*a.posonlyargs, *a.args)]
    defaults = [ast.dump(each) for each in a.defaults]
    padded = [""] * (len(names) - len(defaults)) + defaults
    found = [f"{name}={default}" for name, default in zip(names, padded, strict=True)]
    found += [f"*{a.vararg.arg}"] if a.vararg else []
    found += [f"{name.arg} by name" for name in a.kwonlyargs]
    return [*sorted(ast.unparse(each) for each in function.decorator_list), *found]


def only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        ast.unparse(each) == "type_check_only" for each in node.decorator_list
    )


def named_tuple(node: ast.AST) -> list[str] | None:
    """Fields of a namedtuple, written as a call or as a class."""
    call = node.value if isinstance(node, ast.Assign) else None
    if isinstance(call, ast.Call) and ast.unparse(call.func) == "namedtuple":
        return list(ast.literal_eval(call.args[1]))
    if isinstance(node, ast.ClassDef) and [ast.unparse(b) for b in node.bases] == ["NamedTuple"]:
        return list(members(node.body))
    return None


# ---- names and signatures ----


def test_the_package_has_the_names_of_the_library() -> None:
    aliases = [
        (node.module, alias.name)
        for node in stub("__init__").body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    library = members(source("__init__").body)["__all__"]
    assert isinstance(library, ast.Assign)
    assert sorted(name for _, name in aliases) == sorted(ast.literal_eval(library.value))
    real = {
        alias.name: node.module
        for node in source("__init__").body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for module, name in aliases:
        assert real[name] == module, name


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_names_and_signatures_are_those_of_the_module(module: str) -> None:
    declared, real = members(stub(module).body), members(source(module).body)
    for name, node in declared.items():
        if only_for_types(node) or (module, name) in TYPES:
            continue
        assert name in real, f"{module}.pyi: {name} is no name of {module}.py"
        assert named_tuple(node) == named_tuple(real[name]), name
        if isinstance(node, Function):
            other = real[name]
            assert isinstance(other, Function), name
            assert signature(node) == signature(other), name
        elif isinstance(node, ast.ClassDef) and named_tuple(node) is None:
            other = real[name]
            assert isinstance(other, ast.ClassDef), name
            compare(f"{module}.{name}", node, other)
    missing = {
        name
        for name, node in real.items()
        if is_public(name) and isinstance(node, ast.ClassDef | Function) and name not in declared
    }
    assert not missing


TYPES = {("embed", "WritableBuffer"), ("embed", "Image")}  # aliases of types
SUPPLIED = {"__iter__", "__getattr__"}  # by __getitem__, as MicroPython iterates; by setattr()


def compare(where: str, declared: ast.ClassDef, real: ast.ClassDef) -> None:
    bases = [ast.unparse(each) for each in declared.bases]
    assert bases == [ast.unparse(each) for each in real.bases], where
    names, others = members(declared.body), members(real.body)
    for name, node in names.items():
        here = f"{where}.{name}"
        if isinstance(node, ast.AnnAssign):
            assert name in attributes(real) | set(others), here
        elif name not in SUPPLIED and not (name == "network" and where.endswith("Predictor")):
            other = others.get(name)
            assert isinstance(node, Function), here
            if other is None and [ast.unparse(each) for each in node.decorator_list] == [
                "property"
            ]:
                assert name in attributes(real), here  # to be read
                continue
            assert isinstance(other, Function), here
            assert signature(node) == signature(other), here
    missing = {
        name
        for name, node in others.items()
        if isinstance(node, Function) and (is_public(name) or name == "__init__")
    } - set(names)
    missing -= {name for name in missing if where == "dataset.FileDataset" and name in SEQUENCE}
    assert not missing, where


# What FileDataset has anew of its Dataset.
SEQUENCE = {
    "names", "labels", "version", "read_into", "append", "delete", "relabel", "name_class",
    "remove_class", "can_undo", "undo",
}  # fmt: skip


def test_what_is_compared_is_seen() -> None:
    """The comparison itself: a parameter, a default, a kind that differs is found."""
    one = ast.parse("def f(a, b=1): ...").body[0]
    assert isinstance(one, Function)
    for text in ("def f(a, c=1): ...", "def f(a, b=2): ...", "@staticmethod\ndef f(a, b=1): ..."):
        other = ast.parse(text).body[0]
        assert isinstance(other, Function)
        assert signature(one) != signature(other)
    assert signature(one) == signature(ast.parse("def f(a: int, b: int = 1): ...").body[0])


# ---- the C modules ----

ARGUMENTS = """
import ridge
for name, least, most in {table!r}:
    function = getattr(ridge, name)
    for count in (least - 1, least, most, most + 1):
        if count < 0:
            continue
        try:
            function(*[None] * count)
            said = ""
        except Exception as error:
            said = "%s %s" % (type(error).__name__, error)
        wrong = "TypeError" in said and (
            "positional argument" in said or "missing" in said or " arguments, got " in said
        )
        print(name, count, least <= count <= most, not wrong, said)
"""


def test_functions_of_ridge_take_as_many_arguments_as_the_stub_says(run_device, tmp_path) -> None:
    table = []
    for node in parsed(TOP / "firmware_build/ridge/ridge.pyi").body:
        if isinstance(node, Function) and is_public(node.name) and not node.args.kwonlyargs:
            count = len(node.args.posonlyargs) + len(node.args.args)
            table.append((node.name, count - len(node.args.defaults), count))
    assert len(table) > 25
    script = tmp_path / "arguments.py"
    script.write_text(ARGUMENTS.format(table=table))
    done = run_device(script, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 4) for line in done.stdout.splitlines()]
    assert len(lines) >= 2 * len(table)
    assert [line for line in lines if line[2] != line[3]] == []


# ---- the package ----


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's wheel, built as `make stubs` does it."""
    folder = tmp_path_factory.mktemp("stubs")
    patience.run([sys.executable, str(STUBS / "build.py"), str(folder / "package")], 60)
    words = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = patience.run([sys.executable, *words, str(folder / "package")], 120)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def checked(wheel: Path, tmp_path_factory: pytest.TempPathFactory):
    """checked(text): what mypy says to a script beside the installed package."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    number = 0

    def check(text: str) -> str:
        nonlocal number
        number += 1
        script = folder / f"example_{number}.py"
        script.write_text(text, encoding="utf-8")
        done = patience.run(
            [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--python-executable",
             str(folder / "bin/python"), "--cache-dir", str(folder / "cache"), str(script)],
            120, cwd=folder,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.stdout

    return check


@pytest.mark.slow
def test_the_wheel_has_the_version_of_the_library_and_all_stubs(wheel: Path) -> None:
    version = re.search(r'^__version__ = "(.+)"', (LIBRARY / "__init__.py").read_text(), re.M)
    assert version
    assert wheel.name == f"uff_micropython_stubs-{version[1]}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    for module in MODULES:
        assert f"uff-stubs/{module}.pyi" in names
    for module in ("ridge", "lcd"):
        assert f"{module}-stubs/__init__.pyi" in names


def test_the_stubs_carry_the_docstrings_of_the_library(wheel: Path) -> None:
    text = zipfile.ZipFile(wheel).read("uff-stubs/classifier.pyi").decode()
    docs = {
        node.name: ast.get_docstring(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef | Function)
    }
    real = {
        node.name: ast.get_docstring(node)
        for node in ast.walk(source("classifier"))
        if isinstance(node, ast.ClassDef | Function)
    }
    for name in ("Classifier", "plan", "fit", "fit_steps", "load"):
        assert docs[name]
        assert docs[name] == real[name]


def examples() -> Iterator[tuple[str, str]]:
    """(where it stands, text) of the documented examples for the board."""
    sessions: dict[Path, list[Block]] = {}
    for block in BLOCKS:
        if block.mark == "tested by: session":
            sessions.setdefault(block.page, []).append(block)
        elif block.language == "python" and "import uff\n" in block.text:
            yield str(block), block.text
    for page, parts in sessions.items():
        lines = [statement for block in parts for statement, _ in statements(block)]
        yield page.name, "\n".join(lines) + "\n"
    doc = ast.get_docstring(source("__init__")) or ""
    indented = re.search(r"\n\n((?:    .*\n)+)", doc)
    assert indented
    yield "device/uff/__init__.py", textwrap.dedent(indented[1])


EXAMPLES = list(examples())


# Of the host package: tests/host/test_package.py checks it.
HOST_EXAMPLE = "host.md"


def test_every_python_block_of_the_documentation_is_checked() -> None:
    checked = {Path(where.split(":")[0]).name for where, _ in EXAMPLES}
    assert {"README.md", "library.md", "merging.md"} <= checked
    for block in BLOCKS:
        if block.language == "python" and block.page.name != HOST_EXAMPLE:
            session = block.mark == "tested by: session"
            assert session or str(block) in [where for where, _ in EXAMPLES], block


@pytest.mark.parametrize(("where", "text"), EXAMPLES, ids=[where for where, _ in EXAMPLES])
def test_the_documented_examples_pass_mypy(checked, where: str, text: str) -> None:
    assert "uff." in text
    assert checked(text) == ""


def test_ridge_lcd_and_the_other_modules_are_typed(checked) -> None:
    text = """
from array import array
import lcd
import ridge
import uff
from uff.arena import HeapArena
from uff.incremental_kernel import IncrementalKernelClassifier
from uff.model import load_layer

layer, embedding, notes = load_layer("a.uffm")
options = uff.Options("uff_kernel", copies=3)
learner = IncrementalKernelClassifier(layer, embedding, ["a", "b"], options, 100)
learner.add(bytes(784), 0)
features, rest = learner.work(3)
steps = learner.solve_steps()
for done in steps:
    print(done + 1.0)
steps.close()
clf = uff.Classifier(arena=HeapArena(), layer1=layer)
gram = array("i", [0] * 6)
ridge.gram(array("h", [1, 2, 3]), gram, bytearray(ridge.work_bytes(3)))
lcd.show(0, 0, lcd.WIDTH, lcd.HEIGHT)
"""
    assert checked(text) == ""


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('clf.predict("a.png")', "arg-type"),
        ("clf.fit()", "call-arg"),
        ("clf.fitt(train)", "attr-defined"),
        ('uff.Classifier(solver="both")', "arg-type"),
        ("train[0].append('x')", "union-attr"),
        ("uff.load(7)", "arg-type"),
        ("ridge.trace()", "call-arg"),
        ("lcd.shown()", "attr-defined"),
    ],
)
def test_a_mistake_is_found(checked, line: str, error: str) -> None:
    head = "import lcd, ridge, uff\nclf = uff.Classifier()\ntrain = uff.Dataset.open('a.uffs')\n"
    assert f"[{error}]" in checked(head + line + "\n")
