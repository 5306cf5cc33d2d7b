"""device/scripts/selftest.py: whole on the unix port and on the emulated Cortex-M7, where both
reach the hashes it carries; and part by part with registers, a screen, a touch panel and memory
that are made up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import m7
import pytest
import selftest_bounds
from conftest import DEVICE, DEVICE_TESTS, TOP

from uff_host import patience
from uff_host.errors import DeviceError

SCRIPT = DEVICE / "scripts" / "selftest.py"
PATH = f"{DEVICE}:{DEVICE_TESTS}:{TOP / 'host' / 'uff_host' / 'virtual_board'}:.frozen"
SECTIONS = [
    "identity",
    "clocks",
    "flash",
    "sdram",
    "kernels",
    "training",
    "display",
    "touch",
    "power",
]
QUICK = {"march_bytes": 1 << 16, "write_kb": 16, "answer_s": 0.2, "rest_s": 0.1, "touch_s": 0.3}

# Runs the script with what a test has put in its place.
EXEC = f"exec(open({str(SCRIPT)!r}).read())\n"


@pytest.fixture
def run(micropython, tmp_path):
    """run(code, **job): the finished process of the unix port; its report, where there is one."""

    def run(code: str = EXEC, **job):
        (tmp_path / "job.json").write_text(json.dumps({**QUICK, **job}))
        (tmp_path / "code.py").write_text(code)
        ran = patience.run(
            [str(micropython), "-X", "heapsize=24M", "code.py"],
            100,
            cwd=tmp_path,
            env={**os.environ, "MICROPYPATH": PATH},
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout, result_of(ran.stdout)

    return run


def result_of(stdout: str):
    lines = [line for line in stdout.splitlines() if line.startswith("@result ")]
    return json.loads(lines[-1].removeprefix("@result ")) if lines else None


def hashes(report) -> dict[str, str]:
    runs = report["sections"]["training"]["found"]["runs"]
    return {form: run["sha256"] for form, run in runs.items()}


CARRIED = {form: row[0] for form, row in selftest_bounds.carried()[1].items()}


# ---- whole ----


def test_on_unix_every_part_that_exists_is_tested_and_the_hashes_agree(run, tmp_path):
    output, report = run()
    states = {name: part["state"] for name, part in report["sections"].items()}
    absent = ("clocks", "display", "touch")
    assert states == {name: "not there" if name in absent else "ok" for name in SECTIONS}
    assert report["sections"]["clocks"]["why"] == "no module stm: this is not an STM32"
    assert hashes(report) == CARRIED
    assert json.loads((tmp_path / "selftest.json").read_text()) == report
    assert sorted(report["sections"]["kernels"]["found"]["kernels"]) == sorted(
        selftest_bounds.carried()[0]
    )
    # The summary comes in the order of the sections.
    summary = output.split("---- done")[1].splitlines()[1:10]
    assert [line.split()[0] for line in summary] == SECTIONS


@pytest.mark.slow
def test_on_m7_stock_mpremote_runs_it_and_the_hashes_agree():
    job = {"sections": "identity,clocks,flash,sdram,training,display,touch,power", **QUICK}
    with m7.held() as port:
        code = f"f = open('job.json', 'w'); f.write({json.dumps(job)!r}); f.close()"
        ran = patience.run(
            [sys.executable, "-m", "mpremote", "connect", port, "exec", code, "run", str(SCRIPT)],
            100,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = result_of(ran.stdout)
    assert hashes(report) == CARRIED
    memory = report["sections"]["sdram"]["found"]
    assert memory["mb_s"]["by"] == "LDMIA and STMIA"
    assert report["sections"]["identity"]["found"]["board"] == "MPS2-AN500 (emulated)"
    states = {part["state"] for part in report["sections"].values()}
    assert states == {"ok", "not there"}


@pytest.mark.slow
def test_the_counts_and_bounds_it_carries_are_those_of_this_firmware():
    m7.firmware()
    output = selftest_bounds.differences(selftest_bounds.carried(), selftest_bounds.counted())
    assert not output, "\n".join([*output, "renew them: python host/tools/selftest_bounds.py"])


def test_bounds_are_bounds():
    for name, (instructions, lower, upper) in selftest_bounds.carried()[0].items():
        assert 0 < lower < upper < 20 * instructions, name
        assert lower >= 0.49 * instructions, name  # two instructions a cycle at most
        assert (lower, upper) == selftest_bounds.kernel_bounds(name, instructions)


def test_new_tables_are_written_as_data():
    tables = ({"a": (1, 2, 3)}, {"b": ("c", 4, 5, 6)})
    names: dict[str, object] = {}
    exec(selftest_bounds.written(tables), names)
    assert (names["KERNELS"], names["TRAININGS"]) == tables
    assert selftest_bounds.written(selftest_bounds.carried()) == selftest_bounds.DATA.read_text()
    assert selftest_bounds.differences(tables, ({}, tables[1])) == ["a: only in the old table"]
    assert selftest_bounds.differences(tables, ({"a": (1, 2, 9)}, {"b": ("d", 4, 5, 6)})) == [
        "a: 3 was, 9 is",
        "b: c was, d is",
    ]


def test_other_bits_are_a_failure(run):
    code = "from bring_up import training\ntraining.TRAININGS = {'dual': ('00', 1, 2, 3)}\n" + EXEC
    _, report = run(code, sections="training")
    part = report["sections"]["training"]
    assert part["state"] == "failed"
    assert part["why"] == f"dual: want SHA-256 00, got {CARRIED['dual']}"


def test_an_unknown_section_is_a_sentence(micropython, tmp_path):
    (tmp_path / "job.json").write_text('{"sections": "smoke"}')
    ran = patience.run(
        [str(micropython), str(SCRIPT)], 60, cwd=tmp_path, env={**os.environ, "MICROPYPATH": PATH}
    )
    assert ran.returncode == 1
    assert "sections: smoke is none of identity, clocks," in ran.stdout


# ---- clocks, by a made-up module stm ----

STM = """
import sys, time
class Mem32:
    def __init__(self, registers):
        self.registers = registers
        self.reads = 0
    def __getitem__(self, address):
        value = self.registers.get(address, 0)
        if address == 0xE0001004 and self.counts():
            self.reads += 1
            value = time.ticks_us() * 400 + self.reads
        value &= 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value  # as the real one gives it
    def __setitem__(self, address, value):
        self.registers[address] = value
    def counts(self):
        r = self.registers
        return (r.get(0xE000EDFC, 0) & 1 << 24 and r.get(0xE0001FB0) == 0xC5ACCE55
            and r.get(0xE0001000, 0) & 1)
