"""The patch layer, the kernel class layer and copies: training, leave-one-out, files, memory."""

import gc
from array import array
from math import ldexp

from uff_checks import (
    contents,
    image,
    not_in_16_mb,
    planned,
    raises,
    run,
    scratch,
    small_samples,
    umount,
)

import ridge
from uff import Dataset, FormatError, LabelEmbedding, Options, model
from uff.incremental_kernel import IncrementalKernelClassifier
from uff.model import load_layer, save_layer
from uff.train import Trainer

SIDE = 12
FILTERS = 4
NETWORKS = ("uff_conv", "uff_kernel", "kernel", "contrast+kernel")


def samples_of(each, **shape):
    shape.setdefault("height", SIDE)
    shape.setdefault("width", SIDE + 1)
    return small_samples(each, **shape)


def options_of(network, **options):
    if network in ("uff_conv", "uff_kernel", "uff_mirror"):
        options.setdefault("hidden", FILTERS)
    elif network.startswith("contrast") or network == "uff2":
        options.setdefault("hidden", 20)
    return Options(network, **options)


def trained(samples, network, layer1=None, **options):
    trainer = Trainer(samples, options_of(network, **options), layer1=layer1)
    return trainer.run(), trainer


def saved(network, path, *statistics):
    model.save(network, path, *statistics)
    return contents(path)


def picture(label, number):
    return image(label, number, SIDE, SIDE + 1)


def right(network, first=2000, each=20):
    k = len(network.names)
    return sum(
        network.predict(picture(label, number)).label == label
        for number in range(first, first + each)
        for label in range(k)
    ) / (each * k)


def test_every_network_learns():
    samples = samples_of(20)
    for network in NETWORKS:
        for copies in (0, 3):
            got = right(trained(samples, network, copies=copies)[0])
            # The drawn shapes are not meant to be turned: copies help no one here.
            assert got > (0.6 if copies else 0.8), (network, copies, got)


def test_a_mirror_layer_takes_an_image_and_its_mirror_image_for_the_same():
    samples = samples_of(20)  # a mirror leaves "bar" alone, and makes "comb" of "fence"
    network = trained(samples, "uff_mirror")[0]
    turned, known = bytearray(SIDE * (SIDE + 1)), 0
    for number in range(2000, 2020):
        for label in range(3):
            shown = picture(label, number)
            for y in range(0, len(shown), SIDE + 1):
                for x in range(SIDE + 1):
                    turned[y + x] = shown[y + SIDE - x]
            a, b = network.predict(shown), network.predict(turned)
            assert (a.label, a.goodness) == (b.label, b.goodness)
            known += (a.label == 0) == (label == 0)
    assert known > 50, known


def test_training_twice_gives_the_same_bits_and_another_seed_other_filters():
    samples = samples_of(5)
    for network in ("uff_conv", "uff_kernel", "uff_mirror"):
        a, b = (trained(samples, network, seed=3)[0] for _ in range(2))
        other = trained(samples, network, seed=4)[0]
        for x, y in zip(a.layer.arrays(), b.layer.arrays()):
            assert bytes(x[5]) == bytes(y[5])
        assert bytes(a.layer1.w) == bytes(b.layer1.w) != bytes(other.layer1.w)


def test_the_dual_and_the_primal_form_of_a_linear_class_layer_on_patches_agree():
    samples = samples_of(8)
    for copies in (0, 1):
        primal = trained(samples, "uff_conv", solver="primal", copies=copies)[0]
        dual = trained(samples, "uff_conv", solver="dual", copies=copies)[0]
        assert bytes(primal.layer1.w) == bytes(dual.layer1.w)
        assert bytes(primal.fitted) == bytes(dual.fitted)
        assert bytes(primal.loo_labels) == bytes(dual.loo_labels)
        for a, b in zip(primal.residuals, dual.residuals):
            assert abs(a - b) <= 0.01 * (1 + a)


# ---- leave-one-out ----


def without(samples, left):
    """A copy of the samples without image `left`."""
    rest = Dataset(samples.height, samples.width, samples.names)
    for i in range(len(samples)):
        if i != left:
            rest.append(samples[i], samples.labels[i])
    return rest


