"""What the application knows: drawings and network survive, unlearning is exact, doubts are
said."""

import os
from array import array
from struct import pack

from capture.raster import SIDE, Raster
from capture.recogniser import NotSaved, Recogniser
from uff_checks import (
    RamDisk,
    Random,
    contents,
    exists,
    mount,
    raises,
    run,
    scratch,
    umount,
    write,
)

from ridge import crc32
from uff import FileChanged, Options, SamplesFile

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
    assert found.wants_training and found.predict(shape(3, 50)).label < 3
    assert all(found.predict(shape(kind, 50)).label == kind for kind in range(3))
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


def test_a_model_of_other_drawings_goes_on_until_it_has_learnt_anew():
    folder = scratch()
    found = train(filled(folder))
    for change in (
        lambda samples: samples.append(shape(0, 70), 0),
        lambda samples: samples.relabel(0, 1),
        lambda samples: (samples.delete(0), samples.append(shape(0, 71), 0)),
        lambda samples: samples.name_class(3, "more"),
        lambda samples: samples.remove_class(0),
    ):
        change(SamplesFile.open(folder + "/drawings.uffs"))
        found = recogniser(folder)
        assert found.stale and found.wants_training and found.suspects == []
        known = [name for name in found.names if name in "123"]
        for kind in range(3):
            verdict = found.predict(shape(kind, 60))
            if str(kind + 1) in known:
                assert found.names[verdict.label] == str(kind + 1)
            assert verdict.nearest is None and len(verdict.goodness) == len(found.names)
        if found.obstacle():
            found.remove_class(3)
        train(found)
        assert not recogniser(folder).stale
    umount()


def test_a_model_whose_classes_are_not_here_is_not_used():
    folder = scratch()
    train(filled(folder))
    samples = SamplesFile.open(folder + "/drawings.uffs")
    for number, name in enumerate(("a", "b", "3")):
        samples.name_class(number, name)
    samples.append(shape(0, 1), 0)
    found = recogniser(folder)
    assert found.network is None and found.wants_training
    train(found)
    assert recogniser(folder).network.names == ["a", "b", "3"]
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


def test_a_damaged_model_is_named_and_learnt_anew():
    folder = scratch()
    train(filled(folder))
    path = folder + "/drawings.uffm"
    whole = bytearray(contents(path))
    whole[200] ^= 1
    write(path, whole)
    found = recogniser(folder)
    assert found.network is None and found.wants_training and not found.harmed
    assert "cannot be used" in found.notices[0] and "damaged" in found.notices[0]
    assert found.counts() == [4, 4, 4]
    os.remove(path)
    os.mkdir(path)
    found = recogniser(folder)
    assert found.network is None and "cannot be used: error 21" in found.notices[0]
    umount()


def harmed(folder, *parts):
    """The recogniser that starts there: it says each of parts, goes on with the network it had,
    and works. At the next start nothing is left to say."""
    found = recogniser(folder)
    said = " ".join(found.notices)
    assert all(part in said for part in parts), said
    assert found.harmed and found.network is not None and found.names == ["1", "2", "3"]
    assert all(found.predict(shape(kind, 50)).label == kind for kind in range(3))
    count = len(found.samples)
    found.add(shape(0, 99), 0)
    again = recogniser(folder)
    assert again.notices == [] and not again.harmed and len(again.samples) == count + 1
    return found


