"""The face of the library: Dataset, Classifier, load, IncrementalClassifier, as a user meets
them."""

import gc

from uff_checks import NAMES, contents, fill, image, raises, run, scratch, small_samples, umount

import uff
from uff.model import load_layer


def test_the_example_of_the_module_runs():
    folder = scratch()
    for name, first in (("/train.uffs", 0), ("/test.uffs", 100)):
        fill(uff.Dataset.create(folder + name, 8, 8, NAMES[:3]), 6, first)
    train, test = uff.Dataset.open(folder + "/train.uffs"), uff.Dataset.open(folder + "/test.uffs")
    clf = uff.Classifier(hidden=20, seed=0)
    plan, seen = clf.plan(train), []
    assert clf.fit(train, progress=lambda stage, done: seen.append((stage, done))) is clf
    assert seen[-1] == ("fitted labels", 1.0)
    assert {s for s, _ in seen} == {s.name for s in plan.stages}
    assert 0.5 < clf.loo_accuracy <= 1 and 0.5 < clf.score(test) <= 1
    label, goodness, margin = clf.predict(test[7])
    assert 0 <= label < 3 and len(goodness) == 3 and margin >= 0
    clf.save(folder + "/a.uffm")
    again = uff.load(folder + "/a.uffm")
    assert again.predict(test[7]) == (label, goodness, margin)
    assert (again.loo_accuracy, again.names) == (clf.loo_accuracy, NAMES[:3])
    learner = uff.IncrementalClassifier(8, 8, train.names)
    for i in range(len(train)):
        learner.add(train[i], train.labels[i])
    learner.solve()
    before = learner.predict(test[7])
    learner.add(test[0], test.labels[0])
    learner.remove(test[0], test.labels[0])
    learner.solve()
    assert learner.predict(test[7]) == before
    assert 0.5 < learner.score(test) <= 1
    umount()


def test_objects_say_what_they_are():
    folder, train = scratch(), small_samples(4)
    file = uff.Dataset.create(folder + "/a.uffs", 8, 8, NAMES[:3])
    assert repr(fill(file, 4)) == repr(train) == "<Dataset 12 images 8x8, 3 classes>"
    clf = uff.Classifier(hidden=20)
    assert repr(clf) == "<Classifier uff2, not trained>"
    plan = clf.plan(train)
    assert repr(plan) == str(plan)
    assert repr(plan).startswith("<Plan 12 images 8x8, 3 classes: ")
    assert repr(plan).endswith(
        "%s multiply-adds, %s bytes>"
        % ("{:,}".format(plan.macs), "{:,}".format(plan.memory_bytes))
    )
    clf.fit(train)
    assert repr(clf).startswith("<Classifier uff2, 12 images 8x8, 3 classes, leave-one-out ")
    assert repr(clf.network) == "<Network uff2, 12 images 8x8, 3 classes>"
    assert repr(clf.info).startswith("<TrainingInfo 12 images, seed 0, fitted ")
    assert repr(clf.options).startswith("<Options uff2, hidden 20, label_scale 0.2")
    assert "lambda2 loo" in repr(uff.Options("uff1", lambda2="loo"))
    learner = uff.IncrementalClassifier(8, 8, NAMES[:2])
    learner.add(image(0, 1), 0)
    assert repr(learner) == "<IncrementalClassifier uff1, 1 images 8x8, 2 classes>"
    assert repr(clf.network.embedding) == "<LabelEmbedding of images 8x8>"
    umount()


def test_a_dataset_is_a_sequence_of_images():
    folder, inside = scratch(), small_samples(3)
    file = fill(uff.Dataset.create(folder + "/a.uffs", 8, 8, NAMES[:3]), 3)
    for dataset in (inside, file):
        n = len(dataset)
        assert [bytes(each) for each in dataset] == [bytes(inside[i]) for i in range(n)]
        assert bytes(dataset[-1]) == bytes(dataset[n - 1])
        assert bytes(dataset[-n]) == bytes(dataset[0])
        for i in (n, -n - 1):
            raises(IndexError, "sample number: want 0 to 8, got %d" % i, lambda: dataset[i])  # noqa: B023
    umount()


def test_a_plan_is_that_of_the_training_and_allocates_no_array():
    train = small_samples(4, height=20, width=20)
    gc.collect()
    before = gc.mem_alloc()
    plan = uff.Classifier(hidden=2000).plan(train)
    taken = gc.mem_alloc() - before
    assert taken < 40000 < plan.memory_bytes / 10, (taken, plan.memory_bytes)
    clf = uff.Classifier(hidden=60)
    plan = clf.plan(train)
    clf.fit(train)
    assert [stage.name for stage in clf.info.stages] == [stage.name for stage in plan.stages]
    assert [stage.macs for stage in clf.info.stages] == [stage.macs for stage in plan.stages]
    raises(ValueError, 'class 0 "bar" has no images', clf.plan, small_samples(0))


def test_a_training_that_cannot_be_leaves_the_network_before_it():
    clf = uff.Classifier("uff1").fit(small_samples(4))
    before = clf.network
    raises(ValueError, 'class 0 "bar" has no images', clf.fit, uff.Dataset(8, 8, NAMES[:2]))
    steps = clf.fit_steps(small_samples(5))
    next(steps)
    steps.close()
    assert clf.network is before

    class Small:
        """An arena without room."""

        def __call__(self):
            return uff.arena.Part(self, 4096, False)

        def keep(self):
            raise AssertionError("a training failed")

        def size(self, region):
            return 4096

        def take(self, region, offset, size):
            return bytearray(size)

    raises(
        uff.DoesNotFit, "train: 12 images need ", uff.Classifier(arena=Small()).fit,
        small_samples(4),
    )  # fmt: skip


