"""The firmware of the STM32H747I-DISCO: its board folder, where its sources come from, the size
report, what writes it to a board; and, where the sources are there, the firmware itself.

UFF_STM32_MICROPYTHON_DIR names a checkout of upstream with the board and its submodules (see
firmware_build/sources.mk), UFF_STM32_ULAB_DIR one of ulab. Without the first, the tests that need
it are skipped.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builds import load, script, write

from uff_host import patience

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "firmware_build"
BOARD = BUILD / "boards/STM32H747I_DISCO"
UPSTREAM = "ports/stm32/boards/STM32H747I_DISCO"

MICROPYTHON_DIR = os.environ.get("UFF_STM32_MICROPYTHON_DIR", "")
needs_sources = pytest.mark.skipif(
    not MICROPYTHON_DIR,
    reason="STM32H747I_DISCO is not built: UFF_STM32_MICROPYTHON_DIR names no source tree",
)

# What the board's header builds on, of upstream's. test_upstream_is_as_assumed() compares.
HSE_HZ = 25_000_000
ASSUMED = {
    "MICROPY_HW_CLK_PLL2M": 5,
    "MICROPY_HW_CLK_PLL2N": 96,
    "MICROPY_HW_CLK_PLL2R": 10,
    "MICROPY_HW_CLK_PLL3M": 5,
    "MICROPY_HW_CLK_PLL3N": 96,
    "MICROPY_HW_SDRAM_CLOCK_PERIOD": 2,
    "MICROPY_HW_SDRAM_REFRESH_RATE": 64,
    "MICROPY_HW_SDRAM_REFRESH_CYCLES": 4096,
    "MICROPY_HW_SDRAM_FREQUENCY_KHZ": 120000,
    "MICROPY_HW_SDRAM_TIMING_TMRD": 2,
    "MICROPY_HW_SDRAM_TIMING_TXSR": 6,
    "MICROPY_HW_SDRAM_TIMING_TRAS": 4,
    "MICROPY_HW_SDRAM_TIMING_TRC": 6,
    "MICROPY_HW_SDRAM_TIMING_TWR": 2,
    "MICROPY_HW_SDRAM_TIMING_TRP": 2,
    "MICROPY_HW_SDRAM_TIMING_TRCD": 2,
}


def make(
    *arguments: str, cwd: Path = BUILD, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    drop = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "MICROPYTHON_DIR", "ULAB_DIR"}
    kept = {name: value for name, value in os.environ.items() if name not in drop}
    return patience.run(
        ["make", "--no-print-directory", *arguments], timeout, cwd=cwd, env=kept | environment
    )


# ---- the board folder ----


def macros(text: str) -> dict[str, int]:
    """#define NAME (number), the last one of each name."""
    found = re.findall(r"^#define (\w+) +\(?(\d+)\)? *(?://.*)?$", text, re.MULTILINE)
    return {name: int(value) for name, value in found}


OWN = macros((BOARD / "mpconfigboard.h").read_text())


def clocks(values: dict[str, int]) -> dict[str, float]:
    """Hz of the PLLs' oscillators and of what runs from them."""
    vco2 = HSE_HZ / values["MICROPY_HW_CLK_PLL2M"] * values["MICROPY_HW_CLK_PLL2N"]
    vco3 = HSE_HZ / values["MICROPY_HW_CLK_PLL3M"] * values["MICROPY_HW_CLK_PLL3N"]
    kernel = vco2 / values["MICROPY_HW_CLK_PLL2R"]
    return {
        "vco2": vco2,
        "sdram": kernel / values["MICROPY_HW_SDRAM_CLOCK_PERIOD"],
        "qspi": kernel / values.get("MICROPY_HW_QSPI_PRESCALER", 2),
        "pixels": vco3 / values.get("MICROPY_HW_CLK_PLL3R", 4),
    }


def refresh_s(values: dict[str, int], sdram_hz: float) -> float:
    """Seconds in which every row is refreshed, with the count that the port computes: one row
    every count + 1 cycles."""
    rows = values["MICROPY_HW_SDRAM_REFRESH_CYCLES"]
    rate, khz = values["MICROPY_HW_SDRAM_REFRESH_RATE"], values["MICROPY_HW_SDRAM_FREQUENCY_KHZ"]
    count = rate * khz // rows - 20
    return (count + 1) / sdram_hz * rows


def test_clocks_are_those_of_st() -> None:
    values = ASSUMED | OWN
    hz = clocks(values)
    assert 192e6 <= hz["vco2"] <= 836e6  # the wide range of MICROPY_HW_CLK_PLL2VCO
    assert hz["sdram"] == 100e6
    assert values["MICROPY_HW_SDRAM_FREQUENCY_KHZ"] * 1000 == hz["sdram"]
    assert hz["qspi"] <= 100e6
    assert 10e6 <= hz["pixels"] <= 60e6  # what firmware_build/lcd asks for
    assert OWN["MICROPY_HW_SDRAM_CAS_LATENCY"] == 3


def test_self_test_wants_the_clocks_that_are_set() -> None:
    text = (TOP / "device/bring_up/clocks.py").read_text()
    hz = clocks(ASSUMED | OWN)
    for wanted in (
        f'"sdram_khz": {hz["sdram"] / 1000:.0f}',
        f'"qspi_khz": {hz["qspi"] / 1000:.0f}',
        f'"sdram_cas": {OWN["MICROPY_HW_SDRAM_CAS_LATENCY"]}',
    ):
        assert wanted in text


