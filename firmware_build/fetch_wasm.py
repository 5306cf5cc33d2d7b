#!/usr/bin/env python3
"""Fetches what compiles for WebAssembly: zig (clang and a C library) from PyPI, Binaryen from npm.

    fetch_wasm.py BUILD PIP

They lie in BUILD/src/ziglang-VERSION and BUILD/src/binaryen-VERSION then. Downloads are kept in
the cache (fetch.py) and checked by their SHA-256; zig's archive of another machine than x86-64 is
checked by pip alone. Exits with one sentence where one cannot be had.
"""

import platform
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import fetch

WANTED = ("package.json", "bin/package.json", "bin/wasm-opt")


def archive(cache, name, wanted, download):
    """The file `name` in the cache, downloaded where it is not there or not the one wanted."""
    found = sorted(cache.glob(name))
    if found and (wanted is None or fetch.sha256(found[0]) == wanted):
        return found[0]
    with tempfile.TemporaryDirectory() as scratch:
        download(Path(scratch))
        came = sorted(Path(scratch).glob(name))
        if not came:
            raise fetch.FetchError(f"{name} did not come")
        if wanted is not None:
            fetch.check_files(came[0].parent, {came[0].name: wanted})
        path = cache / came[0].name
        shutil.copyfile(came[0], path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)
    return path


def find_zig(sources, cache, src, pip):
    version = sources["ZIGLANG_VERSION"]
    tree = src / f"ziglang-{version}"
    if tree.exists():
        return
    known = sys.platform == "linux" and platform.machine() == "x86_64"

    def download(folder):
        fetch.say(f"fetch: zig {version} from PyPI")
        options = ("--no-deps", "--only-binary", ":all:", "--disable-pip-version-check")
        wanted = ("-d", folder, f"ziglang=={version}")
        fetch.run(pip, "download", "-q", *options, *wanted, growing=folder)

    wanted = sources["ZIGLANG_X86_64_SHA256"] if known else None
    path = archive(cache, f"ziglang-{version}-*.whl", wanted, download)
    with fetch.appearing(tree) as new, zipfile.ZipFile(path) as wheel:
        wheel.extractall(new)
        (new / "ziglang" / "zig").chmod(0o755)


def find_npm(cache, src, name, version, wanted, files):
    """Has these files of a package on npm in SRC/NAME-VERSION; wanted: the package's SHA-256."""
    tree = src / f"{name}-{version}"
    if tree.exists():
        return

    def download(folder):
        fetch.say(f"fetch: {name} {version} from npm")
        options = ("--silent", "--ignore-scripts", "--pack-destination", folder)
        fetch.run("npm", "pack", *options, f"{name}@{version}", growing=folder)

    path = archive(cache, f"{name}-{version}.tgz", wanted, download)
    with fetch.appearing(tree) as new, tarfile.open(path) as package:
        members = [package.getmember(f"package/{file}") for file in files]
        package.extractall(new / "x", members=members, filter="data")
        for part in (new / "x" / "package").iterdir():
            part.rename(new / part.name)
        shutil.rmtree(new / "x")


def find_binaryen(sources, cache, src):
    wanted = (sources["BINARYEN_VERSION"], sources["BINARYEN_SHA256"])
    find_npm(cache, src, "binaryen", *wanted, WANTED)


def main():
    build, pip = Path(sys.argv[1]).absolute(), sys.argv[2]
    sources = fetch.read_sources(Path(__file__).resolve().parent / "sources.mk")
    cache = fetch.cache_folder()
    try:
        with fetch.lock(cache / "lock-wasm"):
            fetch.run("node", "--version")
            find_zig(sources, cache, build / "src", pip)
            find_binaryen(sources, cache, build / "src")
    except (fetch.FetchError, OSError) as error:
        sys.exit(f"web: no compiler for WebAssembly can be had ({error})")


if __name__ == "__main__":
    main()
