"""device/scripts/train.py and evaluate.py, run by job.json as a host runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uff_host import patience
from uff_host.datasets import shapes
from uff_host.formats.samples import (
    SAMPLE,
    Samples,
    pack_header,
    pack_record,
    read_samples,
    write_samples,
)

SCRIPTS = Path(__file__).resolve().parents[2] / "device" / "scripts"


class Ran:
    """A finished script: its exit status and what its @ lines say."""

    def __init__(self, process: subprocess.CompletedProcess[str]) -> None:
        self.status = process.returncode
        self.text = process.stdout + process.stderr
        self.lines = process.stdout.splitlines()

    def lines_of(self, tag: str) -> list[dict[str, Any]]:
        return [
            json.loads(line.removeprefix(tag)) for line in self.lines if line.startswith(tag + " ")
        ]

    @property
    def result(self) -> dict[str, Any]:
        assert self.status == 0, self.text
        (result,) = self.lines_of("@result")
        return result

    def failed(self, kind: str, part: str) -> None:
        """Asserts status 1, one @error of this kind, its sentence for people, and no traceback."""
        assert self.status == 1, self.text
        (error,) = self.lines_of("@error")
        assert error["error"] == kind, error
        assert part in error["message"], error
        assert error["message"] in self.lines
        assert not self.lines_of("@result")
        assert "Traceback" not in self.text


@pytest.fixture
def script(run_device, folder):
    """script(name, heap="64M", **job): runs a script with this job.json where the data lie."""

    def run(name: str, heap: str = "64M", **job: Any) -> Ran:
        (folder / "job.json").write_text(json.dumps(job))
        return Ran(run_device(SCRIPTS / f"{name}.py", folder, heap=heap))

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with train.uffs and test.uffs: three kinds of drawn glyphs."""
    write_samples(tmp_path / "train.uffs", shapes.samples(12, seed=1, classes=3))
    write_samples(tmp_path / "test.uffs", shapes.samples(7, seed=2, classes=3))
    return tmp_path


# ---- what they say when all is well ----


def test_training_reports_everything_a_host_wants_to_know(script, folder: Path) -> None:
    result = script("train", hidden=60).result
    stages = result.pop("stages")
    assert [stage["name"] for stage in stages] == [
        "encode images",
        "layer 1 Gram matrix",
        "layer 1 Cholesky",
        "layer 1 solve",
        "hidden values",
        "class layer Gram matrix",
        "class layer Cholesky",
        "class layer solve",
        "leave-one-out",
        "fitted labels",
    ]
    for stage in stages:
        assert set(stage) == {"name", "seconds", "macs"}
        assert stage["seconds"] >= 0
        assert stage["macs"] > 0
    assert 0 < result.pop("seconds") < 60
    assert 0 < result.pop("memory_bytes") < result.pop("peak_bytes") < 64 << 20
    assert result.pop("model_bytes") == (folder / "model.uffm").stat().st_size
    assert 0.9 < result.pop("fitted_accuracy") <= 1
    assert 0.5 < result.pop("loo_accuracy") <= 1
    assert result.pop("lambda2") == pytest.approx(0.05, rel=1e-4)
    assert result == {
        "network": "uff2",
        "classes": 3,
        "images": 36,
        "form1": "dual",
        "form2": "dual",
        "model": "model.uffm",
    }


def test_every_option_of_a_job_arrives_in_the_model(script, folder: Path) -> None:
    result = script(
        "train",
        samples="test.uffs",
        model="other.uffm",
        network="uff1",
        label_scale=0.75,
        lambda2=0.3,
        seed=9,
        solver="primal",
        leave_one_out=False,
    ).result
    assert result["loo_accuracy"] is None
    assert (result["network"], result["form1"], result["form2"]) == ("uff1", None, "primal")
    assert result["images"] == 21
    assert not (folder / "model.uffm").exists()
    data = (folder / "other.uffm").read_bytes()
    fields = struct.unpack_from("<4sHHIBBBBHHHHIIfffIIII", data)
    assert fields[4] == 1
    assert fields[12:14] == (21, 9)
    assert fields[14] == 0.75
    assert fields[16] == pytest.approx(0.3, rel=1e-4)
    assert fields[18] == 0xFFFFFFFF


