"""Trainer: forms, leave-one-out, progress, bounds."""

from array import array
from math import ldexp

from uff_checks import (
    HEIGHT,
    NAMES,
    WIDTH,
    contents,
    image,
    raises,
    run,
    scratch,
    small_samples,
    umount,
)

from uff import Classifier, Dataset, IncrementalClassifier, Options, model
from uff.train import Trainer

HIDDEN = 24


def trained(samples, **options):
    options.setdefault("hidden", HIDDEN)
    trainer = Trainer(samples, Options(**options))
    return trainer.run(), trainer


def int16(buffer):
    return array("h", bytes(buffer))


def largest_difference(a, b):
    return max(abs(x - y) for x, y in zip(a, b))


def predictions(network, each=10):
    return [
        network.predict(image(label, number)).label
        for number in range(1000, 1000 + each)
        for label in range(len(network.names))
    ]


def primal_and_dual(network_name, each):
    """Trains in both forms, which must cope with fewer images than features and with more."""
    samples = small_samples(each)
    primal, _ = trained(samples, network=network_name, solver="primal")
    dual, _ = trained(samples, network=network_name, solver="dual")
    assert (primal.layer.dual, dual.layer.dual) == (False, True)
    a, b = primal.layer, dual.layer
    assert a.exponent == b.exponent
    if primal.layer1:
        # Rows of length 2^14: the last float32 bits tip a step of rounding here and there.
        assert largest_difference(int16(primal.layer1.w), int16(dual.layer1.w)) <= 1
    # One layer: likewise. Two: W1 a step apart moves hidden values by 1/512, and W2 with them.
    assert largest_difference(int16(a.w), int16(b.w)) <= (128 if primal.layer1 else 2)
    assert bytes(primal.fitted) == bytes(dual.fitted)
    assert bytes(primal.loo_labels) == bytes(dual.loo_labels)
    assert predictions(primal) == predictions(dual)


def test_one_layer_is_the_same_in_primal_and_dual_form_with_few_images():
    primal_and_dual("uff1", 6)


def test_one_layer_is_the_same_in_primal_and_dual_form_with_many_images():
    primal_and_dual("uff1", 30)


def test_two_layers_are_the_same_in_primal_and_dual_form_with_few_images():
    primal_and_dual("uff2", 6)


def test_two_layers_are_the_same_in_primal_and_dual_form_with_many_images():
    primal_and_dual("uff2", 30)


def test_auto_takes_the_dual_form_with_few_images_and_the_primal_with_many():
    _, few = trained(small_samples(2), network="uff1")
    _, many = trained(small_samples(40), network="uff1")
    assert few.plan.last.dual and not many.plan.last.dual


def test_training_twice_gives_the_same_bits_and_another_seed_another_first_layer():
    samples = small_samples(5)
    a, b = trained(samples, seed=3)[0], trained(samples, seed=3)[0]
    other, _ = trained(samples, seed=4)
    assert (
        bytes(a.layer1.w) == bytes(b.layer1.w)
        and bytes(a.layer.w) == bytes(b.layer.w)
        and a.layer.v == b.layer.v
    )
    assert bytes(a.layer1.w) != bytes(other.layer1.w)


def test_training_again_counts_its_time_and_progress_from_nothing():
    trainer = Trainer(small_samples(9), Options(hidden=HIDDEN, lambda2="loo"))
    first = [done for _, done in trainer.steps()]
    seconds = [stage.seconds for stage in trainer.plan.stages]
    assert [done for _, done in trainer.steps()] == first
    for stage, before in zip(trainer.plan.stages, seconds):
        assert stage.seconds <= 1.5 * before + 0.5, stage.name


def test_the_network_learns():
    network, _ = trained(small_samples(30))
    each = 20
    right = sum(label == i % 3 for i, label in enumerate(predictions(network, each)))
    assert right > 0.8 * 3 * each, right


# ---- leave-one-out ----


def outputs(network, x):
    """z[c][l] of the class layer as floats, for one row of inputs."""
    layer, k = network.layer, len(network.names)
    f, w = int16(x), int16(layer.w)
    z = []
    for c in range(k):
        dot = sum(w[c * layer.features + i] * f[i] for i in range(layer.features))
        z.append(
            [ldexp(float(dot + layer.v[c * k + label]), -layer.exponent - 9) for label in range(k)]
        )
    return z


def brute_force(samples, options, ridge_lambda):
    """Label and squared error of every image by a class layer that was trained without it.

    lambda counts in mean diagonal elements, which grow with the images; so the same system for n-1
    images takes n/(n-1) of it. Targets are in mean images a class, and so are the outputs.
    """
    network, trainer = trained(samples, solver="primal", lambda2=ridge_lambda, **options)
    learner = IncrementalClassifier.from_network(network, trainer.statistics)
    n, k = len(samples), len(samples.names)
    network.layer.ridge_lambda *= n / (n - 1)
    labels, errors = bytearray(n), []
    for i in range(n):
        learner.remove(samples[i], samples.labels[i])
        learner.solve()
        labels[i] = network.predict(samples[i]).label
        z = outputs(network, network.class_inputs(samples[i]))
        y = samples.labels[i]
        target = n / (k * sum(1 for label in samples.labels if label == y))
        errors.append(
            sum(
                (z[c][label] * n / (n - 1) - (target if c == label == y else 0)) ** 2
                for c in range(k)
                for label in range(k)
            )
        )
        learner.add(samples[i], samples.labels[i])
    return labels, errors


