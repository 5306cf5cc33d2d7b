# ruff: noqa: F821 (package, include: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware: the library of device/, and asyncio for the app.
package("uff")
include("$(MPY_DIR)/extmod/asyncio")
