"""The application's files: opened at the start, whatever the power or the disk has done to them.

Nothing is ever deleted for what is wrong with it. A damaged samples file is renamed to
drawings.uffs.bad1 and so on, and what is sound in it goes on under its name.
"""

from uff import Dataset, FormatError
from uff.files import NOWHERE, discard, exists, rename
from uff.model import load

from . import rules
from .raster import SIDE
from .record_count import RecordCount

SAMPLES = "drawings.uffs"
MODEL = "drawings.uffm"
LAYER = "drawings.layer"  # layer 1 from before the last change, while that can be taken back
NAMES = ("1", "2", "3")  # of a new samples file


class Storage:
    """The files in `folder` ("" or ending in "/").

    notices: sentences for people on what was found wrong. harmed: whether drawings are not there
    any more. fresh: whether there were none.
    """

    def __init__(self, folder):
        self.notices = []
        self.harmed = self.fresh = False
        self.model_path = folder + MODEL
        self.layer_path = folder + LAYER
        self._samples_path = folder + SAMPLES
        self._record_count = RecordCount(self._samples_path)

    def open_network(self):
        """The network of the model file; None where there is none of use."""
        try:
            network = load(self.model_path)
        except OSError as error:
            if error.errno in NOWHERE:
                return None
            why = "The network cannot be read (error %s)" % error.errno
        except FormatError:
            why = "The file of the network is damaged"
        except MemoryError:
            why = "There is not enough memory for the network"
        else:
            shape = network.embedding.height, network.embedding.width
            if network.name == rules.NETWORK and shape == (SIDE, SIDE):
                return network
            why = "The network is of another version of the application"
        self.notices.append(why + ": it learns your drawings anew.")
        return None

    def open_drawings(self, network):
        """The Dataset of the samples file; a new one with the classes of `network`, if any, where
        there is no sound file. In memory alone where the disk does not work at all."""
        names = network.names if network else NAMES
        try:
            self._record_count.make_folder()
            samples, found, lost = self._open_or_begin(self._samples_path, names)
            lost += max(self._record_count.records - found, 0)
            # What is lost is reported at each start, until a change shows that somebody was there.
            self._record_count.write(samples.records + lost)
        except OSError as error:
            self.harmed, self._record_count = True, None
            self.notices.append(
                "The disk does not work (error %s): what you draw is gone with the power."
                % error.errno
            )
            return Dataset(SIDE, SIDE, names)
        if lost:
            text = "%d drawings or changes are lost." % lost if lost > 1 else "A drawing is lost."
            self.notices.insert(0, text)
        elif self.fresh and network:
            self.harmed = True
            self.notices.insert(0, "The drawings are gone; the network is kept.")
        self.harmed = self.harmed or lost > 0
        self.fresh = self.fresh and not self.harmed
        return samples

    def _open_or_begin(self, path, names):
        """(samples, records that were found, how many of these are of no use)."""
        samples, why = None, None
        try:
            samples = Dataset.open(path)
        except FormatError:
            why = "The file of the drawings is damaged"
        except OSError as error:
            if error.errno in NOWHERE:
                self.fresh = True
                return Dataset.create(path, SIDE, SIDE, names), 0, 0
            why = "The file of the drawings cannot be read (error %s)" % error.errno
        lost, found = 0, 0
        if samples is None or samples.lost:
            aside = _free(path)
            try:
                samples, lost, found = Dataset.rescue(path, aside)
                self.notices.append("The old file is kept as %s." % _name(aside))
            except FormatError:
                pass
            except OSError as error:
                if samples is not None:
                    # It goes on as it is, and what is torn is written over.
                    self.notices.append("The old file cannot be kept (error %s)." % error.errno)
                    lost, found = samples.lost, samples.records
        if samples is not None:
            if (samples.height, samples.width) == (SIDE, SIDE):
                return samples, found or samples.records, lost
            why = "The drawings have %d x %d points" % (samples.height, samples.width)
        self.harmed = True
        for old in (path, path + ".new"):
            if exists(old):
                aside = _free(path)
                rename(old, aside)
                self.notices.append("%s; it is kept as %s." % (why, _name(aside)))
                why = "There is an unfinished file too"
        return Dataset.create(path, SIDE, SIDE, names), 0, 0

    def count_records(self, samples):
        """After a change of the samples: their records are counted a second time."""
        if self._record_count:
            try:
                self._record_count.write(samples.records)
            except (OSError, FormatError, MemoryError):
                pass  # the change was made; it is counted with the next one

    def clear_count(self):
        """Before a change after which the samples file has fewer records."""
        if self._record_count:
            self._record_count.clear()


def forget(folder=""):
    """Removes the drawings and the network in a folder, and what belongs to them."""
    for name in (SAMPLES, MODEL, LAYER):
        discard(folder + name)
        discard(folder + name + ".new")
    discard(folder + SAMPLES + ".undo")
    RecordCount(folder + SAMPLES).clear()


def _name(path):
    return path.split("/")[-1]


def _free(path):
    """A name for what is put aside, that nothing has."""
    number = 1
    while exists("%s.bad%d" % (path, number)):
        number += 1
    return "%s.bad%d" % (path, number)
