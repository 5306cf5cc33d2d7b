"""What the application knows: drawings and network survive, unlearning is exact, doubts are
said."""

import os
from array import array

from capture.raster import SIDE, Raster
from capture.recogniser import Recogniser
from uff_checks import Random, contents, exists, raises, run, scratch, umount, write

from uff import Options, SamplesFile

raster = Raster()
SHAPES = (
    ([50, 0, 50, 100],),  # a bar
    ([0, 0, 100, 0, 100, 100, 0, 100, 0, 0],),  # a box
    ([0, 0, 100, 100], [100, 0, 0, 100]),  # a cross
    ([0, 100, 50, 0, 100, 100],),  # a roof
)


def shape(kind, seed):
    """A shaky drawing of a kind."""
    random = Random(seed * 7 + kind)
    image = bytearray(SIDE * SIDE)
    strokes = [array("h", (v + random.below(25) for v in s)) for s in SHAPES[kind]]
    raster.draw(strokes, image)
    return image


def recogniser(folder, **options):
    options.setdefault("hidden", 20)
    return Recogniser(folder + "/", None, Options(**options))


def filled(folder, each=4, kinds=3, **options):
    found = recogniser(folder, **options)
    for i in range(each):
        for kind in range(kinds):
            found.add(shape(kind, i), kind)
    return found


def beside(folder):
    """A second store on the same disk."""
    os.mkdir(folder + "/other")
    return folder + "/other"


def train(found):
    stages = list(found.train())
    done = [part for name, part in stages if name != "save"]
    saved = [part for name, part in stages if name == "save"]
    assert done == sorted(done) and done[-1] == 1 and saved == sorted(saved) and saved
    return found


def test_a_new_store_has_three_classes_and_says_what_it_wants():
    found = recogniser(scratch())
    assert found.names == ["1", "2", "3"] and found.counts() == [0, 0, 0]
    assert found.network is None and found.accuracy is None and not found.wants_training
    assert found.obstacle() == "draw something for each class"
    raises(ValueError, "draw something for each class", list, found.train())
    raises(ValueError, "train first", found.predict, shape(0, 1))
    found.add(shape(0, 1), 0)
    assert found.obstacle() == "draw one for “2”, or remove it"
    found.remove_class(2)
    found.remove_class(1)
    assert found.obstacle() == "add a second class"
    umount()


def test_it_learns_and_is_there_again_at_the_next_start():
    folder = scratch()
    found = train(filled(folder))
    assert found.accuracy > 0.9 and not found.stale
    again = recogniser(folder)
    assert again.notices == [] and not again.stale
    assert again.counts() == [4, 4, 4] and again.suspects == found.suspects
    for kind in range(3):
        for seed in range(50, 60):
            verdict = found.predict(shape(kind, seed))
            assert verdict.label == kind and len(verdict.goodness) == 3
            assert again.predict(shape(kind, seed)) == verdict
    assert found.predict(shape(1, 2)).nearest == 7
    umount()


def test_deleting_relabelling_and_removing_leave_no_trace():
    folder = scratch()
    plain = filled(folder)
    train(plain)
    want = contents(folder + "/drawings.uffm")
    found = train(filled(beside(folder)))
    path = folder + "/other/drawings.uffm"
    assert contents(path) == want
    found.add(shape(3, 9), 1)  # wrong
    assert found.stale and found.predict(shape(0, 50)).nearest is None
    train(found)
    assert contents(path) != want
    found.delete(12)
    train(found)
    assert contents(path) == want
    found.relabel(3, 2)
    train(found)
    found.relabel(3, 0)
    train(found)
    assert contents(path) == want
    assert found.add_class("roof") == 3
    assert found.obstacle() == "draw one for “roof”, or remove it"
    assert found.predict(shape(0, 50)).goodness[3] == 0.0
    for i in range(4):
        found.add(shape(3, i), 3)
    train(found)
    assert found.predict(shape(3, 50)).label == 3
    found.remove_class(3)
    assert found.network is None and found.wants_training
    train(found)
    assert contents(path) == want
    umount()


def test_a_removed_class_in_the_middle_is_as_if_never_there():
    folder = scratch()
    other = recogniser(folder)
    other.rename_class(1, "cross")
    other.remove_class(2)
    for i in range(4):
        other.add(shape(0, i), 0)
        other.add(shape(2, i), 1)
    train(other)
    want = contents(folder + "/drawings.uffm")
    found = filled(beside(folder))
    found.rename_class(2, "cross")
    found.remove_class(1)
    assert found.names == ["1", "cross"] and list(found.samples.labels) == [0, 1] * 4
    train(found)
    assert contents(folder + "/other/drawings.uffm") == want
    umount()


