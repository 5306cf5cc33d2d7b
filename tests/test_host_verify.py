"""The verification passes what is right and fails for one wrong bit, even when checksums fit."""

import copy

import numpy as np
import pytest

from uff_host import glyphs, reference
from uff_host.model import pack_model, unpack_model
from uff_host.predictions import pack_predictions
from uff_host.reference import Options
from uff_host.samples import Samples
from uff_host.verify import verify


def failed(report):
    return {check.name for check in report.checks if not check.ok}


@pytest.fixture(scope="module", params=["uff1", "uff2", "uff2 dual"])
def trained(request):
    """Samples, model, test samples, predictions."""
    network, _, dual = request.param.partition(" ")
    samples = glyphs.samples(40, 0)
    form = dual or ("auto" if network == "uff1" else "primal")
    options = Options(network=network, hidden=60, statistics=True, form=form)
    model = unpack_model(pack_model(reference.train(samples, options)))
    test = glyphs.samples(10, 1)
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
    assert len(report.checks) >= 14


@pytest.mark.parametrize("tag", [b"GRAM", b"GRM1", b"SUMS", b"CNT "])
def test_one_wrong_bit_of_any_statistic_fails(trained, tag):
    samples, model, _, _ = trained
    if tag not in model.arrays:
        pytest.skip("SKIP: a one-layer network has no such array")
    last = model.arrays[tag].data.shape[1] - 1
    for column, bit in ((0, 0), (last // 2, 31), (last, 17)):
        report = verify(samples, changed(model, tag, (0, column), bit))
        assert len(failed(report)) == 1


@pytest.mark.parametrize("tag", [b"W1  ", b"W2  ", b"V2  "])
def test_one_wrong_bit_of_a_weight_fails(trained, tag):
    samples, model, _, _ = trained
    if tag not in model.arrays:
        pytest.skip("SKIP: a one-layer network has no such array")
    random = np.random.default_rng(0)
    for bit in {b"W1  ": (1, 7, 13), b"W2  ": (3, 7, 13), b"V2  ": (13, 17, 27)}[tag]:
        data = model.arrays[tag].data
        index = tuple(int(random.integers(n)) for n in data.shape)
        assert failed(verify(samples, changed(model, tag, index, bit)))


def test_most_wrong_lowest_bits_of_layer_1_fail(trained):
    """Those that do not are of weights that lie between two integers, where both are right."""
    samples, model, _, _ = trained
    if model.network == 1:
        pytest.skip("SKIP: a one-layer network has no layer 1")
    random = np.random.default_rng(0)
    places = [tuple(int(random.integers(n)) for n in model.array("W1").shape) for _ in range(10)]
    assert sum(bool(failed(verify(samples, changed(model, b"W1  ", p, 0)))) for p in places) >= 8


@pytest.mark.parametrize("tag", [b"FIT ", b"LOO "])
def test_one_wrong_label_fails(trained, tag):
    samples, model, _, _ = trained
    assert len(failed(verify(samples, changed(model, tag, (0, 0), 1)))) >= 1


def test_one_wrong_bit_of_any_prediction_fails(trained):
    samples, model, test, predictions = trained
    record = 1 + 8 * model.n_classes
    for byte in (0, 1, 8, record - 1, len(predictions) - 1, len(predictions) - record):
        wrong = bytearray(predictions)
        wrong[byte] ^= 1
        name = "predicted labels" if byte % record == 0 else "goodness of every label"
        assert failed(verify(samples, model, test, bytes(wrong))) == {name}


@pytest.mark.parametrize(
    "field", ["seed", "gram1_crc", "gram2_crc", "fitted_correct", "loo_correct", "lambda2"]
)
def test_a_wrong_number_in_the_header_fails(trained, field):
    samples, model, _, _ = trained
    if model.network == 1 and field in ("seed", "gram2_crc"):
        pytest.skip("SKIP: a one-layer network does not use it")
    other = copy.deepcopy(model)
    value = getattr(other, field)
    setattr(other, field, value * 1.5 if field == "lambda2" else value ^ 1)
    assert failed(verify(samples, other))


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