def test_leave_one_out_is_what_training_without_the_image_and_its_copies_gives():
    samples = samples_of(7)
    for i in (20, 19, 16, 13):
        samples.delete(i)  # classes of unequal size count the same
    n, k = len(samples), len(samples.names)
    for network in ("uff_kernel", "uff_mirror", "kernel", "uff_conv", "uff1"):
        for copies in (0, 2):
            if network in ("uff_conv", "uff1") and not copies:
                continue  # without copies the linear class layer has a test of its own
            for form in ("primal", "dual"):
                whole, _ = trained(samples, network, copies=copies, solver=form, lambda2=0.05)
                labels, count = bytearray(n), [0] * k
                for label in samples.labels:
                    count[label] += 1
                for i in range(n):
                    # lambda of a linear class layer counts in mean diagonals, which grow with n.
                    grown = n / (n - 1) if whole.layer.NAME == "linear" else 1
                    rest, _ = trained(
                        without(samples, i),
                        network,
                        layer1=whole.layer1,
                        copies=copies,
                        solver=form,
                        lambda2=0.05 * grown,
                        leave_one_out=False,
                    )
                    labels[i] = rest.predict(samples[i]).label
                assert bytes(whole.loo_labels) == bytes(labels), (network, copies, form)
                assert whole.info.loo_correct == sum(
                    a == b for a, b in zip(labels, samples.labels)
                )
                if network == "kernel" or whole.layer.NAME == "kernel":
                    break  # it has one form


def test_loo_chooses_among_the_lambdas_of_the_kernel_class_layer():
    samples = samples_of(6)
    network, _ = trained(samples, "uff_kernel", lambda2="loo", copies=1)
    assert network.info.lambda_chosen
    best = None
    for ridge_lambda in (0.003, 0.01, 0.03, 0.1):
        each, _ = trained(samples, "uff_kernel", lambda2=ridge_lambda, copies=1)
        rank = each.info.loo_correct, -sum(each.residuals)
        if best is None or rank >= best[0]:
            best = rank, each
    assert best[1].layer.ridge_lambda == network.layer.ridge_lambda
    assert bytes(best[1].layer.w) == bytes(network.layer.w)
    assert bytes(best[1].loo_labels) == bytes(network.loo_labels)


# ---- exactness ----


def test_stored_images_get_the_labels_that_prediction_gives_them():
    samples = samples_of(9)
    for network in NETWORKS:
        for copies in (0, 2):
            got, _ = trained(samples, network, copies=copies)
            for i in range(len(samples)):
                assert got.predict(samples[i]).label == got.fitted[i], (network, copies, i)


def test_many_images_are_predicted_as_one_by_one():
    samples = samples_of(3)
    for network in NETWORKS:
        got, _ = trained(samples, network)
        n, k = 9, 3
        images = b"".join(picture(i % k, 100 + i) for i in range(n))
        labels, good = bytearray(n), array("q", bytes(8 * n * k))
        got.predict_many(images, labels, good)
        for i in range(n):
            one = got.predict(picture(i % k, 100 + i))
            assert one.label == labels[i]
            assert one.goodness == tuple(got.layer.value(g) for g in good[i * k : i * k + k])


def test_the_kernel_is_the_fourth_power_of_the_exact_inner_product():
    samples = samples_of(4)
    network, trainer = trained(samples, "uff_kernel")
    f, m = array("h", bytes(trainer.f)), network.layer.features
    gram, at = array("i", bytes(trainer.statistics.gram)), 0
    for i in range(len(samples)):
        for j in range(i + 1):
            u = sum(f[i * m + x] * f[j * m + x] for x in range(m))
            t = (u + (1 << 18)) ** 2 >> 8
            assert gram[at] == t * t >> 30, (i, j)
            at += 1
    for i in range(len(samples)):
        square = sum(f[i * m + x] ** 2 for x in range(m))
        assert abs(ldexp(float(square), -18) - 1) < 0.05


# ---- a kept layer 1, and learning image by image ----