class stm:
    mem32 = Mem32({%s})
sys.modules["stm"] = stm
"""
RCC, FMC = 0x58024400, 0x52004100


def registers(pll2_n=80, pll2_r=2, fmc_source=2, cas=3, refresh=1542, qspi=4):
    return {
        RCC + 0x10: 3 << 3,  # SYSCLK: PLL1
        RCC + 0x18: 8,  # HCLK: half of it
        RCC + 0x28: 2 | 5 << 4 | 5 << 12 | 5 << 20,
        RCC + 0x30: 159 | 1 << 9 | 1 << 16 | 1 << 24,
        RCC + 0x38: pll2_n - 1 | 1 << 9 | 1 << 16 | (pll2_r - 1) << 24,
        RCC + 0x40: 95 | 7 << 9 | 7 << 16 | 11 << 24,
        RCC + 0x4C: fmc_source | 2 << 4,
        FMC + 0x40: 2 << 10,
        FMC + 0x44: cas << 7,
        FMC + 0x54: refresh << 1,
        0x52005000: (qspi - 1) << 24,
        0x5200201C: 1 << 22 | 1 << 31,
    }


def stm(**changes) -> str:
    return STM % ", ".join(f"{a}: {v}" for a, v in registers(**changes).items())


def test_our_clocks_are_read_from_the_registers(run):
    _, report = run(stm() + EXEC, sections="clocks")
    part = report["sections"]["clocks"]
    found = part["found"]
    assert part["state"] == "ok", part
    assert (found["core_khz"], found["hclk_khz"]) == (400_000, 200_000)
    assert (found["fmc_source"], found["fmc_khz"]) == ("PLL2 R", 200_000)
    assert (found["sdram_khz"], found["sdram_cas"]) == (100_000, 3)
    assert found["sdram_refresh_ns"] == 15620
    assert found["qspi_khz"] == 50_000
    assert found["pll3_khz"] == {"p": 60_000, "q": 60_000, "r": 40_000}
    assert found["m4_boots"] is True
    assert found["registers"]["FLASH_OPTSR_CUR"] == "0x80400000"
    assert abs(found["measured_core_khz"] - 400_000) < 4000


def test_upstream_clocks_are_reported_as_what_they_amount_to(run):
    # hardware.md 0.1: R = 10 and CAS 2 at a refresh counted for 120 MHz.
    upstream = stm(pll2_n=96, pll2_r=10, cas=2, refresh=1855, qspi=2)
    _, report = run(upstream + EXEC, sections="clocks")
    part = report["sections"]["clocks"]
    assert part["state"] == "failed"
    assert part["why"] == (
        "qspi_khz: want 50000, got 24000; sdram_cas: want 3, got 2; "
        "sdram_khz: want 100000, got 24000; sdram_refresh_ns: want 15625 at most, got 78125"
    )


def test_the_kernels_cycles_are_set_beside_the_bounds(run):
    code = stm() + "from bring_up import kernels\nkernels.KERNELS['encode'] = (1, 2, 3)\n" + EXEC
    _, report = run(code, sections="kernels")
    found = report["sections"]["kernels"]["found"]
    assert found["unit"] == "cycles"
    assert "encode" in found["outside_the_estimate"]
    assert found["kernels"]["encode"]["estimate"] == [2, 3]
    assert found["kernels"]["factor"]["instructions_emulated"] > 50e6


# ---- memory as on the board, and memory that fails ----

ARENA = """
import boards, uctypes
from boards.headless import Board
from uff.arena import Arena
class Memory:
    regions = {"arena": bytearray(5 << 20), "workspace": bytearray(1 << 17)}
    def size(self, region):
        return len(self.regions[region])
    def take(self, region, offset, count):
        taken = uctypes.bytearray_at(uctypes.addressof(self.regions[region]) + offset, count)
        for i in range(0, count, 4096):
            taken[i : i + 4096] = bytes(min(4096, count - i))
        return taken