def test_a_model_of_other_drawings_is_not_used():
    folder = scratch()
    found = train(filled(folder))
    for change in (
        lambda samples: samples.append(shape(0, 70), 0),
        lambda samples: samples.relabel(0, 1),
        lambda samples: (samples.delete(0), samples.append(shape(0, 71), 0)),
        lambda samples: samples.name_class(3, "more"),
    ):
        change(SamplesFile.open(folder + "/drawings.uffs"))
        found = recogniser(folder)
        assert found.network is None and found.wants_training
        if found.obstacle():
            found.remove_class(3)
        train(found)
        assert not recogniser(folder).stale
    umount()


def test_a_name_changes_without_a_training():
    folder = scratch()
    found = train(filled(folder))
    found.rename_class(0, "bar")
    assert not found.stale and found.network.names[0] == "bar"
    again = recogniser(folder)
    assert not again.stale and again.network.names == ["bar", "2", "3"]
    raises(ValueError, "a class wants a name", found.rename_class, 0, " ")
    raises(ValueError, "there is a class “2” already", found.add_class, "2")
    umount()


def test_damaged_files_are_kept_and_named():
    folder = scratch()
    train(filled(folder))
    model, samples = folder + "/drawings.uffm", folder + "/drawings.uffs"
    data = bytearray(contents(model))
    data[200] ^= 1
    write(model, data)
    found = recogniser(folder)
    assert found.network is None and found.wants_training and "damaged" in found.notices[0]
    assert found.counts() == [4, 4, 4]
    data = bytearray(contents(samples))
    data[4] ^= 1
    write(samples, data)
    for number in (1, 2):
        found = recogniser(folder)
        assert found.counts() == [0, 0, 0] and "drawings.uffs.bad%d" % number in found.notices[0]
        assert contents(samples + ".bad%d" % number) == bytes(data)
        write(samples, data)
    umount()


def test_drawings_that_change_in_training_are_noticed():
    folder = scratch()
    found = filled(folder)
    steps = found.train()
    for _, done in steps:
        if done > 0.5:
            break
    found.add(shape(0, 80), 0)
    for _ in steps:
        pass
    assert found.network.facts.images == 12 and found.wants_training
    assert recogniser(folder).wants_training
    train(found)
    assert found.network.facts.images == 13 and not found.stale
    umount()


def test_a_training_given_up_leaves_the_old_model():
    folder = scratch()
    path = folder + "/drawings.uffm"
    found = train(filled(folder))
    old = contents(path)
    found.add(shape(0, 90), 0)
    count = sum(1 for _ in found.train())
    new = contents(path)
    assert new != old
    for stop in range(1, count, 5):
        write(path, old)
        steps = found.train()
        for _ in range(stop):
            next(steps)
        steps.close()
        assert contents(path) == old and not exists(path + ".new")
        assert recogniser(folder).wants_training
    umount()


def test_what_looks_mislabelled_is_named():
    folder = scratch()
    found = filled(folder, each=8)
    found.relabel(4, 2)  # a box among the crosses
    train(found)
    suspects = found.suspects
    assert 4 in suspects and len(suspects) <= 2, suspects
    assert recogniser(folder).suspects == suspects
    found.relabel(4, 1)
    assert found.suspects == []
    train(found)
    assert 4 not in found.suspects
    umount()


def test_doubts_are_said():
    folder = scratch()
    found = train(filled(folder, each=8))
    sure = [found.predict(shape(kind, 60 + i)).sure for kind in range(3) for i in range(10)]
    assert sum(sure) >= 27
    blank = found.predict(bytes(SIDE * SIDE))
    assert not blank.sure and blank.why == "unlike anything drawn"
    random = Random(5)
    noise = bytes(random.below(256) for _ in range(SIDE * SIDE))
    assert found.predict(noise).why == "unlike anything drawn"
    whys = set()
    for seed in range(60):  # something between two classes is either, sooner or later
        first, second = shape(0, seed), shape(2, seed)
        share = random.below(256)
        mixed = bytes((a * share + b * (255 - share)) // 255 for a, b in zip(first, second))
        whys.add(found.predict(mixed).why)
    assert "1 or 3?" in whys and "3 or 1?" in whys, whys
    umount()


def test_memory_that_does_not_suffice_is_said_and_costs_nothing():
    class Small:
        def __call__(self):
            def alloc(size):
                raise MemoryError

            return alloc

        def keep(self):
            raise AssertionError

    folder = scratch()
    filled(folder)
    found = Recogniser(folder + "/", Small(), Options(hidden=20))
    raises(MemoryError, "12 drawings want", list, found.train())
    assert found.network is None and found.counts() == [4, 4, 4]
    umount()


run(globals())
