"""Files that are there whole or not at all, files read no further than they can mean, and the
places where files of this project live."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from uff_host.errors import DataError, DeviceError, FormatError

LARGEST = 2**31 - 1  # bytes of a file: littlefs, and so a board, holds no larger one
PIECE = 1 << 20
JSON_LARGEST = 64 << 20


# ---- writing ----


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new path beside `path`; on success it takes the name of `path`, on failure it goes.

    What `path` held before stays until the new file is complete and flushed to the disk. Only a
    regular file is replaced: a pipe or a terminal gets the bytes, a link stays one.

    Raises:
        DataError: `path` is a folder, a disk or a socket, or its folder does not exist.
        OSError: The disk is full, or the folder cannot be written to; it names `path`.
    """
    if takes_bytes(path):
        with tempfile.TemporaryDirectory(prefix="uff-") as folder:
            new = Path(folder) / "new"
            new.touch()
            yield new
            with _naming(path, new), new.open("rb") as source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        return
    place = Path(os.path.realpath(path))
    with _naming(path):
        handle, name = tempfile.mkstemp(prefix=".uff-", suffix=".new", dir=place.parent)
        os.close(handle)
    new = Path(name)
    try:
        with _naming(path, new):
            yield new
            with new.open("rb") as stream:
                os.fsync(stream.fileno())
            new.chmod(_mode(place))
            new.replace(place)
    finally:
        new.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` so that `path` never holds a part of it.

    Raises:
        DataError, OSError: As replacing().
    """
    with replacing(path) as new:
        new.write_bytes(data)


def check_outputs(*outputs: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """See, before work begins, that its results can be written, each to a place of its own.

    Raises:
        DataError: They cannot, or one would take the place of another or of an input.
        OSError: A place cannot be looked at.
    """
    read = {_identity(path) for path in inputs if path is not None}
    known: dict[tuple[int, int] | str, Path] = {}
    for path in filter(None, outputs):
        if takes_bytes(path):
            continue
        place = Path(os.path.realpath(path))
        if not os.access(place if place.exists() else place.parent, os.W_OK):
            raise DataError(f"{path} cannot be written: not allowed.")
        name = _identity(path)
        if name in read:
            raise DataError(f"{path} is what is to be read: name another file for the result.")
        if name in known:
            raise DataError(f"{path} would take the place of {known[name]}: name another file.")
        known[name] = path


def takes_bytes(path: Path) -> bool:
    """Whether `path` is a pipe or a device for characters, which is written to, not replaced.

    Raises:
        DataError: It can be neither.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            raise DataError(f"{path} cannot be written: there is no folder {folder}.") from None
        return False
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder, the name of a file is wanted.")
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        kind = "disk" if stat.S_ISBLK(mode) else "socket"
        raise DataError(f"{path} is a {kind}, the name of a file is wanted.")
    return not stat.S_ISREG(mode)


def _identity(path: Path) -> tuple[int, int] | str:
    """The same for all names of a file."""
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def _mode(place: Path) -> int:
    """Permissions of the file that will lie there: those of the older one, else the usual."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(place.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


@contextlib.contextmanager
def _naming(path: Path, new: Path | None = None) -> Iterator[None]:
    """Errors about a temporary file, or about none, name the file that the user named."""
    try:
        yield
    except OSError as error:
        if new is None or error.filename is None or str(new) in (error.filename, error.filename2):
            error.filename, error.filename2 = str(path), None
        raise


# ---- reading ----


def read_whole(path: Path, most: int | None = None, why: str = "that a file may have") -> bytes:
    """All bytes of a file or pipe.

    Args:
        path: The file.
        most: How many there can be; by default LARGEST.
        why: What an error says of this number.

    Raises:
        FormatError: There are more than `most`.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return _take(stream, b"", LARGEST if most is None else most, path, why)


def read_json(path: Path) -> Any:
    """The value in a file of JSON.

    Raises:
        ValueError: It is none.
        FormatError: It is larger than any that this project writes.
        OSError: It cannot be read.
    """
    try:
        return json.loads(read_whole(path, JSON_LARGEST, "of JSON that are read"))
    except RecursionError:
        raise ValueError(f"{path} is nested too deep") from None


def read_sized(path: Path, head: int, size_of: Callable[[bytes], int]) -> bytes:
    """A file or pipe that begins with its size.

    Args:
        path: The file.
        head: Bytes that the size can be read from; a shorter file is all there is.
        size_of: The size of the file, from these bytes.

    Raises:
        FormatError: There is more than the head says.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        first = stream.read(head)
        if len(first) < head:
            return first
        size = size_of(first)
        return _take(stream, first, size, path, "that its header tells of")


def _take(stream: BinaryIO, first: bytes, most: int, path: Path, why: str) -> bytes:
    taken = bytearray(first)
    while piece := stream.read(min(PIECE, max(0, most - len(taken)) + 1)):
        taken += piece
        if len(taken) > most:
            raise FormatError(f"{path} has more than the {most:,} bytes {why}.")
    return bytes(taken)


def check_regular(*paths: Path) -> None:
    """See that a target can be given these files, which are read more than once.

    Raises:
        DataError: One is a pipe or a device.
        OSError: One cannot be looked at.
    """
    for path in paths:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise DataError(f"{path} is a pipe or a device, a file is wanted.")


# ---- places ----


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


def built(variable: str, *place: str) -> Path:
    """What an environment variable names, else what `make` puts at this place below
    firmware_build/build. It need not exist.

    Raises:
        DeviceError: The package runs without its checkout and the variable is not set.
    """
    named = os.environ.get(variable)
    if named:
        return Path(named)
    try:
        return checkout().joinpath("firmware_build", "build", *place)
    except DataError as error:
        raise DeviceError(f"{error} Or name the firmware in {variable}.") from None


def pictures() -> Path:
    """The folder of the documentation's pictures, and of the figures that they show.

    Raises:
        DataError: As checkout().
    """
    return checkout() / "docs" / "pictures"
