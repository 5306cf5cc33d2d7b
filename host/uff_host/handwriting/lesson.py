"""Lessons: what a made-up person drew, replayed in the capture application, and how it scored."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uff_host import files, progress
from uff_host.errors import DataError, FormatError
from uff_host.handwriting import Writer
from uff_host.handwriting.composer import Layout
from uff_host.progress import OnProgress
from uff_host.targets.base import Result, Target

SAMPLES, MODEL = "replay-drawings.uffs", "replay-drawings.uffm"  # of device/scripts/application.py
DIGITS = "1234567890"  # the application begins with the classes 1, 2 and 3


@dataclass
class Score:
    """Verdicts of the application on unseen drawings."""

    asked: int
    right: int
    sure: int
    right_if_sure: int

    @property
    def accuracy(self) -> float:
        """Part that was right, 0 to 1; 0 where nothing was asked."""
        return self.right / self.asked if self.asked else 0.0

    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.right} of {self.asked} unseen drawings right, accuracy {self.accuracy:.4f}; "
            f"sure of {self.sure}, {self.right_if_sure} of them right"
        )


def score(result: Result, answers: list[int]) -> Score:
    """Compare the last predictions of a replay with the classes that were asked for.

    Raises:
        DataError: The application made fewer predictions than that.
    """
    found = result["predictions"]
    if len(found) < len(answers):
        raise DataError(
            f"{len(answers)} drawings were to be recognised, the application saw {len(found)}."
        )
    last = found[len(found) - len(answers) :]
    pairs = [(each[0] == answer, each[1]) for each, answer in zip(last, answers, strict=True)]
    return Score(
        len(pairs),
        sum(right for right, _ in pairs),
        sum(sure for _, sure in pairs),
        sum(right and sure for right, sure in pairs),
    )


def layout_of(target: Target) -> Layout:
    """Where the controls of a target's screen lie; 800x480 where it has none."""
    return Layout.of(target.run("dev/layout.py", {}))


def replay(
    target: Target,
    recording: Path,
    *,
    start: Path | None = None,
    job: dict[str, Any] | None = None,
    on_progress: OnProgress = progress.ignore,
) -> Result:
    """Replay a recording file in the application on a target; what application.py reports. Where
    the target lends a hand, that touches its screen; elsewhere the touches come from the file.

    Args:
        target: Where.
        recording: The file of touches.
        start: A samples file to begin with; by default there are no drawings.
        job: Further parameters of device/scripts/application.py.
        on_progress: Gets how far it is.

    Raises:
        DeviceError: The target fails, or refuses the recording.
    """
    asked = dict(job or {})
    if start is not None:
        target.put(start, SAMPLES, on_progress)
        asked["keep"] = True
    with target.hand(recording) as touches:
        if not touches:
            target.put(recording, "recording.ufft", on_progress)
            touches = {"replay": "recording.ufft"}
        return target.run("application.py", touches | asked, on_progress)


def answers_path(recording: Path) -> Path:
    """The file beside a recording that says what was drawn."""
    return recording.with_suffix(".json")


def write_answers(recording: Path, asked: list[int], names: list[str], writer: Writer) -> None:
    """Write down beside a recording what its drawings are.

    Raises:
        OSError: It cannot be written.
    """
    answers = {
        "recording": _sha256(recording),
        "asked": asked,
        "names": names,
        "writer": writer.seed,
        "haste": writer.haste,
    }
    files.write_bytes(answers_path(recording), json.dumps(answers).encode())


def read_answers(recording: Path) -> list[int] | None:
    """What the drawings of a recording were, or None where nobody wrote it down.

    Raises:
        FormatError: The file is there and says something else, or is of another recording.
    """
    path = answers_path(recording)
    if not path.exists():
        return None
    try:
        answers = files.read_json(path)
        asked, of = answers["asked"], answers["recording"]
        if not all(isinstance(label, int) for label in asked):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise FormatError(
            f'{path} does not say which classes were "asked", as `uff lesson` does.'
        ) from None
    if of != _sha256(recording):
        raise FormatError(
            f"{path} tells of another {recording.name}: delete it, or write both anew."
        )
    return list(asked)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
