"""The number of records of the samples file, kept a second time, so that a loss is noticed.

A littlefs whose newest block of a folder goes bad falls back to an older one: all files are
sound, but those of some time ago. Nothing in that folder can tell. So this number is in a folder
of its own, which lies in other blocks.
"""

import os
from struct import pack, unpack

from ridge import crc32
from uff.files import discard, open_file

FORMAT = "<II"  # records, CRC-32 of them


class RecordCount:
    """The number of records of the samples file `path`, in path.kept/records. It is of use where
    it can be read and written, and does no harm where not.

    records: the number last written, 0 where there is none.
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

    def make_folder(self):
        """Makes the folder: before the samples file, so that what falls back to the time of that
        file has the folder too."""
        try:
            os.mkdir(self._folder)
        except OSError:
            pass  # it is there, or cannot be

    def write(self, records):
        """This many records are in the file now."""
        try:
            with open_file(self._path, "wb") as file:
                file.write(pack(FORMAT, records, crc32(pack("<I", records))))
        except OSError:
            return
        self.records = records

    def clear(self):
        """Before a change after which the file has fewer."""
        discard(self._path)
        self.records = 0
