"""Silences each rule of the bench's models in turn: a scenario must notice it.

    .venv/bin/python -m firmware_bench.mutants rcc    in tests: all rules of one model

A mutant is a violation that is not reported any more.
"""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lcd import mutants as lcd_mutants
from lcd.mutants import COMPILE

from uff_host import patience

HERE = Path(__file__).resolve().parent
BENCH = HERE.parent.parent / "firmware_build/firmware_bench"
# What a test of a model is made of, beside fake_bench.c and the model.
PARTS = {
    "quadspi": ["fake_clocks.c", "models/nor_flash.c"],
    "nor_flash": ["fake_clocks.c", "models/quadspi.c"],
    "fmc": ["fake_clocks.c"],
    "rcc": [],
    "i2c": ["fake_clocks.c"],
    "dsi": [],
    "ltdc": [],
    "panel": [],
}
INCLUDES = [BENCH, BENCH / "models", HERE, lcd_mutants.CORE, lcd_mutants.HERE]
PROGRAM = {"nor_flash": "quadspi", "dsi": "display", "ltdc": "display", "panel": "display"}


def sources(model: str) -> list[Path]:
    """All C files of the test of a model, its own the last."""
    program = PROGRAM.get(model, model)
    if program == "display":  # the display's driver, and what its own tests have around it
        others = [path for path in lcd_mutants.MODEL if path.stem != model]
        core = [lcd_mutants.CORE / "lcd.c", lcd_mutants.CORE / "lcd_panels.c"]
        return [HERE / "test_display.c", *core, *others, BENCH / f"models/{model}.c"]
    parts = [BENCH / part if "/" in part else HERE / part for part in PARTS[model]]
    return [HERE / f"test_{program}.c", HERE / "fake_bench.c", *parts, BENCH / f"models/{model}.c"]


def mutants(model: str) -> Iterator[tuple[int, str]]:
    """(line number, what the line becomes)."""
    for i, line in enumerate((BENCH / f"models/{model}.c").read_text().splitlines()):
        if line.startswith("    "):
            silent = re.sub(r"\bneed(_ns)?\(", "(void)(", line)
            silent = silent.replace("bench_violation(", "(void)snprintf(NULL, 0, ")
            if silent != line:
                yield i, silent


INCLUDE = [f"-I{one}" for one in INCLUDES]
OBJECTS = tempfile.TemporaryDirectory()  # gone with this process


@functools.cache
def others(model: str) -> list[Path]:
    """What a model is linked with, compiled once for all of its mutants."""
    folder = Path(OBJECTS.name) / model
    folder.mkdir()
    found = []
    for source in sources(model)[:-1]:
        found.append(folder / f"{source.stem}.o")
        command = [*COMPILE, *INCLUDE, "-c", str(source), "-o", str(found[-1])]
        subprocess.run(command, check=True)
    return found


def survives(model: str, mutant: tuple[int, str]) -> bool:
    """Whether every scenario passes with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = (BENCH / f"models/{model}.c").read_text().splitlines()
        lines[mutant[0]] = mutant[1]
        text = (
            "\n".join(["#include <stdio.h>", *lines]).replace('"../model.h"', '"model.h"') + "\n"
        )
        (folder / f"{model}.c").write_text(text)
        program = folder / "test"
        parts = [*map(str, others(model)), str(folder / f"{model}.c")]
        build = [*COMPILE, *INCLUDE, *parts, "-o", str(program)]
        if subprocess.run(build, capture_output=True, check=False).returncode != 0:
            return False
        try:
            return patience.run([str(program)], 20).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def survivors(model: str, chosen: list[tuple[int, str]]) -> list[tuple[int, str]]:
    others(model)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda mutant: survives(model, mutant), chosen))
    return [mutant for mutant, alive in zip(chosen, results, strict=True) if alive]


if __name__ == "__main__":
    chosen = list(mutants(sys.argv[1]))
    alive = survivors(sys.argv[1], chosen)
    for number, text in alive:
        print(f"{sys.argv[1]}.c:{number + 1}: {text.strip()}")
    print(f"{len(chosen)} rules: {len(chosen) - len(alive)} are noticed, {len(alive)} not")
