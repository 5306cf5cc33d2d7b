"""The board of a browser tab as a target: the same WebAssembly module, run by Node."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.targets.unix import UnixTarget

HEAP_BYTES = 96 << 20


class WebTarget(UnixTarget):
    """MicroPython as WebAssembly in a Node process, in a temporary working directory."""

    name = "web"

    def __init__(
        self,
        firmware: Path | None = None,
        *,
        library: Path | None = None,
        heap_bytes: int = HEAP_BYTES,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Find the module and make a working directory.

        Args:
            firmware: The module; by default ${UFF_WEB}, else the one that `make web` builds.
            library: The folder that scripts import from; see UnixTarget.
            heap_bytes: Size of MicroPython's heap.
            on_line: Gets each line that a script prints for people.

        Raises:
            DeviceError: There is no module, or no Node.
        """
        super().__init__(firmware, library=library, heap=str(heap_bytes), on_line=on_line)

    def _default_firmware(self) -> Path:
        return web_firmware()

    def _check_firmware(self) -> None:
        if not self._firmware.is_file():
            raise DeviceError(f"There is no module {self._firmware}: build it by `make web`.")
        if shutil.which("node") is None:
            raise DeviceError("Node is not installed (Debian: sudo apt-get install nodejs).")

    def _command(self, script: Path) -> list[str]:
        runner = files.checkout() / "firmware_build" / "web" / "js" / "run.js"
        return ["node", str(runner), str(self._firmware.resolve()), self._heap, str(script)]


def web_firmware() -> Path:
    """${UFF_WEB}, else the module that `make web` builds; see files.built()."""
    return files.built("UFF_WEB", "web", "page", "board.wasm")
