"""IncrementalClassifier: images added, taken away, relabelled and merged, to the bit."""

from array import array

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

import ridge
import uff.statistics as module
from uff import IncrementalClassifier, Options, model
from uff.train import Trainer

HIDDEN = 20


def state(learner):
    """Everything learning changes, as bytes."""
    s = learner.statistics
    return bytes(s.gram), bytes(s.sums), bytes(s.counts)


def weights(network):
    return bytes(network.layer.w), bytes(network.layer.v), network.layer.exponent


def started(classes=3):
    return IncrementalClassifier(HEIGHT, WIDTH, NAMES[:classes])


def frozen(each=6):
    """A learner whose first layer was trained and stays."""
    trainer = Trainer(small_samples(each), Options(hidden=HIDDEN, solver="primal"))
    return IncrementalClassifier.from_network(trainer.run(), trainer.statistics)


def keeping(each=6, seed=0):
    """Likewise, of a first layer that came from elsewhere."""
    samples = small_samples(each)
    layer1 = Trainer(samples, Options(hidden=HIDDEN, solver="primal", seed=seed)).run().layer1
    trainer = Trainer(samples, Options(hidden=HIDDEN, solver="primal"), layer1=layer1)
    return IncrementalClassifier.from_network(trainer.run(), trainer.statistics)


def added(learner, numbers, classes=3):
    for number in numbers:
        for label in range(classes):
            learner.add(image(label, number), label)
    return learner


def test_an_image_added_and_taken_away_leaves_the_same_bits():
    for learner in (added(started(), range(5)), frozen()):
        before = state(learner)
        pictures = [(image(i % 3, 500 + i), i % 3) for i in range(7)]
        for pixels, label in pictures:
            learner.add(pixels, label)
        assert state(learner) != before
        for pixels, label in pictures[3:] + pictures[:3]:
            learner.remove(pixels, label)
        assert state(learner) == before


def test_the_order_of_additions_does_not_matter():
    a, b = added(started(), range(6)), added(started(), (3, 1, 5, 0, 2, 4))
    assert state(a) == state(b)
    a.solve()
    b.solve()
    assert weights(a.network) == weights(b.network)


def test_two_halves_merged_are_the_whole():
    whole = added(started(), range(10))
    half, other = added(started(), range(4)), added(started(), range(4, 10))
    half.merge(other)
    assert state(half) == state(whole)
    half.solve()
    whole.solve()
    assert weights(half.network) == weights(whole.network)
    assert half.network.info.images == 30


def test_two_boards_with_one_first_layer_merge_to_the_whole():
    whole, half, other = keeping(), keeping(), keeping()
    other.statistics = added(
        IncrementalClassifier.from_network(other.network), range(100, 105)
    ).statistics
    half.merge(other)
    added(whole, range(100, 105))
    assert state(half) == state(whole)


def test_one_layer_learnt_image_by_image_is_the_trainers_network_byte_for_byte():
    samples = small_samples(12)
    trained = Trainer(samples, Options(network="uff1", solver="primal")).run()
    learner = added(started(), range(12))
    learner.solve()
    assert weights(learner.network) == weights(trained)
    assert learner.network.layer.gram_crc == trained.layer.gram_crc
    for number in range(1000, 1005):
        for label in range(3):
            a, b = (
                trained.predict(image(label, number)),
                learner.network.predict(image(label, number)),
            )
            assert a == b


def test_a_class_layer_learnt_on_a_frozen_first_layer_is_the_trainers():
    trainer = Trainer(small_samples(9), Options(hidden=HIDDEN, solver="primal"))
    network = trainer.run()
    want = weights(network)
    learner = added(IncrementalClassifier.from_network(network), range(9))
    assert state(learner) == state(IncrementalClassifier.from_network(network, trainer.statistics))
    learner.solve()
    assert weights(network) == want


def test_a_relabelled_image_counts_as_if_added_with_the_new_label():
    a, b = added(started(), range(4)), added(started(), range(4))
    a.add(image(0, 77), 0)
    a.relabel(image(0, 77), 0, 2)
    b.add(image(0, 77), 2)
    assert state(a) == state(b)


