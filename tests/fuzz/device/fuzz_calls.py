"""Calls of `ridge`, as JSON from stdin; an answer a line on stdout. Their format: calls.py."""

import gc
from array import array
from binascii import hexlify, unhexlify
from struct import unpack

from fuzz_cases import answer_cases
from guarded import Buffer
from ridge_evil import Evil

import ridge


class Call:
    """A case with its blocks of memory and arguments made."""

    def __init__(self, case):
        self.before = [unhexlify(block["data"]) for block in case["blocks"]]
        self.blocks = [
            self._block(block, data) for block, data in zip(case["blocks"], self.before)
        ]
        self.lists = []
        self.args = [self._value(arg) for arg in case["args"]]
        self.named = {key: self._value(arg) for key, arg in case["named"].items()}

    @staticmethod
    def _block(block, data):
        kind, typecode = block["kind"], block["typecode"]
        if kind == "guarded":
            return Buffer(typecode, data, block["skip"])
        if kind == "array":
            return array(typecode, data)
        return bytearray(data) if kind == "bytearray" else data

    def _value(self, arg):
        tag = arg[0]
        if tag == "block":
            return self.blocks[arg[1]]
        if tag == "slice":
            return memoryview(self.blocks[arg[1]])[arg[2] : arg[3]]
        if tag == "int":
            return int(arg[1])
        if tag == "float":
            return unpack("<f", unhexlify(arg[1]))[0]
        if tag == "evil":
            return Evil(self._value(arg[1]), lambda: self._deed(*arg[2:]))
        if tag == "list":
            made = [self._value(item) for item in arg[1]]
            self.lists.append(made)
            return made
        if tag == "tuple":
            return tuple(self._value(item) for item in arg[1])
        if tag == "str":
            return arg[1]
        return {"none": None, "true": True, "false": False, "object": Call}[tag]

    def _deed(self, deed, block=0):
        if deed == "free":
            gone = self.blocks[block]
            if isinstance(gone, Buffer):
                gone.free()
            elif not isinstance(gone, bytes):
                gone.extend(bytes(8 * len(gone) + 4096))
        elif deed == "raise":
            raise RuntimeError("a deed")
        elif deed == "clear":
            for made in self.lists:
                made.clear()
        elif deed == "collect":
            gc.collect()
        else:
            ridge.crc32(bytes(64))

    def after(self):
        """Each block: "=" where nothing changed, else its bytes."""
        answers = []
        for block, before in zip(self.blocks, self.before):
            now = bytes(block)
            answers.append("=" if now == before else hexlify(now).decode())
        return answers

    def free(self):
        for block in self.blocks:
            if isinstance(block, Buffer):
                block.free()


def answer(case):
    call = Call(case)
    try:
        result = getattr(ridge, case["function"])(*call.args, **call.named)
        answered = {"result": repr(result)}
    except Exception as error:
        answered = {"error": type(error).__name__, "sentence": str(error)}
    answered["blocks"] = call.after()
    call.args = call.named = None
    call.free()
    return answered


answer_cases(answer)
