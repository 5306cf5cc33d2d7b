"""The table of accuracies: rows, files, resuming, sentences, on a fake target and small images."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from uff_host import patience
from uff_host.cli import main
from uff_host.cli.experiment import table as cli_table
from uff_host.datasets import fashion_mnist
from uff_host.errors import DeviceError, UffError
from uff_host.experiments.accuracy import grid, plot, record, results, table
from uff_host.experiments.accuracy.baselines import BASELINES, Score
from uff_host.experiments.accuracy.grid import TITLES, Cell, Row, Task
from uff_host.experiments.accuracy.results import Store
from uff_host.formats.networks import NAMES
from uff_host.formats.samples import Samples, read_samples
from uff_host.progress import OnProgress, Progress, ignore
from uff_host.targets.base import Result, Target

SIDE = 6
CELL = Cell((0, 1, 2), 5)
VERSIONS = dict.fromkeys(TITLES, "1")


class SmallSplits:
    """Images whose class is their brightest row; takes the place of Fashion-MNIST."""

    known = True
    mirrored = True

    def train(self, class_ids: Sequence[int], n: int, seed: int) -> Samples:
        return self._draw(class_ids, n, seed)

    def test(self, class_ids: Sequence[int]) -> Samples:
        return self._draw(class_ids, 10, 1000)

    def _draw(self, class_ids: Sequence[int], n: int, seed: int) -> Samples:
        k = len(class_ids)
        images = np.random.default_rng(seed).integers(0, 100, (n, k, SIDE, SIDE))
        for label, c in enumerate(class_ids):
            images[:, label, c] += 100
        labels = np.tile(np.arange(k), n).astype(np.uint8)
        names = [f"class {c}" for c in class_ids]
        return Samples(names, images.reshape(-1, SIDE, SIDE).astype(np.uint8), labels)


class FakeTarget(Target):
    """Answers like the device's scripts: as many images wrong as its seed, one more for uff1."""

    name = "fake"
    jobs: list[dict[str, Any]]

    def __init__(self, at_run: Callable[[dict[str, Any]], None] = lambda job: None) -> None:
        self._files: dict[str, Samples] = {}
        self._at_run = at_run
        self._job: dict[str, Any] = {}
        self.jobs = []

    def put(self, local: Path, name: str, on_progress: OnProgress = ignore) -> None:
        self._files[name] = read_samples(local)

    def get(self, name: str, local: Path, on_progress: OnProgress = ignore) -> None:
        raise AssertionError("nothing is fetched")

    def run(self, script: str, job: dict[str, Any], on_progress: OnProgress = ignore) -> Result:
        on_progress(Progress("Work", 0.5))
        if script == "train.py":
            self._at_run(job)
            self._job = job
            self.jobs.append(job)
            return {}
        assert script == "evaluate.py"
        n = len(self._files[job["samples"]])
        assert len(self._files["train.uffs"]) < n
        return {"images": n, "correct": n - self._job["seed"] - (self._job["network"] == "uff1")}


class Bench:
    """A store, a fake target and a console; `rows()` computes."""

    def __init__(self, folder: Path) -> None:
        self.splits, self.folder = SmallSplits(), folder
        self.target, self.screen = FakeTarget(), io.StringIO()

    def store(self, versions: dict[str, str] = VERSIONS) -> Store:
        return Store(self.folder, self.splits, versions)

    def rows(self, networks: Sequence[str], seeds: int = 2, **options: Any) -> list[Row]:
        console = Console(file=self.screen, width=200)
        tasks = grid.tasks(networks, [CELL], seeds)
        store = options.pop("store", None) or self.store()
        return table.compute(self.splits, lambda: self.target, store, tasks, console, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "kept")


def a_row(network: str, cell: Cell = CELL, *accuracies: float) -> Row:
    return grid.row(network, cell, [[Score("a", value)] for value in accuracies or (0.5, 0.6)])


# --- Rows ----------------------------------------------------------------------------------------


def test_uff_comes_from_the_target_and_baselines_from_numpy(bench):
    rows = bench.rows(["uff2", "nearest_mean"])
    assert [row.network for row in rows] == ["uff2", "nearest_mean"]
    assert rows[0].accuracies == (1.0, pytest.approx(29 / 30))
    expected = {"network": "uff2", "leave_one_out": False}
    assert bench.target.jobs[0].items() >= expected.items()
    assert sorted(job["seed"] for job in bench.target.jobs) == [0, 1]
    assert rows[1].mean > 0.8
    assert "classes 0,1,2 x 5: µFF, two layers 0.9833 ± 0.0236" in bench.screen.getvalue()


