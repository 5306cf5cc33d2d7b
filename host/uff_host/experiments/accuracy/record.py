"""Rows of the committed table, for networks that cannot be computed where a package is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from uff_host import files
from uff_host.experiments.accuracy.grid import Cell, Row


def path() -> Path:
    """The JSON that `make table` writes."""
    return files.pictures() / "accuracy.json"


def rows(kept: Path, networks: Sequence[str], wanted: Sequence[Cell], seeds: int) -> list[Row]:
    """What a table's JSON has of these networks in these cells by as many seeds, each marked as
    recorded. Nothing where the file is missing or is no such table."""
    try:
        found = parse(json.loads(kept.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [
        replace(row, recorded=True)
        for row in found
        if row.network in networks and row.cell in wanted and row.seeds == seeds
    ]


def parse(rows: Any) -> list[Row]:
    """The rows of a table's JSON.

    Raises:
        ValueError, KeyError, TypeError: It is none.
    """
    return [
        Row(**{**row, **{name: tuple(row[name]) for name in ("class_ids", "accuracies")}})
        for row in rows
    ]
