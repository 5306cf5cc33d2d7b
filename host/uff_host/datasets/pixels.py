"""From what others call an image to what is learnt: grey uint8 of one size, ink bright on dark."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from uff_host.datasets.splits import Images
from uff_host.errors import DataError
from uff_host.formats.samples import MAX_SIDE, MIN_SIDE

SUFFIXES = (".png", ".bmp", ".gif", ".jpg", ".jpeg", ".jfif", ".pgm", ".ppm", ".webp")
WHITES = (1, 16, 255)  # of floats, of scikit-learn's digits, of bytes


@dataclass
class ImportOptions:
    """How images are read.

    height, width: of the samples. invert: dark ink becomes bright. shape: of images that are rows
    of pixels. white: the value that is the brightest, by default the least of WHITES that is large
    enough. label_column: of a table, its name, first or last.
    """

    height: int = 28
    width: int = 28
    invert: bool = False
    shape: tuple[int, int] | None = None
    white: float | None = None
    label_column: str | None = None

    def check(self) -> None:
        """See that samples can have this size.

        Raises:
            DataError: They cannot.
        """
        if min(self.height, self.width) < MIN_SIDE or max(self.height, self.width) > MAX_SIDE:
            raise DataError(
                f"{self.height}x{self.width}: each side must be {MIN_SIDE} to {MAX_SIDE}."
            )


def open_picture(path: Path) -> Image.Image:
    """A picture as it is meant to be seen: turned as the camera says, on white paper.

    Raises:
        DataError: It cannot be read, or is too large to be a picture.
        OSError: There is none, or it may not be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with path.open("rb") as stream, Image.open(stream) as image:
                image.load()
                return _flat(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(
            f"{path} is too large: pictures of up to {Image.MAX_IMAGE_PIXELS:,} pixels are read."
        ) from None
    except (UnidentifiedImageError, SyntaxError, ValueError, EOFError, MemoryError):
        raise DataError(f"{path} cannot be read as an image.") from None
    except OSError as error:
        if error.errno is None:  # Pillow's own
            raise DataError(f"{path} cannot be read as an image.") from None
        raise


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency, and with 8 bits."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        colour = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)
    if image.mode.startswith("I"):  # 16-bit grey, which convert("L") would clip
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
    return image.copy()


def fit(image: Image.Image, how: ImportOptions) -> Images:
    """Grey uint8 (height, width): area average when made smaller, bilinear when made larger."""
    grey = image.convert("L")
    if grey.size != (how.width, how.height):
        smaller = grey.width >= how.width and grey.height >= how.height
        kind = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
        grey = grey.resize((how.width, how.height), kind)
    pixels = np.asarray(grey, np.uint8)
    return 255 - pixels if how.invert else pixels


def shaped(
    images: npt.NDArray[Any], what: str, how: ImportOptions
) -> tuple[npt.NDArray[Any], Sequence[str]]:
    """Images (n, height, width) or (n, height, width, 3), and what to say about it.

    Raises:
        DataError: They are not images, and not rows of as many pixels as the shape has.
    """
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    notes: list[str] = []
    if images.ndim == 2:
        count = images.shape[1]
        side = math.isqrt(count)
        shape = how.shape
        if shape is None:
            if count == 0 or side * side != count:
                raise DataError(
                    f"{what}: rows of {count} pixels: say by --shape what the images' is."
                )
            shape = side, side
            notes.append(f"{what}: rows of {count} pixels, taken for images of {side}x{side}.")
        if shape[0] * shape[1] != count:
            raise DataError(
                f"{what}: rows of {count} pixels are no images of {shape[0]}x{shape[1]}."
            )
        images = images.reshape(len(images), *shape)
    colours = images.ndim == 4 and images.shape[3] == 3
    if not (images.ndim == 3 or colours) or 0 in images.shape[1:]:
        raise DataError(
            f"{what}: images of shape {images.shape}, "
            "wanted (n, height, width), (n, height, width, 3) or (n, pixels)."
        )
    if how.shape is not None and how.shape != images.shape[1:3]:
        raise DataError(
            f"{what}: the images are {images.shape[1]}x{images.shape[2]}, "
            f"not {how.shape[0]}x{how.shape[1]}."
        )
    return images, notes


def as_bytes(
    images: npt.NDArray[Any], what: str, white: float | None
) -> tuple[npt.NDArray[np.uint8], Sequence[str]]:
    """Pixels as uint8, and what to say about it.

    Raises:
        DataError: They are no numbers from 0 to white.
    """
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255), []
    if images.dtype.kind not in "iuf":
        raise DataError(f"{what}: images of type {images.dtype} have no pixels.")
    if images.size == 0:
        return images.astype(np.uint8), []
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{what}: some pixels are no finite numbers.")
    most = WHITES[-1] if white is None else white
    if low < 0 or high > most:
        other = " (--white sets another)" if white is None else ""
        raise DataError(f"{what}: pixels from {low:g} to {high:g}, wanted 0 to {most:g}{other}.")
    if white is None:
        white = next(one for one in WHITES if high <= one) if high > 0 else most
    if white == 255 and images.dtype.kind in "iu":
        return images.astype(np.uint8), []
    pixels = np.floor(images * (255 / white) + 0.5).astype(np.uint8)
    if white == 255:
        return pixels, []
    return pixels, [
        f"{what}: pixels from {low:g} to {high:g}, 0 to {white:g} were made 0 to 255 "
        "(--white sets another)."
    ]
