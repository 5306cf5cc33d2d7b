#!/usr/bin/env python3
"""Makes what `mpremote mip install` takes: µFF's library for a MicroPython without our firmware.

    package.py MPY_CROSS OUT RIDGE_MPY ...    the library compiled, and ridge.mpy: `make mpy`
    package.py --device                       renews device/package.json, the library as source

A package.json cannot choose by architecture, so OUT has one for each: package.json installs the
module for armv7emsp, which every Cortex-M4F, M33 and M7 loads, package-x64.json that for the unix
port, and so on. Standard library only.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

DEVICE = Path(__file__).resolve().parent.parent.parent / "device"
MODULES = ("job.py",)
PACKAGES = ("uff",)
DEFAULT = "armv7emsp"


def library():
    """The library's files, relative to device/, in order."""
    inside = (path for name in PACKAGES for path in (DEVICE / name).rglob("*.py"))
    return sorted([*MODULES, *(path.relative_to(DEVICE).as_posix() for path in inside)])


def write_json(path, urls):
    path.write_text(json.dumps({"urls": urls}, indent=2) + "\n", encoding="utf-8")


def make_source_package():
    write_json(DEVICE / "package.json", [[name, name] for name in library()])


def make_package(mpy_cross, out, modules):
    shutil.rmtree(out, ignore_errors=True)
    urls = []
    for name in library():
        compiled = Path(name).with_suffix(".mpy").as_posix()
        (out / compiled).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([mpy_cross, "-s", name, "-o", out / compiled, DEVICE / name], check=True)
        urls.append([compiled, compiled])
    for module in modules:
        arch = module.parent.name
        shutil.copy(module, out / f"ridge-{arch}.mpy")
        name = "package.json" if arch == DEFAULT else f"package-{arch}.json"
        write_json(out / name, [["ridge.mpy", f"ridge-{arch}.mpy"], *urls])
        print(f"mpy: {out / name}: ridge.mpy for {arch} has {module.stat().st_size:,} bytes")


def main():
    if sys.argv[1:] == ["--device"]:
        make_source_package()
    elif len(sys.argv) > 3:
        make_package(sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