def test_images_added_one_by_one_give_the_bytes_of_a_training_from_the_start():
    folder = scratch()
    samples = samples_of(6)
    layer1 = trained(samples_of(5), "uff_kernel", seed=9)[0].layer1
    samples_layer = trained(samples, "uff_kernel")[0].layer1
    for copies in (0, 1, 15):
        options = options_of("uff_kernel", copies=copies)
        want = saved(
            trained(samples, "uff_kernel", layer1=layer1, copies=copies)[0], folder + "/want.uffm"
        )
        learner = IncrementalKernelClassifier(
            layer1, trained_embedding(samples), samples.names, options, 18 * (1 + copies)
        )
        if copies == 1:  # begun again with other copies, another layer 1 and other classes
            learner.restart(samples_layer, ["a"], options_of("uff_kernel", copies=15))
            learner.add(samples[1], 0)
            learner.restart(layer1, samples.names, options)
        for i in range(len(samples)):
            learner.add(samples[i], samples.labels[i])
            if i in (3, 7, 8, 12):
                finish(learner.solve_steps())
        finish(learner.solve_steps())
        finish(learner.leave_one_out_steps())
        assert saved(learner.network, folder + "/got.uffm") == want, copies
        raises(ValueError, "want at most 18 with", learner.add, samples[0], 0)
    umount()


def trained_embedding(samples):
    return LabelEmbedding(samples.height, samples.width)


def finish(steps):
    last = 0
    for done in steps:
        assert last <= done <= 1, (last, done)
        last = done


def test_what_was_taken_away_or_relabelled_was_never_there():
    folder = scratch()
    samples = samples_of(5)
    layer1 = trained(samples, "uff_kernel")[0].layer1
    options = options_of("uff_kernel", copies=2)

    def learner_of(pairs, names):
        learner = IncrementalKernelClassifier(
            layer1, trained_embedding(samples), names, options, 60
        )
        for picture, label in pairs:
            learner.add(picture, label)
        return learner

    pairs = [(samples[i], samples.labels[i]) for i in range(15)]
    learner = learner_of(pairs, samples.names)
    finish(learner.solve_steps())
    for gone in (14, 0, 6):
        learner.remove(gone)
        assert learner.network is None
        pairs.pop(gone)
    learner.add(picture(1, 77), 2)
    learner.relabel(len(learner) - 1, 1)
    pairs.append((picture(1, 77), 1))
    steps = learner.solve_steps()
    next(steps)
    next(steps)
    steps.close()  # stopped and begun again
    finish(learner.solve_steps())
    finish(learner.leave_one_out_steps())
    other = learner_of(pairs, samples.names)
    finish(other.solve_steps())
    finish(other.leave_one_out_steps())
    got = saved(learner.network, folder + "/got.uffm")
    assert got == saved(other.network, folder + "/want.uffm")
    # A class that goes takes its images along; those behind it move down.
    for i in reversed(range(len(learner))):
        if learner.labels[i] == 1:
            learner.remove(i)
    learner.set_classes(
        [samples.names[0], samples.names[2]], bytes(c and c - 1 for c in learner.labels)
    )
    finish(learner.solve_steps())
    finish(learner.leave_one_out_steps())
    two = [(p, c and c - 1) for p, c in pairs if c != 1]
    other = learner_of(two, [samples.names[0], samples.names[2]])
    finish(other.solve_steps())
    finish(other.leave_one_out_steps())
    got = saved(learner.network, folder + "/got.uffm")
    assert got == saved(other.network, folder + "/want.uffm")
    umount()


