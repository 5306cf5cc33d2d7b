"""A campaign: cases of both parts in turn, counted, and what is found kept in a folder."""

from __future__ import annotations

import collections
import json
import re
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import calls, files
from .calls import Case, Verdict
from .link import Died, Link

BATCH = 50
MOST_LOST = 200
MOST_ALIKE = 2  # findings that are kept of those that say the same but for numbers


class Calls:
    """Calls of `ridge`."""

    name = "calls"
    make = staticmethod(calls.make)

    def __init__(self, micropython: Path, folder: Path) -> None:
        self.link = Link(micropython, "fuzz_calls.py", folder, "8M")

    def line(self, case: Case, place: int) -> str:
        return calls.line(case)

    def judge(self, case: Case, answer: dict[str, Any], place: int) -> Verdict:
        return calls.judge(case, answer)

    @staticmethod
    def kind(case: Case) -> str:
        if not case["hostile"]:
            return "sound calls"
        return "calls with evil numbers" if "evil" in json.dumps(case["args"]) else "hostile calls"

    @staticmethod
    def name_of(case: Case) -> str:
        return str(case["function"])

    @staticmethod
    def changes(case: Case) -> list[str]:
        return list(case["hostile"])


class Files:
    """Files through both readers."""

    name = "files"
    make = staticmethod(files.make)

    def __init__(self, micropython: Path, folder: Path) -> None:
        # The largest of these files has some 20 KB.
        self.link = Link(micropython, "fuzz_files.py", folder, "1M")
        self._folder = folder

    def _path(self, case: Case, place: int) -> Path:
        return self._folder / f"{place}{files.ENDINGS[case['kind']]}"

    def line(self, case: Case, place: int) -> str:
        return files.line(case, self._path(case, place))

    def judge(self, case: Case, answer: dict[str, Any], place: int) -> Verdict:
        return files.judge(case, answer, self._path(case, place))

    @staticmethod
    def kind(case: Case) -> str:
        kinds = {
            "samples": "samples files",
            "model": "model files",
            "recording": "touch recordings",
        }
        kinds |= {"layer": "files of a layer", "merged": "merged statistics"}
        return ("mutated " if case["changes"] else "sound ") + kinds[case["kind"]]

    @staticmethod
    def name_of(case: Case) -> str:
        return str(case["kind"])

    @staticmethod
    def changes(case: Case) -> list[str]:
        return list(case["changes"])


Part = Calls | Files
PARTS: dict[str, type[Calls] | type[Files]] = {"calls": Calls, "files": Files}


@dataclass
class Finding:
    """A case that ended otherwise than it may, and where it is kept."""

    path: Path
    sentence: str


class Campaign:
    """Cases of one seed, in the parts named.

    counts: executions by kind of case and outcome ("taken", "refused" or "lost"); seen: by
    function or kind of file; findings: of those lost, without the many that are alike.
    """

    def __init__(
        self, micropython: Path, seed: int, out: Path, parts: tuple[str, ...] = tuple(PARTS)
    ) -> None:
        self.seed, self.out = seed, out
        self.lost = 0
        self.findings: list[Finding] = []
        self._alike: collections.Counter[str] = collections.Counter()
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self.seen: collections.Counter[tuple[str, str]] = collections.Counter()
        self._temporary = tempfile.TemporaryDirectory(prefix="uff-fuzz-")
        folder = Path(self._temporary.name)
        self._parts = [PARTS[part](micropython, folder) for part in parts]

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        for part in self._parts:
            part.link.close()
        self._temporary.cleanup()

    @property
    def executions(self) -> int:
        return sum(self.counts.values())

    @property
    def over(self) -> bool:
        """Whether so much was lost that there is no use in going on."""
        return self.lost >= MOST_LOST

    def batches(self) -> Iterator[None]:
        """Works for ever, stopping after each batch; the parts take turns."""
        numbers = dict.fromkeys(self._parts, 0)
        while True:
            for part in self._parts:
                number = numbers[part]
                numbers[part] += BATCH
                cases = [(n, part.make(self.seed, n)) for n in range(number, number + BATCH)]
                while cases:
                    cases = self._answered(part, cases)
                yield

    def _answered(self, part: Any, cases: list[tuple[int, Case]]) -> list[tuple[int, Case]]:
        """Runs these cases; gives those that a death has left without an answer."""
        lines = [part.line(case, place) for place, (_, case) in enumerate(cases)]
        answers = part.link.answers(lines)
        for place, (number, case) in enumerate(cases):
            try:
                answer = json.loads(next(answers))
                verdict = part.judge(case, answer, place)
            except Died as death:
                self._lost(part, number, case, f"the firmware died:\n{death}")
                return cases[place + 1 :]
            except Exception:  # of the host's readers, or of the fuzzer itself
                self._lost(part, number, case, traceback.format_exc())
                continue
            if verdict.wrong:
                self._lost(part, number, case, verdict.wrong)
                continue
            outcome = "taken" if verdict.taken else "refused"
            self.counts[part.kind(case), outcome] += 1
            self.seen[part.name_of(case), outcome] += 1
        return []

    def _lost(self, part: Any, number: int, case: Case, sentence: str) -> None:
        self.counts[part.kind(case), "lost"] += 1
        self.lost += 1
        path = self.out / f"{part.name}-{number}.json"
        changes = ", ".join(part.changes(case)) or "nothing changed"
        alike = re.sub(r"[0-9a-fx]*\d[0-9a-fx]*", "#", f"{part.name_of(case)}: {sentence}"[:300])
        self._alike[alike] += 1
        if self._alike[alike] > MOST_ALIKE:
            return
        sentence = f"{part.name_of(case)} ({changes}): {sentence}"
        self.out.mkdir(parents=True, exist_ok=True)
        kept = {"part": part.name, "seed": self.seed, "number": number, "case": case}
        path.write_text(json.dumps(kept, indent=1) + "\n")
        path.with_suffix(".txt").write_text(sentence + "\n")
        if "data" in case:
            data = bytes.fromhex(case["data"])
            path.with_suffix(files.ENDINGS[case["kind"]]).write_bytes(data)
        self.findings.append(Finding(path, sentence))


def repeat(micropython: Path, path: Path) -> str:
    """What is wrong with the case that was kept there, when it is run again; "" if nothing."""
    kept = json.loads(path.read_text())
    with tempfile.TemporaryDirectory(prefix="uff-fuzz-") as folder:
        part = PARTS[kept["part"]](micropython, Path(folder))
        try:
            answer = json.loads(next(part.link.answers([part.line(kept["case"], 0)])))
            return part.judge(kept["case"], answer, 0).wrong
        except Died as death:
            return f"the firmware died:\n{death}"
        finally:
            part.link.close()
