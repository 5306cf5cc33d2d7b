"""The whole algorithm in numpy: what a target must compute, written to be read.

Integer steps (copies, encoding, Gram matrices, features, inference) give the same bits as the
device; real steps (the ridge solutions) are done in float64, where the device has float32. It is
no twin of the device's code: no slices, no memory plan, no float32 solver.

There is a file for each kind of layer: contrast.py and patch.py make features, class_linear.py
and class_kernel.py say which class; training.py puts them together.
"""

from __future__ import annotations

from uff_host.reference.arithmetic import UNIT, Float64, Int16, Int64, UInt8, snap
from uff_host.reference.class_layer import predict
from uff_host.reference.encoding import encode, kept_pixels
from uff_host.reference.training import (
    Options,
    class_features,
    class_goodness,
    class_problem,
    features_of,
    infer,
    rows_of,
    train,
)

__all__ = [
    "UNIT",
    "Float64",
    "Int16",
    "Int64",
    "Options",
    "UInt8",
    "class_features",
    "class_goodness",
    "class_problem",
    "encode",
    "features_of",
    "infer",
    "kept_pixels",
    "predict",
    "rows_of",
    "snap",
    "train",
]
