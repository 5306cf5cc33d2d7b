"""Touch recordings (`.ufft`): what a touch controller reported, and when.

Little-endian: a header, a record for each report, a CRC-32 of all before. On a board
device/capture/touch_recording.py replays and records them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from uff_host import files
from uff_host.errors import FormatError

MAGIC = b"UFFT"
VERSION = 2
HEADER = "<4sHHHHI"  # magic, version, header bytes, width, height, records
RECORD = "<IBBHH"  # t_ms, id, event, x, y
PRESS, LIFT, CONTACT = 0, 1, 2
FINGERS = 2
MAX_SIDE = 65535
MAX_MS = 2**32 - 1


class Report(NamedTuple):
    """One touch at one moment: milliseconds from the start, finger 0 or 1, event, pixels."""

    t_ms: int
    id: int
    event: int
    x: int
    y: int


@dataclass
class TouchRecording:
    """The reports of a screen of width x height pixels, in their order."""

    width: int
    height: int
    reports: Sequence[Report]

    @property
    def lasts_ms(self) -> int:
        """Time of the last report."""
        return self.reports[-1].t_ms if self.reports else 0


def pack_recording(recording: TouchRecording) -> bytes:
    """The whole file as bytes.

    Raises:
        FormatError: A report cannot be: later than the next, off the screen, of a third finger.
    """
    if not (1 <= recording.width <= MAX_SIDE and 1 <= recording.height <= MAX_SIDE):
        raise FormatError(
            f"A screen of {recording.width} x {recording.height} pixels: "
            f"each side is 1 to {MAX_SIDE}."
        )
    _check(recording, "recording")
    size = struct.calcsize(HEADER)
    count = len(recording.reports)
    parts = [struct.pack(HEADER, MAGIC, VERSION, size, recording.width, recording.height, count)]
    parts += [struct.pack(RECORD, *report) for report in recording.reports]
    body = b"".join(parts)
    return body + struct.pack("<I", zlib.crc32(body))


def unpack_recording(data: bytes, what: str = "recording") -> TouchRecording:
    """The recording in the bytes of a file; `what` names it in sentences.

    Raises:
        FormatError: It is no recording, of another version, cut short or damaged.
    """
    size = struct.calcsize(HEADER)
    if len(data) < size or data[:4] != MAGIC:
        raise FormatError(
            f"{what} is no touch recording: it does not begin with {MAGIC.decode()}."
        )
    _, version, header, width, height, count = struct.unpack_from(HEADER, data)
    if version == 1:
        raise FormatError(
            f"{what} was recorded with an older application, whose pages were others: "
            "record it anew."
        )
    if version != VERSION or header != size:
        raise FormatError(
            f"{what} has version {version} of touch recordings, this reads {VERSION}."
        )
    each = struct.calcsize(RECORD)
    wanted = size + count * each + 4
    if len(data) != wanted:
        raise FormatError(f"{what}: {count} touches take {wanted} bytes, it has {len(data)}.")
    if struct.unpack_from("<I", data, wanted - 4)[0] != zlib.crc32(data[:-4]):
        raise FormatError(f"{what} is damaged: its CRC does not fit.")
    reports = [Report(*fields) for fields in struct.iter_unpack(RECORD, data[size:-4])]
    recording = TouchRecording(width, height, reports)
    _check(recording, what)
    return recording


def _check(recording: TouchRecording, what: str) -> None:
    last = 0
    for number, report in enumerate(recording.reports):
        possible = (
            last <= report.t_ms <= MAX_MS
            and 0 <= report.id < FINGERS
            and report.event in (PRESS, LIFT, CONTACT)
            and 0 <= report.x < recording.width
            and 0 <= report.y < recording.height
        )
        if not possible:
            raise FormatError(f"{what}: touch {number} cannot be: {report}.")
        last = report.t_ms


def write_recording(path: Path, recording: TouchRecording) -> None:
    """Write the file whole; an older one stays until the new one is complete.

    Raises:
        FormatError: A report cannot be.
        OSError: The file cannot be written.
    """
    files.write_bytes(path, pack_recording(recording))


def read_recording(path: Path) -> TouchRecording:
    """Read a file.

    Raises:
        FormatError: It is damaged, or no recording.
        OSError: It cannot be read.
    """
    data = files.read_sized(path, struct.calcsize(HEADER), lambda head: _size_of(head, str(path)))
    return unpack_recording(data, str(path))


def _size_of(head: bytes, what: str) -> int:
    """The size of the file that begins with these bytes."""
    if head[:4] != MAGIC:
        raise FormatError(
            f"{what} is no touch recording: it does not begin with {MAGIC.decode()}."
        )
    return len(head) + int(struct.unpack(HEADER, head)[5]) * struct.calcsize(RECORD) + 4
