"""The version of the package is that of the device library; all else stands in pyproject.toml."""

import re
from pathlib import Path

from setuptools import setup

LIBRARY = Path(__file__).resolve().parent.parent / "device" / "uff" / "__init__.py"

setup(version=re.search(r'^__version__ = "(.+?)"', LIBRARY.read_text("utf-8"), re.M)[1])
