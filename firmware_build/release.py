#!/usr/bin/env python3
"""Puts together what a release offers, with checksums: `make release`.

    release.py [--draft] [--out FOLDER] [--mpy FOLDER] [--stubs FOLDER] [--firmware FOLDER]
               [--pip COMMAND]

Into FOLDER/VERSION go the wheel of each package of this checkout and of the stubs, the packages
for `mpremote mip install` in one archive, the firmware images of the STM32H747I-DISCO where they
have been built, the text of the release from CHANGELOG.md, and SHA256SUMS. The same commit gives
the same bytes.

A release is refused where the checkout has changes, where CHANGELOG.md has no section of this
version, or where the version's tag is on another commit; --draft makes it all the same. Nothing is
tagged and nothing leaves this machine. Standard library only.
"""

import argparse
import gzip
import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LIBRARY = Path("device", "uff", "__init__.py")  # names the version
BOARD = "STM32H747I_DISCO"
IMAGES = ("firmware.bin", "firmware.hex", "firmware.elf")


class ReleaseError(Exception):
    """Why there is no release, in a sentence."""


def version(top):
    """The version of a checkout: that of its device library.

    Raises:
        ReleaseError: There is none, or it is no release's, as 1.2.3 or 1.2.3rc1.
    """
    source = top / LIBRARY
    found = re.findall(r'^__version__ = "(.*?)"', source.read_text("utf-8"), re.M)
    if len(found) != 1 or not re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", found[0]):
        raise ReleaseError(f"{source}: wanted one __version__ like 1.2.3, got {found}")
    return found[0]


def notes(changelog, number):
    """The section of CHANGELOG.md on a version, without its heading. None where there is none."""
    found = re.search(
        rf"^## \[?{re.escape(number)}\]?(?: - \d{{4}}-\d\d-\d\d)?\n(.*?)(?=^## |\Z)",
        changelog,
        re.M | re.S,
    )
    return found[1].strip() + "\n" if found else None


def git(top, *words):
    done = subprocess.run(["git", *words], cwd=top, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def obstacles(top, number):
    """What speaks against a release of this version, in a sentence each."""
    if git(top, "status", "--porcelain"):
        yield "the checkout has changes that are not committed"
    if notes((top / "CHANGELOG.md").read_text("utf-8"), number) is None:
        yield f"CHANGELOG.md has no section '## [{number}] - YYYY-MM-DD'"
    tagged = git(top, "rev-parse", "--verify", "--quiet", f"v{number}^{{commit}}")
    if tagged and tagged != git(top, "rev-parse", "HEAD"):
        yield f"the tag v{number} is on another commit: raise __version__ of device/uff"


def wheels(top, out, pip, when):
    """Builds the wheel of each package: each folder with a pyproject.toml that names a project.

    Raises:
        ReleaseError: pip failed; it has said why.
    """
    leave = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    command = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", out]
    with tempfile.TemporaryDirectory(prefix="uff-release-") as folder:  # pip writes beside sources
        copy = Path(folder)
        (copy / "device" / "uff").mkdir(parents=True)
        shutil.copy(top / LIBRARY, copy / LIBRARY)
        for project in sorted(top.glob("*/pyproject.toml")):
            if "[project]" not in project.read_text("utf-8"):
                continue
            source = copy / project.parent.name
            shutil.copytree(project.parent, source, ignore=leave)
            done = subprocess.run(
                [*command, source],
                env={**os.environ, "SOURCE_DATE_EPOCH": str(when)},
                check=False,
            )
            if done.returncode:
                raise ReleaseError(f"pip made no wheel of {project.parent}, see above")


def archive(folder, path, when):
    """Writes a .tar.gz of a folder, whose bytes follow from its files and `when` alone."""
    with (
        path.open("wb") as sink,
        gzip.GzipFile("", "wb", 9, sink, mtime=when) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for source in sorted(folder.rglob("*")):
            if source.is_file():
                member = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/")
                member.name += source.relative_to(folder).as_posix()
                data = source.read_bytes()
                member.size, member.mtime, member.mode = len(data), when, 0o644
                tar.addfile(member, io.BytesIO(data))


def checksums(folder):
    """Writes SHA256SUMS, as `sha256sum --check` reads it."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), "utf-8")


def make(top, args):
    """Fills a new folder and gives it the name of the version when it is whole."""
    number = version(top)
    against = list(obstacles(top, number))
    if against and not args.draft:
        raise ReleaseError("; ".join(against) + ". --draft (make release DRAFT=1) makes it anyway")
    for sentence in against:
        print(f"release: a draft: {sentence}", file=sys.stderr)
    when = int(git(top, "log", "-1", "--format=%ct") or 0)
    if not (args.mpy / "package.json").is_file():
        raise ReleaseError(f"{args.mpy}: no packages; `make mpy` builds them")

    new = args.out / f".{number}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    wheels(top, new, shlex.split(args.pip), when)
    archive(args.mpy, new / f"uff-mpy-{number}.tar.gz", when)
    stubs = sorted(args.stubs.glob(f"*-{number}-*.whl"))
    if not stubs:
        raise ReleaseError(f"{args.stubs}: no wheel of version {number}; `make stubs` builds it")
    for wheel in stubs:
        shutil.copyfile(wheel, new / wheel.name)
    images = [args.firmware / name for name in IMAGES if (args.firmware / name).is_file()]
    for image in images:
        shutil.copyfile(image, new / f"{BOARD}-{number}{image.suffix}")
    if not images:
        print(f"release: without firmware for {BOARD}: none was built", file=sys.stderr)
    text = notes((top / "CHANGELOG.md").read_text("utf-8"), number)
    if text:
        (new / "NOTES.md").write_text(text, "utf-8")
    checksums(new)

    out = args.out / number
    shutil.rmtree(out, ignore_errors=True)
    new.rename(out)
    for path in sorted(out.iterdir()):
        print(f"release: {path} ({path.stat().st_size:,} bytes)")
    if not against:
        print(f"release: next: git tag -s v{number} && git push origin v{number}")


def main():
    build = TOP / "firmware_build" / "build"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draft", action="store_true", help="make it whatever speaks against it")
    parser.add_argument("--out", type=Path, default=TOP / "dist")
    parser.add_argument("--mpy", type=Path, default=build / "mpy")
    parser.add_argument("--stubs", type=Path, default=build / "stubs")
    parser.add_argument("--firmware", type=Path, default=build / BOARD)
    parser.add_argument("--pip", default=f"{shlex.quote(sys.executable)} -m pip")
    try:
        make(TOP, parser.parse_args())
    except (ReleaseError, OSError) as error:
        sys.exit(f"release: {error}")


if __name__ == "__main__":
    main()
