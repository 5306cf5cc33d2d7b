"""The contrast pairs of layer 1: which positive and which negative datum each neuron is given.

Neuron j is given an image of class c as positive datum and an image of another class d, with the
same label c drawn in, as negative datum. The ordered class pairs (c, d) take turns and each class
deals its images in a shuffled order, so all serve about equally often; a class that is used up is
shuffled anew, or the same pairs would come round again (of 500 neurons on 3 x 100 images only 150
would differ). Everything follows from the seed, in 32-bit integers, so host and boards agree.
"""

from array import array


class Xorshift32:
    """Marsaglia's xorshift generator (13, 17, 5); the first 8 numbers are thrown away.

    The state is kept as two halves of 16 bits, as boards have no small integers of 32 bits.
    """

    def __init__(self, seed):
        state = (seed * 2654435769 + 1) & 0xFFFFFFFF or 1
        self._high, self._low = state >> 16, state & 0xFFFF
        for _ in range(8):
            self._step()

    def _step(self):
        high, low = self._high, self._low
        high ^= (high << 13 | low >> 3) & 0xFFFF
        low ^= low << 13 & 0xFFFF
        low ^= high >> 1
        high ^= (high << 5 | low >> 11) & 0xFFFF
        low ^= low << 5 & 0xFFFF
        self._high, self._low = high, low

    def next(self):
        """A whole number from 0 to 2^32-1."""
        self._step()
        return self._high << 16 | self._low

    def below(self, n):
        """A whole number from 0 to n-1."""
        self._step()
        return ((self._high % n << 16) + self._low) % n


def contrast_pairs(labels, classes, neurons, seed):
    """Two arrays of image numbers (uint16, one element a neuron): positive a, negative b.

    labels: one of 0..classes-1 for each image. ValueError where a class has no image or there is
    only one class.
    """
    if classes < 2:
        raise ValueError("layer 1 contrasts classes: want 2 or more, got %d" % classes)
    random = Xorshift32(seed)
    counts = [0] * classes
    for label in labels:
        counts[label] += 1
    orders = [array("H", bytes(2 * count)) for count in counts]  # whole at once: growing is slow
    dealt = [0] * classes
    for i, label in enumerate(labels):
        orders[label][dealt[label]] = i
        dealt[label] += 1
    for c, count in enumerate(counts):
        if not count:
            raise ValueError("class %d has no images" % c)
        dealt[c] = 0

    def deal(c):
        # One step of a Fisher-Yates shuffle; a class that is used up begins anew.
        order, at = orders[c], dealt[c]
        drawn = at + random.below(len(order) - at)
        image = order[drawn]
        order[drawn] = order[at]
        order[at] = image
        dealt[c] = (at + 1) % len(order)
        return image

    a = array("H", bytes(2 * neurons))
    b = array("H", bytes(2 * neurons))
    for j in range(neurons):
        shift, c = divmod(j % (classes * (classes - 1)), classes)
        a[j] = deal(c)
        b[j] = deal((c + 1 + shift) % classes)
    return a, b