def test_loo_as_lambda_is_reported_with_what_was_chosen(script) -> None:
    result = script("train", hidden=30, lambda2="loo").result
    assert min(abs(result["lambda2"] - value) for value in (0.01, 0.03, 0.1, 0.3)) < 1e-5


@pytest.mark.slow
def test_progress_rises_to_one_with_the_time_left(script, folder: Path) -> None:
    write_samples(folder / "train.uffs", shapes.samples(1000, seed=1, classes=5))  # a second or so
    progress = script("train", lambda2="loo").lines_of("@progress")
    assert len(progress) >= 2
    done = [line["done"] for line in progress]
    assert done == sorted(done)
    assert done[-1] == 1
    assert all(set(line) == {"stage", "done", "left_s"} for line in progress)
    assert progress[-1]["left_s"] == 0
    assert all(line["left_s"] > 0 for line in progress[:-1])


def test_evaluating_counts_what_the_predictions_say(script, folder: Path) -> None:
    script("train", hidden=60)
    result = script("evaluate", predictions="p.bin").result
    truth = read_samples(folder / "test.uffs").labels
    record = np.dtype([("label", "u1"), ("goodness", "<i8", 3)])
    predicted = np.fromfile(folder / "p.bin", record)
    assert len(predicted) == result["images"] == 21
    assert (predicted["goodness"].argmax(axis=1) == predicted["label"]).all()
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (truth, predicted["label"]), 1)
    assert confusion.tolist() == result["confusion"]
    assert result["correct"] == np.trace(confusion)
    assert result["accuracy"] == pytest.approx(result["correct"] / 21)
    assert result["accuracy"] > 0.6
    assert set(result) == {"images", "correct", "accuracy", "confusion", "seconds"}


def named(folder: Path, names: list[str], order: list[int]) -> None:
    """Writes test.uffs with class c under number order[c], by these names."""
    test = read_samples(folder / "test.uffs")
    labels = np.array(order, np.uint8)[test.labels]
    write_samples(folder / "test.uffs", Samples(names, test.images, labels))


def test_evaluating_matches_classes_by_name_or_by_index(script, folder: Path) -> None:
    script("train", hidden=60)
    first = script("evaluate").result["confusion"]
    named(folder, ["cross", "nothing of it", "ring", "triangle"], [2, 0, 3])
    assert script("evaluate").result["confusion"] == first
    named(folder, ["a", "b", "c"], [1, 0, 0, 2])
    turned = script("evaluate", by_index=True).result["confusion"]
    assert [sum(row) for row in turned] == [7, 7, 7]
    script("evaluate").failed(
        "ValueError", 'test.uffs: class "a", the network knows ring, cross, triangle'
    )
    named(folder, ["ring", "cross", "ring"], [0, 1, 2])
    script("evaluate").failed(
        "ValueError", "test.uffs: two classes of one name: ring, cross, ring"
    )


def test_predicting_by_a_model_gives_what_evaluating_gives(script, folder: Path) -> None:
    script("train", hidden=60)
    script("evaluate", predictions="e.bin")
    named(folder, ["other", "names", "than the model's"], [0, 1, 2])
    ran = script("predict", model="model.uffm", samples="test.uffs", predictions="p.bin", lines=2)
    assert ran.result["names"] == ["ring", "cross", "triangle"]
    assert ran.result["drawings"] == 21
    assert (folder / "p.bin").read_bytes() == (folder / "e.bin").read_bytes()
    record = np.dtype([("label", "u1"), ("goodness", "<i8", 3)])
    first = np.fromfile(folder / "p.bin", record)[0]
    goodness = first["goodness"] * 2.0 ** ran.result["exponent"]
    shown = " ".join(f"{value:.3f}" for value in goodness)
    assert f"0: {ran.result['names'][first['label']]}; goodness {shown}" in ran.lines
    assert sum(": " in line for line in ran.lines if line[:1].isdigit()) == 2


