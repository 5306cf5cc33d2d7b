"""What the capture application decides by numbers, and the layer it begins with: modules of
device/capture that CPython runs too, so that the host has no copy of them."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from uff_host import files
from uff_host.formats.model import Model
from uff_host.formats.model_file import unpack_layer


def module(name: str) -> ModuleType:
    """A module of device/capture that imports nothing.

    Raises:
        DataError: The package was installed without its checkout.
    """
    path = files.checkout() / "device" / "capture" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"uff_host._capture_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def first_layer() -> Model:
    """The patch layer that comes with the firmware."""
    return unpack_layer(module("first_layer").DATA, "device/capture/first_layer.py")