def test_a_damaged_samples_file_is_said_kept_aside_and_the_network_goes_on():
    folder = scratch(blocks=2048)
    train(filled(folder))
    path = folder + "/drawings.uffs"
    whole, model = contents(path), contents(folder + "/drawings.uffm")
    step = 4 + 784 + 4
    start = len(whole) - 12 * step
    flipped = bytearray(whole)
    flipped[start + 5 * step + 50] ^= 4
    header = bytearray(whole)
    header[4] ^= 1
    for number, (data, left, *parts) in enumerate(
        (
            (whole[: start + 6 * step + 17], 6, "6 drawings or changes are lost"),
            (whole[: start + 11 * step + 40], 11, "A drawing is lost"),
            (whole[:100], 0, "12 drawings or changes are lost"),
            (flipped, 11, "A drawing is lost"),
            (header, 0, "12 drawings or changes are lost", "samples format 0"),
            (whole[:10], 0, "12 drawings or changes are lost", "10 bytes are no samples file"),
            (b"", 0, "12 drawings or changes are lost", "0 bytes are no samples file"),
        )
    ):
        place = "%s/%d" % (folder, number)
        os.mkdir(place)
        filled(place)  # so that the witness has seen 12
        write(place + "/drawings.uffm", model)
        for again in range(1, 3):
            write(place + "/drawings.uffs", data)
            aside = "drawings.uffs.bad%d" % again
            found = harmed(place, "kept as " + aside, *parts[again > 1 :])
            assert len(found.samples) == left + 1
            assert contents(place + "/" + aside) == bytes(data)
    umount()


def test_drawings_that_are_gone_without_a_trace_are_missed():
    # A disk that has gone back in time, or somebody who has removed the file.
    folder = scratch()
    found = filled(folder)
    path = folder + "/drawings.uffs"
    before = contents(path)
    for kind in range(3):
        found.add(shape(kind, 20), kind)
    train(found)
    write(path, before)
    found = harmed(folder, "3 drawings or changes are lost")
    for _ in range(3):
        found.add(shape(0, 1), 0)
    os.remove(path)
    harmed(folder, "16 drawings or changes are lost")
    os.remove(path)
    os.remove(folder + "/drawings.uffs.kept/records")
    harmed(folder, "The drawings are gone; the network is kept")
    # Without witness and network it is a new board's disk.
    for name in ("drawings.uffs", "drawings.uffm", "drawings.uffs.kept/records"):
        os.remove(folder + "/" + name)
    found = recogniser(folder)
    assert found.fresh and not found.harmed and found.notices == []
    assert not recogniser(folder).fresh
    umount()


def test_whatever_has_the_name_of_a_file_is_put_aside():
    folder = scratch()
    train(filled(folder))
    path = folder + "/drawings.uffs"
    os.remove(path)
    os.mkdir(path)
    harmed(folder, "cannot be read (error 21). It is kept as drawings.uffs.bad1")
    assert os.stat(path + ".bad1")[0] & 0x4000
    # A file that was being written, beside one whose header is damaged: neither rises again.
    whole = contents(path)
    write(path, b"UFFS?" + whole[5:])
    write(path + ".new", whole)
    found = harmed(folder, "bad2", "bad3")
    assert len(found.samples) == 1 and contents(path + ".bad3") == whole
    # Beside a sound one it goes.
    write(path + ".new", whole)
    assert recogniser(folder).notices == [] and not exists(path + ".new")
    os.remove(path)
    assert len(recogniser(folder).samples) == 0
    umount()


def test_samples_of_another_size_are_kept_aside():
    folder = scratch()
    SamplesFile.create(folder + "/drawings.uffs", 20, 28, ["a", "b"])
    found = recogniser(folder)
    assert "images of 20 x 28. It is kept as drawings.uffs.bad1" in found.notices[0]
    assert found.names == ["1", "2", "3"] and found.harmed
    umount()


def test_a_disk_that_does_not_work_is_said_and_one_draws_on():
    class Broken(RamDisk):
        def writeblocks(self, block, buffer, offset=None):
            return -5 if self.dead else super().writeblocks(block, buffer, offset)

        def readblocks(self, block, buffer, offset=0):
            dead, self.dead = self.dead, False
            try:
                return super().readblocks(block, buffer, offset)
            finally:
                self.dead = dead

    disk = Broken(512)
    folder = mount(disk, "VfsLfs2", format=True)
    for where in (folder, "/nowhere"):
        disk.dead = True
        found = recogniser(where)
        assert "The disk does not work" in found.notices[0] and found.harmed
        for kind in range(2):
            for i in range(3):
                found.add(shape(kind, i), kind)
        found.remove_class(2)
        found.add_class("box")
        found.relabel(5, 2)
        found.rename_class(2, "roof")
        found.delete(5)
        found.add(shape(2, 1), 2)
        raises(NotSaved, "", list, found.train())
        assert not found.stale and found.predict(shape(1, 9)).label == 1
        assert found.counts() == [3, 2, 1]
    disk.dead = False
    umount()


