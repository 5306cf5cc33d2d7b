"""The firmware bench (firmware_build/firmware_bench): small programs for it everywhere; the image
of the STM32H747I-DISCO where upstream's sources are, as in tests/firmware/test_stm32_build.py.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import m7
import pytest
import selftest_bounds
from firmware_bench.image import needs_bench, needs_image

from uff_host import patience
from uff_host.cli import main
from uff_host.errors import DeviceError
from uff_host.formats.touch_recording import TouchRecording, write_recording
from uff_host.handwriting import lesson
from uff_host.targets.connect import connect
from uff_host.targets.firmware import FirmwareTarget, bench_program
from uff_host.targets.unix import UnixTarget
from uff_host.virtual_board import wire
from uff_host.virtual_board.hardware import Hardware

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]

needs_compiler = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="no arm-none-eabi-gcc (Debian: gcc-arm-none-eabi)",
)


# ---- small programs ----


def program(tmp_path: Path, number: int) -> Path:
    image = tmp_path / "program.elf"
    command = ["arm-none-eabi-gcc", "-g", "-nostdlib", "-mcpu=cortex-m7", "-mfloat-abi=hard"]
    command += ["-mfpu=fpv5-d16", f"-Wa,--defsym,PROGRAM={number}", "-Wl,-Ttext=0x08000000"]
    command += ["-Wl,-e,start", str(HERE / "programs.s"), "-o", str(image)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return image


def run_program(tmp_path: Path, number: int, *options: str) -> subprocess.CompletedProcess[str]:
    image = program(tmp_path, number)
    run = [str(bench_program()), "--report", "--seconds", "0.01", *options, str(image)]
    return patience.run(run, 60)


@needs_bench
@needs_compiler
def test_exceptions_sleep_and_the_serial_line(tmp_path: Path) -> None:
    """Two SVC, a PendSV that waited for PRIMASK, three ticks slept for and 2 from an IT block."""
    done = run_program(tmp_path, 0)
    assert (done.stdout, done.returncode) == ("2015", 0), done.stderr
    assert "violations: 0" in done.stderr
    assert "\nregisters: USART1 3: 0w cw 28w\n" in done.stderr


@needs_bench
@needs_compiler
@pytest.mark.parametrize("options", [[], ["--strict"]], ids=["", "strict"])
def test_a_load_in_an_it_block_leaves_no_condition_behind(
    tmp_path: Path, options: list[str]
) -> None:
    """Unicorn's hooks of loads and stores do; see cpu_hook_ends()."""
    done = run_program(tmp_path, 19, *options)
    assert (done.stdout, done.returncode) == ("2", 0), done.stderr


@needs_bench
@needs_compiler
def test_an_instruction_takes_a_clock(tmp_path: Path) -> None:
    done = run_program(tmp_path, 20)
    assert (done.stdout, done.returncode) == ("1", 0), done.stderr


@needs_bench
@needs_compiler
def test_the_first_byte_typed_comes_a_character_after_the_receiver_is_on(tmp_path: Path) -> None:
    """Upstream's driver switches its UART on and off a few times; it does not lose the byte."""
    typed = tmp_path / "typed"
    typed.write_text("ab")
    image = program(tmp_path, 27)
    command = [str(bench_program()), "--seconds", "0.01", str(image)]
    with typed.open() as line:
        done = patience.run(command, 60, stdin=line)
    assert (done.stdout, done.returncode) == ("a0", 0), done.stderr


@needs_bench
@needs_compiler
def test_the_ge_flags_come_back_from_an_exception(tmp_path: Path) -> None:
    """The handler of an SVC sets them all where they were clear, and clears them all."""
    done = run_program(tmp_path, 25)
    assert (done.stdout, done.returncode) == ("37", 0), done.stderr


@needs_bench
@needs_compiler
@pytest.mark.parametrize("number", [22, 26], ids=["", "its page forgotten between"])
def test_a_program_in_ram_is_what_was_written_there_last(tmp_path: Path, number: int) -> None:
    """The emulator keeps what it translated; a write to a page with programs must end that, also
    where it had to ask for the page again (on_page())."""
    done = run_program(tmp_path, number)
    assert (done.stdout, done.returncode) == ("13", 0), done.stderr


