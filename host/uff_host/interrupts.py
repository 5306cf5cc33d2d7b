"""Ctrl-C, SIGTERM and a closed terminal: one line and status 130, whenever they come.

While modules are imported nothing is there to be cleaned up, and an exception could come up in
the middle of any of them: a signal ends the program at once. While a command works it is an
exception, so that child processes and half-written files go too. After that it is too late.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

STOPPED = 130
SENTENCE = "Stopped. What was saved before is as it was."
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP: leave as on Ctrl-C."""


def leave_at_once() -> None:
    """Have a signal end the program. One that the caller ignores stays ignored (nohup)."""
    for number in NUMBERS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)  # host/uff held them back


def clean_up() -> None:
    """Have a signal raise KeyboardInterrupt."""
    for number in NUMBERS:
        if signal.getsignal(number) in (_leave, signal.SIG_DFL):
            is_key = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_key else _stop)


def ignore() -> None:
    """Nothing is left to stop."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, f"uff: {SENTENCE}\n".encode())
    os._exit(STOPPED)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped
