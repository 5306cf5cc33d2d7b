"""The fuzzer finds nothing in a short run; what it would find it notices, keeps and repeats."""

from __future__ import annotations

import ast
import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import firmware
from core.cores import RIDGE

from fuzz import calls, files
from fuzz.campaign import Calls, Campaign, repeat

TESTS = Path(__file__).resolve().parents[1]
SEED = 1
CASES = 2500  # of each part: some 50 calls of every function


@pytest.fixture(scope="module")
def sanitized() -> Path:
    return firmware("unix-sanitized", "UFF_UNIX_SANITIZED")


@pytest.fixture(scope="module")
def run(sanitized: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    """A short campaign."""
    with Campaign(sanitized, SEED, tmp_path_factory.mktemp("fuzz") / "found") as campaign:
        batches = campaign.batches()
        while campaign.executions < 2 * CASES:
            next(batches)
        yield campaign


def test_a_short_run_finds_nothing(run: Campaign) -> None:
    assert not run.findings, "\n".join(finding.sentence for finding in run.findings)
    assert run.lost == 0


def test_every_function_and_every_kind_of_file_was_taken_and_refused(run: Campaign) -> None:
    plain = ("kernels", "patch_work_bytes", "mirror_work_bytes", "work_bytes", "trace", "crc32")
    for name in [*calls.FUNCTIONS, *files.MAKERS]:
        assert run.seen[name, "taken"] >= 10, name
        assert run.seen[name, "refused"] >= (1 if name in plain else 10), name
    for kind in ("sound calls", "hostile calls", "calls with evil numbers"):
        assert run.counts[kind, "taken"] >= 50, kind
        assert run.counts[kind, "refused"] >= 50, kind


def test_the_table_has_every_function_of_ridge_with_its_parameters() -> None:
    stubs = {
        node.name: node.args
        for node in ast.parse((RIDGE / "ridge.pyi").read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert set(calls.FUNCTIONS) == set(stubs)
    for name, function in calls.FUNCTIONS.items():
        arguments = stubs[name]
        names = [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs)]
        assert [parameter.name for parameter in function.parameters] == names, name


def test_a_case_is_the_same_from_the_same_seed() -> None:
    for part in (calls, files):
        for number in range(40):
            assert part.make(5, number) == part.make(5, number)
        assert part.make(5, 7) != part.make(6, 7)


def a_sound_call(name: str) -> dict:
    """One that is not refused for its values."""
    for number in range(2000):
        case = calls.make(2, number)
        if case["function"] == name and not case["hostile"] and len(case["blocks"][0]["data"]):
            values, _ = calls._decode(case, [bytes.fromhex(b["data"]) for b in case["blocks"]])
            if not calls.FUNCTIONS[name].reference(values).error:
                return case
    raise AssertionError(name)


def answered(part: Calls, case: dict) -> dict:
    return json.loads(next(part.link.answers([part.line(case, 0)])))


@pytest.mark.parametrize(
    "name", ["encode", "gram", "project", "solve", "factor", "unit_rows", "goodness", "leverage"]
)
def test_one_wrong_byte_in_an_output_is_noticed(
    name: str, sanitized: Path, tmp_path: Path
) -> None:
    part = Calls(sanitized, tmp_path)
    case = a_sound_call(name)
    answer = answered(part, case)
    part.link.close()
    assert not calls.judge(case, answer).wrong
    places = [i for i, block in enumerate(answer["blocks"]) if block != "="]
    noticed = 0
    for i in places:
        data = bytearray.fromhex(answer["blocks"][i])
        data[len(data) // 2 | 1] ^= 0x55
        changed = copy.deepcopy(answer)
        changed["blocks"][i] = data.hex()
        noticed += bool(calls.judge(case, changed).wrong)
    assert noticed, "only workspace may hold anything"


def test_hostile_calls_must_be_refused_by_name_and_change_nothing() -> None:
    case = next(
        case for case in (calls.make(3, n) for n in range(500)) if case["sure"] and case["blocks"]
    )
    same = ["="] * len(case["blocks"])
    right = {"error": "ValueError", "sentence": "gram: x: want this", "blocks": same}
    assert not calls.judge(case, right).wrong
    assert calls.judge(case, {"result": "None", "blocks": same}).wrong
    assert calls.judge(case, {**right, "error": "IndexError"}).wrong
    assert calls.judge(case, {**right, "sentence": ""}).wrong
    first = case["blocks"][0]["data"]
    changed = ("01" if first[:2] != "01" else "02") + first[2:]
    assert "changed" in calls.judge(case, {**right, "blocks": [changed, *same[1:]]}).wrong


def freed() -> dict:
    """A call that reads freed memory, for which `ridge` is not to blame: a memoryview does not
    keep its buffer."""
    block = {"kind": "guarded", "typecode": "B", "data": "00" * 40, "skip": 0}
    number = ["evil", ["int", "0"], "free", 0]
    return {
        "function": "crc32",
        "blocks": [block],
        "args": [["slice", 0, 3, 30], number],
        "named": {},
        "hostile": ["freed"],
        "sure": False,
    }


def test_a_death_is_kept_with_its_report_and_can_be_repeated(
    sanitized: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = calls.make
    monkeypatch.setattr(
        Calls, "make", staticmethod(lambda seed, n: freed() if n == 3 else good(seed, n))
    )
    with Campaign(sanitized, SEED, tmp_path / "found", ("calls",)) as campaign:
        next(campaign.batches())
    assert campaign.lost == 1
    assert campaign.executions == 50  # the others were tried all the same
    (finding,) = campaign.findings
    assert finding.path == tmp_path / "found/calls-3.json"
    assert "heap-use-after-free" in finding.path.with_suffix(".txt").read_text()
    assert "heap-use-after-free" in repeat(sanitized, finding.path)
    kept = json.loads(finding.path.read_text())
    kept["case"] = good(SEED, 3)
    finding.path.write_text(json.dumps(kept))
    assert repeat(sanitized, finding.path) == ""


def test_files_that_one_side_takes_or_understands_otherwise_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "case"
    for number in range(60):
        case = files.make(4, number)
        if case["changes"]:
            continue
        files.line(case, path)
        refused = {"error": files.DEVICE_ERRORS[case["kind"]], "sentence": "no"}
        assert "the host takes it" in files.judge(case, refused, path).wrong
        assert (
            "device: KeyError" in files.judge(case, {**refused, "error": "KeyError"}, path).wrong
        )
        assert "host: " in files.judge(case, {"held": {}}, path).wrong
    broken = {**files.make(4, 0), "data": b"UFFS".hex(), "kind": "samples"}
    assert "the device takes it" in files.judge(broken, {"held": {}}, path).wrong


def test_the_command_says_seed_counts_and_verdict(sanitized: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "--cases", "100", "--seed", "9"],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fuzz: seed 9" in done.stdout
    assert "fuzz: 100 cases of seed 9, 0 lost" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("sound calls")]