def test_every_row_is_refreshed_in_time() -> None:
    values = ASSUMED | OWN
    assert 0.060 < refresh_s(values, clocks(values)["sdram"]) <= 0.064


def test_cycles_are_long_enough_at_this_clock() -> None:
    values = ASSUMED | OWN
    ns = 1e9 / clocks(values)["sdram"]
    txsr, tras, trc, twr, trp, trcd = (
        values[f"MICROPY_HW_SDRAM_TIMING_{name}"]
        for name in ("TXSR", "TRAS", "TRC", "TWR", "TRP", "TRCD")
    )
    # IS42S32800, grade -6.
    assert txsr * ns >= 70
    assert trc * ns >= 60
    assert tras * ns >= 42
    assert trp * ns >= 18
    assert trcd * ns >= 18
    assert twr * ns >= 12
    # What the controller wants of the cycles among themselves, and the row of its own cycle.
    assert twr >= tras - trcd
    assert twr >= trc - trcd - trp
    assert trc >= tras + trp


@pytest.mark.parametrize(
    ("option", "silicon", "core_hz"),
    [("", "2003", 400e6), ("480", "2003", 480e6), ("480", "1003", 400e6)],
)
def test_core_clock_is_one_that_the_silicon_carries(
    option: str, silicon: str, core_hz: float, tmp_path: Path
) -> None:
    """Revision V is 0x2003, Y is 0x1003. The limits are DS12930's and RM0399's."""
    names = ("PLLM", "PLLN", "PLLP", "PLLQ", "PLL2N", "PLL2R", "PLL3N", "PLL3R")
    upstream = {"PLLM": 5, "PLLN": 160, "PLLP": 2, "PLLQ": 8}
    text = "".join(f"#define MICROPY_HW_CLK_{name} {value}\n" for name, value in upstream.items())
    text += "#define MICROPY_HW_FLASH_LATENCY FLASH_LATENCY_2\n"
    text += "".join(f"#define {name} {value}\n" for name, value in ASSUMED.items())
    write(tmp_path / "boards/STM32H747I_DISCO/mpconfigboard.h", text)
    wanted = ",".join(f"MICROPY_HW_CLK_{name}" for name in names)
    write(
        tmp_path / "a.c",
        f"#define HAL_GetREVID() 0x{silicon}\n#define FLASH_LATENCY_2 2\n"
        f'#define FLASH_LATENCY_4 4\n#include "{BOARD}/mpconfigboard.h"\n#include <stdio.h>\n'
        f"int main(void) {{ int a[] = {{{wanted}, MICROPY_HW_FLASH_LATENCY}};\n"
        'for (int i = 0; i < 9; i++) printf("%d ", a[i]); return 0; }\n',
    )
    flags = ["-DUFF_CORE_480"] if option else []
    program = str(tmp_path / "a")
    subprocess.run(["cc", *flags, f"-I{tmp_path}", f"{program}.c", "-o", program], check=True)
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    m, n, p, q, n2, r2, n3, r3, waits = map(int, output)
    vco = HSE_HZ / m * n
    assert vco / p == core_hz
    newer = silicon == "2003"
    assert 192e6 <= vco <= (960e6 if newer else 836e6)
    assert core_hz <= (480e6 if newer else 400e6)  # voltage scale 0, or 1
    # AXI runs at half; wait states enough up to 210, 225 and, at scale 0, 240 MHz.
    assert core_hz / 2 <= {2: 210e6, 3: 225e6, 4: 240e6}[waits]
    assert vco / q <= 100e6  # the SD card's clock, as upstream has it
    assert (HSE_HZ / m * n2 / r2, HSE_HZ / m * n3 / r3) == (200e6, 40e6)


def test_upstream_is_as_the_header_says() -> None:
    hz = clocks(ASSUMED)
    text = " ".join((BOARD / "mpconfigboard.h").read_text().replace("//", " ").split())
    assert (hz["sdram"], hz["qspi"]) == (24e6, 24e6)
    assert "the SDRAM runs at 24 MHz" in text
    assert "the flash at 24" in text
    assert f"({refresh_s(ASSUMED, hz['sdram']) / 4096 * 1e6:.0f} us a row" in text


def read_pins(path: Path) -> dict[str, str]:
    """Board name -> pin of the processor; a leading - (unknown to Python) is dropped."""
    rows = [row for row in csv.reader(path.read_text().splitlines()) if row and row[0][0] != "#"]
    names = [name.lstrip("-") for name, _ in rows]
    assert len(names) == len(set(names)), "a name comes twice"
    return dict(zip(names, (pin for _, pin in rows), strict=True))


