"""Prints what every function of `ridge` was given and gave, for a host to compare with its own
arithmetic.

call NAME arg h 0102..       an array, as hex, before the call      arg n 6, arg f .. (a
float32, as hex): a number named v f ..       a keyword                              result 12
out 2 h 0304..     argument 2 after the call
"""

import gc
from array import array
from binascii import hexlify

from ridge_calls import calls, is_array


def text(a):
    if is_array(a):
        return "array %s %s" % (a[0], str(hexlify(bytes(a[1])), "ascii"))
    if isinstance(a, tuple):
        return "array f " + str(hexlify(bytes(array("f", a))), "ascii")
    if isinstance(a, float):
        return "float f " + str(hexlify(bytes(array("f", [a]))), "ascii")
    return "int n %d" % a


def main():
    for call in calls():
        gc.collect()
        print("call", call.name)
        for a in call.args:
            print("arg", text(a))
        for key, a in call.named.items():
            print("named", key, text(a))
        args = call.copies()
        print("result", call(args))
        gc.collect()
        for i in call.writes:
            if i == call.work:
                continue  # what is left there depends on the kernels
            print("out", i, text((call.args[i][0], args[i])))


if __name__ == "__main__":
    main()
