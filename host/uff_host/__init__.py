"""The host side of µFF on MicroPython: data in, training on a target, and a check of what it did.

The command line is `uff` (cli/). The names below are for use from Python (docs/host.md); each is
imported when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uff_host.errors import DataError, DeviceError, FormatError, UffError
    from uff_host.formats.model import Model
    from uff_host.formats.model_file import read_model
    from uff_host.formats.samples import Samples, read_samples, write_samples
    from uff_host.targets.base import Target
    from uff_host.targets.unix import UnixTarget

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

_MODULES = {
    "errors": ("DataError", "DeviceError", "FormatError", "UffError"),
    "formats.model": ("Model",),
    "formats.model_file": ("read_model",),
    "formats.samples": ("Samples", "read_samples", "write_samples"),
    "targets.base": ("Target",),
    "targets.unix": ("UnixTarget",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"uff_host.{module}"), name)
    raise AttributeError(f"module 'uff_host' has no attribute {name!r}")
