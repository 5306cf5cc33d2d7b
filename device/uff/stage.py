"""What every kind of layer says of its training before it starts, and a few numbers they share."""

import math

import ridge

# Most images one Gram matrix can hold: a diagonal element is at most 512^2 an image and must stay
# below 2^31.
MAX_IMAGES = 8191

MAX_COPIES = 15  # of an image: with it they fill a panel of leave-one-out


def packed(order):
    """Elements of a packed lower triangle."""
    return order * (order + 1) // 2


def check_rows(tag, rows, columns, longest):
    """ValueError where the squares of a row (int16) of this array sum to more; gives its smallest
    element."""
    smallest, squares = ridge.extent(rows, columns)
    if squares > longest:
        raise ValueError("array %r: a row with squares of %d; want %d" % (tag, squares, longest))
    return smallest


def snap(value):
    """value with a 16-bit mantissa: decimal numbers are read differently in the last bit by
    different C libraries."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(int(mantissa * 65536 + (0.5 if mantissa > 0 else -0.5)), exponent - 16)


class Stage:
    """A step of training: its name, its multiply-adds and how long one takes, in those of an
    integer Gram matrix."""

    def __init__(self, name, macs, weight):
        self.name = name
        self.macs = macs
        self.weight = weight
        self.seconds = 0.0

    def __repr__(self):
        return "<Stage %s: %s multiply-adds>" % (self.name, "{:,}".format(self.macs))

    @property
    def work(self):
        return self.macs * self.weight


class LayerPlan:
    """Cost of one layer's training: stages in their order; arrays: bytes by what they hold; order
    of the system that is factored, 0 for none; dual: whether that is the system of the images;
    work: bytes of workspace."""

    def __init__(self, stages, arrays, order=0, dual=False, work=0):
        self.stages = stages
        self.arrays = arrays
        self.order = order
        self.dual = dual
        self.work = work


def cheaper(solver, primal, dual):
    """Whether to train in dual form, given Options.solver and the stages of both forms."""
    if solver == "auto":
        return sum(s.work for s in dual) < sum(s.work for s in primal)
    return solver == "dual"
