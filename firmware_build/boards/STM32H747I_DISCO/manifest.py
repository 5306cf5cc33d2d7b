# ruff: noqa: F821 (include, module: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware, the file that mounts this board's memories, and the demo.
include("../../../device/manifest.py")
module("_boot.py")
module("main.py", base_path="../../../device")
