"""The first hour with a board: what only hardware can tell, section by section.

device/scripts/selftest.py runs it; it is frozen into the firmware that it judges. A section is a
file with a function of its name, which gets the running SelfTest, returns what it found, and
raises Failed, Unconfirmed or NotThere (outcomes.py). Their order is SECTIONS in selftest.py. What
they compare a board with is data: bounds.py, made by host/tools/selftest_bounds.py.
"""
