"""`make release`: what a release holds, when there is none, and that it is the same again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import builds
import pytest

from uff_host import patience

TOP = Path(__file__).resolve().parents[2]
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.3] - 2026-01-02

### Added
- A thing.

## [1.2.2] - 2026-01-01

### Fixed
- Another.
"""


def git(folder: Path, *words: str) -> None:
    who = {"NAME": "a", "EMAIL": "a@example.org", "DATE": "2026-01-02T03:04:05Z"}
    variables = {
        f"GIT_{of}_{key}": value for of in ("AUTHOR", "COMMITTER") for key, value in who.items()
    }
    subprocess.run(
        ["git", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        env={**os.environ, **variables},
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A committed checkout of a package, with packages and an image that were built outside."""
    top = tmp_path / "checkout"
    builds.write(top / "device/uff/__init__.py", '__version__ = "1.2.3"\n')
    builds.write(top / "CHANGELOG.md", CHANGELOG)
    for name in ("pyproject.toml", "setup.py"):
        builds.write(top / "host" / name, (TOP / "host" / name).read_text())
    builds.script(top / "host/uff", "exit 0")
    builds.write(top / "host/uff_host/__init__.py", "")
    builds.write(
        top / "firmware_build/release.py", (TOP / "firmware_build/release.py").read_text()
    )
    builds.write(tmp_path / "mpy/package.json", "{}\n")
    builds.write(tmp_path / "mpy/uff/a.mpy", "M")
    builds.write(tmp_path / "firmware/firmware.bin", "image")
    for version in ("1.2.2", "1.2.3"):
        builds.write(tmp_path / f"stubs/uff_micropython_stubs-{version}-py3-none-any.whl", "stubs")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "all")
    return top


def release(top: Path, *options: str, status: int = 0) -> str:
    """What release.py says."""
    folders = [f"--{name}={top.parent / name}" for name in ("mpy", "stubs", "firmware")]
    words = [sys.executable, "firmware_build/release.py", f"--out={top.parent / 'dist'}", *folders]
    done = patience.run([*words, *options], 120, cwd=top)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_release_holds_wheels_packages_images_notes_and_checksums(checkout, tmp_path):
    output = release(checkout)
    out = tmp_path / "dist/1.2.3"
    assert set(bytes_of(out)) == {
        "uff_host-1.2.3-py3-none-any.whl",
        "uff_micropython_stubs-1.2.3-py3-none-any.whl",
        "uff-mpy-1.2.3.tar.gz",
        "STM32H747I_DISCO-1.2.3.bin",
        "NOTES.md",
        "SHA256SUMS",
    }
    for line in (out / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    with zipfile.ZipFile(out / "uff_host-1.2.3-py3-none-any.whl") as wheel:
        assert "uff_host/__init__.py" in wheel.namelist()
    with tarfile.open(out / "uff-mpy-1.2.3.tar.gz") as packages:
        assert packages.getnames() == ["uff-mpy-1.2.3/package.json", "uff-mpy-1.2.3/uff/a.mpy"]
    assert (out / "NOTES.md").read_text() == "### Added\n- A thing.\n"
    assert "git tag -s v1.2.3" in output


def test_the_same_commit_gives_the_same_bytes(checkout, tmp_path):
    release(checkout)
    first = bytes_of(tmp_path / "dist/1.2.3")
    shutil.rmtree(tmp_path / "dist")
    os.utime(tmp_path / "mpy/package.json")
    release(checkout)
    assert bytes_of(tmp_path / "dist/1.2.3") == first


def test_a_release_leaves_the_checkout_as_it_was(checkout):
    release(checkout)
    done = subprocess.run(["git", "status", "--porcelain"], cwd=checkout, capture_output=True)
    assert done.stdout == b""


def test_what_speaks_against_a_release_is_reported_and_a_draft_is_made(checkout, tmp_path):
    (checkout / "CHANGELOG.md").write_text("# Changelog\n")
    output = release(checkout, status=1)
    assert "changes that are not committed; CHANGELOG.md has no section '## [1.2.3] - Y" in output
    assert not (tmp_path / "dist").exists()
    output = release(checkout, "--draft")
    assert "a draft: the checkout has changes" in output
    assert "git tag" not in output
    assert "NOTES.md" not in bytes_of(tmp_path / "dist/1.2.3")


def test_a_tag_on_another_commit_is_not_taken_again(checkout):
    git(checkout, "tag", "v1.2.3")
    release(checkout)
    git(checkout, "commit", "-q", "--allow-empty", "-m", "more")
    assert "the tag v1.2.3 is on another commit: raise __version__" in release(checkout, status=1)


def test_a_failed_wheel_leaves_the_old_release(checkout, tmp_path):
    release(checkout)
    before = bytes_of(tmp_path / "dist/1.2.3")
    output = release(checkout, "--pip", "false", status=1)
    assert "pip made no wheel of" in output
    assert bytes_of(tmp_path / "dist/1.2.3") == before


@pytest.mark.parametrize("text", ["", '__version__ = "1.2"\n', '__version__ = "next"\n'])
def test_a_version_that_is_none_is_named(checkout, text):
    (checkout / "device/uff/__init__.py").write_text(text)
    assert "wanted one __version__ like 1.2.3, got" in release(checkout, "--draft", status=1)


def test_missing_packages_and_images_are_named(checkout, tmp_path):
    shutil.rmtree(tmp_path / "firmware")
    assert "without firmware for STM32H747I_DISCO" in release(checkout)
    (tmp_path / "stubs/uff_micropython_stubs-1.2.3-py3-none-any.whl").unlink()
    assert "no wheel of version 1.2.3; `make stubs` builds it" in release(checkout, status=1)
    shutil.rmtree(tmp_path / "mpy")
    assert "no packages; `make mpy` builds them" in release(checkout, status=1)
