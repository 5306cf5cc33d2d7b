"""What the tests of the board in a browser tab share: Node, the page's folder, and fixtures."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from uff_host import patience
from uff_host.targets.web import web_firmware

TOP = Path(__file__).resolve().parents[2]
JS = TOP / "firmware_build" / "web" / "js"
HERE = Path(__file__).parent


def missing() -> str:
    """What is not there to run the module; empty if nothing is."""
    if shutil.which("node") is None:
        return "there is no Node (Debian: apt-get install nodejs)"
    if not web_firmware().is_file():
        return "there is no WebAssembly module (make web)"
    return ""


def node(script: str, *arguments: str, given: str = "", limit_s: float = 100) -> str:
    """What a script of this folder prints."""
    command = ["node", str(HERE / script), *arguments]
    with tempfile.TemporaryFile("w+") as stream:
        stream.write(given)
        stream.seek(0)
        done = patience.run(command, limit_s, stdin=stream)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)
