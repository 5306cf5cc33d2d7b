"""The documentation: its size, its links, and its commands.

A block of commands is marked by the comment in the line before it:

    <!-- tested by: run -->              this file runs it
    <!-- tested by: session -->          this file types it at a REPL and compares what comes
    <!-- tested by: tests/test_x.py -->  that file runs what it names
    <!-- tested by: itself -->           `make test` runs it, or is it
    <!-- needs: hardware -->             or network, or both: no test runs it

Whatever the mark says, its commands are parsed: targets, files and options must be there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from uff_host import demo, files, patience, progress
from uff_host.cli import main
from uff_host.datasets import fashion_mnist, shapes
from uff_host.formats import samples

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


def test_pictures_are_shown_and_small():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (DOCS / "pictures").glob("*.png"):
        assert f"pictures/{picture.name})" in text, f"{picture.name} is on no page"
        assert picture.stat().st_size <= 80_000, f"{picture.name}: write it by uff_host/png.py"


def test_every_block_has_a_language():
    without = [str(block) for block in BLOCKS if not block.language]
    assert not without


@pytest.mark.parametrize("block", MARKED, ids=str)
def test_every_command_is_tested_or_marked(block):
    kind, _, what = block.mark.partition(": ")
    if kind == "needs":
        assert set(what.split(", ")) <= set(NEEDS)
        return
    assert kind == "tested by", f"{block}: no mark; the first lines of {__file__} say which"
    if what not in ("run", "session", "itself"):
        texts = [(TOP / name).read_text(encoding="utf-8") for name in what.split(", ")]
        for words in commands(block):
            subject = subject_of(words)
            assert any(subject in text for text in texts), f"{block}: {subject} is not in {what}"


@pytest.mark.parametrize("block", [each for each in MARKED if each.language == "sh"], ids=str)
def test_commands_are_as_they_are_written(block):
    for words in commands(block):
        parse(words)


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command of a block of shell lines."""
    if block.language == "sh":
        for line in block.text.splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def subject_of(words: list[str]) -> str:
    """What a test of this command must name: a command of uff or mpremote, a file, a target."""
    program, *rest = words
    name = Path(program).name
    if name in ("uff", "mpremote"):
        return rest[0]
    if name == "pytest":
        return rest[rest.index("-k") + 1] if "-k" in rest else "def test_"
    if name == "python":
        return Path(next(word for word in rest if not word.startswith("-"))).stem.split(".")[-1]
    return next((word for word in rest if "=" not in word), name)


def parse(words: list[str]) -> None:
    """AssertionError or SystemExit where a command's words are not what its program takes."""
    program, *rest = words
    name = Path(program).name
    if name == "uff":
        if "--help" in rest:
            assert rest[0] in main.COMMANDS
        else:
            main.parse(rest)
    elif name == "make":
        makefile = (TOP / "Makefile").read_text(encoding="utf-8")
        names = makefile + (TOP / "firmware_build/Makefile").read_text(encoding="utf-8")
        phony = re.search(r"^\.PHONY: (.*)", makefile, re.M)
        assert phony
        for word in rest:
            variable, is_one, _ = word.partition("=")
            assert (
                bool(re.search(rf"\b{variable}\b", names))
                if is_one
                else (word in phony[1].split())
            )
    elif name in ("pytest", "python", "mpremote"):
        for word in rest:
            if re.match(r"(tests|device|host)/", word):
                assert (TOP / word).exists(), word
        if "-m" in rest and name == "python":
            module = rest[rest.index("-m") + 1]
            assert (TOP / "tests" / module).is_dir() or importlib.util.find_spec(module), module
    else:
        assert name in ("ssh", "STM32_Programmer_CLI"), f"{name}: what is it?"


# ---- blocks that are run ----

