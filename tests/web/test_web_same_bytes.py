"""WebAssembly gives the bytes of the unix port: the arithmetic, the kernels, every network, every
touch recording; and the collector, who cannot look into WebAssembly's locals, frees nothing that
is in use."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import web
from conftest import DEVICE_TESTS
from device.test_replay import Ran, deleted, eleventh, made, plain, relabelled

from uff_host import patience
from uff_host.cli import main
from uff_host.datasets import shapes
from uff_host.formats.networks import NAMES
from uff_host.formats.samples import write_samples
from uff_host.handwriting import Writer
from uff_host.handwriting.composer import lesson
from uff_host.handwriting.lesson import layout_of
from uff_host.targets.base import Target
from uff_host.targets.unix import UnixTarget
from uff_host.targets.web import WebTarget
from uff_host.virtual_board import ft6x06_model
from uff_host.virtual_board.ft6x06_model import FT6x06Model

pytestmark = pytest.mark.skipif(bool(web.missing()), reason=web.missing())

NETWORKS = ("uff1", "uff2", "uff_conv", "uff_kernel", "uff_mirror")


@pytest.fixture(scope="module")
def targets(micropython: Path) -> Iterator[tuple[Target, Target]]:
    """The unix port and WebAssembly in Node."""
    with UnixTarget(micropython) as unix, WebTarget() as node:
        yield unix, node


def test_fused_multiply_add_is_that_of_the_c_library(tmp_path: Path) -> None:
    ridge = web.TOP / "firmware_build" / "ridge"
    flags = ["-std=c99", "-O2", "-Wall", "-Werror", "-Wdouble-promotion", "-ffp-contract=off"]
    source, program = web.HERE / "fma.c", tmp_path / "fma"
    built = patience.run(["gcc", *flags, f"-I{ridge}", str(source), "-o", str(program), "-lm"], 60)
    assert built.returncode == 0, built.stderr
    ran = patience.run([str(program), "3000000"], 60)
    assert ran.returncode == 0, ran.stdout
    wrong = re.search(r"(\d+) of them wrong if rounded twice", ran.stdout)
    assert wrong is not None
    assert int(wrong[1]) > 1000  # the triples are hard enough to tell


def test_the_kernels_give_the_bits_of_the_plain_ones(tmp_path: Path) -> None:
    with WebTarget() as node:
        command = node._command(DEVICE_TESTS / "ridge_kernels.py")
        paths = f"{DEVICE_TESTS.parents[1] / 'device'}:{DEVICE_TESTS}:.frozen"
        done = patience.run(["env", f"MICROPYPATH={paths}", *command], 100, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 7
    assert all(line.startswith("ok test_") for line in lines), done.stdout


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_is_that_of_the_unix_port(
    targets: tuple[Target, Target], tmp_path: Path, network: str
) -> None:
    assert set(NETWORKS) <= set(NAMES)
    write_samples(tmp_path / "train.uffs", shapes.samples(100, 1))
    models = []
    for target in targets:
        target.put(tmp_path / "train.uffs", "train.uffs")
        result = target.run("train.py", {"network": network, "statistics": True})
        assert result["images"] == 500
        target.get("model.uffm", tmp_path / "model.uffm")
        models.append((tmp_path / "model.uffm").read_bytes())
    assert models[0] == models[1]


@pytest.mark.parametrize("do", [plain, eleventh, relabelled, deleted])
def test_a_session_comes_to_the_same_files(
    targets: tuple[Target, Target], tmp_path: Path, do: Callable
) -> None:
    recording = made(layout_of(targets[0]), do)
    unix, node = (Ran(target, recording, tmp_path) for target in targets)
    assert len(unix.files) == 2
    assert node.files == unix.files
    assert node.result["predictions"] == unix.result["predictions"]


def test_a_lesson_comes_to_the_same_files(targets: tuple[Target, Target], tmp_path: Path) -> None:
    recording, asked, _ = lesson(layout_of(targets[0]), Writer(5), "1234567890", 3, 2)
    unix, node = (Ran(target, recording, tmp_path) for target in targets)
    assert node.files == unix.files
    assert node.result["predictions"] == unix.result["predictions"]
    assert len(asked) == 20


def test_the_command_replays_on_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, model = tmp_path / "two.ufft", tmp_path / "two.uffm"
    arguments = ["lesson", str(path), "--characters", "12", "--examples", "3", "--ask", "2"]
    assert main.main(arguments) == 0
    results = []
    for target in ("unix", "web"):
        assert main.main(["replay", str(path), "--on", target, "--model", str(model)]) == 0
        out = capsys.readouterr().out
        results.append((model.read_bytes(), re.findall(r"(?:samples|model) +\w{64}", out)))
    assert results[0] == results[1]
    assert len(results[0][1]) == 2


def test_a_collection_at_every_corner_changes_nothing(
    targets: tuple[Target, Target], tmp_path: Path
) -> None:
    """gc.threshold(300): thousands of collections in a training, each amid calls."""
    write_samples(tmp_path / "train.uffs", shapes.samples(8, 2))
    models = []
    for target in targets:
        target.put(tmp_path / "train.uffs", "train.uffs")
        target.run("train.py", {"network": "uff_kernel"})
        target.get("model.uffm", tmp_path / "model.uffm")
        models.append((tmp_path / "model.uffm").read_bytes())
    with WebTarget() as node:
        node.put(tmp_path / "train.uffs", "train.uffs")
        ran = run_stress(node)
        node.get("model.uffm", tmp_path / "model.uffm")
    assert (tmp_path / "model.uffm").read_bytes() == models[0] == models[1]
    assert ran["trainings"] == 6
    # Nothing grows but for a few blocks that a number on the stack seems to point to; a network
    # has 100 KB.
    assert max(ran["held"]) - min(ran["held"]) < 4096


def run_stress(node: WebTarget) -> dict:
    script = web.HERE / "gc_stress.py"
    done = patience.run(node._command(script), 200, cwd=node._folder, env=None)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


# ---- the touch controller ----


KINDS = ["press", "move", "move", "move", "lift", "lift", "scan", "scan", "scan", "scan"]
KINDS += ["read", "read", "read", "touching", "presses", "settle", "let_go", "write"]
KINDS += ["inject", "inject", "reset", "dead"]


def operations(seed: int) -> list[list[Any]]:
    """What fingers, a driver and time do to a controller, at random."""
    chance = random.Random(seed)
    now, todo = 0, list[list[Any]]()
    todo.append(["make", {"width": 800, "height": 480, "bootReads": chance.randrange(3)}])
    for _ in range(1500):
        kind = chance.choice(KINDS)
        if kind in ("settle", "let_go", "reset", "dead", "write") and chance.random() < 0.9:
            kind = "scan"
        if kind == "inject" and chance.random() < 0.7:
            kind = "read"
        finger, place = chance.randrange(4), [chance.randrange(-9, 820), chance.randrange(-9, 490)]
        if kind in ("press", "move"):
            todo.append([kind, finger, *place])
        elif kind == "lift":
            todo.append([kind, finger])
        elif kind == "scan":
            now += chance.choice((1, 4, 10, 10, 11, 40, 12000))
            todo.append([kind, now])
        elif kind == "read":
            register, n = chance.choice(((0, 16), (2, 13), (0x80, 48), (0xA3, 1), (250, 12)))
            todo.append([kind, chance.choice((0x38, 0x38, 0x38, 0x39)), register, n])
        elif kind in ("presses", "let_go"):
            todo.append([kind, [finger, (finger + 1) % 4]])
        elif kind == "write":
            register = chance.choice((0x86, 0x87, 0x88, 0x89))
            todo.append([kind, 0x38, register, [chance.choice((0, 1, 5, 20))]])
        elif kind == "inject":
            fault = chance.choice(sorted(ft6x06_model.FAULTS))
            on_screen = [chance.randrange(800), chance.randrange(480)]
            todo.append([kind, fault, chance.randrange(1, 3), *on_screen])
        elif kind == "dead":
            todo += [[kind, True], ["read", 0x38, 2, 13], [kind, False]]
        else:
            todo.append([kind])
    return todo


def in_python(todo: list[list[Any]]) -> list[Any]:
    results = []
    for name, *args in todo:
        try:
            if name == "make":
                boot = args[0]["bootReads"]
                model = FT6x06Model(width=800, height=480, boot_reads=boot)
                answer = None
            elif name == "dead":
                model.dead, answer = args[0], None
            elif name == "read":
                answer = model.read_mem(*args).hex()
            elif name == "write":
                model.write_mem(args[0], args[1], bytes(args[2]))
                answer = None
            elif name in ("presses", "let_go"):
                answer = getattr(model, name)(set(args[0]))
            else:
                answer = getattr(model, name)(*args)
        except OSError as error:
            answer = f"OSError {error.args[0]}"
        results.append(answer)
    return results


@pytest.mark.parametrize("seed", range(5))
def test_both_touch_controllers_do_the_same(seed: int) -> None:
    todo = operations(seed)
    lines = "\n".join(json.dumps(one) for one in todo) + "\n"
    in_javascript = [
        json.loads(line) for line in web.node("touch_twin.js", given=lines).splitlines()
    ]
    wanted = in_python(todo)
    for number, (want, got) in enumerate(zip(wanted, in_javascript, strict=True)):
        assert got == want, (number, todo[number])
    touches = [one for one in wanted if isinstance(one, list) and one != [None, None]]
    assert len(touches) > 10