@needs_bench
@needs_compiler
@pytest.mark.parametrize("held", [False, True])
def test_pins_light_leds_and_feel_the_button(tmp_path: Path, held: bool) -> None:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    hardware = Hardware(800, 480, own_time=True)
    hardware.button = held
    seen: list[bool] = []
    hardware.on_leds = lambda: seen.append(hardware.leds[0])
    command = [str(bench_program()), "--wires", str(its.fileno()), "--seconds", "0.01"]
    with (
        ours,
        subprocess.Popen(
            [*command, str(program(tmp_path, 21))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=[its.fileno()],
        ) as bench,
    ):
        its.close()
        while data := ours.recv(wire.PACKET_BYTES):
            answer = hardware.take(wire.decode(data))
            if answer:
                ours.send(answer)
        assert bench.stdout is not None
        assert bench.stdout.read() == (b"1" if held else b"0")
    assert seen == [True, False]


BROKEN = {
    1: "read of 4 bytes at 0x60000000, where nothing lies",
    2: "write of 4 bytes at 0xd0000000, in an SDRAM that is not initialised",
    3: "write of 4 bytes at 0x08000400, which is flash",
    4: "read of GPIOA at 0x58020000, which has no clock",
    6: "that wants words leaves 0x20000002",
    7: "that wants words leaves 0x20000001",
    8: "that wants words leaves 0x2000000a",
    9: "the stack has used up all its 1024 bytes",
    12: "read of 4 bytes at 0x40000800, where no peripheral of the bench is",
    13: "an undefined instruction",
    16: "that wants words leaves 0x20000001",
    23: "execution at 0x30000000, where no program lies",
    24: "that wants words uses 0x20000001",
    18: "write of 4 bytes at 0x40000804, where no peripheral of the bench is",
}
BROKEN_STRICT = {
    5: "unaligned read of 4 bytes at 0x58024402, which is device memory",
    10: "read of 4 bytes at 0x24001000, which nobody has written",
    11: "write of 4 bytes at 0x24000100, which the MPU forbids",
    17: "an instruction (e9d0 0100) that wants words uses 0x20000002",
}


@needs_bench
@needs_compiler
@pytest.mark.parametrize("number", BROKEN)
def test_a_broken_program_is_reported_with_function_and_line(tmp_path: Path, number: int) -> None:
    done = run_program(tmp_path, number)
    place = r"; at 0x[0-9a-f]{8} in broken \(programs\.s:\d+"
    assert re.search("violation: .*" + re.escape(BROKEN[number]) + place, done.stderr), done.stderr


@needs_bench
@needs_compiler
def test_of_several_accesses_in_a_block_the_wrong_one_is_reported(tmp_path: Path) -> None:
    lines = (HERE / "programs.s").read_text().splitlines()
    (line,) = (n for n, text in enumerate(lines, 1) if text.endswith("@ this one"))
    assert f"in broken (programs.s:{line})" in run_program(tmp_path, 18).stderr


@needs_bench
@needs_compiler
def test_an_access_whose_condition_fails_is_none(tmp_path: Path) -> None:
    assert run_program(tmp_path, 17).stderr.endswith("violations: 0\n")


@needs_bench
@needs_compiler
@pytest.mark.parametrize("number", BROKEN_STRICT)
def test_strict_watches_loads_and_stores(tmp_path: Path, number: int) -> None:
    done = run_program(tmp_path, number, "--strict")
    place = r"; at 0x[0-9a-f]{8} in broken \(programs\.s:\d+"
    wanted = re.escape(BROKEN_STRICT[number])
    assert re.search(f"violation: {wanted}{place}", done.stderr), done.stderr
    assert BROKEN_STRICT[number] not in run_program(tmp_path, number).stderr


@needs_bench
@needs_compiler
def test_what_a_program_says_comes_while_it_computes(tmp_path: Path) -> None:
    command = [str(bench_program()), str(program(tmp_path, 15))]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as bench:
        try:
            assert bench.stdout is not None
            line = [bench.stdout]
            assert patience.until(lambda: select.select(line, [], [], 0.1)[0], 20, bench.pid)
            assert bench.poll() is None
            assert os.read(bench.stdout.fileno(), 10) == b"7"
        finally:
            bench.terminate()


@needs_bench
@needs_compiler
def test_a_program_that_breaks_rules_without_end_is_reported_256_times(tmp_path: Path) -> None:
    """512 words where nobody is; what is kept has a bound, what is counted has none."""
    done = run_program(tmp_path, 14)
    lines = done.stderr.splitlines()
    assert sum(line.startswith("violation: read of 4 bytes at ") for line in lines) == 256
    assert "violations: 256 were printed; further ones are only counted" in lines
    assert lines[-1] == "violations: 512"


@needs_bench
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is no ELF file of 32 bits"), (b"\x7fELF\x02\x01" + bytes(60), "is no ELF file")],
    ids=["empty", "64 bits"],
)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.elf"
    path.write_bytes(content)
    done = patience.run([str(bench_program()), str(path)], 60)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_target_without_image_or_bench_says_what_to_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image.elf"
    image.write_bytes(b"")
    monkeypatch.setenv("UFF_FIRMWARE_BENCH", str(tmp_path / "none"))
    with pytest.raises(DeviceError, match="make firmware-bench"):
        connect(f"firmware:{image}")
    monkeypatch.setenv("UFF_FIRMWARE_BENCH", str(image))
    with pytest.raises(DeviceError, match="make firmware BOARD=STM32H747I_DISCO UART_REPL=1"):
        connect(f"firmware:{tmp_path / 'no.elf'}")