def test_pins_of_screen_and_touch_are_known_to_python() -> None:
    text = (BOARD / "pins.csv").read_text()
    for line in ("LCD_RESET,PG3", "LCD_BACKLIGHT,PJ12", "LCD_TE,PJ2", "TOUCH_INT,PK7"):
        assert line in text.splitlines()
    pins = read_pins(BOARD / "pins.csv")
    assert all(re.fullmatch(r"P[A-K]\d{1,2}(_C)?", pin) for pin in pins.values())
    mine = {"PG3", "PJ12", "PJ2", "PK7"}
    assert [name for name, pin in pins.items() if pin in mine] == [
        "LCD_RESET",
        "LCD_BACKLIGHT",
        "LCD_TE",
        "TOUCH_INT",
    ]
    # The bus of the touch panel: I2C4.
    assert (pins["D15"], pins["D14"]) == ("PD12", "PD13")


def test_python_names_pins_that_the_board_has() -> None:
    pins = read_pins(BOARD / "pins.csv")
    text = (TOP / "device/boards/stm32h747i_disco.py").read_text()
    names = re.findall(r'Pin\("(\w+)"', text)
    assert names
    assert set(names) <= set(pins)


def linker_script() -> tuple[dict[str, tuple[int, int]], dict[str, list[tuple[str, int]]]]:
    """Memories (start, size) and, by memory, the reserved sections (name, bytes) in order."""
    text = re.sub(r"/\*.*?\*/", "", (BOARD / "stm32h747i_disco.ld").read_text(), flags=re.DOTALL)

    def number(word: str) -> int:
        units = {"K": 1024, "M": 1024 * 1024}
        return int(word.rstrip("KM"), 0) * units.get(word[-1], 1)

    memories = {
        name: (int(start, 16), number(size))
        for name, start, size in re.findall(
            r"(\w+) \(\w+\)\s*: ORIGIN = (0x\w+), LENGTH = (\w+)", text
        )
    }
    reserved: dict[str, list[tuple[str, int]]] = {}
    for name, size, memory in re.findall(
        r"\.(\w+) \(NOLOAD\) :.*?\. \+= (.*?);.*?\} > (\w+)", text, re.DOTALL
    ):
        whole = re.fullmatch(r"LENGTH\((\w+)\)", size)
        length = memories[whole[1]][1] if whole else number(size)
        reserved.setdefault(memory, []).append((name, length))
    return memories, reserved


def test_memories_do_not_overlap_and_are_shared_out() -> None:
    memories, reserved = linker_script()
    assert len(memories) == 9
    ends = 0
    for start, size in sorted(memories.values()):
        assert start >= ends
        ends = start + size
    assert memories["SDRAM"] == (0xD0000000, 32 << 20)
    assert [name for name, _ in reserved["SDRAM"]] == [
        "heap_sdram",
        "arena",
        "framebuffer",
    ]
    assert sum(size for _, size in reserved["SDRAM"]) == 32 << 20
    sizes = dict(reserved["SDRAM"])
    assert sizes["framebuffer"] == 2 << 20
    assert reserved["DTCM"] == [("workspace", 128 << 10)]


def test_the_heap_lies_where_the_card_s_dma_reaches() -> None:
    memories, reserved = linker_script()
    code = (TOP / "device/boards/stm32h747i_card.py").read_text()
    (words,) = re.findall(r"^_REACHED = const\(\((.*?)\)\)", code, re.MULTILINE)
    reached = [int(word, 16) for word in words.split(", ")]
    text = (BOARD / "stm32h747i_disco.ld").read_text()
    assert "_heap_end = _sstack;" in text  # the first part: in RAM, below the stack
    heaps = {"RAM"} | {memory for memory, sections in reserved.items() if "heap" in str(sections)}
    assert heaps == {"RAM", "SDRAM"}
    for name, (start, size) in memories.items():
        first, last = start >> 24, start + size - 1 >> 24
        assert (first in reached) == (last in reached) == (name in heaps), name


def test_regions_have_the_same_names_in_c_python_and_the_linker_script() -> None:
    c = (BOARD / "modboard_h747.c").read_text()
    regions = re.findall(r"\{MP_QSTR_(\w+), _(\w+)_start, _(\w+)_end\}", c)
    assert [set(region) for region in regions] == [{"workspace"}, {"arena"}]
    ld = (BOARD / "stm32h747i_disco.ld").read_text()
    for name in ("workspace", "arena", "lcd_framebuffer"):
        assert f"_{name}_start = .;" in ld
        assert f"_{name}_end = .;" in ld
    python = (TOP / "device/uff/arena.py").read_text()
    assert '"arena"' in python
    assert '"workspace"' in python