board = Board()
board.arena = Arena(Memory())
boards._board = board
"""


def test_the_arena_is_tested_and_used(run):
    _, report = run(ARENA + EXEC, sections="sdram,kernels,training", march_bytes=0)
    parts = report["sections"]
    assert {name: part["state"] for name, part in parts.items()} == dict.fromkeys(parts, "ok")
    found = parts["sdram"]["found"]
    assert found["outside_the_heap"]
    assert found["march"]["bytes"] == 5 << 20
    assert "dtcm" in found["mb_s"]
    assert hashes(report) == CARRIED


def test_march_finds_stuck_and_coupled_bits_and_address_lines(run):
    code = """
from bring_up.memory_loops import VIPER, compiled
from bring_up.sdram import march
class Test:
    def progress(self, what, done):
        pass
def broken(spoil):
    good = compiled(VIPER)
    native = dict(good)
    def element(p, *rest):
        spoil(p)
        return good["element"](p, *rest)
    def numbered(p, *rest):
        spoil(p)
        return good["numbered"](p, *rest)
    native["element"], native["numbered"] = element, numbered
    return native
def stuck_0(p): p[4003] &= 0x7F
def stuck_1(p): p[4000] |= 1
def coupled(p): p[800] = p[96]
def address(p): p[2048:4096] = p[0:2048]
def sound(p): pass
for spoil in (sound, stuck_0, stuck_1, coupled, address):
    found = march(Test(), broken(spoil), bytearray(8192))
    print(found["wrong"], found.get("first"))
