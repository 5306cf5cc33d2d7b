"""The same bits as the emulator's."""

import struct
import time

import ridge
from bring_up.bounds import TRAININGS
from bring_up.kernels import FILTERS
from bring_up.outcomes import Failed
from bring_up.patterns import xorshift16
from uff import Dataset, Options
from uff.train import Trainer

CLASSES, EACH, SIDE, HIDDEN = 5, 12, 28, 128


def training_images():
    """Samples that need no file: stripes of another slope for each class, under noise."""
    samples = Dataset(SIDE, SIDE, ["stripe %d" % c for c in range(CLASSES)])
    state = 1
    for _ in range(EACH):
        for c in range(CLASSES):
            state = xorshift16(state)
            shift = state & 15
            image = bytearray(SIDE * SIDE)
            for y in range(2, SIDE - 2):
                for x in range(2, SIDE - 2):
                    state = xorshift16(state)
                    if (x * (c + 1) + y * (CLASSES - c) + shift) % 12 < 5:
                        image[y * SIDE + x] = 128 + (state & 127)
                    elif state < 16384:
                        image[y * SIDE + x] = state & 127
            samples.append(image, c)
    return samples


def digest(network):
    """SHA-256 of a network's weights, in hex."""
    import hashlib

    sha = hashlib.sha256()
    if network.layer1:
        sha.update(network.layer1.w)
    sha.update(network.layer.w)
    sha.update(bytes(network.layer.v))
    sha.update(struct.pack("<ii", network.layer.exponent, network.info.loo_correct))
    return "".join("%02x" % byte for byte in sha.digest())


def training(test):
    """Trains on the same images as the emulator did; the weights have to be the same bits."""
    samples = training_images()
    found = {"images": len(samples), "crc_images": crc_of(samples), "runs": {}}
    counter, mask, unit = test.counter_of_work()
    found["unit"] = unit
    wrong = []
    for form, options in (
        ("primal", {"hidden": HIDDEN, "solver": "primal"}),
        ("dual", {"hidden": HIDDEN, "solver": "dual"}),
        ("uff_kernel", {"network": "uff_kernel", "hidden": FILTERS, "copies": 1}),
    ):
        trainer = Trainer(samples, Options(**options), alloc=test.arena())
        stages = {}
        begun = time.ticks_us()
        last = counter()
        for stage, done in trainer.steps():
            now = counter()
            stages[stage] = stages.get(stage, 0) + ((now - last) & mask)
            test.progress(form, done)
            last = counter()
        run = {
            "sha256": digest(trainer.network),
            "ms": time.ticks_diff(time.ticks_us(), begun) // 1000,
            "work": sum(stages.values()),
            "stages": stages,
            "network": trainer.network.name,
            "copies": trainer.copies,
            "dual": [trainer.network.layer1.dual, trainer.network.layer.dual],
            "leave_one_out_correct": trainer.network.info.loo_correct,
        }
        if form in TRAININGS:
            sha256, instructions, low, high = TRAININGS[form]
            run["instructions_emulated"], run["estimate_ms"] = instructions, [low, high]
            if unit == "cycles":
                test.say("%s: %d ms, estimated %d to %d" % (form, run["ms"], low, high))
            if sha256 != run["sha256"]:
                wrong.append("%s: want SHA-256 %s, got %s" % (form, sha256, run["sha256"]))
        found["runs"][form] = run
        trainer = None
    if wrong:
        raise Failed("; ".join(wrong), found)
    return found


def crc_of(samples):
    crc = 0
    for i in range(len(samples)):
        crc = ridge.crc32(samples[i], crc)
    return "%08x" % crc
