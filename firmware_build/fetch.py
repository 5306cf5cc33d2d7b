#!/usr/bin/env python3
"""Finds the sources of MicroPython and ulab, fetches what is missing, tells make where they lie.

    fetch.py [--retry] [--stm32 | --newest] [--sources sources.mk] BUILD

BUILD/found.mk then says `MICROPYTHON = folder` and `ULAB = folder` (empty: build without it), with
--stm32 BUILD/found-stm32.mk, with --newest BUILD/found-newest.mk. Where they come from, first hit
wins:

    MicroPython   $MICROPYTHON_DIR; Debian's source package; upstream's commit
    the same, of the STM32H747I-DISCO
                  $MICROPYTHON_DIR; upstream's commit with the submodules that the build uses
    the same, the newest release
                  $MICROPYTHON_DIR; upstream's commit; Debian's newest source package
    ulab          $ULAB_DIR; upstream's commit; none; with the newest release none

Downloads are kept in $UFF_CACHE (else $XDG_CACHE_HOME/uff, else ~/.cache/uff) and unpacked in
BUILD/src; their hashes are checked on every unpacking. An upstream that one can do without and
that was out of reach is asked again a day later, or at once with --retry. Folders given by the
user are never written to. Standard library only.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from uff_host import patience  # found by PYTHONPATH; it needs nothing but the standard library

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# As patience.py counts.
CONNECT_S = 10  # to find out whether an upstream can be reached at all
STILL_S = 300  # for what a command does; a download may stand still for so long
RETRY_S = 24 * 3600  # before an upstream that was out of reach is asked again


class FetchError(Exception):
    """A source cannot be had; the message is a sentence for people."""


def say(text):
    print(text, flush=True)


def run(*command, limit_s=STILL_S, **options):
    """Standard output of a command; FetchError with the end of its errors if it fails."""
    try:
        done = patience.run(command, limit_s, check=True, **options)
    except FileNotFoundError:
        raise FetchError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"{command[0]} had no answer within {limit_s} s") from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr.strip() or error.stdout.strip() or "no message").splitlines()
        raise FetchError(f"{command[0]} failed: {' / '.join(lines[-2:])}") from None
    return done.stdout


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sources(path):
    return dict(re.findall(r"^(\w+) = (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))


def cache_folder():
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uff"
    return Path(os.environ.get("UFF_CACHE") or default).expanduser().absolute() / "sources"


@contextlib.contextmanager
def appearing(path):
    """A folder that becomes `path` if the block succeeds: it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    new.chmod(0o755)  # mkdtemp's is for its user alone
    try:
        yield new
        shutil.rmtree(path, ignore_errors=True)
        new.rename(path)
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextlib.contextmanager
def lock(path):
    """Two builds at once fetch one after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def put(path, text):
    """Give a file this text, if it has another; a build that reads it sees the old or the new."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


# ---- Debian's source package ----


class Apt:
    """apt with lists and cache of its own: the machine's apt stays as it is."""

    def __init__(self, folder, uri, suite):
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        line = f"deb-src [signed-by={KEYRING}] {uri} {suite} main\n"
        (folder / "sources.list").write_text(line, encoding="utf-8")
        options = {
            "Dir::Etc::SourceList": folder / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State::Lists": folder / "lists",
            "Dir::Cache": folder / "cache",
            "Acquire::Languages": "none",
            "Acquire::http::Timeout": CONNECT_S,
            "Acquire::https::Timeout": CONNECT_S,
            "Acquire::Retries": 1,
            "APT::Sandbox::User": "root",
        }
        self.options = [f"-o{key}={value}" for key, value in options.items()]

    def __call__(self, *command, **options):
        return run("apt-get", "-q", *self.options, *command, **options)


