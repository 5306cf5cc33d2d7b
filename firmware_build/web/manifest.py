# ruff: noqa: F821 (include, module: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware, the file that mounts the disk, and what the board starts.
include("../../device/manifest.py")
module("_boot.py")
module("web_board.py")
module("transcript.py", base_path="../../device/virtual_board")
module("web_disk.py")
module("main.py", base_path="../../device")