def leave_one_out(options):
    samples = small_samples(8)
    for i in (20, 19, 17, 14, 13, 11, 10, 7):
        samples.delete(i)  # classes of unequal size count the same
    labels, errors = brute_force(samples, options, 0.1)
    assert (
        0 < sum(a != b for a, b in zip(labels, samples.labels)) < len(samples)
    )  # else it says nothing
    for form in ("primal", "dual"):
        network, _ = trained(samples, solver=form, lambda2=0.1, **options)
        assert bytes(network.loo_labels) == bytes(labels), form
        for got, want in zip(network.residuals, errors):
            assert abs(got - want) <= 0.002 * (1 + want), (form, got, want)
        right = sum(a == b for a, b in zip(labels, samples.labels))
        assert network.info.loo_correct == right


def test_leave_one_out_of_one_layer_is_what_training_without_the_image_gives():
    leave_one_out({"network": "uff1"})


def test_leave_one_out_of_the_class_layer_is_what_training_without_the_image_gives():
    leave_one_out({"network": "uff2"})


def chosen_lambda(options):
    samples = small_samples(8)
    best = None
    for ridge_lambda in (0.01, 0.03, 0.1, 0.3):
        labels, errors = brute_force(samples, options, ridge_lambda)
        rank = sum(a == b for a, b in zip(labels, samples.labels)), -sum(errors), ridge_lambda
        best = rank if best is None or rank > best else best
    for form in ("primal", "dual"):
        network, _ = trained(samples, solver=form, lambda2="loo", **options)
        facts, chosen = network.info, network.layer.ridge_lambda
        assert facts.lambda_chosen and abs(chosen - best[2]) < 1e-4, (chosen, best)
        assert facts.loo_correct == best[0]
        # The network returned is that of the chosen lambda, not that of the last one tried.
        again, _ = trained(samples, solver=form, lambda2=chosen, **options)
        assert bytes(again.layer.w) == bytes(network.layer.w) and again.layer.v == network.layer.v
        assert bytes(again.loo_labels) == bytes(network.loo_labels) and bytes(
            again.fitted
        ) == bytes(network.fitted)
        assert not again.info.lambda_chosen


def test_loo_chooses_the_lambda_that_brute_force_chooses_for_one_layer():
    chosen_lambda({"network": "uff1"})


def test_loo_chooses_the_lambda_that_brute_force_chooses_for_two_layers():
    chosen_lambda({"network": "uff2"})


# ---- progress ----


def test_progress_rises_to_exactly_one_and_names_the_stages_of_the_plan_in_their_order():
    for options in (
        {"network": "uff1"},
        {"network": "uff1", "solver": "dual", "leave_one_out": False},
        {"network": "uff2", "solver": "primal", "lambda2": "loo"},
        {"network": "uff2", "solver": "dual", "lambda2": "loo"},
        {"network": "uff2", "leave_one_out": False},
    ):
        trainer = Trainer(small_samples(9), Options(hidden=HIDDEN, **options))
        before, seen = 0.0, []
        for stage, done in trainer.steps():
            assert before <= done <= 1, (options, stage, before, done)
            before = done
            if stage not in seen:
                seen.append(stage)
        assert before == 1.0, (options, before)
        assert seen == [stage.name for stage in trainer.plan.stages], options


def test_progress_ends_at_exactly_one_where_the_sums_of_work_do_not():
    # Beyond 2^24 the parts are rounded; these came to 0.9999999.
    trainer = Trainer(small_samples(30, height=28, width=28), Options(hidden=500))
    done = [part for _, part in trainer.steps()]
    assert done[-1] == 1, done[-1]


# ---- refusals ----


class Fake:
    """A dataset of any size that holds nothing."""

    height, width = HEIGHT, WIDTH

    def __init__(self, names, labels):
        self.names = names
        self.labels = labels

    def __len__(self):
        return len(self.labels)


def test_a_class_without_images_is_named():
    samples = small_samples(3)
    samples.name_class(3, "empty")
    raises(ValueError, '3 "empty" has no images', Trainer, samples)


def test_one_class_is_refused():
    raises(ValueError, "classes: want 2 to 16, got 1", Trainer, small_samples(3, classes=1))


def test_no_images_are_refused():
    raises(ValueError, "has no images", Trainer, Dataset(HEIGHT, WIDTH, NAMES))


