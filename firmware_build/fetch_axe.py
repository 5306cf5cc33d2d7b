#!/usr/bin/env python3
"""Fetches axe-core from npm, which the tests look for barriers in the page with.

    fetch_axe.py BUILD

It lies in BUILD/src/axe-core-VERSION then. The download is kept in the cache (fetch.py) and
checked by its SHA-256. Exits with one sentence where it cannot be had.
"""

import sys
from pathlib import Path

import fetch
import fetch_wasm

WANTED = ("axe.min.js", "LICENSE")


def main():
    sources = fetch.read_sources(Path(__file__).resolve().parent / "sources.mk")
    cache, src = fetch.cache_folder(), Path(sys.argv[1]).absolute() / "src"
    pinned = (sources["AXE_VERSION"], sources["AXE_SHA256"])
    try:
        with fetch.lock(cache / "lock-axe"):
            fetch_wasm.find_npm(cache, src, "axe-core", *pinned, WANTED)
    except (fetch.FetchError, OSError) as error:
        sys.exit(f"axe: axe-core cannot be had ({error})")


if __name__ == "__main__":
    main()
