"""The benchmark: the baselines compute what they should, and every row says what it counted."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from uff_host.datasets import shapes
from uff_host.errors import DataError
from uff_host.experiments.instructions import bench, bench_plot
from uff_host.experiments.instructions.bench import ADAM, DESCENT, Bench, Row
from uff_host.formats.samples import write_samples
from uff_host.targets.qemu import QemuTarget

TOP = Path(__file__).resolve().parents[2]
CELL = (3, 12)
EPOCH = "epoch of backpropagation"


# --- Backpropagation in C, on this machine -------------------------------------------------------


class Shape(ctypes.Structure):
    _fields_ = [(n, ctypes.c_size_t) for n in ("inputs", "hidden", "classes", "batch")]


class State(ctypes.Structure):
    _fields_ = [
        ("weights", ctypes.c_void_p),
        ("gradient", ctypes.c_void_p),
        ("moments", ctypes.c_void_p),
        ("work", ctypes.c_void_p),
        ("rate", ctypes.c_float),
        ("steps", ctypes.c_uint32),
    ]


class Backprop:
    """backprop.c with arrays of numpy."""

    def __init__(self, library: ctypes.CDLL, shape: tuple[int, int, int, int], adam: bool) -> None:
        self._library, self.shape = library, Shape(*shape)
        inputs, hidden, classes, batch = shape
        self.count = inputs * hidden + hidden + hidden * classes + classes
        self.weights = np.zeros(self.count, np.float32)
        self.gradient = np.zeros(self.count, np.float32)
        self.moments = np.zeros(2 * self.count, np.float32) if adam else None
        self._work = np.zeros(batch * 2 * (inputs + hidden), np.float32)
        library.backprop_start(ctypes.byref(self.shape), 7, pointer(self.weights))
        library.backprop_epoch.restype = ctypes.c_float
        self._state = State(
            pointer(self.weights),
            pointer(self.gradient),
            pointer(self.moments),
            pointer(self._work),
        )

    def epoch(self, images: np.ndarray, labels: np.ndarray, rate: float) -> float:
        order = np.arange(len(labels), dtype=np.uint16)
        self._state.rate = rate
        return self._library.backprop_epoch(
            ctypes.byref(self.shape),
            ctypes.byref(self._state),
            pointer(images),
            pointer(labels),
            pointer(order),
            ctypes.c_size_t(len(labels)),
        )


def pointer(array: np.ndarray | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    path = tmp_path_factory.mktemp("backprop") / "backprop.so"
    source = TOP / "firmware_build" / "bench" / "backprop.c"
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, source, "-o", path, "-lm"], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    samples = shapes.samples(10, 0, 3)
    return np.ascontiguousarray(samples.images.reshape(30, 784)), samples.labels


def test_a_step_of_backpropagation_is_that_of_numpy(library, data) -> None:
    images, labels = data[0][:10], data[1][:10]  # a batch that is no multiple of 4
    net = Backprop(library, (784, 20, 3, 12), adam=False)
    start = net.weights.astype(np.float64)
    w1, b1 = start[: 784 * 20].reshape(784, 20), start[784 * 20 : 785 * 20]
    w2, b2 = start[785 * 20 : -3].reshape(20, 3), start[-3:]
    x = images / 255.0
    h = np.maximum(x @ w1 + b1, 0)
    z = np.exp(h @ w2 + b2)
    p = z / z.sum(axis=1, keepdims=True)
    error = (p - np.eye(3)[labels]) / 10
    back = error @ w2.T * (h > 0)
    parts = [(x.T @ back), back.sum(axis=0), h.T @ error, error.sum(axis=0)]
    wanted = np.concatenate([part.ravel() for part in parts])
    loss = net.epoch(images, labels, 0.5)
    assert loss == pytest.approx(-np.log(p[range(10), labels]).mean(), rel=1e-4)
    np.testing.assert_allclose(net.gradient, wanted, atol=2e-6)
    np.testing.assert_allclose(net.weights, start - 0.5 * wanted, atol=2e-6)


@pytest.mark.parametrize(("adam", "rate"), [(False, 0.05), (True, 0.001)])
def test_the_loss_of_backpropagation_falls(library, data, adam: bool, rate: float) -> None:
    net = Backprop(library, (784, 40, 3, 12), adam)
    images, labels = data
    losses = [net.epoch(images, labels, rate) for _ in range(15)]
    assert losses[-1] < 0.5 * losses[0]


# --- The script where baselines are missing ------------------------------------------------------


def test_on_unix_the_script_names_what_is_missing(run_device, tmp_path: Path) -> None:
    write_samples(tmp_path / "train.uffs", shapes.samples(4, 0, 2))
    (tmp_path / "job.json").write_text('{"order": 32, "neurons": 8}')
    ran = run_device(TOP / "device" / "scripts" / "dev" / "bench.py", tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no counter of instructions" in ran.stdout
    assert (
        "epoch of backpropagation, C, float32: left out, the module baselines is not" in ran.stdout
    )
    assert '"counted": false' in ran.stdout


# --- The benchmark's image -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory):
    """Results of bench.py on a small problem, on the benchmark's image."""
    if not shutil.which("qemu-system-arm"):
        pytest.skip("qemu-system-arm is not installed")
    if not bench.firmware().is_file():
        pytest.skip("the benchmark's image is not built (make m7-bench)")
    path = tmp_path_factory.mktemp("bench") / "train.uffs"
    write_samples(path, shapes.samples(CELL[1], 0, CELL[0]))
    with QemuTarget(bench.firmware(), counted=True) as target:
        target.put(path, "train.uffs")
        job = {"order": 64, "neurons": 20, "images": 32, "epochs": 4}
        return target.run("dev/bench.py", job)


