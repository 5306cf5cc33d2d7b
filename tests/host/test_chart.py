"""`uff experiment chart`: accuracies, counts and estimates come together cell by cell."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from uff_host.cli import main
from uff_host.experiments.accuracy import table
from uff_host.experiments.accuracy.baselines import BASELINES
from uff_host.experiments.accuracy.baselines.lenet import training_macs
from uff_host.experiments.accuracy.grid import Cell, Row
from uff_host.experiments.chart import chart
from uff_host.experiments.chart.chart import LEAST, Epoch, Point, Training
from uff_host.experiments.instructions import bench, cost

SMALL, LARGE = Cell((0, 1, 2), 100), Cell((0, 1, 2, 3, 4), 300)
EPOCH = Epoch(SMALL, 2000, 1000)


def a_row(
    network: str, cell: Cell = SMALL, best: str = "defaults", tried: dict[str, float] | None = None
) -> Row:
    settings = BASELINES[network].settings if network in BASELINES else ("defaults",)
    accuracies = dict.fromkeys(settings, 0.8) | (tried or {})
    return Row(network, cell.class_ids, cell.images, 2, 0.9, 0.0, (0.9, 0.9), best, accuracies)


def test_uff_is_where_its_training_was_counted():
    trainings = [Training("uff2", SMALL, 7), Training("uff1", LARGE, 8)]
    rows = [a_row("uff2"), a_row("uff2", LARGE), a_row("uff1", LARGE), a_row("ridge")]
    assert chart.points(rows, trainings, []) == [
        Point("uff2", SMALL, 0.9, 7, 7),
        Point("uff1", LARGE, 0.9, 8, 8),
    ]


def test_backpropagation_has_its_best_accuracy_after_each_length_of_training():
    best = "encoded, rate 0.001, batch 32, 20 epochs"
    (longer,) = [
        name for name in BASELINES["bp"].settings if name == "raw, rate 0.001, batch 32, 60 epochs"
    ]
    row = a_row("bp", best=best, tried={best: 0.95, longer: 0.85})
    assert chart.points([row], [], [EPOCH]) == [
        Point("bp", SMALL, 0.95, 20 * 2000, 20 * 2000, "20 epochs"),
        Point("bp", SMALL, 0.85, 60 * 2000, 60 * 2000, "60 epochs"),
    ]
    assert chart.points([row], [], [Epoch(LARGE, 1, 1)]) == []


@pytest.mark.parametrize("network", ["cnn", "cnn_aug"])
def test_a_convolutional_network_has_bounds_that_follow_from_its_multiply_adds(network):
    found = chart.points([a_row(network)], [], [EPOCH])
    assert [point.instructions for point in found] == sorted({p.instructions for p in found})
    for point in found:
        epochs = int(point.remark.removesuffix(" epochs"))
        macs = epochs * 300 * training_macs(28, 28, 3)
        assert point.instructions == pytest.approx(macs * LEAST, rel=0.02)
        assert point.most == pytest.approx(macs * 2, rel=0.02)


def test_the_command_joins_what_the_others_have_written(tmp_path: Path, capsys):
    rows = [a_row("uff2"), a_row("uff1"), a_row("bp"), a_row("cnn"), a_row("cnn_aug")]
    (tmp_path / "table.json").write_text(table.as_json(rows))
    costs = [
        cost.Cost(name, 3, 100, count, 1, (), 1, 1, (1.0, 2.0))
        for name, count in (("uff2", 481_000_000), ("uff1", 77_000_000))
    ]
    (tmp_path / "cost.json").write_text(cost.as_json(costs))
    counted = [
        bench.Row(bench.EPOCH, means, (3, 100), 427_000_000, 237_000_000, 237_000_000, 1)
        for means in (bench.DESCENT, bench.ADAM)
    ]
    (tmp_path / "bench.json").write_text(bench.as_json(bench.Bench(tuple(counted), (), {}, {})))
    picture = tmp_path / "chart.png"
    arguments = [f"--{name}={tmp_path / name}.json" for name in ("table", "cost", "bench")]
    assert main.main(["experiment", "chart", *arguments, f"--plot={picture}"]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    output = capsys.readouterr().out
    assert "3 x 100, uff2" in output
    assert "481" in output
    assert "3 x 100, bp, 60 epochs" in output
    assert "25,620" in output
    assert output.count("3 x 100, bp") == 2, "gradient descent is not in it"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "table",
            None,
            "table.json: No such file or directory; `uff experiment table --json` writes it.",
        ),
        ("table", "[1]", "table.json is not what `uff experiment table --json` writes."),
        ("cost", "{", "cost.json is not what `uff experiment cost --json` writes."),
        ("bench", "[]", "bench.json is not what `uff experiment bench --json` writes."),
        ("cost", "[]", "These files have no cell in common"),
    ],
)  # fmt: skip
def test_files_that_are_none_get_a_sentence(tmp_path, capsys, name, content, sentence):
    good = {
        "table": table.as_json([a_row("uff2")]),
        "cost": json.dumps([asdict(cost.Cost("uff2", 3, 100, 5, 1, (), 1, 1, (1.0, 2.0)))]),
        "bench": json.dumps({"rows": []}),
    }
    for other, text in (good | {name: content}).items():
        if text is not None:
            (tmp_path / f"{other}.json").write_text(text)
    arguments = [f"--{name}={tmp_path / name}.json" for name in good]
    assert main.main(["experiment", "chart", *arguments, f"--plot={tmp_path / 'chart.png'}"]) == 1
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "chart.png").exists()
