"""The host side of µFF on MicroPython: data in, training on a target, and a check of what it did.

The command line is `uff` (cli.py). For use from Python:
"""

from uff_host.errors import DataError, DeviceError, FormatError, UffError
from uff_host.model import Model, read_model
from uff_host.samples import Samples, read_samples, write_samples
from uff_host.target import Target, UnixTarget

__all__ = [
    "DataError",
    "DeviceError",
    "FormatError",
    "Model",
    "Samples",
    "Target",
    "UffError",
    "UnixTarget",
    "read_model",
    "read_samples",
    "write_samples",
]