def test_best_setting_is_chosen_by_the_mean_over_seeds():
    scores = [[Score("a", 0.9), Score("b", 0.6), Score("c", 0.8)]]
    scores += [[Score("a", 0.5), Score("b", 0.6), Score("c", 0.8)]]
    row = grid.row("ridge", CELL, scores)
    assert (row.settings, row.mean, row.sd) == ("c", 0.8, 0.0)
    assert row.tried == pytest.approx({"a": 0.7, "b": 0.6, "c": 0.8})


def test_deviation_has_one_degree_of_freedom_less_and_needs_two_seeds():
    assert a_row("bp", CELL, 0.1, 0.2, 0.6).sd == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))
    assert a_row("bp", CELL, 0.5).sd is None


def test_a_board_gets_one_task_at_a_time(bench):
    at_work: list[int] = []

    def work(job: dict[str, Any]) -> None:
        at_work.append(job["seed"])
        time.sleep(0.02)
        assert at_work == [job["seed"]]
        at_work.clear()

    bench.target = FakeTarget(work)
    assert bench.rows(["uff2"], 6, targets=1)[0].seeds == 6


# --- What is kept --------------------------------------------------------------------------------


def test_finished_results_are_not_computed_again(bench):
    first = bench.rows(["uff2", "elm"])
    bench.target.jobs.clear()
    assert bench.rows(["uff2", "elm"]) == first
    assert bench.target.jobs == []
    assert "4 of 4 results are known already." in bench.screen.getvalue()


def test_fresh_computes_again_and_keeps_the_new(bench):
    task = Task("uff2", CELL, 0)
    bench.store().save(task, [Score("old", 0.1)])
    assert bench.rows(["uff2"], 1)[0].mean == 0.1
    assert bench.rows(["uff2"], 1, fresh=True)[0].mean == 1.0
    assert bench.store().load(task) == [Score("defaults", 1.0)]


def test_results_of_other_code_images_seeds_or_networks_are_not_used(bench):
    bench.store().save(Task("uff2", CELL, 0), [Score("a", 0.1)])
    assert bench.store().load(Task("uff2", CELL, 0)) == [Score("a", 0.1)]
    for network, cell, seed in (
        ("uff1", CELL, 0),
        ("uff2", Cell((0, 1), 5), 0),
        ("uff2", CELL, 1),
    ):
        assert bench.store().load(Task(network, cell, seed)) is None
    assert bench.store(dict.fromkeys(TITLES, "2")).load(Task("uff2", CELL, 0)) is None


def test_a_damaged_result_is_computed_again(bench):
    bench.rows(["uff2"], 1)
    for path in bench.folder.iterdir():
        path.write_text('{"scores": [["a", ')
    assert bench.rows(["uff2"], 1)[0].mean == 1.0


def test_version_of_uff_changes_with_firmware_and_that_of_a_baseline_does_not(
    tmp_path, monkeypatch
):
    firmware = tmp_path / "micropython"
    monkeypatch.setenv("UFF_UNIX", str(firmware))
    found = []
    for content in (b"1", b"2"):
        firmware.write_bytes(content)
        found.append(results.versions(["uff2", "bp"], "unix"))
    assert found[0]["uff2"] != found[1]["uff2"]
    assert found[0]["bp"] == found[1]["bp"]


def test_version_of_a_baseline_is_that_of_the_modules_it_uses():
    def names(network: str) -> set[str]:
        return {path.stem for path in results.baseline_sources(BASELINES[network])}

    assert names("bp") == {"backpropagation", "adam", "inputs", "baseline"}
    assert names("elm") == {"random_neurons", "linear_ridge", "inputs", "baseline"}
    assert names("cnn") == names("cnn_aug") == {
        "convolutional", "lenet", "lenet_jax", "inputs", "baseline"
    }  # fmt: skip


CODE = """
'''Trains.'''
from numpy import exp
from uff_host.experiments.accuracy.baselines.baseline import Baseline

class Network:
    '''A network.'''
    def __init__(self, rate):
        self.rate = rate  # of a step

def trained(network, x):
    return Network(network.rate).outputs(exp(x))

BEST = Rival("a", trained)
"""


