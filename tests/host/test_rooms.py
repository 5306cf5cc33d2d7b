"""The rooms of the host package: imports run one way between them, and argparse is in cli/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOST = Path(__file__).parents[2] / "host"
# Each room takes from those above it. A room is a folder or a module at the package's top.
ROOMS = (
    "errors",
    "progress",
    "patience",
    "interrupts",
    "published",
    "files",
    "formats",
    "reference",
    "datasets",
    "png",
    "pictures",
    "targets",
    "merging",
    "verification",
    "handwriting",
    "virtual_board",
    "console",
    "experiments",
    "demo",
    "cli",
    "__main__",
)
MODULES = sorted((HOST / "uff_host").rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name below uff_host; "" for the package itself."""
    parts = path.relative_to(HOST / "uff_host").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {name_of(path) for path in MODULES}


def imports_of(path: Path) -> Iterator[str]:
    """The modules of uff_host that a module imports anywhere in it, by name_of's names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module and node.module.partition(".")[0] == "uff_host":
                below = node.module.removeprefix("uff_host").removeprefix(".")
                for alias in node.names:
                    inside = f"{below}.{alias.name}".removeprefix(".")
                    yield inside if inside in KNOWN else below
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert not any(name.startswith("uff_host") for name in names), path


def test_every_module_is_in_a_room():
    assert {name.partition(".")[0] for name in KNOWN} - {""} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_takes_from_those_above_it(room: str):
    allowed = {"", *ROOMS[: ROOMS.index(room) + 1]}
    for path in MODULES:
        name = name_of(path)
        if name.partition(".")[0] == room:
            wrong = {of for of in imports_of(path) if of.partition(".")[0] not in allowed}
            assert not wrong, f"{name} imports {', '.join(sorted(wrong))}"


def test_no_module_imports_itself_by_way_of_others():
    graph = {name_of(path): set(imports_of(path)) - {name_of(path)} for path in MODULES}
    graph[""] = set()  # its imports are made when a name is first asked for
    while graph:
        free = {name for name, needs in graph.items() if not needs & graph.keys()}
        assert free, f"circles among {', '.join(sorted(graph))}"
        graph = {name: needs for name, needs in graph.items() if name not in free}


def test_arguments_are_read_in_cli_alone():
    """A baseline is also a program of its own, which the table starts."""
    readers = {name_of(path) for path in MODULES if "import argparse" in path.read_text("utf-8")}
    others = {name for name in readers if not name.startswith("cli.")}
    assert others == {"experiments.accuracy.baselines.__main__"}