"""
    output, _ = run(code)
    sound, stuck_0, stuck_1, coupled, address = output.splitlines()
    assert sound == "0 None"
    want = "March C- 2 of 00000000: word 1000: want 0xffffffff, got 0x7fffffff"
    assert stuck_0.endswith(want)
    assert stuck_1.endswith("March C- 1 of 00000000: word 1000: want 0x00000000, got 0x00000001")
    # Such words hold the same as their neighbours: only their own numbers tell them apart.
    assert "own numbers" in coupled
    assert "own numbers" in address
    assert int(address.split()[0]) >= 1024


# ---- screen and touch, made up ----

BOARD = """
import boards
from boards.headless import MemoryDisplay
from uff.arena import HeapArena
from ft6x06_model import FT6x06Model
from drivers.ft6x06 import FT6x06
class Bus:
    def __init__(self, model):
        self.model = model
    def readfrom_mem_into(self, address, register, buffer):
        buffer[:] = self.model.read_mem(address, register, len(buffer))
    def writeto_mem(self, address, register, data):
        self.model.write_mem(address, register, data)
class Panel(FT6x06):
    '''A panel that somebody touches where the script asks, every 120 ms from the 400th on.'''
    where = ((40, 40), (759, 40), (759, 439), (40, 439), (400, 240))
    def __init__(self):
        self.model, self.ms = FT6x06Model(), 0
        super().__init__(Bus(self.model), 800, 480, ticks_ms=lambda: self.ms)
    def read(self):
        self.ms += 10
        number, phase = divmod(self.ms - 400, 120)
        if phase == 40 and 0 <= number < len(self.where):
            self.model.press(number, *self.where[number])
        elif phase == 70:
            self.model.lift(number)
        self.model.scan(self.ms)
        return super().read()
class Board:
    name, folder, leds = "made up", "", ()
    presses = 0
    def __init__(self):
        self.display, self.touch, self.arena = MemoryDisplay(), Panel(), HeapArena()
    def button(self):
        self.presses += 1
        return bool(self.presses & 1)
