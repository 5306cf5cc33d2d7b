"""Numbers whose conversion runs Python that frees or resizes an array of the same call: they are
converted before any array's address is taken, so nothing else in memory changes.

In the sanitized firmware the arrays lie alone in the C heap and freeing one is final; elsewhere
they grow, and what takes their old place is looked at afterwards.
"""

import gc
from array import array

from ridge_calls import calls, is_array
from uff_checks import run

import ridge

try:
    from guarded import Buffer
except ImportError:
    Buffer = None


class Evil:
    """A number that does a deed whenever it is converted."""

    def __init__(self, value, deed):
        self.value = value
        self.deed = deed
        self.deeds = 0

    def _value(self):
        self.deeds += 1
        self.deed()
        return self.value

    def __int__(self):
        return int(self._value())

    def __index__(self):
        return int(self._value())

    def __float__(self):
        return float(self._value())

    def __bool__(self):
        return bool(self._value())


class Victim:
    """A call's array that can go, and the memory that takes its place."""

    def __init__(self, typecode, data):
        self.typecode = typecode
        self.bytes = len(data)
        self.array = Buffer(typecode, data) if Buffer else array(typecode, data)
        self.squatters = []

    def go(self):
        if Buffer:
            self.array.free()
            return
        # Far longer than before: it moves.
        self.array.extend(array(self.typecode, bytes(2 * self.bytes + 4096)))
        self.squatters += [bytearray(b"\xa5" * max(self.bytes, 16)) for _ in range(24)]

    def replaced(self):
        """Whether what took its place is as it was put there."""
        return all(squatter == b"\xa5" * len(squatter) for squatter in self.squatters)


def attempt(call, number, victim_at):
    """The call with one evil number (an argument's place, a keyword, or a place in a tuple) and
    one victim; returns the number of deeds."""
    args, named = call.copies(), {k: a for k, a in call.named.items() if not is_array(a)}
    if "v" in call.named:
        named["v"] = call.named["v"][1]
    old = named[victim_at] if isinstance(victim_at, str) else args[victim_at]
    typecode = (call.named if isinstance(victim_at, str) else call.args)[victim_at][0]
    victim = Victim(typecode, bytes(old))
    if isinstance(victim_at, str):
        named[victim_at] = victim.array
    else:
        args[victim_at] = victim.array
    del old
    if isinstance(number, str):
        evil = named[number] = Evil(named[number], victim.go)
    elif isinstance(number, tuple):
        at, element = number
        items = list(args[at])
        evil = items[element] = Evil(items[element], victim.go)
        args[at] = items
    else:
        evil = args[number] = Evil(args[number], victim.go)
    try:
        getattr(ridge, call.name)(*args, **named)
    except ValueError:
        pass  # it is no longer as long as it should be
    assert victim.replaced(), (call.name, number, victim_at)
    return evil.deeds


def numbers_of(call):
    for i, a in enumerate(call.args):
        if isinstance(a, tuple) and not is_array(a):
            for element in range(len(a)):
                yield i, element
        elif not is_array(a):
            yield i
    for key, a in call.named.items():
        if not is_array(a):
            yield key


def victims_of(call):
    for i, a in enumerate(call.args):
        if is_array(a):
            yield i
    for key, a in call.named.items():
        if is_array(a):
            yield key


def evil(name):
    """Every number of every call of this function with every array."""
    found = False
    for call in calls():
        if call.name == name:
            for number in numbers_of(call):
                for victim_at in victims_of(call):
                    found = True
                    assert attempt(call, number, victim_at), (name, number)
                    gc.collect()
    assert found, name


def test_gram():
    evil("gram")


def test_kernel():
    evil("kernel")


def test_class_sums():
    evil("class_sums")


def test_project():
    evil("project")


def test_extent():
    evil("extent")


def test_factor():
    evil("factor")


def test_leverage():
    evil("leverage")


def test_leverage_block():
    evil("leverage_block")


def test_inverse_diagonal():
    evil("inverse_diagonal")


def test_inverse_block():
    evil("inverse_block")


def test_combine():
    evil("combine")


def test_merge():
    evil("merge")


def test_contrast():
    evil("contrast")


def test_class_targets():
    evil("class_targets")


def test_unit_rows():
    evil("unit_rows")


def test_quantise():
    evil("quantise")


def test_leave_one_out():
    evil("leave_one_out")


def test_leave_group_out():
    evil("leave_group_out")


def test_powers():
    evil("powers")


def test_kernel_goodness():
    evil("kernel_goodness")


def test_gram_goodness():
    evil("gram_goodness")


def test_outputs():
    evil("outputs")


def test_copies():
    evil("copies")


def test_patch_gram():
    evil("patch_gram")


def test_patch_contrast():
    evil("patch_contrast")


def test_patch_filters():
    evil("patch_filters")


def test_patch_features():
    evil("patch_features")


def test_mirror_features():
    evil("mirror_features")


def test_no_function_with_a_number_is_left_out():
    for call in calls():
        if list(numbers_of(call)) and list(victims_of(call)):
            assert "test_" + call.name in globals(), call.name


def test_crc32():
    for size in (16, 1000):
        victim = Victim("B", bytes(size))
        wicked = Evil(0, victim.go)
        ridge.crc32(victim.array, wicked)
        assert wicked.deeds
        assert victim.replaced()


def test_leave_one_out_when_its_list_of_numbers_is_emptied():
    for call in calls():
        if call.name == "leave_one_out":
            want = call.copies()
            call(want)
            for element in range(4):
                args = call.copies()
                args[5] = numbers = list(args[5])
                numbers[element] = Evil(numbers[element], numbers.clear)
                call(args)
                assert not numbers
                assert [bytes(args[i]) for i in (6, 7, 8)] == [bytes(want[i]) for i in (6, 7, 8)]


if __name__ == "__main__":
    run(globals())