def test_what_changes_while_it_is_learnt_is_learnt_next_or_refused():
    samples = samples_of(6)
    layer1 = trained(samples, "uff_kernel")[0].layer1
    options = options_of("uff_kernel", copies=1)
    learner = IncrementalKernelClassifier(
        layer1, trained_embedding(samples), samples.names, options, 40
    )
    raises(ValueError, "leave-one-out: there is no network", finish, learner.leave_one_out_steps())
    for i in range(18):
        learner.add(samples[i], samples.labels[i])
    finish(learner.solve_steps())
    finish(learner.leave_one_out_steps())
    before = learner.network
    # Another image and another label: the network is still that of 18 images.
    for i in range(2):
        learner.add(picture(i, 70 + i), i)
    learner.relabel(0, 1)
    finish(learner.leave_one_out_steps())
    assert learner.network is before and before.info.images == 18
    steps = learner.solve_steps()
    next(steps)
    learner.remove(3)
    assert learner.network is None
    raises(ValueError, "solve: images were taken away", finish, steps)
    steps = learner.solve_steps()
    next(steps)
    other = learner.solve_steps()
    next(other)
    raises(ValueError, "or another solve_steps() began", finish, steps)
    finish(other)
    steps = learner.leave_one_out_steps()
    next(steps)
    learner.remove(3)
    raises(ValueError, "leave-one-out: images were taken away", finish, steps)
    raises(ValueError, "leave-one-out: there is no network", finish, learner.leave_one_out_steps())
    finish(learner.solve_steps())
    assert learner.network.info.images == len(learner) == 18


def test_a_learner_refuses_what_it_cannot_do_and_stays_as_it_was():
    samples = samples_of(3)
    layer1 = trained(samples, "uff_kernel")[0].layer1
    embedding = trained_embedding(samples)
    raises(
        ValueError,
        "wants a kernel class layer",
        IncrementalKernelClassifier,
        layer1,
        embedding,
        samples.names,
        options_of("uff_conv"),
        9,
    )
    raises(
        ValueError,
        "a patch layer cannot be kept in a network contrast+kernel",
        IncrementalKernelClassifier,
        layer1,
        embedding,
        samples.names,
        options_of("contrast+kernel"),
        9,
    )
    # As many pixels, and another shape: not the same patches, nor the same places of the label.
    assert samples.height != samples.width
    other = LabelEmbedding(samples.width, samples.height)
    want = "layer 1: want one for images of 13 x 12, got 12 x 13"
    raises(
        ValueError, want, IncrementalKernelClassifier,
        layer1, other, samples.names, options_of("uff_kernel"), 9,
    )  # fmt: skip
    turned = Dataset(samples.width, samples.height, samples.names)
    for i in range(9):
        turned.append(samples[i], samples.labels[i])
    for name in ("uff2", "uff_conv"):
        kept = trained(samples, name)[0].layer1
        raises(ValueError, want, Trainer, turned, options_of(name), layer1=kept)
    learner = IncrementalKernelClassifier(
        layer1, embedding, samples.names, options_of("uff_kernel"), 9
    )
    raises(ValueError, "has no images", finish, learner.solve_steps())
    for i in range(9):
        learner.add(samples[i], samples.labels[i])
    finish(learner.solve_steps())
    before = learner.network.predict(picture(0, 5))
    raises(ValueError, "want 12 x 13 = 156 bytes, got 3", learner.add, b"abc", 0)
    raises(ValueError, "label: want 0 to 2, got 3", learner.add, samples[0], 3)
    raises(ValueError, "image: want 0 to 8, got 9", learner.remove, 9)
    raises(ValueError, "label: want 0 to 2, got -1", learner.relabel, 0, -1)
    raises(ValueError, "labels: want 9, got 2", learner.set_classes, ["a", "b"], bytes(2))
    raises(
        ValueError, "label: want 0 to 1, got 2", learner.set_classes, ["a", "b"], bytes([2] * 9)
    )
    finish(learner.solve_steps())
    assert learner.network.predict(picture(0, 5)) == before


def test_a_kept_first_layer_comes_from_a_file_of_its_own_or_from_a_model():
    folder = scratch()
    samples = samples_of(4)
    for name in ("uff_kernel", "contrast+kernel"):
        network, _ = trained(samples, name, seed=5)
        network.notes = b"mine"
        model.save(network, folder + "/model.uffm")
        save_layer(network.layer1, network.embedding, folder + "/layer.uffm", b"a note")
        for path, note in (("/layer.uffm", b"a note"), ("/model.uffm", b"mine")):
            layer1, embedding, notes = load_layer(folder + path)
            assert bytes(notes) == note and embedding.height == SIDE
            assert bytes(layer1.w) == bytes(network.layer1.w)
            again, _ = trained(samples, name, layer1=layer1, seed=5)
            assert bytes(again.layer.w) == bytes(network.layer.w)
            assert again.info.kept and not network.info.kept
            # The same layer and the same class layer; only the mark of the kept layer differs.
            model.save(again, folder + "/again.uffm")
            assert model.load(folder + "/again.uffm").info.kept
        raises(FormatError, "a feature layer alone", model.load, folder + "/layer.uffm")
    model.save(trained(samples, "uff1")[0], folder + "/model.uffm")
    raises(FormatError, "holds no feature layer", load_layer, folder + "/model.uffm")
    umount()


