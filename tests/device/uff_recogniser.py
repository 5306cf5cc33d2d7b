"""What the application knows: drawings and network survive, unlearning is exact, doubts are
shown."""

import os
from array import array
from struct import pack

import uff_checks as checks
from capture.errors import NotSaved, OutOfMemory, Refused
from capture.raster import SIDE, Raster
from capture.recogniser import Recogniser
from uff_checks import (
    RamDisk,
    Random,
    contents,
    exists,
    mount,
    raises,
    run,
    umount,
    write,
)

from ridge import crc32
from uff import Dataset, FileChanged, Options
from uff.model import save
from uff.train import Trainer

raster = Raster()
BLOCKS = 6144  # of a disk that holds two stores


def scratch(kind="VfsLfs2", blocks=BLOCKS):
    return checks.scratch(kind, blocks)


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


def recogniser(folder):
    return Recogniser(folder + "/")


def filled(folder, each=4, kinds=3):
    found = recogniser(folder)
    for i in range(each):
        for kind in range(kinds):
            found.add(shape(kind, i), kind)
    return found


def beside(folder):
    """A second store on the same disk."""
    os.mkdir(folder + "/other")
    return folder + "/other"


def learn(found):
    stages = list(found.learn())
    names = [name for name, _ in stages]
    for stage in ("learn", "check", "save"):
        done = [part for name, part in stages if name == stage]
        assert done == sorted(done) and done[-1] <= 1, (stage, done)
        first = names.index(stage)
        assert names[first : first + len(done)] == [stage] * len(done)
    return found


def test_a_new_store_has_three_classes_and_says_what_it_wants():
    found = recogniser(scratch())
    assert found.names == ["1", "2", "3"] and found.counts() == [0, 0, 0]
    assert found.network is None and found.accuracy is None
    assert found.obstacle() == "draw something for each class"
    raises(Refused, "draw something for each class", list, found.learn())
    raises(Refused, "learnt nothing yet", found.predict, shape(0, 1))
    found.add(shape(0, 1), 0)
    assert found.obstacle() == "draw one for “2” too"
    found.remove_class(2)
    found.remove_class(1)
    assert found.obstacle() == "add a second class"
    umount()


def test_it_learns_and_is_there_again_at_the_next_start():
    folder = scratch()
    found = learn(filled(folder))
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
    learn(plain)
    want = contents(folder + "/drawings.uffm")
    found = learn(filled(beside(folder)))
    path = folder + "/other/drawings.uffm"
    assert contents(path) == want
    found.add(shape(3, 9), 1)  # wrong
    assert found.stale and found.predict(shape(0, 50)).nearest is None
    learn(found)
    assert contents(path) != want
    found.delete(12)
    learn(found)
    assert contents(path) == want
    found.relabel(3, 2)
    learn(found)
    found.relabel(3, 0)
    learn(found)
    assert contents(path) == want
    assert found.add_class("roof") == 3
    learn(found)  # a class without drawings is none of the network's
    assert found.predict(shape(0, 50)).goodness[3] == 0.0
    assert contents(path) == want
    for i in range(4):
        found.add(shape(3, i), 3)
    learn(found)
    assert found.predict(shape(3, 50)).label == 3
    found.remove_class(3)
    assert found.stale and found.predict(shape(3, 50)).label < 3
    assert all(found.predict(shape(kind, 50)).label == kind for kind in range(3))
    learn(found)
    assert contents(path) == want
    umount()


def test_what_is_taken_back_is_learnt_as_if_it_had_never_been():
    for is_tuned in (False, True):
        folder = scratch()
        found = filled(folder)
        (tuned if is_tuned else learn)(found)
        path = folder + "/drawings.uffm"
        want = contents(path)
        for change in (
            lambda found: found.delete(11),
            lambda found: found.delete(4),
            lambda found: found.relabel(0, 2),
            lambda found: found.remove_class(1),
        ):
            for is_learnt in (True, False):
                for is_restarted in (False, True):
                    assert not found.can_undo
                    raises(Refused, "there is nothing to take back", found.undo)
                    change(found)
                    if is_learnt:
                        learn(found)
                        assert contents(path) != want
                    found.undo()
                    assert found.network is None or found.predict(shape(0, 60)).label == 0
                    if is_restarted:  # the power fails before it has learnt
                        found = recogniser(folder)
                    learn(found)
                    assert contents(path) == want and found.trained == is_tuned
                    assert not found.stale and found.counts() == [4, 4, 4]
                    again = recogniser(folder)
                    assert again.notices == [] and not again.stale
                    assert again.predict(shape(1, 60)) == found.predict(shape(1, 60))
        found.add(shape(0, 30), 0)
        assert not found.can_undo
        umount()


