"""The program `uff`, also as `python -m uff_host`."""

from __future__ import annotations

import sys

from uff_host import interrupts


def main() -> int:
    """Run the command of the command line; return the exit status."""
    interrupts.leave_at_once()
    from uff_host.cli.main import main as run

    status = run()
    interrupts.ignore()
    return status


if __name__ == "__main__":
    sys.exit(main())
