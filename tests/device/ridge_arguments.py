"""What every function of `ridge` accepts and what it refuses, saying what it wanted, with
nothing changed.
"""

import gc
from array import array

from ridge_calls import calls, is_array
from uff_checks import Skip, raises, run

import ridge


def size(typecode):
    return {"B": 1, "h": 2, "H": 2, "i": 4, "q": 8, "f": 4}[typecode]


def outputs(call, args):
    return [bytes(args[i]) for i in call.writes if i != call.work]


def places(call):
    return [i for i, a in enumerate(call.args) if is_array(a)]


def contents(call, args):
    return [bytes(args[i]) for i in places(call) if hasattr(args[i], "__len__")]


def refused(call, args, kinds, word, about=None):
    """Asserts that the call raises one of kinds, with `word` and the function's name, and
    changes nothing.
    """
    before = contents(call, args)
    try:
        call(args)
    except kinds as error:
        message = str(error)
    else:
        raise AssertionError("%s: nothing raised; want %r" % (call.name, kinds))
    assert word in message, "%s: want %r in %r" % (call.name, word, message)
    if about is not False:
        assert call.name + ":" in message, "%s: not named in %r" % (call.name, message)
    assert contents(call, args) == before, "%s: something changed" % call.name


def test_arrays_bytearrays_and_memoryviews_of_both_give_the_same():
    for call in calls():
        want = call.copies()
        result = call(want)
        floats = call.name == "factor" and call.args[0][0] == "f"
        for form in range(4):
            args = []
            for i, a in enumerate(call.copies()):
                raw = is_array(call.args[i]) and not (
                    floats and i == 0
                )  # raw bytes count as int32 there
                if form == 0 and raw:
                    a = bytearray(bytes(a))
                elif form == 1 and is_array(call.args[i]):
                    a = memoryview(a)
                elif form == 2 and raw:
                    whole = bytearray(16 + len(bytes(a)) + 16)
                    whole[16 : len(whole) - 16] = bytes(a)
                    a = memoryview(whole)[16 : len(whole) - 16]
                elif form == 3 and is_array(call.args[i]):
                    typecode = call.args[i][0]
                    whole = array(typecode, bytes(16) + bytes(a) + bytes(16))
                    a = memoryview(whole)[16 // size(typecode) : len(whole) - 16 // size(typecode)]
                args.append(a)
            gc.collect()
            assert call(args) == result, call.name
            gc.collect()
            assert outputs(call, args) == outputs(call, want), (call.name, form)


def test_inputs_may_be_read_only():
    for call in calls():
        want, args = call.copies(), call.copies()
        for i in places(call):
            if i not in call.writes and not (call.name == "factor" and i == 0):
                args[i] = memoryview(bytes(args[i]))
        call(want)
        call(args)
        assert outputs(call, args) == outputs(call, want), call.name


def test_ulab_arrays_give_the_same():
    try:
        from ulab import numpy as np
    except ImportError:
        raise Skip("ulab is not built in")
    kinds = {"B": np.uint8, "h": np.int16, "H": np.uint16, "f": np.float}
    for call in calls():
        want, args = call.copies(), call.copies()
        for i in places(call):
            if call.args[i][0] in kinds:
                args[i] = np.frombuffer(args[i], dtype=kinds[call.args[i][0]])
        result = call(want)
        assert call(args) == result, call.name
        gc.collect()
        for i in call.writes:
            if i != call.work:
                typecode = call.args[i][0]
                got = array(typecode, (v if typecode == "f" else int(v) for v in args[i]))
                assert bytes(got) == bytes(want[i]), call.name


def test_outputs_must_be_writable():
    for call in calls():
        for i in call.writes:
            for form in (bytes, lambda a: memoryview(bytes(a))):
                args = call.copies()
                args[i] = form(args[i])
                refused(call, args, TypeError, "want a writable buffer")


def test_other_things_than_buffers_are_refused():
    for call in calls():
        for i in places(call):
            if (call.name, i) in (("goodness", 4), ("kernel_goodness", 7), ("gram_goodness", 9)):
                continue  # labels may be None
            for thing in (None, 3, [1, 2, 3], 1.5, "text"):
                args = call.copies()
                args[i] = thing
                refused(call, args, TypeError, "buffer")


def test_other_typecodes_are_refused():
    for call in calls():
        for i in places(call):
            if i == call.work:
                continue  # bytes are bytes
            wanted = call.args[i][0]
            for typecode in "bhHiIlLqQfd":
                if typecode in (wanted, "B", "b" if wanted == "B" else ""):
                    continue
                if call.name == "factor" and i == 0 and typecode in "ilf":
                    continue  # it takes both kinds
                if wanted == "i" and typecode == "l":
                    continue  # the same thing on 32 bits
                args = call.copies()
                args[i] = array(typecode, [0] * len(args[i]))
                word = "got typecode '%s'" % typecode
                if wanted == "q" and typecode == "l":
                    continue
                refused(call, args, TypeError, word)


def test_an_element_too_few_is_refused_everywhere():
    for call in calls():
        for i in places(call):
            args = call.copies()
            shorter = len(args[i]) - 1
            args[i] = array(call.args[i][0], list(args[i])[:shorter])
            refused(call, args, ValueError, "want ")


def test_an_element_too_many_is_refused_except_in_work():
    for call in calls():
        for i in places(call):
            args = call.copies()
            args[i] = array(call.args[i][0], list(args[i]) + [0])
            if i == call.work or i in call.longer:
                call(args)
            else:
                refused(call, args, ValueError, "want ")


def test_part_of_an_element_is_refused():
    for call in calls():
        for i in places(call):
            if (
                size(call.args[i][0]) > 1
                and i != call.work
                and not (call.name == "factor" and i == 0)
            ):
                args = call.copies()
                args[i] = bytearray(bytes(args[i])[:-1])
                refused(call, args, ValueError, "want whole ")


def test_misaligned_bytes_are_refused():
    for call in calls():
        for i in places(call):
            if size(call.args[i][0]) > 1 and not (call.name == "factor" and i == 0):
                args = call.copies()
                whole = bytearray(b"\0" + bytes(args[i]))
                args[i] = memoryview(whole)[1:]
                refused(call, args, ValueError, "aligned to ")


def test_outputs_must_not_overlap_inputs():
    for call in calls():
        for i in call.writes:
            for j in places(call):
                if i == j:
                    continue
                args = call.copies()
                if call.name == "factor" and j == 0 and call.args[0][0] == "f":
                    continue
                one, other = bytes(args[i]), bytes(args[j])
                whole = bytearray(max(len(one), len(other)))
                whole[: len(other)] = other
                args[i] = memoryview(whole)[: len(one)]
                args[j] = memoryview(whole)[: len(other)]
                if call.name == "solve" and {i, j} == {1, 2}:
                    call(args)  # in place
                else:
                    refused(call, args, ValueError, "overlap in memory", False)


def test_solve_works_in_place():
    for call in calls():
        if call.name == "solve":
            want, args = call.copies(), call.copies()
            call(want)
            args[2] = args[1]
            call(args)
            assert bytes(args[2]) == bytes(want[2])
            wide = array("f", bytes(args[1]) + bytes(4))
            args[1], args[2] = memoryview(wide)[:-1], memoryview(wide)[1:]
            refused(call, args, ValueError, "overlap in memory", False)


def first(name, number=0):
    """That call, ready to be made."""
    return [call for call in calls() if call.name == name][number]


def with_args(name, changes, number=0):
    call = first(name, number)
    args = call.copies()
    for i, value in changes.items():
        args[i] = value
    return call, args


def test_sizes_out_of_range_are_refused():
    for name, i, values in (
        ("kernel", 1, (0, -1, 65536)),
        ("kernel", 4, (-1, 10, 1 << 20)),
        ("contrast", 1, (0, -6, 65536)),
        ("project", 2, (0, -1, 65536)),
        ("combine", 2, (0, -1, 65536)),
        ("unit_rows", 1, (0, -1, 65536)),
        ("work_bytes", 0, (0, -1, 65536)),
        ("work_bytes", 1, (-1, 65536)),
        ("quantise", 1, (0, -1, 65536)),
        ("quantise", 3, (-101, 101)),
        ("inverse_diagonal", 3, (-1, 6)),
        ("inverse_diagonal", 4, (-1, 7)),
        ("inverse_block", 1, (0, -1, 65536)),
        ("inverse_block", 2, (-1, 5)),
        ("inverse_block", 3, (0, -1, 7)),
        ("leave_group_out", 2, (0, -1, 17)),
        ("powers", 1, (-1, 10)),
        ("powers", 2, (-1, 65536)),
        ("kernel_goodness", 4, (-1, 64)),
        ("gram_goodness", 1, (0, -1, 65536)),
        ("gram_goodness", 2, (-1, 7)),
        ("gram_goodness", 3, (-1, 10)),
        ("gram_goodness", 6, (-1, 64)),
        ("outputs", 2, (0, -1, 65536)),
        ("copies", 4, (0, -1, 256)),
        ("patch_filters", 3, (0, -1)),
        ("patch_features", 5, (-1,)),
        ("patch_work_bytes", 0, (-1, 65)),
        ("mirror_features", 5, (-1,)),
        ("mirror_work_bytes", 0, (0, -1, 33)),
    ):
        for value in values:
            slices = ("kernel", 4), ("inverse_diagonal", 3), ("inverse_diagonal", 4)
            number = 1 if (name, i) in slices or name in ("work_bytes", "patch_work_bytes") else 0
            call, args = with_args(name, {i: value}, number)
            refused(call, args, ValueError, "got %d" % value)
            args[i] = "6"
            refused(call, args, TypeError, "", False)
            args[i] = 1 << 70
            refused(call, args, OverflowError, "", False)
    for name, low in (
        ("copies", 1), ("patch_gram", 9), ("patch_contrast", 9), ("patch_features", 9),
        ("mirror_features", 11),
    ):  # fmt: skip
        for sides in ((low - 1, 11), (9, low - 1), (-9, 11), (9, 4097), (4097, 9), (256, 256)):
            call, args = with_args(name, {1: sides[0], 2: sides[1]})
            refused(call, args, ValueError, "want sides from %d to 4096" % low)
    for changes in ({"first": 4, "last": 3}, {"first": -1}, {"last": 7}, {"last": -1}):
        raises(ValueError, "factor: ", first("factor"), **changes)


def test_numbers_must_be_finite():
    for bad in (float("nan"), float("inf"), -float("inf"), 1e39):
        for key in ("scale", "diagonal", "rank1"):
            raises(
                ValueError, "factor: %s: want a finite number" % key, first("factor"), **{key: bad}
            )
        for name, i in (("leverage", 3), ("leverage_block", 3), ("class_targets", 2)):
            call, args = with_args(name, {i: bad})
            refused(call, args, ValueError, "ratio: want a finite number")
        for i in range(4):
            call = first("leave_one_out")
            args = call.copies()
            args[5] = tuple(bad if i == j else a for j, a in enumerate(args[5]))
            refused(call, args, ValueError, "want a finite number")


def test_leave_one_out_wants_four_numbers_and_a_keep_above_0():
    for numbers, kind in (((1, 2, 3), ValueError), ((1, 2, 3, 4, 5), ValueError), (5, TypeError)):
        call, args = with_args("leave_one_out", {5: numbers})
        refused(call, args, kind, "", False)
    for keep in (0, -1.0):
        call, args = with_args("leave_one_out", {5: (1.0, -3.0, 0.1, keep)})
        refused(call, args, ValueError, "keep: want a number above 0")


def test_images_and_pixels_out_of_range_are_refused():
    call, args = with_args("encode", {1: array("H", [0, 3, 7, 8, 11, 20])})
    refused(call, args, ValueError, "want pixels below 20, got 20")
    for i in (2, 3):
        call, args = with_args("contrast", {i: array("H", [1, 2, 3, 4, 9])})
        refused(call, args, ValueError, "want images below 9, got the pair")
        call, args = with_args("patch_contrast", {i + 1: array("H", [0, 1, 2, 3])})
        refused(call, args, ValueError, "want images below 3, got the pair")
    call, args = with_args("copies", {4: 254})
    refused(call, args, ValueError, "want copies up to number 255, got 3 from 254 on")


def test_more_than_16_classes_are_refused():
    k = 17
    raises(
        ValueError, "1 to 16 classes", ridge.goodness,
        array("h", [1]), array("h", [1] * k), array("i", [0] * k * k), array("q", [0] * k),
    )  # fmt: skip


def test_numbers_of_filters_rows_and_groups_are_refused():
    for q in (0, 2, 68):
        call, args = with_args("patch_features", {3: array("h", [0] * 36 * q)})
        refused(call, args, ValueError, "want 4, 8, ... 64 filters, got %d" % q)
    for q in (0, 2, 36):
        call, args = with_args("mirror_features", {3: array("h", [0] * 36 * q)})
        refused(call, args, ValueError, "want 4, 8, ... 32 filters, got %d" % q)
    for rows in (0, 17):
        call, args = with_args("leverage_block", {1: array("h", [0] * 6 * rows)})
        refused(call, args, ValueError, "want 1 to 16 rows, got %d" % rows)
    for groups in (0, 9):
        call, args = with_args("leave_group_out", {3: bytearray(groups)})
        refused(call, args, ValueError, "got %d groups of 2" % groups)
    call, args = with_args("leave_group_out", {4: array("f", [0] * 4 * 17)})
    refused(call, args, ValueError, "2 to 16 classes")
    for stored in (0, 65536):
        call, args = with_args("kernel_goodness", {2: bytearray(2 * 3 * stored)})
        refused(call, args, ValueError, "want 3 rows of 1 to 65535 stored images")


def test_values_that_overflow_raise_overflow_error():
    for name, i, value in (
        ("powers", 0, array("i", [-(1 << 18) - 1] * 45)),
        ("kernel_goodness", 0, array("h", [-600] * 54)),
        ("kernel_goodness", 3, array("i", [1 << 30] * 9)),
        ("gram_goodness", 0, array("i", [-1] * 45)),
        ("gram_goodness", 5, array("i", [1 << 30] * 9)),
        ("outputs", 0, array("h", [32767] * 54)),
        ("patch_gram", 0, array("h", [32767] * 396)),
        ("patch_features", 0, array("h", [300] * 396)),
        ("patch_features", 3, array("h", [4000] * 144)),
        ("patch_features", 4, array("i", [1 << 26] * 4)),
        ("patch_features", 5, 1 << 26),
    ):
        call, args = with_args(name, {i: value})
        refused(call, args, OverflowError, "a sum could leave its integer type")
    call, args = with_args("gram", {0: array("h", [-32768] * 12)})
    refused(call, args, OverflowError, "a sum could leave its integer type")
    call, args = with_args("kernel", {0: array("h", [-32768] * 54)})
    refused(call, args, OverflowError, "a sum could leave its integer type")
    call, args = with_args("project", {0: array("h", [32767] * 54)})
    refused(call, args, OverflowError, "a sum could leave its integer type")
    call, args = with_args("nearest", {0: array("h", [32767] * 6)})
    refused(call, args, OverflowError, "a sum could leave its integer type")
    call, args = with_args("goodness", {2: array("i", [1 << 30] * 9)})
    refused(call, args, OverflowError, "a sum could leave its integer type")
    call, args = with_args("merge", {1: array("i", [2147483647] * 21)})
    refused(call, args, OverflowError, "a sum could leave its integer type")
    call, args = with_args("class_sums", {3: array("i", [65535] * 3)})
    refused(call, args, OverflowError, "a sum could leave its integer type")


def test_nearest_wants_a_row():
    call, args = with_args("nearest", {1: array("h")})
    refused(call, args, ValueError, "want one or more, got none")


def test_values_that_make_no_sense_raise_value_error():
    call, args = with_args("gram", {0: array("h", [500] * 54)}, 1)
    refused(call, args, ValueError, "these images were never added")
    call, args = with_args("class_sums", {1: bytearray(9)}, 1)
    refused(call, args, ValueError, "these images were never added")
    call, args = with_args("patch_gram", {3: array("i", [0] * 666)}, 1)
    refused(call, args, ValueError, "these images were never added")
    call, args = with_args("leave_group_out", {0: array("f", [0] * 36)})
    refused(call, args, ValueError, "want a positive definite matrix")
    call, args = with_args("leave_group_out", {3: bytearray([0, 3, 0])})
    refused(call, args, ValueError, "a label is not below the number of classes")
    for name in ("class_sums", "leave_one_out"):
        call, args = with_args(name, {1 if name == "class_sums" else 3: bytearray([3] * 9)})
        refused(call, args, ValueError, "a label is not below the number of classes")
    bad = float("nan")
    for name, i in (
        ("unit_rows", 0), ("quantise", 0), ("leave_one_out", 4), ("patch_filters", 0),
        ("leave_group_out", 0), ("leave_group_out", 1), ("leave_group_out", 4),
    ):  # fmt: skip
        call = first(name)
        args = call.copies()
        args[i][len(args[i]) - 1] = bad
        refused(call, args, ValueError, "NaN or infinity")
    call = first("solve")
    args = call.copies()
    args[1][29] = bad
    before = bytes(args[2])
    raises(ValueError, "solve: NaN or infinity", call, args)
    assert bytes(args[2]) == before


def test_factor_names_the_row_it_stops_at():
    gram = array("f", [1, 0, 1, 1, 0, 1])  # rows 0 and 2 are the same
    factor, work = array("f", bytes(24)), bytearray(ridge.work_bytes(3))
    raises(ValueError, "factor: not positive definite at row 2 of 3; want a larger diagonal",
           ridge.factor, gram, factor, work)  # fmt: skip
    gram[2] = float("inf")
    raises(ValueError, "factor: NaN or infinity at row 1 of 3", ridge.factor, gram, factor, work)
    ridge.factor(gram, factor, work, last=1)
    assert factor[0] == 1.0


def test_products_beyond_32_bits_are_no_lengths():
    # 65,536 x 65,536 is 0 in 32 bits: an empty array must not pass for it.
    many = bytearray(2 << 16)
    none, none_h = array("f"), array("h")
    raises(
        ValueError,
        "project: h: want ",
        ridge.project,
        many,
        many,
        1,
        none_h,
        bytearray(4 << 16),
    )
    gc.collect()
    labels, sums = memoryview(many)[: 1 << 16], bytearray(4 << 16)
    counts = array("i", [0])
    raises(ValueError, "class_sums: x: want ", ridge.class_sums, none_h, labels, sums, counts)
    labels = sums = None
    gc.collect()
    raises(ValueError, "combine: out: want ", ridge.combine, many, bytearray(4 << 16), 1, none)
    gc.collect()
    raises(
        ValueError,
        "total_dot: b: want ",
        ridge.total_dot,
        bytearray(4 << 16),
        none,
        bytearray(4 << 16),
    )
    gc.collect()
    pairs = bytearray(4 << 16)
    raises(ValueError, "contrast: out: want ", ridge.contrast, many, 32768, pairs, pairs, none)
    pairs = None
    gc.collect()
    work = bytearray(2 * 16 * 20)
    raises(
        ValueError,
        "kernel: x: want at most 65535 rows",
        ridge.kernel,
        many,
        1,
        bytearray(4 << 15),
        work,
    )


def test_calls_hold_on_to_nothing():
    def all_calls():
        for call in calls():
            call(call.copies())

    all_calls()
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(3):
        all_calls()
    gc.collect()
    # What the collector finds on the stack by chance is a few small blocks.
    assert gc.mem_alloc() - before < 512, gc.mem_alloc() - before


run(globals())
