"""Networks by name: a network is a list of layers, at most one feature layer, then a class layer.

A name is one of NAMES, or the kinds of its layers with a "+" between them.
"""

from __future__ import annotations

from uff_host.errors import DataError

FEATURE_KINDS = ("contrast", "patch", "mirror")
CLASS_KINDS = ("linear", "kernel")
KINDS = ("contrast", "patch", "linear", "kernel", "mirror")  # number 1 and up in a model file

Kinds = tuple[str, ...]

NAMES: dict[str, Kinds] = {
    "uff1": ("linear",),
    "uff2": ("contrast", "linear"),
    "uff_conv": ("patch", "linear"),
    "uff_kernel": ("patch", "kernel"),
    "uff_mirror": ("mirror", "kernel"),
}


def name_of(kinds: Kinds) -> str:
    """The name of the network of these layers."""
    for name, layers in NAMES.items():
        if layers == kinds:
            return name
    return "+".join(kinds)


def kinds_of(name: str) -> Kinds:
    """The layers of the network of this name.

    Raises:
        DataError: There is no such network.
    """
    kinds = NAMES.get(name, tuple(name.split("+")))
    if not is_network(kinds):
        raise DataError(f"Network {name!r}: there are {', '.join(every_name())}.")
    return kinds


def is_network(kinds: Kinds) -> bool:
    """Whether these layers, in this order, are a network."""
    *first, last = kinds or ("",)
    return len(first) <= 1 and all(kind in FEATURE_KINDS for kind in first) and last in CLASS_KINDS


def every_name() -> list[str]:
    """All networks, those with a name of their own first."""
    features: list[Kinds] = [(), *((kind,) for kind in FEATURE_KINDS)]
    combined = [name_of((*feature, last)) for feature in features for last in CLASS_KINDS]
    return list(dict.fromkeys([*NAMES, *combined]))
