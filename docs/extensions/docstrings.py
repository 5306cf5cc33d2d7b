"""The directive `docstrings`: the names that a Python file makes public, with their docstrings.

    ```{docstrings} ../device/uff/__init__.py
    :module: uff
    ```

Reads sources and stubs without importing them: the library of device/ runs in MicroPython alone,
and `ridge` and `lcd` are C. Public are the names of `__all__`, looked up in the files that they
are imported from; without `__all__`, every name without an underscore. A docstring that Sphinx
cannot parse, or a name that is not found, ends the build.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
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
    option_spec = {"module": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        source, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(source)
        lines = [f"```{{py:module}} {self.options['module']}", "```", ""]
        lines += page(Path(path))
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def page(path: Path) -> Iterator[str]:
    """The Markdown of one file's public names."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    yield from markdown(ast.get_docstring(module))
    for name in public(module):
        yield from entry(definition(path, name), name)


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


def definition(path: Path, name: str) -> Named:
    """The statement that defines a name in a file or, where it is imported, in another one.

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
            return statement
    raise LookupError(f"{path}: {name} is public, but no statement defines it")


def entry(what: Named, name: str, indent: str = "") -> Iterator[str]:
    """The Markdown of one name."""
    if isinstance(what, ast.ClassDef):
        kind, body = "class", list(class_body(what))
        signature = name + initialiser(what)
    elif isinstance(what, Function):
        is_property = any(ast.unparse(each).endswith("property") for each in what.decorator_list)
        kind = "attribute" if is_property else ("method" if indent else "function")
        signature = name if is_property else name + arguments(what, bool(indent))
        body = list(markdown(ast.get_docstring(what)))
    else:
        kind, body = "attribute" if indent else "data", []
        signature = name
    fence = ":::" if indent else "::::"
    yield from [f"{fence}{{py:{kind}}} {signature}", ":no-index-entry:" if indent else "", ""]
    yield from body
    yield from ["", fence, ""]


def class_body(what: ast.ClassDef) -> Iterator[str]:
    yield from markdown(ast.get_docstring(what))
    for statement in what.body:
        if not isinstance(statement, Function):
            continue
        is_public = not statement.name.startswith("_") or statement.name in SPECIAL
        is_setter = any(ast.unparse(d).endswith(".setter") for d in statement.decorator_list)
        if is_public and not is_setter:
            yield ""
            yield from entry(statement, statement.name, "method")


def initialiser(what: ast.ClassDef) -> str:
    for statement in what.body:
        if isinstance(statement, Function) and statement.name == "__init__":
            return arguments(statement, True)
    return ""


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