def test_beside_the_network_of_the_application_before_it_learns_anew():
    # Two layers, and a note of another form: fingerprint, similarity, suspects.
    folder = scratch()
    found = filled(folder)
    learn(found)
    path = folder + "/drawings.uffm"
    want = contents(path)
    old = Trainer(found.samples, Options("uff2", hidden=20)).run()
    old.notes = pack("<IiI", 1, 2, 0)
    save(old, path)
    found = recogniser(folder)
    sentence = (
        "The network is of another version of the application: it learns your drawings anew."
    )
    assert found.notices == [sentence] and not found.harmed
    assert found.network is None and found.stale and found.counts() == [4, 4, 4]
    learn(found)
    assert contents(path) == want and recogniser(folder).notices == []
    umount()


def test_it_learns_each_drawing_from_the_second_class_on():
    found = recogniser(scratch())
    found.add(shape(0, 1), 0)
    assert found.obstacle()
    found.add(shape(2, 1), 2)
    for kind, seed in ((1, 1), (0, 2), (1, 2), (2, 2)):
        learn(found)
        known = set(found.samples.labels)
        for each in sorted(known):
            verdict = found.predict(shape(each, 60))
            assert verdict.label == each and len(verdict.goodness) == 3
            assert found.samples.labels[verdict.nearest] == each
        assert all(found.predict(shape(0, 60)).goodness[c] == 0 for c in {0, 1, 2} - known)
        found.add(shape(kind, seed), kind)
    umount()


def tuned(found):
    names = [name for name, _ in found.train()]
    assert names[0] == "learn" and names[-1] == "save"
    assert found.trained and not found.stale
    return found


def test_a_training_of_layer_1_is_kept_and_leaves_no_trace_of_what_goes():
    folder = scratch()
    plain = filled(folder)
    before = contents_after(learn(plain), folder)
    want = contents_after(tuned(plain), folder)
    assert plain.gain and want != before
    again = recogniser(folder)
    assert again.trained and again.predict(shape(1, 60)) == plain.predict(shape(1, 60))
    # A drawing that layer 1 was trained on, too, is gone or another's as if it had never been.
    found, path = filled(beside(folder)), folder + "/other"
    found.add(shape(3, 5), 0)
    found.add(shape(1, 41), 1)
    tuned(found)
    found.delete(12)
    found.delete(12)
    assert contents_after(learn(found), path) == want
    found.relabel(2, 1)
    learn(found)
    found.relabel(2, 2)
    assert contents_after(learn(found), path) == want
    # What comes later changes layer 1 no more, also at the next start.
    found.add(shape(2, 70), 2)
    later = contents_after(learn(found), path)
    assert not found.trained
    found = recogniser(path)
    found.add(shape(2, 71), 2)
    learn(found)
    found.delete(13)
    assert contents_after(learn(found), path) == later
    # With one class left of those it was trained on, it is the firmware's layer again.
    for _ in range(4):
        found.delete(min(i for i, label in enumerate(found.samples.labels) if label == 0))
    found.remove_class(0)
    found.remove_class(0)
    found.add_class("new")
    found.add(shape(0, 90), 1)
    learn(found)
    firmware = bytes(recogniser(folder + "/nothing").layer1.layer.w)
    assert bytes(found.network.layer1.w) == firmware and not found.trained
    umount()


def contents_after(found, folder):
    assert not found.stale
    return contents(folder + "/drawings.uffm")


def test_a_removed_class_in_the_middle_is_as_if_never_there():
    folder = scratch()
    other = recogniser(folder)
    other.rename_class(1, "cross")
    other.remove_class(2)
    for i in range(4):
        other.add(shape(0, i), 0)
        other.add(shape(2, i), 1)
    learn(other)
    want = contents(folder + "/drawings.uffm")
    found = filled(beside(folder))
    found.rename_class(2, "cross")
    found.remove_class(1)
    assert found.names == ["1", "cross"] and list(found.samples.labels) == [0, 1] * 4
    learn(found)
    assert contents(folder + "/other/drawings.uffm") == want
    umount()


def test_a_model_of_other_drawings_goes_on_until_it_has_learnt_anew():
    folder = scratch()
    found = learn(filled(folder))
    for change in (
        lambda samples: samples.append(shape(0, 70), 0),
        lambda samples: samples.relabel(0, 1),
        lambda samples: (samples.delete(0), samples.append(shape(0, 71), 0)),
        lambda samples: samples.remove_class(0),
    ):
        change(Dataset.open(folder + "/drawings.uffs"))
        found = recogniser(folder)
        assert found.stale and found.suspects == []
        known = [name for name in found.names if name in "123"]
        for kind in range(3):
            verdict = found.predict(shape(kind, 60))
            if str(kind + 1) in known:
                assert found.names[verdict.label] == str(kind + 1)
            assert verdict.nearest is None and len(verdict.goodness) == len(found.names)
        learn(found)
        assert not recogniser(folder).stale
    umount()


