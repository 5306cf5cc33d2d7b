#!/usr/bin/env python3
"""Prints what lies in each memory of a firmware and how much of it is taken.

    size_report.py firmware.elf

Sections come from the ELF file, memories from the linker's map beside it (firmware.map). Ends with
status 1 where sections overlap or lie outside their memory. Standard library only.
"""

import itertools
import re
import struct
import sys
from collections import namedtuple
from pathlib import Path

Memory = namedtuple("Memory", ("name", "start", "size"))
Section = namedtuple("Section", ("name", "start", "size", "stored"))

ALLOCATED, NOBITS = 2, 8  # SHF_ALLOC, SHT_NOBITS
REST = ".heap"  # in the file as large as it must be at least; it gets what is left


class ReportError(Exception):
    """These files are no firmware; the message is a sentence for people."""


def read_memories(text):
    """The table "Memory Configuration" of a map file, without the default entry."""
    _, _, table = text.partition("Memory Configuration")
    table, _, _ = table.partition("Linker script and memory map")
    memories = [
        Memory(name, int(start, 16), int(size, 16))
        for name, start, size in re.findall(
            r"^(\w+) +0x([0-9a-f]+) +0x([0-9a-f]+)", table, re.MULTILINE
        )
    ]
    if not memories:
        raise ReportError("the map file has no table of memories")
    return memories


def read_sections(data):
    """The allocated, non-empty sections of a 32-bit little-endian ELF file, by address."""
    if data[:6] != b"\x7fELF\x01\x01":
        raise ReportError("this is no 32-bit little-endian ELF file")
    (offset,) = struct.unpack_from("<I", data, 0x20)
    size, count, names = struct.unpack_from("<HHH", data, 0x2E)
    headers = [struct.unpack_from("<10I", data, offset + i * size) for i in range(count)]
    text = headers[names][4]

    def name(at):
        return data[text + at : data.index(b"\0", text + at)].decode()

    return sorted(
        (
            Section(name(h[0]), h[3], h[5], h[1] != NOBITS)
            for h in headers
            if h[2] & ALLOCATED and h[5]
        ),
        key=lambda section: section.start,
    )


def load_address(text, section):
    """Where a section's first bytes are stored, if not where they run: from the map file."""
    found = re.search(
        rf"^{re.escape(section.name)}\s+0x[0-9a-f]+\s+0x[0-9a-f]+ load address 0x([0-9a-f]+)",
        text,
        re.MULTILINE,
    )
    return int(found[1], 16) if found else None


def report(elf, map_text):
    """[(Memory, [Section])] of all memories; ReportError where sections overlap or lie nowhere."""
    sections = read_sections(elf)
    for section in list(sections):
        stored = load_address(map_text, section) if section.stored else None
        if stored not in (None, section.start):
            sections.append(Section(section.name + " (first values)", stored, section.size, True))
    sections.sort(key=lambda section: section.start)
    for one, other in itertools.pairwise(sections):
        if one.start + one.size > other.start:
            raise ReportError(f"{one.name} and {other.name} overlap")
    memories = {memory: [] for memory in read_memories(map_text)}
    for section in sections:
        for memory, inside in memories.items():
            if memory.start <= section.start < memory.start + memory.size:
                if section.start + section.size > memory.start + memory.size:
                    raise ReportError(f"{section.name} does not fit into {memory.name}")
                inside.append(section)
                break
        else:
            raise ReportError(f"{section.name} at {section.start:#x} lies in no memory")
    return list(memories.items())


def table(rows):
    lines = [("memory", "size", "taken", "", "of which")]
    for memory, sections in rows:
        taken = sum(section.size for section in sections if section.name != REST)
        parts = ", ".join(f"{s.name} {s.size:,}" for s in sections if s.name != REST)
        if any(section.name == REST for section in sections):
            parts += f"; heap: the other {memory.size - taken:,}"
        share = f"{100 * taken / memory.size:.0f} %"
        lines.append((memory.name, f"{memory.size:,}", f"{taken:,}", share, parts))
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    for name, *numbers, parts in lines:
        cells = "  ".join(n.rjust(width) for n, width in zip(numbers, widths[1:], strict=True))
        yield f"{name.ljust(widths[0])}  {cells}  {parts}".rstrip()


def main():
    path = Path(sys.argv[1])
    try:
        map_text = path.with_suffix(".map").read_text(encoding="utf-8", errors="replace")
        rows = report(path.read_bytes(), map_text)
    except (ReportError, OSError, struct.error) as error:
        sys.exit(f"size: {path.name}: {error}")
    print(*table(rows), sep="\n")


if __name__ == "__main__":
    main()
