"""The module `ridge` under AddressSanitizer and UBSan, and the order that its functions keep:
numbers first, then buffers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from builds import FIRMWARE, write
from core.cores import RIDGE

SCRIPTS = Path(__file__).resolve().parents[1] / "device"
NAMES = ("ridge_arguments", "ridge_class_layer", "ridge_evil", "ridge_values")


@pytest.mark.parametrize("name", NAMES)
def test_a_device_script_does_nothing_that_a_sanitizer_finds(
    name: str, run_sanitized: Callable, tmp_path: Path
) -> None:
    done = run_sanitized(SCRIPTS / f"{name}.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr


def test_the_sanitizers_are_there(run_sanitized: Callable, tmp_path: Path) -> None:
    """A memoryview does not keep a guarded buffer alive, so this reads what was freed."""
    script = write(
        tmp_path / "freed.py",
        "import guarded, ridge\nb = guarded.Buffer('B', 9)\nv = memoryview(b)\nb.free()\n"
        "ridge.crc32(v)\n",
    )
    done = run_sanitized(script, tmp_path)
    assert re.search("heap-use-after-free .*\n(.*\n){1,3}.*in ridge_crc32", done.stderr)


ORDERS = {
    "right": 'const float n = get_finite(b, "n"); BUFFERS_FROM_HERE; '
    "const struct array x = get_input(a, \"x\", 'h'); return n > 0 && x.len ? a : b;",
    "a number behind a buffer": "BUFFERS_FROM_HERE; "
    "const struct array x = get_input(a, \"x\", 'h'); return get_int(b) && x.len ? a : b;",
    "a buffer before": "const struct array x = get_input(a, \"x\", 'h'); return x.len ? a : b;",
    "a flag of MicroPython's own": "return mp_obj_is_true(a) ? a : b;",
    "a buffer of MicroPython's own": "mp_buffer_info_t i; "
    "return mp_get_buffer(a, &i, MP_BUFFER_READ) ? a : b;",
}


@pytest.mark.parametrize("order", ORDERS)
def test_numbers_behind_a_buffer_do_not_compile(
    order: str, micropython: Path, tmp_path: Path
) -> None:
    found = re.search(r"^MICROPYTHON = (.+)$", (FIRMWARE / "build/found.mk").read_text(), re.M)
    assert found
    source = Path(found[1])
    text = (RIDGE / "modridge.c").read_text()
    text += f"mp_obj_t added(mp_obj_t a, mp_obj_t b) {{ {ORDERS[order]} }}\n"
    folders = [RIDGE, source, source / "ports/unix", micropython.parent]
    folders.append(FIRMWARE / "variants/unix")
    done = subprocess.run(
        ["cc", "-std=gnu99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-fsyntax-only"]
        + [f"-I{folder}" for folder in folders]
        + [str(write(tmp_path / "added.c", text))],
        capture_output=True,
        text=True,
        check=False,
    )
    if order == "right":
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode != 0
        assert re.search("buffers_from_here|called object|poisoned", done.stderr), done.stderr
