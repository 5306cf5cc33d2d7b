"""Trains as train.py does and counts processor instructions, stage by stage. Parameters: see JOB
below, changed by job.json.

Only the emulated Cortex-M7 counts. Elsewhere the script trains all the same and says that there is
no counter. From the opening of the samples file to the network in memory every instruction counts,
Python, checksums and garbage collection too; what lies between two stages counts for the later
one. Progress and looks at the heap do not count.
"""

import gc
import json
import time

import ridge
import uff.classlayer
import uff.contrast
import uff.embed
import uff.kernel
import uff.linear
import uff.mirror
import uff.patch
import uff.statistics
import uff.train
from uff import Dataset, Options, job, model
from uff.arena import free_bytes, held_bytes
from uff.train import Trainer

try:
    import board_m7

    COUNTED = board_m7.instructions() is not None
except ImportError:
    COUNTED = False

# There instructions, modulo a power of two: always a small integer, so counting allocates nothing.
counter = time.ticks_cpu
passed = time.ticks_diff

JOB = {
    "samples": "train.uffs",
    "model": None,  # where to save it, uncounted
    "network": "uff2",
    "hidden": None,
    "seed": 0,
    "solver": "auto",
    "copies": 0,
    "leave_one_out": False,  # train.py computes it, the talk's times do not hold it
    "kernels": None,  # "plain" for ridge's plain kernels
    "calls": False,  # count inside ridge's functions too; adds some hundred instructions a call
}


class StageCounter:
    """Instructions of each stage. Looking at the heap between two stages is not counted.

    alloc: where the arrays come from, for the peak of memory: heap and arena.
    """

    def __init__(self, alloc):
        self._alloc = alloc
        self.peak = held_bytes(alloc)
        self.stages = []  # [name, instructions]
        self._since = counter()

    def __call__(self, stage, done=0):
        """Ends a slice of this stage, which is of fewer than 2^29 instructions."""
        count = passed(counter(), self._since)
        if not self.stages or self.stages[-1][0] != stage:
            self.stages.append([stage, 0])
            self.peak = max(self.peak, held_bytes(self._alloc))
            # No time left: how many digits it has would move everything in the heap.
            print("@progress", json.dumps({"stage": stage, "done": done, "left_s": None}))
        self.stages[-1][1] += count
        self._since = counter()

    def collect(self, check):
        """Collects garbage and hands the free bytes to check(), uncounted: the collector looks at
        every word on the stack, old times among them, and the count of free bytes at every block
        of the heap."""
        count = passed(counter(), self._since)
        gc.collect()
        check(free_bytes(self._alloc))
        self._since = counter() - count


class NoClock:
    """Stands in the place of time where a training takes times: how many instructions the division
    of a 64-bit time takes depends on the time."""

    @staticmethod
    def ticks_ms():
        return 0

    @staticmethod
    def ticks_diff(now, before):
        return 0


class CountedRidge:
    """Stands in the place of the module ridge and counts inside its functions."""

    def __init__(self, module):
        self.counts = {}
        for name in dir(module):
            value = getattr(module, name)
            if callable(value):
                value = self._counted(name, value)
            setattr(self, name, value)

    def _counted(self, name, function):
        def call(*args, **keywords):
            before = counter()
            try:
                return function(*args, **keywords)
            finally:
                self.counts[name] = self.counts.get(name, 0) + passed(counter(), before)

        return call


def cost():
    asked = job.Job(**JOB)
    calls = None
    if asked.calls and COUNTED:
        calls = CountedRidge(ridge)
        for module in (
            uff.train,
            uff.embed,
            uff.contrast,
            uff.patch,
            uff.mirror,
            uff.classlayer,
            uff.linear,
            uff.kernel,
            uff.statistics,
        ):
            module.ridge = calls
    uff.train.time = NoClock
    before = ridge.kernels(asked.kernels) if asked.kernels else ridge.kernels()
    gc.collect()
    alloc = job.arena()()
    counted = StageCounter(alloc)
    samples = Dataset.open(asked.samples)
    counted("read samples")
    options = Options(
        network=asked.network,
        hidden=asked.hidden,
        seed=asked.seed,
        solver=asked.solver,
        leave_one_out=asked.leave_one_out,
        copies=asked.copies,
    )
    trainer = Trainer(samples, options, alloc)
    counted.collect(trainer.plan.check)
    for stage, done in trainer.steps():
        counted(stage, done)
    counted(stage)
    ridge.kernels(before)
    if asked.model:
        model.save(trainer.network, asked.model)
    macs = {stage.name: stage.macs for stage in trainer.plan.stages}
    stages = [
        {"name": name, "instructions": count, "macs": macs.get(name, 0)}
        for name, count in counted.stages
    ]
    network = trainer.network
    if not COUNTED:
        print("this machine has no counter of instructions; the counts are none")
    job.result(
        network=network.name,
        classes=len(network.names),
        images=network.info.images,
        form1=("dual" if network.layer1.dual else "primal") if network.layer1 else None,
        form2="dual" if network.layer.dual else "primal",
        counted=COUNTED,
        stages=stages,
        instructions=sum(stage["instructions"] for stage in stages) if COUNTED else None,
        macs=trainer.plan.macs,
        peak_bytes=counted.peak,
        memory_bytes=trainer.plan.memory_bytes,
        calls=calls.counts if calls else None,
    )


job.main(cost)
