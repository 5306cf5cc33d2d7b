from __future__ import annotations

from pathlib import Path

import pytest
from firmware_bench.image import build


@pytest.fixture(scope="session")
def image() -> Path:
    """firmware.elf of the STM32H747I-DISCO, of the present tree."""
    return build()
