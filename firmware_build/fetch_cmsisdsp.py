#!/usr/bin/env python3
"""Fetches CMSIS-DSP for the benchmark: PyPI's source archive, by pip, checked by its SHA-256.

    fetch_cmsisdsp.py BUILD PIP

Prints the folder of its sources, or nothing where it cannot be had (the reason goes to stderr);
the benchmark's image is then built without it. $CMSISDSP_DIR names a source tree of one's own.
"""

import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import fetch

MARKER = "Source/MatrixFunctions/arm_mat_cholesky_f32.c"


def archive_in(folder, pip, version, wanted):
    """The archive, downloaded where it is not there or not the one wanted."""
    path = folder / f"cmsisdsp-{version}.tar.gz"
    if path.exists() and fetch.sha256(path) == wanted:
        return path
    fetch.run(pip, "--version")
    print(f"fetch: CMSIS-DSP {version} from PyPI", file=sys.stderr, flush=True)
    options = ("--no-deps", "--no-binary", "cmsisdsp", "--disable-pip-version-check")
    with tempfile.TemporaryDirectory() as scratch:
        fetch.run(pip, "download", "-q", *options, "-d", scratch, f"cmsisdsp=={version}")
        new = Path(scratch) / path.name
        fetch.check_files(new.parent, {new.name: wanted})
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(new, path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)
    return path


def find(build, pip):
    folder = fetch.given("CMSISDSP_DIR", MARKER, "source tree of CMSIS-DSP")
    if folder:
        return folder
    sources, cache = (
        fetch.read_sources(Path(__file__).resolve().parent / "sources.mk"),
        fetch.cache_folder(),
    )
    version = sources["CMSISDSP_VERSION"]
    tree = build / "src" / f"cmsisdsp-{version}"
    if (tree / MARKER).exists():
        return tree
    with fetch.lock(cache / "lock-cmsisdsp"):
        path = archive_in(cache, pip, version, sources["CMSISDSP_SHA256"])
        with fetch.appearing(tree) as new, tarfile.open(path) as archive:
            archive.extractall(new / "x", filter="data")
            for part in (new / "x" / f"cmsisdsp-{version}").iterdir():
                part.rename(new / part.name)
            shutil.rmtree(new / "x")
    return tree


def main():
    try:
        print(find(Path(sys.argv[1]).absolute(), sys.argv[2]))
    except (fetch.FetchError, OSError) as error:
        print(f"fetch: no CMSIS-DSP for the benchmark ({error})", file=sys.stderr)


if __name__ == "__main__":
    main()
