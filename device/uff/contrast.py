"""The contrast pairs of layer 1: which positive and which negative datum each neuron is given.

Neuron j is given an image of class c as positive datum and an image of another class d, with the
same label c drawn in, as negative datum. The ordered class pairs (c, d) take turns and each class
deals its images in a shuffled order, so all serve about equally often; a class that is used up is
shuffled anew, or the same pairs would come round again (of 500 neurons on 3 x 100 images only 150
would differ). Everything follows from the seed, in 32-bit integers, so host and boards agree.
"""

from array import array


class Xorshift32:
    """Marsaglia's xorshift generator (13, 17, 5); the first 8 numbers are thrown away."""

    def __init__(self, seed):
        self._state = (seed * 2654435769 + 1) & 0xFFFFFFFF or 1
        for _ in range(8):
            self.next()

    def next(self):
        s = self._state
        s ^= (s << 13) & 0xFFFFFFFF
        s ^= s >> 17
        s ^= (s << 5) & 0xFFFFFFFF
        self._state = s
        return s

    def below(self, n):
        """A whole number from 0 to n-1."""
        return self.next() % n


def contrast_pairs(labels, classes, neurons, seed):
    """Two arrays of image numbers (uint16, one element a neuron): positive a, negative b.

    labels: one of 0..classes-1 for each image. ValueError where a class has no image or there is
    only one class.
    """
    if classes < 2:
        raise ValueError("layer 1 contrasts classes: want 2 or more, got %d" % classes)
    random = Xorshift32(seed)
    orders = [
        array("H", (i for i, label in enumerate(labels) if label == c)) for c in range(classes)
    ]
    for c, order in enumerate(orders):
        if not order:
            raise ValueError("class %d has no images" % c)
    dealt = [0] * classes

    def deal(c):
        order = orders[c]
        if (
            dealt[c] % len(order) == 0
        ):  # used up, or not begun: the class is shuffled (Fisher-Yates)
            for i in range(len(order) - 1, 0, -1):
                j = random.below(i + 1)
                order[i], order[j] = order[j], order[i]
        image = order[dealt[c] % len(order)]
        dealt[c] += 1
        return image

    a = array("H", bytes(2 * neurons))
    b = array("H", bytes(2 * neurons))
    for j in range(neurons):
        shift, c = divmod(j % (classes * (classes - 1)), classes)
        a[j] = deal(c)
        b[j] = deal((c + 1 + shift) % classes)
    return a, b
