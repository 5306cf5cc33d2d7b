# ruff: noqa: F821 (module, package, include: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware: the library of device/, what its scripts share, and asyncio
# for the app.
package("uff")
module("job.py")
include("$(MPY_DIR)/extmod/asyncio")
