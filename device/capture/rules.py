"""What the application decides by numbers alone: how many copies of a drawing, when it is sure,
which drawings look mislabelled. No state and nothing of a device, so that the host runs the same.
"""

ROWS = 1024  # drawings and copies that there is room for: 6.4 MB; of drawings the most, too
MOST_COPIES = 15  # of a drawing

# Ridge of the kernel class layer: MNIST digits, 5 of each with 15 copies, 3 draws: 0.892 at 0.015,
# 0.889 at 0.03.
LAMBDA2 = 0.015

# A margin below this part of the best goodness is "not sure".
SURE_MARGIN = 0.2

# A drawing is unlike all others where the most similar one is less similar to it than theirs are
# among themselves, but for the most singular twentieth, less a twentieth of what is left to 1.
SINGULAR = 20
SLACK = 20


def copies_of(drawings):
    """Copies of each of so many drawings: 15 of up to 64, then half as many for twice as many
    drawings."""
    group = MOST_COPIES + 1
    while group > 1 and drawings * group > ROWS:
        group //= 2
    return group - 1


def sure(best, second):
    """Whether the goodness of the best label is far enough above the second's."""
    return best > 0 and best - second >= SURE_MARGIN * best


def least_likeness(nearest, one):
    """Likeness below which a drawing is unlike all others. nearest: of some drawings the likeness
    of the most similar other one; one: of a drawing with itself."""
    if not nearest:
        return 0
    nearest = sorted(nearest)
    usual = nearest[len(nearest) // SINGULAR]
    return usual - (one - usual) // SLACK * 2


def suspects(margins, labels):
    """Numbers of the drawings that look mislabelled: left out, they are taken for another class
    by more than three quarters of the usual margin. At most a tenth of all, or one; never the
    only one of its class, which nothing else speaks for.

    margins: left-out goodness of the right label less the best wrong one.
    """
    counts = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    known = [i for i, label in enumerate(labels) if counts[label] > 1]
    if not known:
        return []
    usual = sorted(abs(margins[i]) for i in known)[len(known) // 2]
    worst = sorted((margins[i], i) for i in known if 4 * margins[i] < -3 * usual)
    return sorted(i for _, i in worst[: max(len(labels) // 10, 1)])
