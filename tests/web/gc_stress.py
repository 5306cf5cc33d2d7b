"""Trainings, one after the other, with a collection at almost every allocation; reports what is in
use after each."""

import gc
import json

import uff

gc.threshold(300)
dataset = uff.Dataset.open("train.uffs")
held = []
for _ in range(6):
    classifier = uff.Classifier(network="uff_kernel")
    classifier.fit(dataset)
    classifier.save("model.uffm")
    names = [str(i) + "!" for i in range(300)]
    assert [name[:-1] for name in names] == [str(i) for i in range(300)]
    assert uff.load("model.uffm").network.name == "uff_kernel"
    del names, classifier
    gc.collect()
    held.append(gc.mem_alloc())
print(json.dumps({"trainings": len(held), "held": held}))
