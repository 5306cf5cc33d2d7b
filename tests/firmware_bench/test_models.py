"""The strict models of the firmware bench, each alone: plain C, under AddressSanitizer and UBSan.
Each scenario of `test_*.c` is a test here.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from firmware_bench import mutants

from uff_host import patience

HERE = Path(__file__).resolve().parent
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-g", "-O1"]
FLAGS += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# And a model of each.
PROGRAMS = {"quadspi": "quadspi", "fmc": "fmc", "rcc": "rcc", "i2c": "i2c", "display": "dsi"}
SCENARIOS = [
    (model, name)
    for model in PROGRAMS
    for name in re.findall(r"    SCENARIO\((\w+)\)", (HERE / f"test_{model}.c").read_text())
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models and their scenarios, compiled without an emulator's headers."""
    folder = tmp_path_factory.mktemp("models")
    found = {}
    for program, model in PROGRAMS.items():
        found[program] = folder / program
        # The display's driver and its surroundings have warnings of their own (tests/lcd).
        flags = [flag for flag in FLAGS if program != "display" or flag != "-Wconversion"]
        command = ["cc", *flags, *(f"-I{one}" for one in mutants.INCLUDES)]
        command += [*map(str, mutants.sources(model)), "-o", str(found[program])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return found


@pytest.mark.parametrize(("model", "scenario"), SCENARIOS)
def test_scenario(programs: dict[str, Path], model: str, scenario: str) -> None:
    done = patience.run([str(programs[model]), scenario], 60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_scenario_is_run(programs: dict[str, Path]) -> None:
    for model, program in programs.items():
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
        assert [(model, name) for name in listed.stdout.split()] == [
            scenario for scenario in SCENARIOS if scenario[0] == model
        ]


@pytest.mark.slow
@pytest.mark.parametrize("model", mutants.PARTS)
def test_a_rule_that_is_silenced_is_noticed(model: str) -> None:
    """Every fourth; `python -m firmware_bench.mutants` takes all."""
    whole = (mutants.BENCH / f"models/{model}.c").read_text().splitlines()
    assert mutants.survives(model, (0, whole[0]))
    rules = list(mutants.mutants(model))
    assert len(rules) >= 10
    assert mutants.survivors(model, rules[::4]) == []
