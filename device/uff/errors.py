"""The exceptions of the library; everything else is the ValueError, OverflowError or OSError of
MicroPython itself."""


class FormatError(ValueError):
    """A samples or model file that is damaged, cut short or of another kind."""


class FileChanged(ValueError):
    """A samples file that another program has written to meanwhile. Nothing was written; the
    FileDataset has what the file holds now, so that the same can be tried again."""


class DoesNotFit(MemoryError):
    """A training that would need more memory than there is; raised before anything is
    allocated."""
