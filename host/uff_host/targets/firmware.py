"""The STM32H747I-DISCO's own image on the firmware bench, as a target: a board behind a pty.

The bench (firmware_build/firmware_bench) is a process. It lives as long as the target; what the
board's flash holds is gone with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from uff_host import files
from uff_host.errors import DeviceError
from uff_host.targets.emulator import EmulatorTarget


class FirmwareTarget(EmulatorTarget):
    """An image of the board (firmware.elf, built with UART_REPL=1) on the bench."""

    title = "firmware"
    program = "firmware_bench"
    how_to_get = "make firmware-bench"
    after_an_end = "with an empty flash"

    def __init__(
        self,
        firmware: Path,
        *,
        bench: Path | None = None,
        log: Path | None = None,
        scripts: Path | None = None,
        silence_s: float = 600.0,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Start the bench.

        Args:
            firmware: The image, an ELF file.
            bench: The executable; by default ${UFF_FIRMWARE_BENCH}, else the one that
                `make firmware-bench` builds.
            log: Gets violations and, when the bench ends by itself, its figures.
            scripts, silence_s, on_line: See SerialTarget.

        Raises:
            DeviceError: There is no image or no bench, or it does not start.
        """
        self._bench, self._firmware = bench_and_image(bench, firmware)
        self._log = log
        super().__init__(folder=None, scripts=scripts, silence_s=silence_s, on_line=on_line)

    def _command(self) -> list[str]:
        log = str(self._log.resolve()) if self._log else "violations.log"
        words = ["--pty", "--panel", "nt35510", *self._pins(), "--log", log]
        return [str(self._bench), *words, str(self._firmware)]

    def _pins(self) -> list[str]:
        """Options of the bench that say what hangs on the board's pins: nothing."""
        return []


def bench_and_image(bench: Path | None, image: Path) -> tuple[Path, Path]:
    """Both as absolute paths. bench: see FirmwareTarget.

    Raises:
        DeviceError: One of them is not there.
    """
    bench = (bench or bench_program()).resolve()
    if not bench.is_file():
        raise DeviceError(f"There is no bench {bench}: build it by `make firmware-bench`.")
    if not image.is_file():
        raise DeviceError(
            f"There is no firmware {image}: build it by "
            "`make firmware BOARD=STM32H747I_DISCO UART_REPL=1`."
        )
    return bench, image.resolve()


def bench_program() -> Path:
    """${UFF_FIRMWARE_BENCH}, else what `make firmware-bench` builds; see files.built()."""
    return files.built("UFF_FIRMWARE_BENCH", "firmware_bench", "firmware_bench")
