"""Boards merged on the host and on the device: the same bytes, receipts, refusals, 64-bit sums."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uff_host import reference
from uff_host.cli.main import main
from uff_host.errors import DataError, FormatError
from uff_host.formats.model import Array
from uff_host.formats.model_arrays import layer_alone, scale_of
from uff_host.formats.model_file import (
    pack_model,
    read_model,
    read_statistics,
    unpack_model,
    unpack_statistics,
    write_model,
)
from uff_host.formats.samples import Samples, write_samples
from uff_host.merging import receipt as receipts
from uff_host.merging import sums as exact
from uff_host.merging.merge import merge, named, read
from uff_host.merging.solve import solve
from uff_host.merging.sums import Setting, Sums
from uff_host.targets.unix import UnixTarget
from uff_host.verification import merged as check

SIDE = 9
NAMES = ["wall", "bar", "comb", "anvil"]
EACH = ("--at-least", "1")


def image(label: int, number: int) -> np.ndarray:
    """A bar whose place tells the class, under noise."""
    random = np.random.default_rng([label, number])
    pixels = random.integers(0, 120, (SIDE, SIDE)).astype(np.uint8)
    pixels[2 * label : 2 * label + 2] += np.uint8(130)
    return pixels


def samples(names: list[str], *groups: tuple[str, range]) -> Samples:
    """Images of classes of NAMES, by number, under the labels of a list of names."""
    made = [(image(NAMES.index(name), i), names.index(name)) for name, of in groups for i in of]
    return Samples(names, np.stack([m[0] for m in made]), np.array([m[1] for m in made], np.uint8))


A = [(name, range(6)) for name in NAMES[:3]]
B = [(name, range(10, 15)) for name in NAMES[:3]]
C = [(name, range(20, 23)) for name in NAMES[:3]]


@pytest.fixture(scope="module")
def unix(micropython: Path) -> Iterator[UnixTarget]:
    with UnixTarget(micropython) as target:
        yield target


@pytest.fixture(scope="module")
def layer1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A patch layer of other images, as a file."""
    path = tmp_path_factory.mktemp("layer") / "layer.uffm"
    of = samples(NAMES[:3], *[(name, range(50, 60)) for name in NAMES[:3]])
    trained = reference.train(of, reference.Options("uff_conv", hidden=4))
    write_model(path, layer_alone(trained))
    return path


Board = Callable[..., Path]


@pytest.fixture(params=["uff1", "uff_conv"])
def board(request, tmp_path: Path, layer1: Path, unix: UnixTarget) -> Board:
    """board(name, groups, names=NAMES[:3]): trained in MicroPython, with statistics."""

    def make(name: str, groups, names: list[str] = NAMES[:3]) -> Path:
        path = tmp_path / f"{name}.uffm"
        write_samples(path.with_suffix(".uffs"), samples(names, *groups))
        unix.put(path.with_suffix(".uffs"), "train.uffs")
        job = {"network": request.param, "statistics": True, "solver": "primal"}
        if request.param == "uff_conv":
            unix.put(layer1, "layer1.uffm")
            job |= {"layer1": "layer1.uffm", "hidden": 4}
        unix.run("train.py", job)
        unix.get("model.uffm", path)
        return path

    return make


def on_host(paths, out: Path, *more: str) -> bytes:
    assert main(["merge", *map(str, paths), "--model", str(out), *EACH, *more]) == 0
    return out.read_bytes()


def test_any_order_and_grouping_is_one_training_on_host_and_device(board, unix, tmp_path):
    a, b, c = board("a", A), board("b", B), board("c", C)
    whole = on_host([board("all", [*A, *B, *C])], tmp_path / "whole.uffm")
    for order in itertools.permutations((a, b, c)):
        assert on_host(order, tmp_path / "m.uffm") == whole
    on_host([b, c], tmp_path / "bc.uffm")
    assert on_host([tmp_path / "bc.uffm", a], tmp_path / "m.uffm") == whole
    receipt = receipts.read(tmp_path / "m.uffm.receipt")
    assert len(receipt.parts) == 3 and receipt.model == exact.sha256(whole)
    for path in (a, b, c):
        unix.put(path, path.name)
    unix.run("merge.py", {"parts": ["c.uffm", "a.uffm", "b.uffm"], "model": "m.uffm"})
    unix.get("m.uffm", tmp_path / "device.uffm")
    assert (tmp_path / "device.uffm").read_bytes() == whole
    # As it was before there was merging: no new version of the file, no weights of another kind
    assert whole[4] == (1 if read_model(a).network == "uff1" else 2)
    trained = read_model(tmp_path / "all.uffm")
    for tag in ("W2", "V2", "GRAM", "SUMS", "CNT"):
        assert np.array_equal(unpack_model(whole).array(tag), trained.array(tag))


