"""Breaks the display's core in many small ways and counts how many of them the scenarios notice.

    .venv/bin/python tests/lcd/mutants.py        all, 2 to 3 minutes
    .venv/bin/python tests/lcd/mutants.py 20     every 20th

A mutant is a statement left out, a number or a comparison changed in lcd.c, a constant changed in
lcd_registers.h, or a byte in lcd_panels.c. Those that pass and are not KNOWN to do no harm are
printed: a scenario is missing.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from uff_host import patience

HERE = Path(__file__).resolve().parent
CORE = HERE.parent.parent / "firmware_build/lcd"
BENCH = CORE.parent / "firmware_bench"
# What the core is driven against: the firmware bench's models of the display, and what is around.
MODEL = [HERE / "lcd_model.c", *(BENCH / f"models/{name}.c" for name in ("dsi", "ltdc", "panel"))]
NUMBER = re.compile(r"(?<![\w.\"])(0x[0-9a-fA-F]+|\d+)(u?)(?![\w\"])")
OPERATORS = {" < ": " <= ", " >= ": " > ", " > ": " >= ", " == ": " != ", " != ": " == "}
OPERATORS |= {" && ": " || ", " || ": " && ", "true": "false", "false": "true"}

# Lines whose mutants may pass, and why.
LONGER = "longer waits, and shorter ones above the data sheets' least, are right too"
SAME = "the same result for every value there can be"
KNOWN = {
    "get(lcd, RCC_APB3ENR);": "lets a clock arrive; the model's is there at once",
    "get(lcd, RCC_AHB4ENR);": "lets a clock arrive; the model's is there at once",
    "const bool late = ": "a microsecond more",
    "#define HSE_KHZ": SAME,
    "#define PIXEL_MAX_KHZ": "1 kHz more",
    "#define PLL_LOCK_US": LONGER,
    "delay_us(lcd, 2 * PLL_LOCK_US);": LONGER,
    "#define RESET_LOW_US": LONGER,
    "#define RESET_HIGH_US": LONGER,
    "#define SLEEP_IN_US": LONGER,
    "0, 12,": LONGER,
    "const uint8_t shift[2]": SAME,
    "} known[2] = {": SAME,
    "return error != LCD_OK ? error : fault(lcd, NULL, 0,": "a value without a flag is not read",
    "const uint32_t lines = ": SAME,
    "return (w + 4) * (lines + h + 1);": "how long the end is not looked for; BUSY tells it too",
    "delay_us(lcd, clocks * 1000": "how long the end is not looked for; BUSY tells it too",
}


def lines_of(file: str) -> list[str]:
    return (CORE / file).read_text().splitlines()


def mutants() -> Iterator[tuple[str, int, str]]:
    """(file, line number, what the line becomes)."""
    body = False
    for i, line in enumerate(lines_of("lcd.c")):
        code = line.split("//")[0].rstrip()
        if re.match(r"\w.*\) \{$|static int wait_until", line):
            body = True
        elif line == "}":
            body = False
        statement = re.match(r"\s+[a-z][\w.>-]*(\(| = | \+= ).*;$", code)
        if body and statement and not re.match(r"\s+(return|const|int|uint32_t) ", code):
            yield "lcd.c", i, ""
        if "#include" in line:
            continue
        for match in NUMBER.finditer(code):
            value = int(match[1], 0)
            for other in {value + 1, value * 2, value // 2} - {value}:
                text = f"{other}{match[2]}"
                yield "lcd.c", i, line[: match.start()] + text + line[match.end() :]
        for old, new in OPERATORS.items():
            if old in code:
                yield "lcd.c", i, line.replace(old, new, 1)
    for i, line in enumerate(lines_of("lcd_registers.h")):
        code = line.split("//")[0].rstrip()
        define = re.match(r"(#define \w+(?:\(\w+\))? .*?)(0x[0-9a-f]+|\d+)(u?\)*[^)]*\)?)$", code)
        if define:
            value = int(define[2], 0)
            step = 4 if value >= 0x40000000 else 1
            yield "lcd_registers.h", i, f"{define[1]}{value + step}{define[3]}"
    for i, line in enumerate(lines_of("lcd_panels.c")):
        code = line.split("//")[0]
        numbers = list(NUMBER.finditer(code)) if re.match(r"    \d+, ", code) else []
        for define in (numbers[1:2] + numbers[-1:]) if len(numbers) > 1 else []:
            text = str(int(define[1], 0) ^ 1)
            yield "lcd_panels.c", i, line[: define.start()] + text + line[define.end() :]


COMPILE = ["cc", "-std=c99", "-w", "-O1"]


def survives(mutant: tuple[str, int, str], model: list[Path]) -> bool:
    """Whether every scenario passes with it. One that does not compile or end is noticed."""
    file, number, text = mutant
    with tempfile.TemporaryDirectory() as folder:
        for source in CORE.glob("lcd*.[ch]"):
            lines = source.read_text().splitlines()
            if source.name == file:
                lines[number] = text
            (Path(folder) / source.name).write_text("\n".join(lines) + "\n")
        program = Path(folder) / "test_lcd"
        sources = [Path(folder) / "lcd.c", Path(folder) / "lcd_panels.c", *model]
        build = [*COMPILE, *map(str, sources), "-o", str(program)]
        if subprocess.run(build, capture_output=True, check=False).returncode != 0:
            return False
        try:
            run = patience.run([str(program)], 20)
        except subprocess.TimeoutExpired:
            return False
        return run.returncode == 0


def survivors(chosen: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Those that no scenario notices."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        model = []
        for source in (*MODEL, HERE / "test_lcd.c"):
            model.append(Path(folder) / f"{source.stem}.o")
            build = [*COMPILE, f"-I{CORE}", f"-I{BENCH}", "-c", str(source), "-o", str(model[-1])]
            subprocess.run(build, check=True)
        results = list(pool.map(lambda mutant: survives(mutant, model), chosen))
    return [mutant for mutant, alive in zip(chosen, results, strict=True) if alive]


def unexplained(mutants: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Those that are not KNOWN to do no harm."""
    return [m for m in mutants if not lines_of(m[0])[m[1]].strip().startswith(tuple(KNOWN))]


if __name__ == "__main__":
    step = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    chosen = list(mutants())[::step]
    alive = survivors(chosen)
    unknown = unexplained(alive)
    for file, number, text in unknown:
        print(f"{file}:{number + 1}: {lines_of(file)[number].strip()}\n    -> {text.strip()}")
    harmless = len(alive) - len(unknown)
    print(f"{len(chosen)} mutants: {len(chosen) - len(alive)} noticed, {harmless} known to do")
    print(f"no harm, {len(unknown)} neither")
