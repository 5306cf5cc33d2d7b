"""The mirror layer: the filters of a patch layer and mirrored ones, over a folded grid.

An image and its mirror image have the same features: what a filter finds in a cell of the left
half of the grid is added to what its mirror image finds in the mirrored cell.

Names: n images, q filters; see patch.py.
"""

from __future__ import annotations

import numpy as np

from uff_host.formats.model import Layer, Pooling
from uff_host.reference import patch
from uff_host.reference.arithmetic import Int16, Int32, Int64
from uff_host.reference.feature_layer import Arrays, Fitted, Task

HIDDEN = 16
LAMBDA = patch.LAMBDA

encode = patch.encode


def pooled(x: Int16, w: Int16, bias: Int32, threshold: int, by: Pooling) -> Int64:
    """Means over the cells of the left half, of the image plus of its mirror image, int64
    (n, rows, columns / 2, 4 q): positive responses of all filters, of their mirror images, then
    negative ones."""
    turned = w.reshape(-1, patch.SIDE, patch.SIDE)[:, :, ::-1].reshape(w.shape)
    both, biases = np.concatenate([w, turned]), np.concatenate([bias, bias])
    own, mirrored = (
        patch.pooled(image, both, biases, threshold, by)[:, :, : by.columns // 2]
        for image in (x, x[:, :, ::-1])
    )
    return np.asarray(own + mirrored)


def fit(x: Int16, task: Task) -> Fitted:
    """The layer and its weights, of encoded images.

    Raises:
        DataError: The images are blank, a class has none, or the number of filters cannot be.
    """
    return patch.fit(x, task, "mirror")


def features(layer: Layer, arrays: Arrays, x: Int16) -> Int16:
    """Roots of the pooled responses, scaled to unit length: int16 (n, 48 q), cell by cell."""
    return patch.pooled_features(layer, arrays, x, pooled)