def test_classes_belong_together_by_name_and_new_ones_are_added(board, unix, tmp_path):
    parts = [
        board("a", A[:2], ["wall", "bar"]),
        board("b", [*B[1:], ("anvil", range(4))], ["comb", "anvil", "bar"]),
        board("c", C, NAMES[:3]),
    ]
    files = {on_host(order, tmp_path / "m.uffm") for order in itertools.permutations(parts)}
    assert len(files) == 1
    # wall 0, comb (0 and 2 of 5 and 3 images), anvil 1, bar (1, 2 and 1 of 6, 5, 3)
    model = read_model(tmp_path / "m.uffm")
    assert model.class_names == ["wall", "comb", "anvil", "bar"]
    assert model.array("OFFS")[0].tolist() == [0, 6 - 8, 4 - 8, 6 + 10 + 3 - 3 * 14]
    for path in parts:
        unix.put(path, path.name)
    unix.run("merge.py", {"parts": ["b.uffm", "c.uffm", "a.uffm"], "model": "m.uffm"})
    unix.get("m.uffm", tmp_path / "device.uffm")
    assert {(tmp_path / "device.uffm").read_bytes()} == files
    on_host(parts[1:], tmp_path / "bc.uffm")
    assert on_host([parts[0], tmp_path / "bc.uffm"], tmp_path / "n.uffm") in files
    assert main(["verify", *map(str, parts), str(tmp_path / "m.uffm")]) == 0


def test_what_is_removed_was_never_there_and_verify_proves_it(board, unix, tmp_path, capsys):
    a, b, c = board("a", A), board("b", B), board("c", [*C, ("anvil", range(9))], NAMES)
    never = on_host([b, a], tmp_path / "never.uffm")
    on_host([a, b, c], tmp_path / "all.uffm")
    rest = tmp_path / "rest.uffm"
    assert on_host([tmp_path / "all.uffm"], rest, "--remove", str(c)) == never
    assert (tmp_path / "never.uffm.receipt").read_text() == (
        tmp_path / "rest.uffm.receipt"
    ).read_text()
    proof = ["verify", str(a), str(b), str(rest), "--receipt", f"{rest}.receipt"]
    assert main([*proof, "--without", str(c)]) == 0
    assert main([*proof, "--without", str(c.with_suffix(".uffs"))]) == 0
    assert "bytes, solved anew" in capsys.readouterr().out
    assert main([*proof, "--without", str(b)]) == 1
    assert "without" in capsys.readouterr().err
    assert main(["verify", str(a), str(b), str(tmp_path / "all.uffm")]) == 1
    for path in (tmp_path / "all.uffm", c):
        unix.put(path, path.name)
    job = {"parts": ["all.uffm"], "remove": ["c.uffm"], "model": "m.uffm"}
    unix.run("merge.py", job)
    unix.get("m.uffm", tmp_path / "device.uffm")
    assert (tmp_path / "device.uffm").read_bytes() == never


def test_a_drawing_that_is_removed_was_never_there(board, tmp_path):
    a, b = board("a", A), board("b", [*B, ("bar", range(99, 100))])
    never = on_host([a, board("fewer", B)], tmp_path / "never.uffm")
    on_host([a, b], tmp_path / "ab.uffm")
    drawing = tmp_path / "drawing.uffs"
    write_samples(drawing, samples(NAMES[:3], ("bar", range(99, 100))))
    rest = tmp_path / "rest.uffm"
    assert on_host([tmp_path / "ab.uffm"], rest, "--remove", str(drawing)) == never
    receipt = receipts.read(tmp_path / "rest.uffm.receipt")
    assert [part.images for part in receipt.without] == [1] and len(receipt.parts) == 2
    proof = [str(a), str(tmp_path / "fewer.uffs"), str(rest), "--without", str(drawing)]
    assert main(["verify", *proof]) == 0
    seen = [str(a), str(tmp_path / "b.uffs"), str(tmp_path / "ab.uffm")]
    assert main(["verify", *seen, "--without", str(drawing)]) == 1


