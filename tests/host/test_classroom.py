"""docs/merging.md as it is written: boards that were taught one class each, merged."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from test_docs import BLOCKS, commands

from uff_host import patience, reference
from uff_host.datasets import shapes
from uff_host.formats.samples import Samples, write_samples

HERE = "tests/host/test_classroom.py"
STORY = [block for block in BLOCKS if block.page.name == "merging.md" and HERE in block.mark]
NAMES = ("ring", "cross", "triangle")


@pytest.fixture(scope="module")
def classroom(tmp_path_factory, run_device, micropython):
    """The folder after the story, and what each of its commands printed."""
    folder = tmp_path_factory.mktemp("class")
    on_board, on_host, merging = STORY
    for name in NAMES:
        board = folder / name
        board.mkdir()
        images = shapes.images(name, 30, 0)
        write_samples(board / "drawings.uffs", Samples([name], images, np.zeros(30, np.uint8)))
        (board / "main.py").write_text(on_board.text)
        done = run_device(board / "main.py", board)
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / f"{name}.uffm").write_bytes((board / "learnt.uffm").read_bytes())
    tests = np.concatenate([shapes.images(name, 20, 1) for name in NAMES])
    labels = np.repeat(np.arange(3, dtype=np.uint8), 20)
    write_samples(folder / "test.uffs", Samples(list(NAMES), tests, labels))
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "uff").symlink_to(Path(sys.executable).parent / "uff")
    printed = {}
    for words in commands(on_host):
        environment = {**os.environ, "UFF_UNIX": str(micropython), "COLUMNS": "200"}
        done = patience.run(words, 100, cwd=folder, env=environment)
        assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"
        printed[shlex.join(words[1:])] = done.stdout
    board = folder / "ring"
    for name in NAMES[1:]:
        (board / f"{name}.uffm").write_bytes((folder / f"{name}.uffm").read_bytes())
    (board / "main.py").write_text(merging.text)
    done = run_device(board / "main.py", board)
    assert done.returncode == 0, done.stdout + done.stderr
    printed["board"] = done.stdout
    return folder, printed


def of(printed: dict[str, str], start: str) -> str:
    return next(text for words, text in printed.items() if words.startswith(start))


def test_all_three_know_all_three_classes(classroom):
    _, printed = classroom
    score = re.search(r"(\d+) of 60 right", of(printed, "evaluate"))
    page = re.search(r"(\d+) of 60 right", STORY[1].text)
    assert score and page and score[1] == page[1]


def test_a_board_merges_to_the_bytes_of_the_host(classroom):
    folder, printed = classroom
    assert (folder / "ring" / "class.uffm").read_bytes() == (folder / "class.uffm").read_bytes()
    assert printed["board"] == "<IncrementalClassifier uff1, 90 images 28x28, 3 classes>\n"


def test_the_receipt_names_three_parts_and_the_proof_holds(classroom):
    _, printed = classroom
    assert of(printed, "receipt").count("\npart ") == 3
    assert re.search(r"All \d+ checks passed", of(printed, "verify"))


def test_no_file_of_a_board_holds_an_image(classroom):
    """Not as it was drawn, and not as the class layer sees it."""
    folder, _ = classroom
    for name in NAMES:
        data = (folder / f"{name}.uffm").read_bytes()
        for image in shapes.images(name, 30, 0):
            assert image.tobytes() not in data
            assert reference.encode(image[None]).astype(np.int32).tobytes() not in data
