"""Puts the page together: assemble.py PAGE BOARD_WASM VIRTUAL_BOARD_PAGE.

The page is the virtual board's; its transport and all that carries the board are this folder's.
Its head says what it may load: itself, and nothing from elsewhere.
"""

import shutil
import sys
from pathlib import Path

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'"
)
SCRIPTS = ("disk", "ft6x06_model", "hardware", "machine", "running_board", "transport", "worker")
HEAD = '<meta charset="utf-8">\n'


def main():
    page, wasm, shared = (Path(word) for word in sys.argv[1:])
    new = page.with_name(f"{page.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(shared, new)
    for name in SCRIPTS:
        shutil.copyfile(Path(__file__).parent / "js" / f"{name}.js", new / f"{name}.js")
    shutil.copyfile(wasm, new / "board.wasm")
    text = (new / "index.html").read_text(encoding="utf-8")
    if text.count(HEAD) != 1:
        sys.exit("web: index.html has no head to put the policy into")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
    (new / "index.html").write_text(text.replace(HEAD, HEAD + meta), encoding="utf-8")
    shutil.rmtree(page, ignore_errors=True)
    new.rename(page)


main()
