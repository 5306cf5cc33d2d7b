"""A second place that knows how much was kept, so that a loss is noticed.

A littlefs whose newest block of a folder goes bad falls back to an older one: all files are
sound, but those of some time ago. Nothing in that folder can tell. So the number of records of the
samples file is noted in a folder of its own, which lies in other blocks.
"""

import os
from struct import pack, unpack

from ridge import crc32
from uff.files import discard, open_file

FORMAT = "<II"  # records, CRC-32 of them


class Witness:
    """The witness of a samples file: path.kept/records. It is of use where it can be read and
    written, and does no harm where not.

    records: the number last noted, 0 where there is none.
    """

    def __init__(self, path):
        self._folder = path + ".kept"
        self._path = self._folder + "/records"
        self.records = self._read()

    def _read(self):
        try:
            with open_file(self._path, "rb") as file:
                records, crc = unpack(FORMAT, file.read(8))
        except (OSError, ValueError):
            return 0
        return records if crc == crc32(pack("<I", records)) else 0

    def prepare(self):
        """Makes the folder: before the samples file, so that what falls back to the time of that
        file has the folder too."""
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # it is there, or cannot be

    def note(self, records):
        """This many records are in the file now."""
        try:
            with open_file(self._path, "wb") as file:
                file.write(pack(FORMAT, records, crc32(pack("<I", records))))
        except OSError:
            return
        self.records = records

    def forget(self):
        """The file will have fewer."""
        discard(self._path)
        self.records = 0
