"""The same samples, the same job: the model file written by the Cortex-M7 is that of unix, byte
for byte. And the same work counts the same number of instructions."""

from __future__ import annotations

import m7
import pytest

from uff_host.datasets import shapes
from uff_host.formats.model_file import read_model
from uff_host.formats.samples import write_samples
from uff_host.targets.unix import UnixTarget

COUNT = """
import board_m7
from array import array
import ridge
def work():
    begin = board_m7.instructions()
    if begin is None:
        return None
    gram = array("i", bytes(4 * 32 * 33 // 2))
    for i in range(20):
        ridge.trace(gram)
    return board_m7.instructions() - begin
work()
print(work())
"""


@pytest.fixture(scope="module")
def board():
    with m7.started() as target:
        yield target


@pytest.fixture(scope="module")
def unix(micropython):
    with UnixTarget(micropython) as target:
        yield target


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return m7.squares(tmp_path_factory.mktemp("small") / "small.uffs", each=40)


def trained(target, samples, job, tmp_path):
    target.put(samples, "train.uffs")
    target.run("train.py", job)
    target.get("model.uffm", tmp_path / f"{target.name}.uffm")
    return (tmp_path / f"{target.name}.uffm").read_bytes()


@pytest.mark.parametrize("lambda2", [None, "loo", 0.07])
@pytest.mark.parametrize("form", ["primal", "dual"])
@pytest.mark.parametrize("network", ["uff1", "uff2"])
def test_a_model_of_small_images_has_the_same_bits(
    network, form, lambda2, board, unix, small, tmp_path
):
    job = {"network": network, "solver": form, "lambda2": lambda2, "hidden": 48, "seed": 7}
    job |= {"statistics": True, "lambda1": 3.3, "label_scale": 0.37}
    on_m7 = trained(board, small, job, tmp_path)
    assert on_m7 == trained(unix, small, job, tmp_path)
    model = read_model(tmp_path / "m7.uffm")
    assert len(model.class_names) == 3


def test_predictions_have_the_same_bits(board, unix, small, tmp_path):
    output = {}
    for target in (board, unix):
        trained(target, small, {"hidden": 48}, tmp_path)
        job = {"samples": "train.uffs", "predictions": "predictions.bin"}
        result = target.run("evaluate.py", job)
        target.get("predictions.bin", tmp_path / "predictions.bin")
        result.pop("seconds")
        output[target.name] = (result, (tmp_path / "predictions.bin").read_bytes())
    assert output["m7"] == output["unix"]


@pytest.mark.slow
@pytest.mark.parametrize("network", ["uff1", "uff2"])
def test_a_model_of_5_x_300_images_has_the_same_bits(network, board, unix, tmp_path):
    samples = tmp_path / "train.uffs"
    write_samples(samples, shapes.samples(300, 3))
    job = {"network": network}
    assert trained(board, samples, job, tmp_path) == trained(unix, samples, job, tmp_path)


def test_instructions_are_counted_and_the_same_in_every_run():
    counts: list[str] = []
    for _ in range(2):
        with m7.started(counted=True) as target:
            assert not target.execute(COUNT, "count", counts.append)
    assert counts[0] == counts[1]
    assert int(counts[0]) > 1000


def test_without_counting_there_is_no_count(board):
    output: list[str] = []
    assert not board.execute(COUNT, "count", output.append)
    assert output == ["None"]


def test_unix_has_no_counter_and_says_so_by_importing_nothing(run_device, tmp_path):
    (tmp_path / "x.py").write_text("import board_m7")
    done = run_device(tmp_path / "x.py", tmp_path)
    assert "no module named 'board_m7'" in done.stdout + done.stderr  # stdout from 1.27 on
