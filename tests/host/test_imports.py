"""Images as people have them: scikit-learn's arrays, tables, photographs, folders of all sorts."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from uff_host import files
from uff_host.datasets import own_images, pixels
from uff_host.datasets.pixels import ImportOptions
from uff_host.errors import DataError
from uff_host.formats.samples import read_samples

CHANCE = np.random.default_rng(5)


def npz(folder: Path, **arrays: Any) -> Path:
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return path


# ---- arrays ----


def test_the_arrays_of_scikit_learn_are_read(tmp_path):
    """As numpy.savez("set.npz", **sklearn.datasets.load_digits()) leaves them, but for images."""
    data = np.tile(np.arange(0, 17, dtype=float), 8)[:128].reshape(2, 64)
    path = npz(
        tmp_path,
        data=data,
        target=np.array([1, 0]),
        target_names=np.array([3, 8]),
        frame=None,  # an object, which is not looked at
        DESCR="about it",
    )
    for how in (ImportOptions(8, 8, shape=(8, 8)), ImportOptions(8, 8)):
        found = own_images.read(path, how=how)
        assert found.names == ["3", "8"]
        wanted = np.floor(data[1] * 255 / 16 + 0.5)
        assert np.array_equal(found.images[0][0].ravel(), wanted)
        assert "0 to 16 were made 0 to 255" in found.notes[-1]
        assert len(found.notes) == (1 if how.shape else 2)  # a shape that was guessed is told
    with pytest.raises(DataError, match="rows of 64 pixels are no images of 8x9"):
        own_images.read(path, how=ImportOptions(shape=(8, 9)))


@pytest.mark.parametrize(
    ("values", "white", "brightest", "wanted"),
    [
        ([0.0, 0.5, 1.0], None, [0, 128, 255], "0 to 1 "),
        ([0, 1, 1], None, [0, 255, 255], "0 to 1 "),
        ([0.0, 8.0, 16.0], None, [0, 128, 255], "0 to 16 "),
        ([0, 8, 15], None, [0, 128, 239], "0 to 16 "),
        ([0.0, 100.4, 255.0], None, [0, 100, 255], ""),
        ([0, 8, 16], 255.0, [0, 8, 16], ""),
        ([0, 2048, 4095], 4095.0, [0, 128, 255], "0 to 4095 "),
        ([0, 0, 0], None, [0, 0, 0], ""),
        ([False, True, True], None, [0, 255, 255], ""),
    ],
)
def test_pixels_of_every_range_are_scaled_and_it_is_noted(values, white, brightest, wanted):
    found, notes = pixels.as_bytes(np.array([[values]]), "x", white)
    assert found.ravel().tolist() == brightest
    assert any(wanted in note for note in notes) == bool(wanted)
    assert len(notes) == bool(wanted)


def test_a_pixel_brighter_than_white_is_a_sentence():
    with pytest.raises(DataError, match="from 0 to 17, wanted 0 to 16"):
        pixels.as_bytes(np.array([[[0, 17]]]), "x", 16)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["dog", "cat", "dog", "eel"], ["cat", "dog", "eel"]),
        ([b"gr\xc3\xb6\xc3\x9fe", b"cat", b"cat", b"cat"], ["cat", "größe"]),
        (["10", "9", "10", "9"], ["9", "10"]),
        ([8, 3, 8, 3], ["3", "8"]),
        ([1.0, 0.0, 1.0, 0.0], ["0", "1"]),
        ([True, False, True, False], ["False", "True"]),
        ([[1], [0], [1], [0]], ["0", "1"]),
    ],
)
def test_labels_may_be_texts_or_any_numbers(tmp_path, labels, names):
    images = np.arange(4 * 16, dtype=np.uint8).reshape(4, 4, 4) + 190
    found = own_images.read(
        npz(tmp_path, images=images, labels=np.array(labels)), how=ImportOptions(4, 4)
    )
    assert found.names == names
    texts = [label.decode() if isinstance(label, bytes) else label for label in labels]
    for image, label in zip(images, np.ravel(texts), strict=True):
        of_class = found.images[names.index(str(label).removesuffix(".0"))]
        assert any(np.array_equal(image, one) for one in of_class)


def test_options_that_say_nothing_are_refused(tmp_path):
    path = npz(tmp_path, images=np.zeros((2, 4, 4)), labels=[0, 1])
    for source, how in (
        (tmp_path, ImportOptions(shape=(4, 4))),
        (tmp_path, ImportOptions(white=3)),
        (path, ImportOptions(label_column="first")),
    ):
        with pytest.raises(DataError, match="says nothing about"):
            own_images.read(source, how=how)
    with pytest.raises(DataError, match="the images are 4x4, not 5x5"):
        own_images.read(path, how=ImportOptions(shape=(5, 5)))


def test_an_array_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, images=np.zeros((100, 100, 100), np.uint8), labels=np.zeros(100))
    monkeypatch.setattr(files, "LARGEST", 10_000)
    with pytest.raises(DataError, match=r"images takes 1,000,128 bytes"):
        own_images.read(path)


def test_an_array_that_claims_more_than_it_holds_is_a_sentence(tmp_path):
    head = io.BytesIO()
    for shape in ((1 << 40, 28, 28), (100, 28, 28)):
        head.seek(0)
        np.lib.format.write_array_header_1_0(
            head, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
            archive.writestr("images.npy", head.getvalue() + bytes(1000))
        with pytest.raises(DataError, match=r"cannot be read as \.npz|no array"):
            own_images.read(tmp_path / "x.npz")


# ---- tables ----


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


IMAGES = CHANCE.integers(100, 256, (6, 4, 4)).astype(np.uint8)
CATS = ["cat", "dog", "cat", "dog", "größe", "größe"]


def table(rows: Any, divider: str = ",", end: str = "\n") -> str:
    return "".join(divider.join(map(str, row)) + end for row in rows)


@pytest.mark.parametrize(
    ("head", "row", "column", "divider"),
    [
        (["label", *range(16)], lambda i, px: [CATS[i], *px], None, ","),
        ([*range(16), "Class"], lambda i, px: [*px, CATS[i]], None, ","),
        (["", "y", *range(16)], lambda i, px: [i, CATS[i], *px], None, ","),
        (["animal", *range(16)], lambda i, px: [CATS[i], *px], "animal", ","),
        (["animal", *range(16)], lambda i, px: [CATS[i], *px], "first", ";"),
        (None, lambda i, px: [*px, CATS[i]], None, "\t"),
        (None, lambda i, px: [f'"{CATS[i]}"', *px], None, ","),
        (None, lambda i, px: [CATS[i], *px], "first", ","),
        (["target", *(f"pixel {i}" for i in range(16))], lambda i, px: [CATS[i], *px], None, ";"),
    ],
)
def test_a_table_is_read(tmp_path, head, row, column, divider):
    rows = [row(i, image.ravel()) for i, image in enumerate(IMAGES)]
    text = table([head, *rows] if head else rows, divider)
    for encoded in (text, "\ufeff" + text.replace("\n", "\r\n") + "\r\n"):
        path = write(tmp_path, encoded)
        found = own_images.read(path, how=ImportOptions(4, 4, shape=(4, 4), label_column=column))
        assert found.names == ["cat", "dog", "größe"]
        assert np.array_equal(found.images[1], IMAGES[[1, 3]])
        unnamed = ["the first column has no name"] if head and head[0] == "" else []
        assert len(found.notes) == len(unnamed)


def test_a_table_of_numbers_without_names_must_say_where_labels_are(tmp_path):
    rows = [[i % 2, *image.ravel()] for i, image in enumerate(IMAGES)]
    path = write(tmp_path, table(rows))
    with pytest.raises(DataError, match="--label-column first or last"):
        own_images.read(path)
    found = own_images.read(path, how=ImportOptions(4, 4, label_column="first"))
    assert found.names == ["0", "1"]
    assert np.array_equal(found.images[0], IMAGES[::2])


GOOD_ROW = "a,0,5,2,3"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no image"),
        ("\n\n", "holds no image"),
        ("label,a,b\n", "holds no image"),
        ("label,class,a,b\n1,2,3,4\n", "several columns named"),
        ("name,a,b\nx,1,2\n", "no column named label.*'name', 'a', 'b'.*--label-column"),
        (f"{GOOD_ROW}\nb,0,1,2\n", "image 2 has 4 values, the first 5"),
        (f"{GOOD_ROW}\nb,0,x,2,3\n", "image 2, column 3: 'x' is no number"),
        ("label,p0,p1\na,1,\n", "image 1, column 'p1': '' is no number"),
        (f"{GOOD_ROW}\nb,0,nan,2,3\n", "no finite numbers"),
        (f"{GOOD_ROW}\nb,0,-1,2,3\n", "from -1 to 5, wanted 0 to 255"),
        ("a,0,5,2\nb,0,1,2\n", "rows of 3 pixels: say by --shape"),
        (f"{GOOD_ROW}\n", "holds 1 class: 2 to 16"),
        ("a,0,1,\0,3\n", "is no table|is no number"),
        ("x" * 200, "is no table of images: a line has no end"),
    ],
)
def test_a_bad_table_is_a_sentence(tmp_path, monkeypatch, text, sentence):
    monkeypatch.setattr("uff_host.datasets.csv_images.LONGEST", 100)
    with pytest.raises(DataError, match=sentence):
        own_images.read(write(tmp_path, text))


def test_a_table_in_another_encoding_or_a_column_that_is_not_there_is_a_sentence(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"gr\xf6\xdfe,1,2,3,4\n")
    with pytest.raises(DataError, match="no text in UTF-8"):
        own_images.read(path)
    path.write_bytes(b"label,a,b,c,d\nx,1,2,3,4\n")
    with pytest.raises(DataError, match="no column 'kind'"):
        own_images.read(path, how=ImportOptions(label_column="kind"))
    path.write_bytes(b"x,1,2,4,3\n")
    with pytest.raises(DataError, match="'kind' is none"):
        own_images.read(path, how=ImportOptions(label_column="kind"))


# ---- pictures ----


def picture(suffix: str, mode: str = "L", **options: Any) -> bytes:
    """A ramp from left to right, 40x30."""
    ramp = np.tile(np.linspace(10, 240, 40).astype(np.uint8), (30, 1))
    data = io.BytesIO()
    Image.fromarray(ramp).convert(mode).save(data, suffix, **options)
    return data.getvalue()


def folder_of(folder: Path, data: bytes, suffix: str) -> Path:
    for name in "ab":
        (folder / "set" / name).mkdir(parents=True, exist_ok=True)
        (folder / "set" / name / f"x{suffix}").write_bytes(data)
    return folder / "set"


@pytest.mark.parametrize(
    ("suffix", "kind", "mode"),
    [
        (".jpg", "JPEG", "L"),
        (".JPEG", "JPEG", "RGB"),
        (".jpg", "JPEG", "CMYK"),
        (".jfif", "JPEG", "L"),
        (".webp", "WEBP", "RGB"),
        (".bmp", "BMP", "L"),
        (".gif", "GIF", "P"),
        (".ppm", "PPM", "RGB"),
    ],
)
def test_photographs_and_other_pictures_are_read(tmp_path, suffix, kind, mode):
    path = folder_of(tmp_path, picture(kind, mode), suffix)
    image = own_images.read(path, how=ImportOptions(30, 40)).images[0][0]
    assert np.abs(image.astype(int) - np.linspace(10, 240, 40)).max() < 12


def test_a_photograph_is_turned_as_the_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by a quarter to the right to see it as it was
    path = folder_of(tmp_path, picture("JPEG", exif=exif), ".jpg")
    image = own_images.read(path, how=ImportOptions(40, 30)).images[0][0]
    assert image[0].max() < 40
    assert image[-1].min() > 200


def test_a_picture_of_too_many_pixels_is_a_sentence(tmp_path):
    for side in (12_000, 60_000):
        data = picture("BMP")
        data = data[:18] + side.to_bytes(4, "little") * 2 + data[26:]
        with pytest.raises(DataError, match=r"x\.bmp is too large: .* pixels are read"):
            own_images.read(folder_of(tmp_path, data, ".bmp"))


def test_files_that_belong_to_no_class_are_named(tmp_path):
    path = folder_of(tmp_path, picture("PNG"), ".png")
    (path / "loose.png").write_bytes(picture("PNG"))
    (path / "README.txt").write_text("about")
    (path / ".hidden").write_text("")
    (path / "a" / "notes.txt").write_text("about")
    (path / "b" / "deep").mkdir()
    found = own_images.read(path)
    assert [len(of_class) for of_class in found.images] == [1, 1]
    loose, others = found.notes
    assert loose == f"Left out, in no folder of a class: {path}/README.txt, {path}/loose.png."
    assert others == f"Left out, no pictures: {path}/a/notes.txt, {path}/b/deep."
    for i in range(9):
        (path / "a" / f"{i}.txt").write_text("")
    assert own_images.read(path).notes[1].endswith("a/4.txt and 6 more.")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "x.png").write_bytes(picture("PNG"))
    with pytest.raises(
        DataError, match=r"holds 0 folders \(.*/flat/x.png is in none\), one for each"
    ):
        own_images.read(tmp_path / "flat")


def test_a_folder_whose_name_is_no_text_is_a_sentence(tmp_path):
    path = folder_of(tmp_path, picture("PNG"), ".png")
    (path / "b").rename(path / "b\udcff")
    with pytest.raises(DataError, match="is not UTF-8"):
        own_images.read(path)


def test_one_picture_is_no_source(tmp_path):
    (tmp_path / "x.jpg").write_bytes(picture("JPEG"))
    with pytest.raises(DataError, match="one picture: put pictures into a folder for each class"):
        own_images.read(tmp_path / "x.jpg")


def mutants(data: bytes, count: int, seed: str) -> list[bytes]:
    """The same bytes cut short, with bits flipped, or with a part of them repeated."""
    chance, found = random.Random(seed), []
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 3, 20))):
            changed[chance.randrange(min(len(changed), 400))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            del changed[chance.randrange(len(changed)) :]
        found.append(bytes(changed))
    return found


def judged(read: Callable[[], Any]) -> None:
    """Reads, or ends in a sentence."""
    try:
        read()
    except DataError as error:
        assert str(error).endswith(".")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP"])
def test_a_damaged_picture_is_a_picture_or_a_sentence(tmp_path, kind):
    path = tmp_path / "x"
    for data in mutants(picture(kind, "RGB"), 150, kind):
        path.write_bytes(data)
        judged(lambda: pixels.fit(pixels.open_picture(path), ImportOptions()))


def test_a_damaged_npz_is_an_npz_or_a_sentence(tmp_path):
    images = CHANCE.integers(0, 256, (4, 4, 4)).astype(np.uint8)
    data = npz(tmp_path, images=images, labels=["a", "b", "a", "b"]).read_bytes()
    for changed in mutants(data[:400], 60, "head") + mutants(data[::-1], 60, "tail"):
        whole = changed + data[400:] if data.startswith(changed[:1]) else changed[::-1]
        (tmp_path / "set.npz").write_bytes(whole)
        judged(lambda: own_images.read(tmp_path / "set.npz"))


# ---- the command ----


def test_the_command_tells_what_it_left_out_and_how_it_scaled_and_no_library_speaks(tmp_path):
    """A palette with transparency in bytes makes Pillow warn, an old array numpy."""
    ramp = Image.linear_gradient("L").convert("P")
    ramp.info["transparency"] = bytes(range(200, 256)) * 4
    data = io.BytesIO()
    ramp.save(data, "PNG")
    path = folder_of(tmp_path, data.getvalue(), ".png")
    (path / "stray.png").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "old.npz", "w") as archive:
        for name, descr, shape, content in (
            ("images", "<f8", "(2L, 16L)", np.arange(32.0).astype("<f8").tobytes()),
            ("labels", "|S1", "(2L,)", b"ab"),
        ):
            text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117)
            head = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.encode() + b"\n"
            archive.writestr(f"{name}.npy", head + content)
    for source, words in (
        (path, [f"Left out, in no folder of a class: {path}/stray.png."]),
        (tmp_path / "old.npz", ["taken for images of 4x4", "wanted 0 to"]),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "uff_host", "data", "import", str(source), "--white", "31"]
            if source.is_file()
            else [sys.executable, "-m", "uff_host", "data", "import", str(source)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert words[0] in ran.stdout
        assert read_samples(tmp_path / "train.uffs").counts() == [1, 1]