def test_meaning_of_code_is_that_of_what_it_computes_not_of_its_names():
    def changed(*pairs: tuple[str, str]) -> str:
        text = CODE
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return results.meaning([text])

    same = results.meaning([CODE])
    for alike in (
        [("Network", "Perceptron"), ("A network.", "A perceptron.")],
        [("trained", "fitted"), ("BEST", "FINEST")],
        [("  # of a step", ""), ("'''Trains.'''", "")],
        [("(exp(x))", "(\n        exp(x)\n    )")],
    ):
        assert changed(*alike) == same
    for other in (
        [("exp(x)", "exp(-x)")],
        [("import exp", "import expm1 as exp")],
        [("self.rate = rate", "self.rate = 2 * rate")],
        [(".outputs(", ".values(")],
        [("return Network", "return trained")],
        [('"a"', '"b"')],
    ):
        assert changed(*other) != same


def test_meaning_of_code_follows_names_from_one_module_to_another():
    def of(first: str, second: str, called: str) -> str:
        used = f"from uff_host.experiments.accuracy.baselines import x\n\ny = x.{called}(2)\n"
        defined = f"def {first}(a):\n    return a\n\ndef {second}(a):\n    return -a\n"
        return results.meaning([used, defined])

    assert of("f", "g", "f") == of("h", "i", "h")
    assert of("f", "g", "f") != of("f", "g", "g") == of("g", "f", "f")


# --- Interruption --------------------------------------------------------------------------------


def test_an_error_ends_the_table_and_keeps_what_is_finished(bench):
    def kept() -> list[int]:
        return [seed for seed in range(4) if bench.store().load(Task("uff2", CELL, seed))]

    def fail(job: dict[str, Any]) -> None:
        if job["seed"] == 2:
            assert patience.until(lambda: {0, 1} <= set(kept()), 60)
            raise DeviceError("train.py: the target fell off the table.")

    bench.target = FakeTarget(fail)
    with pytest.raises(DeviceError, match="fell off the table"):
        bench.rows(["uff2"], 4)
    before = kept()
    assert {0, 1} <= set(before)
    bench.target = FakeTarget()
    assert bench.rows(["uff2"], 4)[0].seeds == 4
    assert sorted(job["seed"] for job in bench.target.jobs) == [
        s for s in range(4) if s not in before
    ]


def test_ctrl_c_keeps_what_is_finished_and_says_so(bench):
    stopped = threading.Event()

    def stop(job: dict[str, Any]) -> None:
        if job["seed"] == 2:
            os.kill(os.getpid(), signal.SIGINT)
            stopped.set()
        elif job["seed"] == 3:
            stopped.wait()

    bench.target = FakeTarget(stop)
    with pytest.raises(KeyboardInterrupt):
        bench.rows(["uff2", "bp"], 8)
    assert bench.store().load(Task("uff2", CELL, 0))
    assert not bench.store().load(Task("bp", CELL, 7))
    output = bench.screen.getvalue()
    assert "of 16 results are kept. The same command goes on from there." in output
    assert threading.active_count() < 5


def test_a_baseline_that_breaks_is_named_with_what_it_said(bench, monkeypatch):
    wider = Samples(["a", "b", "c"], np.ones((3, 9, 9), np.uint8), np.arange(3, dtype=np.uint8))
    monkeypatch.setattr(SmallSplits, "test", lambda self, ids: wider)
    with pytest.raises(UffError, match=r"random neurons .*seed 0.* status 1 .* ValueError: "):
        bench.rows(["elm"], 1)