def test_baselines_find_the_factor_that_we_find(counted) -> None:
    missing = {means for _, means, _ in counted["absent"]}
    for name, means in (("cmsis_cholesky", "CMSIS-DSP"), ("ulab_cholesky", "ulab")):
        if means not in missing:
            assert counted["checks"][name] < 1e-4  # float32, 64 additions, condition 100


def test_the_loss_falls_on_the_device_too(counted) -> None:
    for means in (DESCENT, ADAM):
        losses = counted["losses"][means]
        assert losses[-1] < losses[0], means


def test_every_row_was_counted_and_the_tuned_kernels_win(counted) -> None:
    rows = {(row["task"], row["means"]): row for row in counted["rows"]}
    assert all(row["instructions"] > 0 for row in counted["rows"])
    for task in (*bench.TASKS, *bench.OURS):
        ours = rows[task, "µFF"]["instructions"]
        baselines = [row["instructions"] for (t, means), row in rows.items() if t == task]
        assert ours == min(baselines), task


# --- Showing -------------------------------------------------------------------------------------


def some_rows() -> Bench:
    rows = [Row(task, "µFF", None, 100, 100, 100, 0) for task in bench.TASKS]
    rows += [
        Row(task, "ulab", None, 2700, 100, 200, 0, "the whole square") for task in bench.TASKS
    ]
    rows += [Row(bench.TRAINING, means, CELL, 500, 1, 1, 1) for means in bench.UFF_MEANS.values()]
    rows += [Row(EPOCH, DESCENT, CELL, 250, 1, 1, 1), Row(EPOCH, ADAM, CELL, 1000, 1, 1, 1)]
    absent = bench.Absent("Gram matrix", "CMSIS-DSP", "it was out of reach")
    return Bench(tuple(rows), (absent,), {"ulab_cholesky": 1e-7}, {})


def test_epochs_for_one_training_are_the_ratio_of_what_was_counted() -> None:
    made = some_rows()
    assert made.epochs("uff2", DESCENT, CELL) == 2.0
    assert made.epochs("uff1", ADAM, CELL) == 0.5
    assert made.epochs("uff1", ADAM, (5, 300)) is None
    sentences = bench.sentences(made, [CELL])
    assert any("2.00 (gradient descent), 0.50 (Adam)" in line for line in sentences)
    assert any("left out, it was out of reach" in line for line in sentences)


def test_the_picture_is_drawn_whatever_is_missing(tmp_path: Path) -> None:
    bench_plot.plot(some_rows(), [CELL], tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_without_the_image_the_command_says_how_to_build_it(monkeypatch, tmp_path: Path) -> None:
    from uff_host.cli.main import parse

    monkeypatch.setenv("UFF_M7_BENCH", str(tmp_path / "none.elf"))
    options = parse(["experiment", "bench"])
    options.console = None
    with pytest.raises(DataError, match="make m7-bench"):
        options.do(options)


def test_sources_of_cmsis_dsp_that_are_not_the_expected_ones_are_refused(tmp_path: Path) -> None:
    fetch = TOP / "firmware_build" / "fetch_cmsisdsp.py"
    pip = tmp_path / "pip"
    pip.write_text(
        "#!/bin/sh\n"
        'while [ "$#" -gt 0 ]; do\n'
        '    [ "$1" = -d ] && echo no >"$2"/cmsisdsp-1.10.3.tar.gz\n'
        "    shift\ndone\n"
    )
    pip.chmod(0o755)
    ran = subprocess.run(
        ["python3", fetch, tmp_path / "build", pip],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(TOP / "host"),
            "UFF_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0 and ran.stdout == ""
    assert "is refused" in ran.stderr
    assert not list(tmp_path.rglob("arm_mat_*"))
