# ruff: noqa: F821 (module, package, include: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware: the library of device/, the application with its drivers and
# boards, what the scripts share, and asyncio for the app.
package("uff")
package("capture")
package("drivers")
package("boards")
module("job.py")
include("$(MPY_DIR)/extmod/asyncio")
