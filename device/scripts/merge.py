"""Merges what boards have learnt: model files with statistics, or statistics alone, into one.
Parameters: see JOB below, changed by job.json."""

import os
import time

import uff
from uff import job

JOB = {
    "parts": ["a.uffm", "b.uffm"],
    "remove": [],  # files that were merged before, to be taken out again
    "model": "model.uffm",
}


def merge():
    asked = job.Job(**JOB)
    started = time.ticks_ms()
    if not asked.parts:
        raise ValueError("parts: want one file or more, got none")
    alloc = job.arena()()
    learner = uff.IncrementalClassifier.open(asked.parts[0], alloc)
    for path in asked.parts[1:]:
        learner.merge(path)
    for path in asked.remove:
        learner.unmerge(path)
    progress = job.Progress()
    for done in learner.solve_steps():
        progress("class layer", done)
    learner.save(asked.model)
    job.result(
        network=learner.network.name,
        names=learner.names,
        images=learner.info.images,
        counts=list(learner.statistics.counts),
        model=asked.model,
        model_bytes=os.stat(asked.model)[6],
        seconds=time.ticks_diff(time.ticks_ms(), started) / 1000,
    )


job.main(merge)
