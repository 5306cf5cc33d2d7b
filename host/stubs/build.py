"""Builds the stub package uff-micropython-stubs (PEP 561), for editors and type checkers:

    build.py FOLDER    writes FOLDER/pyproject.toml and uff-stubs, ridge-stubs, lcd-stubs in it

Types of the library are those of host/stubs/uff, its docstrings and the version come from
device/uff; the C modules' stubs are firmware_build/ridge/ridge.pyi and lcd/lcd.pyi as they are.
tests/device/test_stubs.py compares them all with the modules.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
LIBRARY = TOP / "device/uff"
C_MODULES = ("ridge", "lcd")

PYPROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "uff-micropython-stubs"
version = "{version}"
description = "Type stubs of µFF on MicroPython: the library uff, the C modules ridge and lcd"
license = {{ text = "MIT" }}
requires-python = ">=3.10"

[tool.setuptools]
packages = ["uff-stubs", "ridge-stubs", "lcd-stubs"]

[tool.setuptools.package-data]
"*" = ["*.pyi"]
"""


def version() -> str:
    """That of the library."""
    found = re.search(r'^__version__ = "(.+)"', (LIBRARY / "__init__.py").read_text(), re.M)
    if found is None:
        raise LookupError("device/uff/__init__.py: no __version__")
    return found[1]


Definition = ast.ClassDef | ast.FunctionDef


def definitions(body: list[ast.stmt]) -> dict[str, Definition]:
    """name -> class or function of a module or class."""
    return {node.name: node for node in body if isinstance(node, Definition)}


def documented(stub: ast.Module, source: ast.Module) -> ast.Module:
    """The stub with the docstrings of the source, which are indented as they come."""
    doc = ast.get_docstring(source)
    if doc:
        stub.body.insert(0, ast.Expr(ast.Constant(doc + "\n")))

    def fill(node: Definition, real: Definition | None, indent: str) -> None:
        doc = ast.get_docstring(real) if real else None
        if doc:
            docstring = ast.Expr(ast.Constant(doc.replace("\n", "\n" + indent)))
            if isinstance(node.body[0], ast.Expr):  # the three dots
                node.body[0] = docstring
            else:
                node.body.insert(0, docstring)
        if isinstance(node, ast.ClassDef):
            inside = definitions(real.body) if real else {}
            for name, each in definitions(node.body).items():
                fill(each, inside.get(name), indent + "    ")

    there = definitions(source.body)
    for name, node in definitions(stub.body).items():
        fill(node, there.get(name), "    ")
    return ast.fix_missing_locations(stub)


def build(folder: Path) -> None:
    """Writes the package into a folder, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "uff-stubs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT.format(version=version()), encoding="utf-8")
    for path in sorted((HERE / "uff").glob("*.pyi")):
        source = (LIBRARY / path.name).with_suffix(".py")
        stub = documented(ast.parse(path.read_text("utf-8")), ast.parse(source.read_text("utf-8")))
        (folder / "uff-stubs" / path.name).write_text(ast.unparse(stub) + "\n", encoding="utf-8")
    for name in C_MODULES:
        (folder / f"{name}-stubs").mkdir()
        shutil.copy(
            TOP / f"firmware_build/{name}/{name}.pyi", folder / f"{name}-stubs/__init__.pyi"
        )


if __name__ == "__main__":
    build(Path(sys.argv[1]))