RUN = [block for block in BLOCKS if block.mark == "tested by: run"]
SESSIONS = [block for block in BLOCKS if block.mark == "tested by: session"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with what the examples begin with: samples, pictures, and `.venv/bin/uff`."""
    drawn = shapes.samples(40, 0)
    samples.write_samples(tmp_path / "train.uffs", drawn)
    samples.write_samples(tmp_path / "test.uffs", shapes.samples(10, 1))
    for i in range(len(drawn)):
        folder = tmp_path / "my_pictures" / drawn.class_names[drawn.labels[i]]
        folder.mkdir(parents=True, exist_ok=True)
        picture(drawn.images[i], folder / f"{i}.png")
    picture(drawn.images[0], tmp_path / "new.png")
    picture(drawn.images[1], tmp_path / "another.jpg")
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "uff").symlink_to(Path(sys.executable).parent / "uff")
    return tmp_path


def picture(pixels, path: Path) -> None:
    from PIL import Image

    Image.fromarray(pixels.reshape(28, 28)).save(path)


@pytest.mark.parametrize("block", [b for b in RUN if b.language == "python"], ids=str)
def test_a_script_runs_in_micropython(block, place, run_device):
    script = place / "example.py"
    script.write_text(block.text, encoding="utf-8")
    done = run_device(script, place, heap="96M")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in RUN if b.language == "sh"], ids=str)
def test_commands_run_one_after_the_other(block, place, micropython):
    environment = {**os.environ, "UFF_UNIX": str(micropython), "UFF_CACHE": str(place / "cache")}
    for words in commands(block):
        done = patience.run(words, 100, cwd=place, env=environment)
        assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"


# Types the statements of a session: what each one prints comes after a line of its own.
TYPE = """
import json
scope = {}
with open("session.json") as file:
    for statement in json.load(file):
        print("\\x00")
        exec(compile(statement, "session", "single"), scope)
"""


@pytest.mark.parametrize("page", sorted({block.page for block in SESSIONS}), ids=lambda p: p.name)
def test_a_session_gives_what_it_says(page, tmp_path, run_device):
    """With the samples of `make demo`, where Fashion-MNIST has been fetched."""
    if not (files.cache_folder() / fashion_mnist.CACHED).is_file():
        pytest.skip(
            "the session uses Fashion-MNIST, which is not in the cache: `make demo` fetches it"
        )
    data = demo.prepare(300, 0, None, progress.ignore)
    samples.write_samples(tmp_path / "train.uffs", data.train)
    session = [pair for block in SESSIONS if block.page == page for pair in statements(block)]
    (tmp_path / "session.json").write_text(json.dumps([statement for statement, _ in session]))
    script = tmp_path / "type.py"
    script.write_text(TYPE, encoding="utf-8")
    done = run_device(script, tmp_path, heap="96M")
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.split("\0\n")[1:]
    assert [(s, text.strip()) for (s, _), text in zip(session, printed, strict=True)] == session


def statements(block: Block) -> list[tuple[str, str]]:
    """(statement, what it prints) of a session."""
    found = re.findall(r"^>>> (.*)\n?((?:(?!>>> ).*\n?)*)", block.text, re.M)
    return [(re.sub(r"\s+# .*", "", statement), text.strip()) for statement, text in found]


def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="Sphinx is missing: `make sphinx` installs it")
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(tmp_path)]
    done = patience.run(words, 120)
    assert (done.returncode, done.stderr) == (0, "")
    site = (tmp_path / "api.html").read_text(encoding="utf-8")
    for name in (
        "uff.Classifier",
        "uff.Classifier.predict",
        "ridge.factor",
        "lcd.show",
        "uff_host.read_model",
    ):
        assert f'id="{name}"' in site


def test_a_name_without_a_definition_ends_the_build(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "extensions")
    docstrings = pytest.importorskip("docstrings", reason="`make sphinx` installs Sphinx")
    (tmp_path / "package.py").write_text('__all__ = ["gone"]\n')
    with pytest.raises(LookupError, match="gone is public"):
        list(docstrings.page(tmp_path / "package.py"))


def test_docstrings_become_markdown(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "extensions")
    docstrings = pytest.importorskip("docstrings", reason="`make sphinx` installs Sphinx")
    source = tmp_path / "package.py"
    source.write_text(
        "class A:\n"
        '    """Text with * and `*`.\n\n    a: first\n    b: second\n    """\n\n'
        "    def __init__(self, a, b=1): ...\n\n"
        "    def run(self, x): ...\n\n"
        "    def _hidden(self): ...\n"
    )
    text = "\n".join(docstrings.page(source))
    assert "{py:class} A(a, b=1)" in text
    assert "{py:method} run(x)" in text
    assert "_hidden" not in text
    assert "Text with \\* and `*`." in text
    assert "- a: first\n- b: second" in text


def test_ci_runs_what_people_run():
    """The workflow calls the Makefile and .ci/run, and the hooks call tools of .venv."""
    workflow = (TOP / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    commands = re.findall(r"^ +- run: (.*)", workflow, re.M)
    ours = [line for line in commands if not line.startswith(("apt-get ", "git "))]
    assert {"make check", ".ci/run", "make docs", "make release"} == set(ours)
    for line in ours:
        if line.startswith("make "):
            parse(line.split())
        else:
            assert os.access(TOP / line, os.X_OK)
    hooks = (TOP / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    project = (TOP / "host/pyproject.toml").read_text(encoding="utf-8")
    for tool in re.findall(r"\.venv/bin/([\w-]+)", hooks):
        package = {"git-clang-format": "clang-format"}.get(tool, tool)
        assert f'"{package}' in project


def test_the_hardware_report_asks_for_what_the_self_test_writes():
    form = (TOP / ".github/ISSUE_TEMPLATE/hardware_report.yml").read_text(encoding="utf-8")
    script = (TOP / "device/scripts/selftest.py").read_text(encoding="utf-8")
    assert "label: selftest.json" in form
    assert "selftest.json" in script


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