# --- The command ---------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Runs `uff experiment table` on small images and a fake target."""
    firmware = tmp_path / "micropython"
    firmware.touch()
    monkeypatch.setenv("UFF_UNIX", str(firmware))
    monkeypatch.setenv("UFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion_mnist, "load", lambda idx, on_progress: SmallSplits())
    monkeypatch.setattr(cli_table, "connect", lambda name: FakeTarget())
    handler = signal.getsignal(signal.SIGTERM)
    yield lambda *arguments: main.main(["experiment", "table", *map(str, arguments)])
    signal.signal(signal.SIGTERM, handler)


def test_the_command_writes_json_markdown_and_picture(command, tmp_path, capsys):
    out = tmp_path
    outputs = ("--json", out / "t.json", "--markdown", out / "t.md", "--plot", out / "t.png")
    status = command(
        "--classes", "2,3", "--images", "4,5", "--seeds", 2, "--networks", "uff2,ridge", *outputs
    )
    assert status == 0
    rows = json.loads((out / "t.json").read_text())
    assert [(row["network"], row["class_ids"], row["images"]) for row in rows] == [
        (network, ids, n)
        for ids in ([0, 1], [0, 1, 2])
        for n in (4, 5)
        for network in ("uff2", "ridge")
    ]
    for row in rows:
        assert {*row} == {field.name for field in dataclasses.fields(Row)}
        assert row["seeds"] == len(row["accuracies"]) == 2
        assert row["mean"] == pytest.approx(np.mean(row["accuracies"]))
        assert row["sd"] == pytest.approx(np.std(row["accuracies"], ddof=1))
        assert row["tried"][row["settings"]] == max(row["tried"].values()) == row["mean"]
    assert (out / "t.md").read_text().startswith("| classes x images | 2 x 4 |")
    assert (out / "t.png").read_bytes().startswith(b"\x89PNG")
    shown = capsys.readouterr().out
    assert (
        "uff experiment table --class-ids 0,1,2 --images 5 --seeds 2 --networks uff2,ridge --fresh"
        in shown
    )


def words(text: str) -> list[str]:
    return ["experiment", "table", *text.split()]


def test_the_command_shown_for_a_cell_computes_this_cell():
    asked = main.parse(words("--class-ids 5,7,9 --images 30 --seeds 3"))
    (cell,) = cli_table.wanted_cells(asked)
    again = main.parse(cli_table.command_of(cell, asked).split()[1:])
    assert cli_table.wanted_cells(again) == [cell] == [Cell((5, 7, 9), 30)]
    assert (again.seeds, again.networks, again.on, again.fresh) == (3, list(TITLES), "unix", True)


def test_sets_of_classes_add_up():
    asked = main.parse(words("--classes 2 --class-ids 5-7 --class-ids 1,9"))
    sets = [cell.class_ids for cell in cli_table.wanted_cells(asked) if cell.images == 100]
    assert sets == [(0, 1), (5, 6, 7), (1, 9)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--classes 11", "Class 10: Fashion-MNIST has the classes 0 to 9."),
        ("--classes 1", "Classes 0: two or more different ones are needed."),
        ("--class-ids 2,2", "Classes 2,2: two or more different ones are needed."),
        (
            "--class-ids 0,1 --classes 2",
            "The same classes with the same count of images come twice.",
        ),
        ("--images 0", "0 images a class: 1 to 6,000 can be drawn."),
        ("--images 6001", "6001 images a class: 1 to 6,000 can be drawn."),
        ("--classes 10 --images 900", "so take 819 a class or fewer."),
        ("--seeds 0", "0 seeds: 1 to 1000 are possible"),
        ("--networks uff3", "Network 'uff3': there are uff2, uff1, uff_conv,"),
        ("--networks bp,bp", "Networks bp, bp: each one may come once."),
    ],
)
def test_bad_values_get_a_sentence(command, capsys, arguments, sentence):
    assert command(*arguments.split()) == 1
    output = capsys.readouterr().err
    assert output.startswith("uff: ")
    assert sentence in output


@pytest.mark.parametrize("text", ["a", "1,,2", "3-1", "-4", "1-", "99999999999999999999", "0-999"])
def test_bad_lists_are_wrong_usage(command, capsys, text):
    with pytest.raises(SystemExit) as end:
        command(f"--images={text}")
    assert end.value.code == 2
    assert "--images" in capsys.readouterr().err