def test_a_new_class_is_learnt_from_its_images():
    learner = added(started(3), range(10))
    learner.solve()
    before = [learner.network.predict(image(label, 900)).label for label in range(3)]
    assert learner.add_class(NAMES[3]) == 3
    assert learner.network.names == NAMES[:4]
    # Until the next solve() the old classes are predicted as before.
    assert [learner.network.predict(image(label, 900)).label for label in range(3)] == before
    raises(ValueError, 'class 3 "grid" has no images', learner.solve)
    for _ in range(10):
        learner.add(bytes(255 if y < 4 else 0 for y in range(HEIGHT) for _ in range(WIDTH)), 3)
    learner.solve()
    whole = added(started(4), range(10), 3)
    for _ in range(10):
        whole.add(bytes(255 if y < 4 else 0 for y in range(HEIGHT) for _ in range(WIDTH)), 3)
    whole.solve()
    assert state(learner) == state(whole) and weights(learner.network) == weights(whole.network)
    assert learner.network.predict(bytes([255] * 32 + [0] * 32)).label == 3


def test_a_class_that_came_and_went_leaves_no_trace():
    for number in range(3):
        learner = added(started(3), range(10))
        learner.solve()
        want = added(started(3), range(10))
        keep = [c for c in range(3) if c != number]
        raises(
            ValueError, 'class %d "%s" has 10 images' % (number, NAMES[number]),
            learner.remove_class, number,
        )  # fmt: skip
        for i in range(10):
            learner.remove(image(number, i), number)
            want.remove(image(number, i), number)
        learner.remove_class(number)
        want.remove_class(number)
        assert learner.network.names == [NAMES[c] for c in keep]
        # Until the next solve() the other classes are predicted as before.
        assert [learner.network.predict(image(c, 900)).label for c in keep] == [0, 1]
        learner.solve()
        want.solve()
        fresh = IncrementalClassifier(HEIGHT, WIDTH, [NAMES[c] for c in keep])
        for label, c in enumerate(keep):
            for i in range(10):
                fresh.add(image(c, i), label)
        fresh.solve()
        assert state(learner) == state(want) == state(fresh)
        assert weights(learner.network) == weights(fresh.network)
    raises(ValueError, "want three or more classes, got 2", learner.remove_class, 0)
    raises(ValueError, "class number: want 0 to 2, got 3", started(3).remove_class, 3)


def test_a_new_class_of_a_frozen_network_is_learnt_from_its_images():
    learner = frozen(10)
    learner.add_class("top")
    top = bytes([255] * 32 + [0] * 32)
    for _ in range(10):
        learner.add(top, 3)
    learner.solve()
    assert learner.network.predict(top).label == 3


def test_at_most_16_classes():
    learner = started(1)
    for number in range(1, 16):
        learner.add_class("class %d" % number)
    before = state(learner)
    raises(ValueError, "classes: want 1 to 16, got 17", learner.add_class, "one more")
    raises(ValueError, "class name: want 1 to 255 bytes, got 0", started().add_class, "")
    assert state(learner) == before and len(learner.network.names) == 16


def refused(learner, never):
    before = state(learner)
    raises(ValueError, "never added", learner.remove, never, 0)
    assert state(learner) == before
    raises(
        ValueError, "never added", learner.remove, image(1, 0), 2
    )  # no image of class 2 is left
    assert state(learner) == before
    raises(ValueError, "never added", learner.relabel, image(1, 0), 2, 1)
    raises(ValueError, "label: want 0 to 2, got 3", learner.relabel, image(0, 0), 0, 3)
    raises(ValueError, "label: want 0 to 2, got -1", learner.add, image(0, 0), -1)
    raises(ValueError, "8 x 8 = 64 bytes, got 784", learner.add, bytes(784), 0)
    assert state(learner) == before


def test_taking_away_what_cannot_have_been_added_is_refused_and_changes_nothing():
    learner = started()
    learner.add(image(0, 0), 0)
    learner.add(image(1, 0), 1)
    never = bytearray(HEIGHT * WIDTH)
    never[3 * WIDTH] = 255  # all of its length in one pixel
    refused(learner, never)


def test_taking_away_what_a_frozen_network_cannot_have_seen_is_refused_and_changes_nothing():
    learner = frozen()
    learner = IncrementalClassifier.from_network(learner.network)
    learner.add(image(0, 0), 0)
    learner.add(image(1, 0), 1)
    never = next(image(2, i) for i in range(1000) if lit_elsewhere(learner, image(2, i)))
    refused(learner, never)