def test_memory_is_given_cleared_and_within_bounds(tmp_path: Path) -> None:
    flags = ["-std=gnu99", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable", "-g"]
    flags += ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-O1"]
    folder = TOP / "tests/firmware/stm32"
    program = tmp_path / "test_memory"
    command = ["cc", *flags, f"-I{folder}/fake", f"-I{BOARD}", str(folder / "test_memory.c")]
    subprocess.run([*command, "-o", str(program)], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_workspace_of_the_default_network_fits_into_the_dtcm(
    micropython: Path, tmp_path: Path
) -> None:
    program = (
        "from uff import LabelEmbedding, Options, Plan\n"
        "for images in (53, 600, 4000):\n"
        "    print(Plan(images, LabelEmbedding(28, 28), 10, Options()).work_bytes)\n"
    )
    done = patience.run(
        [str(micropython), "-c", program],
        20,
        env={"MICROPYPATH": f"{TOP / 'device'}:.frozen"},
        check=True,
    )
    ((_, dtcm),) = (linker_script()[0][name] for name in ("DTCM",))
    assert [int(size) <= dtcm for size in done.stdout.split()] == [True] * 3


def test_upstream_s_files_are_included_by_one_line() -> None:
    for name in ("board_init.c", "stm32h7xx_hal_conf.h"):
        text = (BOARD / name).read_text()
        assert text == f'#include "boards/STM32H747I_DISCO/{name}" // upstream\'s\n'
    text = (BOARD / "bdev.c").read_text()
    assert text.endswith('\n#include "boards/STM32H747I_DISCO/bdev.c" // upstream\'s\n')


# ---- its Python, on stand-ins ----


def test_boot_makes_and_keeps_file_systems(
    run_device: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    write(tmp_path / "boot.json", f'"{BOARD / "_boot.py"}"')
    done = run_device(TOP / "tests/firmware/stm32/boot.py", tmp_path)
    assert done.stdout.endswith("OK\n"), done.stdout + done.stderr
    output = dict(
        zip(
            ("", "again", "button", "damaged", "broken", "fat", "card"),
            re.split(r"^(?:again|button|damaged|broken|fat|card)\n", done.stdout, flags=re.M),
            strict=True,
        )
    )
    assert output[""] == "/flash holds no file system: one is made.\n"
    assert output["again"] == ""
    assert output["button"] == "A new file system is made in /flash, as the button asked.\n"
    cannot, see = "/flash cannot be mounted: ", " See Recovery in docs/stm32h747i_disco.md.\n"
    assert output["damaged"].startswith(f"{cannot}its littlefs is damaged.{see}")
    assert output["broken"].startswith(f"{cannot}[Errno 5] EIO.{see}")
    assert output["fat"].startswith("/flash is a FAT: ")
    assert "/sd cannot be mounted: " in output["card"]


def test_board_gives_memory_and_goes_on_without_screen_and_touch(
    run_device: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = run_device(TOP / "tests/firmware/stm32/board.py", tmp_path)
    assert done.stdout.endswith("OK\n"), done.stdout + done.stderr
    assert re.search(r"^No screen: .*\.$", done.stdout, re.MULTILINE)
    assert re.search(r"^No touch panel: .*\.$", done.stdout, re.MULTILINE)


# ---- where the sources come from ----


def tree_with(folder: Path, *files: str) -> Path:
    for name in ("py/mpconfig.h", *files):
        write(folder / name, "")
    return folder


BOARD_FILE = f"{UPSTREAM}/mpconfigboard.h"
STM32LIB_FILE = "lib/stm32lib/STM32H7xx_HAL_Driver/Src/stm32h7xx_hal_ltdc.c"
CMSIS_FILE = "CMSIS/Core/Include/core_cm7.h"


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            (),
            "this MicroPython has no board STM32H747I_DISCO; want upstream's commit 1c3c201149f3",
        ),
        (
            (BOARD_FILE,),
            "these submodules are missing: lib/stm32lib, lib/CMSIS_6; try: git -C {} submodule "
            "update --init lib/stm32lib lib/CMSIS_6",
        ),
        ((BOARD_FILE, STM32LIB_FILE), "these submodules are missing: lib/CMSIS_6; try"),
    ],
)
def test_what_a_given_tree_lacks_is_named(
    tmp_path: Path, files: tuple[str, ...], sentence: str
) -> None:
    tree = tree_with(tmp_path / "mp", *files)
    done = make(
        "STM32H747I_DISCO",
        f"OUT={tmp_path}/out",
        MICROPYTHON_DIR=str(tree),
        UFF_CACHE=str(tmp_path / "cache"),
    )
    assert done.returncode != 0
    assert f"fetch: MICROPYTHON_DIR={tree}: " in done.stderr
    assert sentence.format(tree) in done.stderr
    assert "Traceback" not in done.stderr


def test_without_upstream_a_sentence_says_what_to_give(tmp_path: Path) -> None:
    script(tmp_path / "bin/git", "echo 'fatal: unable to access it' >&2; exit 128")
    done = make(
        "STM32H747I_DISCO",
        f"OUT={tmp_path}/out",
        PATH=f"{tmp_path}/bin:{os.environ['PATH']}",
        UFF_CACHE=str(tmp_path / "cache"),
        timeout=20,
    )
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if "cannot be had" in line)
    assert line.startswith("fetch: ")
    assert "for the STM32H747I_DISCO cannot be had: git failed: fatal: unable" in line
    assert "with its submodules lib/stm32lib and lib/CMSIS_6: MICROPYTHON_DIR=folder" in line
    assert "ULAB_DIR=folder" in line