def debian_mirror():
    """The address this machine's own apt fetches Debian from."""
    if not shutil.which("apt-get") or not KEYRING.exists():
        raise FetchError("this machine has no Debian apt")
    system = platform.freedesktop_os_release()
    known = {system.get("VERSION_CODENAME"), "stable", "testing", "unstable", "sid"}
    shown = ("--no-release-info", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages")
    for line in run("apt-get", "indextargets", *shown).splitlines():
        uri, _, suite = line.partition(" ")
        if suite in known:
            return uri
    raise FetchError("this machine's apt names no Debian mirror")


def debian_files(sources):
    """Names and hashes of the source package's files."""
    version = sources["DEBIAN_VERSION"]
    return {
        f"micropython_{version}.dsc": sources["DEBIAN_DSC_SHA256"],
        f"micropython_{version.rpartition('-')[0]}.orig.tar.xz": sources["DEBIAN_ORIG_SHA256"],
        f"micropython_{version}.debian.tar.xz": sources["DEBIAN_PATCHES_SHA256"],
    }


def check_files(folder, files):
    for name, wanted in files.items():
        if not (folder / name).exists():
            raise FetchError(f"{name} did not come")
        got = sha256(folder / name)
        if got != wanted:
            raise FetchError(f"{name} is refused: its SHA-256 is {got}, wanted {wanted}")


def download_debian(sources, folder):
    uri = debian_mirror()
    failures = []
    for suite in sources["DEBIAN_SUITES"].split():
        say(f"fetch: MicroPython {sources['DEBIAN_VERSION']} from Debian {suite}")
        try:
            with tempfile.TemporaryDirectory() as scratch, appearing(folder) as new:
                apt = Apt(Path(scratch), uri, suite)
                apt("update")
                package = f"micropython={sources['DEBIAN_VERSION']}"
                apt("--download-only", "--only-source", "source", package, cwd=new, growing=new)
                check_files(new, debian_files(sources))
            return
        except FetchError as error:
            failures.append(f"{suite}: {error}")
    raise FetchError("; ".join(failures))


def need_dpkg_source():
    if shutil.which("dpkg-source"):
        return
    if os.geteuid() != 0:
        raise FetchError("dpkg-source is missing, try: sudo apt-get install dpkg-dev")
    say("fetch: installing dpkg-dev")
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    run("apt-get", "-q", "update", env=quiet)
    run("apt-get", "-qy", "install", "--no-install-recommends", "dpkg-dev", env=quiet)


def from_debian(sources, cache, tree):
    """The unpacked and patched source package. A damaged copy in the cache is fetched again."""
    files = debian_files(sources)
    folder = cache / f"micropython-{sources['DEBIAN_VERSION']}"
    debian_mirror()  # before dpkg-dev is installed for nothing
    need_dpkg_source()
    if folder.exists():
        try:
            check_files(folder, files)
        except FetchError as error:
            say(f"fetch: the cached {error}; fetching again")
            shutil.rmtree(folder)
    if not folder.exists():
        download_debian(sources, folder)
    with appearing(tree) as new:
        # --no-check: the hashes are checked above, and the uploader's key is not on every machine.
        run("dpkg-source", "--no-check", "-x", (folder / next(iter(files))).absolute(), new / "x")
        for path in (new / "x").iterdir():
            path.rename(new / path.name)
        (new / "x").rmdir()


# ---- upstream's commit ----


def from_git(name, sources, cache, tree):
    """The pinned commit: git verifies what it fetched against the commit's hash."""
    url, commit = sources[f"{name}_URL"], sources[f"{name}_COMMIT"]
    repo = cache / f"{name.lower()}-{commit[:12]}.git"
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_TERMINAL_PROMPT": "0"}
    for first in (True, False):
        if not repo.exists():
            say(f"fetch: {name.lower()} at {commit[:12]} from {url}")
            run("git", "ls-remote", url, "HEAD", limit_s=CONNECT_S, env=env)
            with appearing(repo) as new:
                run("git", "init", "-q", "--bare", new, env=env)
                fetch = ("git", "-C", new, "fetch", "-q", "--depth=1", url, commit)
                run(*fetch, env=env, growing=new)
        try:
            run("git", "-C", repo, "fsck", "--strict", "--no-dangling", env=env)
            with appearing(tree) as new:
                git = ("git", "--git-dir", repo, "--work-tree", new)
                run(*git, "checkout", "-qf", commit, "--", ".", env=env)
            return
        except FetchError:
            if not first:
                raise
            say(f"fetch: the cached {repo.name} is damaged; fetching again")
            shutil.rmtree(repo)


# ---- where each comes from ----


def given(variable, marker, what):
    """The folder the user named, checked, or None."""
    value = os.environ.get(variable)
    if not value:
        return None
    folder = Path(value).expanduser().resolve()
    if not (folder / marker).exists():
        raise FetchError(f"{variable}={value}: {folder} is no {what}, it holds no {marker}")
    return folder


def ask(cache, tree, retry, fetch, instead="fetch: no answer (%s)"):
    """Fetch a tree that one can do without, at most once a day where it is out of reach; why it
    is not there, or None. `instead`: what to say then, the first time."""
    if tree.exists():
        return None
    failed = cache / f"{tree.name}.failed"
    with contextlib.suppress(OSError):
        if not retry and time.time() - failed.stat().st_mtime < RETRY_S:
            return failed.read_text(encoding="utf-8").strip()
    try:
        fetch()
    except FetchError as error:
        failed.write_text(f"{error}\n", encoding="utf-8")
        say(instead % error)
        return str(error)
    failed.unlink(missing_ok=True)
    return None


def find_micropython(sources, cache, src):
    folder = given("MICROPYTHON_DIR", "py/mpconfig.h", "source tree of MicroPython")
    if folder:
        return folder
    tree = src / f"micropython-{sources['DEBIAN_VERSION']}"
    git_tree = src / f"micropython-{sources['MICROPYTHON_COMMIT'][:12]}"
    for there in (tree, git_tree):
        if there.exists():
            return there
    failures = []
    for fetch, where in (
        (lambda: from_debian(sources, cache, tree), tree),
        (lambda: from_git("MICROPYTHON", sources, cache, git_tree), git_tree),
    ):
        try:
            fetch()
            return where
        except FetchError as error:
            failures.append(f"\n  {'Debian' if where == tree else 'upstream'}: {error}")
    version = sources["MICROPYTHON_VERSION"]
    raise FetchError(
        f"no source of MicroPython {version} can be had. Name a source tree: "
        f"MICROPYTHON_DIR=folder.{''.join(failures)}"
    )


def find_newest(sources, cache, src, retry):
    """The newest release; Debian's is older."""
    folder = given("MICROPYTHON_DIR", "py/mpconfig.h", "source tree of MicroPython")
    if folder:
        return folder
    its = {name.removeprefix("NEWEST_"): sources[name] for name in sources if "NEWEST_" in name}
    tree = src / f"micropython-{its['MICROPYTHON_COMMIT'][:12]}"
    debian_tree = src / f"micropython-{its['DEBIAN_VERSION']}"
    error = ask(cache, tree, retry, lambda: from_git("MICROPYTHON", its, cache, tree))
    if error is None:
        return tree
    try:
        if not debian_tree.exists():
            from_debian(its, cache, debian_tree)
    except FetchError as another:
        raise FetchError(
            "no source of the newest MicroPython can be had. Name a source tree: "
            f"MICROPYTHON_DIR=folder.\n  upstream: {error}\n  Debian: {another}"
        ) from None
    return debian_tree


# What the build for the STM32H747I-DISCO takes from upstream's tree: the board and two submodules,
# each with the folders it may lie in (CMSIS_5 of an older checkout does as well) and a file that
# is there when it is. It takes nothing from the submodules micropython-lib and tinyusb.
STM32_BOARD = "ports/stm32/boards/STM32H747I_DISCO/mpconfigboard.h"
STM32_SUBMODULES = {
    "STM32LIB": (("lib/stm32lib",), "STM32H7xx_HAL_Driver/Src/stm32h7xx_hal_ltdc.c"),
    "CMSIS": (("lib/CMSIS_6", "lib/CMSIS_5"), "CMSIS/Core/Include/core_cm7.h"),
}


def stm32_missing(tree):
    """Names of submodules that are not there, with the folders they belong into."""
    return {
        name: folders[0]
        for name, (folders, marker) in STM32_SUBMODULES.items()
        if not any((tree / folder / marker).exists() for folder in folders)
    }


def find_stm32(sources, cache, src):
    version = sources["STM32_MICROPYTHON_VERSION"]
    commit = sources["STM32_MICROPYTHON_COMMIT"][:12]
    folder = given("MICROPYTHON_DIR", "py/mpconfig.h", "source tree of MicroPython")
    if folder:
        if not (folder / STM32_BOARD).exists():
            raise FetchError(
                f"MICROPYTHON_DIR={folder}: this MicroPython has no board STM32H747I_DISCO; want "
                f"upstream's commit {commit} ({version}) or a younger one"
            )
        missing = stm32_missing(folder).values()
        if missing:
            raise FetchError(
                f"MICROPYTHON_DIR={folder}: these submodules are missing: {', '.join(missing)}; "
                f"try: git -C {folder} submodule update --init {' '.join(missing)}"
            )
        return folder
    tree = src / f"micropython-{commit}"
    try:
        if not (tree / STM32_BOARD).exists():
            from_git("STM32_MICROPYTHON", sources, cache, tree)
        for name, place in stm32_missing(tree).items():
            from_git(name, sources, cache, tree / place)
    except FetchError as error:
        raise FetchError(
            f"MicroPython {version} for the STM32H747I_DISCO cannot be had: {error}. Name a "
            f"checkout of upstream's commit {commit} or a younger one with its submodules "
            f"{' and '.join(folders[0] for folders, _ in STM32_SUBMODULES.values())}: "
            "MICROPYTHON_DIR=folder; and one of ulab, if you want it: ULAB_DIR=folder."
        ) from None
    return tree


def find_ulab(sources, cache, src, retry):
    folder = given("ULAB_DIR", "code/micropython.mk", "checkout of ulab")
    if folder:
        return folder
    tree = src / f"ulab-{sources['ULAB_COMMIT'][:12]}"
    instead = (
        f"fetch: no ulab {sources['ULAB_VERSION']} (%s): the firmware is built without it; "
        "ULAB_DIR=folder names a checkout, `make sources` tries again."
    )
    error = ask(cache, tree, retry, lambda: from_git("ULAB", sources, cache, tree), instead)
    return tree if error is None else None


def main():
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", type=Path, default=here / "sources.mk")
    parser.add_argument("--retry", action="store_true", help="ask again for what was out of reach")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--stm32", action="store_true", help="for the STM32H747I-DISCO")
    which.add_argument("--newest", action="store_true", help="the newest release, for tests")
    parser.add_argument("build", type=Path)
    args = parser.parse_args()
    sources, cache = read_sources(args.sources), cache_folder()
    src = args.build.absolute() / "src"
    which = "-stm32" * args.stm32 + "-newest" * args.newest
    found = args.build / f"found{which}.mk"
    try:
        with lock(cache / "lock"):
            if args.stm32:
                micropython = find_stm32(sources, cache, src)
            elif args.newest:
                micropython = find_newest(sources, cache, src, args.retry)
            else:
                micropython = find_micropython(sources, cache, src)
            ulab = None if args.newest else find_ulab(sources, cache, src, args.retry)
            put(found, f"MICROPYTHON = {micropython}\nULAB = {ulab or ''}\n")
    except (FetchError, OSError) as error:
        sys.exit(f"fetch: {error}")


if __name__ == "__main__":
    main()