# ---- the image ----


@pytest.fixture(scope="module")
def violations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "violations.log"


@pytest.fixture(scope="module")
def board(image: Path, violations: Path) -> Iterator[FirmwareTarget]:
    with FirmwareTarget(image, log=violations) as target:
        yield target


def say(board: FirmwareTarget, code: str) -> list[str]:
    lines: list[str] = []
    error = board.execute(code, "test", lines.append)
    assert error == ""
    return lines


@needs_image
@pytest.mark.slow
def test_the_image_starts_with_its_memories(board: FirmwareTarget) -> None:
    """An empty flash gets a littlefs, the SDRAM its arena; no card, no touch panel: a REPL."""
    lines = say(
        board,
        "import os, machine, board_h747\n"
        "print(os.listdir('/'), os.getcwd(), board_h747.size('arena'), machine.freq()[0])\n"
        "open('a.txt', 'w').write('kept')",
    )
    assert lines == ["['flash'] /flash 23068672 400000000"]
    assert say(board, "print(open('a.txt').read())") == ["kept"]  # after a soft reset


@needs_image
@pytest.mark.slow
def test_files_go_both_ways(board: FirmwareTarget, tmp_path: Path) -> None:
    data = bytes(range(256)) * 40
    (tmp_path / "a").write_bytes(data)
    board.put(tmp_path / "a", "a.bin")
    board.get("a.bin", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == data


@needs_image
@pytest.mark.slow
def test_a_hundred_soft_resets(board: FirmwareTarget) -> None:
    for number in range(100):
        assert say(board, f"print({number} + 1)") == [str(number + 1)]


@needs_image
@pytest.mark.slow
def test_a_model_has_the_bits_of_unix(
    board: FirmwareTarget, micropython: Path, tmp_path: Path
) -> None:
    samples = m7.squares(tmp_path / "small.uffs", each=40)
    job = {"network": "uff2", "solver": "primal", "lambda2": None, "hidden": 48, "seed": 7}
    models = []
    with UnixTarget(micropython) as unix:
        for target in (unix, board):
            target.put(samples, "train.uffs")
            target.run("train.py", job | {"statistics": True})
            target.get("model.uffm", tmp_path / "model.uffm")
            models.append((tmp_path / "model.uffm").read_bytes())
    assert models[0] == models[1]


@needs_image
@pytest.mark.slow
def test_mpremote_talks_to_it(image: Path) -> None:
    with FirmwareTarget(image) as own:
        port = own.port
        own._drop()  # mpremote's turn
        mpremote = TOP / ".venv/bin/mpremote"
        done = patience.run([str(mpremote), "connect", port, "exec", "print(6 * 7)"], 120)
        assert (done.returncode, done.stdout.split()[-1:]) == (0, ["42"]), done.stderr


SELFTEST = {"sections": "identity,clocks,flash,sdram,training,display,touch,power"}
QUICK = {"march_bytes": 1 << 16, "write_kb": 16, "answer_s": 0.2, "rest_s": 0.1, "touch_s": 0.3}


@needs_image
@pytest.mark.slow
def test_the_self_test_runs_to_its_end(board: FirmwareTarget) -> None:
    """Without the section that compares cycles with the silicon's: here each takes one clock."""
    report = board.run("selftest.py", {**SELFTEST, **QUICK, "power_s": 0})
    parts = report["sections"]
    states = {name: part["state"] for name, part in parts.items() if name != "kernels"}
    states_here = dict.fromkeys(SELFTEST["sections"].split(","), "ok")
    # Nobody looks at the display, and no hand is there.
    assert states == states_here | {"display": "not confirmed", "touch": "not there"}
    carried = {form: row[0] for form, row in selftest_bounds.carried()[1].items()}
    runs = parts["training"]["found"]["runs"]
    assert {form: run["sha256"] for form, run in runs.items()} == carried
    assert parts["identity"]["found"]["board"] == "STM32H747I-DISCO"


@needs_image
@pytest.mark.slow
def test_a_session_replayed_leaves_the_bytes_of_unix(
    board: FirmwareTarget, micropython: Path, tmp_path: Path
) -> None:
    """The application draws and learns from recorded touches, on a screen in memory."""
    recording = tmp_path / "two.ufft"
    arguments = ["lesson", str(recording), "--characters", "12", "--examples", "2", "--ask", "0"]
    assert main.main(arguments) == 0
    kept = []
    with UnixTarget(micropython) as unix:
        for target in (unix, board):
            result = lesson.replay(target, recording, job={"width": 800, "height": 480})
            assert result["counts"] == [2, 2]
            for name in (lesson.SAMPLES, lesson.MODEL):
                target.get(name, tmp_path / "x")
                kept.append((tmp_path / "x").read_bytes())
    assert kept[:2] == kept[2:]


@needs_image
@pytest.mark.slow
def test_uff_replay_touches_the_screen_and_comes_to_the_bytes_of_unix(
    image: Path, tmp_path: Path
) -> None:
    """A hand at the touch controller's model; the drawings are recognised as in the file's."""
    recording = tmp_path / "two.ufft"
    arguments = ["lesson", str(recording), "--characters", "12", "--examples", "2", "--ask", "1"]
    assert main.main(arguments) == 0
    kept = []
    for on in ("unix", f"firmware:{image}"):
        files = [tmp_path / name for name in ("x.uffs", "x.uffm", "x.json")]
        arguments = ["replay", str(recording), "--on", on]
        for option, path in zip(("--samples", "--model", "--json"), files, strict=True):
            arguments += [option, str(path)]
        assert main.main(arguments) == 0
        report = json.loads(files[2].read_text())
        kept.append([path.read_bytes() for path in files[:2]] + [report["predictions"]])
    assert kept[0] == kept[1]
    assert kept[0][2] != []


def test_a_hand_does_not_take_as_long_as_the_person(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "x.ufft"
    write_recording(recording, TouchRecording(800, 480, []))
    arguments = ["replay", str(recording), "--on", "firmware:x.elf", "--real-time"]
    assert main.main(arguments) != 0
    assert "--real-time does not go with --on firmware:ELF" in capsys.readouterr().err


# Of upstream: a soft reset switches off what was never on (ports/stm32/main.c, soft_reset_exit).
KNOWN = {"HAL_SPI_DeInit", "HAL_I2C_DeInit", "dac_deinit"}


@needs_image
@pytest.mark.slow
def test_the_image_broke_no_rule_but_those_of_upstream(
    board: FirmwareTarget, violations: Path
) -> None:
    """In all that the tests above did; a soft reset is among it in any case."""
    assert say(board, "print(1)") == ["1"]
    lines = violations.read_text().splitlines()
    assert {re.sub(r".*; at 0x\w+ in (\w+).*", r"\1", line) for line in lines} == KNOWN, lines
    assert all(", which has no clock; at " in line for line in lines), lines
