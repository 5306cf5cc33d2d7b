"""What a linear class layer knows of its images, as exact integers that are added and taken away.

Gram matrix of the features, class sums, counts, all in int64: no order and no grouping of boards
makes another sum. Classes belong together by their names.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from uff_host import reference
from uff_host.errors import DataError
from uff_host.formats.model import MAX_ROWS, MOST_IMAGES, MOST_SQUARES, Array, Layer, Model
from uff_host.formats.model_arrays import DTYPES, layer_alone, packed, scale_of
from uff_host.formats.model_file import pack_model
from uff_host.formats.samples import MAX_CLASSES, Samples
from uff_host.reference.class_linear import class_sums

Int64 = npt.NDArray[np.int64]

SHARED_IMAGES = (
    1000  # of each class, at least, in statistics that are given away (docs/merging.md)
)
DIGEST = b"UFFSUMS1"  # the beginning of what the SHA-256 of sums is of


@dataclass
class OfClass:
    """What is known of a class: images, the sum of its number in the lists that they were learnt
    under, and the sum of their features, int64 (m,), in units of 1/512."""

    images: int
    numbers: int
    sums: Int64

    def plus(self, other: OfClass, sign: int) -> OfClass:
        return OfClass(
            self.images + sign * other.images,
            self.numbers + sign * other.numbers,
            self.sums + sign * other.sums,
        )


@dataclass
class Setting:
    """What sums must have in common: size of the images, layer 1, and how they are solved.

    layer1: a feature layer alone, or None; ridge and strength: of the class layer, float32 values;
    features: of an image.
    """

    height: int
    width: int
    layer1: Model | None
    features: int
    ridge: float
    strength: float
    layer1_sha256: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.layer1_sha256 = sha256(pack_model(self.layer1)) if self.layer1 else None

    @classmethod
    def of(cls, model: Model) -> Setting:
        """Of a network with a linear class layer, or of statistics alone."""
        layer1 = layer_alone(model) if model.feature_layer else None
        last = model.class_layer
        return cls(model.height, model.width, layer1, last.inputs, last.ridge, last.parameter)

    def difference(self, other: Setting) -> str | None:
        """What there is of another kind in `other`, for a sentence; None where nothing is."""
        sizes = [f"{each.height}x{each.width}" for each in (other, self)]
        if sizes[0] != sizes[1]:
            return f"is of images of {sizes[0]}, not of {sizes[1]}"
        hashes = [each.layer1_sha256 for each in (other, self)]
        if hashes[0] != hashes[1]:
            layers = [f"layer 1 {each[:16]}" if each else "no layer 1" for each in hashes]
            return f"has {layers[0]}, not {layers[1]} (by SHA-256)"
        for name, theirs, own in (
            ("lambda2", other.ridge, self.ridge),
            ("label strength", other.strength, self.strength),
        ):
            if theirs != own:
                return f"has a {name} of {theirs:g}, not {own:g}"
        return None


@dataclass
class Sums:
    """Exact sums over images. gram: int64, packed lower triangle of (m, m), units of 2^-18."""

    setting: Setting
    classes: dict[str, OfClass]
    gram: Int64

    @property
    def images(self) -> int:
        return sum(each.images for each in self.classes.values())

    def names(self) -> list[str]:
        """Classes with images, in the order of the mean number that they were learnt under, then
        of their names (UTF-8)."""

        def place(name: str) -> tuple[Fraction, bytes]:
            each = self.classes[name]
            return Fraction(each.numbers, each.images), name.encode()

        return sorted((name for name, each in self.classes.items() if each.images), key=place)

    def sha256(self) -> str:
        """SHA-256 of the sums alone: the same whatever file and order of classes they are in.

        Of DIGEST, the number of features (u32), the Gram matrix (int64, packed), and for each
        class with images in the order of names (UTF-8): bytes of its name (u8), name, images
        (u64), sums (int64); little-endian.
        """
        digest = hashlib.sha256(DIGEST + struct.pack("<I", self.setting.features))
        digest.update(np.ascontiguousarray(self.gram, "<i8").data)
        for name in sorted(self.names(), key=str.encode):
            each, packed_name = self.classes[name], name.encode()
            digest.update(struct.pack("<B", len(packed_name)) + packed_name)
            digest.update(struct.pack("<Q", each.images))
            digest.update(np.ascontiguousarray(each.sums, "<i8").data)
        return digest.hexdigest()

    def plus(self, other: Sums, sign: int = 1) -> Sums:
        """The sums with those of `other` added, or taken away by a sign of -1. They are not
        checked: check() does that once for all."""
        classes = dict(self.classes)
        for name, theirs in other.classes.items():
            own = classes.get(name) or OfClass(0, 0, np.zeros_like(theirs.sums))
            classes[name] = own.plus(theirs, sign)
        return Sums(self.setting, classes, self.gram + sign * other.gram)

    def add(self, other: Sums) -> None:
        """Likewise, in place: the arrays of this are changed."""
        for name, theirs in other.classes.items():
            own = self.classes.get(name)
            if own is None:
                self.classes[name] = replace(theirs, sums=theirs.sums.copy())
                continue
            own.images += theirs.images
            own.numbers += theirs.numbers
            own.sums += theirs.sums
        self.gram += other.gram

    def check(self, what: str) -> None:
        """See that there are images which may have these sums.

        Every feature vector has a length of 512, or 0 for a blank image, and features that are
        not below 0: so the trace is bounded by the number of images, and sums by both
        (Cauchy-Schwarz). A hostile file can still lie, but weighs no more than its images.

        Raises:
            DataError: There are none.
        """
        m, n = self.setting.features, self.images
        diagonal = self.gram[[packed(i) + i for i in range(m)]]

        def need(condition: bool, sentence: str) -> None:
            if not condition:
                raise DataError(f"{what}: {sentence}")

        for name, each in self.classes.items():
            need(each.images >= 0, f"{-each.images} images of “{name}” more than there were.")
            need(
                0 <= each.numbers < max(MAX_CLASSES * each.images, 1),
                f"class numbers that {each.images} images of “{name}” cannot have.",
            )
            least, most = int(each.sums.min()), int(each.sums.max())
            need(least >= 0, f"sums of “{name}” below 0: these images were never added.")
            # (sum of x)^2 <= images * sum of x^2, of every feature
            squares = each.sums.astype(np.float64) ** 2
            bound = float(each.images) * np.maximum(diagonal, 0).astype(np.float64)
            need(
                bool((squares <= bound * (1 + 1e-9)).all()) and (most == 0 or each.images > 0),
                f"class sums of “{name}” that {each.images} images cannot have.",
            )
        need(0 < n <= MOST_IMAGES, f"{n} images, wanted 1 to {MOST_IMAGES}.")
        need(int(self.gram.min()) >= 0, "a Gram matrix with elements below 0.")
        need(
            int(diagonal.sum()) <= n * MOST_SQUARES,
            f"a Gram matrix that {n} images cannot have.",
        )
        need(
            len(self.names()) <= MAX_CLASSES,
            f"{len(self.names())} classes: {MAX_CLASSES} at most can be.",
        )

    # ---- files ----

    def model(self) -> Model:
        """These sums alone, as a model file (version 3) holds them."""
        names = self.names()
        offsets = [
            self.classes[n].numbers - c * self.classes[n].images for c, n in enumerate(names)
        ]
        wide = self.images > MAX_ROWS
        dtype = np.dtype(DTYPES["q" if wide else "i"])
        gram = self.gram.astype(dtype)[None]
        arrays = {
            b"GRAM": Array(gram, 18),
            b"SUMS": Array(np.stack([self.classes[n].sums for n in names]).astype(dtype), 9),
            b"CNT ": Array(np.array([[self.classes[n].images for n in names]], np.int32)),
        }
        if any(offsets):
            arrays[b"OFFS"] = Array(np.array([offsets], np.int64))
        return self._model(names, arrays, zlib.crc32(gram.tobytes()))

    def scaled(self) -> Model:
        """Likewise, scaled down to int32 by scale_of(images) where there are too many for it, and
        rounded to the nearest, halves up: what a target can solve."""
        model = self.model()
        if self.images <= MAX_ROWS:
            return model
        model.scaled = True
        for tag, bits in zip((b"GRAM", b"SUMS"), scale_of(self.images), strict=True):
            whole = model.arrays[tag]
            half = (1 << bits) >> 1
            data = ((whole.data + half) >> bits).astype(np.int32)
            model.arrays[tag] = Array(data, whole.exponent - bits)
        return model

    def _model(self, names: Sequence[str], arrays: dict[bytes, Array], gram_crc: int) -> Model:
        setting, layers = self.setting, []
        if setting.layer1:
            layers.append(replace(setting.layer1.layers[0]))
            arrays = setting.layer1.arrays | arrays
        last = Layer(
            "linear", len(names), setting.features, setting.ridge, setting.strength, gram_crc
        )
        return Model(
            height=setting.height,
            width=setting.width,
            copies=0,
            n_images=self.images,
            seed=0,
            class_names=list(names),
            layers=[*layers, last],
            fitted_correct=0,
            loo_correct=None,
            kept=setting.layer1 is not None,
            alone=True,
            arrays=arrays,
        )


def of_model(model: Model, what: str) -> Sums:
    """The sums in a network or in statistics alone; `what` names it in sentences.

    Raises:
        DataError: It has none that can be merged, or none that images can have.
    """
    if model.scaled:
        raise DataError(f"{what} holds statistics scaled down for a solution, not exact ones.")
    if model.class_layer.kind != "linear":
        raise DataError(
            f"{what} is a network {model.network}: only a linear class layer has sums to merge."
        )
    if model.feature_layer and not model.kept:
        raise DataError(
            f"{what} trained its layer 1 on its own images, which could never be taken out again. "
            "Train it with a layer 1 from elsewhere (`uff train --layer1`)."
        )
    if not model.has_statistics:
        raise DataError(f"{what} holds no statistics (`uff train --statistics --solver primal`).")
    if model.class_layer.dual:
        raise DataError(
            f"{what} was trained in dual form: its statistics are of single images. Train it with "
            "`--solver primal`."
        )
    names = model.class_names
    if len(set(names)) < len(names):
        raise DataError(f"{what} has two classes of one name: {', '.join(names)}.")
    if zlib.crc32(model.array("GRAM").tobytes()) != model.class_layer.gram_crc:
        raise DataError(f"{what}: its Gram matrix is not that of its header.")
    counts = [int(count) for count in model.array("CNT")[0]]
    if sum(counts) != model.n_rows:
        raise DataError(f"{what} counts {sum(counts)} images, it was trained on {model.n_rows}.")
    offsets = [0] * len(names)
    if b"OFFS" in model.arrays:
        offsets = [int(offset) for offset in model.array("OFFS")[0]]
    sums = model.array("SUMS").astype(np.int64)
    classes = {
        name: OfClass(counts[c], c * counts[c] + offsets[c], sums[c])
        for c, name in enumerate(names)
        if counts[c] or sums[c].any()
    }
    found = Sums(Setting.of(model), classes, model.array("GRAM")[0].astype(np.int64))
    found.check(what)
    return found


def of_samples(samples: Samples, setting: Setting, what: str) -> Sums:
    """The sums over samples, as a board with this setting would have them.

    Raises:
        DataError: The images have another size, or there are none.
    """
    if (samples.height, samples.width) != (setting.height, setting.width):
        raise DataError(
            f"{what} holds images of {samples.height}x{samples.width}, not of "
            f"{setting.height}x{setting.width}."
        )
    m, k = setting.features, len(samples.class_names)
    sums, gram = np.zeros((k, m), np.int64), np.zeros((m, m), np.int64)
    counts = np.bincount(samples.labels, minlength=k)
    for first in range(0, len(samples), MAX_ROWS):
        part = slice(first, first + MAX_ROWS)
        f = features(setting, samples.images[part])
        sums += class_sums(f, samples.labels[part], k)
        # Sums of products of int16 below 2^53, so float64 has them exactly.
        real = f.astype(np.float64)
        gram += (real.T @ real).astype(np.int64)
    classes = {
        name: OfClass(int(counts[c]), c * int(counts[c]), sums[c])
        for c, name in enumerate(samples.class_names)
        if counts[c]
    }
    found = Sums(setting, classes, gram[np.tril_indices(m)])
    found.check(what)
    return found


def features(setting: Setting, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """What the class layer sees of images: int16 (n, m)."""
    if setting.layer1 is None:
        return reference.encode(images)
    return reference.class_features(setting.layer1, images)


def fit(name: str, found: Sums, what: str, part: Sums) -> None:
    """See that two sums can be added.

    Raises:
        DataError: They are of different settings.
    """
    difference = found.setting.difference(part.setting)
    if difference:
        raise DataError(f"{what} {difference} as {name}: they cannot be merged.")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def few(sums: Sums, at_least: int) -> str | None:
    """The sentence about a class of fewer images than that, or None."""
    for name in sums.names():
        images = sums.classes[name].images
        if images < at_least:
            return (
                f"Class “{name}” has {images} images, and statistics of fewer than {at_least} "
                "show too much of them to be given away."
            )
    return None
