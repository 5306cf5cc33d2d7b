"""The exceptions of the host package; every message is a sentence that a person can act on.

UffError
 ├─ FormatError   a samples, model or predictions file is not what its layout says
 ├─ DataError     images or labels from outside cannot be used as they are
 └─ DeviceError   the target could not be started, failed, or went silent
"""


class UffError(Exception):
    """Base of every error that the command line shows as one sentence."""


class FormatError(UffError):
    """A file of this project is damaged, cut short, or of another version."""


class DataError(UffError):
    """Images, labels or options that cannot be used as they are."""


class DeviceError(UffError):
    """A target could not be started, reported an error, or did not answer."""
