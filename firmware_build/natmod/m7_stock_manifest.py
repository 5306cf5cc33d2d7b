# ruff: noqa: F821 (module: a name that MicroPython's makemanifest.py provides)
# What is frozen into the emulated Cortex-M7 without µFF: the files that mount this machine's disk.
module("_boot.py", base_path="../boards/MPS2_AN500")
module("board_disk.py", base_path="../boards/MPS2_AN500")