def test_a_model_whose_classes_are_not_here_is_not_used():
    folder = scratch()
    learn(filled(folder))
    samples = Dataset.open(folder + "/drawings.uffs")
    for number, name in enumerate(("a", "b", "3")):
        samples.name_class(number, name)
    samples.append(shape(0, 1), 0)
    found = recogniser(folder)
    assert found.network is None and found.stale
    learn(found)
    assert recogniser(folder).network.names == ["a", "b", "3"]
    umount()


def test_a_name_changes_without_a_training():
    folder = scratch()
    found = learn(filled(folder))
    found.rename_class(0, "bar")
    assert not found.stale and found.network.names[0] == "bar"
    again = recogniser(folder)
    assert not again.stale and again.network.names == ["bar", "2", "3"]
    raises(Refused, "type a name first", found.rename_class, 0, " ")
    raises(Refused, "there is a class “2” already", found.add_class, "2")
    umount()


def test_a_damaged_model_is_named_and_learnt_anew():
    folder = scratch()
    learn(filled(folder))
    path = folder + "/drawings.uffm"
    whole = bytearray(contents(path))
    whole[200] ^= 1
    write(path, whole)
    found = recogniser(folder)
    assert found.network is None and found.stale and not found.harmed
    sentence = "The file of the network is damaged: it learns your drawings anew."
    assert found.notices == [sentence]
    assert found.counts() == [4, 4, 4]
    os.remove(path)
    os.mkdir(path)
    found = recogniser(folder)
    assert found.network is None and "cannot be read (error 21)" in found.notices[0]
    umount()


def harmed(folder, *parts):
    """The recogniser that starts there: it says each of parts, goes on with the network it had,
    and works. At the next start nothing is left to say."""
    found = recogniser(folder)
    notices = " ".join(found.notices)
    assert all(part in notices for part in parts), notices
    assert found.harmed and found.network is not None and found.names == ["1", "2", "3"]
    assert all(found.predict(shape(kind, 50)).label == kind for kind in range(3))
    count = len(found.samples)
    found.add(shape(0, 99), 0)
    again = recogniser(folder)
    assert again.notices == [] and not again.harmed and len(again.samples) == count + 1
    return found


def test_a_damaged_samples_file_is_reported_kept_aside_and_the_network_goes_on():
    folder = scratch(blocks=16384)
    learn(filled(folder))
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
            (header, 0, "12 drawings or changes are lost", "is damaged; it is kept"),
            (whole[:10], 0, "12 drawings or changes are lost", "is damaged"),
            (b"", 0, "12 drawings or changes are lost", "is damaged"),
        )
    ):
        place = "%s/%d" % (folder, number)
        os.mkdir(place)
        filled(place)  # so that 12 records are counted
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
    learn(found)
    write(path, before)
    found = harmed(folder, "3 drawings or changes are lost")
    for _ in range(3):
        found.add(shape(0, 1), 0)
    os.remove(path)
    harmed(folder, "16 drawings or changes are lost")
    os.remove(path)
    os.remove(folder + "/drawings.uffs.kept/records")
    harmed(folder, "The drawings are gone; the network is kept")
    # Without record count and network it is a new board's disk.
    for name in ("drawings.uffs", "drawings.uffm", "drawings.uffs.kept/records"):
        os.remove(folder + "/" + name)
    found = recogniser(folder)
    assert found.fresh and not found.harmed and found.notices == []
    assert not recogniser(folder).fresh
    umount()


def test_whatever_has_the_name_of_a_file_is_put_aside():
    folder = scratch()
    learn(filled(folder))
    path = folder + "/drawings.uffs"
    os.remove(path)
    os.mkdir(path)
    harmed(folder, "cannot be read (error 21); it is kept as drawings.uffs.bad1")
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
    Dataset.create(folder + "/drawings.uffs", 20, 28, ["a", "b"])
    found = recogniser(folder)
    assert "have 20 x 28 points; it is kept as drawings.uffs.bad1" in found.notices[0]
    assert found.names == ["1", "2", "3"] and found.harmed
    umount()


