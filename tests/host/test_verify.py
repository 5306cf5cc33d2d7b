"""The verification passes what is right and fails for one wrong bit, even when checksums fit."""

import copy
from typing import Literal

import numpy as np
import pytest

from uff_host import reference
from uff_host.datasets import shapes
from uff_host.formats.model import POOLINGS
from uff_host.formats.model_arrays import layer_alone
from uff_host.formats.model_file import pack_model, unpack_model
from uff_host.formats.networks import kinds_of
from uff_host.formats.predictions import pack_predictions
from uff_host.formats.samples import Samples
from uff_host.reference import Options
from uff_host.verification import verify


def failed(report):
    return {check.name for check in report.checks if not check.ok}


NETWORKS = (
    "uff1",
    "uff2",
    "uff2 dual",
    "uff_conv",
    "uff_conv primal",
    "uff_kernel",
    "uff_mirror",
    "uff_kernel 2 copies",
    "contrast+kernel",
    "uff2 1 copies",
)


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request):
    """Samples, model, test samples, predictions."""
    network, *words = request.param.split()
    copies = int(words[0]) if "copies" in words else 0
    dual = words[0] if words and not copies else None
    samples = shapes.samples(40 // (1 + copies), 0)
    form: Literal["auto", "primal", "dual"] = dual or ("primal" if network == "uff2" else "auto")
    hidden = 8 if POOLINGS.keys() & set(kinds_of(network)) else 60
    options = Options(network=network, hidden=hidden, statistics=True, form=form, copies=copies)
    model = unpack_model(pack_model(reference.train(samples, options)))
    test = shapes.samples(10, 1)
    goodness = reference.infer(model, test.images)
    return samples, model, test, pack_predictions(reference.predict(goodness), goodness)


def changed(model, tag, index, bit):
    """A model whose file is sound, but one bit of one array is another."""
    other = copy.deepcopy(model)
    data = other.arrays[tag].data.copy()
    data.view(f"u{data.itemsize}")[index] ^= 1 << bit
    other.arrays[tag].data = data
    return unpack_model(pack_model(other))


def test_a_right_model_with_right_predictions_passes(trained):
    samples, model, test, predictions = trained
    report = verify(samples, model, test, predictions)
    assert report.ok, report.sentence()
    assert len(report.checks) >= 13


STATISTICS = (b"GRM1", b"SUM1", b"NUM1", b"GRAM", b"SUMS", b"CNT ")


def test_one_wrong_bit_of_any_statistic_fails(trained):
    samples, model, _, _ = trained
    for tag in filter(model.arrays.__contains__, STATISTICS):
        last = model.arrays[tag].data.shape[1] - 1
        high, middle = (12, 9) if tag == b"CNT " else (29, 17)  # counts are 8,191 at most
        for column, bit in ((0, 0), (last // 2, high), (last, middle)):
            report = verify(samples, changed(model, tag, (0, column), bit))
            assert len(failed(report)) == 1, (tag, column, bit)


def bits_of(model):
    """Of each array of weights, bits that a step or more is wrong by beyond all bounds.

    A step of a bias is 512 of its units; that of a label weight too.
    """
    bits = {b"W1  ": (1, 7, 13), b"W2  ": (3, 7, 13), b"V2  ": (13, 17, 27)}
    if b"B1  " in model.arrays:
        bits |= {b"W1  ": (1, 7, 10), b"B1  ": (3, 9, 20)}
    if b"ROWS" in model.arrays:
        bits |= {b"ROWS": (0, 2, 4), b"V2  ": (7, 17, 27)}
    return {tag: places for tag, places in bits.items() if tag in model.arrays}


def test_one_wrong_bit_of_a_weight_fails(trained):
    samples, model, _, _ = trained
    random = np.random.default_rng(0)
    for tag, bits in bits_of(model).items():
        for bit in bits:
            index = tuple(int(random.integers(n)) for n in model.arrays[tag].data.shape)
            assert failed(verify(samples, changed(model, tag, index, bit))), (tag, index, bit)


def test_most_wrong_lowest_bits_of_layer_1_fail(trained):
    """Those that do not are of weights that lie between two integers, where both are right."""
    samples, model, _, _ = trained
    if b"W1  " not in model.arrays:
        return  # it has no layer 1
    random = np.random.default_rng(0)
    places = [tuple(int(random.integers(n)) for n in model.array("W1").shape) for _ in range(10)]
    assert sum(bool(failed(verify(samples, changed(model, b"W1  ", p, 0)))) for p in places) >= 8


def test_one_wrong_label_fails(trained):
    samples, model, _, _ = trained
    for tag in (b"FIT ", b"LOO "):
        assert len(failed(verify(samples, changed(model, tag, (0, 0), 1)))) >= 1


def test_one_wrong_bit_of_any_prediction_fails(trained):
    samples, model, test, predictions = trained
    record = 1 + 8 * model.n_classes
    for byte in (0, 1, 8, record - 1, len(predictions) - 1, len(predictions) - record):
        wrong = bytearray(predictions)
        wrong[byte] ^= 1
        name = "predicted labels" if byte % record == 0 else "goodness of every label"
        assert failed(verify(samples, model, test, bytes(wrong))) == {name}


def test_a_wrong_number_in_the_header_fails(trained):
    samples, model, _, _ = trained
    fields = ["fitted_correct", "loo_correct", *(["seed"] if model.feature_layer else [])]
    for field in fields:
        other = copy.deepcopy(model)
        setattr(other, field, getattr(other, field) ^ 1)
        assert failed(verify(samples, other)), field
    for number in range(len(model.layers)):
        for field, wrong in (
            ("gram_crc", lambda crc: crc ^ 1),
            ("ridge", lambda value: value * 1.5),
            ("parameter", lambda value: value * 1.5),
        ):
            other = copy.deepcopy(model)
            value = getattr(other.layers[number], field)
            setattr(other.layers[number], field, wrong(value))
            # A contrast layer has no parameter.
            assert failed(verify(samples, other)) or value == wrong(value), (number, field)


def test_one_copy_more_or_less_fails(trained):
    """Rows that were not trained on, beside the same images."""
    samples, model, _, _ = trained
    if "kernel" in model.kinds:
        return  # the number of rows that it keeps says so already
    for copies in {model.copies - 1, model.copies + 1} - {-1}:
        other = copy.deepcopy(model)
        other.copies = copies
        if any(layer.dual for layer in model.layers):
            for tag in STATISTICS:
                other.arrays.pop(tag, None)  # they have another size then
        assert failed(verify(samples, other))


@pytest.mark.parametrize("network", ["uff2", "uff_kernel"])
def test_a_kept_layer_is_that_of_its_file_and_not_trained_anew(network):
    options = Options(network=network, hidden=8, statistics=True)
    first = reference.train(shapes.samples(5, 1), options)
    another = reference.train(shapes.samples(6, 1), options)
    samples = shapes.samples(12, 0)
    model = unpack_model(pack_model(reference.train(samples, options, layer1=first)))
    assert verify(samples, model).ok
    report = verify(samples, model, layer1=layer_alone(first))
    assert report.ok, report.sentence()
    assert "layer 1, W1" in failed(verify(samples, model, layer1=another))
    trained = reference.train(samples, options)
    assert failed(verify(samples, trained, layer1=layer_alone(trained))) == {"layer 1"}
    assert verify(samples, changed(model, b"W2  ", (1, 3), 12)).ok is False


def test_other_samples_fail(trained):
    samples, model, _, _ = trained
    one = samples.images.copy()
    one[5, 14, 14] ^= 1
    assert failed(verify(Samples(samples.class_names, one, samples.labels), model))
    fewer = Samples(samples.class_names, samples.images[:-1], samples.labels[:-1])
    assert "images" in failed(verify(fewer, model))
    renamed = Samples(["x", *samples.class_names[1:]], samples.images, samples.labels)
    assert failed(verify(renamed, model)) == {"classes"}
    small = Samples(samples.class_names, samples.images[:, 2:], samples.labels)
    assert failed(verify(small, model)) == {"image shape"}


def test_a_class_without_images_is_a_failed_check_and_no_crash(trained):
    samples, model, _, _ = trained
    labels = np.where(samples.labels == 4, 3, samples.labels).astype(np.uint8)
    report = verify(Samples(samples.class_names, samples.images, labels), model)
    assert failed(report) == {"images of each class"}
