"""The display's driver (firmware_build/lcd, device/drivers/lcd.py): the C core against a model of
the registers and of both panels, the glue against a core that fails to order, the Python side
against a module that notes its calls. Nothing here needs a board, and nothing here has seen one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lcd import mutants

from uff_host import patience

HERE = Path(__file__).resolve().parents[1]
LCD = HERE.parent / "firmware_build/lcd"
MODEL = HERE / "lcd"
CORE = [LCD / "lcd.c", LCD / "lcd_panels.c"]
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wdouble-promotion", "-Wfloat-conversion"]
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SCENARIOS = re.findall(r"    SCENARIO\((\w+)\)", (MODEL / "test_lcd.c").read_text())


def compile_c(*arguments: object) -> None:
    command = [str(argument) for argument in arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def run(*command: object) -> None:
    done = patience.run([str(part) for part in command], 60)
    assert done.returncode == 0, done.stdout + done.stderr


# ---- the core ----


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lcd") / "test_lcd"
    sources = [*CORE, *mutants.MODEL, MODEL / "test_lcd.c"]
    includes = [f"-I{LCD}", f"-I{mutants.BENCH}"]
    compile_c("cc", "-std=c99", *WARNINGS, *SANITIZE, *includes, *sources, "-o", path)
    return path


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(program: Path, scenario: str) -> None:
    run(program, scenario)


def test_every_scenario_is_run(program: Path) -> None:
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    assert listed.stdout.split() == SCENARIOS
    functions = (MODEL / "test_lcd.c").read_text()
    assert len(SCENARIOS) == len(set(SCENARIOS))
    assert set(re.findall(r"^static void (\w+)\(void\) \{", functions, re.M)) - set(SCENARIOS) == {
        "check_clean"
    }


@pytest.mark.slow
def test_a_broken_core_is_noticed() -> None:
    """A sample: `python tests/lcd/mutants.py` breaks it in all 700 ways."""
    chosen = list(mutants.mutants())[3::45]
    assert len(chosen) > 12
    assert mutants.unexplained(mutants.survivors(chosen)) == []


def test_core_needs_no_headers_of_micropython_or_st() -> None:
    for source in [*CORE, LCD / "lcd.h", LCD / "lcd_registers.h"]:
        for header in re.findall(r"#include [<\"](.*)[>\"]", source.read_text()):
            assert header in {"lcd.h", "lcd_registers.h", "stdbool.h", "stddef.h", "stdint.h"}


@pytest.mark.parametrize("source", CORE, ids=lambda path: path.name)
def test_core_compiles_for_the_cortex_m7(source: Path, tmp_path: Path) -> None:
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc (Debian: gcc-arm-none-eabi)")
    target = ["-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard"]
    flags = ["-std=c99", "-Os", "-Wconversion", *WARNINGS, *target]
    compile_c("arm-none-eabi-gcc", *flags, "-c", source, "-o", tmp_path / "core.o")


# ---- the glue ----

REGION = """__asm__(".data\\n.balign 64\\n.zero {before}\\n.globl _lcd_framebuffer_start\\n"
    "_lcd_framebuffer_start: .zero {size}\\n"
    ".globl _lcd_framebuffer_end\\n_lcd_framebuffer_end: .zero 64\\n");
"""


@pytest.mark.parametrize(
    ("before", "size"),
    [(0, 768000 + 64), (0, 767999), (16, 768000 + 64), (0, 0)],
    ids=["right region", "too small", "not aligned", "empty"],
)
def test_glue_checks_hands_on_and_says_what_failed(before: int, size: int, tmp_path: Path) -> None:
    region = tmp_path / "region.c"
    region.write_text(REGION.format(before=before, size=size))
    program = tmp_path / "test_glue"
    includes = [f"-I{MODEL}/fake", f"-I{LCD}"]
    flags = ["-std=c99", *WARNINGS, "-g", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    compile_c("cc", *flags, *includes, MODEL / "test_glue.c", region, "-o", program)
    run(program)


def test_glue_compiles_with_the_headers_of_the_stm32_port(tmp_path: Path) -> None:
    """As the port compiles a user module, but for what its build makes: tables of names and pins
    that this file does not look into are empty.
    """
    given = os.environ.get("UFF_STM32_MICROPYTHON_DIR")
    if not given:
        pytest.skip("UFF_STM32_MICROPYTHON_DIR does not name a MicroPython with the stm32 board")
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("no arm-none-eabi-gcc (Debian: gcc-arm-none-eabi)")
    tree = Path(given)
    generated = tmp_path / "genhdr"
    generated.mkdir()
    names = sorted(set(re.findall(r"MP_QSTR_(\w+)", (LCD / "modlcd.c").read_text())))
    lines = [f'QDEF1(MP_QSTR_{name}, 0, {len(name)}, "{name}")\n' for name in ["", *names]]
    (generated / "qstrdefs.generated.h").write_text("".join(lines))
    for name in ("pins.h", "root_pointers.h", "mpversion.h"):
        (generated / name).touch()
    folders = [tmp_path, tree, tree / "ports/stm32", LCD, LCD.parent / "boards/STM32H747I_DISCO"]
    folders += [tree / "lib/CMSIS_6/CMSIS/Core/Include", tree / "lib/CMSIS_5/CMSIS/Core/Include"]
    folders += [tree / "lib/stm32lib/CMSIS/STM32H7xx/Include"]
    folders += [tree / "lib/stm32lib/STM32H7xx_HAL_Driver/Inc"]
    defines = ["-DSTM32H747xx", "-DCORE_CM7", "-DMICROPY_HW_VTOR=0x08000000"]
    defines += ["-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_FLOAT"]
    defines += ["-DSTM32_HAL_H=<stm32h7xx_hal.h>", "-DMBOOT_VTOR=0x08000000"]
    flags = ["-std=gnu99", "-Os", "-mthumb", "-mcpu=cortex-m7", "-mfpu=fpv5-d16"]
    flags += ["-mfloat-abi=hard", "-Wall", "-Wpointer-arith", "-Werror", "-Wdouble-promotion"]
    flags += ["-Wfloat-conversion", "-fsingle-precision-constant", "-nostdlib"]
    includes = [f"-I{folder}" for folder in folders]
    output = tmp_path / "modlcd.o"
    compile_c(
        "arm-none-eabi-gcc", *flags, *defines, *includes, "-c", LCD / "modlcd.c", "-o", output
    )


def test_stub_names_what_the_module_has() -> None:
    table = (LCD / "modlcd.c").read_text().split("globals_table[] = {")[1].split("};")[0]
    module = set(re.findall(r"MP_ROM_QSTR\(MP_QSTR_(\w+)\), MP_ROM_(?:INT|PTR)", table))
    stub = (LCD / "lcd.pyi").read_text()
    assert set(re.findall(r"^(?:def )?(\w+)[(:]", stub, re.M)) == module


# ---- the Python side ----


def test_display_object(run_device: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_device(HERE / "device/lcd_driver.py", HERE)
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["OK"]), done.stdout + done.stderr
