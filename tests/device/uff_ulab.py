"""ulab and the library share buffers, both ways, without a copy."""

from array import array

from uff_checks import HEIGHT, WIDTH, Skip, image, raises, run, small_samples

import ridge
from uff import Options
from uff.train import Trainer

try:
    from ulab import numpy as np
except ImportError:
    np = None


def wants_ulab():
    if np is None:
        raise Skip("firmware built without ulab")


def test_an_ndarray_of_a_buffer_is_that_buffer():
    wants_ulab()
    for data, dtype in (
        (bytearray(12), np.uint8),
        (array("h", [0] * 12), np.int16),
        (array("f", [0] * 12), np.float),
    ):
        view = np.frombuffer(data, dtype=dtype)
        data[5] = 7
        assert view[5] == 7
        view[6] = 9
        assert data[6] == 9
        table = view.reshape((3, 4))
        table[2, 3] = 11
        assert data[11] == 11


def test_the_samples_labels_and_weights_of_a_network_are_seen_in_place():
    wants_ulab()
    network = Trainer(small_samples(5), Options(hidden=10)).run()
    w = np.frombuffer(network.layer.w, dtype=np.int16).reshape((3, 10))
    before = network.layer.w[0]
    w[0, 0] = 0x1234
    assert bytes(network.layer.w[:2]) == b"\x34\x12", before


def test_ridge_reads_and_writes_ndarrays_as_it_does_arrays():
    wants_ulab()
    network = Trainer(small_samples(5), Options(network="uff1")).run()
    m = network.features
    images = bytearray()
    for number in range(6):
        images += image(number % 3, number)
    x = array("h", [0] * (6 * m))
    network.embedding.encode(images, x)
    y = np.zeros((6, m), dtype=np.int16)
    network.embedding.encode(np.frombuffer(images, dtype=np.uint8).reshape((6, HEIGHT * WIDTH)), y)
    assert bytes(x) == y.tobytes()
    # And on: rows of an ndarray are images, its means are ulab's.
    assert abs(np.mean(y) - sum(x) / len(x)) < 1e-3
    good, other = array("q", [0] * 18), array("q", [0] * 18)
    network.layer.goodness(x, good)
    network.layer.goodness(y, other)
    assert good == other
    network.layer.goodness(y[2:5], memoryview(other)[:9])
    assert list(other[:9]) == list(good[6:15])


def test_a_system_of_ulab_floats_is_solved_in_place():
    wants_ulab()
    m = 12
    x = array("h", [(i * 37) % 101 for i in range(20 * m)])
    gram = array("i", [0] * (m * (m + 1) // 2))
    factor, work = bytearray(4 * len(gram)), bytearray(ridge.work_bytes(m))
    ridge.gram(x, gram, work)
    ridge.factor(gram, factor, work, diagonal=1000.0)
    right = np.ones((m, 2))
    ridge.solve(factor, right, right, work)  # an ndarray in and out
    square = np.zeros((m, m))
    for i in range(m):
        for j in range(i + 1):
            square[i, j] = square[j, i] = gram[i * (i + 1) // 2 + j]
        square[i, i] += 1000
    error = np.dot(square, right) - np.ones((m, 2))
    assert max(np.max(error), -np.min(error)) < 1e-3


def test_views_that_are_not_dense_are_refused():
    wants_ulab()
    network = Trainer(small_samples(5), Options(network="uff1")).run()
    y = np.zeros((network.features, 6), dtype=np.int16)
    # All of them hold whole rows of 48, so only the gaps between their elements can be the reason.
    for view, rows in ((y.transpose(), 6), (y[:, 1:3], 2), (y[::2], 3)):
        assert view.size == rows * network.features
        try:
            network.layer.goodness(view, array("q", [0] * (3 * rows)))
        except (TypeError, ValueError):
            continue
        raise AssertionError("a view with gaps was read as if it had none")


def test_ndarrays_of_another_type_are_refused():
    wants_ulab()
    network = Trainer(small_samples(5), Options(network="uff1")).run()
    good = array("q", [0] * 3)
    raises(TypeError, "want int16, got typecode 'f'", network.layer.goodness, np.zeros(48), good)
    raises(
        TypeError,
        "want int16, got typecode 'H'",
        network.layer.goodness,
        np.zeros(48, dtype=np.uint16),
        good,
    )


run(globals())
