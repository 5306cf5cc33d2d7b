"""Boards merged and parted again: the same bytes whatever the order, on the board itself."""

from uff_checks import (
    HEIGHT,
    NAMES,
    WIDTH,
    Stopped,
    image,
    raises,
    run,
    scratch,
    small_samples,
    umount,
)

import uff.incremental as module
from uff import Classifier, FormatError, IncrementalClassifier, Options, load, model
from uff.train import Trainer

ALONE = "statistics alone"


def board(labels, numbers, names=None, layer1=None):
    """A learner taught some of the classes; its list of them is all NAMES, or names."""
    learner = IncrementalClassifier(HEIGHT, WIDTH, names or NAMES)
    if layer1:
        samples = small_samples(6, classes=6)
        network = Classifier("uff2", solver="primal", layer1=layer1).fit(samples).network
        learner = IncrementalClassifier.from_network(network)
    for label in labels:
        for number in numbers:
            number_here = learner.network.names.index(NAMES[label])
            learner.add(image(label, number), number_here)
    return learner


def bytes_of(learner, folder):
    learner.solve()
    learner.save(folder + "/m.uffm")
    with open(folder + "/m.uffm", "rb") as file:
        return file.read()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def merged(learners, folder):
    """The file of the first learner, into which the others were merged."""
    for i, learner in enumerate(learners):
        learner.save_statistics("%s/%d.uffm" % (folder, i), 1)
    first = IncrementalClassifier.open(folder + "/0.uffm")
    for i in range(1, len(learners)):
        first.merge("%s/%d.uffm" % (folder, i))
    return bytes_of(first, folder)


def first_layer(seed=0):
    samples = small_samples(6, classes=6)
    return Trainer(samples, Options(hidden=12, solver="primal", seed=seed)).run().layer1


def test_any_order_and_grouping_of_boards_gives_the_bytes_of_one_training():
    folder = scratch(blocks=1024)
    for layer1 in (None, first_layer()):
        a, b, c = (([4, 0], range(5)), ([2], range(3, 9)), ([0, 2, 4, 1], range(20, 23)))
        whole = board([], [], layer1=layer1)
        for labels, numbers in (a, b, c):
            for label in labels:
                for number in numbers:
                    whole.add(image(label, number), label)
        for empty in (5, 3):
            whole.remove_class(empty)
        want = None
        for order in ((a, b, c), (c, a, b), (b, c, a), (c, b, a)):
            got = merged([board(*each, layer1=layer1) for each in order], folder)
            want = want or got
            assert got == want
        left, right = board(*a, layer1=layer1), board(*b, layer1=layer1)
        right.merge(board(*c, layer1=layer1))
        left.merge(right)
        assert bytes_of(left, folder) == want
        # Class 4 has another number than where it was learnt, which the file tells.
        assert want[4:6] == b"\3\0" and left.statistics.offsets == [0, 0, 0, 14 - 3 * 8 + 18]
        whole.solve()
        assert [bytes(left.statistics.held[i]) for i in (0, 1)] == [
            bytes(whole.statistics.held[i]) for i in (0, 1)
        ]
        assert bytes(left.network.layer.w) == bytes(whole.network.layer.w)
    umount()


def test_boards_with_one_list_of_classes_give_the_file_of_a_learner_of_all():
    folder = scratch()
    names = ["z", "a", "m"]

    def taught(numbers):
        learner = IncrementalClassifier(HEIGHT, WIDTH, names)
        for number in numbers:
            for label in range(3):
                learner.add(image(label, number), label)
        return learner

    want = bytes_of(taught(range(12)), folder)
    assert want[4:6] == b"\1\0"  # as before there was merging
    parts = taught(range(4)), taught(range(4, 5)), taught(range(5, 12))
    assert merged(parts, folder) == want
    classifier = load(folder + "/m.uffm")
    classifier.merge(taught(range(50, 60)))
    assert classifier.info.images == 66 and classifier.names == names
    classifier.save(folder + "/n.uffm")
    want = bytes_of(taught(list(range(12)) + list(range(50, 60))), folder)
    assert read(folder + "/n.uffm") == want
    umount()


