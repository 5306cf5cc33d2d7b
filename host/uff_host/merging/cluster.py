"""The sums of thousands of files on a Dask cluster: a tree of exact sums, in any order.

A worker reads a few files and adds them up; sums that are there are added up in turn, whichever
come first. Integers have no order, so any number of workers, any partition and any worker that is
lost in the middle give the same sum. Workers see the files under the same paths.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uff_host import progress
from uff_host.errors import DataError, UffError
from uff_host.merging import receipt
from uff_host.merging import sums as exact
from uff_host.merging.merge import Merged, read
from uff_host.merging.receipt import Receipt
from uff_host.merging.sums import Setting, Sums
from uff_host.progress import OnProgress, Steps

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
INSTALL = "Dask is not installed: `make dask`, or pip install -e 'host[dask]'."
FILES = 32  # of a task: a worker holds their sum and the file it reads
SUMS = 8  # added up by one task


@dataclass
class Partial:
    """The sum of some files, what each of them is, and which could not be taken, and why; the
    numbers are those of the files in the whole list."""

    sums: Sums | None = None
    taken: dict[int, Receipt] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)

    def add(self, other: Partial) -> None:
        if self.sums is None:
            self.sums = other.sums
        elif other.sums is not None:
            self.sums.add(other.sums)
        self.taken |= other.taken
        self.failed |= other.failed


@contextlib.contextmanager
def client_of(address: str, workers: int = 2) -> Iterator[Client]:
    """A client of the cluster at an address, or of a local one of so many processes.

    Raises:
        DataError: Dask is not installed, or there is no cluster at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise DataError(INSTALL) from None
    if address == LOCAL:
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=":0"
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout=30)
    except (OSError, ValueError, TimeoutError) as error:
        raise DataError(f"There is no Dask cluster at {address} ({error}).") from None
    with client:
        yield client


def sum_of(
    listed: Sequence[tuple[int, str]], setting: Setting, name: str, ridge: float | None
) -> Partial:
    """The sum of some files, on a worker; `name` is the file that has this setting."""
    found = Partial()
    for number, path in listed:
        try:
            source = read(Path(path), setting)
            if ridge is not None:
                source.sums.setting = replace(source.sums.setting, ridge=ridge)
            difference = setting.difference(source.sums.setting)
            if difference:
                raise DataError(f"{path} {difference} as {name}: they cannot be merged.")
        except UffError as error:
            found.failed[number] = str(error)
        except OSError as error:
            found.failed[number] = f"{path}: {error.strerror or error}."
        else:
            found.add(Partial(source.sums, {number: source.receipt}))
    return found


def sum_of_sums(parts: Sequence[Partial]) -> Partial:
    """The sum of partial sums, on a worker. Dask owns them: they are not changed."""
    found = Partial()
    for part in parts:
        copy = part.sums and part.sums.plus(part.sums, 0) if found.sums is None else part.sums
        found.add(Partial(copy, part.taken, part.failed))
    return found


def merge(
    client: Client,
    paths: Sequence[Path],
    removed: Sequence[Path] = (),
    *,
    ridge: float | None = None,
    twice: bool = False,
    skip: bool = False,
    files: int = FILES,
    on_progress: OnProgress = progress.ignore,
) -> tuple[Merged, list[str]]:
    """merging.merge.merge() on a cluster; and what was left out, a sentence for each file.

    skip: whether files that are damaged or do not belong to the others are left out; else the
    first of them, by its place in the list, is an error. files: of a task.

    Raises:
        DataError, FormatError, OSError: As merging.merge.merge().
    """
    setting, name = _setting(paths, ridge, skip)
    total = _total(client, paths, setting, name, ridge, files, on_progress)
    sentences = [total.failed[number] for number in sorted(total.failed)]
    if sentences and not skip:
        raise DataError(sentences[0])
    found = total.sums
    if found is None:
        raise DataError("No file is left to merge.")
    gone = [read(path, setting) for path in removed]
    for source in gone:
        exact.fit(name, found, source.name, source.sums)
        found = found.plus(source.sums, -1)
    found.check("What is left" if removed else "The sum")
    listed = ((str(paths[number]), total.taken[number]) for number in sorted(total.taken))
    parts, without = receipt.joined(
        listed, ((source.name, source.receipt) for source in gone), twice=twice
    )
    return Merged(found, parts, without), sentences


def _setting(paths: Sequence[Path], ridge: float | None, skip: bool) -> tuple[Setting, str]:
    """The setting of the first file that is sound, which all others must have."""
    for path in paths:
        try:
            setting = read(path).sums.setting
        except (UffError, OSError):
            if not skip:
                raise
            continue
        return setting if ridge is None else replace(setting, ridge=ridge), str(path)
    raise DataError("There is nothing to merge: name one sound file or more.")


def _total(
    client: Client,
    paths: Sequence[Path],
    setting: Setting,
    name: str,
    ridge: float | None,
    files: int,
    on_progress: OnProgress,
) -> Partial:
    from distributed import as_completed

    listed = [(number, str(path.absolute())) for number, path in enumerate(paths)]
    leaves = [
        client.submit(sum_of, listed[first : first + files], setting, name, ridge, pure=False)
        for first in range(0, len(listed), files)
    ]
    steps = Steps(len(leaves), on_progress)
    ready: list[Any] = []
    left, open_leaves = len(leaves), {leaf.key for leaf in leaves}
    running = as_completed(leaves)
    del leaves  # what has been added up need not stay on a worker
    for future in running:
        left -= 1
        if future.key in open_leaves:
            open_leaves.discard(future.key)
            steps.next(f"{min(len(listed), files * (steps.done + 1))} of {len(listed)} files")
        ready.append(future)
        if len(ready) == SUMS or (not left and len(ready) > 1):
            more = client.submit(sum_of_sums, ready, pure=False)
            ready = []
            running.add(more)
            left += 1
    result: Partial = ready[0].result()
    return result
