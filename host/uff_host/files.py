"""Files that are there whole or not at all, and the places where files of this project live."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from uff_host.errors import DataError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new path beside `path`; on success it takes the name of `path`, on failure it goes.

    What `path` held before stays until the new file is complete and flushed to the disk.

    Raises:
        OSError: The folder cannot be made, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    os.close(handle)
    new = Path(name)
    try:
        yield new
        with new.open("rb") as stream:
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        new.chmod(0o666 & ~umask)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` so that `path` never holds a part of it.

    Raises:
        OSError: The folder cannot be made, or the disk is full.
    """
    with replacing(path) as new:
        new.write_bytes(data)


def cache_folder() -> Path:
    """${UFF_CACHE:-${XDG_CACHE_HOME:-~/.cache}/uff}; not made here."""
    own = os.environ.get("UFF_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uff"


def checkout() -> Path:
    """The top folder of the checkout that this package runs from (it holds device/ and host/).

    Raises:
        DataError: The package was installed without its checkout.
    """
    top = Path(__file__).resolve().parents[2]
    if not (top / "host" / "pyproject.toml").is_file():
        raise DataError(
            "The device scripts are not beside this package: install it from a checkout with "
            "`pip install -e host`."
        )
    return top
