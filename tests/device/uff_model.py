"""The model file: what is saved is loaded; every flipped bit and every truncation is refused."""

from binascii import crc32
from struct import calcsize, pack, unpack_from

from uff_checks import contents, exists, image, raises, run, scratch, small_samples, umount, write

from uff import FormatError, Options, model
from uff.model import save_steps
from uff.train import Trainer

HEADER = "<4sHHIBBBBHHHHIIfffIIII"


def trained(each=4, **options):
    options.setdefault("hidden", 3)
    trainer = Trainer(small_samples(each, classes=2, height=5, width=5), Options(**options))
    return trainer.run(), trainer


def facts(network):
    names = ("images", "copies", "seed", "lambda_chosen", "fitted_correct", "loo_correct")
    return [getattr(network.info, name) for name in names] + [
        (layer.NAME, layer.inputs, layer.neurons, layer.ridge_lambda, layer.parameter)
        + (layer.dual, layer.gram_crc)
        for layer in (network.layer1, network.layer)
        if layer
    ]


def same(a, b):
    assert a.names == b.names and facts(a) == facts(b)
    assert (a.embedding.height, a.embedding.width) == (b.embedding.height, b.embedding.width)
    for mine, other in ((a.layer1, b.layer1), (a.layer, b.layer)):
        for x, y in zip(mine.arrays() if mine else (), other.arrays() if other else ()):
            assert x[:5] == y[:5] and bytes(x[5]) == bytes(y[5]), x[0]
    for x, y in ((a.fitted, b.fitted), (a.loo_labels, b.loo_labels)):
        assert (x is None) == (y is None) and bytes(x or b"") == bytes(y or b"")
    for number in range(5):
        picture = image(number % 2, 700 + number, 5, 5)
        assert a.predict(picture) == b.predict(picture)


def test_what_is_saved_is_loaded():
    path = scratch() + "/a.uffm"
    for options in (
        {"network": "uff1"},
        {"network": "uff1", "solver": "primal", "leave_one_out": False, "seed": 4294967295},
        {"network": "uff2"},
        {"network": "uff2", "solver": "dual", "lambda2": "loo", "seed": 7, "label_scale": 3.5},
        {"network": "uff2", "solver": "primal"},
        {"network": "uff2", "copies": 2},
        {"network": "uff1", "copies": 15, "solver": "primal"},
        {"network": "kernel"},
        {"network": "contrast+kernel", "copies": 1, "lambda2": "loo"},
    ):
        network, _ = trained(**options)
        model.save(network, path)
        loaded = model.load(path)
        same(network, loaded)
        assert loaded.statistics is None and loaded.statistics1 is None
        assert not exists(path + ".new")
        # Saving what was loaded gives the same file.
        before = contents(path)
        model.save(loaded, path)
        assert contents(path) == before
    umount()


def test_statistics_and_gram_matrices_are_saved_when_asked_for():
    path = scratch() + "/a.uffm"
    for form in ("primal", "dual"):
        network, trainer = trained(solver=form)
        model.save(network, path, trainer.statistics, trainer.statistics1)
        loaded = model.load(path)
        same(network, loaded)
        assert bytes(loaded.statistics1) == bytes(trainer.statistics1)
        assert crc32(loaded.statistics1) == network.layer1.gram_crc
        if form == "primal":
            for name in ("gram", "sums", "counts"):
                assert bytes(getattr(loaded.statistics, name)) == bytes(
                    getattr(trainer.statistics, name)
                )
            assert crc32(loaded.statistics.gram) == network.layer.gram_crc
        else:
            assert loaded.statistics is None  # a kernel of the images cannot learn on
    umount()


def test_the_header_is_laid_out_as_documented():
    path = scratch() + "/a.uffm"
    network, _ = trained(solver="primal", seed=5)
    model.save(network, path)
    data = contents(path)
    fields = unpack_from(HEADER, data, 0)
    assert fields[:2] == (b"UFFM", 1)
    assert fields[3] == len(data)
    assert fields[4:12] == (2, 2, 16, 0, 5, 5, 9, 3)
    assert fields[12:14] == (8, 5)
    assert fields[17] == network.info.fitted_correct and fields[18] == network.info.loo_correct
    assert unpack_from("<I", data, len(data) - 4)[0] == crc32(data[:-4])
    at, tags = fields[2], []
    while at < len(data) - 4:
        tag, typecode, exponent, _, rows, columns = unpack_from("<4sBbHII", data, at)
        tags.append((tag, chr(typecode), exponent, rows, columns))
        size = rows * columns * {"B": 1, "h": 2, "i": 4}[chr(typecode)]
        at += 16 + size + -size % 4
    e = network.layer.exponent
    assert tags == [
        (b"W1  ", "h", 14, 3, 9),
        (b"W2  ", "h", e, 2, 3),
        (b"V2  ", "i", e + 9, 2, 2),
        (b"FIT ", "B", 0, 1, 8),
        (b"LOO ", "B", 0, 1, 8),
    ]
    umount()


