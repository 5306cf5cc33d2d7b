"""Exact sums as named arrays of integers, for any engine of federated learning to carry.

One round: each client sends arrays_of() and metadata_of() its sums, the server adds them up by
total(). Nothing is weighted or averaged: an engine's usual strategy would divide, and end
exactness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from uff_host.errors import DataError
from uff_host.formats.model_arrays import packed
from uff_host.formats.model_file import pack_model, unpack_layer
from uff_host.formats.samples import MAX_CLASSES
from uff_host.merging import receipt
from uff_host.merging import sums as exact
from uff_host.merging.merge import Merged
from uff_host.merging.receipt import Part, Receipt
from uff_host.merging.sums import Int64, OfClass, Setting, Sums

MOST_FEATURES = 4096


def arrays_of(sums: Sums) -> dict[str, Int64]:
    """gram (packed), sums (k, m), counts (k,), numbers (k,): int64."""
    names = sums.names()
    each = [sums.classes[name] for name in names]
    return {
        "gram": sums.gram,
        "sums": np.stack([of.sums for of in each]),
        "counts": np.array([of.images for of in each], np.int64),
        "numbers": np.array([of.numbers for of in each], np.int64),
    }


def metadata_of(sums: Sums) -> dict[str, Any]:
    """Names of the classes and the setting; layer1 is a file of the layer alone, or empty."""
    setting = sums.setting
    return {
        "names": sums.names(),
        "height": setting.height,
        "width": setting.width,
        "features": setting.features,
        "ridge": setting.ridge,
        "strength": setting.strength,
        "layer1": pack_model(setting.layer1) if setting.layer1 else b"",
    }


def sums_of(arrays: Mapping[str, Any], metadata: Mapping[str, Any], what: str) -> Sums:
    """The sums that a client sent; `what` names it in sentences.

    Raises:
        DataError: No images can have them.
        FormatError: Its layer 1 is damaged.
    """
    try:
        names = [str(name) for name in metadata["names"]]
        k, m = len(names), int(metadata["features"])
        shapes = {"gram": (packed(m),), "sums": (k, m), "counts": (k,), "numbers": (k,)}
        for name, shape in shapes.items():
            array = arrays[name]
            if array.shape != shape or array.dtype != np.int64:
                raise DataError(
                    f"{what}: array {name} is {array.dtype} {array.shape}, wanted int64 {shape}."
                )
        if not 1 <= k <= MAX_CLASSES or len(set(names)) < k or not 1 <= m <= MOST_FEATURES:
            raise DataError(f"{what}: {k} classes ({', '.join(names)}) of {m} features cannot be.")
        layer1 = unpack_layer(metadata["layer1"], what) if metadata["layer1"] else None
        sizes = int(metadata["height"]), int(metadata["width"])
        setting = Setting(*sizes, layer1, m, float(metadata["ridge"]), float(metadata["strength"]))
        counts, numbers = arrays["counts"].tolist(), arrays["numbers"].tolist()
        classes = {
            name: OfClass(counts[c], numbers[c], arrays["sums"][c].copy())
            for c, name in enumerate(names)
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{what} sent no sums: {error!r}.") from None
    found = Sums(setting, classes, arrays["gram"].copy())
    found.check(what)
    return found


def total(replies: Iterable[tuple[str, Sums]]) -> Merged:
    """The exact sum of all clients, whatever the order of their replies, with its parts.

    Raises:
        DataError: There is none, two do not belong together, or two sent the same learning.
    """
    found: Sums | None = None
    first, listed = "", []
    for what, sums in replies:
        listed.append((what, Receipt("", sums.setting.layer1_sha256, Part.of(sums))))
        if found is None:
            found, first = sums.plus(sums, 0), what
            continue
        exact.fit(first, found, what, sums)
        found.add(sums)
    if found is None:
        raise DataError("No client sent sums.")
    found.check("The sum")
    parts, without = receipt.joined(listed)
    return Merged(found, parts, without)
