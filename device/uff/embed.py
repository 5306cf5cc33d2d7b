"""Label embedding: the label is drawn into the corners of the image, and the rest of the image is
encoded.

The 2x2 block of pixels in each corner belongs to the label (16 pixels, so 16 classes at most);
these pixels are cleared from the image part. Positive data carries the right label there,
negative data a wrong one. Because a label is one pixel out of 16, the Gram matrix over all
positive and negative data follows from the image part, the class sums and the counts
(classlayer.py), and no embedded image is ever built for training.
"""

from array import array

import ridge

MAX_CLASSES = 16


class LabelEmbedding:
    """Which pixels of a height x width image carry the label (`pixels`, by label) and which the
    image (`keep`)."""

    def __init__(self, height, width):
        if not (4 <= height <= 255 and 4 <= width <= 255 and height * width > MAX_CLASSES):
            raise ValueError("image: want 4x5 to 255x255 pixels, got %d x %d" % (height, width))
        self.height = height
        self.width = width
        bottom, right = height - 1, width - 1
        outermost = [(0, 0), (0, right), (bottom, 0), (bottom, right)]
        corners = [(y, x) for y in (0, 1, bottom - 1, bottom) for x in (0, 1, right - 1, right)]
        order = outermost + [corner for corner in corners if corner not in outermost]
        self.pixels = array("H", [y * width + x for y, x in order])
        labels = set(self.pixels)
        self.keep = array("H", [i for i in range(height * width) if i not in labels])
        self._whole = None

    def __repr__(self):
        return "<LabelEmbedding of images %dx%d>" % (self.height, self.width)

    @property
    def size(self):
        """Bytes of an image."""
        return self.height * self.width

    @property
    def features(self):
        """Length of the image part."""
        return len(self.keep)

    def embed(self, image, label):
        """A copy of image (uint8, height*width) with the label drawn into its corners: what a
        datum looks like."""
        self.check(image)
        if not 0 <= label < MAX_CLASSES:
            raise ValueError("label: want 0 to %d, got %d" % (MAX_CLASSES - 1, label))
        datum = bytearray(image)
        for pixel in self.pixels:
            datum[pixel] = 0
        datum[self.pixels[label]] = 255
        return datum

    def encode(self, images, x, whole=False):
        """images (uint8, n of them) -> x (int16, n x features): root of each pixel, length 512
        (the Hellinger map). whole: all pixels, n x size, for a layer that sees them all."""
        if whole and self._whole is None:
            self._whole = array("H", range(self.size))
        ridge.encode(images, self._whole if whole else self.keep, x)

    def check(self, image):
        """TypeError or ValueError where this is no image of this size."""
        if isinstance(image, str):  # MicroPython takes one for bytes
            raise TypeError("image: want %d x %d bytes, got a str" % (self.height, self.width))
        if len(image) != self.size:
            raise ValueError(
                "image: want %d x %d = %d bytes, got %d"
                % (self.height, self.width, self.size, len(image))
            )