def test_more_images_than_an_exact_gram_matrix_holds_are_refused():
    labels = bytearray(i % 2 for i in range(8192))
    for form in ("primal", "dual"):
        raises(
            ValueError,
            "to 8191, got 8192",
            Trainer,
            Fake(["a", "b"], labels),
            Options(solver=form),
        )
    Trainer(Fake(["a", "b"], labels[1:]))


def test_a_label_out_of_range_is_refused_before_any_work():
    raises(ValueError, "label", Trainer, Fake(["a", "b"], bytearray([0, 1, 2])))


def test_images_without_pixels_beside_the_label_are_refused():
    samples = small_samples(2, height=4, width=4)
    raises(ValueError, "got 4 x 4", Trainer, samples)


def test_samples_check_shape_and_label():
    samples = small_samples(1)
    raises(ValueError, "8 x 8 = 64 bytes, got 63", samples.append, bytes(63), 0)
    raises(ValueError, "label: want 0 to 2, got 3", samples.append, bytes(64), 3)
    raises(ValueError, "label: want 0 to 2, got -1", samples.relabel, 0, -1)
    raises(ValueError, "class number: want 0 to 3, got 4", samples.name_class, 4, "far")
    raises(ValueError, "class number: want 0 to 3, got -1", samples.name_class, -1, "far")
    assert samples.names == NAMES[:3] and len(samples) == 3


def test_predicting_an_image_of_another_shape_is_refused():
    network, _ = trained(small_samples(3))
    raises(ValueError, "8 x 8 = 64 bytes, got 784", network.predict, bytes(784))
    raises(ValueError, "want 2 x 64 bytes, got 64", network.predict_many, bytes(64), bytearray(2))


def test_options_out_of_range_are_refused_with_the_range():
    for name, part, values in (
        (
            "network",
            "want one of uff1, uff2, uff_conv, uff_kernel, uff_mirror",
            ("uff3", 2, None, "patch", ""),
        ),
        ("network", "want one of", ("linear+linear", "kernel+contrast", "contrast+patch+linear")),
        ("solver", 'want "auto", "primal" or "dual"', ("Dual", None)),
        ("hidden", "want 2 to 4096 neurons", (1, 4097, -5, 24.0, "24")),
        ("copies", "want 0 to 15", (-1, 16, 1.0, None)),
        ("seed", "want 0 to 4294967295", (-1, 1 << 32, 0.5, "0", None)),
        ("label_scale", "want 0.001 to 1000", (0, -1, 2000, float("nan"), float("inf"), "0.2")),
        ("lambda1", "want 0.0001 to 10000", (0, 1e5, float("nan"), "5")),
        ("lambda2", "want 1e-05 to 10000", (0, -0.1, 1e5, float("nan"), "best")),
    ):
        for value in values:
            raises(ValueError, name + ": " + part, Options, **{name: value})


def test_options_at_the_ends_of_their_ranges_train():
    samples = small_samples(4)
    for options in (
        {"hidden": 2},
        {"hidden": 3, "label_scale": 1e-3},
        {"label_scale": 1e3},
        {"lambda1": 1e-4},
        {"lambda1": 1e4},
        {"lambda2": 1e4},
        {"seed": (1 << 32) - 1},
        {"network": "uff1", "lambda2": 1e4, "label_scale": 1e3},
    ):
        for form in ("primal", "dual"):
            trained(samples, solver=form, **options)


def test_blank_and_equal_images_train():
    samples = Dataset(HEIGHT, WIDTH, NAMES[:2])
    for label in (0, 1, 0, 1):
        samples.append(bytes(64), label)
    for name in ("uff1", "uff2"):
        for form in ("primal", "dual"):
            try:
                network, _ = trained(samples, network=name, solver=form)
            except ValueError as error:
                assert "blank" in str(error), error
    for label in (0, 1, 0, 1):
        samples.append(bytes([255] * 64), label)
    for name in ("uff1", "uff2"):
        for form in ("primal", "dual"):
            network, _ = trained(samples, network=name, solver=form)
            assert network.predict(bytes(64)).label in (0, 1)


# ---- Ctrl-C ----


def test_ctrl_c_in_any_stage_leaves_the_saved_model_as_it_was():
    folder = scratch()
    path = folder + "/model.uffm"
    samples = small_samples(6)
    network, trainer = trained(samples, lambda2="loo")
    model.save(network, path)
    old = contents(path)
    names = [stage.name for stage in trainer.plan.stages]
    for stop in names:

        def progress(stage, done, stop=stop):
            if stage == stop:
                raise KeyboardInterrupt

        again = Trainer(samples, Options(hidden=HIDDEN, lambda2="loo", seed=1))
        try:
            model.save(again.run(progress), path)
            raise AssertionError(stop)
        except KeyboardInterrupt:
            pass
        assert again.network is None
        assert contents(path) == old, stop
    # And the interrupted Trainer can start again, from the beginning.
    assert next(again.steps())[1] < 0.5
    assert bytes(again.run().layer1.w) == bytes(
        trained(samples, lambda2="loo", seed=1)[0].layer1.w
    )
    assert model.load(path).info.seed == 0
    umount()


run(globals())
