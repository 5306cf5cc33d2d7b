"""The documentation: its size, its links, and its commands.

A block of commands is marked by the comment in the line before it:

    <!-- tested by: run -->             this file runs it
    <!-- tested by: session -->         this file runs it at the REPL and compares what comes
    <!-- tested by: tests/test_x.py --> that file runs it; here its commands are only parsed
    <!-- tested by: itself -->          the command that runs the tests
    <!-- needs: hardware -->            or network: no test runs it; parsed all the same
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
PAGES = [
    path
    for path in sorted([*TOP.glob("*.md"), *DOCS.glob("*.md"), *TOP.glob(".github/**/*.md")])
    if path.is_file()
]
COLUMNS = 100
COMMANDS = ("sh", "python")
NEEDS = ("hardware", "network")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page. line: that of its fence, from 1."""

    page: Path
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(TOP)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    begin = None
    for i, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if begin is None:
            begin = i
            continue
        mark = re.fullmatch(r"\s*<!-- (.*) -->", lines[begin - 1]) if begin else None
        yield Block(
            page,
            begin + 1,
            lines[begin].strip().strip("`"),
            mark[1] if mark else "",
            "\n".join(lines[begin + 1 : i]),
        )
        begin = None
    assert begin is None, f"{page}: the block of line {begin} has no end"


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """(number, line) of each line of a page outside of blocks."""
    inside = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


BLOCKS = [block for page in PAGES for block in blocks(page)]
MARKED = [block for block in BLOCKS if block.language in COMMANDS]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    found = set()
    for _, line in prose(page):
        if line.startswith("#"):
            title = line.lstrip("#").strip().lower()
            found.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return found


def test_the_readme_has_at_most_120_lines():
    assert len((TOP / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_lines_have_at_most_100_columns(page):
    long = [
        f"{number}: {line}"
        for number, line in prose(page)
        if len(line) > COLUMNS
        and not line.lstrip().startswith("|")
        and len(re.sub(r"\(?https?://\S+|!?\[.*\]\(.*\)", "", line)) > 0
        and not re.fullmatch(r"!\[.*\]\(\S+\)", line)
    ]
    assert not long


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page):
    dead = []
    for number, line in prose(page):
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            if not file.exists() or (anchor and anchor not in anchors(file)):
                dead.append(f"{number}: {target}")
    assert not dead


def test_every_page_is_linked_from_the_index():
    named = {
        line.strip()
        for block in blocks(DOCS / "index.md")
        for line in block.text.splitlines()
        if line.strip() and not line.startswith(":")
    }
    assert named == {page.stem for page in DOCS.glob("*.md")} - {"index"}


def test_every_block_has_a_language():
    without = [str(block) for block in BLOCKS if not block.language]
    assert not without


@pytest.mark.parametrize("block", MARKED, ids=str)
def test_every_command_is_tested_or_marked(block):
    kind, _, what = block.mark.partition(": ")
    if kind == "needs":
        assert what in NEEDS
        return
    assert kind == "tested by", f"{block}: no mark; the first lines of {__file__} say which"
    if what not in ("run", "session", "itself"):
        missing = [name for name in what.split(", ") if not (TOP / name).is_file()]
        assert not missing, f"{block}: no such test"


def test_nothing_refers_to_a_page_that_is_gone():
    """Sources name pages as docs/x.md."""
    dead = []
    for folder in ("device", "firmware_build", "host/uff_host", "tests"):
        for path in (TOP / folder).rglob("*"):
            if path.suffix in (".py", ".c", ".h", ".pyi", ".mk") and "build/" not in str(path):
                text = path.read_text(encoding="utf-8")
                for name in re.findall(r"\bdocs/(?:\w+)\.md", text):
                    if not (TOP / name).is_file() and path != Path(__file__):
                        dead.append(f"{path}: {name}")
    assert not dead
