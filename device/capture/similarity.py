"""How alike drawings are: the cosine of what layer 1 makes of them, times ONE."""

import ridge

ONE = 1 << 18  # of a drawing with itself
MOST = 64  # drawings that are compared with all others


def nearest_to_others(network):
    """A generator: for at most MOST drawings the similarity to the most similar row of another
    drawing."""
    n, group = network.info.images, 1 + network.info.copies
    if n < 2:
        return
    rows, row = network.layer.rows, 2 * network.layer.features
    for i in range(0, n, -(-n // MOST)):
        first, last = i * group * row, (i + 1) * group * row
        one = rows[first : first + row]
        best = 0
        if i:
            best = ridge.nearest(one, rows[:first])[1]
        if last < len(rows):
            best = max(best, ridge.nearest(one, rows[last:])[1])
        yield best
