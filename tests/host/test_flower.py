"""Flower: one round of integers. What its app carries is tested here; the app itself, in Flower's
simulation of eight boards, where `make flower` has made its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uff_host import patience, reference
from uff_host.errors import DataError
from uff_host.formats.model_arrays import layer_alone
from uff_host.formats.model_file import write_model
from uff_host.formats.samples import Samples
from uff_host.merging import federated
from uff_host.merging import merge as here
from uff_host.merging import sums as exact
from uff_host.merging.sums import Setting, Sums

TOP = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("UFF_FLOWER", TOP / ".venv-flower/bin/python"))
SIDE, BOARDS = 12, 8


def board(i: int, layer1: bool = False) -> Sums:
    """Statistics of two of three classes, behind a patch layer or none."""
    numbers = np.random.default_rng(i)
    names = [f"class {(i + c) % 3}" for c in range(2)]
    images = numbers.integers(0, 256, (7, SIDE, SIDE)).astype(np.uint8)
    labels = (np.arange(7) % 2).astype(np.uint8)
    setting = Setting(SIDE, SIDE, None, SIDE * SIDE - 16, reference.snap(0.1), 0.5)
    if layer1:
        of = Samples(names, np.roll(images, 1, axis=0), labels)
        trained = reference.train(of, reference.Options("uff_conv", hidden=4))
        setting = Setting(SIDE, SIDE, layer_alone(trained), 128, reference.snap(0.03), 0.25)
    return exact.of_samples(Samples(names, images, labels), setting, "it")


@pytest.mark.parametrize("layer1", [False, True])
def test_what_is_sent_is_what_comes(layer1):
    sent = board(3, layer1)
    came = federated.sums_of(federated.arrays_of(sent), federated.metadata_of(sent), "Node 1")
    assert came.setting.difference(sent.setting) is None
    assert came.sha256() == sent.sha256() and came.names() == sent.names()
    assert [came.classes[n].numbers for n in came.names()] == [
        sent.classes[n].numbers for n in sent.names()
    ]


def test_the_sum_is_exact_in_any_order_and_has_the_parts_of_a_merge(tmp_path):
    boards = [board(i) for i in range(BOARDS)]
    for i, each in enumerate(boards):
        write_model(tmp_path / f"{i}.uffm", each.model())
    wanted = here.merge([tmp_path / f"{i}.uffm" for i in range(BOARDS)])
    for order in (range(BOARDS), reversed(range(BOARDS))):
        found = federated.total((f"Node {i}", boards[i]) for i in order)
        assert found.sums.sha256() == wanted.sums.sha256()
        assert found.parts == wanted.parts


def test_what_is_no_sum_is_refused_and_named():
    sound = board(0)
    arrays, metadata = federated.arrays_of(sound), federated.metadata_of(sound)
    for changed, part in (
        ({"gram": arrays["gram"].astype(np.float64)}, "gram is float64"),
        ({"gram": arrays["gram"][1:]}, "wanted int64"),
        ({"counts": arrays["counts"] * 0}, "cannot have"),
        ({"sums": -arrays["sums"]}, "never added"),
    ):
        with pytest.raises(DataError, match=f"Node 7.*{part}"):
            federated.sums_of(arrays | changed, metadata, "Node 7")
    lies: tuple[tuple[dict[str, Any], str], ...] = (
        ({"names": ["a", "a"]}, "cannot be"),
        ({"names": ["a"]}, "wanted int64"),
        ({"features": None}, "sent no sums"),
    )
    for lie, part in lies:
        with pytest.raises(DataError, match=f"Node 7.*{part}"):
            federated.sums_of(arrays, metadata | lie, "Node 7")
    with pytest.raises(DataError, match="hold the same learning"):
        federated.total([("Node 1", sound), ("Node 2", sound)])
    with pytest.raises(DataError, match="No client"):
        federated.total([])


@pytest.mark.slow
def test_eight_boards_in_the_simulation_give_the_bytes_of_a_merge(tmp_path):
    if not PYTHON.is_file():
        pytest.skip(
            f"no Flower in {PYTHON.parent.parent.name}: `make flower` installs it (643 MB)"
        )
    paths = [tmp_path / f"{i}.uffm" for i in range(BOARDS)]
    for i, path in enumerate(paths):
        write_model(path, board(i).model())
    out = tmp_path / "sums.uffm"
    words = [str(PYTHON), str(TOP / "tests/host/flower_round.py"), str(out), *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": str(TOP / "host")}
    done = patience.run(words, 300, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = here.merge(paths)
    wanted.write(tmp_path / "wanted.uffm", wanted.sums.model())
    assert out.read_bytes() == (tmp_path / "wanted.uffm").read_bytes()
    for suffix in ("", ".receipt"):
        pair = [tmp_path / f"{name}.uffm{suffix}" for name in ("sums", "wanted")]
        assert pair[0].read_bytes() == pair[1].read_bytes()
