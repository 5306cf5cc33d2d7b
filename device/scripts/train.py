"""Trains a network from a samples file and saves it. Parameters: see JOB below, changed by
job.json."""

import gc
import time

import job

from uff import Options, SamplesFile, Trainer
from uff.arena import free_bytes, held_bytes
from uff.model import load_layer

JOB = {
    "samples": "train.uffs",
    "model": "model.uffm",
    "network": "uff2",
    "hidden": None,
    "strength": None,
    "lambda1": None,
    "lambda2": None,
    "seed": 0,
    "form": "auto",
    "leave_one_out": True,
    "copies": 0,
    "layer1": None,  # a model file whose layer 1 is kept: the class layer alone is trained
    # keep the exact Gram matrices in the model file, for verification and learning on
    "statistics": False,
}


def train():
    asked = job.Job(**JOB)
    started = time.ticks_ms()
    samples = SamplesFile.open(asked.samples)
    if samples.damaged or samples.torn:
        print(
            "%d damaged records passed over, torn tail of %d bytes cut"
            % (samples.damaged, samples.torn)
        )
    layer1, hidden = None, asked.hidden
    if asked.layer1 is not None:
        layer1 = load_layer(asked.layer1)[0]
        hidden = layer1.neurons if hidden is None else hidden
    options = Options(
        network=asked.network,
        hidden=hidden,
        strength=asked.strength,
        lambda1=asked.lambda1,
        lambda2=asked.lambda2,
        seed=asked.seed,
        form=asked.form,
        leave_one_out=asked.leave_one_out,
        copies=asked.copies,
    )
    alloc = job.arena()()
    trainer = Trainer(samples, options, alloc, layer1)
    gc.collect()
    trainer.plan.check(free_bytes(alloc))
    print(
        "%s: %d images, %d classes, %d million multiply-adds, %d bytes"
        % (
            asked.network,
            len(samples),
            len(samples.names),
            trainer.plan.macs // 1000000,
            trainer.plan.memory_bytes,
        )
    )
    progress = job.Progress()
    for stage, done in trainer.steps():
        progress(stage, done)
        if done == 1:  # all arrays are held still; asked once, as it walks the table of the heap
            peak = held_bytes(alloc)
    network = trainer.network
    network.save(
        asked.model,
        trainer.statistics if asked.statistics else None,
        trainer.statistics1 if asked.statistics else None,
    )
    facts = network.facts
    job.result(
        network=network.name,
        classes=len(network.names),
        images=facts.images,
        form1=("dual" if network.layer1.dual else "primal") if network.layer1 else None,
        form2="dual" if network.layer.dual else "primal",
        lambda2=network.layer.ridge_lambda,
        fitted_accuracy=facts.fitted_correct / facts.images,
        loo_accuracy=None if facts.loo_correct is None else facts.loo_correct / facts.images,
        stages=[
            {"name": s.name, "seconds": s.seconds, "macs": s.macs} for s in trainer.plan.stages
        ],
        memory_bytes=trainer.plan.memory_bytes,
        peak_bytes=peak,
        model=asked.model,
        model_bytes=_size(asked.model),
        seconds=time.ticks_diff(time.ticks_ms(), started) / 1000,
    )


def _size(path):
    import os

    return os.stat(path)[6]


job.main(train)