def run_fetch(
    monkeypatch: pytest.MonkeyPatch, sources: dict[str, str], folder: Path
) -> dict[str, str]:
    """Runs fetch.py --stm32 with these sources; what found-stm32.mk then says."""
    path = write(
        folder / "sources.mk", "".join(f"{key} = {value}\n" for key, value in sources.items())
    )
    monkeypatch.setenv("UFF_CACHE", str(folder / "cache"))
    arguments = ["fetch.py", "--stm32", "--sources", str(path), str(folder / "out")]
    monkeypatch.setattr(sys, "argv", arguments)
    load("fetch").main()
    text = (folder / "out/found-stm32.mk").read_text(encoding="utf-8")
    assert not (folder / "out/found.mk").exists()
    return dict(re.findall(r"^(\w+) = (.*)$", text, re.MULTILINE))


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """sources.mk of four small repositories."""
    monkeypatch.delenv("MICROPYTHON_DIR", raising=False)
    monkeypatch.delenv("ULAB_DIR", raising=False)
    sources = {"STM32_MICROPYTHON_VERSION": "2", "ULAB_VERSION": "6"}
    who = ("-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "commit.gpgsign=false")
    for name, file in {
        "STM32_MICROPYTHON": BOARD_FILE,
        "STM32LIB": STM32LIB_FILE.removeprefix("lib/stm32lib/"),
        "CMSIS": CMSIS_FILE,
        "ULAB": "code/micropython.mk",
    }.items():
        folder = tmp_path / "git" / name
        write(folder / file, "")
        for command in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "one")):
            subprocess.run(["git", *command], cwd=folder, check=True)
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
        )
        sources |= {f"{name}_URL": folder.as_uri(), f"{name}_COMMIT": head.stdout.strip()}
    return sources


