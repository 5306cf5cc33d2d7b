"""device/scripts/ulab_*.py, where ulab is built in; and what they say where it is not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uff_host.datasets import shapes
from uff_host.formats.samples import read_samples, write_samples

SCRIPTS = Path(__file__).resolve().parents[2] / "device" / "scripts"


@pytest.fixture(scope="session")
def has_ulab(micropython: Path) -> bool:
    return (
        subprocess.run([str(micropython), "-c", "import ulab"], capture_output=True).returncode
        == 0
    )


@pytest.fixture
def result(has_ulab: bool, run_device, tmp_path: Path):
    """result(script, **job): what the script's @result line says."""
    if not has_ulab:
        pytest.skip("firmware built without ulab")

    def run(name: str, **job: Any) -> dict[str, Any]:
        (tmp_path / "job.json").write_text(json.dumps(job))
        ran = run_device(SCRIPTS / f"{name}.py", tmp_path)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        (line,) = [line for line in ran.stdout.splitlines() if line.startswith("@result ")]
        return json.loads(line.removeprefix("@result "))

    return run


@pytest.mark.parametrize("network", ["uff1", "uff2"])
def test_looking_with_ulab_finds_the_means_and_the_confusion_matrix(
    result, tmp_path: Path, network: str
) -> None:
    write_samples(tmp_path / "train.uffs", shapes.samples(12, seed=1, classes=3))
    write_samples(tmp_path / "test.uffs", shapes.samples(11, seed=2, classes=3))
    result("train", hidden=40, network=network)
    evaluated = result("evaluate")
    looked = result("dev/ulab_look")
    for key in ("images", "correct", "accuracy", "confusion"):
        assert looked[key] == evaluated[key], key
    test = read_samples(tmp_path / "test.uffs")
    means = [test.images[test.labels == c].mean() for c in range(3)]
    # float32 sums of 784 pixels
    np.testing.assert_allclose(looked["class_means"], means, rtol=1e-5)


def test_ridge_and_ulab_find_the_same_solution(result) -> None:
    compared = result("dev/ulab_compare", orders=[20, 100, 150], columns=5)
    assert [row["order"] for row in compared["systems"]] == [20, 100, 150]
    for row in compared["systems"]:
        # 2^-23 times the condition number, below 20 here, with room for the order of sums
        assert row["difference"] < 2e-5, row
        assert row["ridge_error"] < 2e-5, row
        assert min(row["ridge_ms"], row["inv_ms"], row["cholesky_ms"]) > 0
        packed, square = row["matrix_bytes"]["ridge"], row["matrix_bytes"]["ulab"]
        assert packed < 0.55 * square
        # A factor or an inverse is as large as its matrix; those of ulab are square.
        assert row["cholesky_bytes"] >= square
        assert row["inv_bytes"] >= square
    assert row["ridge_bytes"] < row["inv_bytes"]


@pytest.mark.parametrize("name", ["dev/ulab_look", "dev/ulab_compare"])
def test_without_ulab_the_scripts_say_so(
    has_ulab: bool, run_device, tmp_path: Path, name: str
) -> None:
    if has_ulab:
        pytest.skip("firmware built with ulab")
    ran = run_device(SCRIPTS / f"{name}.py", tmp_path)
    assert ran.returncode == 1
    assert "this firmware was built without ulab" in ran.stdout.splitlines()
    assert '@error {"error": "ImportError"' in ran.stdout or '"error": "ImportError"' in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