def test_one_class_a_board_and_sums_alone(board, tmp_path, capsys):
    """Statistics alone, of a single class, are merged as well."""
    pair = board("pair", A[:2], NAMES[:2])
    on_host([pair], tmp_path / "alone.uffm", "--statistics-only")
    alone = read_statistics(tmp_path / "alone.uffm")
    assert alone.alone and not {b"W2  ", b"FIT ", b"LOO "} & set(alone.arrays)
    with pytest.raises(FormatError, match="holds statistics alone; `uff merge`"):
        read_model(tmp_path / "alone.uffm")
    assert on_host([tmp_path / "alone.uffm"], tmp_path / "m.uffm") == on_host(
        [pair], tmp_path / "n.uffm"
    )
    one = exact.of_samples(samples(["bar"], A[1]), read(pair).sums.setting, "one")
    write_model(tmp_path / "one.uffm", one.model())
    command = ["merge", str(tmp_path / "one.uffm"), "--model", str(tmp_path / "x.uffm"), *EACH]
    assert main(command) == 1
    assert "There are images of “bar” alone" in capsys.readouterr().err
    assert main([*command, "--statistics-only"]) == 0


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """made(name, groups, names, **options): a model of numpy's, with statistics."""

    def make(name: str, groups, names: list[str] = NAMES[:3], layer=None, **options) -> Path:
        chosen: dict[str, Any] = {"network": "uff1", "statistics": True, "form": "primal"}
        chosen |= options
        path = tmp_path / f"{name}.uffm"
        of = samples(names, *groups)
        write_model(path, reference.train(of, reference.Options(**chosen), layer))
        return path

    return make


def test_what_does_not_belong_together_is_refused_with_a_sentence(made, layer1, tmp_path, capsys):
    from uff_host.formats.model_file import read_layer

    a = made("a", A)
    other = reference.train(samples(NAMES[:3], *C), reference.Options("uff_conv", hidden=4))
    kept, strange = read_layer(layer1), layer_alone(other)
    twins = tmp_path / "twins.uffm"
    write_model(twins, replace(read_model(made("t", B)), class_names=["bar", "bar", "wall"]))
    conv = made("conv", A, network="uff_conv", hidden=4, layer=kept)
    out = tmp_path / "m.uffm"
    for paths, part in (
        ([a, conv], "has layer 1 "),
        ([conv, made("k", B, network="uff_conv", hidden=4, layer=strange)], "(by SHA-256)"),
        ([a, made("l", B, lambda2=0.5)], "has a lambda2 of 0.5, not 0.1"),
        ([a, made("s", B, strength=0.2)], "has a label strength of 0.2"),
        ([conv, made("own", B, network="uff_conv", hidden=4)], "trained its layer 1 on its own"),
        ([a, made("dual", B, form="dual")], "was trained in dual form"),
        ([a, made("none", B, statistics=False)], "holds no statistics"),
        ([a, made("kernel", B, network="kernel")], "only a linear class layer has sums"),
        ([a, twins], "two classes of one name"),
        ([a, a], "hold the same learning"),
        ([a, layer1], "holds a feature layer alone"),
        ([tmp_path / "nobody*.uffm"], "No file fits"),
        ([tmp_path / "nothing.uffm"], "no such file"),
    ):
        assert main(["merge", *map(str, paths), "--model", str(out), *EACH]) == 1, part
        output = capsys.readouterr().err
        assert part in output and output.count("\n") == 1, output
        assert not out.exists() and not receipts.place(out).exists()
    assert main(["merge", str(a), "--model", str(a), *EACH]) == 1
    assert "is what is to be read" in capsys.readouterr().err


def test_lambda2_may_be_named_and_the_same_may_count_twice(made, unix, tmp_path):
    a, b = made("a", A), made("b", B, lambda2=0.5)
    got = on_host([a, b], tmp_path / "m.uffm", "--lambda2", "0.25")
    assert unpack_model(got).class_layer.ridge == 0.25
    on_host([a, a], tmp_path / "m.uffm", "--twice")
    assert read_model(tmp_path / "m.uffm").n_images == 2 * 18


