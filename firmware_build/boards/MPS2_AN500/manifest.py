# ruff: noqa: F821 (include, module: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware, and the file that mounts this machine's disk.
include("../../../device/manifest.py")
module("_boot.py")
