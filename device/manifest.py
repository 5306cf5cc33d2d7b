# ruff: noqa: F821 (module, package, include: names that MicroPython's makemanifest.py provides)
# What is frozen into every firmware: the library of device/, the application with its drivers and
# boards, the self-test, and asyncio for the app.
package("uff")
package("capture")
package("drivers")
package("boards")
package("bring_up")
include("$(MPY_DIR)/extmod/asyncio")