def test_pinned_commit_comes_with_its_submodules(
    upstream: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_fetch(monkeypatch, upstream, tmp_path)
    tree = Path(found["MICROPYTHON"])
    for file in (BOARD_FILE, STM32LIB_FILE, f"lib/CMSIS_6/{CMSIS_FILE}"):
        assert (tree / file).exists()
    assert Path(found["ULAB"], "code/micropython.mk").exists()


def test_broken_off_fetch_goes_on_where_it_was(
    upstream: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = upstream["CMSIS_URL"]
    upstream["CMSIS_URL"] = (tmp_path / "none").as_uri()
    with pytest.raises(SystemExit, match="cannot be had"):
        run_fetch(monkeypatch, upstream, tmp_path)
    capsys.readouterr()
    upstream["CMSIS_URL"] = right
    tree = Path(run_fetch(monkeypatch, upstream, tmp_path)["MICROPYTHON"])
    assert (tree / "lib/CMSIS_6" / CMSIS_FILE).exists()
    assert re.findall(r"fetch: (\w+) at", capsys.readouterr().out) == ["cmsis", "ulab"]


def test_given_tree_with_the_older_cmsis_is_taken(
    upstream: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tree_with(tmp_path / "mp", BOARD_FILE, STM32LIB_FILE, f"lib/CMSIS_5/{CMSIS_FILE}")
    monkeypatch.setenv("MICROPYTHON_DIR", str(tree))
    assert run_fetch(monkeypatch, upstream, tmp_path)["MICROPYTHON"] == str(tree)


def test_unknown_board_gives_a_sentence() -> None:
    for target in ("firmware", "deploy"):
        done = make(target, "BOARD=PYBV10", cwd=TOP)
        assert done.returncode != 0
        assert "There is no BOARD=PYBV10; want STM32H747I_DISCO" in done.stderr


def test_deploy_wants_a_board() -> None:
    for options in ((), ("BOARD=MPS2_AN500",)):
        done = make("deploy", *options, cwd=TOP)
        assert done.returncode != 0
        assert done.stderr.startswith("deploy: want BOARD=STM32H747I_DISCO")


# ---- writing it to a board ----


class FakeHost:
    """A machine's USB, mounts and programs, and a build."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.usb, self.mounts, self.bin = root / "usb", root / "mounts", root / "bin"
        self.build, self.calls, self.root = root / "build", root / "calls", root
        self.usb.mkdir()
        self.bin.mkdir()
        write(self.mounts, "proc /proc proc rw 0 0\n")
        write(self.build / "firmware.bin", "image")
        write(self.build / "firmware.hex", ":00000001FF\n")
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("HOME", str(root))
        monkeypatch.delenv("STM32_CUBE_PROGRAMMER", raising=False)
        self.deploy = load("deploy")
        monkeypatch.setattr(self.deploy, "FAILURE_S", 0.2)
        monkeypatch.setattr(self.deploy, "CUBE_FOLDERS", ())

    def plug(self, vendor: str = "0483", product: str = "374e") -> None:
        write(self.usb / f"1-{product}/idVendor", f"{vendor}\n")
        write(self.usb / f"1-{product}/idProduct", f"{product}\n")

    def mount(self, name: str = "DIS_H747XI") -> Path:
        drive = self.root / "media dir" / name
        write(drive / "DETAILS.TXT", "Version: V3")
        with self.mounts.open("a") as file:
            file.write(f"/dev/sdb {str(drive).replace(' ', chr(92) + '040')} vfat rw 0 0\n")
        return drive

    def install(self, name: str, status: int = 0) -> None:
        script(self.bin / name, f'echo {name} "$@" >>{self.calls}; exit {status}')

    def run(self, *options: str) -> None:
        places = ("--usb", str(self.usb), "--mounts", str(self.mounts))
        self.deploy.main([*options, *places, str(self.build)])

    def called(self) -> str:
        return self.calls.read_text() if self.calls.exists() else ""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    return FakeHost(tmp_path, monkeypatch)


def test_no_st_link_gives_a_sentence(host: FakeHost) -> None:
    host.plug("0483", "5740")  # MicroPython's own USB: no ST-LINK
    host.plug("1366", "0105")
    host.install("st-flash")
    with pytest.raises(SystemExit, match=r"deploy: no ST-LINK is on USB; connect .* CN2"):
        host.run()
    assert host.called() == ""


def test_board_without_a_way_to_write_gives_a_sentence(host: FakeHost) -> None:
    host.plug()
    with pytest.raises(SystemExit, match="neither st-flash nor openocd nor STM32_Programmer_CLI"):
        host.run()


def test_firmware_is_dragged_to_the_drive(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    host.plug()
    host.install("st-flash")
    host.mount("NODE_F401RE")
    drive = host.mount()
    host.run()
    assert (drive / "firmware.bin").read_text() == "image"
    assert host.called() == ""
    output = capsys.readouterr().out
    assert f"deploy: cp {host.build}/firmware.bin {drive}/\n" in output
    assert output.endswith("deploy: written, the board starts\n")


def test_drive_s_complaint_is_passed_on(host: FakeHost) -> None:
    host.plug()
    write(host.mount() / "FAIL.TXT", "The interface firmware FAILED to\r\nreset/halt\r\n")
    with pytest.raises(SystemExit, match="the ST-LINK says: The interface firmware FAILED to res"):
        host.run()


def test_drive_of_another_board_is_not_written_to(host: FakeHost) -> None:
    host.plug()
    drive = host.mount("NODE_F401RE")
    with pytest.raises(SystemExit, match="no drive DIS_H747XI is mounted"):
        host.run("--method", "drag")
    assert not (drive / "firmware.bin").exists()
    host.run("--volume", str(drive))
    assert (drive / "firmware.bin").exists()
    with pytest.raises(SystemExit, match=r"VOLUME=.*: no drive of an ST-LINK, it has no DETAILS"):
        host.run("--volume", str(host.root))


COMMANDS = {
    "st-flash": (
        "st-flash",
        "st-flash --connect-under-reset --reset write {}/firmware.bin 0x08000000",
    ),
    "openocd": (
        "openocd",
        "openocd -f board/stm32h747i-disco.cfg -c program {{{}/firmware.hex}} verify reset exit",
    ),
    "cubeprogrammer": (
        "STM32_Programmer_CLI",
        "STM32_Programmer_CLI -c port=SWD mode=UR -d {}/firmware.hex -v -hardRst",
    ),
}


@pytest.mark.parametrize("method", COMMANDS)
def test_tool_is_shown_and_run(
    host: FakeHost, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host.plug()
    tool, words = COMMANDS[method]
    with pytest.raises(SystemExit, match=f"deploy: {tool} is not installed"):
        host.run("--method", method)
    host.install(tool)
    for options in ((), ("--method", method)):
        host.run(*options)
    assert host.called() == f"{words.format(host.build)}\n" * 2
    output = capsys.readouterr().out.replace("'", "")
    assert f"deploy: {host.bin}/{words.format(host.build)}\n" in output


def test_first_tool_at_hand_is_taken_and_look_only_says_which(
    host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    host.plug()
    for tool in ("STM32_Programmer_CLI", "openocd", "st-flash"):
        host.install(tool)
        host.run("--look")
    output = re.findall(r"^deploy: by (\S+),", capsys.readouterr().out, re.MULTILINE)
    assert output == ["cubeprogrammer", "openocd", "st-flash"]
    assert host.called() == ""


def test_failed_tool_gives_a_sentence(host: FakeHost) -> None:
    host.plug()
    host.install("st-flash", status=3)
    with pytest.raises(SystemExit, match="deploy: st-flash ended with status 3"):
        host.run()


def test_firmware_that_is_not_built_gives_a_sentence(host: FakeHost) -> None:
    host.plug()
    host.install("st-flash")
    (host.build / "firmware.hex").unlink()
    with pytest.raises(SystemExit, match="is not there; first: make firmware BOARD=STM32H747I_D"):
        host.run()


# ---- the size report ----


def link(folder: Path, sections: str) -> tuple[bytes, str]:
    """A small firmware, linked for the board's memories: the ELF file and its map."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if not compiler:
        pytest.skip("no arm-none-eabi-gcc on this machine")
    write(folder / "a.c", "int zero[64]; int one[16] = {1}; int main(void) { return one[0]; }\n")
    memory = "FLASH (rx) : ORIGIN = 0x8000000, LENGTH = 4K\nRAM (rw) : ORIGIN = 0x20000000,"
    write(folder / "a.ld", f"MEMORY {{ {memory} LENGTH = 1K }}\nSECTIONS {{ {sections} }}\n")
    command = [compiler, "-mcpu=cortex-m7", "-mthumb", "-nostdlib", "-Wl,--no-check-sections"]
    command += ["-Ta.ld", "-Wl,-Map=a.map", "-Wl,-emain", "a.c", "-o", "a.elf"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "a.elf").read_bytes(), (folder / "a.map").read_text()


TEXT = ".text : { *(.text*) *(.rodata*) *(.ARM*) } > FLASH"
DATA = ".data : { *(.data*) } > RAM AT> FLASH .bss : { *(.bss*) } > RAM"


def test_sizes_add_up_by_memory(tmp_path: Path) -> None:
    report = load("size_report")
    heap = ".heap (NOLOAD) : { . += 32; } > RAM"
    rows = report.report(*link(tmp_path, f"{TEXT} {DATA} {heap}"))
    flash, ram = rows
    assert (flash[0].name, flash[0].size) == ("FLASH", 4096)
    assert [section.name for section in flash[1]] == [".text", ".data (first values)"]
    assert [(section.name, section.size) for section in ram[1]] == [
        (".data", 64),
        (".bss", 256),
        (".heap", 32),
    ]
    head, first, second = report.table(rows)
    assert head.split() == ["memory", "size", "taken", "of", "which"]
    assert re.match(r"FLASH +4,096 +\d+ +\d+ %  \.text \d+, \.data \(first values\) 64", first)
    assert re.fullmatch(
        r"RAM +1,024 +320 +31 %  \.data 64, \.bss 256; heap: the other 704", second
    )


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        (f"{TEXT} {DATA} .x 0x20000010 (NOLOAD) : {{ . += 4; }}", "overlap"),
        (f"{TEXT} {DATA} .x 0x20000300 (NOLOAD) : {{ . += 1K; }}", "does not fit into RAM"),
        (f"{TEXT} {DATA} .x 0x30000000 (NOLOAD) : {{ . += 4; }}", "lies in no memory"),
    ],
)
def test_sections_in_the_wrong_place_are_refused(
    tmp_path: Path, sections: str, sentence: str
) -> None:
    report = load("size_report")
    with pytest.raises(report.ReportError, match=sentence):
        report.report(*link(tmp_path, sections))


def test_no_firmware_gives_a_sentence(tmp_path: Path) -> None:
    write(tmp_path / "a.elf", "text")
    write(tmp_path / "a.map", "Memory Configuration\nRAM  0x20000000  0x400 rw\n")
    for name, words in (("a", "no 32-bit little-endian ELF"), ("b", "No such file")):
        done = subprocess.run(
            [sys.executable, str(BUILD / "size_report.py"), str(tmp_path / f"{name}.elf")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(f"size: {name}.elf: ")
        assert words in done.stderr


# ---- the firmware itself, where the sources are there ----


@needs_sources
def test_upstream_is_as_assumed() -> None:
    folder = Path(MICROPYTHON_DIR) / UPSTREAM
    theirs = macros((folder / "mpconfigboard.h").read_text())
    assert {name: theirs[name] for name in ASSUMED} == ASSUMED
    conf = (folder / "stm32h7xx_hal_conf.h").read_text()
    assert f"#define HSE_VALUE ({HSE_HZ})" in conf
    ours = (BOARD / "pins.csv").read_text()
    assert ours.startswith((folder / "pins.csv").read_text())
    # Every macro that is undefined here is one that upstream defines.
    header = (folder / "mpconfigboard.h").read_text()
    for name in re.findall(r"^#undef (\w+)", (BOARD / "mpconfigboard.h").read_text(), re.M):
        assert re.search(rf"^#define {name}\b", header, re.MULTILINE), name


class Firmware:
    def __init__(self, folder: Path, output: str) -> None:
        self.folder, self.output = folder, output
        self.elf = (folder / "firmware.elf").read_bytes()
        listing = self.tool("nm", str(folder / "firmware.elf"))
        self.symbols = {
            name: int(address, 16)
            for address, name in re.findall(r"^([0-9a-f]{8}) \w (\S+)$", listing, re.MULTILINE)
        }

    @staticmethod
    def tool(name: str, *arguments: str) -> str:
        done = subprocess.run(
            [f"arm-none-eabi-{name}", *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout

    def words(self, start: str, end: str) -> tuple[int, ...]:
        """What the flash holds between two symbols."""
        image = (self.folder / "firmware.bin").read_bytes()
        first, last = (self.symbols[name] - 0x08000000 for name in (start, end))
        return struct.unpack(f"<{(last - first) // 4}I", image[first:last])


@pytest.fixture(scope="module")
def firmware() -> Firmware:
    sources: dict[str, Any] = {"MICROPYTHON_DIR": MICROPYTHON_DIR}
    if os.environ.get("UFF_STM32_ULAB_DIR"):
        sources["ULAB_DIR"] = os.environ["UFF_STM32_ULAB_DIR"]
    done = make("STM32H747I_DISCO", timeout=900, **sources)
    assert done.returncode == 0, done.stdout + done.stderr
    return Firmware(BUILD / "build/STM32H747I_DISCO", done.stdout)


@needs_sources
def test_firmware_is_reported_and_has_room(firmware: Firmware) -> None:
    assert (
        "STM32H747I_DISCO: firmware_build/build/STM32H747I_DISCO/firmware.hex " in firmware.output
    )
    assert re.search(r"^FLASH +1,572,864 +\d{3},\d{3} ", firmware.output, re.MULTILINE)
    assert re.search(r"^RAM .*; heap: the other 4\d\d,\d{3}$", firmware.output, re.MULTILINE)
    log = (firmware.folder.parent / "STM32H747I_DISCO.log").read_text()
    assert not re.search(r"^\S+:\d+:\d+: warning", log, re.MULTILINE)


@needs_sources
def test_image_is_what_the_flash_shall_hold(firmware: Firmware) -> None:
    image = (firmware.folder / "firmware.bin").read_bytes()
    stack, reset = struct.unpack_from("<II", image)
    assert stack == firmware.symbols["_estack"]
    assert reset == firmware.symbols["Reset_Handler"] | 1
    # The hex file holds the same and nothing else: no byte of SDRAM or DTCM.
    pages, stored = 0, bytearray(len(image))
    for line in (firmware.folder / "firmware.hex").read_text().split():
        record = bytes.fromhex(line[1:])
        if record[3] == 4:
            pages = int.from_bytes(record[4:6], "big") << 16
        elif record[3] == 0:
            at = (pages | int.from_bytes(record[1:3], "big")) - 0x08000000
            assert 0 <= at < len(image)
            stored[at : at + record[0]] = record[4:-1]
    assert bytes(stored) == image


@needs_sources
def test_memories_lie_where_they_are_said_to(firmware: Firmware) -> None:
    memories, _ = linker_script()
    assert firmware.symbols["_lcd_framebuffer_start"] == 0xD1E00000
    assert firmware.symbols["_lcd_framebuffer_end"] == 0xD2000000
    assert firmware.symbols["_workspace_start"] == memories["DTCM"][0]
    assert firmware.symbols["_arena_end"] <= firmware.symbols["_lcd_framebuffer_start"]
    table = firmware.words("_gc_blocks_table_start", "_gc_blocks_table_end")
    assert table == (memories["SDRAM"][0], 8 << 20)
    assert sum(table) == firmware.symbols["_arena_start"]


OURS = ("ridge/*.o", "lcd/*.o", "*/boards/STM32H747I_DISCO/modboard_h747.o")


@needs_sources
def test_nothing_of_ours_calculates_in_doubles(firmware: Firmware) -> None:
    objects = [path for pattern in OURS for path in firmware.folder.rglob(pattern)]
    assert len(objects) >= 7, objects
    for path in objects:
        code = firmware.tool("objdump", "-dr", str(path))
        assert ".f64" not in code, path
        assert not re.search(r"__aeabi_(d\w+|\w+2d)\b", code), path


@needs_sources
def test_tuned_kernels_are_in(firmware: Firmware) -> None:
    (path,) = firmware.folder.glob("ridge/ridge_m7.o")
    code = firmware.tool("objdump", "-d", str(path))
    assert code.count("smlad") > 50
    assert code.count("vfma.f32") + code.count("vfms.f32") > 20
    assert "ridge_m7" in firmware.symbols
    image = (firmware.folder / "firmware.bin").read_bytes()
    at = firmware.symbols["ridge_kernels"]
    first = firmware.symbols["_sidata"] + at - firmware.symbols["_sdata"] - 0x08000000
    assert struct.unpack_from("<I", image, first) == (firmware.symbols["ridge_m7"],)


@needs_sources
def test_firmware_has_what_the_device_code_uses(firmware: Firmware) -> None:
    for name in (
        "mp_type_vfs_lfs2",
        "mp_fat_vfs_type",
        "mp_module_uctypes",
        "mod_binascii_crc32_obj",
        "mp_os_sync_obj",
        "board_h747_module",
    ):
        assert name in firmware.symbols, name
    for name in ("lwip_init", "mbedtls_ssl_init", "metal_init"):
        assert name not in firmware.symbols, name
    frozen = (firmware.folder / "frozen_content.c").read_text()
    for name in (
        "_boot.py",
        "main.py",
        "uff/train.py",
        "capture/app.py",
        "drivers/lcd.py",
    ):
        assert f'"{name}' in frozen, name
    assert '"virtual_board/' not in frozen  # the package; boards names it, so its word is there


@needs_sources
def test_second_build_has_nothing_to_do(firmware: Firmware) -> None:
    before = (firmware.folder / "firmware.elf").stat().st_mtime_ns
    done = make(
        "STM32H747I_DISCO",
        timeout=300,
        MICROPYTHON_DIR=MICROPYTHON_DIR,
        ULAB_DIR=os.environ.get("UFF_STM32_ULAB_DIR", ""),
    )
    assert " is up to date (" in done.stdout, done.stdout + done.stderr
    assert (firmware.folder / "firmware.elf").stat().st_mtime_ns == before


@needs_sources
def test_repl_on_the_st_link_is_an_option(firmware: Firmware, tmp_path: Path) -> None:
    assert "pyb_uart_repl_obj" not in firmware.symbols
    port = Path(MICROPYTHON_DIR) / "ports/stm32"
    for options, wanted in (((), ""), (("-DUFF_UART_REPL",), "PYB_UART_1")):
        done = subprocess.run(
            ["arm-none-eabi-gcc", "-E", "-dM", f"-I{port}", *options, BOARD / "mpconfigboard.h"],
            check=True,
            capture_output=True,
            text=True,
        )
        found = re.findall(r"^#define MICROPY_HW_UART_REPL (.*)$", done.stdout, re.MULTILINE)
        assert "".join(found) == wanted
    done = make(
        "STM32H747I_DISCO",
        "UART_REPL=yes",
        f"OUT={tmp_path}/out",
        MICROPYTHON_DIR=MICROPYTHON_DIR,
        UFF_CACHE=str(tmp_path / "cache"),
    )
    assert "UART_REPL: want 1 or 0, got yes" in done.stderr