CHANGES = "class_sums", "gram", "merge"  # the functions that change statistics


def test_a_change_that_ctrl_c_stops_is_made_whole_or_not_at_all():
    other = added(started(), range(20, 22))
    blank = bytes(HEIGHT * WIDTH)
    for change in (
        lambda learner: learner.add(image(0, 50), 0),
        lambda learner: learner.remove(image(1, 2), 1),
        lambda learner: learner.relabel(image(1, 2), 1, 0),
        lambda learner: learner.merge(other),
        lambda learner: learner.add(blank, 0),
    ):
        after = added(started(), range(4))
        before = state(after)
        change(after)
        after = state(after)
        stopped = 0
        for nth in range(1, 5):
            for late in (False, True):
                learner = added(started(), range(4))
                module.ridge = Stopped(ridge, CHANGES, nth, late)
                try:
                    change(learner)
                except KeyboardInterrupt:
                    stopped += 1
                finally:
                    module.ridge = ridge
                assert state(learner) in (before, after), (nth, late)
                learner.add(image(2, 60), 2)
                learner.remove(image(2, 60), 2)
                assert state(learner) in (before, after)
                learner.solve()
        assert stopped >= 4


def test_an_interruption_of_the_undoing_is_ended_by_the_next_call():
    learner = added(started(), range(4))
    before = state(learner)

    class Twice(Stopped):
        def __getattr__(self, name):
            function = getattr(ridge, name)
            if name == "gram" or (name == "class_sums" and self.left == 0):

                def stops(*args):
                    self.left = 0
                    raise KeyboardInterrupt

                return stops
            return function

    module.ridge = Twice(ridge, CHANGES, 1, False)
    try:
        learner.add(image(0, 50), 0)
        raise AssertionError("nothing raised")
    except KeyboardInterrupt:
        pass
    finally:
        module.ridge = ridge
    assert state(learner) != before
    learner.network.class_inputs(image(1, 70))  # which writes over the network's own buffers
    learner.add(image(2, 60), 2)
    learner.remove(image(2, 60), 2)
    assert state(learner) == before


