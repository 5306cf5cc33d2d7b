"""Checks of a merged model: its exact sums are those of its parts and of nothing else.

The sums of the parts are added up here, from the parts' own files or from the samples. Where every
integer is equal, no further image is in the model: its Gram matrix less that of the parts is zero,
and the diagonal of the Gram matrix of any image that is not blank is above zero somewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from uff_host.formats.model import Model
from uff_host.merging import receipt as receipts
from uff_host.merging.merge import Source
from uff_host.merging.receipt import Receipt
from uff_host.merging.sums import Setting, Sums, fit, of_model
from uff_host.verification import linear
from uff_host.verification.report import Report


def total(sources: Sequence[Source]) -> Sums:
    """The sums of all sources.

    Raises:
        DataError: They do not belong together.
    """
    first = sources[0]
    found = first.sums.plus(first.sums, 0)
    for source in sources[1:]:
        fit(first.name, found, source.name, source.sums)
        found.add(source.sums)
    found.check("The sum")
    return found


def verify(model: Model, wanted: Sums, path: Path) -> Report:
    """Compare a merged model with the sums of its parts; `path` names it in sentences.

    Raises:
        DataError: Its statistics cannot be those of images.
    """
    report = Report()
    setting = Setting.of(model)
    difference = wanted.setting.difference(setting)
    report.add("setting", difference is None, difference or "the same", "the same as the parts'")
    names = wanted.names()
    report.equal("classes", model.class_names, names)
    report.equal("images", model.n_images, wanted.images)
    if not report.ok:
        return report
    if model.has_statistics:
        own = of_model(model, str(path))
        counts = [own.classes[name].images for name in names]
        report.equal("class counts", counts, [wanted.classes[name].images for name in names])
        numbers = [own.classes[name].numbers for name in names]
        report.equal("class numbers", numbers, [wanted.classes[name].numbers for name in names])
        report.differ("Gram matrix", int((own.gram != wanted.gram).sum()), wanted.gram.size)
        sums, right = (
            np.stack([each.classes[name].sums for name in names]) for each in (own, wanted)
        )
        report.differ("class sums", int((sums != right).sum()), right.size)
    if not model.alone and report.ok:
        linear.check_sums(model, wanted.scaled(), report)
    return report


def check_receipt(
    receipt: Receipt, data: bytes, wanted: Sums, sources: Sequence[Source], report: Report
) -> None:
    """Compare a receipt with the bytes of its model and with its sources."""
    own = Receipt.of(data, wanted)
    report.equal("receipt, model", receipt.model, own.model)
    report.equal("receipt, layer 1", receipt.layer1, own.layer1)
    report.equal("receipt, sums", receipt.whole.sums, own.whole.sums)
    report.equal("receipt, images", receipt.whole.classes, own.whole.classes)
    parts, without = receipts.joined(
        ((source.name, source.receipt) for source in sources), twice=True
    )
    if receipt.parts:
        found = [part.sums[:16] for part in receipt.parts]
        report.equal("receipt, parts", found, [part.sums[:16] for part in parts])
        left = [part.sums[:16] for part in receipt.without]
        report.equal("receipt, taken out", left, [part.sums[:16] for part in without])


def check_without(
    sources: Sequence[Source], gone: Source, receipt: Receipt | None, report: Report
) -> None:
    """See that what must not be in a model is none of its sources, nor among their images."""
    theirs = {part.sums for part in gone.receipt.parts or (gone.receipt.whole,)}
    there = {
        part.sums for source in sources for part in (source.receipt.whole, *source.receipt.parts)
    }
    if receipt:
        there |= {receipt.whole.sums, *(part.sums for part in receipt.parts)}
    found = sorted(each[:16] for each in theirs & there)
    report.equal(f"without {gone.name}, parts", found, [])
    if gone.images is not None:
        held = [source for source in sources if source.images is not None]
        common = sum(len(gone.images & source.images) for source in held if source.images)
        report.equal(f"without {gone.name}, images", common, 0)
