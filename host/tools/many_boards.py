"""Measures `uff merge --dask`: makes files of statistics of 1,024 features (a patch layer that is
kept, 28 x 28 images of drawn glyphs), adds them up on a local cluster, and prints files a second
and the memory of the workers.

    python host/tools/many_boards.py FOLDER --files 2000 --workers 2
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from uff_host import reference
from uff_host.datasets import shapes
from uff_host.formats.model_arrays import layer_alone
from uff_host.formats.model_file import write_model
from uff_host.merging import cluster
from uff_host.merging import merge as here
from uff_host.merging import sums as exact
from uff_host.merging.sums import Setting
from uff_host.reference import training

IMAGES = 20  # of a board


def make(folder: Path, files: int) -> list[Path]:
    """Files of statistics alone; each board has other images out of 600."""
    drawn = shapes.samples(200, 0, 3)
    trained = reference.train(drawn, reference.Options("uff_conv"))
    layer1 = layer_alone(trained)
    last = trained.class_layer
    setting = Setting(28, 28, layer1, last.inputs, last.ridge, last.parameter)
    f = training.class_features(layer1, drawn.images).astype(np.int64)
    lower = np.tril_indices(last.inputs)
    paths = []
    for i in range(files):
        mine = np.random.default_rng(i).choice(len(f), IMAGES, replace=False)
        classes = {}
        for c, name in enumerate(drawn.class_names):
            own = mine[drawn.labels[mine] == c]
            if len(own):
                classes[name] = exact.OfClass(len(own), c * len(own), f[own].sum(axis=0))
        sums = exact.Sums(setting, classes, (f[mine].T @ f[mine])[lower])
        paths.append(folder / f"{i:06}.uffm")
        write_model(paths[-1], sums.model())
    return paths


def memory() -> int:
    """Most memory that this process ever had, in KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(options.folder.glob("*.uffm"))
    if len(paths) != options.files:
        paths = make(options.folder, options.files)
    size = paths[0].stat().st_size
    print(f"{len(paths)} files of {size:,} bytes")
    with cluster.client_of(cluster.LOCAL, options.workers) as client:
        before = client.run(memory)
        started = time.monotonic()
        found, _ = cluster.merge(client, paths, twice=True)
        seconds = time.monotonic() - started
        after = client.run(memory)
    print(f"{options.workers} workers: {seconds:.1f} s, {len(paths) / seconds:.0f} files a second")
    for worker, most in after.items():
        print(f"  {most / 1024:.0f} MB at most, {before[worker] / 1024:.0f} MB before")
    print(f"sums {found.sums.sha256()}, {found.sums.images:,} images")
    started = time.monotonic()
    alone = here.merge(paths[:200], twice=True)
    seconds = time.monotonic() - started
    print(f"one process: {200 / seconds:.0f} files a second, {alone.sums.images:,} images")


if __name__ == "__main__":
    main()
