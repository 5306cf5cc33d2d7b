"""The directive `docstrings`: the names that a Python file makes public, with their docstrings.

    ```{docstrings} ../device/uff/__init__.py
    :module: uff
    :stubs: ../host/stubs/uff/__init__.pyi
    ```

Reads sources and stubs without importing them: the library of device/ runs in MicroPython alone,
and `ridge` and `lcd` are C. Public are the names of `__all__`, looked up in the files that they
are imported from; without `__all__`, every name without an underscore. A class has the methods of
its bases too, where those are not public. Signatures are those of the stubs, if any. A docstring
that Sphinx cannot parse, or a name that is not found, ends the build.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

Function = ast.FunctionDef | ast.AsyncFunctionDef
Named = Function | ast.ClassDef | ast.AnnAssign | ast.Assign

# Methods of Python's own that a user meets
SPECIAL = ("__len__", "__getitem__", "__iter__", "__call__")


class Docstrings(SphinxDirective):
    required_arguments = 1
    option_spec = {  # noqa: RUF012
        "module": directives.unchanged_required,
        "stubs": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        paths = []
        for name in filter(None, (self.arguments[0], self.options.get("stubs"))):
            source, path = self.env.relfn2path(name)
            self.env.note_dependency(source)
            paths.append(Path(path))
        lines = [f"```{{py:module}} {self.options['module']}", "```", ""]
        lines += page(*paths)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def page(path: Path, stubs: Path | None = None) -> Iterator[str]:
    """The Markdown of one file's public names."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    yield from markdown(ast.get_docstring(module))
    names = public(module)
    for name in names:
        what, where = definition(path, name)
        typed = None if stubs is None else definition(stubs, name)
        yield from entry(what, name, where, typed, names)


def public(module: ast.Module) -> list[str]:
    """The public names, in the order of the file; of an `__all__`, in its own."""
    for statement in module.body:
        if isinstance(statement, ast.Assign) and names_of(statement) == ["__all__"]:
            return list(ast.literal_eval(statement.value))
    return [
        name
        for statement in module.body
        if isinstance(statement, Named)
        for name in names_of(statement)
        if not name.startswith("_")
    ]


def names_of(statement: ast.stmt) -> list[str]:
    """The names that a statement defines."""
    if isinstance(statement, Function | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def definition(path: Path, name: str) -> tuple[Named, Path]:
    """The statement that defines a name, in a file or where that imports it from; and the file.

    Raises:
        LookupError: There is none.
    """
    module = ast.parse(path.read_text(encoding="utf-8"))
    for statement in ast.walk(module):  # also under `if TYPE_CHECKING`
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name and statement.module:
                    parts = statement.module.split(".")
                    if statement.level == 0 and parts[0] == path.parent.name:
                        parts = parts[1:]
                    source = path.parent.joinpath(*parts).with_suffix(path.suffix)
                    if source.is_file():
                        return definition(source, alias.name)
    for statement in module.body:
        if isinstance(statement, Named) and name in names_of(statement):
            return statement, path
    raise LookupError(f"{path}: {name} is public, but no statement defines it")


def entry(
    what: Named,
    name: str,
    where: Path,
    typed: tuple[Named, Path] | None,
    names: Sequence[str],
) -> Iterator[str]:
    """The Markdown of a public name. where: the file of its statement; typed: its stub, and that
    one's file; names: all public ones."""
    if isinstance(what, ast.ClassDef):
        stubs = methods(*typed, ()) if typed and isinstance(typed[0], ast.ClassDef) else {}
        own = methods(what, where, names)
        first = stubs.get("__init__", own.get("__init__"))
        given = arguments(first, True).removesuffix(" -> None") if first else ""
        yield from [f"::::{{py:class}} {name}{given}", ""]
        yield from markdown(ast.get_docstring(what))
        for method in own.values():
            if not method.name.startswith("_") or method.name in SPECIAL:
                yield from entry_of_method(method, stubs.get(method.name, method))
    elif isinstance(what, Function):
        signed = typed[0] if typed and isinstance(typed[0], Function) else what
        yield from [f"::::{{py:function}} {name}{arguments(signed, False)}", ""]
        yield from markdown(ast.get_docstring(what))
    else:
        yield f"::::{{py:data}} {name}"
    yield from ["", "::::", ""]


def entry_of_method(what: Function, signed: Function) -> Iterator[str]:
    """The Markdown of a method or property."""
    if any(ast.unparse(each).endswith("property") for each in what.decorator_list):
        yield f":::{{py:attribute}} {what.name}"
        if signed.returns:
            yield f":type: {ast.unparse(signed.returns)}"
    else:
        yield f":::{{py:method}} {what.name}{arguments(signed, True)}"
    yield from [":no-index-entry:", ""]
    yield from markdown(ast.get_docstring(what))
    yield from ["", ":::", ""]


def methods(what: ast.ClassDef, where: Path, names: Sequence[str]) -> dict[str, Function]:
    """The methods of a class and, unless these are public names, of its bases."""
    found: dict[str, Function] = {}
    for base in what.bases:
        if isinstance(base, ast.Name) and base.id not in names:
            try:
                inherited, there = definition(where, base.id)
            except LookupError:  # Python's own
                continue
            if isinstance(inherited, ast.ClassDef):
                found |= methods(inherited, there, names)
    for statement in what.body:
        if isinstance(statement, Function) and not any(
            ast.unparse(each).endswith(".setter") for each in statement.decorator_list
        ):
            found[statement.name] = statement
    return found


def arguments(what: Function, is_method: bool) -> str:
    """(a, b=1), without self, and what it returns."""
    static = any(ast.unparse(each) == "staticmethod" for each in what.decorator_list)
    given: Any = ast.parse(ast.unparse(what.args).join(("def f(", "): 0"))).body[0]
    listed = given.args.posonlyargs or given.args.args
    if is_method and not static and listed:
        listed.pop(0)
    returns = f" -> {ast.unparse(what.returns)}" if what.returns else ""
    return f"({ast.unparse(given.args)}){returns}"


def markdown(docstring: str | None) -> Iterator[str]:
    """A docstring as Markdown: what is indented under a line stays as it is set, lines like
    `name: text` become a list, stars and the like are text."""
    for paragraph in re.split(r"\n\s*\n", docstring or ""):
        lines = paragraph.split("\n")
        if lines[0].startswith("    ") or (
            any(line.startswith("  ") for line in lines) and not is_list(lines)
        ):
            yield from ["```text", *lines, "```"]
        else:
            for line in lines:
                if re.match(r"\w[\w, ]*: ", line) and is_list(lines):
                    yield f"- {escaped(line)}"
                else:
                    yield escaped(line)
        yield ""


def is_list(lines: list[str]) -> bool:
    """Whether each line that is not indented starts with `name: `."""
    return all(re.match(r"\w[\w, ]*: |\s", line) for line in lines)


def escaped(line: str) -> str:
    """Text outside of backquotes, with what Markdown would take for marks escaped."""
    parts = line.split("`")
    parts[::2] = [re.sub(r"([*_<>\[\]#|$\\])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("docstrings", Docstrings)
    return {"parallel_read_safe": True}
