"""What the self-test compares a board with: bounds of cycles, and hashes of weights.

    python host/tools/selftest_bounds.py          count on the emulated Cortex-M7, renew
                                                  device/bring_up/bounds.py
    python host/tools/selftest_bounds.py --check  say what would change; exit status 1 if anything

Its sections `kernels` and `training` run on the emulated Cortex-M7, whose instructions are
counted; estimate.py turns them into cycles, at least and at most (`uff experiment cost` prints
the model: nothing of it was measured on a board). Do this after every change of the kernels or of
training.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from uff_host.experiments.instructions import data_cache, estimate
from uff_host.experiments.instructions.data_cache import DataCache, Traffic, packed, stream
from uff_host.experiments.instructions.estimate import Shape, Work
from uff_host.formats.networks import kinds_of
from uff_host.targets.qemu import QemuTarget, m7_firmware

DATA = Path(__file__).resolve().parents[2] / "device" / "bring_up" / "bounds.py"
# Of the sections.
M, Q, K, N, ROWS = 768, 500, 10, 64, 32
PATCHED, FILTERS = 16, 32  # images of the patch kernels
CLASSES, IMAGES, HIDDEN = 5, 60, 128
PATCH_SHAPE = Shape(PATCHED, 784, FILTERS, K, False, True, filters="patch", kernel=True)
READ_BYTES = {  # from the arrays in SDRAM, each byte once
    "encode": N * 784,
    "gram add": 2 * N * M + 4 * packed(M),
    "gram remove": 2 * N * M + 4 * packed(M),
    "kernel": 2 * N * M,
    "project": 2 * ROWS * M + 2 * Q * M,
    "project one": 2 * Q * M,
    "class_sums": 2 * N * M,
    "goodness": 2 * N * M + 2 * K * M,
    "nearest": 2 * N * M,
    "crc32": 4 * packed(M),
    "factor": 4 * packed(M),
    "contrast": 2 * 32 * M,
    "solve": 4 * packed(M) + 64 * M,
    "leverage": 4 * packed(M) + 2 * N * M,
    "combine": 2 * N * M,
    "unit_rows": 64 * M,
    "inverse block": 4 * packed(M),
    "powers": 4 * packed(N),
    "kernel goodness": 2 * N * M,
    "copies": 784,
    "patch gram": 2 * PATCHED * 784,
    "patch features": 2 * PATCHED * 784,
}
CACHE_BYTES = 16384
# Counts stray from build to build of the firmware, with when garbage is collected: more than this
# is a change.
STRAY = 0.05

Tables = tuple[dict[str, tuple[int, int, int]], dict[str, tuple[str, int, int, int]]]


@lru_cache(maxsize=1)
def kernel_work() -> dict[str, Work]:
    """What each of the calls asks of the inner loops and of SDRAM."""
    substitution = estimate._substitution(M)
    return {
        "encode": Work({}, stream(N * 784) + stream(2 * N * M, True)),
        "gram add": estimate._gram(N, M),
        "gram remove": estimate._gram(N, M),
        "kernel": estimate._kernel(N, M),
        "project": Work(
            {"dot_2x4": ROWS * estimate._padded(M) * Q},
            data_cache.product(ROWS, M, Q) + stream(2 * ROWS * Q, True),
        ),
        "project one": Work({"dot_1x2": Q * M}, stream(2 * Q * M)),
        "class_sums": Work({}, _traced(_class_sums())),
        "goodness": Work({"dot_1x2": N * M * K}, _traced(_goodness())),
        "nearest": Work({"dot_1x2": N * M}, stream(2 * N * M)),
        "crc32": Work({}, stream(4 * packed(M))),
        "factor": Work(estimate._cholesky(M).loops, data_cache.factor(M)),
        "contrast": Work({}, stream(2 * M) * 32 + stream(64 * M, True)),
        "solve": estimate._solve(M, M, 16, 0),
        "leverage": Work(
            {"subtract_rows": substitution * (N // 16)},
            data_cache.substitution(M) * (N // 16) + stream(2 * N * M),
        ),
        "combine": Work({"tile_4x4": N * M * 16.0}, data_cache.combine(N, M, 16)),
        "unit_rows": Work({}, data_cache.columns(M, 16, 3)),
        "inverse block": Work({"subtract_rows": substitution}, data_cache.substitution(M)),
        "powers": Work({}, stream(4 * packed(N)) + stream(4 * packed(N), True) * 2),
        "kernel goodness": Work({"dot_1x2": N * M}, stream(2 * N * M) + stream(2 * N * K)),
        "copies": Work({}, stream(784) + stream(15 * 784, True)),
        "patch gram": estimate.work("patch statistics", PATCH_SHAPE),
        "patch features": estimate.work("patch features", PATCH_SHAPE),
    }


def _traced(accesses: Iterable[data_cache.Access]) -> Traffic:
    cache = DataCache()
    return cache.run(accesses) + cache.flush()


def _class_sums() -> Iterable[data_cache.Access]:
    x, sums = 0, data_cache.APART
    for i in range(N):
        for at in range(0, 2 * M, 16):
            yield x + 2 * i * M + at, False
            yield sums + 4 * (i % K) * M + 2 * at, True


def _goodness() -> Iterable[data_cache.Access]:
    x, w = 0, data_cache.APART
    for i in range(N):
        for c in range(K):
            for at in range(0, 2 * M, 32):
                yield x + 2 * i * M + at, False
                yield w + 2 * c * M + at, False


def kernel_bounds(name: str, instructions: int) -> tuple[int, int]:
    """Estimated cycles of a call that took so many instructions, [at least, at most]."""
    asked = kernel_work()[name]
    # At least: what it reads comes once, but for what the cache may hold from the call before.
    once = stream(max(0, READ_BYTES[name] - CACHE_BYTES))
    lower, _ = estimate.cycles(Work(asked.loops, once), instructions)
    _, upper = estimate.cycles(asked, instructions)
    return round(lower), round(upper)


def training_bounds(run: Mapping[str, Any]) -> tuple[int, int]:
    """Estimated milliseconds of a training, from the stages that the script counted."""
    dual1, dual2 = run["dual"]
    patch, kernel = (kind in kinds_of(run["network"]) for kind in ("patch", "kernel"))
    shape = Shape(
        n=IMAGES * (1 + run["copies"]),
        m=784 if patch else M,
        q=FILTERS if patch else HIDDEN,
        k=CLASSES,
        dual1=dual1,
        dual2=dual2,
        copies=run["copies"],
        filters="patch" if patch else None,
        kernel=kernel,
    )
    band = estimate.band(run["stages"], shape)
    return round(band.lower), round(band.upper)


def tables(kernels: Mapping[str, Any], training: Mapping[str, Any]) -> Tables:
    """What bounds.py holds, from what its two sections found on the emulated Cortex-M7.

    Raises:
        ValueError: The sections did not count instructions.
    """
    for found in (kernels, training):
        if found["unit"] != "instructions":
            raise ValueError(f"want counted instructions, got {found['unit']}")
    counts = {name: row["least"] for name, row in kernels["kernels"].items()}
    return (
        {name: (count, *kernel_bounds(name, count)) for name, count in sorted(counts.items())},
        {
            form: (run["sha256"], run["work"], *training_bounds(run))
            for form, run in sorted(training["runs"].items())
        },
    )


def differences(old: Tables, new: Tables) -> list[str]:
    """Sentences that say what of two tables is not the same, but for counts that stray."""
    changes = []
    rows: list[dict[str, tuple[Any, ...]]] = [{**tables[0], **tables[1]} for tables in (old, new)]
    before, now = rows
    for name in sorted(set(before) | set(now)):
        if name not in before or name not in now:
            changes.append(f"{name}: only in {'the new' if name in now else 'the old'} table")
            continue
        for a, b in zip(before[name], now[name], strict=True):
            if a != b and (isinstance(a, str) or abs(a - b) > STRAY * max(a, b) + 1):
                changes.append(f"{name}: {a} was, {b} is")
    return changes


def carried() -> Tables:
    """The tables in the repository."""
    names = runpy.run_path(str(DATA))
    return names["KERNELS"], names["TRAININGS"]


def written(new: Tables) -> str:
    """The text of bounds.py."""
    kernels = "".join(f'    "{name}": {row},\n' for name, row in new[0].items())
    trainings = "".join(
        f'    "{name}": (\n' + "".join(f"        {_literal(part)},\n" for part in row) + "    ),\n"
        for name, row in new[1].items()
    )
    return (
        '"""Bounds and hashes, made by host/tools/selftest_bounds.py."""\n\n'
        "# Of each kernel: instructions, estimated cycles on the board: at least, at most.\n"
        f"KERNELS = {{\n{kernels}}}\n"
        "# Of each training: SHA-256 of its weights, instructions, estimated ms: at least, at"
        " most.\n"
        f"TRAININGS = {{\n{trainings}}}\n"
    )


def _literal(part: str | int) -> str:
    return f'"{part}"' if isinstance(part, str) else str(part)


def counted() -> Tables:
    """Runs the two sections on the emulated Cortex-M7.

    Raises:
        DeviceError: There is no firmware, or no emulator.
    """
    with QemuTarget(m7_firmware(), counted=True) as target:
        result = target.run("selftest.py", {"sections": "kernels,training"})
    sections = result["sections"]
    return tables(sections["kernels"]["found"], sections["training"]["found"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python host/tools/selftest_bounds.py")
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    new = counted()
    changes = differences(carried(), new)
    print("\n".join(changes) or "nothing changed")
    if changes and not check:
        DATA.write_text(written(new))
    return int(bool(changes) and check)


if __name__ == "__main__":
    sys.exit(main())