def test_the_notes_of_an_application_are_kept_with_the_model():
    path = scratch() + "/a.uffm"
    network, _ = trained()
    model.save(network, path)
    assert model.load(path).notes is None
    for notes in (b"", b"x", bytes(range(256)) * 20):
        network.notes = notes
        model.save(network, path)
        assert bytes(model.load(path).notes) == notes
        assert model.load(path).predict(bytes(25)) == network.predict(bytes(25))
    umount()


def test_a_save_in_slices_tells_how_far_it_is_and_may_be_given_up():
    path = scratch() + "/a.uffm"
    network, _ = trained()
    model.save(network, path)
    before = contents(path)
    network.notes = bytes(range(256)) * 100
    steps = save_steps(network, path)
    done = [next(steps) for _ in range(5)]
    steps.close()
    assert contents(path) == before and not exists(path + ".new")
    done = list(save_steps(network, path))
    assert done == sorted(done) and 0 < done[0] < done[-1] <= 1 and len(done) > 12
    assert bytes(model.load(path).notes) == network.notes
    umount()


def test_every_flipped_bit_is_refused():
    path = scratch() + "/a.uffm"
    model.save(trained()[0], path)
    data = bytearray(contents(path))
    for at in range(len(data)):
        for bit in range(8):
            data[at] ^= 1 << bit
            write(path, data)
            data[at] ^= 1 << bit
            raises(FormatError, "a.uffm", model.load, path)
    write(path, data)
    model.load(path)
    umount()


def test_every_truncation_and_extension_is_refused():
    path = scratch() + "/a.uffm"
    model.save(trained()[0], path)
    whole = contents(path)
    for size in range(len(whole)):
        write(path, whole[:size])
        raises(FormatError, "a.uffm", model.load, path)
    for more in (b"\0", b"\0\0\0\0", whole):
        write(path, whole + more)
        raises(FormatError, "a.uffm", model.load, path)
    umount()


def sealed(data):
    return bytes(data[:-4]) + pack("<I", crc32(data[:-4]))


def test_nonsense_with_a_sound_crc_is_refused():
    # What a faulty writer could make; a changed header field, one at a time.
    path = scratch() + "/a.uffm"
    model.save(trained(solver="primal")[0], path)
    whole = contents(path)
    harmless = 0
    offsets = [0, 4, 6, 8, 12, 13, 14, 15, 16, 18, 20, 22, 24]
    for at in offsets:
        for value in (0, 1, 3, 200, 255):
            data = bytearray(whole)
            if data[at] == value:
                continue
            data[at] = value
            write(path, sealed(data))
            try:
                model.load(path)
                harmless += (
                    at == 15
                )  # flags: which lambda, which form; no array depends on these two
                assert at == 15, (at, value)
            except FormatError:
                pass
    start = unpack_from(HEADER, whole, 0)[2]
    for at in range(start, start + 16):
        for value in (0, 77, 255):
            data = bytearray(whole)
            if data[at] == value:
                continue
            data[at] = value
            write(path, sealed(data))
            raises(FormatError, "", model.load, path)
    umount()


def test_numbers_that_no_training_takes_are_refused():
    path = scratch() + "/a.uffm"
    model.save(trained(solver="primal")[0], path)
    whole = contents(path)
    fields = unpack_from(HEADER, whole, 0)
    for i, name in ((14, "parameter"), (15, "lambda"), (16, "lambda")):
        for bad in (0.0, -0.5, 2.0**-21, 2.0**21, float("inf"), float("nan")):
            changed = list(fields)
            changed[i] = bad
            data = pack(HEADER, *changed) + whole[calcsize(HEADER) :]
            write(path, sealed(data))
            raises(FormatError, "layer: a %s of " % name, model.load, path)
    umount()


def test_counts_that_no_learner_takes_are_refused():
    path = scratch() + "/a.uffm"
    trainer = Trainer(small_samples(), Options(network="uff1", solver="primal"))
    model.save(trainer.run(), path, trainer.statistics)
    whole = contents(path)
    for bad in (-1, 8192):
        data = bytearray(whole)
        data[-8:-4] = pack("<i", bad)  # of the last class
        write(path, sealed(data))
        raises(FormatError, "a.uffm: counts: want 8191 images at most", model.load, path)
    umount()


def test_other_files_are_no_model_files():
    folder = scratch()
    path = folder + "/a.uffm"
    for data, part in (
        (b"", "0 bytes are no model file"),
        (b"UFFS" + bytes(100), "not a model file"),
        (b"UFFM\x04\x00" + bytes(100), "model format 4; this reads 1 to 3"),
    ):
        write(path, data)
        raises(FormatError, part, model.load, path)
    raises(OSError, "nothing.uffm", model.load, folder + "/nothing.uffm")
    raises(OSError, "nowhere", model.save, trained()[0], folder + "/nowhere/a.uffm")
    umount()


def test_a_damaged_file_under_the_other_name_is_not_taken_for_the_model():
    folder = scratch()
    path = folder + "/a.uffm"
    model.save(trained()[0], path)
    whole = contents(path)
    write(path + ".new", whole[:-1])
    model.load(path)
    import os

    os.remove(path)
    raises(OSError, "a.uffm", model.load, path)
    write(path + ".new", whole)
    model.load(path)
    assert contents(path) == whole and not exists(path + ".new")
    umount()


run(globals())
