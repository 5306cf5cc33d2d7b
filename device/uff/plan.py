"""What a training will cost, known before it starts: multiply-adds of each stage and bytes of
each array."""

from ridge import MAX_CLASSES, PANEL

from .errors import DoesNotFit
from .layers import layers_of
from .stage import MAX_COPIES, MAX_IMAGES, Stage, packed, snap


class Options:
    """How to train. ValueError where one is out of range.

    network: "uff1" (class layer on the pixels), "uff2" (contrast layer, then class layer),
        "uff_conv" (patch layer, class layer), "uff_kernel" (patch layer, kernel class layer),
        "uff_mirror" (the same of images that mean the same in a mirror), or layers with "+"
        between them (layers.py)
    hidden: neurons of the contrast layer, 2 to 4096 (default 500); filters of the patch layer, 4
        to 64 (default 32), of a mirror layer 4 to 32 (default 16)
    label_scale: length of the label among the inputs of the class layer (default 0.2, on pixels
        0.5)
    lambda1: ridge of layer 1, in mean diagonal elements of its Gram matrix (default 5; patch
        layer 0.6)
    lambda2: ridge of the class layer, likewise (default 0.1 for uff1, 0.05 for uff2, 0.03 for the
        others; kernel class layer: as it is), or "loo": that of the layer's LAMBDAS with the best
        leave-one-out accuracy
    seed: 0 to 2^32-1, of the contrast pairs
    solver: "primal" (Gram matrix of the features), "dual" (of the images), or "auto", the cheaper
    leave_one_out: whether to compute leave-one-out predictions of all training images
    copies: distorted copies of each image that are trained on beside it, 0 to 15
    """

    def __init__(
        self,
        network="uff2",
        hidden=None,
        label_scale=None,
        lambda1=None,
        lambda2=None,
        seed=0,
        solver="auto",
        leave_one_out=True,
        copies=0,
    ):
        first, last = layers_of(network)
        if solver not in ("auto", "primal", "dual"):
            raise ValueError('solver: want "auto", "primal" or "dual", got %r' % (solver,))
        if first:
            hidden = first.OUTPUTS if hidden is None else hidden
            first.check(hidden)
        if not (isinstance(seed, int) and 0 <= seed < 1 << 32):
            raise ValueError("seed: want 0 to 4294967295, got %r" % (seed,))
        if not (isinstance(copies, int) and 0 <= copies <= MAX_COPIES):
            raise ValueError("copies: want 0 to %d, got %r" % (MAX_COPIES, copies))
        if label_scale is None:
            label_scale = 0.2 if first else 0.5
        if lambda1 is None:
            lambda1 = first.LAMBDA if first else 1.0
        if lambda2 is None:
            lambda2 = last.default_lambda(first.NAME if first else None)
        self.network = network
        self.first_layer, self.class_layer = first, last
        self.hidden = hidden if first else 0
        self.label_scale = _positive("label_scale", label_scale, 1e-3, 1e3)
        self.lambda1 = _positive("lambda1", lambda1, 1e-4, 1e4) if first else 0.0
        self.choose_lambda = lambda2 == "loo"
        self.lambdas = [
            _positive("lambda2", value, 1e-5, 1e4)
            for value in (last.LAMBDAS if self.choose_lambda else (lambda2,))
        ]
        self.seed = seed
        self.solver = solver
        self.leave_one_out = bool(leave_one_out) or self.choose_lambda
        self.copies = copies

    def __repr__(self):
        return "<Options %s, hidden %d, label_scale %s, lambda1 %s, lambda2 %s, seed %d>" % (
            self.network,
            self.hidden,
            self.label_scale,
            self.lambda1,
            "loo" if self.choose_lambda else self.lambdas[0],
            self.seed,
        )


def _positive(name, value, low, high):
    if not (isinstance(value, (int, float)) and low <= value <= high):
        raise ValueError("%s: want %g to %g, got %r" % (name, low, high, value))
    return snap(float(value))


class Plan:
    """Stages and memory of one training; kept: of one whose feature layer is trained already.

    first, last: LayerPlan of the feature layer (or None) and of the class layer; features: inputs
    of the class layer; order: of the largest system that is factored.
    """

    def __init__(self, images, embedding, classes, options, kept=False):
        if not 2 <= classes <= MAX_CLASSES:
            raise ValueError("classes: want 2 to %d, got %d" % (MAX_CLASSES, classes))
        most = MAX_IMAGES // (1 + options.copies)
        if not classes <= images <= most:
            raise ValueError(
                "images: want %d (one a class) to %d%s, got %d"
                % (
                    classes,
                    most,
                    " with %d copies each" % options.copies if options.copies else "",
                    images,
                )
            )
        n, size = images * (1 + options.copies), embedding.size
        self.images, self.classes = images, classes
        self.height, self.width = embedding.height, embedding.width
        self.rows = n  # images and their copies
        self.first, self.features = None, embedding.features
        self.stages, self.arrays = [], {}
        layer = options.first_layer
        if layer:
            self.first = layer.plan(n, embedding, options.hidden, options, kept)
            self.features = layer(embedding, options.hidden).outputs
            self._add(self.first)
        else:
            self.stages.append(Stage("encode images", n * self.features, 4))
            self.arrays["encoded images"] = 2 * n * self.features
        self.last = options.class_layer.plan(n, images, self.features, classes, options)
        self._add(self.last)
        self.order = max(self.last.order, self.first.order if self.first else 0)
        self.arrays["Cholesky factor"] = 4 * packed(self.order)
        # An image and its copies pass through the workspace on their way.
        first_work = self.first.work if self.first else 0
        self.work_bytes = max(self.last.work, first_work, size * (1 + options.copies))
        self.arrays["workspace"] = self.work_bytes
        self.arrays["a batch of goodness, small objects"] = (
            8 * PANEL * classes + 6 * (embedding.features + options.hidden) + 4096
        )
        self.arrays["labels and leave-one-out"] = 16 * images + (n if options.copies else 0)

    def _add(self, layer):
        self.stages += layer.stages
        self.arrays.update(layer.arrays)

    def __repr__(self):
        return "<Plan %d images %dx%d, %d classes: %s multiply-adds, %s bytes>" % (
            self.images,
            self.height,
            self.width,
            self.classes,
            "{:,}".format(self.macs),
            "{:,}".format(self.memory_bytes),
        )

    @property
    def macs(self):
        """Multiply-adds of all stages."""
        return sum(stage.macs for stage in self.stages)

    @property
    def memory_bytes(self):
        """Bytes of all arrays."""
        return sum(self.arrays.values())

    def check(self, free_bytes):
        """DoesNotFit where the arrays need more than free_bytes."""
        if self.memory_bytes > free_bytes:
            raise DoesNotFit(
                "train: %d images need %d bytes, %d are free; want fewer images or neurons"
                % (self.rows, self.memory_bytes, free_bytes)
            )