boards._board = Board()
"""


def test_a_screen_that_is_confirmed_and_a_panel_that_is_touched(run):
    output, report = run(BOARD + EXEC, sections="display,touch", touch_s=3)
    parts = report["sections"]
    assert parts["display"]["state"] == "ok"
    answers = parts["display"]["found"]["answers"]
    assert answers == dict.fromkeys(("bars", "frame", "text", "rectangle"), "yes")
    assert parts["touch"]["state"] == "ok", parts["touch"]
    found = parts["touch"]["found"]
    assert found["targets"]["top right"]["press"] == [759, 40]
    assert found["targets"]["top right"]["lift"] == [759, 40]
    assert found["targets"]["top right"]["raw_x"] == 439
    assert found["targets"]["top right"]["raw_y"] == 759
    assert found["reports_at_rest"] == 0
    assert (found["address"], found["chip"]) == (0x38, 0x64)
    assert "Touch the bottom left (40, 439)." in output


def test_without_answers_and_touches_it_goes_on(run):
    code = BOARD + "Board.button = lambda self: False\nPanel.where = ()\n" + EXEC
    output, report = run(code, sections="display,touch,power")
    parts = report["sections"]
    assert set(parts["display"]["found"]["answers"].values()) == {"no answer"}
    assert parts["display"]["state"] == "not confirmed"
    assert parts["display"]["why"] == "nobody said what there was to see"
    assert parts["touch"]["state"] == "not confirmed"
    assert parts["touch"]["why"] == "2 targets were not touched, or nothing was seen"
    assert parts["power"]["state"] == "ok"
    assert "No touches come: the rest is left out." in output


def test_a_no_is_a_failure(run):
    # Keys come from a terminal; here from a function in their place.
    code = BOARD + "from bring_up import selftest\nselftest._keys = lambda: lambda: 'n'\n" + EXEC
    _, report = run(code, sections="display")
    part = report["sections"]["display"]
    assert part["state"] == "failed"
    assert part["why"] == "not as it should be: bars, frame, rectangle, text"


def test_a_mirrored_panel_is_reported(run):
    code = BOARD + "Panel.where = tuple((799 - x, y) for x, y in Panel.where)\n" + EXEC
    _, report = run(code, sections="touch", touch_s=3)
    part = report["sections"]["touch"]
    why = "more than 60 pixels away: top left, top right, bottom right, bottom left"
    assert (part["state"], part["why"]) == ("failed", why)


def test_a_section_that_breaks_stops_no_other(run):
    code = BOARD + (
        "def broken(*where):\n    raise OSError(5, 'the panel does not answer')\n"
        "boards._board.display.show = broken\n"
    )
    output, report = run(code + EXEC, sections="display,training")
    parts = report["sections"]
    assert parts["display"]["state"] == "failed"
    assert "the panel does not answer" in parts["display"]["why"]
    assert parts["training"]["state"] == "ok"
    assert "Traceback" in output


def test_a_board_that_cannot_be_made_stops_no_section(run):
    code = "import boards\ndef here():\n    raise OSError(19, 'no SDRAM')\nboards.here = here\n"
    _, report = run(code + EXEC, sections="training,display,touch")
    states = {name: part["state"] for name, part in report["sections"].items()}
    assert states == {"training": "ok", "display": "not there", "touch": "not there"}
    assert "no SDRAM" in report["no_board"]


# ---- power ----


@pytest.mark.slow
def test_m7_a_power_cut_while_it_writes_leaves_a_whole_counter(tmp_path):
    job = tmp_path / "job.json"
    job.write_text(json.dumps({**QUICK, "sections": "flash,power", "power_s": 30}))
    announced = []

    def on_line(line: str) -> None:
        if line.endswith("is on the disk"):
            announced.append(int(line.split()[1]))
            m7.kill(board)

    with m7.started() as board:
        board.put(job, "job.json")
        with pytest.raises(DeviceError, match="killed"):
            board.execute(SCRIPT.read_text(), "selftest.py", on_line)
        assert announced
        result = board.run("selftest.py", {**QUICK, "sections": "flash,power"})
    assert result["cut_in"] == "power"
    counter = result["sections"]["flash"]["found"]["counter"]
    assert counter["state"] == "whole"
    assert counter["number"] >= announced[0]
    assert result["sections"]["power"]["found"]["first"] == counter["number"] + 1


def test_a_killed_run_is_reported_by_the_next(micropython, tmp_path, run):
    (tmp_path / "job.json").write_text(json.dumps({**QUICK, "sections": "power", "power_s": 60}))
    process = subprocess.Popen(
        [str(micropython), str(SCRIPT)],
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        assert patience.until((tmp_path / "selftest.counter").exists, 30, process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, report = run(sections="flash")
    assert report["cut_in"] == "power"
    assert report["sections"]["flash"]["found"]["counter"]["state"] == "whole"


@pytest.mark.parametrize("change", ["cut", "flipped"])
def test_a_damaged_counter_is_a_failure(change, run, tmp_path):
    run(sections="power")
    path = tmp_path / "selftest.counter"
    data = bytearray(path.read_bytes())
    if change == "cut":
        data = data[:-1]
    else:
        data[2000] ^= 4
    path.write_bytes(data)
    _, report = run(sections="flash")
    part = report["sections"]["flash"]
    assert (part["state"], part["why"]) == ("failed", "the counter's file is damaged")