def test_predicting_what_a_model_cannot_take_is_refused(script, folder: Path) -> None:
    script("train", hidden=20)
    script("predict", model="model.uffm").failed("ValueError", "want samples for the model")
    data = pack_header(8, 9, ["a", "b"]) + pack_record(0, SAMPLE, 0, bytes(72), 72)
    (folder / "test.uffs").write_bytes(data)
    script("predict", model="model.uffm", samples="test.uffs").failed(
        "ValueError", "test.uffs: want images of 28 x 28, got 8 x 9"
    )


def test_a_result_comes_after_its_crc(script) -> None:
    ran = script("train", hidden=20)
    at = next(i for i, line in enumerate(ran.lines) if line.startswith("@result "))
    text = ran.lines[at].removeprefix("@result ")
    assert ran.lines[at - 1] == f"@crc {zlib.crc32(text.encode()):08x}"


def test_without_a_job_the_defaults_hold(run_device, folder: Path) -> None:
    assert Ran(run_device(SCRIPTS / "train.py", folder, heap="64M")).result["network"] == "uff2"
    assert Ran(run_device(SCRIPTS / "evaluate.py", folder, heap="64M")).result["images"] == 21
    assert not (folder / "predictions.bin").exists()


def test_training_twice_writes_the_same_file(script, folder: Path) -> None:
    script("train", hidden=20, statistics=True)
    first = (folder / "model.uffm").read_bytes()
    script("train", hidden=20, statistics=True)
    assert (folder / "model.uffm").read_bytes() == first


def test_damaged_records_are_passed_over_and_told(script, folder: Path) -> None:
    data = bytearray((folder / "train.uffs").read_bytes())
    data[-3 * 792] ^= 1
    (folder / "train.uffs").write_bytes(data[:-5])
    ran = script("train", hidden=20)
    assert ran.result["images"] == 34
    assert "1 damaged records passed over, torn tail of 787 bytes cut" in ran.text


# ---- refusals ----


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_an_unknown_key_is_refused_with_the_keys_there_are(script, name: str) -> None:
    script(name, sample_file="train.uffs").failed(
        "ValueError", "job.json: 'sample_file' is none of "
    )


@pytest.mark.parametrize("text", ["", "{x", "[]", "3", '"samples"', "null"])
def test_a_job_that_is_no_object_is_refused(run_device, folder: Path, text: str) -> None:
    (folder / "job.json").write_text(text)
    Ran(run_device(SCRIPTS / "train.py", folder)).failed("ValueError", "job.json: ")


@pytest.mark.parametrize(
    ("job", "part"),
    [
        ({"samples": 5}, "job.json: samples: want a text, got 5"),
        ({"samples": None}, "job.json: samples: want a text, got None"),
        ({"leave_one_out": 1}, "job.json: leave_one_out: want true or false, got 1"),
        ({"hidden": "60"}, "hidden: want 2 to 4096 neurons, got '60'"),
        ({"seed": True}, "job.json: seed: want a number, got True"),
        ({"hidden": 1}, "hidden: want 2 to 4096 neurons, got 1"),
        ({"hidden": 60.5}, "hidden: want 2 to 4096 neurons, got 60.5"),
        ({"network": "uff3"}, "network: want one of uff1, uff2, uff_conv, uff_kernel, uff_mirror"),
        ({"lambda2": "best"}, "lambda2: want"),
        ({"label_scale": [1]}, "label_scale: want"),
        ({"solver": "both"}, "solver: want"),
        ({"seed": -1}, "seed: want 0 to 4294967295"),
    ],
)
def test_a_wrong_value_is_refused(script, folder: Path, job: dict[str, Any], part: str) -> None:
    script("train", **job).failed("ValueError", part)
    assert not (folder / "model.uffm").exists()


@pytest.mark.parametrize(
    ("name", "key"), [("train", "samples"), ("evaluate", "samples"), ("evaluate", "model")]
)
def test_a_missing_file_is_named(script, name: str, key: str) -> None:
    if key == "samples":
        script("train", hidden=20)
    script(name, **{key: "nothing.bin"}).failed("OSError", "nothing.bin: no such file")