def lit_elsewhere(learner, pixels):
    """Whether some hidden value squared is above what the two images added have there."""
    h = array("h", bytes(learner.network.class_inputs(pixels)))
    gram = array("i", learner.statistics.gram)
    return any(h[i] * h[i] > gram[i * (i + 3) // 2] for i in range(len(h)))


def test_networks_that_differ_do_not_merge():
    one = added(started(), range(3))
    before = state(one)
    raises(ValueError, "different first layers", one.merge, keeping())
    raises(ValueError, "different first layers", keeping().merge, keeping(seed=9))
    raises(ValueError, "layer 1 was trained on images of one board", frozen().merge, frozen())
    raises(
        ValueError,
        "want images of 8 x 8, got 4 x 16",
        one.merge,
        IncrementalClassifier(4, 16, NAMES[:3]),
    )
    for options, part in (
        (Options(network="uff1", lambda2=0.5), "want lambda2 of 0.1"),
        (Options(network="uff1", label_scale=0.3), "want label_scale of 0.5"),
    ):
        other = IncrementalClassifier(HEIGHT, WIDTH, NAMES[:3], options)
        raises(ValueError, part, one.merge, added(other, range(3)))
    twins = IncrementalClassifier(HEIGHT, WIDTH, ["bar", "bar"])
    raises(ValueError, "two classes of one name: bar, bar", one.merge, twins)
    many = IncrementalClassifier(HEIGHT, WIDTH, ["class %d" % i for i in range(14)])
    for label in range(14):
        many.add(image(label, 0), label)
    raises(ValueError, "classes: want 1 to 16, got 17", one.merge, many)
    assert state(one) == before and one.network.names == NAMES[:3]


def test_more_images_than_exact_sums_hold_do_not_merge():
    one, other = added(started(), range(1)), added(started(), range(1))
    other.statistics.counts[0] = 8190
    other.statistics.gram[:4] = b"\0\0\0\x01"
    before = state(one)
    raises(OverflowError, "want at most 8191", one.merge, other)
    assert state(one) == before


def test_learning_needs_the_statistics_of_a_primal_training():
    trainer = Trainer(small_samples(3), Options(network="uff1", solver="dual"))
    network = trainer.run()
    raises(
        ValueError,
        'train with solver="primal"',
        IncrementalClassifier.from_network,
        network,
        trainer.statistics,
    )
    raises(
        ValueError,
        "statistics: want 48 features and 3 classes",
        IncrementalClassifier.from_network,
        network,
        frozen().statistics,
    )


def test_a_learner_starts_with_one_layer_and_a_given_lambda():
    raises(ValueError, "uff1", IncrementalClassifier, 8, 8, NAMES, Options())
    raises(
        ValueError,
        "lambda2",
        IncrementalClassifier,
        8,
        8,
        NAMES,
        Options(network="uff1", lambda2="loo"),
    )
    raises(ValueError, "has no images", started().solve)


def test_one_class_is_not_solved():
    learner = added(started(1), range(3), 1)
    raises(ValueError, "classes: want 2 or more, got 1", learner.solve)
    raises(ValueError, "learnt nothing yet", learner.network.predict, image(0, 0))


def test_a_network_that_has_learnt_nothing_neither_predicts_nor_is_saved():
    network = started().network
    raises(ValueError, "learnt nothing yet; train it first", network.predict, image(0, 0))
    labels = bytearray(1)
    raises(ValueError, "learnt nothing yet", network.predict_many, image(0, 0), labels)
    raises(ValueError, "learnt nothing yet", model.save, network, scratch() + "/model.uffm")
    umount()


def test_what_is_no_image_is_no_image():
    learner = added(started(), range(3))
    learner.solve()
    size = HEIGHT * WIDTH
    for work in (learner.network.predict, lambda thing: learner.add(thing, 0)):
        raises(TypeError, "image: want 8 x 8 bytes, got a str", work, "a.png")
        raises(TypeError, "image: want 8 x 8 bytes, got a str", work, "x" * size)
        raises(ValueError, "image: want 8 x 8 = 64 bytes, got 3", work, b"abc")
        raises(TypeError, "encode: images: want a buffer of uint8, got list", work, [0] * size)


def test_a_class_that_goes_takes_the_labels_of_the_training_with_it():
    path = scratch() + "/model.uffm"
    samples = small_samples(classes=3)
    trainer = Trainer(samples, Options(network="uff1", solver="primal"))
    network = trainer.run()
    learner = IncrementalClassifier.from_network(network, trainer.statistics)
    for i in range(len(samples)):
        if samples.labels[i] == 2:
            learner.remove(samples[i], 2)
    learner.remove_class(2)
    model.save(network, path, learner.statistics)  # the labels found name a class that is gone
    assert model.load(path).fitted is None
    umount()


def test_statistics_of_another_training_are_not_saved():
    path = scratch() + "/model.uffm"
    samples = small_samples(classes=2)
    trainer = Trainer(samples, Options(hidden=4, solver="dual"))
    network = trainer.run()
    model.save(network, path, trainer.statistics, trainer.statistics1)
    assert model.load(path).info.images == len(samples)
    larger = Trainer(small_samples(9, classes=2), Options(hidden=4, solver="dual"))
    larger.run()
    for wrong in ((larger.statistics, None), (None, larger.statistics1)):
        raises(ValueError, "those of this network's training", model.save, network, path, *wrong)
    assert model.load(path).info.images == len(samples)
    umount()


def test_an_interrupted_solution_leaves_the_network_as_it_was():
    learner = added(started(), range(8))
    learner.solve()
    before = weights(learner.network)
    added(learner, range(8, 12))
    steps = learner.solve_steps()
    assert 0 < next(steps) < 1
    steps.close()
    assert weights(learner.network) == before
    done = list(learner.solve_steps())
    assert done == sorted(done) and done[-1] == 1.0
    assert weights(learner.network) != before


def test_a_saved_network_learns_on_as_if_it_had_never_been_switched_off():
    path = scratch() + "/model.uffm"
    for learner in (added(started(), range(6)), frozen()):
        learner.solve()
        learner.save(path)
        network = model.load(path)
        again = IncrementalClassifier.from_network(network, network.statistics)
        assert state(again) == state(learner) and weights(network) == weights(learner.network)
        for each in (learner, again):
            added(each, range(200, 204))
            each.remove(image(1, 201), 1)
            each.add_class("new")
            each.add(image(3, 0), 3)
            each.solve()
        assert state(again) == state(learner) and weights(network) == weights(learner.network)
    umount()


run(globals())
