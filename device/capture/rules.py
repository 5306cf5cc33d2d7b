"""What the application decides by numbers alone: how many copies of a drawing, when it is sure,
which drawings look mislabelled. No state and nothing of a device, so that the host runs the same.
"""

ROWS = 1024  # drawings and copies that there is room for: 6.4 MB; of drawings the most, too
MOST_COPIES = 15  # of a drawing
NETWORK = "uff_kernel"

# Ridge of the kernel class layer: MNIST digits, 5 of each with 15 copies, 3 draws: 0.892 at 0.015,
# 0.889 at 0.03.
LAMBDA2 = 0.015

# The constants below are tuned by `uff experiment digits --tune`, on made-up writers and digits
# that no figure is reported for; docs/app.md has the figures.

# A margin below this part of the best goodness is "not sure".
SURE_MARGIN = 0.25

# A drawing is "unlike anything drawn" where its familiarity is below LEAST: its likeness (cosine)
# with the most similar drawing or copy, and RESPONSE times what its class answers. Where a quarter
# of the drawings are less like one another than USUAL, the writer varies, and the least falls too.
LEAST = 1.007
USUAL = 0.966
RESPONSE = 0.06

# A drawing looks mislabelled where, left out, another class wins by more than this part of the
# usual margin.
SUSPECT = 0.4


def copies_of(drawings):
    """Copies of each of so many drawings: 15 of up to 64, then half as many for twice as many
    drawings."""
    group = MOST_COPIES + 1
    while group > 1 and drawings * group > ROWS:
        group //= 2
    return group - 1


def room_of(drawings):
    """(copies of each of so many drawings, the most drawings with so many copies)."""
    copies = copies_of(drawings)
    return copies, ROWS // (copies + 1)


def sure(best, second):
    """Whether the goodness of the best label is far enough above the second's."""
    return best > 0 and best - second >= SURE_MARGIN * best


def response(best, classes):
    """The answer of a class: 1 for a drawing it has learnt, 0 for one without any evidence.

    best: the largest goodness. An output of a learnt drawing is 1/k by the image and (1 - 1/k)/k
    by the label alone, with k classes and all of them counting the same.
    """
    return classes * best**0.5 - (1 - 1 / classes)


def least_familiarity(nearest, one):
    """Familiarity below which a drawing is unlike all others. nearest: of some drawings the
    likeness of the most similar other one; one: of a drawing with itself. Integers."""
    if not nearest:
        return 0
    usual = sorted(nearest)[len(nearest) // 4]
    return int(LEAST * 1000 + 0.5) * one // 1000 - max(
        int(USUAL * 1000 + 0.5) * one // 1000 - usual, 0
    )


def unlike(likeness, best, classes, least, one):
    """Whether a drawing is unlike all others: by its likeness with the most similar one, the
    largest goodness, and the least familiarity."""
    return best <= 0 or likeness + RESPONSE * one * response(best, classes) < least


def suspects(margins, labels):
    """Numbers of the drawings that look mislabelled: left out, they are taken for another class
    by more than SUSPECT of the usual margin. At most a tenth of all, or one; never the only one of
    its class, which nothing else speaks for.

    margins: left-out goodness of the right label less the best wrong one.
    """
    counts = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    known = [i for i, label in enumerate(labels) if counts[label] > 1]
    if not known:
        return []
    usual = sorted(abs(margins[i]) for i in known)[len(known) // 2]
    worst = sorted((margins[i], i) for i in known if margins[i] < -SUSPECT * usual)
    return sorted(i for _, i in worst[: max(len(labels) // 10, 1)])
