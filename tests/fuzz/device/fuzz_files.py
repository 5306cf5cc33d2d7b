"""Files of samples, models and touches: whether the readers of the device take each, what they
find in it, and what is left of it after it was worked with. The other end: files.py.
"""

import os
from array import array
from binascii import hexlify
from struct import pack

from capture.touch_recording import Replay
from fuzz_cases import answer_cases

from ridge import crc32
from uff import Dataset, IncrementalClassifier
from uff.model import load, load_layer, save, save_layer


def text(data):
    return hexlify(bytes(data)).decode()


def number(value):
    """A float to the bit; JSON knows no NaN."""
    return text(pack("<f", value))


# ---- samples ----


def samples_in(file):
    image = bytearray(file.height * file.width)
    crc = 0
    for i in range(len(file)):
        file.read_into(image, i, i + 1)
        crc = crc32(image, crc)
    names = [text(name.encode()) for name in file.names]
    counted = [file.height, file.width, file.damaged, file.torn, crc]
    return {"names": names, "labels": text(file.labels), "counted": counted}


def edit_samples(file, edit):
    """One of the file's own changes; False where this file has nothing for it."""
    count, classes = len(file), len(file.names)
    if edit == "append":
        file.append(bytes(i * 7 & 255 for i in range(file.height * file.width)), classes - 1)
    elif edit == "relabel" and count:
        file.relabel(count // 2, classes - 1)
    elif edit == "delete" and count:
        file.delete(count // 2)
    elif edit == "restore" and count:
        file.delete(count // 2)
        file.undo()
    elif edit == "remove and undo" and classes > 1:
        file.remove_class(classes // 2)
        file.undo()
    elif edit == "name":
        file.name_class(min(classes, 15), "é")
    elif edit == "remove" and classes > 1:
        file.remove_class(classes // 2)
    else:
        return False
    return True


def samples(case):
    file = Dataset.open(case["path"])
    found = {"held": samples_in(file)}
    if edit_samples(file, case["edit"]):
        found["after"] = samples_in(file)
        assert samples_in(Dataset.open(case["path"])) == found["after"], "another file"
    return found


# ---- models ----

COUNTS = ("images", "copies", "seed", "fitted_correct", "loo_correct")
FLAGS = ("lambda_chosen", "kept")


def layer_in(layer):
    sizes = [layer.KIND, layer.dual, layer.neurons, layer.inputs]
    return sizes + [number(layer.ridge_lambda), number(layer.parameter), layer.gram_crc]


def model_in(network):
    arrays = {"FIT": network.fitted, "LOO": network.loo_labels, "NOTE": network.notes}
    stored = []
    if network.layer1:
        stored += network.layer1.arrays()
        if network.statistics1:
            stored += network.layer1.statistics_arrays(network.statistics1)
    stored += network.layer.arrays()
    if network.statistics:
        stored += network.layer.statistics_arrays(network.statistics)
    arrays.update({str(tag, "ascii").strip(): data for tag, _, _, _, _, data in stored})
    return {
        "names": [text(name.encode()) for name in network.names],
        "sizes": [network.embedding.height, network.embedding.width],
        "counts": [getattr(network.info, name) for name in COUNTS],
        "flags": [getattr(network.info, name) for name in FLAGS],
        "layers": [layer_in(each) for each in (network.layer1, network.layer) if each],
        "exponents": {str(tag, "ascii").strip(): e for tag, _, e, _, _, _ in stored},
        "arrays": {tag: crc32(bytes(data)) for tag, data in arrays.items() if data is not None},
    }


def goodness(network, image):
    """Goodness of each label, or the exception that there is instead."""
    try:
        good = array("q", [0] * len(network.names))
        network.layer.goodness(network.class_inputs(image), good)
        network.predict(image)
    except OverflowError as error:
        return str(error)
    return [str(value) for value in good]


def model(case):
    network = load(case["path"])
    found = {"held": model_in(network)}
    size = network.embedding.size
    image = bytes((i * i * 31 + 7 * i) & 255 for i in range(size))
    found["goodness"] = goodness(network, image)
    save(network, case["path"] + ".saved", network.statistics, network.statistics1)
    if network.statistics:
        found["learnt"] = learn(network, image, case["path"] + ".learnt")
    return found


def learn(network, image, path):
    """One image more, a new solution and a save, or the sentence that there is instead; where
    memory does not suffice, the network recognises as before."""
    try:
        learner = IncrementalClassifier.from_network(network)
        learner.add(image, 0)
        learner.solve()
        goodness(network, image)
        save(network, path, network.statistics)
    except (ValueError, OverflowError) as error:
        return str(error)
    except MemoryError:
        goodness(network, image)
        return "MemoryError"
    return ""


def merged(case):
    network = load(case["path"], alone=True)
    statistics, layers = network.statistics, [network.layer1] if network.layer1 else []
    stored = [array for each in layers for array in each.arrays()]
    alone = not network.info.images
    stored += [] if alone else network.layer.arrays()
    if statistics:
        stored += network.layer.statistics_arrays(statistics)
    arrays = {str(tag, "ascii").strip(): data for tag, _, _, _, _, data in stored}
    if network.notes is not None:
        arrays["NOTE"] = network.notes
    found = {
        "names": [text(name.encode()) for name in network.names],
        "sizes": [network.embedding.height, network.embedding.width],
        "images": network.info.images,
        "kept": network.info.kept,
        "layers": [layer_in(each) for each in layers + [network.layer]],
        "arrays": {tag: crc32(bytes(data)) for tag, data in arrays.items()},
    }
    return {"held": found, "learnt": part(network, case["path"])}


def part(network, path):
    """The file merged with itself, taken out and solved, or the sentence there is instead."""
    try:
        learner = IncrementalClassifier.open(network)
        if learner.statistics.scale == (0, 0):
            learner.merge(path)
            learner.unmerge(path)
            learner.save_statistics(path + ".saved", 1)
        learner.solve()
        learner.save(path + ".learnt")
        load(path + ".learnt")
    except (ValueError, OverflowError) as error:
        return str(error)
    return ""


def layer(case):
    layer1, embedding, _ = load_layer(case["path"])
    stored = list(layer1.arrays())
    save_layer(layer1, embedding, case["path"] + ".saved")
    load_layer(case["path"] + ".saved")
    return {
        "held": {
            "sizes": [embedding.height, embedding.width],
            "layer": layer_in(layer1),
            "arrays": {
                str(tag, "ascii").strip(): [exponent, crc32(bytes(data))]
                for tag, _, exponent, _, _, data in stored
            },
        }
    }


# ---- touches ----


def recording(case):
    replay = Replay(case["path"], case["width"], case["height"])
    crc = count = 0
    while not replay.ended:
        for touch in replay.read():
            crc = crc32(pack("<BBHH", touch.id, touch.event, touch.x, touch.y), crc)
            count += 1
    replay.close()
    return {"held": [count, replay.count, replay.lasts_ms, crc]}


READERS = {
    "samples": samples,
    "model": model,
    "recording": recording,
    "layer": layer,
    "merged": merged,
}


def answer(case):
    for ending in ("", ".saved", ".learnt", ".new"):
        try:
            if ending:
                os.remove(case["path"] + ending)
        except OSError:
            pass
    try:
        return READERS[case["kind"]](case)
    except Exception as error:
        return {"error": type(error).__name__, "sentence": str(error)}


answer_cases(answer)
