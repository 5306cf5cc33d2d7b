"""The commands `uff lesson`, which writes a session of touches for the capture application, and
`uff replay`, which has a target live through one."""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from uff_host import files, progress
from uff_host.arguments import Parser, add_on, not_negative, positive
from uff_host.errors import DataError, FormatError
from uff_host.hand import Hand
from uff_host.hand.composer import Layout, lesson
from uff_host.progress import OnProgress
from uff_host.samples import read_samples
from uff_host.session import read_session, write_session
from uff_host.target import Result, Target, connect, naming

SAMPLES, MODEL = "replay-drawings.uffs", "replay-drawings.uffm"  # of device/scripts/capture.py
DIGITS = "1234567890"  # the application begins with the classes 1, 2 and 3


@dataclass
class Score:
    """What the application said of unseen drawings."""

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
    """Compare the last guesses of a replay with the classes that were asked for.

    Raises:
        DataError: The application guessed fewer times than that.
    """
    guesses = result["guesses"]
    if len(guesses) < len(answers):
        raise DataError(
            f"{len(answers)} drawings were to be recognised, the application saw {len(guesses)}."
        )
    last = guesses[len(guesses) - len(answers) :]
    pairs = [(guess[0] == answer, guess[1]) for guess, answer in zip(last, answers, strict=True)]
    return Score(
        len(pairs),
        sum(right for right, _ in pairs),
        sum(sure for _, sure in pairs),
        sum(right and sure for right, sure in pairs),
    )


def layout_of(target: Target) -> Layout:
    """Where the controls of a target's screen lie; 800x480 where it has none."""
    return Layout.of(target.run("layout.py", {}))


def replay(
    target: Target,
    session: Path,
    *,
    start: Path | None = None,
    job: dict[str, Any] | None = None,
    on_progress: OnProgress = progress.ignore,
) -> Result:
    """Replay a session file in the application on a target; what capture.py reports.

    Args:
        target: Where.
        session: The file of touches.
        start: A samples file to begin with; by default there are no drawings.
        job: Further parameters of device/scripts/capture.py.
        on_progress: Gets how far it is.

    Raises:
        DeviceError: The target fails, or refuses the session.
    """
    target.put(session, "session.ufft", on_progress)
    asked = {"session": "session.ufft", **(job or {})}
    if start is not None:
        target.put(start, SAMPLES, on_progress)
        asked["keep"] = True
    return target.run("capture.py", asked, on_progress)


# ---- commands ----


def lesson_arguments(command: Parser) -> None:
    """The arguments of `uff lesson`."""
    command.explain(
        "Writes down the touches of a made-up person who adds classes, draws examples of each, "
        "presses Train and then draws unseen ones. Beside the session lies a file .json that says "
        "what was drawn, for `uff replay` to compare.",
        ("uff lesson digits.ufft --hand 7", "ten digits, five of each, then 200 unseen ones"),
        ("uff lesson few.ufft --characters 123ab --examples 3 --haste 2", "five classes in haste"),
    )
    command.add_argument("session", type=Path, help="the session to write, like digits.ufft")
    command.add_argument("--hand", type=not_negative, default=1, help="who draws (default: 1)")
    command.add_argument(
        "--characters", default=DIGITS, help=f"digits and small letters (default: {DIGITS})"
    )
    command.add_argument(
        "--examples", type=positive, default=5, help="drawings of each to learn from (default: 5)"
    )
    command.add_argument(
        "--ask", type=not_negative, default=20, help="unseen drawings of each (default: 20)"
    )
    command.add_argument(
        "--haste",
        type=_haste,
        default=1.0,
        help="how much drawings vary, 0 to 5; 2 is twice the usual (default: 1)",
    )
    add_on(command, "whose screen")
    command.set_defaults(do=do_lesson)


