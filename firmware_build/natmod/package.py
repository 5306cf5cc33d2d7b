#!/usr/bin/env python3
"""Makes what `mpremote mip install` takes: µFF's library for a MicroPython without our firmware.

    package.py MPY_CROSS OUT RIDGE_MPY ...    the library compiled, and ridge.mpy: `make mpy`
    package.py --device                       renews device/package.json, the library as source

A package.json cannot choose by architecture, so OUT has one for each: package.json installs the
module for armv7emsp, which every Cortex-M4F and M7 loads, package-x64.json that for the unix port,
and so on. package-app.json adds what the drawing app is made of. Standard library only.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

DEVICE = Path(__file__).resolve().parent.parent.parent / "device"
LIBRARY = ("uff",)
APP = ("capture", "drivers")
DEFAULT = "armv7emsp"


def files(names):
    """The Python files of these, relative to device/."""
    inside = (path for name in names for path in (DEVICE / name).rglob("*.py"))
    modules = [name for name in names if name.endswith(".py")]
    return sorted([*modules, *(path.relative_to(DEVICE).as_posix() for path in inside)])


def version():
    """The version of the library."""
    source = (DEVICE / "uff" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+?)"', source, re.M)[1]


def write_json(path, urls):
    package = {"version": version(), "urls": urls}
    path.write_text(json.dumps(package, indent=2) + "\n", encoding="utf-8")


def make_source_package():
    write_json(DEVICE / "package.json", [[name, name] for name in files(LIBRARY)])


def compiled(mpy_cross, out, names):
    """Compiles these; gives their lines of a package.json."""
    urls = []
    for name in files(names):
        new = Path(name).with_suffix(".mpy").as_posix()
        (out / new).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([mpy_cross, "-s", name, "-o", out / new, DEVICE / name], check=True)
        urls.append([new, new])
    return urls


def make_package(mpy_cross, out, modules):
    shutil.rmtree(out, ignore_errors=True)
    library = compiled(mpy_cross, out, LIBRARY)
    write_json(out / "package-app.json", compiled(mpy_cross, out, APP))
    for module in modules:
        arch = module.parent.name
        shutil.copy(module, out / f"ridge-{arch}.mpy")
        name = "package.json" if arch == DEFAULT else f"package-{arch}.json"
        write_json(out / name, [["ridge.mpy", f"ridge-{arch}.mpy"], *library])
        shown = os.path.relpath(out / name, DEVICE.parent)
        print(f"mpy: {shown} installs ridge for {arch} ({module.stat().st_size:,} bytes)")


def main():
    if sys.argv[1:] == ["--device"]:
        make_source_package()
    elif len(sys.argv) > 3:
        make_package(sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
