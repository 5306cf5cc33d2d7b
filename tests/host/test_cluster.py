"""Exact sums on a Dask cluster: of two processes, one of which is killed in the middle."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("distributed", reason="Dask is missing: `make dask` installs it")

from distributed import Client, LocalCluster

from uff_host import reference
from uff_host.cli.main import main
from uff_host.errors import DataError
from uff_host.formats.model_file import write_model
from uff_host.formats.samples import Samples
from uff_host.merging import cluster
from uff_host.merging import merge as here
from uff_host.merging import sums as exact
from uff_host.merging.sums import Setting

FILES = 60
SIDE = 12


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A cluster of two processes, and a client of it."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as two,
        Client(two) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of statistics alone, of two or three classes of four each."""
    folder = tmp_path_factory.mktemp("boards")
    setting = Setting(SIDE, SIDE, None, SIDE * SIDE - 16, reference.snap(0.1), 0.5)
    paths = []
    for i in range(FILES):
        numbers = np.random.default_rng(i)
        names = [f"class {(i + c) % 4}" for c in range(2 + i % 2)]
        images = numbers.integers(0, 256, (9, SIDE, SIDE)).astype(np.uint8)
        labels = (np.arange(9) % len(names)).astype(np.uint8)
        sums = exact.of_samples(Samples(names, images, labels), setting, "it")
        paths.append(folder / f"{i:03}.uffm")
        write_model(paths[-1], sums.model())
    return paths


@pytest.fixture(scope="module")
def wanted(boards: list[Path]) -> here.Merged:
    return here.merge(boards)


@pytest.mark.parametrize("files", [1, 7, 100])
def test_every_partition_and_order_has_the_sum_of_one_process(client, boards, wanted, files):
    shuffled = boards.copy()
    random.Random(files).shuffle(shuffled)
    steps: list[float] = []
    found, left_out = cluster.merge(
        client, shuffled, files=files, on_progress=lambda step: steps.append(step.done)
    )
    assert not left_out and steps[-1] == 1 and steps == sorted(steps)
    assert found.sums.sha256() == wanted.sums.sha256()
    assert found.sums.names() == wanted.sums.names()
    assert found.parts == wanted.parts


@pytest.mark.slow
def test_one_worker_and_three_have_the_same_sum(boards, wanted):
    for workers in (1, 3):
        with cluster.client_of(cluster.LOCAL, workers) as client:
            found, _ = cluster.merge(client, boards, files=4)
        assert found.sums.sha256() == wanted.sums.sha256()


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(client, boards, wanted):
    client.wait_for_workers(2)
    victim = client.run(os.getpid)
    killed: list[int] = []

    def kill(step) -> None:
        if step.done > 0.3 and not killed:
            killed.append(next(iter(victim.values())))
            os.kill(killed[0], signal.SIGKILL)

    found, left_out = cluster.merge(client, boards, files=1, on_progress=kill)
    assert killed and not left_out
    assert found.sums.sha256() == wanted.sums.sha256()
    assert found.parts == wanted.parts


def test_what_was_added_up_can_be_taken_out(client, boards):
    found, _ = cluster.merge(client, boards, boards[10:])
    never = here.merge(boards[:10])
    assert found.sums.model().class_names == never.sums.model().class_names
    assert found.sums.sha256() == never.sums.sha256() and found.parts == never.parts


@pytest.fixture
def some_damaged(boards: list[Path], tmp_path: Path) -> list[Path]:
    """The boards, among them a file that is cut short, one of another lambda, and none."""
    cut, other = tmp_path / "cut.uffm", tmp_path / "other.uffm"
    data = boards[0].read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    sums = here.read(boards[1]).sums
    write_model(other, replace(sums, setting=replace(sums.setting, ridge=0.5)).model())
    return [cut, *boards[:9], other, tmp_path / "none.uffm", *boards[9:]]


