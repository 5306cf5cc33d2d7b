"""What a training will cost, known before it starts: multiply-adds of each stage and bytes of
each array."""

import math

from ridge import MAX_CLASSES, PANEL, work_bytes

from .errors import DoesNotFit

# Leave-one-out picks the class layer's lambda among these.
LAMBDAS = (0.01, 0.03, 0.1, 0.3)

# Most images one Gram matrix can hold: a diagonal element is at most 512^2 an image and must stay
# below 2^31.
MAX_IMAGES = 8191


def snap(value):
    """value with a 16-bit mantissa: decimal numbers are read differently in the last bit by
    different C libraries."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(int(mantissa * 65536 + (0.5 if mantissa > 0 else -0.5)), exponent - 16)


class Options:
    """How to train. ValueError where one is out of range.

    network: "uff1" (class layer on the pixels) or "uff2" (contrast layer, then class layer)
    hidden: neurons of the contrast layer, 2 to 4096
    strength: of the label among the inputs of the class layer (default 0.5 for uff1, 0.2 for uff2)
    lambda1: ridge of the contrast layer, in mean diagonal elements of its Gram matrix
    lambda2: ridge of the class layer, likewise (default 0.1 for uff1, 0.05 for uff2), or "loo":
    the one of LAMBDAS with
        the best leave-one-out accuracy
    seed: 0 to 2^32-1, of the contrast pairs
    form: "primal" (Gram matrix of the features), "dual" (of the images), or "auto", the cheaper
    leave_one_out: whether to compute leave-one-out predictions of all training images
    """

    def __init__(
        self,
        network="uff2",
        hidden=500,
        strength=None,
        lambda1=5.0,
        lambda2=None,
        seed=0,
        form="auto",
        leave_one_out=True,
    ):
        if network not in ("uff1", "uff2"):
            raise ValueError('network: want "uff1" or "uff2", got %r' % (network,))
        if form not in ("auto", "primal", "dual"):
            raise ValueError('form: want "auto", "primal" or "dual", got %r' % (form,))
        if not (isinstance(hidden, int) and 2 <= hidden <= 4096):
            raise ValueError("hidden: want 2 to 4096 neurons, got %r" % (hidden,))
        if not (isinstance(seed, int) and 0 <= seed < 1 << 32):
            raise ValueError("seed: want 0 to 4294967295, got %r" % (seed,))
        if strength is None:
            strength = 0.5 if network == "uff1" else 0.2
        if lambda2 is None:
            lambda2 = 0.1 if network == "uff1" else 0.05
        self.network = network
        self.layers = 1 if network == "uff1" else 2
        self.hidden = hidden if self.layers == 2 else 0
        self.strength = _positive("strength", strength, 1e-3, 1e3)
        self.lambda1 = _positive("lambda1", lambda1, 1e-4, 1e4) if self.layers == 2 else 0.0
        self.choose_lambda = lambda2 == "loo"
        self.lambdas = [
            _positive("lambda2", value, 1e-5, 1e4)
            for value in (LAMBDAS if self.choose_lambda else (lambda2,))
        ]
        self.seed = seed
        self.form = form
        self.leave_one_out = bool(leave_one_out) or self.choose_lambda


def _positive(name, value, low, high):
    if not (isinstance(value, (int, float)) and low <= value <= high):
        raise ValueError("%s: want %g to %g, got %r" % (name, low, high, value))
    return snap(float(value))


class Stage:
    """A step of training: its name, its multiply-adds and how long one takes, in those of an
    integer Gram matrix."""

    def __init__(self, name, macs, weight):
        self.name = name
        self.macs = macs
        self.weight = weight
        self.seconds = 0.0

    @property
    def work(self):
        return self.macs * self.weight


class Plan:
    """Stages and memory of one training; `dual1` and `dual2` are the forms chosen for the two
    layers."""

    def __init__(self, images, features, classes, options):
        if not 2 <= classes <= MAX_CLASSES:
            raise ValueError("classes: want 2 to %d, got %d" % (MAX_CLASSES, classes))
        if not classes <= images <= MAX_IMAGES:
            raise ValueError(
                "images: want %d (one a class) to %d, got %d" % (classes, MAX_IMAGES, images)
            )
        n, m, k, q = images, features, classes, options.hidden
        self.images = n
        self.features = m
        self.class_features = q or m
        self.order1 = 0
        self.dual1 = False
        self.stages = [Stage("encode images", n * m, 4)]
        self.arrays = {"encoded images": 2 * n * m}
        if q:
            primal, dual = _contrast(n, m, q, False), _contrast(n, m, q, True)
            self.dual1 = _choose(options.form, primal, dual)
            self.stages += dual if self.dual1 else primal
            self.stages.append(Stage("hidden values", n * m * q, 1))
            self.order1 = n if self.dual1 else m
            self.arrays["hidden values"] = 2 * n * q
            self.arrays["layer 1 weights"] = 2 * q * m
        f = self.class_features
        primal, dual = _classes(n, f, k, options, False), _classes(n, f, k, options, True)
        self.dual2 = _choose(options.form, primal, dual)
        self.stages += dual if self.dual2 else primal
        self.stages.append(Stage("fitted labels", n * f * k, 1))
        self.order2 = n if self.dual2 else f
        order = max(self.order1, self.order2)
        if q:
            self.arrays["Gram matrix, layer 1"] = 2 * self.order1 * (self.order1 + 1)
            if self.dual1:
                self.arrays["targets of a panel of neurons"] = 2 * 4 * PANEL * n
        self.arrays["Gram matrix, class layer"] = 2 * self.order2 * (self.order2 + 1)
        self.arrays["Cholesky factor"] = 2 * order * (order + 1)
        self.arrays["class sums and weights"] = (4 + 2 + 4 + 4) * k * f
        self.work_bytes = work_bytes(max(order, m, f), q)
        self.arrays["workspace"] = self.work_bytes + (4 * PANEL * m if q else 0)
        self.arrays["a batch of goodness, small objects"] = 8 * PANEL * k + 6 * (m + q) + 4096
        self.arrays["labels and leave-one-out"] = 16 * n

    @property
    def macs(self):
        return sum(stage.macs for stage in self.stages)

    @property
    def memory_bytes(self):
        return sum(self.arrays.values())

    def check(self, free_bytes):
        """DoesNotFit where the arrays need more than free_bytes."""
        if self.memory_bytes > free_bytes:
            raise DoesNotFit(
                "train: %d images need %d bytes, %d are free; want fewer images or neurons"
                % (self.images, self.memory_bytes, free_bytes)
            )


def _contrast(n, m, q, dual):
    if dual:
        return [
            Stage("layer 1 Gram matrix", n * (n + 1) // 2 * m, 1),
            Stage("layer 1 Cholesky", n * n * n // 6, 2),
            Stage("layer 1 solve", n * n * q + n * m * q, 2),
        ]
    return [
        Stage("layer 1 Gram matrix", n * m * (m + 1) // 2, 1),
        Stage("layer 1 Cholesky", m * m * m // 6, 2),
        Stage("layer 1 solve", m * m * q, 2),
    ]


def _classes(n, f, k, options, dual):
    tries = len(options.lambdas)
    order = n if dual else f
    stages = [
        Stage(
            "class layer Gram matrix", n * (n + 1) // 2 * f if dual else n * f * (f + 1) // 2, 1
        ),
        Stage("class layer Cholesky", tries * order * order * order // 6, 2),
        # A panel holds 16 right-hand sides whatever k is.
        Stage(
            "class layer solve",
            tries * (order * order * PANEL + (n * f * PANEL if dual else 0)),
            2,
        ),
    ]
    if options.leave_one_out:
        macs = n * n * n // 6 if dual else n * f * f // 2
        stages.append(Stage("leave-one-out", tries * (macs + n * f * k), 2))
    return stages


def _choose(form, primal, dual):
    if form == "auto":
        return sum(s.work for s in dual) < sum(s.work for s in primal)
    return form == "dual"


def plan(images, height, width, classes, options=None):
    """The Plan of a training: images in all, their shape, classes, Options. ValueError where none
    is possible."""
    from .embed import LabelEmbedding

    return Plan(images, LabelEmbedding(height, width).features, classes, options or Options())
