"""The first hour with a board: what only hardware can tell, in one file to send back.

    mpremote run device/scripts/selftest.py
    mpremote cp :/flash/selftest.json .

Each section says what it found; one that fails, or whose part is not there, stops no other. The
file is written anew after every section, so that after a crash it names the section that ran.
Questions are answered by the user button (yes) or, in a REPL, by y or n. Parameters: see JOB
below, changed by job.json. What runs here was never seen on a board by us; on the unix port and
on the emulated Cortex-M7 the same script runs with the parts that exist there.
"""

from bring_up.selftest import SelfTest

from uff import job

JOB = {
    "sections": "",  # names with commas between; all where empty
    "file": "selftest.json",
    "march_bytes": 0,  # of memory to test; 0: all of the arena, or 1 MB of the heap
    "write_kb": 256,  # to and from the flash
    "answer_s": 15.0,  # for a question
    "rest_s": 3.0,  # without touching
    "touch_s": 20.0,  # for a target
    "power_s": -1.0,  # of writing while the plug may be pulled; -1: 20 on the board, else 0
}


def main():
    SelfTest(job.Job(**JOB)).run()


job.main(main)