@pytest.mark.parametrize("at", [0, 5, 20, -1])
def test_a_damaged_model_is_refused(script, folder: Path, at: int) -> None:
    script("train", hidden=20)
    data = bytearray((folder / "model.uffm").read_bytes())
    data[at] ^= 1
    (folder / "model.uffm").write_bytes(data)
    script("evaluate").failed("FormatError", "model.uffm: ")


def test_samples_with_a_damaged_header_are_refused(script, folder: Path) -> None:
    data = bytearray((folder / "train.uffs").read_bytes())
    data[9] ^= 1
    (folder / "train.uffs").write_bytes(data)
    script("train").failed("FormatError", "train.uffs: the header is damaged")


def test_files_taken_for_one_another_are_refused(script, folder: Path) -> None:
    script("train", hidden=20)
    script("train", samples="model.uffm").failed("FormatError", "model.uffm: not a samples file")
    script("evaluate", model="test.uffs").failed("FormatError", "test.uffs: not a model file")


def test_images_of_another_shape_than_the_model_are_refused(script, folder: Path) -> None:
    script("train", hidden=20)
    data = pack_header(8, 9, ["a", "b"]) + pack_record(0, SAMPLE, 0, bytes(72), 72)
    (folder / "test.uffs").write_bytes(data)
    script("evaluate").failed("ValueError", "test.uffs: want images of 28 x 28, got 8 x 9")


def test_more_classes_than_the_model_are_refused(script, folder: Path) -> None:
    script("train", hidden=20)
    write_samples(folder / "test.uffs", shapes.samples(2, seed=2, classes=5))
    message = 'test.uffs: class "zigzag", the network knows ring, cross, triangle'
    script("evaluate").failed("ValueError", message)
    message = "test.uffs: class 4, the network knows 3 classes"
    script("evaluate", by_index=True).failed("ValueError", message)


def test_samples_without_images_are_refused(script, folder: Path) -> None:
    script("train", hidden=20)
    for name in ("train.uffs", "test.uffs"):
        (folder / name).write_bytes(pack_header(28, 28, ["a", "b"]))
    script("train").failed("ValueError", 'class 0 "a" has no images')
    script("evaluate").failed("ValueError", "test.uffs: no samples")


def test_a_training_that_does_not_fit_is_refused_before_it_starts(script, folder: Path) -> None:
    write_samples(folder / "train.uffs", shapes.samples(100, seed=1, classes=4))
    ran = script("train", heap="2M")
    ran.failed("DoesNotFit", "train: 400 images need ")
    assert "want fewer images or neurons" in ran.text
    assert not ran.lines_of("@progress")


def test_a_model_that_cannot_be_written_is_reported(script) -> None:
    script("train", hidden=20, model="nowhere/model.uffm").failed(
        "OSError", "nowhere/model.uffm.new: no such file"
    )


# ---- Ctrl-C ----


@pytest.mark.slow
def test_ctrl_c_in_training_says_so_and_keeps_the_old_model(
    micropython: Path, script, folder: Path
) -> None:
    script("train", hidden=20)
    old = (folder / "model.uffm").read_bytes()
    write_samples(folder / "train.uffs", shapes.samples(1000, seed=1, classes=5))
    (folder / "job.json").write_text(json.dumps({"lambda2": "loo"}))
    process = subprocess.Popen(
        [str(micropython), "-X", "heapsize=64M", str(SCRIPTS / "train.py")],
        cwd=folder,
        env={**os.environ, "MICROPYPATH": str(SCRIPTS.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    first = ""
    while not first.startswith("@progress"):
        first = process.stdout.readline()
        assert first, "it ended before it could be stopped"
    assert json.loads(first.removeprefix("@progress"))["done"] < 1
    process.send_signal(signal.SIGINT)
    text = first + patience.finish(process, 5)[0]
    Ran(subprocess.CompletedProcess([], process.returncode, text, "")).failed(
        "KeyboardInterrupt", "stopped; what was saved before is untouched"
    )
    assert (folder / "model.uffm").read_bytes() == old
    assert re.findall(r"\.new$", "\n".join(os.listdir(folder))) == []
