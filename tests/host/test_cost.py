"""Counts on the emulated Cortex-M7, the estimate beside them, the simulated cache."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import m7
import pytest

from uff_host.datasets import shapes
from uff_host.errors import DeviceError
from uff_host.experiments.instructions import cost, data_cache, estimate
from uff_host.experiments.instructions.data_cache import DataCache, Traffic
from uff_host.formats.networks import every_name, kinds_of
from uff_host.formats.samples import write_samples
from uff_host.progress import ignore
from uff_host.targets.unix import UnixTarget

SHAPE = estimate.Shape(n=300, m=768, q=500, k=3, dual1=True, dual2=True)
RESULT = {
    "network": "uff2",
    "classes": 3,
    "images": 300,
    "form1": "dual",
    "form2": "dual",
    "instructions": 600,
    "macs": 400,
    "stages": [
        {"name": "read samples", "instructions": 8_000_000, "macs": 0},
        {"name": "layer 1 Gram matrix", "instructions": 40_000_000, "macs": 34_675_200},
        {"name": "layer 1 solve", "instructions": 300_000_000, "macs": 160_200_000},
    ],
    "memory_bytes": 7_000_000,
    "peak_bytes": 9_000_000,
    "calls": None,
}


# --- The simulated cache -------------------------------------------------------------------------


def reads(*addresses: int) -> list[tuple[int, bool]]:
    return [(address, False) for address in addresses]


def test_a_line_is_filled_once_and_serves_all_its_bytes() -> None:
    assert DataCache().run(reads(0, 4, 31, 32, 0)) == Traffic(2, 0)


def test_a_set_holds_four_lines_and_the_one_unused_longest_goes() -> None:
    way = 16384 // 4  # addresses this far apart share a set
    cache = DataCache()
    assert cache.run(reads(0, way, 2 * way, 3 * way)).fills == 4
    assert cache.run(reads(0)).fills == 0  # now `way` is the one unused longest
    assert cache.run(reads(4 * way)).fills == 1
    assert cache.run(reads(0, 2 * way, 3 * way)).fills == 0
    assert cache.run(reads(way)).fills == 1


def test_a_written_line_goes_back_when_it_leaves_and_only_then() -> None:
    way = 16384 // 4
    cache = DataCache()
    assert cache.run([(0, True), (4, True)]) == Traffic(1, 0)
    assert cache.run(reads(way, 2 * way, 3 * way)).write_backs == 0
    assert cache.run(reads(4 * way)) == Traffic(1, 1)
    assert cache.flush().write_backs == 0


def test_what_fits_is_read_once_and_what_does_not_again_and_again() -> None:
    small, large = range(0, 16384, 32), range(0, 16384 + 4096, 32)
    for lines, again in ((small, 0), (large, len(large))):
        cache = DataCache()
        cache.run(reads(*lines))
        assert cache.run(reads(*lines)).fills == again


def test_the_factor_is_read_once_a_panel_where_four_rows_of_it_fit_the_cache() -> None:
    # 400 rows: 4 * 1.6 KB of L stay for the four passes over them
    lines = 4 * 400 * 401 // 2 / 32
    assert data_cache.substitution(400).fills == pytest.approx(lines, rel=0.1)


def test_the_gram_matrix_is_read_and_written_once_a_batch() -> None:
    lines = 4 * 768 * 769 // 2 / 32
    traffic = data_cache.gram(64, 768)
    assert lines <= traffic.fills <= 1.6 * lines  # and 64 rows of images in each other's way
    assert traffic.write_backs == pytest.approx(lines, rel=0.05)


# --- The estimate --------------------------------------------------------------------------------


def test_every_loop_takes_at_least_what_its_multiplications_take() -> None:
    for name, loop in estimate.LOOPS.items():
        assert loop.multiplies <= loop.lower < loop.upper, name
        assert loop.instructions <= 2 * loop.lower, name


@pytest.mark.parametrize(
    "stage", ["encode images", "layer 1 Gram matrix", "layer 1 Cholesky", "layer 1 solve"]
)
def test_the_band_has_a_width_and_grows_with_instructions_and_slower_memory(stage: str) -> None:
    band = estimate.stage_band(stage, 400_000_000, SHAPE)
    more = estimate.stage_band(stage, 500_000_000, SHAPE)
    slow = estimate.stage_band(stage, 400_000_000, SHAPE, sdram_mhz=24)
    assert 0 < band.lower < band.upper
    assert more.lower >= band.lower and more.upper > band.upper  # memory may hold the lower one
    assert slow.lower >= band.lower and slow.upper > band.upper


def test_twice_the_images_take_about_twice_the_work_of_the_hidden_values() -> None:
    once = estimate.work("hidden values", SHAPE)
    twice = estimate.work("hidden values", dataclasses.replace(SHAPE, n=600))
    assert twice.loops["dot_2x4"] == 2 * once.loops["dot_2x4"]
    assert twice.traffic.fills == pytest.approx(2 * once.traffic.fills, rel=0.1)


def test_the_loops_do_about_the_multiply_adds_of_the_plan() -> None:
    # padding comes on top, what is done outside of the loops is missing
    for stage, macs in (
        ("layer 1 Gram matrix", 34_675_200),
        ("layer 1 Cholesky", 300**3 // 6),
        ("layer 1 solve", 160_200_000),
        ("hidden values", 115_200_000),
    ):
        done = sum(estimate.work(stage, SHAPE).loops.values())
        assert 0.85 < done / macs < 1.2, (stage, done / macs)


KERNEL = estimate.Shape(
    n=400, m=784, q=32, k=5, dual1=False, dual2=True, copies=3, filters="patch", kernel=True
)


def test_the_loops_of_patches_and_kernel_do_about_the_multiply_adds_of_the_plan() -> None:
    order = 400 * 401 // 2
    for stage, macs in (
        ("patch features", 400 * 529 * 36 * 32),
        ("class layer Gram matrix", order * 1024),
        ("class layer Cholesky", 400**3 // 6),
        ("leave-one-out", 400**3 // 6),
    ):
        done = sum(estimate.work(stage, KERNEL).loops.values())
        assert 0.85 < done / macs < 1.25, (stage, done / macs)
    statistics = sum(estimate.work("patch statistics", KERNEL).loops.values())
    assert statistics > 400 * 12 * 36 * 37 / 2


def test_a_place_without_a_neighbour_costs_more_than_half_of_a_pair() -> None:
    """Sides of an even number of places in each cell have none."""
    wide = estimate.work("patch features", dataclasses.replace(KERNEL, side=8 * 3 + 5))
    assert wide.loops["respond_single"] == 0
    one, two = estimate.LOOPS["respond_single"], estimate.LOOPS["respond"]
    assert one.macs * 2 == two.macs
    assert two.instructions < 2 * one.instructions


@pytest.mark.parametrize("network", every_name())
@pytest.mark.parametrize("copies", [0, 4])
def test_every_network_has_an_estimate_of_every_stage(network: str, copies: int) -> None:
    feature = "patch" if "patch" in kinds_of(network) else "contrast"
    names = {"patch": ["patch statistics", "layer 1 filters", "patch features"]}.get(feature, [])
    names += ["class layer Gram matrix", "class layer Cholesky", "fitted labels", "leave-one-out"]
    stages = [{"name": name, "instructions": 10**9, "macs": 10**8} for name in names]
    result = {**RESULT, "network": network, "images": 30, "stages": stages}
    counted = cost.from_result(result, copies=copies)
    lower, upper = counted.estimate_ms
    assert 0 < lower < upper
    assert counted.copies == copies


# --- What is written -----------------------------------------------------------------------------


def test_json_holds_the_keys_of_every_training_and_a_pair_of_milliseconds() -> None:
    (record,) = json.loads(cost.as_json([cost.from_result(RESULT)]))
    assert list(record) == [
        "network",
        "classes",
        "images",
        "instructions",
        "macs",
        "stages",
        "memory_bytes",
        "peak_bytes",
        "estimate_ms",
        "copies",
    ]
    assert record["images"] == 100
    assert set(record["stages"][0]) == {"name", "instructions", "macs"}
    lower, upper = record["estimate_ms"]
    assert 0 < lower < upper


def test_the_model_of_the_estimate_calls_itself_one() -> None:
    assert estimate.MODEL.startswith("Estimated, not measured")


# --- Counting ------------------------------------------------------------------------------------


def test_without_a_counter_the_script_says_so(micropython: Path) -> None:
    output: list[str] = []
    with (
        UnixTarget(micropython, on_line=output.append) as target,
        pytest.raises(DeviceError, match="does not count"),
    ):
        cost.run(target, shapes.samples(4, 0, 2), {"network": "uff1"}, ignore)
    assert any("no counter" in line for line in output)


def test_two_machines_count_the_same_to_the_instruction_and_the_stages_are_all() -> None:
    results = []
    for _ in range(2):
        with m7.started(counted=True) as target:
            job = {"network": "uff1"}
            results.append(cost.run(target, shapes.samples(100, 0, 3), job, ignore))
    assert results[0] == results[1]
    counted = cost.from_result(results[0])
    assert counted.instructions == sum(stage.instructions for stage in counted.stages)
    assert counted.macs == sum(stage.macs for stage in counted.stages)
    assert counted.instructions <= 0.18e9  # the goal for 3 x 100
    by_name = {stage.name: stage for stage in counted.stages}
    assert min(stage.instructions for stage in counted.stages) > 0
    gram = by_name["class layer Gram matrix"]
    assert gram.instructions < 1.3 * gram.macs  # in dual form and small, with the class sums


def test_counting_changes_nothing_that_is_learnt(tmp_path: Path) -> None:
    samples = shapes.samples(12, 0, 2)
    write_samples(tmp_path / "train.uffs", samples)
    with m7.started(counted=True) as target:
        target.put(tmp_path / "train.uffs", "train.uffs")
        job = {"network": "uff2", "hidden": 20}
        target.run("train.py", {**job, "leave_one_out": False})
        target.get("model.uffm", tmp_path / "trained.uffm")
        target.run("dev/cost.py", {**job, "model": "counted.uffm"})
        target.get("counted.uffm", tmp_path / "counted.uffm")
    assert (tmp_path / "trained.uffm").read_bytes() == (tmp_path / "counted.uffm").read_bytes()


def test_the_size_of_the_module_comes_from_its_objects(tmp_path: Path) -> None:
    assert cost.module_size(tmp_path) is None
    size = cost.module_size(m7.firmware().parent)
    if size is None:
        pytest.skip(f"{cost.SIZE} is not installed")
    output = subprocess.run([cost.SIZE, m7.firmware()], capture_output=True, text=True, check=True)
    text = int(output.stdout.splitlines()[1].split()[0])
    assert 10_000 < size.flash < text
    assert size.ram < 1000