def test_before_a_training_it_says_that_it_has_learnt_nothing():
    clf = uff.Classifier()
    for work in (
        lambda: clf.predict(bytes(64)),
        lambda: clf.score(small_samples(2)),
        lambda: clf.save("a.uffm"),
        lambda: clf.loo_accuracy,
    ):
        raises(ValueError, "learnt nothing yet; train it first", work)
    assert clf.names == []


def test_a_classifier_from_a_file_trains_as_it_was_trained():
    folder, train = scratch(), small_samples(6)
    patches = small_samples(4, height=12, width=12)
    for options, dataset in (
        ({"hidden": 20, "seed": 9, "label_scale": 0.3, "lambda1": 2.5, "lambda2": 0.07}, train),
        ({"network": "uff1", "lambda2": "loo", "copies": 2}, train),
        ({"network": "uff1", "leave_one_out": False}, train),
        ({"network": "uff_kernel", "hidden": 8, "copies": 1}, patches),
    ):
        uff.Classifier(**options).fit(dataset).save(folder + "/a.uffm")
        clf = uff.load(folder + "/a.uffm")
        assert clf.loo_accuracy is None or clf.loo_accuracy > 0.4
        clf.fit(dataset).save(folder + "/b.uffm")
        assert contents(folder + "/a.uffm") == contents(folder + "/b.uffm"), options
    umount()


def test_a_kept_first_layer_stays_in_trainings_and_in_files():
    folder, train = scratch(), small_samples(6)
    uff.Classifier(hidden=20, seed=3).fit(train).save(folder + "/a.uffm")
    kept = load_layer(folder + "/a.uffm")
    assert kept.notes is None and kept.embedding.height == 8
    clf = uff.Classifier(layer1=kept.layer).fit(small_samples(4, first=50))
    assert clf.info.kept and clf.network.layer1 is kept.layer and clf.options.hidden == 20
    assert "layer 1 solve" not in [stage.name for stage in clf.plan(train).stages]
    clf.save(folder + "/b.uffm")
    again = uff.load(folder + "/b.uffm").fit(small_samples(4, first=50))
    again.save(folder + "/c.uffm")
    assert contents(folder + "/b.uffm") == contents(folder + "/c.uffm")
    umount()


def test_statistics_are_held_and_saved_where_they_are_asked_for():
    folder, train = scratch(), small_samples(6)
    plain = uff.Classifier("uff1", solver="primal").fit(train)
    assert plain.network.statistics is None
    plain.save(folder + "/plain.uffm")
    clf = uff.Classifier("uff1", solver="primal", statistics=True).fit(train)
    clf.save(folder + "/a.uffm")
    assert len(contents(folder + "/a.uffm")) > len(contents(folder + "/plain.uffm"))
    uff.load(folder + "/a.uffm").save(folder + "/b.uffm")
    assert contents(folder + "/a.uffm") == contents(folder + "/b.uffm")
    learner = uff.IncrementalClassifier.from_network(uff.load(folder + "/a.uffm").network)
    want = uff.IncrementalClassifier(8, 8, train.names)
    for i in range(len(train)):
        want.add(train[i], train.labels[i])
    for each in (learner, want):
        each.add(image(1, 70), 1)
        raises(ValueError, "solve() first", each.save, folder + "/c.uffm")
        each.solve()
        assert each.info.images == 19
    assert bytes(learner.network.layer.w) == bytes(want.network.layer.w)
    learner.save(folder + "/c.uffm")
    want.save(folder + "/d.uffm")
    assert contents(folder + "/c.uffm") == contents(folder + "/d.uffm")
    umount()


def test_what_is_saved_after_a_change_is_what_was_solved():
    folder = scratch()
    learner = uff.IncrementalClassifier(8, 8, NAMES[:3])
    other = uff.IncrementalClassifier(8, 8, NAMES[:3])
    for number in range(4):
        for label in range(3):
            learner.add(image(label, number), label)
    other.add(image(0, 9), 0)
    for change in (
        lambda: learner.remove(image(0, 0), 0),
        lambda: learner.relabel(image(0, 1), 0, 1),
        lambda: learner.merge(other),
        lambda: [learner.add_class(NAMES[3]), learner.add(image(3, 0), 3)],
        lambda: [learner.remove(image(3, 0), 3), learner.remove_class(3)],
    ):
        learner.solve()
        learner.save(folder + "/a.uffm")
        change()
        raises(ValueError, "solve() first", learner.save, folder + "/a.uffm")
    learner.solve()
    learner.save(folder + "/a.uffm")
    assert uff.load(folder + "/a.uffm").info.images == 12
    umount()


def test_scoring_matches_classes_by_name():
    clf = uff.Classifier("uff1").fit(small_samples(8))
    test = small_samples(5, first=100)
    want = clf.score(test)
    right = sum(clf.predict(test[i]).label == test.labels[i] for i in range(len(test)))
    assert want == right / len(test)
    turned = uff.Dataset(8, 8, ["nothing of it", NAMES[2], NAMES[0], NAMES[1]])
    for i in range(len(test)):
        turned.append(test[i], (2, 3, 1)[test.labels[i]])
    assert clf.score(turned) == want
    turned.append(test[0], 0)
    message = 'dataset: class "nothing of it", the network knows bar, comb, fence'
    raises(ValueError, message, clf.score, turned)
    twice = fill(uff.Dataset(8, 8, ["bar", "comb", "bar"]), 1)
    raises(ValueError, "dataset: two classes of one name: bar, comb, bar", clf.score, twice)
    raises(ValueError, "dataset: no samples", clf.score, uff.Dataset(8, 8, NAMES[:3]))
    other = small_samples(1, height=9, width=10)
    raises(ValueError, "dataset: want images of 8 x 8, got 9 x 10", clf.score, other)


run(globals())
