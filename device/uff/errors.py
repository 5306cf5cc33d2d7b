"""The exceptions of the library; everything else is the ValueError, OverflowError or OSError of
MicroPython itself."""


class FormatError(ValueError):
    """A samples or model file that is damaged, cut short or of another kind."""


class DoesNotFit(MemoryError):
    """A training that would need more memory than there is; raised before anything is
    allocated."""
