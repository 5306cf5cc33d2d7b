"""Sphinx: `make docs` builds these pages; a warning is an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "µFF on MicroPython"
copyright = "its authors, MIT licence"
extensions = ["myst_parser", "docstrings"]
suppress_warnings = ["toc.not_included"]  # pictures/*.md; tests/test_docs.py looks at the others
exclude_patterns = ["build"]
html_theme = "furo"
html_title = project
html_copy_source = False

# Anchors of headings as GitHub makes them, so that links work in both.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "fieldlist"]
nitpicky = True
# Signatures are shown as they are written; no inventory of other projects is fetched.
nitpick_ignore_regex = [("py:.*", ".*")]