def test_damaged_files_are_named_and_left_out_or_the_first_is_refused(
    client, boards, wanted, some_damaged
):
    with pytest.raises(Exception, match=r"cut\.uffm has "):
        cluster.merge(client, some_damaged)
    with pytest.raises(DataError, match=r"other\.uffm has a lambda2 of 0\.5, not 0\.1"):
        cluster.merge(client, some_damaged[1:], files=1)
    found, left_out = cluster.merge(client, some_damaged, skip=True, files=5)
    assert found.sums.sha256() == wanted.sums.sha256()
    assert [Path(sentence.split(maxsplit=1)[0].rstrip(":")).name for sentence in left_out] == [
        "cut.uffm",
        "other.uffm",
        "none.uffm",
    ]
    with pytest.raises(DataError, match="one sound file"):
        cluster.merge(client, some_damaged[:1], skip=True)


def test_the_command_gives_the_bytes_of_one_process(client, boards, tmp_path, capsys, micropython):
    address = client.scheduler.address
    pattern = str(boards[0].parent / "*.uffm")
    out = [str(tmp_path / name) for name in ("one.uffm", "two.uffm")]
    assert main(["merge", pattern, "--model", out[0], "--at-least", "1"]) == 0
    command = ["merge", "--dask", address, pattern, "--model", out[1], "--at-least", "1"]
    assert main(command) == 0
    assert Path(out[0]).read_bytes() == Path(out[1]).read_bytes()
    assert Path(f"{out[0]}.receipt").read_bytes() == Path(f"{out[1]}.receipt").read_bytes()
    capsys.readouterr()
    (tmp_path / "bad.uffm").write_bytes(b"no model")
    command.insert(4, str(tmp_path / "bad.uffm"))
    assert main(command) == 1
    assert "bad.uffm is no model file" in capsys.readouterr().err
    assert main([*command, "--skip-damaged"]) == 0
    assert "Left out: " in capsys.readouterr().out
    assert Path(out[0]).read_bytes() == Path(out[1]).read_bytes()


def test_what_cannot_be_asked_for_is_refused(boards, tmp_path, capsys):
    command = ["merge", str(boards[0]), "--model", str(tmp_path / "m.uffm")]
    assert main([*command, "--skip-damaged"]) == 1
    assert "--skip-damaged is for --dask" in capsys.readouterr().err
    assert main([*command, "--dask", "nonsense"]) == 1
    assert "There is no Dask cluster at nonsense" in capsys.readouterr().err


def test_a_table_computed_on_the_cluster_is_that_of_one_process(client, monkeypatch, micropython):
    """µFF and a baseline, whose tasks go to the workers with their images."""
    import io

    from rich.console import Console

    from uff_host.datasets import shapes
    from uff_host.experiments.accuracy import cluster as tasks_of
    from uff_host.experiments.accuracy import grid, results, table
    from uff_host.targets.connect import connect

    class Drawn:
        mirrored = False

        def train(self, class_ids, n, seed):
            return shapes.samples(n, seed, len(class_ids))

        def test(self, class_ids):
            return shapes.samples(10, 1000, len(class_ids))

    class Nowhere(results.Store):
        def __init__(self):
            pass

        def load(self, task):
            return None

        def save(self, task, scores):
            sent.append(task)

    sent: list[grid.Task] = []
    wanted = grid.tasks(["uff1", "nearest_mean"], [grid.Cell((0, 1, 2), 5)], 2)
    client.run(os.environ.__setitem__, "UFF_UNIX", str(micropython))
    monkeypatch.setenv("UFF_UNIX", str(micropython))
    found = [
        table.compute(
            Drawn(),
            lambda: connect("unix"),
            Nowhere(),
            wanted,
            Console(file=io.StringIO()),
            remote=remote,
        )
        for remote in (None, tasks_of.remote(client, False, "unix"))
    ]
    assert found[0] == found[1] and len(found[0]) == 2
    assert sorted(map(repr, sent)) == sorted(map(repr, [*wanted, *wanted]))