def test_boards_with_a_class_each_know_all_in_the_order_of_names():
    folder = scratch()
    one = IncrementalClassifier(HEIGHT, WIDTH, ["wall"])
    two = IncrementalClassifier(HEIGHT, WIDTH, ["bar"])
    for number in range(20):
        one.add(image(1, number), 0)
        two.add(image(0, number), 0)
    raises(ValueError, "classes: want 2 or more", one.solve)
    one.save_statistics(folder + "/one.uffm", 20)
    two.save_statistics(folder + "/two.uffm", 20)
    for first, second in (("one", "two"), ("two", "one")):
        learner = IncrementalClassifier.open("%s/%s.uffm" % (folder, first))
        raises(ValueError, "learnt nothing yet", learner.predict, image(0, 0))
        learner.merge("%s/%s.uffm" % (folder, second))
        learner.solve()
        assert learner.names == ["bar", "wall"]
        assert learner.predict(image(0, 900)).label == 0
        assert learner.predict(image(1, 900)).label == 1
    umount()


def test_until_the_next_solve_the_old_classes_are_predicted_as_before():
    learner = board([1, 4], range(9), ["comb", "wall"])
    learner.solve()
    pictures = [image(label, 900 + i) for label in (1, 4) for i in range(5)]
    before = [learner.names[learner.predict(each).label] for each in pictures]
    goodness = [sorted(learner.predict(each).goodness)[-2:] for each in pictures]
    learner.merge(board([0], range(9), ["bar"]))
    assert learner.names == ["bar", "comb", "wall"]
    assert [learner.names[learner.predict(each).label] for each in pictures] == before
    assert [sorted(learner.predict(each).goodness)[-2:] for each in pictures] == goodness


def test_what_is_taken_out_again_was_never_there():
    folder = scratch()
    never = merged([board([0, 1], range(6)), board([2, 1], range(30, 33))], folder)
    learner = board([0, 1], range(6))
    for other in (board([3, 1], range(60, 65)), board([2, 1], range(30, 33))):
        learner.merge(other)
    assert learner.names == NAMES[:4]
    learner.unmerge(board([3, 1], range(60, 65)))
    assert learner.names == NAMES[:3]
    assert bytes_of(learner, folder) == never
    umount()


def test_a_drawing_can_be_taken_out_of_what_was_merged():
    folder = scratch()
    learner = board([0, 1], range(6))
    learner.merge(board([1, 0], range(20, 25)))
    want = bytes_of(learner, folder)
    learner.merge(board([1], range(70, 71)))
    learner.remove(image(1, 70), learner.names.index(NAMES[1]))
    assert bytes_of(learner, folder) == want
    umount()


def state(learner):
    sums, counts, offsets = learner.statistics.held
    network = learner.network
    return (
        bytes(learner.statistics.gram), bytes(sums), bytes(counts), offsets, network.names,
        bytes(network.layer.w), bytes(network.layer.v), network.info.seed,
    )  # fmt: skip


def test_what_was_never_there_is_not_taken_out_and_nothing_changes():
    learner = board([0, 1, 2], range(6), NAMES[:3])
    learner.solve()
    before = state(learner)
    for never, part in (
        (board([4], range(6)), 'so many images of "wall" were never added'),
        (board([1], range(7)), 'so many images of "comb" were never added'),
        (board([1], range(50, 56)), "these images were never added"),
        (board([0, 1, 2], range(6)), "no images would be left"),
    ):
        raises(ValueError, part, learner.unmerge, never)
        assert state(learner) == before, part
    raises(ValueError, "there are no statistics to learn on with", learner.merge, Trainer(
        small_samples(3), Options("uff1", solver="dual")).run())  # fmt: skip
    assert state(learner) == before


