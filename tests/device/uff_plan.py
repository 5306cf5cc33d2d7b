"""The plan of a training: work and memory known beforehand, against what it does and takes."""

import gc

from uff_checks import not_in_16_mb, planned, raises, run, small_samples

from uff import DoesNotFit, Options
from uff.train import Trainer

LIMIT = 20000000  # multiply-adds of a slice: some 50 ms on a board, no screen stands still


def taken(samples, options):
    """(bytes the plan says, most bytes alive at any step)."""
    gc.collect()
    before = gc.mem_alloc()
    trainer = Trainer(samples, options)
    most = 0
    for _ in trainer.steps():
        gc.collect()
        most = max(most, gc.mem_alloc() - before)
    return trainer.plan.memory_bytes, most


def check_memory(*cases):
    for each, side, options in cases:
        samples = small_samples(each, height=side, width=side)
        planned, most = taken(samples, Options(**options))
        assert 0.9 < most / planned < 1.02, (options, planned, most)


def test_memory_is_what_the_plan_says():
    check_memory(
        (30, 20, {"hidden": 100, "solver": "primal", "lambda2": "loo"}),
        (80, 12, {"hidden": 60, "leave_one_out": False}),
    )


def test_memory_of_each_form_is_what_the_plan_says():
    check_memory(
        (30, 20, {"network": "uff1", "solver": "primal"}),
        (30, 20, {"network": "uff1", "solver": "dual"}),
        (30, 20, {"network": "uff1", "solver": "dual", "lambda2": "loo"}),
        (30, 20, {"hidden": 100, "solver": "primal"}),
        (30, 20, {"hidden": 100, "solver": "dual"}),
        (10, 20, {"hidden": 300, "solver": "dual"}),
        (10, 20, {"hidden": 300}),
    )


def test_no_large_array_is_taken_beside_those_of_the_plan():
    # Arrays that are dropped between two steps count too: a heap that just holds the plan must do.
    for form in ("primal", "dual"):
        for network in ("uff1", "uff2"):
            sizes = []

            def alloc(size, sizes=sizes):
                sizes.append(size)
                return bytearray(size)

            trainer = Trainer(
                small_samples(10), Options(network=network, hidden=60, solver=form), alloc
            )
            trainer.run()
            plan = trainer.plan
            assert sum(sizes) <= plan.memory_bytes, (form, network, sum(sizes), plan.memory_bytes)


def test_the_plan_is_known_without_images():
    plan = planned(1500, 28, 28, 5, Options())
    n, m, q, k = 1500, 768, 500, 5
    by_name = {stage.name: stage.macs for stage in plan.stages}
    assert by_name["layer 1 Gram matrix"] == n * m * (m + 1) // 2
    assert by_name["layer 1 Cholesky"] == m * m * m // 6
    assert by_name["layer 1 solve"] == m * m * q
    assert by_name["hidden values"] == n * m * q
    assert by_name["class layer Gram matrix"] == n * q * (q + 1) // 2
    assert by_name["fitted labels"] == n * q * k
    assert plan.macs == sum(by_name.values())
    assert plan.memory_bytes == sum(plan.arrays.values())


def test_five_classes_of_300_fit_the_memory_of_a_board():
    planned(1500, 28, 28, 5, Options()).check(15 << 20)


def test_what_does_not_fit_is_refused_with_the_numbers():
    plan = planned(8000, 28, 28, 10, Options())
    error = raises(
        DoesNotFit,
        "train: 8000 images need %d bytes, 1000000 are free" % plan.memory_bytes,
        plan.check,
        1000000,
    )
    assert "want fewer images or neurons" in str(error)
    assert isinstance(error, MemoryError)
    plan.check(plan.memory_bytes)


def test_more_images_neurons_or_classes_never_cost_less():
    def cost(n=600, k=3, **options):
        plan = planned(n, 28, 28, k, Options(**options))
        return plan.macs, plan.memory_bytes

    for form in ("primal", "dual"):
        for network in ("uff1", "uff2"):
            base = cost(solver=form, network=network)
            for more in (
                cost(700, solver=form, network=network),
                cost(600, 4, solver=form, network=network),
            ):
                assert more[0] > base[0] and more[1] > base[1], (form, network)
        assert cost(hidden=600, solver=form) > cost(solver=form)


def test_no_slice_is_longer_than_twenty_million_multiply_adds():
    not_in_16_mb()
    # The default network on whole images; a slice's work follows from the part of the plan it did.
    for each, form in ((160, "primal"), (120, "dual")):
        trainer = Trainer(
            small_samples(each, height=28, width=28), Options(solver=form, lambda2="loo")
        )
        work = sum(stage.work for stage in trainer.plan.stages)
        weight = {stage.name: stage.weight for stage in trainer.plan.stages}
        before, longest = 0.0, {}
        for stage, done in trainer.steps():
            macs = (done - before) * work / weight[stage]
            before = done
            longest[stage] = max(longest.get(stage, 0), macs)
        for stage, macs in longest.items():
            assert macs < LIMIT, (form, stage, macs)


run(globals())
