"""The module `ridge` through MicroPython: every function against numpy float64, every argument it
must refuse.

The scripts in tests/device print what went in and what came out; they run unchanged on a board.
"""

from __future__ import annotations

import ast
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core.cores import RIDGE
from core.layers import (
    LENGTH,
    contrast_by_hand,
    copy_by_hand,
    counted_patches,
    features_by_hand,
    mirror_features_by_hand,
    phi,
)

SCRIPTS = Path(__file__).resolve().parents[1] / "device"
STUBS = RIDGE / "ridge.pyi"
U = 2.0**-24
UNIT, WEIGHT = 512, 16384
DTYPES = {"B": "<u1", "h": "<i2", "H": "<u2", "i": "<i4", "q": "<i8", "f": "<f4"}

Value = "np.ndarray | float | int"


def value(words: list[str]) -> np.ndarray | float | int:
    """`array h 0102`, `float f 0000803f` or `int n 6`, as the scripts print them."""
    kind, typecode, *text = words
    if kind == "int":
        return int(text[0])
    array = np.frombuffer(bytes.fromhex(text[0] if text else ""), DTYPES[typecode])
    return float(array[0]) if kind == "float" else array


class Call:
    """A function's name, arguments before the call, keywords, result, and arrays after it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.args: list = []
        self.named: dict = {}
        self.result = ""
        self.out: dict[int, np.ndarray] = {}


@pytest.fixture(scope="module")
def made(run_device: Callable, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """The calls that ridge_values.py makes."""
    done = run_device(SCRIPTS / "ridge_values.py", tmp_path_factory.mktemp("values"))
    assert done.returncode == 0, done.stdout + done.stderr
    calls: list[Call] = []
    for line in done.stdout.splitlines():
        word, *rest = line.split(" ")
        if word == "call":
            calls.append(Call(rest[0]))
        elif word == "arg":
            calls[-1].args.append(value(rest))
        elif word == "named":
            calls[-1].named[rest[0]] = value(rest[1:])
        elif word == "result":
            calls[-1].result = " ".join(rest)
        elif word == "out":
            calls[-1].out[int(rest[0])] = value(rest[1:])
    return calls


@pytest.fixture
def of(made: list[Call]) -> Callable[[str], list[Call]]:
    def select(name: str) -> list[Call]:
        calls = [call for call in made if call.name == name]
        assert calls, f"ridge_values.py makes no call of {name}"
        return calls

    return select


Of = Callable[[str], "list[Call]"]


def matrix(packed: np.ndarray) -> np.ndarray:
    m = int((math.isqrt(8 * len(packed) + 1) - 1) // 2)
    a = np.zeros((m, m))
    a[np.tril_indices(m)] = packed
    return a + np.tril(a, -1).T


def cholesky_of(packed: np.ndarray) -> np.ndarray:
    lower = np.tril(matrix(packed))
    np.fill_diagonal(lower, 1 / np.diag(lower))
    return lower


def lower_half(a: np.ndarray) -> np.ndarray:
    return a[np.tril_indices(len(a))]


def close(got: np.ndarray, want: np.ndarray, share: float) -> None:
    """got is want to `share` of its largest element."""
    worst = np.max(np.abs(got - want), initial=0) / np.max(np.abs(want))
    assert worst <= share, f"{worst} of the largest; want {share}: {got.ravel()[:4]}"


# ---- values ----


def test_encode_gives_unit_length_in_512ths(of: Of) -> None:
    for call in of("encode"):
        images, keep, _ = call.args
        pixels = images.reshape(9, 20)[:, keep].astype(float)
        total = pixels.sum(1, keepdims=True)
        want = UNIT * np.sqrt(pixels / np.where(total == 0, 1, total))
        # 1/2 from rounding, and three roundings of float32 before it.
        assert np.max(np.abs(call.out[2].reshape(want.shape) - want)) <= 0.5 + 3 * UNIT * U


def test_gram_adds_and_takes_away_exactly(of: Of) -> None:
    for call in of("gram"):
        x = call.args[0].reshape(-1, 6).astype(np.int64)
        sign = -1 if len(call.args) > 3 and call.args[3] else 1
        assert np.array_equal(call.out[1], call.args[1] + sign * lower_half(x.T @ x))


def test_trace_is_exact(of: Of) -> None:
    for call in of("trace"):
        assert int(call.result) == int(np.trace(matrix(call.args[0])))


def test_kernel_is_exact_from_its_first_row_on(of: Of) -> None:
    for call in of("kernel"):
        x, m, before, _, *first = call.args
        x = x.reshape(-1, m).astype(np.int64)
        start = first[0] * (first[0] + 1) // 2 if first else 0
        assert np.array_equal(call.out[2][start:], lower_half(x @ x.T)[start:])
        assert np.array_equal(call.out[2][:start], before[:start])


def test_merge_and_class_sums_are_exact(of: Of) -> None:
    for call in of("merge"):
        a, b, *remove = call.args
        assert np.array_equal(call.out[0], a - b if remove else a + b)
    assert {len(call.args) for call in of("merge")} == {2, 3}
    for call in of("class_sums"):
        x, labels, sums, counts, *remove = call.args
        sign = -1 if remove and remove[0] else 1
        own = labels == np.arange(3)[:, None]
        want = own.astype(int) @ x.reshape(9, 6).astype(int)
        assert np.array_equal(call.out[2], sums + sign * want.ravel())
        assert np.array_equal(call.out[3], counts + sign * own.sum(1))


def test_contrast_is_exact(of: Of) -> None:
    for call in of("contrast"):
        x, m, a, b, _ = call.args
        x = x.reshape(-1, m).astype(int)
        assert np.array_equal(call.out[4], (x[a] - x[b]).T.ravel())


def test_factor_is_the_cholesky_factor_of_the_system(of: Of) -> None:
    for call in of("factor"):
        named = {"scale": 1.0, "diagonal": 0.0, "rank1": 0.0, **call.named}
        a = matrix(call.args[0]) * named["scale"] + named["diagonal"] * np.eye(6)
        v = named.get("v", np.ones(6)).astype(float)
        a += named["rank1"] * np.outer(v, v)
        lower = cholesky_of(call.out[1])
        # gamma(m + 4) |L||L'| for the factor, three roundings for the system.
        bound = 13 * U * (np.abs(lower) @ np.abs(lower).T + abs(named["rank1"]) * np.outer(v, v))
        assert np.all(np.abs(lower @ lower.T - a) <= bound)


def test_solve_solves(of: Of) -> None:
    for call in of("solve"):
        lower = cholesky_of(call.args[0])
        b, x = call.args[1].reshape(6, -1), call.out[2].reshape(6, -1).astype(float)
        size = np.abs(lower) @ (np.abs(lower.T) @ np.abs(x))
        # Two triangles of 6 rows and their reciprocals; see test_core.py.
        assert np.all(np.abs(lower @ (lower.T @ x) - b) <= 20 * U * size)


def test_unit_rows_are_unit_rows(of: Of) -> None:
    for call in of("unit_rows"):
        b, m, _ = call.args
        b = b.reshape(m, -1).T.astype(float)
        want = WEIGHT * b / np.linalg.norm(b, axis=1, keepdims=True)
        # 1/2 from rounding, and 10 roundings of float32 before it.
        assert np.max(np.abs(call.out[2].reshape(want.shape) - want)) <= 0.5 + 10 * WEIGHT * U


def test_project_is_the_active_part_at_unit_length(of: Of) -> None:
    for call in of("project"):
        x, w, m, _, _ = call.args
        r = np.maximum(x.reshape(-1, m).astype(int) @ w.reshape(-1, m).T.astype(int), 0)
        length = np.linalg.norm(r.astype(float), axis=1, keepdims=True)
        want = UNIT * r / np.where(length == 0, 1, length)
        assert np.max(np.abs(call.out[3].reshape(want.shape) - want)) <= 0.5 + 5 * UNIT * U
        assert not call.out[3].reshape(want.shape)[0].any()  # the blank image


def test_extent_is_that_of_the_rows(of: Of) -> None:
    for call in of("extent"):
        x = call.args[0].reshape(-1, call.args[1]).astype(int)
        assert call.result == f"({x.min()}, {(x**2).sum(1).max()})"


def test_nearest_is_the_row_itself_with_its_square(of: Of) -> None:
    for call in of("nearest"):
        x, rows = call.args
        products = rows.reshape(-1, len(x)).astype(int) @ x.astype(int)
        assert call.result == f"({products.argmax()}, {products.max()})"


def test_class_targets_and_total_dot_are_sums(of: Of) -> None:
    for call in of("class_targets"):
        sums, counts, ratio = call.args[:3]
        sums = sums.reshape(3, 6) / UNIT
        close(call.out[3], sums.sum(0), 2 * U)
        close(call.out[4], (sums.T - ratio * np.outer(sums.sum(0), counts)).ravel(), 8 * U)
    for call in of("total_dot"):
        total, b, _ = call.args
        close(call.out[2], total.astype(float) @ b.reshape(6, 3), 12 * U)


def test_quantise_gives_the_exponent_it_used(of: Of) -> None:
    for call in of("quantise"):
        b, m, _, limit = call.args
        exponent = int(call.result)
        exact = b.reshape(m, -1).T * 2.0**exponent
        largest = np.max(np.abs(exact))
        assert exponent == limit or largest * 2 + 0.5 >= 32768
        assert largest + 0.5 < 32768
        assert np.max(np.abs(call.out[2].reshape(exact.shape) - exact)) <= 0.5 + 2**-9


def test_goodness_is_exact_and_names_the_first_best(of: Of) -> None:
    for call in of("goodness"):
        f, w, v = (a.astype(object) for a in call.args[:3])
        z = (f.reshape(9, 6) @ w.reshape(3, 6).T)[:, :, None] + v.reshape(1, 3, 3)
        want = np.sum(np.maximum(z, 0) ** 2, 1)
        assert call.out[3].reshape(9, 3).tolist() == want.tolist()
        assert call.out[4].tolist() == [list(row).index(max(row)) for row in want]


def test_leverage_and_inverse_diagonal_are_those_of_the_inverse(of: Of) -> None:
    for call in of("leverage"):
        chol, f, total, ratio = call.args[:4]
        inverse = np.linalg.inv(cholesky_of(chol) @ cholesky_of(chol).T)
        u = f.reshape(-1, 6) / UNIT - ratio * total.astype(float)
        # Of a given factor: 6 roundings a row, each amplified by the condition of L, below 10
        # here.
        close(call.out[4], np.einsum("ij,jk,ik->i", u, inverse, u), 120 * U)
    for call in of("inverse_diagonal"):
        chol, before, _, *rows = call.args
        rows = slice(*rows) if rows else slice(0, 6)
        inverse = np.linalg.inv(cholesky_of(chol) @ cholesky_of(chol).T)
        close(call.out[1][rows], np.diag(inverse)[rows], 120 * U)
        untouched = np.ones(6, bool)
        untouched[rows] = False
        assert np.array_equal(call.out[1][untouched], before[untouched])


def test_combine_is_a_product(of: Of) -> None:
    for call in of("combine"):
        x, c, n, _ = call.args
        x, c = x.reshape(n, -1).astype(float), c.reshape(n, -1).astype(float)
        bound = 10 * U * (np.abs(x).T @ np.abs(c))
        assert np.all(np.abs(call.out[3].reshape(bound.shape) - x.T @ c) <= bound)


def test_leave_one_out_follows_its_formula(of: Of) -> None:
    for call in of("leave_one_out"):
        f, w, v, labels, leverage, (offset, factor, unit, keep) = call.args[:6]
        z = (f.reshape(9, 6).astype(int) @ w.reshape(3, 6).T.astype(int))[:, :, None] + v.reshape(
            3, 3
        )
        target = np.zeros((9, 3, 3))
        target[np.arange(9), labels, labels] = 1
        r = target - z * float(unit)
        slack = float(offset) + float(factor) * leverage.astype(float)
        shared = (float(keep) - slack) / 3 / slack
        error = (r + shared[:, None, None] * r.sum(2, keepdims=True)) / float(keep)
        goodness = np.sum(np.maximum(target - error, 0) ** 2, 1)
        assert np.array_equal(call.out[6], goodness.argmax(1))
        close(call.out[7], np.sum(error**2, (1, 2)), 40 * U)
        right = goodness[np.arange(9), labels]
        goodness[np.arange(9), labels] = -1
        close(call.out[8], right - goodness.max(1), 40 * U)


def test_copies_and_the_patch_layer_are_their_integer_formulas(of: Of) -> None:
    for call in of("copies"):
        image, height, width, _, *first = call.args
        made = call.out[3].reshape(-1, height, width)
        for number, copy in enumerate(made, first[0] if first else 1):
            assert copy.tolist() == copy_by_hand(image.reshape(height, width), number)
    for call in of("patch_gram"):
        x, height, width, g, sums, _, *remove = call.args
        p = counted_patches(x.reshape(-1, height * width), (height, width))
        sign = -1 if remove else 1
        assert int(call.result) == len(p) > 24
        assert np.array_equal(call.out[3], g + sign * lower_half(p.T @ p))
        assert np.array_equal(call.out[4], sums + sign * p.sum(0))
    for call in of("patch_contrast"):
        x, height, width, a, b, seed, _ = call.args
        shape = height, width
        want = contrast_by_hand(x.reshape(-1, height * width), shape, a, b, seed)
        assert np.array_equal(call.out[6].reshape(want.shape), want)
    pooled = {"patch_features": features_by_hand, "mirror_features": mirror_features_by_hand}
    for call in (call for name in pooled for call in of(name)):
        x, height, width, w, bias, threshold, _, _ = call.args
        shape = height, width
        x, w = x.reshape(-1, height * width), w.reshape(-1, LENGTH)
        want = pooled[call.name](x, shape, w, bias, threshold)
        assert np.array_equal(call.out[6].reshape(want.shape), want)
        assert np.count_nonzero(want) > want.size // 8


def test_patch_filters_have_responses_of_variance_1(of: Of) -> None:
    for call in of("patch_filters"):
        b, g, sums, count = (np.asarray(a, float) for a in call.args[:4])
        b, mean = b.reshape(LENGTH, -1), sums / count
        covariance = matrix(g) / count - np.outer(mean, mean)
        scale = (
            UNIT * 2.0 ** int(call.result) / np.sqrt(np.einsum("ij,ik,kj->j", b, covariance, b))
        )
        # Halves from rounding; a variance of four dozen patches loses a digit or two.
        assert (
            np.max(np.abs(call.out[4].reshape(-1, LENGTH).T - b * scale)) <= 0.5 + 2.0**15 * 99 * U
        )
        close(call.out[5], mean @ (b * scale), 999 * U)


def test_the_kernel_class_layer_is_its_integer_formula(of: Of) -> None:
    for call in of("powers"):
        k, first, last = call.args
        rows = slice(first * (first + 1) // 2, last * (last + 1) // 2)
        want = k.copy()
        want[rows] = phi(k[rows])
        assert np.array_equal(call.out[0], want)
    for call in of("outputs"):
        f, w, m, _ = call.args
        want = f.reshape(-1, m).astype(int) @ w.reshape(-1, m).T.astype(int)
        assert np.array_equal(call.out[3], want.ravel())
    seen = []
    for name in ("kernel_goodness", "gram_goodness"):
        for call in of(name):
            if name == "kernel_goodness":
                f, rows, alpha, v, shift, *_ = call.args
                powers = phi(f.reshape(9, 6).astype(int) @ rows.reshape(9, 6).T.astype(int))
            else:
                k, _, first, last, alpha, v, shift, *_ = call.args
                powers = matrix(k).astype(int)[first:last]
            z = powers @ alpha.reshape(3, -1).T.astype(int) >> shift
            good = np.sum(np.maximum(z[:, :, None] + v.reshape(3, 3), 0).astype(object) ** 2, 1)
            out = sorted(call.out)
            assert call.out[out[0]].reshape(good.shape).tolist() == good.tolist()
            assert call.out[out[-1]].tolist() == [list(g).index(max(g)) for g in good]
            seen.append(good.tolist())
    assert seen[1] == seen[0][2:6]  # the same images, by their features and by their powers


def test_blocks_are_those_of_the_inverse(of: Of) -> None:
    for call in of("inverse_block"):
        chol, _, first, last, _, _ = call.args
        inverse = np.linalg.inv(cholesky_of(chol) @ cholesky_of(chol).T)
        close(call.out[4], inverse[first:last, first:last].ravel(), 120 * U)
    for call in of("leverage_block"):
        chol, f, total, ratio, _, _ = call.args
        inverse = np.linalg.inv(cholesky_of(chol) @ cholesky_of(chol).T)
        u = f.reshape(-1, 6) / UNIT - ratio * total.astype(float)
        close(call.out[4], (u @ inverse @ u.T).ravel(), 120 * U)


def test_leave_group_out_follows_its_formula(of: Of) -> None:
    for call in of("leave_group_out"):
        block, residual, size, labels, numbers = call.args[:5]
        k, r = 3, size * len(labels)
        targets, gain, across, own = numbers.reshape(4, k).astype(float)
        block, residual = block.reshape(r, r).astype(float), residual.reshape(r, k).astype(float)
        for i, label in enumerate(labels):
            rows = slice(i * size, i * size + size)
            right = np.arange(k) == label
            error = np.linalg.solve(block[rows, rows], residual[rows])[0]
            apart = np.where(right, own, across)[:, None] * (np.eye(k) - 1 / k)
            output = np.where(right, targets / k, 0)[:, None] - error[:, None] + apart
            output *= np.where(right, gain, 1)[:, None]
            wanted = np.outer(right, right) * targets
            goodness = np.sum(np.maximum(output, 0) ** 2, 0)
            assert call.out[5][i] == goodness.argmax()
            close(call.out[6][i], np.sum((wanted - output) ** 2), 99 * U)
            margin = goodness[label] - np.delete(goodness, label).max()
            assert abs(call.out[7][i] - margin) <= 99 * U * goodness.max()


# ---- arguments ----


def test_arguments_are_taken_or_refused_as_documented(
    run_device: Callable, tmp_path: Path
) -> None:
    done = run_device(SCRIPTS / "ridge_arguments.py", tmp_path)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert done.stdout.count("ok test_") >= 20


def test_the_same_values_come_with_little_memory(run_device: Callable, tmp_path: Path) -> None:
    done = run_device(SCRIPTS / "ridge_values.py", tmp_path, heap="200K")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_set_of_kernels_gives_the_same_bits(run_device: Callable, tmp_path: Path) -> None:
    """The host has the plain set alone; on a Cortex-M7 the script compares."""
    done = run_device(SCRIPTS / "ridge_kernels.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


# ---- the class layer, from nothing but data ----


def retrained(
    x: np.ndarray, labels: np.ndarray, strength: float, ridge: float, out: int | None
) -> np.ndarray:
    """Outputs (neuron, label) for image `out`, or all, of a ridge regression on the positive
    and negative data, labels embedded, of all other images.
    """
    k = int(labels.max()) + 1
    counts = np.bincount(np.delete(labels, out) if out is not None else labels, minlength=k)
    data = np.array([[*row, *label] for row in x for label in strength * np.eye(k)])
    target = np.zeros((len(x), k, k))
    target[np.arange(len(x)), labels, labels] = (len(x) / k / counts)[labels]
    target = target.reshape(-1, k)
    kept = np.repeat(np.arange(len(x)) != out, k)
    z, y = data[kept], target[kept]
    weights = np.linalg.solve(z.T @ z + ridge * np.eye(z.shape[1]), z.T @ y)
    return (data @ weights).reshape(-1, k, k).transpose(0, 2, 1)


def test_class_layer_is_ridge_regression_on_embedded_labels_in_both_forms(
    run_device: Callable, tmp_path: Path
) -> None:
    done = run_device(SCRIPTS / "ridge_class_layer.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    layers: list[dict] = []
    for line in done.stdout.splitlines():
        name, *rest = line.split(" ")
        if name == "layer":
            layers.append({"form": rest[0], "lambda": float(rest[1]), "strength": float(rest[2])})
        else:
            layers[-1][name] = int(rest[0]) if name == "exponent" else value(rest)
    assert [layer["form"] for layer in layers] == ["primal", "primal", "dual", "dual"] * 2
    for layer in layers:
        labels, k, s = layer["labels"], 3, layer["strength"]
        n = len(labels)
        f = layer["f"].reshape(n, -1).astype(int)
        m = f.shape[1]
        ridge = layer["lambda"] * k * n * (1 + s * s) / (m + k)
        unit = 2.0 ** -(layer["exponent"] + 9)
        z = (f @ layer["w"].reshape(k, m).T.astype(int))[:, :, None] + layer["v"].reshape(k, k)
        # Weights rounded to integers are off by 1/2; float32 by u times a condition below 1000.
        tolerance = (np.abs(f).sum(1).max() + 1) / 2 * unit + 1000 * U
        x = f / UNIT
        exact = retrained(x, labels, s, ridge, None)
        seen = np.max(np.abs(z * unit - exact))
        print(layer["form"], m, "outputs", seen, "of", tolerance)
        assert seen <= tolerance
        left_out = np.stack([retrained(x, labels, s, ridge, i)[i] for i in range(n)])
        target = np.zeros((n, k, k))
        target[np.arange(n), labels, labels] = (n / k / np.bincount(labels, minlength=k))[labels]
        residual = np.sum((target - left_out) ** 2, (1, 2))
        goodness = np.sum(np.maximum(left_out, 0) ** 2, 1)
        ranked = np.sort(goodness)
        right = goodness[np.arange(n), labels]
        others = np.where(np.arange(k) == labels[:, None], -1, goodness).max(1)
        # Leaving an image out magnifies errors by 1 / ((1 - g) - k v), v its leverage.
        g = s * s / (s * s * n + ridge)
        total, u = x.sum(0), x - g * x.sum(0)
        system = k * x.T @ x + ridge * np.eye(m) - g * k * np.outer(total, total)
        gain = 1 / (1 - g - k * np.einsum("ij,ij->i", u, np.linalg.solve(system, u.T).T))
        doubt = gain * tolerance * (2 * np.abs(left_out).sum(1).max(1) + 1)
        print("  residuals", np.max(np.abs(layer["residual"] - residual)), "of", np.max(doubt))
        assert np.all(np.abs(layer["residual"] - residual) <= k * doubt)
        assert np.all(np.abs(layer["margin"] - (right - others)) <= 2 * doubt)
        clear = ranked[:, -1] - ranked[:, -2] > 2 * doubt
        assert clear.sum() > n // 2
        assert np.array_equal(layer["predicted"][clear], goodness.argmax(1)[clear])


# ---- documentation ----


def test_the_stubs_name_what_the_module_has(run_device: Callable, tmp_path: Path) -> None:
    names = tmp_path / "names.py"
    names.write_text("import ridge\nprint(*(n for n in dir(ridge) if n[0] != '_'))\n")
    has = set(run_device(names, tmp_path).stdout.split())
    stubs = ast.parse(STUBS.read_text())
    functions = {node.name: node for node in stubs.body if isinstance(node, ast.FunctionDef)}
    numbers = {node.target.id for node in stubs.body if isinstance(node, ast.AnnAssign)}
    assert has == {name for name in functions if name[0] != "_"} | numbers
    for name, function in functions.items():
        assert ast.get_docstring(function), f"ridge.pyi: {name} says nothing"


def test_crc32_is_that_of_zlib(run_device: Callable, tmp_path: Path) -> None:
    data = bytes(i * 37 % 251 for i in range(1009))
    parts = [(0, 0), (0, 1), (0, 4), (1, 8), (3, 10), (2, 1009), (0, 1009)]  # odd places too
    script = tmp_path / "crc.py"
    script.write_text(
        "import ridge\n"
        "data = memoryview(bytes(i * 37 % 251 for i in range(1009)))\n"
        f"for first, last in {parts}:\n"
        "    crc = ridge.crc32(data[first:last])\n"
        "    print(crc, ridge.crc32(data[:7], crc))\n"
    )
    ran = run_device(script, tmp_path)
    assert ran.returncode == 0, ran.stderr
    for (first, last), line in zip(parts, ran.stdout.splitlines(), strict=True):
        crc, more = map(int, line.split())
        assert crc == zlib.crc32(data[first:last])
        assert more == zlib.crc32(data[:7], crc)