def test_a_disk_that_does_not_work_is_reported_and_one_draws_on():
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
        raises(NotSaved, "", list, found.learn())
        assert not found.stale and found.predict(shape(1, 9)).label == 1
        assert found.counts() == [3, 2, 1]
    disk.dead = False
    umount()


def test_a_full_disk_costs_the_file_of_the_network_alone():
    folder = scratch()
    found = learn(filled(folder))
    before = contents(folder + "/drawings.uffm")
    write(folder + "/fill", bytes((os.statvfs(folder)[3] - 300) * 512))
    found.add(shape(0, 30), 0)
    error = raises(NotSaved, "", list, found.learn())
    assert error.errno == 28
    assert not found.stale and found.network.info.images == 13
    assert contents(folder + "/drawings.uffm") == before
    again = recogniser(folder)
    assert again.stale and again.predict(shape(1, 50)).label == 1
    umount()


def test_the_suspects_of_a_model_are_drawings_that_are_there():
    folder = scratch()
    found = filled(folder, each=8)
    found.relabel(4, 2)
    learn(found)
    path = folder + "/drawings.uffm"
    data = bytearray(contents(path))
    note = found.network.notes
    at = bytes(data).index(note)
    data[at + len(note) - 2] = 24  # one beyond the last
    data[-4:] = pack("<I", crc32(data[:-4]))
    write(path, data)
    found = recogniser(folder)
    assert found.suspects == [] and found.stale and found.network is not None
    learn(found)
    assert recogniser(folder).suspects == found.suspects and 4 in found.suspects
    umount()


def test_another_program_that_writes_is_noticed():
    folder = scratch()
    found = learn(filled(folder))
    other = Dataset.open(folder + "/drawings.uffs")
    other.append(shape(0, 40), 0)
    raises(FileChanged, "another program has changed it", found.add, shape(1, 40), 1)
    assert len(found.samples) == 13 and found.stale
    found.add(shape(1, 40), 1)
    raises(FileChanged, "another program has changed it", other.delete, 0)
    assert recogniser(folder).counts() == [5, 5, 4]
    umount()


def test_drawings_that_change_while_it_learns_are_noticed():
    folder = scratch()
    found = filled(folder)
    steps = found.learn()
    for _, done in steps:
        if done > 0.5:
            break
    found.add(shape(0, 80), 0)
    raises(Refused, "the drawings have changed", list, steps)
    assert found.network is None and found.stale
    learn(found)
    assert found.network.info.images == 13 and not found.stale
    assert not recogniser(folder).stale
    umount()


def test_a_training_given_up_leaves_the_old_model():
    folder = scratch()
    path = folder + "/drawings.uffm"
    found = learn(filled(folder))
    old = contents(path)
    found.add(shape(0, 90), 0)
    count = sum(1 for _ in found.learn())
    new = contents(path)
    assert new != old
    for stop in range(1, count, max(5, count // 6)):
        write(path, old)
        steps = found.learn()
        for _ in range(stop):
            next(steps)
        steps.close()
        assert contents(path) == old and not exists(path + ".new")
        assert recogniser(folder).stale
    umount()


def test_what_looks_mislabelled_is_named():
    folder = scratch()
    found = filled(folder, each=8)
    found.relabel(4, 2)  # a box among the crosses
    learn(found)
    suspects = found.suspects
    assert 4 in suspects and len(suspects) <= 2, suspects
    assert recogniser(folder).suspects == suspects
    found.relabel(4, 1)
    assert found.suspects == []
    learn(found)
    assert 4 not in found.suspects
    umount()


def test_doubts_are_said():
    folder = scratch()
    found = learn(filled(folder, each=8))
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
    assert "1 or 3?" in whys or "3 or 1?" in whys, whys
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


def test_the_arena_is_asked_once():
    folder, arena = scratch(), Watched()
    filled(folder)
    found = Recogniser(folder + "/", arena)
    assert arena.asked == []
    learn(found)
    assert arena.asked == ["give", "keep"]
    steps = found.learn()
    for _ in range(6):
        next(steps)
    steps.close()
    found.add(shape(0, 40), 0)
    found.add_class("more")
    learn(found)
    found.delete(2)
    list(found.train())
    assert arena.asked == ["give", "keep"]
    umount()


def test_memory_that_does_not_suffice_is_reported_and_costs_nothing():
    class Small:
        def __call__(self):
            def alloc(size):
                raise MemoryError

            return alloc

        def keep(self):
            raise AssertionError

    folder = scratch()
    filled(folder)
    found = Recogniser(folder + "/", Small())
    raises(OutOfMemory, "12 drawings want", list, found.learn())
    assert found.network is None and found.counts() == [4, 4, 4]
    umount()


run(globals())