def replay_arguments(command: Parser) -> None:
    """The arguments of `uff replay`."""
    command.explain(
        "Runs the capture application on a target and gives it the touches of a session, as fast "
        "as it takes them. The drawings of the board's owner stay untouched.",
        ("uff replay digits.ufft", "in MicroPython on this machine"),
        ("uff replay digits.ufft --on m7 --samples d.uffs --model d.uffm", "on the emulated "
         "Cortex-M7, and keep what it drew and learnt"),
    )  # fmt: skip
    command.add_argument("session", type=Path, help="session file (.ufft)")
    add_on(command)
    command.add_argument("--start", type=Path, metavar="UFFS", help="drawings to begin with")
    command.add_argument("--samples", type=Path, metavar="UFFS", help="where to keep the drawings")
    command.add_argument("--model", type=Path, metavar="UFFM", help="where to keep the model")
    command.add_argument("--json", type=Path, metavar="FILE", help="where to keep the report")
    command.add_argument("--real-time", action="store_true", help="take as long as the person did")
    command.set_defaults(do=do_replay)


def _haste(text: str) -> float:
    try:
        haste = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 <= haste <= 5:
        raise argparse.ArgumentTypeError(f"{text} is not within 0 and 5")
    return haste


def do_lesson(options: argparse.Namespace) -> None:
    """`uff lesson`"""
    files.check_outputs(options.session, _answers(options.session))
    with connect(options.on) as target:
        layout = layout_of(target)
    hand = Hand(options.hand, options.haste)
    session, asked, names = lesson(layout, hand, options.characters, options.examples, options.ask)
    write_session(options.session, session)
    answers = {
        "session": _sha256(options.session),
        "asked": asked,
        "names": names,
        "hand": options.hand,
        "haste": options.haste,
    }
    files.write_bytes(_answers(options.session), json.dumps(answers).encode())
    options.console.print(
        f"{options.session}: {len(session.reports)} touches, "
        f"{session.lasts_ms / 1000:.0f} s of a person's time\n{_answers(options.session)}",
        highlight=False,
        soft_wrap=True,
    )


def do_replay(options: argparse.Namespace) -> None:
    """`uff replay`"""
    from uff_host import screen

    console: Console = options.console
    files.check_regular(*filter(None, (options.session, options.start)))
    files.check_outputs(
        options.samples, options.model, options.json, inputs=[options.session, options.start]
    )
    session = read_session(options.session)
    answers = _read_answers(options.session)
    if options.start:
        read_samples(options.start)
    job = {"real_time": options.real_time, "width": session.width, "height": session.height}
    with (
        naming({"session.ufft": options.session, SAMPLES: options.start}),
        connect(options.on) as target,
        screen.progress_bar(console, f"Replaying on {target.name}") as on_progress,
    ):
        result = replay(
            target, options.session, start=options.start, job=job, on_progress=on_progress
        )
        if options.samples:
            target.get(SAMPLES, options.samples, on_progress)
        if options.model:
            target.get(MODEL, options.model, on_progress)
    console.print(
        ", ".join(f"{n} {c}" for n, c in zip(result["names"], result["counts"], strict=True)),
        highlight=False,
    )
    console.print(f"samples {result['samples_sha256']}", highlight=False, soft_wrap=True)
    if result["model_sha256"]:
        console.print(f"model   {result['model_sha256']}", highlight=False, soft_wrap=True)
    if result["loo_accuracy"] is not None:
        console.print(f"leave-one-out accuracy {result['loo_accuracy']:.4f}")
    console.print(f"{result['seconds']:.1f} s{_whose(options.on)}")
    if answers:
        found = score(result, answers)
        console.print(found.sentence())
        result["accuracy"] = found.accuracy
    if options.json:
        files.write_bytes(options.json, json.dumps(result).encode())


def _whose(on: str) -> str:
    return " (of the emulator)" if on == "m7" else ""


def _answers(session: Path) -> Path:
    return session.with_suffix(".json")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_answers(session: Path) -> list[int] | None:
    """What the drawings of a session were, or None where nobody wrote it down.

    Raises:
        FormatError: The file is there and says something else, or is of another session.
    """
    path = _answers(session)
    if not path.exists():
        return None
    try:
        answers = files.read_json(path)
        asked, of = answers["asked"], answers["session"]
        if not all(isinstance(label, int) for label in asked):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise FormatError(
            f'{path} does not say which classes were "asked", as `uff lesson` does.'
        ) from None
    if of != _sha256(session):
        raise FormatError(
            f"{path} tells of another {session.name}: delete it, or write both anew."
        )
    return list(asked)