def test_a_merge_that_ctrl_c_stops_is_made_whole_or_not_at_all():
    import ridge
    import uff.statistics as statistics

    folder = scratch()
    for name, labels in (("merge", (3, 1)), ("unmerge", (0, 1))):
        stopped = 0
        whole = board([0, 1, 2], range(6), NAMES[:3])
        before = bytes_of(board([0, 1, 2], range(6), NAMES[:3]), folder)
        other = board(labels, range(6))
        getattr(whole, name)(other)
        after = bytes_of(whole, folder) if name == "merge" else None
        for nth in range(1, 8):
            for late in (False, True):
                learner = board([0, 1, 2], range(6), NAMES[:3])
                statistics.ridge = Stopped(ridge, ("merge",), nth, late)
                try:
                    getattr(learner, name)(other)
                except KeyboardInterrupt:
                    stopped += 1
                finally:
                    statistics.ridge = ridge
                if learner.statistics.images == 6:
                    assert name == "unmerge" and learner.names == [NAMES[2]], learner.names
                    learner.merge(other)
                assert bytes_of(learner, folder) in (before, after), (name, nth, late)
        assert stopped >= 4
    umount()


def test_statistics_of_few_images_are_not_given_away_unless_asked_for():
    path = scratch() + "/s.uffm"
    assert module.SHARED_IMAGES == 1000
    learner = board([0], range(20))
    raises(
        ValueError, 'class 0 "bar" has 20 images, want 1000 or more', learner.save_statistics, path
    )
    raises(ValueError, "want 21 or more", learner.save_statistics, path, 21)
    learner.save_statistics(path, 20)
    raises(ValueError, "there are no images", board([], []).save_statistics, path)
    trained = Trainer(small_samples(6), Options(hidden=8, solver="primal"))
    network = trained.run()
    learner = IncrementalClassifier.from_network(network, trained.statistics)
    raises(ValueError, "layer 1 was trained on images of one board", learner.save_statistics, path)
    umount()


def test_statistics_alone_are_no_network_and_the_head_is_as_documented():
    from struct import unpack_from

    folder = scratch()
    path = folder + "/s.uffm"
    for layer1 in (None, first_layer(3)):
        board([1], range(25), layer1=layer1).save_statistics(path, 1)
        raises(FormatError, ALONE, model.load, path)
        raises(FormatError, ALONE, load, path)
        data = read(path)
        head = unpack_from("<4sHHIBBBBHHHHIIII", data)
        flags = 8 + 32 + (16 if layer1 else 0)
        assert head[:2] == (b"UFFM", 3) and head[3] == len(data)
        assert head[4:] == (2 if layer1 else 1, 6, 16, flags, 8, 8, 0, 0, 25, 0, 0, 0xFFFFFFFF)
        network = model.load(path, alone=True)
        model.save(network, path, network.statistics, alone=True)
        assert read(path) == data
        if layer1:
            kept = model.load_layer(path).layer
            assert bytes(kept.w) == bytes(layer1.w)
        else:
            raises(FormatError, "holds no feature layer", model.load_layer, path)
    umount()


def test_every_flipped_bit_of_statistics_alone_is_refused_and_nonsense_with_a_sound_crc():
    from struct import pack

    from ridge import crc32

    path = scratch(blocks=1024) + "/s.uffm"
    learner = board([2, 1], range(20))
    learner.merge(board([0, 2], range(30, 50), [NAMES[2], NAMES[0]]))
    assert learner.statistics.offsets
    learner.save_statistics(path, 1)
    sound = read(path)
    head = 12 + 28 + 20
    for at in list(range(head)) + list(range(head, len(sound), 97)):
        data = bytearray(sound)
        data[at] ^= 1 << at % 8
        with open(path, "wb") as file:
            file.write(data)
        raises(FormatError, "s.uffm", model.load, path, True)
    refused = 0
    for at in range(12, head):
        for bit in range(8):
            data = bytearray(sound)
            data[at] ^= 1 << bit
            data[-4:] = pack("<I", crc32(memoryview(data)[:-4]))
            with open(path, "wb") as file:
                file.write(data)
            try:
                IncrementalClassifier.open(path)
            except FormatError:
                refused += 1
    # Let pass are lambda, strength and the CRC of the Gram matrix.
    assert refused > 8 * (head - 12) - 110, refused
    umount()


run(globals())
