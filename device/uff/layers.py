"""The kinds of layers, and the networks that are made of them.

A network is a list of layers: one feature layer or none, then one class layer. To add a layer,
write its file and name it here; host/uff_host/reference has its twin in numpy.

A layer has NAME, KIND (its number in model files) and a few verbs: plan (what a training costs),
fit (a generator: trains in slices), arrays, wanted and load (model files); a feature layer has
forward, a class layer goodness. contrast.py and linear.py are the ones to read first.
"""

from .contrast import ContrastLayer
from .kernel import KernelClassLayer
from .linear import LinearClassLayer
from .mirror import MirrorLayer
from .patch import PatchLayer

FEATURE_LAYERS = (ContrastLayer, PatchLayer, MirrorLayer)
CLASS_LAYERS = (LinearClassLayer, KernelClassLayer)

# Names of networks; any other is written as its layers with "+" between them, like "kernel" or
# "contrast+kernel".
NETWORKS = {
    "uff1": "linear",
    "uff2": "contrast+linear",
    "uff_conv": "patch+linear",
    "uff_kernel": "patch+kernel",
    "uff_mirror": "mirror+kernel",
}


def layers_of(network):
    """(feature layer or None, class layer), the classes, of a network's name. ValueError where
    there is none of that name."""
    names = NETWORKS.get(network, network)
    names = names.split("+") if isinstance(names, str) else ()
    first = last = None
    for layer in CLASS_LAYERS:
        if names and names[-1] == layer.NAME:
            last = layer
    for feature_layer in FEATURE_LAYERS:
        if len(names) == 2 and names[0] == feature_layer.NAME:
            first = feature_layer
    if last is None or len(names) != (2 if first else 1):
        raise ValueError(
            "network: want one of %s, or layers like %s+%s, got %r"
            % (
                ", ".join(sorted(NETWORKS)),
                FEATURE_LAYERS[0].NAME,
                CLASS_LAYERS[-1].NAME,
                network,
            )
        )
    return first, last


def network_name(first, last):
    """The name of the network of these layers (None for no feature layer)."""
    names = "%s+%s" % (first.NAME, last.NAME) if first else last.NAME
    for name, layers in NETWORKS.items():
        if layers == names:
            return name
    return names


def layer_of_kind(kind, layers):
    """The one of these classes with this number in model files. ValueError where there is none."""
    for layer in layers:
        if layer.KIND == kind:
            return layer
    raise ValueError(
        "layer of kind %d: want one of %s" % (kind, ", ".join(str(each.KIND) for each in layers))
    )