def test_without_firmware_nothing_is_begun(command, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("UFF_UNIX", str(tmp_path / "none"))
    assert command("--networks", "uff2,bp") == 1
    assert "build it by `make unix`" in capsys.readouterr().err


# --- Baselines that cannot be computed here ------------------------------------------------------


@pytest.fixture
def without(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Takes away the packages of the convolutional baselines; writes the rows it gets."""
    kept = tmp_path / "record.json"
    for name in ("cnn", "cnn_aug"):
        absent = dataclasses.replace(BASELINES[name], needs=("no_such_package",))
        monkeypatch.setitem(BASELINES, name, absent)
    monkeypatch.setattr(record, "path", lambda: kept)

    def write(*rows: Row) -> Path:
        kept.write_text(table.as_json(rows))
        return kept

    return write


ASKED = ("--classes", "3", "--images", "4,5", "--seeds", 2, "--networks", "uff2,cnn,ridge,cnn_aug")


def test_recorded_rows_take_the_place_of_a_baseline_and_are_marked(
    command, without, tmp_path, capsys
):
    four, five = Cell((0, 1, 2), 4), Cell((0, 1, 2), 5)
    without(
        a_row("cnn", four, 0.25, 0.75),
        a_row("cnn", five, 0.7, 0.7, 0.7),  # of three seeds
        a_row("cnn", Cell((0, 1), 4), 0.9, 0.9),  # another cell
        a_row("ridge", four, 0.9, 0.9),  # is computed
    )
    outputs = ("--json", tmp_path / "t.json", "--markdown", tmp_path / "t.md")
    assert command(*ASKED, *outputs, "--plot", tmp_path / "t.png") == 0
    rows = json.loads((tmp_path / "t.json").read_text())
    assert [(row["network"], row["images"], row["recorded"]) for row in rows] == [
        ("uff2", 4, False), ("cnn", 4, True), ("ridge", 4, False),
        ("uff2", 5, False), ("ridge", 5, False),
    ]  # fmt: skip
    assert rows[1]["mean"] == 0.5
    lines = (tmp_path / "t.md").read_text().splitlines()
    assert "| convolutional network (recorded) | 0.5000 ± 0.3536 |  |" in lines
    output = capsys.readouterr().out
    assert "cnn, cnn_aug: not computed without no_such_package; " in output
    assert "What the committed table has is shown instead." in output
    assert "convolutional network (recorded)" in output
    # what was recorded once can be taken over again
    assert record.rows(tmp_path / "t.json", ["cnn"], [four], 2)[0].accuracies == (0.25, 0.75)


def test_recorded_rows_are_not_shown_beside_images_of_another_set(
    command, without, monkeypatch, tmp_path, capsys
):
    without(a_row("cnn", Cell((0, 1, 2), 4), 0.25, 0.75))
    monkeypatch.setattr(SmallSplits, "known", False)
    assert command(*ASKED, "--json", tmp_path / "t.json") == 0
    assert "Nothing is shown." in capsys.readouterr().out
    assert "cnn" not in (tmp_path / "t.json").read_text()


@pytest.mark.parametrize("content", [None, "", "[1]", '[{"network": "cnn"}]', "{}"])
def test_without_record_or_package_a_baseline_alone_is_an_error(command, without, capsys, content):
    if content is not None:
        without().write_text(content)
    assert command("--classes", "3", "--images", "4", "--networks", "cnn") == 1
    output = capsys.readouterr().err
    assert output.startswith("uff: cnn: not computed without no_such_package; ")


# --- What is shown -------------------------------------------------------------------------------


def test_markdown_has_the_best_in_bold_and_the_slides_beside():
    first, other = Cell((0, 1, 2), 100), Cell((1, 5), 7)
    rows = [a_row(network, cell, *values) for cell in (first, other) for network, values in (
        ("uff2", (0.9, 0.96)), ("ridge", (0.5, 0.5))
    )]  # fmt: skip
    text = table.as_markdown(rows)
    assert "| classes x images | 3 x 100 | 1,5 x 7 |" in text
    assert "| µFF, two layers | **0.9300** ± 0.0424 | **0.9300** ± 0.0424 |" in text
    assert "| ridge on pixels | 0.5000 ± 0.0000 | 0.5000 ± 0.0000 |" in text
    assert "| µFF, slides (other classes?) | 0.936 |  |" in text
    assert "mean ± standard deviation over 2 seeds" in text


def test_markdown_names_the_setting_of_each_baseline():
    row = grid.row("ridge", CELL, [[Score("a, lambda 1", 0.9), Score("b", 0.6)]])
    assert "| ridge on pixels | 3 x 5 | a, lambda 1 |" in table.as_markdown([row])


def test_every_network_has_a_style_of_its_own():
    assert plot.STYLES.keys() == TITLES.keys()
    colours, markers = zip(*plot.STYLES.values(), strict=True)
    assert len(set(colours)) == len(set(markers)) == len(TITLES)


@pytest.mark.parametrize("sets", [1, 4])
def test_any_number_of_panels_can_be_drawn(tmp_path, sets):
    rows = [
        a_row(network, Cell(tuple(range(k)), n), *values)
        for k in range(2, 2 + sets)
        for n in (1, 300)
        for network, values in (("uff2", (0.9,)), ("krr", (0.8,)))
    ]
    plot.plot(rows, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_all_baselines_have_a_cost_and_a_title():
    for network in TITLES:
        assert Task(network, Cell((0, 1), 1), 0).expected_s > 0
    assert TITLES.keys() == {*NAMES, *BASELINES}
