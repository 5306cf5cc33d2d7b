"""The receipt of a model: SHA-256 of its file, layer 1 and sums, and of the sums of each part."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from uff_host import files
from uff_host.errors import DataError, FormatError
from uff_host.merging import sums as exact
from uff_host.merging.sums import Sums

KIND = "uff receipt 1"


@dataclass(frozen=True)
class Part:
    """A board's learning: SHA-256 of its sums, its images, and how many of each class."""

    sums: str
    images: int
    classes: dict[str, int]

    @classmethod
    def of(cls, sums: Sums) -> Part:
        names = sorted(sums.names(), key=str.encode)
        classes = {name: sums.classes[name].images for name in names}
        return cls(sums.sha256(), sums.images, classes)


@dataclass(frozen=True)
class Receipt:
    """What a model is made of. model: SHA-256 of its file; layer1: of its layer 1 as a file of its
    own, or None; parts: what was merged, in the order of their hashes; none of a model that was
    not merged; without: what was taken out that was no whole part, such as a drawing."""

    model: str
    layer1: str | None
    whole: Part
    parts: tuple[Part, ...] = ()
    without: tuple[Part, ...] = ()

    @classmethod
    def of(
        cls,
        model: bytes,
        sums: Sums,
        parts: tuple[Part, ...] = (),
        without: tuple[Part, ...] = (),
    ) -> Receipt:
        """The receipt of the bytes of a model file with these sums."""
        return cls(exact.sha256(model), sums.setting.layer1_sha256, Part.of(sums), parts, without)

    def json(self) -> str:
        """The text of its file."""
        record: dict[str, Any] = {"kind": KIND, "model": self.model, "layer1": self.layer1}
        record |= asdict(self.whole)
        record["parts"] = [asdict(part) for part in self.parts]
        record["without"] = [asdict(part) for part in self.without]
        return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def place(model: Path) -> Path:
    """Where the receipt of a model file lies."""
    return model.with_name(model.name + ".receipt")


def read(path: Path) -> Receipt:
    """The receipt in a file.

    Raises:
        FormatError: It is none.
        OSError: It cannot be read.
    """
    try:
        record = files.read_json(path)
        if record["kind"] != KIND:
            raise ValueError
        parts, without = (
            tuple(_part(each) for each in record[name]) for name in ("parts", "without")
        )
        layer1 = None if record["layer1"] is None else _hash(record["layer1"])
        return Receipt(_hash(record["model"]), layer1, _part(record), parts, without)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise FormatError(f"{path} is no receipt of a model.") from None


def _part(record: dict[str, Any]) -> Part:
    classes = {str(name): _count(count) for name, count in record["classes"].items()}
    part = Part(_hash(record["sums"]), _count(record["images"]), classes)
    if sum(classes.values()) != part.images:
        raise ValueError
    return part


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def _hash(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ValueError
    return value


def of_file(path: Path, data: bytes, sums: Sums) -> Receipt:
    """The receipt of a file that has these bytes and these sums: the one beside it, or where none
    lies there a new one without parts.

    Raises:
        DataError: The one beside it is of another model.
        FormatError: It is no receipt.
        OSError: A file cannot be read.
    """
    own = Receipt.of(data, sums)
    beside = place(path)
    if not beside.is_file():
        return own
    found = read(beside)
    if (found.model, found.whole) != (own.model, own.whole):
        raise DataError(f"{beside} is the receipt of another model than {path}.")
    return found


def joined(
    listed: Iterable[tuple[str, Receipt]],
    removed: Iterable[tuple[str, Receipt]] = (),
    *,
    twice: bool = False,
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """(parts, without) of a merge; each receipt with what sentences call its file.

    twice: whether a part may be there more than once.

    Raises:
        DataError: One is there twice.
    """
    there: dict[str, list[tuple[str, Part]]] = {}
    gone: dict[str, list[Part]] = {}
    for what, receipt in listed:
        for part in receipt.parts or (receipt.whole,):
            same = there.setdefault(part.sums, [])
            if same and not twice:
                raise DataError(
                    f"{what} and {same[0][0]} hold the same learning ({part.sums[:16]}): it would "
                    "count twice. --twice lets it."
                )
            same.append((what, part))
        for part in receipt.without:
            gone.setdefault(part.sums, []).append(part)
    for _, receipt in removed:
        for part in receipt.parts or (receipt.whole,):
            gone.setdefault(part.sums, []).append(part)
        for part in receipt.without:
            there.setdefault(part.sums, []).append(("", part))
    for known in set(there) & set(gone):
        count = min(len(there[known]), len(gone[known]))
        del there[known][:count], gone[known][:count]
    parts = [part for each in there.values() for _, part in each]
    return _ordered(parts), _ordered(each for listed in gone.values() for each in listed)


def _ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: part.sums))
