"""Which board, which firmware."""

import gc
import os
import sys

import ridge
import uff


def identity(test):
    """Which board, which firmware."""
    found = {
        "board": test.board.name if test.board else None,
        "machine": getattr(sys.implementation, "_machine", ""),
        "build": getattr(sys.implementation, "_build", ""),
        "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
        "version": sys.version,
        "uff": uff.__version__,
        "kernels": ridge.kernels(),
        "heap_free": gc.mem_free(),
    }
    if hasattr(os, "uname"):
        found["uname"] = list(os.uname())
    try:
        import machine
    except ImportError:
        return found
    for name, value in (
        ("unique_id", lambda: "".join("%02x" % byte for byte in machine.unique_id())),
        ("clocks_hz", lambda: list(machine.freq())),  # type: ignore[call-overload]
        ("reset_cause", machine.reset_cause if hasattr(machine, "reset_cause") else None),
    ):
        try:
            found[name] = value()
        except (AttributeError, TypeError):
            found[name] = "not there"
    return found
