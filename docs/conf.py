"""Sphinx: `make docs` builds these pages; a warning is an error."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).parent.parent
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

source = (TOP / "device/uff/__init__.py").read_text(encoding="utf-8")
version = release = re.search(r'^__version__ = "(.+?)"', source, re.M)[1]
project = "µFF on MicroPython"
copyright = "its authors, MIT licence"
extensions = ["myst_parser", "docstrings"]
suppress_warnings = ["toc.not_included"]  # pictures/*.md; tests/test_docs.py looks at the others
exclude_patterns = ["build"]
html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False

# Anchors of headings as GitHub makes them, so that links work in both.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "fieldlist"]
nitpicky = True
# Signatures are shown as they are written; no inventory of other projects is fetched.
nitpick_ignore_regex = [("py:.*", ".*")]
