"""Trains a network from a samples file and saves it. Parameters: see JOB below, changed by
job.json."""

import os
import time

import uff
from uff import job
from uff.arena import held_bytes
from uff.model import load_layer

JOB = {
    "samples": "train.uffs",
    "model": "model.uffm",
    "network": "uff2",
    "hidden": None,
    "label_scale": None,
    "lambda1": None,
    "lambda2": None,
    "seed": 0,
    "solver": "auto",
    "leave_one_out": True,
    "copies": 0,
    "layer1": None,  # a model file whose layer 1 is kept: the class layer alone is trained
    # keep the exact Gram matrices in the model file, for verification and learning on
    "statistics": False,
}


def train():
    asked = job.Job(**JOB)
    started = time.ticks_ms()
    dataset = uff.Dataset.open(asked.samples)
    if dataset.lost:
        print(
            "%d damaged records passed over, torn tail of %d bytes cut"
            % (dataset.damaged, dataset.torn)
        )
    classifier = uff.Classifier(
        network=asked.network,
        hidden=asked.hidden,
        label_scale=asked.label_scale,
        lambda1=asked.lambda1,
        lambda2=asked.lambda2,
        seed=asked.seed,
        solver=asked.solver,
        leave_one_out=asked.leave_one_out,
        copies=asked.copies,
        layer1=load_layer(asked.layer1).layer if asked.layer1 is not None else None,
        statistics=asked.statistics,
        arena=job.arena(),
    )
    plan = classifier.plan(dataset)
    print(
        "%s: %d images, %d classes, %d million multiply-adds, %d bytes"
        % (asked.network, plan.images, plan.classes, plan.macs // 1000000, plan.memory_bytes)
    )
    progress = job.Progress()
    for stage, done in classifier.fit_steps(dataset):
        progress(stage, done)
        if done == 1:  # all arrays are held still; asked once, as it walks the table of the heap
            peak = held_bytes(classifier.alloc)
    classifier.save(asked.model)
    network, info = classifier.network, classifier.info
    job.result(
        network=network.name,
        classes=len(network.names),
        images=info.images,
        form1=("dual" if network.layer1.dual else "primal") if network.layer1 else None,
        form2="dual" if network.layer.dual else "primal",
        lambda2=network.layer.ridge_lambda,
        fitted_accuracy=info.fitted_accuracy,
        loo_accuracy=info.loo_accuracy,
        stages=[{"name": s.name, "seconds": s.seconds, "macs": s.macs} for s in info.stages],
        memory_bytes=plan.memory_bytes,
        peak_bytes=peak,
        model=asked.model,
        model_bytes=os.stat(asked.model)[6],
        seconds=time.ticks_diff(time.ticks_ms(), started) / 1000,
    )


job.main(train)
