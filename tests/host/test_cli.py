"""The command line: help, exit statuses, one sentence for an error; then all in MicroPython."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uff_host import demo, files, patience
from uff_host.cli.main import main, parse
from uff_host.console import screen
from uff_host.datasets import fashion_mnist, shapes
from uff_host.formats.model_file import read_layer, read_model, write_model
from uff_host.formats.samples import pack_samples, read_samples, write_samples


@pytest.fixture
def samples(tmp_path) -> Path:
    path = tmp_path / "train.uffs"
    write_samples(path, shapes.samples(12, 0))
    return path


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(["--help"])
    assert stop.value.code == 0
    output = capsys.readouterr().out
    for command in ("demo", "data", "train", "evaluate", "verify"):
        assert command in output


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["train"],
        ["train", "x", "--hidden", "0"],
        ["train", "x", "--network", "uff3"],
        ["train", "x", "--network", "linear+patch"],
        ["train", "x", "--copies", "-1"],
        ["demo", "--network", "uff2,bp"],
        ["train", "x", "--lambda2", "-1"],
        ["train", "x", "--lambda2", "nan"],
        ["train", "x", "--seed", "4294967296"],
        ["data", "fashion-mnist", "--class-ids", "a"],
        ["data", "fashion-mnist", "--images", "none"],
        ["data", "import", "x", "--size", "28x28x3"],
    ],
)
def test_wrong_usage_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def sentence(capsys) -> str:
    output = capsys.readouterr().err
    assert output.startswith("uff: ")
    assert output.count("\n") == 1
    assert output.endswith(".\n")
    return output


def test_an_error_is_one_sentence_and_ends_with_1(tmp_path, samples, capsys, monkeypatch):
    none, text = str(tmp_path / "none"), tmp_path / "text"
    text.write_text("no such thing")
    monkeypatch.setenv("UFF_UNIX", none)
    for arguments, words in (
        (["data", "show", none], "no such file"),
        (["data", "show", str(text)], "no samples file"),
        (["data", "import", none], "There is no"),
        (["data", "import", str(text), "--test-images", "2"], "belong together"),
        (["train", str(samples)], "make unix"),
        (["train", str(samples), "--on", "moon"], "no target 'moon'"),
        (["evaluate", str(text), str(samples)], "no model file"),
        (["verify", str(samples), str(text)], "no model file"),
        (["verify", str(samples), str(text), "--test", str(samples)], "belong together"),
        (["demo", "--on", "moon"], "no target 'moon'"),
    ):
        assert main(arguments) == 1, arguments
        assert words in sentence(capsys), arguments


def test_a_full_disk_is_a_sentence_and_keeps_the_older_file(
    samples, capsys, monkeypatch, tmp_path
):
    out = tmp_path / "sheet.png"
    out.write_bytes(b"older")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out))

    monkeypatch.setattr(files.os, "fsync", full)
    assert main(["data", "show", str(samples), "--out", str(out)]) == 1
    assert "disk is full" in sentence(capsys)
    assert out.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sheet.png", "train.uffs"]


def test_a_reader_that_goes_away_is_no_traceback(samples):
    process = subprocess.Popen(
        [sys.executable, "-m", "uff_host", "data", "show", str(samples)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, output = patience.finish(process, 60)
    assert "Traceback" not in output


def test_samples_are_shown_with_their_damage(samples, capsys):
    data = bytearray(samples.read_bytes())
    data[-2000] ^= 1
    samples.write_bytes(data + b"torn")
    assert main(["data", "show", str(samples)]) == 0
    output = capsys.readouterr().out
    assert "1 damaged" in output
    assert "tail of 4 bytes" in output
    assert Image.open(samples.with_suffix(".png")).width > 100


def test_own_images_are_imported(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (20, 9, 9), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(20) % 2)
    out, test = tmp_path / "o.uffs", tmp_path / "t.uffs"
    arguments = ["data", "import", str(tmp_path / "a.npz"), "--out", str(out), "--size", "8x9"]
    more = ["--images", "3", "--test-images", "2", "--test-out", str(test)]
    assert main([*arguments, *more]) == 0
    assert (read_samples(out).counts(), read_samples(test).counts()) == ([3, 3], [2, 2])
    assert (read_samples(out).height, read_samples(out).width) == (8, 9)


@pytest.mark.slow
def test_the_demonstration_takes_glyphs_where_fashion_mnist_is_not_to_be_had(monkeypatch):
    def none(*_):
        raise fashion_mnist.SourceError("No source.")

    monkeypatch.setattr(fashion_mnist, "load", none)
    data = demo.prepare(7, 0, None, lambda step: None)
    assert data.instead == "No source."
    assert data.train.counts() == [7] * 5
    assert data.test.counts() == [1000] * 5
    trained = {image.tobytes() for image in data.train.images}
    assert not trained & {image.tobytes() for image in data.test.images}


# --- In MicroPython ---


@pytest.mark.parametrize(
    "more",
    [
        ["--hidden", "60"],
        ["--network", "uff1", "--statistics", "--lambda2", "loo"],
        ["--network", "patch+kernel", "--hidden", "8", "--copies", "2", "--statistics"],
        ["--network", "uff_conv", "--hidden", "8", "--solver", "primal"],
        ["--network", "contrast+kernel", "--hidden", "40", "--lambda2", "loo"],
    ],
)
def test_a_network_is_trained_evaluated_and_verified(
    micropython, samples, tmp_path, capsys, monkeypatch, more
):
    monkeypatch.setenv("UFF_UNIX", str(micropython))
    test, model, answers = (str(tmp_path / name) for name in ("t.uffs", "m.uffm", "p.bin"))
    write_samples(Path(test), shapes.samples(20, 1))
    assert main(["train", str(samples), "--model", model, *more]) == 0
    assert main(["evaluate", model, test, "--predictions", answers]) == 0
    check = ["verify", str(samples), model, "--predictions", answers, "--test", test]
    assert main(check) == 0
    assert "checks passed" in capsys.readouterr().out
    assert read_model(Path(model)).n_images == 60
    data = bytearray(Path(answers).read_bytes())
    data[9] ^= 1
    Path(answers).write_bytes(data)
    assert main(check) == 1
    assert "goodness" in sentence(capsys)


def test_layer_1_of_another_network_is_kept(micropython, samples, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("UFF_UNIX", str(micropython))
    first, alone, model = (str(tmp_path / name) for name in ("1.uffm", "layer.uffm", "m.uffm"))
    train = ["train", str(samples), "--network", "uff_conv", "--model"]
    assert main([*train, first, "--hidden", "8"]) == 0
    write_model(Path(alone), read_layer(Path(first)))
    for layer1 in (first, alone):
        kept = ["train", str(samples), "--network", "uff_kernel", "--layer1", layer1]
        assert main([*kept, "--model", model]) == 0
        found = read_model(Path(model))
        assert found.kept and np.array_equal(
            found.array("W1"), read_model(Path(first)).array("W1")
        )
        for other in (first, alone):
            assert main(["verify", str(samples), model, "--layer1", other]) == 0
    assert main([*train, model, "--hidden", "8", "--seed", "5"]) == 0
    capsys.readouterr()
    assert main(["verify", str(samples), model, "--layer1", first]) == 1
    assert "layer 1" in sentence(capsys)
    assert main(["train", str(samples), "--network", "uff2", "--layer1", first]) == 1
    output = capsys.readouterr().err
    assert "layer 1: a patch layer cannot be kept in a network uff2" in output


def test_an_error_of_the_device_is_its_sentence(micropython, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("UFF_UNIX", str(micropython))
    path = tmp_path / "one.uffs"
    some = shapes.samples(2, 0)
    some.class_names.append("empty")
    path.write_bytes(pack_samples(some))
    model = tmp_path / "m.uffm"
    assert main(["train", str(path), "--model", str(model)]) == 1
    assert "empty" in capsys.readouterr().err
    assert not model.exists()


@pytest.mark.slow
def test_the_demonstration_runs_on_glyphs(micropython, tmp_path, capsys, monkeypatch):
    def none(*_):
        raise fashion_mnist.SourceError("No source.")

    monkeypatch.setattr(fashion_mnist, "load", none)
    monkeypatch.setattr(demo, "TEST_GLYPHS", 50)
    monkeypatch.setenv("UFF_UNIX", str(micropython))
    assert main(["demo", "--images", "10", "--out", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    for word in ("No source.", "Confusion matrix", "million multiply-adds", "checks passed"):
        assert word in output
    assert "slides" not in output
    for network in ("uff2", "uff_kernel"):
        assert f"{network}, here" in output
        assert Image.open(tmp_path / "out" / f"{network}.png").width > 500
        assert read_model(tmp_path / "out" / f"{network}.uffm").network == network


def test_every_progress_is_shown_with_the_time_left():
    from rich.console import Console

    from uff_host.progress import Steps

    console = Console(force_terminal=True, width=90, record=True)
    with screen.progress_bar(console, "Work") as on_progress:
        steps = Steps(2, on_progress)
        steps.next("half")
    assert "half" in console.export_text()


def test_every_public_name_of_the_package_can_be_imported():
    import uff_host

    for name in uff_host.__all__:
        assert getattr(uff_host, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        uff_host.nothing  # noqa: B018