def test_a_full_disk_costs_the_file_of_the_network_alone():
    folder = scratch()
    found = train(filled(folder))
    before = contents(folder + "/drawings.uffm")
    write(folder + "/fill", bytes((os.statvfs(folder)[3] - 30) * 512))
    found.add(shape(0, 30), 0)
    error = raises(NotSaved, "", list, found.train())
    assert error.errno == 28
    assert not found.stale and found.network.facts.images == 13
    assert contents(folder + "/drawings.uffm") == before
    again = recogniser(folder)
    assert again.wants_training and again.predict(shape(1, 50)).label == 1
    umount()


def test_the_suspects_of_a_model_are_drawings_that_are_there():
    folder = scratch()
    found = filled(folder, each=8)
    found.relabel(4, 2)
    train(found)
    path = folder + "/drawings.uffm"
    data = bytearray(contents(path))
    note = found.network.notes
    at = bytes(data).index(note)
    data[at + len(note) - 2] = 24  # one beyond the last
    data[-4:] = pack("<I", crc32(data[:-4]))
    write(path, data)
    found = recogniser(folder)
    assert found.suspects == [] and found.stale and found.network is not None
    train(found)
    assert recogniser(folder).suspects == found.suspects and 4 in found.suspects
    umount()


def test_another_program_that_writes_is_noticed():
    folder = scratch()
    found = train(filled(folder))
    other = SamplesFile.open(folder + "/drawings.uffs")
    other.append(shape(0, 40), 0)
    raises(FileChanged, "another program has changed it", found.add, shape(1, 40), 1)
    assert len(found.samples) == 13 and found.stale
    found.add(shape(1, 40), 1)
    raises(FileChanged, "another program has changed it", other.delete, 0)
    assert recogniser(folder).counts() == [5, 5, 4]
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


class Watched:
    """An arena of the heap that notes what it is asked."""

    def __init__(self):
        self.asked = []
        self.stops = False

    def __call__(self):
        self.asked.append("give")
        return lambda size: bytearray(size)

    def keep(self):
        if self.stops:
            self.stops = False
            raise KeyboardInterrupt
        self.asked.append("keep")


def test_the_arena_keeps_the_network_in_use_and_no_other():
    folder, arena = scratch(), Watched()
    filled(folder)
    found = Recogniser(folder + "/", arena, Options(hidden=20))
    train(found)
    assert arena.asked == ["give", "keep"]
    steps = found.train()  # given up, so what it was given is free again
    for _ in range(6):
        next(steps)
    steps.close()
    found.add_class("more")
    found.remove_class(3)
    assert arena.asked == ["give", "keep", "give"]
    arena.stops = True  # Ctrl-C when the network has been learnt
    try:
        train(found)
        raise AssertionError("nothing raised")
    except KeyboardInterrupt:
        pass
    assert arena.asked == ["give", "keep", "give", "give"]
    train(found)
    assert arena.asked[4:] == ["keep", "give", "keep"]
    arena = Watched()
    found = Recogniser(folder + "/", arena, Options(hidden=20))
    assert arena.asked == ["give", "keep"] and not found.stale
    found.add(shape(0, 40), 0)
    arena = Watched()
    found = Recogniser(
        folder + "/", arena, Options(hidden=20)
    )  # other drawings: nothing lies there
    assert arena.asked == []
    train(found)
    assert arena.asked == ["give", "keep"]
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
