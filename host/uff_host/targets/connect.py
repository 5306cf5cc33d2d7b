"""Targets by the names that users call them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from uff_host.errors import DeviceError
from uff_host.targets.base import Target

NAMES = ("unix", "web", "m7", "firmware:ELF", "a serial port like /dev/ttyACM0")
FIRMWARE = "firmware:"  # what the name of the board's image begins with
SCRIPTS_HEAP = 4 << 20  # of the emulated M7: their arrays have the arena, the other 12 MB


def connect(name: str, on_line: Callable[[str], None] = lambda line: None) -> Target:
    """The target that a user calls by this name.

    Raises:
        DeviceError: There is no such target, or it is not ready.
    """
    if name == "unix":
        from uff_host.targets.unix import UnixTarget

        return UnixTarget(on_line=on_line)
    if name == "web":
        from uff_host.targets.web import WebTarget

        return WebTarget(on_line=on_line)
    if name == "m7":
        from uff_host.targets.qemu import QemuTarget

        return QemuTarget(on_line=on_line, heap_bytes=SCRIPTS_HEAP)
    if name.startswith(FIRMWARE):
        from uff_host.targets.firmware import FirmwareTarget

        return FirmwareTarget(Path(name.removeprefix(FIRMWARE)), on_line=on_line)
    if name.startswith(("/", "COM")):
        from uff_host.targets.serial import SerialTarget

        return SerialTarget(name, on_line=on_line)
    raise DeviceError(f"There is no target {name!r}. Known: {', '.join(NAMES)}.")