def test_statistics_of_few_images_are_not_given_away_unless_asked_for(made, tmp_path, capsys):
    a, out = made("a", A), tmp_path / "m.uffm"
    for more in ([], ["--statistics-only"], ["--at-least", "7"]):
        assert main(["merge", str(a), "--model", str(out), *more]) == 1
        assert "Class “wall” has 6 images" in capsys.readouterr().err
        assert not out.exists()
    assert main(["merge", str(a), "--model", str(out), "--no-statistics"]) == 0
    weights = read_model(out)
    assert not weights.has_statistics
    assert set(weights.arrays) == {b"W2  ", b"V2  "}
    assert main(["receipt", str(out)]) == 0
    assert main(["merge", str(a), "--model", str(out), "--at-least", "6"]) == 0


def test_a_receipt_says_what_there_is_and_is_refused_beside_another_model(made, tmp_path, capsys):
    a, b = made("a", A), made("b", B)
    out = tmp_path / "m.uffm"
    on_host([a, b], out)
    capsys.readouterr()
    assert main(["receipt", str(out), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["model"] == exact.sha256(out.read_bytes()) and record["layer1"] is None
    assert [part["images"] for part in record["parts"]] in ([18, 15], [15, 18])
    own = {read(path).sums.sha256() for path in (a, b)}
    assert {part["sums"] for part in record["parts"]} == own
    assert main(["receipt", str(a)]) == 0
    assert "It was not merged" in capsys.readouterr().out
    receipts.place(a).write_text(receipts.place(out).read_text())
    for command in (["receipt", str(a)], ["merge", str(a), "--model", str(out), *EACH]):
        assert main(command) == 1
        assert "is the receipt of another model" in capsys.readouterr().err
    for nonsense in ("", "[]", "{}", '{"kind": "uff receipt 1", "model": 7}', "null"):
        receipts.place(a).write_text(nonsense)
        assert main(["receipt", str(a)]) == 1
        assert "is no receipt of a model" in capsys.readouterr().err


# ---- more images than int32 holds ----


@pytest.fixture(scope="module")
def many() -> list[Sums]:
    """Three boards of 9,000 images together."""
    setting = Setting(SIDE, SIDE, None, SIDE * SIDE - 16, reference.snap(0.1), 0.5)
    random = np.random.default_rng(5)
    labels = np.arange(9000) % 3
    images = random.integers(0, 120, (9000, SIDE, SIDE)).astype(np.uint8)
    for c in range(3):
        images[labels == c, 2 * c : 2 * c + 2] += np.uint8(130)
    of = Samples(NAMES[:3], images, labels.astype(np.uint8))
    parts = []
    for part in (slice(0, 3000), slice(3000, 3500), slice(3500, None)):
        some = replace(of, images=of.images[part], labels=of.labels[part])
        parts.append(exact.of_samples(some, setting, "some"))
    whole = exact.of_samples(of, setting, "all")
    added = parts[0].plus(parts[1]).plus(parts[2])
    assert added.sha256() == whole.sha256()
    return [*parts, whole]


def test_more_images_than_int32_holds_are_summed_in_int64_and_solved_scaled(many, unix, tmp_path):
    whole = many[3]
    model = solve(whole, unix)
    data = pack_model(model)
    path = tmp_path / "many.uffm"
    path.write_bytes(data)
    assert data[4] == 3 and model.array("GRAM").dtype == np.int64
    assert pack_model(unpack_model(data)) == data
    for order in ((0, 1, 2), (2, 0, 1)):
        added = many[order[0]].plus(many[order[1]]).plus(many[order[2]])
        assert pack_model(solve(added, unix)) == data
    assert check.verify(model, whole, path).ok
    wrong = replace(model, arrays=dict(model.arrays))
    w2 = model.arrays[b"W2  "]
    wrong.arrays[b"W2  "] = Array(w2.data + np.int16(60), w2.exponent)
    assert not check.verify(wrong, whole, path).ok
    # A board passes the large sums over and predicts.
    test = samples(NAMES[:3], *[(name, range(70, 90)) for name in NAMES[:3]])
    write_samples(tmp_path / "test.uffs", test)
    unix.put(path, "model.uffm")
    unix.put(tmp_path / "test.uffs", "test.uffs")
    assert unix.run("evaluate.py", {})["correct"] == 60
    # And what 9,000 images say is close to what 8,191 in int32 would.
    few = Samples(NAMES[:3], test.images[:0], test.labels[:0])
    assert len(few) == 0 and reference.infer(model, test.images).argmax(1).tolist() == (
        test.labels.tolist()
    )


def test_what_is_taken_out_of_many_leaves_an_ordinary_file(many, unix):
    rest = many[3].plus(many[2], -1)
    rest.check("rest")
    assert rest.images == 3500
    assert pack_model(solve(rest, unix)) == pack_model(solve(many[1].plus(many[0]), unix))
    assert pack_model(solve(rest, unix))[4] == 1


def test_the_scale_is_as_documented(many):
    for images, want in ((8191, 0), (8192, 1), (16382, 1), (16383, 2), (2**31 - 1, 19)):
        assert scale_of(images)[0] == want
    assert [scale_of(n)[1] for n in (2**21, 2**21 + 1, 2**31 - 1)] == [0, 1, 10]
    scaled = many[3].scaled()
    gram = many[3].gram
    assert np.array_equal(scaled.array("GRAM")[0], gram // 2 + gram % 2)
    assert scaled.exponent("GRAM") == 17 and scaled.exponent("SUMS") == 9
    with pytest.raises(DataError, match="scaled down"):
        exact.of_model(scaled, "it")


# ---- hostile files ----


def test_sums_that_no_images_can_have_are_refused(made):
    sound = read(made("a", A)).sums

    def changed(change: Callable[[Sums], None]) -> Sums:
        found = sound.plus(sound, 0)
        change(found)
        return found

    def set_gram(at: int, value: int) -> Callable[[Sums], None]:
        return lambda found: found.gram.__setitem__(at, value)

    cases: list[tuple[Callable[[Sums], None], str]] = [
        (set_gram(0, -1), "class sums of"),
        (set_gram(1, -5), "elements below 0"),
        (set_gram(0, 2**40), "that 18 images cannot have"),
        (lambda s: setattr(s.classes["bar"], "images", -1), "more than there were"),
        (lambda s: setattr(s.classes["bar"], "images", 0), "cannot have"),
        (lambda s: s.classes["bar"].sums.__setitem__(3, -1), "never added"),
        (lambda s: s.classes["bar"].sums.__setitem__(3, 2**30), "cannot have"),
        (lambda s: setattr(s.classes["bar"], "numbers", 97), "class numbers"),
    ]
    for change, part in cases:
        with pytest.raises(DataError, match=part):
            changed(change).check("it")
    sound.check("it")


def test_every_flipped_bit_of_statistics_is_refused_or_harmless(made, tmp_path):
    """With a sound CRC: refused, or other sums that images can have; nothing crashes."""
    alone = read(made("a", A[:2], NAMES[:2])).sums.model()
    data = bytearray(pack_model(alone))
    head = int.from_bytes(data[6:8], "little")
    taken = 0
    for at in [*range(head), *range(head, len(data) - 4, 61)]:
        for bit in range(8):
            data[at] ^= 1 << bit
            sound = bytes(data[:-4]) + zlib.crc32(bytes(data[:-4])).to_bytes(4, "little")
            data[at] ^= 1 << bit
            try:
                exact.of_model(unpack_statistics(sound), "it")
            except (FormatError, DataError):
                continue
            taken += 1
    # lambda, strength, names and sums may be others
    assert 0 < taken < 8 * (head + (len(data) - head) // 61) // 2


def test_patterns_name_files_in_the_order_of_their_names(tmp_path):
    for name in ("b.uffm", "a.uffm", "c.uffs"):
        (tmp_path / name).touch()
    found = named([f"{tmp_path}/*.uffm", f"{tmp_path}/c.uffs"])
    assert [path.name for path in found] == ["a.uffm", "b.uffm", "c.uffs"]


def test_files_are_read_one_after_the_other(made, tmp_path):
    steps: list[str] = []
    paths = [made(f"p{i}", [(n, range(10 * i, 10 * i + 2)) for n in NAMES[:3]]) for i in range(4)]
    found = merge(paths, on_progress=lambda step: steps.append(step.stage))
    assert steps == [path.name for path in paths]
    assert found.sums.images == 24 and len(found.parts) == 4
