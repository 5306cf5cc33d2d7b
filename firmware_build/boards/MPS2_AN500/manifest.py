# ruff: noqa: F821 (include, module: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware, and the files that mount this machine's disk.
include("../../../device/manifest.py")
module("_boot.py")
module("board_disk.py")