# ---- limits ----


def test_images_too_small_for_patches_are_refused():
    raises(
        ValueError, "wants images of 9 x 9 or more, got 8 x 12", planned, 10, 8, 12, 2,
        options_of("uff_conv"),
    )  # fmt: skip


def test_blank_and_equal_images_train_or_are_refused():
    for name in NETWORKS:
        samples = Dataset(SIDE, SIDE + 1, ["a", "b"])
        for label in (0, 1, 0, 1):
            samples.append(bytes(SIDE * (SIDE + 1)), label)
        try:
            trained(samples, name, copies=1)
        except ValueError as error:
            assert "blank" in str(error), error
        for label in (0, 1, 0, 1):
            samples.append(picture(label, label), label)
        assert trained(samples, name, copies=1)[0].predict(picture(0, 0)).label in (0, 1)


def test_copies_count_against_the_most_images():
    raises(
        ValueError, "want 3 (one a class) to 511 with 15 copies each, got 512", planned, 512, 28,
        28, 3, Options("uff_kernel", copies=15),
    )  # fmt: skip
    planned(511, 28, 28, 3, Options("uff_kernel", copies=15))


def test_memory_is_what_the_plan_says():
    for each, side, name, more in (
        (30, 28, "uff_conv", {"hidden": 32}),
        (60, 20, "uff_conv", {"hidden": 8, "solver": "primal", "lambda2": "loo"}),
        (40, 28, "uff_kernel", {"hidden": 32}),
        (12, 28, "uff_kernel", {"hidden": 32, "copies": 15, "lambda2": "loo"}),
        (80, 20, "kernel", {}),
    ):
        samples = small_samples(each, height=side, width=side)
        sizes = []

        def alloc(size, sizes=sizes):
            sizes.append(size)
            return bytearray(size)

        gc.collect()
        before = gc.mem_alloc()
        trainer = Trainer(samples, options_of(name, **more), alloc)
        most = 0
        for _ in trainer.steps():
            gc.collect()
            most = max(most, gc.mem_alloc() - before)
        planned = trainer.plan.memory_bytes
        assert most < 1.02 * planned, (name, more, planned, most)
        # An arena takes nothing back: what layer 1 no longer needs counts too.
        assert 0.85 < sum(sizes) / planned <= 1, (name, more, planned, sum(sizes))


def test_no_slice_is_longer_than_twenty_million_multiply_adds():
    not_in_16_mb()
    for name, copies in (("uff_conv", 0), ("uff_kernel", 0), ("uff_kernel", 15)):
        each = 160 if not copies else 11
        trainer = Trainer(
            small_samples(each, height=28, width=28), Options(name, copies=copies, lambda2="loo")
        )
        work = sum(stage.work for stage in trainer.plan.stages)
        weight = {stage.name: stage.weight for stage in trainer.plan.stages}
        before, longest = 0.0, {}
        names = []
        for stage, done in trainer.steps():
            if stage not in names:
                names.append(stage)
            macs = (done - before) * work / weight[stage]
            before = done
            longest[stage] = max(longest.get(stage, 0), macs)
        assert done == 1
        assert names == [stage.name for stage in trainer.plan.stages]
        for stage, macs in longest.items():
            assert macs < 20000000, (name, copies, stage, macs)


def test_copies_follow_from_the_image_alone():
    samples = samples_of(2)
    a, b = bytearray(3 * SIDE * (SIDE + 1)), bytearray(3 * SIDE * (SIDE + 1))
    ridge.copies(samples[0], SIDE, SIDE + 1, a)
    ridge.copies(samples[0], SIDE, SIDE + 1, b)
    assert a == b
    ridge.copies(samples[1], SIDE, SIDE + 1, b)
    assert a != b


run(globals())
