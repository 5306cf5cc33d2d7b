"""One run: the sections in their order, what they may ask for, and the report."""

import gc
import json
import os
import sys
import time

from bring_up.clocks import clocks
from bring_up.display import display
from bring_up.flash import flash
from bring_up.identity import identity
from bring_up.kernels import kernels
from bring_up.outcomes import Failed, NotThere
from bring_up.patterns import sync
from bring_up.power import power, read_counter
from bring_up.sdram import sdram
from bring_up.touch import touch
from bring_up.training import training
from uff import job

# What may take the board down comes late; the plug comes last.
SECTIONS = (
    ("identity", "which board, which firmware", identity),
    ("clocks", "the clock tree, from its registers", clocks),
    ("flash", "a file written and read back", flash),
    ("sdram", "March C- and bandwidth", sdram),
    ("kernels", "cycles of each kernel beside the estimate", kernels),
    ("training", "the same bits as the emulator's", training),
    ("display", "patterns and times", display),
    ("touch", "rest, then five targets", touch),
    ("power", "writing while the plug is pulled", power),
)


class SelfTest:
    """One run: its parameters, its board (None where there is none), and its report."""

    def __init__(self, asked):
        self.asked = asked
        self.on_stm32 = "STM32" in getattr(sys.implementation, "_machine", "")
        self.report = {"selftest": 1, "sections": {}}
        self.board = None
        try:
            import boards

            self.board = boards.here()
        except Exception as error:
            # Whatever is wrong with the board's description, the rest can still tell something.
            self.report["no_board"] = "%s: %s" % (type(error).__name__, error)
            print("No board: " + self.report["no_board"])
        self.folder = self.board.folder if self.board else ""
        self.path = self.folder + asked.file
        self.report["cut_in"] = self.cut_in = self._previous()
        self._counter = None
        self._shown = time.ticks_ms()

    def run(self):
        wanted = [name for name in self.asked.sections.split(",") if name]
        known = [name for name, _, _ in SECTIONS]
        for name in wanted:
            if name not in known:
                raise ValueError("sections: %s is none of %s" % (name, ", ".join(known)))
        for name, title, section in SECTIONS:
            if not wanted or name in wanted:
                self._section(name, title, section)
        print("---- done; send back %s" % self.path)
        for name, _, _ in SECTIONS:
            if name in self.report["sections"]:
                self._say_state(name)
        job.result(**self.report)

    def _section(self, name, title, section):
        print("---- %s: %s" % (name, title))
        part = self.report["sections"][name] = {"state": "running"}
        self._save()
        gc.collect()
        begun = time.ticks_ms()
        try:
            part["found"] = section(self)
            part["state"] = "ok"
        except NotThere as reason:
            part["state"], part["why"] = "not there", str(reason)
        except Failed as failure:
            part["state"], (part["why"], part["found"]) = failure.state, failure.args
        except Exception as error:
            # A section of its own: what it met is what we want to know, and the next one runs.
            part["state"], part["why"] = "failed", "%s: %s" % (type(error).__name__, error)
            sys.print_exception(error)
        part["seconds"] = time.ticks_diff(time.ticks_ms(), begun) / 1000
        self._say_state(name)
        self._save()

    def _say_state(self, name):
        part = self.report["sections"][name]
        print("%-8s %s%s" % (name, part["state"], ": " + part["why"] if "why" in part else ""))

    def _previous(self):
        """What is to be known of an earlier run: the section it was cut in, else None."""
        try:
            with open(self.path) as file:
                sections = json.load(file)["sections"]
        except (OSError, ValueError, KeyError):
            return None
        for name, part in sections.items():
            if part["state"] == "running":
                return name
        return None

    def _save(self):
        try:
            with open(self.path + ".new", "w") as file:
                json.dump(self.report, file)
            sync()
            os.rename(self.path + ".new", self.path)
            sync()
        except OSError as error:
            print("%s cannot be written (%s); copy what is printed." % (self.path, error))

    # ---- what sections ask for ----

    def say(self, text):
        print(text)

    def progress(self, what, done):
        """A line every two seconds."""
        now = time.ticks_ms()
        if time.ticks_diff(now, self._shown) > 2000:
            self._shown = now
            print("  %s: %d %%" % (what, int(100 * done)))

    def counter(self):
        """What an earlier run left in the counter's file, as it was found when this one began."""
        if self._counter is None:
            self._counter = read_counter(self.folder + "selftest.counter")
        return self._counter

    def arena(self):
        return self.board.arena() if self.board else bytearray

    def screen(self):
        if self.board is None or self.board.display is None:
            raise NotThere("this board has no screen, or it did not start")
        return self.board.display

    def panel(self):
        if self.board is None or self.board.touch is None:
            raise NotThere("this board has no touch panel, or it did not answer")
        return self.board.touch

    def mem32(self):
        try:
            import stm
        except ImportError:
            raise NotThere("no module stm: this is not an STM32")
        return stm.mem32

    def cycle_counter(self):
        """A function that gives the core's cycles, modulo 2^32; None where there is none."""
        try:
            mem32 = self.mem32()
        except NotThere:
            return None
        mem32[0xE000EDFC] = mem32[0xE000EDFC] | 1 << 24  # DEMCR: trace on
        mem32[0xE0001FB0] = 0xC5ACCE55  # DWT_LAR: unlocked
        mem32[0xE0001004] = 0
        mem32[0xE0001000] = mem32[0xE0001000] | 1  # DWT_CTRL: CYCCNT counts
        first = mem32[0xE0001004]
        if mem32[0xE0001004] == first:
            self.say("DWT_CYCCNT stands still.")
            return None
        return lambda: mem32[0xE0001004]

    def counter_of_work(self):
        """(function, mask of its differences, unit)."""
        cycles = self.cycle_counter()
        if cycles:
            return cycles, 0xFFFFFFFF, "cycles"
        try:
            import board_m7
        except ImportError:
            return time.ticks_us, 0x3FFFFFFF, "us"
        if board_m7.instructions() is None:
            return time.ticks_us, 0x3FFFFFFF, "us"
        return board_m7.instructions, 0xFFFFFFFF, "instructions"

    def ask(self, question):
        """ "yes", "no" or "no answer"."""
        seconds = self.asked.answer_s
        print("%s Button or y: yes; n: no; %d s." % (question, seconds))
        keys = _keys()
        begun = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), begun) < 1000 * seconds:
            key = keys()
            if key == "n":
                return "no"
            if key == "y":
                return "yes"
            if self.board.button():
                while self.board.button():
                    time.sleep_ms(20)
                return "yes"
            time.sleep_ms(20)
        return "no answer"


def _keys():
    """A function that gives the next key typed, or "" """
    import select

    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)

    def key():
        return sys.stdin.read(1) if poll.poll(0) else ""

    return key
