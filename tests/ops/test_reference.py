"""Primitives against independent implementations: NumPy's and SciPy's functions of another route,
or loops written out here."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
import scipy.special

import charl.ops
from charl.core.op import REGISTRY, Op, Sample
from charl.ops.samples import draw, whole

assert charl.ops


def evaluated(name: str, *operands: Any, **attributes: Any) -> Any:
    evaluate = REGISTRY[name].evaluate
    assert evaluate is not None
    return evaluate(*operands, **attributes)


# Every sample of a primitive against a function of the same operands and attributes.
REFERENCES: dict[str, Callable[..., Any]] = {
    "neg": lambda x: 0 - x,
    "abs": lambda x: np.where(x < 0, -x, x),
    "sign": lambda x: np.where(np.isnan(x), x, (x > 0) * 1 - (x < 0) * 1),
    "add": lambda a, b: a - (-b),
    "mod": lambda a, b: a - np.floor_divide(a, b) * b,
    "expm1": lambda x: 2 * np.exp(x / 2) * np.sinh(x / 2),
    "log1p": lambda x: 2 * np.arctanh(x / (2 + x)),
    "rsqrt": lambda x: x**-0.5,
    "tan": lambda x: np.sin(x) / np.cos(x),
    "tanh": lambda x: 1 - 2 / (np.exp(2 * x) + 1),
    "acos": lambda x: np.pi / 2 - np.arcsin(x),
    "sinh": lambda x: (np.exp(x) - np.exp(-x)) / 2,
    "cosh": lambda x: (np.exp(x) + np.exp(-x)) / 2,
    "erf": scipy.special.erf,
    "digamma": scipy.special.digamma,
    "polygamma": lambda x, order: scipy.special.polygamma(order, x),
    "trunc": lambda x: np.where(x < 0, np.ceil(x), np.floor(x)),
    "not": lambda x: x ^ True,
    "xor": lambda a, b: a != b,
    "bit_not": lambda x: -x - 1,
    "bit_xor": lambda a, b: (a | b) - (a & b),
    "shift_left": lambda a, b: a * (1 << b),
    "shift_right": lambda a, b: np.floor_divide(a, 1 << b),
    "maximum": lambda a, b: -np.minimum(-a, -b),
    "select": lambda c, a, b: np.choose(np.asarray(c).astype(int), [b, a]),
    "reshape": lambda x, *sizes: np.array(np.ravel(x).tolist()).reshape(sizes),
    "transpose": lambda x, permutation: (
        np.einsum(x, range(x.ndim), permutation or range(x.ndim)[::-1])
        if permutation is None or min(permutation) >= 0
        else np.moveaxis(x, [p % x.ndim for p in permutation], range(x.ndim))
    ),
    "flip": lambda x, axes: x[
        tuple(
            slice(None, None, -1 if axes is None or i in axes or i - x.ndim in axes else 1)
            for i in range(x.ndim)
        )
    ],
    "pad": lambda x, value, *n: np.pad(
        x, list(zip(n[: x.ndim], n[x.ndim :])), constant_values=value
    ),
    "concat": lambda *xs, axis: (
        np.block([list(xs)]) if axis else np.array([r for x in xs for r in x])
    ),
    "take_along": lambda x, i, axis: np.take_along_axis(x, i % x.shape[axis], axis),
    "matmul": lambda a, b: np.einsum("...ij,...jk->...ik", a, b),
    "solve": lambda a, b: np.einsum(
        "...ij,...j->...i" if b.ndim < a.ndim else "...ij,...jk->...ik", np.linalg.inv(a), b
    ),
    "inverse": lambda a: np.linalg.solve(a, np.broadcast_to(np.eye(a.shape[-1]), a.shape)),
}
ROUGH = {"solve", "inverse", "expm1", "log1p", "tanh", "tan", "digamma"}
CONDITIONED = {
    # References that are inexact away from moderate operands.
    "expm1": lambda x: np.all((np.abs(x) > 0.1) & (np.abs(x) < 5)),
    "log1p": lambda x: np.all((np.abs(x) > 0.1) & (np.abs(x) < 5) & (x > -0.9)),
    "tanh": lambda x: np.all(np.abs(x) < 5),
    "sinh": lambda x: np.all((np.abs(x) > 0.3) & (np.abs(x) < 50)),
    "cosh": lambda x: np.all(np.abs(x) < 50),
    "tan": lambda x: np.all(np.abs(x) < 1.4),
    "acos": lambda x: np.all(np.abs(x) < 0.95),
    "rsqrt": lambda x: np.all(x > 0),
    "mod": lambda a, b: np.all(np.isfinite(a) & np.isfinite(b) & (b != 0)),
    "digamma": lambda x: np.all((x > 0.1) | np.isnan(x)) and not np.any(np.abs(x - 1.46) < 0.01),
    "polygamma": lambda x: np.all(x > 0),
    "solve": lambda a, b: a.size,
    "inverse": lambda a: a.size,
    "maximum": lambda a, b: np.asarray(a).dtype.kind == "f",
    "abs": lambda x: np.asarray(x).dtype != "int8",
}


def cases() -> list[Any]:
    found = []
    for name in REFERENCES:
        op = REGISTRY[name]
        assert op.samples is not None
        for number, sample in enumerate(op.samples()):
            if any(getattr(v, "dtype", None) in ("float16", "float32") for v in sample.operands):
                continue
            with np.errstate(all="ignore"):
                usable = CONDITIONED.get(name, lambda *operands: True)(*sample.operands)
            if usable:
                found.append(pytest.param(op, sample, id=f"{name}-{number}"))
    return found


@pytest.mark.parametrize("op, sample", cases())
def test_agrees_with_the_reference(op: Op, sample: Sample) -> None:
    with np.errstate(all="ignore"):
        expected = np.asarray(REFERENCES[op.name](*sample.operands, **sample.attributes))
    found = np.asarray(evaluated(op.name, *sample.operands, **sample.attributes))
    tolerance = 1e-12 if op.name in ROUGH else 2e-14
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


class TestReductions:
    @pytest.mark.parametrize("name, function", [("reduce_sum", sum), ("reduce_max", max)])
    @pytest.mark.parametrize("axis", [(0,), (1,), (-1,), (0, 2), None])
    def test_element_by_element(self, name: str, function: Any, axis: Any) -> None:
        x = draw(2, 3, 4)
        axes = range(3) if axis is None else [a % 3 for a in axis]
        kept = [i for i in range(3) if i not in axes]
        groups: dict[Any, list[float]] = {}
        for place in np.ndindex(x.shape):
            groups.setdefault(tuple(place[i] for i in kept), []).append(x[place].item())
        found = evaluated(name, x, axis=axis, keep_dims=False)
        for place, members in groups.items():
            assert np.isclose(np.asarray(found)[place], function(members), rtol=1e-14)

    def test_narrow_floats_are_summed_in_float32(self) -> None:
        ones = np.ones(5000, "float16")
        assert evaluated("reduce_sum", ones, axis=None, keep_dims=False) == 5000

    def test_nan_is_the_extreme(self) -> None:
        x = np.array([1.0, np.nan, 3.0])
        assert np.isnan(evaluated("reduce_max", x, axis=None, keep_dims=False))
        assert evaluated("argmax", x, axis=0, keep_dims=False) == 1

    def test_nothing_sums_to_zero_and_multiplies_to_one(self) -> None:
        assert evaluated("reduce_sum", draw(0), axis=None, keep_dims=False) == 0
        assert evaluated("reduce_prod", draw(0), axis=None, keep_dims=False) == 1
        assert evaluated("reduce_all", np.zeros(0, bool), axis=None, keep_dims=False) is True

    @pytest.mark.parametrize("reverse", [False, True])
    def test_running_ones(self, reverse: bool) -> None:
        x = draw(5)
        row = x[::-1].tolist() if reverse else x.tolist()
        for name, step in (("cumsum", sum), ("cumprod", np.prod), ("cummax", max)):
            expected = [step(row[: k + 1]) for k in range(5)]
            expected = expected[::-1] if reverse else expected
            assert np.allclose(evaluated(name, x, axis=0, reverse=reverse), expected, rtol=1e-14)

    def test_linear_recurrence(self) -> None:
        a, b = draw(6), draw(6, low=0, high=3)
        state, expected = 0.0, []
        for p, q in zip(a, b):
            state = p * state + q
            expected.append(state)
        assert np.allclose(evaluated("linear_recurrence", a, b, axis=0), expected, rtol=1e-14)


class TestIndexing:
    def test_gather_element_by_element(self) -> None:
        x, at = draw(3, 4, 2), whole(2, 5, low=-4, high=4)
        found = evaluated("gather", x, at, axis=1)
        for i, j, k, m in np.ndindex(3, 2, 5, 2):
            assert found[i, j, k, m] == x[i, at[j, k], m]

    def test_scatter_add_counts_repetitions(self) -> None:
        x, at, updates = draw(3, 4, 2), whole(2, 5, low=-4, high=4), draw(3, 2, 5, 2)
        expected = x.copy()
        for i, j, k, m in np.ndindex(updates.shape):
            expected[i, at[j, k], m] += updates[i, j, k, m]
        assert np.allclose(evaluated("scatter_add", x, at, updates, axis=1), expected)

    def test_scatter_set_keeps_the_last(self) -> None:
        found = evaluated("scatter_set", draw(3), np.array([1, 1, -2]), np.arange(3.0), axis=0)
        assert found[1] == 2.0

    def test_scatter_add_along(self) -> None:
        x, at, updates = draw(3, 4), whole(3, 6, low=-4, high=4), draw(3, 6)
        expected = x.copy()
        for i, j in np.ndindex(3, 6):
            expected[i, at[i, j]] += updates[i, j]
        assert np.allclose(evaluated("scatter_add_along", x, at, updates, axis=1), expected)

    def test_one_hot(self) -> None:
        at = whole(2, 3, low=0, high=4)
        found = evaluated("one_hot", at, 4)
        for i, j, k in np.ndindex(2, 3, 4):
            assert found[i, j, k] == (at[i, j] == k)

    def test_iota(self) -> None:
        found = evaluated("iota", 2, 3, 4, axis=1)
        assert all(found[i, j, k] == j for i, j, k in np.ndindex(2, 3, 4))

    @pytest.mark.parametrize("steps", [(1, 1), (2, -1), (-1, -2)])
    def test_slice(self, steps: tuple[int, int]) -> None:
        x = draw(7, 8)
        start = [0 if s > 0 else n - 1 for s, n in zip(steps, x.shape)]
        found = evaluated("slice", x, *start, 3, 4, steps=steps)
        for i, j in np.ndindex(3, 4):
            assert found[i, j] == x[start[0] + i * steps[0], start[1] + j * steps[1]]


class TestSorting:
    @pytest.mark.parametrize("descending", [False, True])
    def test_is_stable_with_nan_last(self, descending: bool) -> None:
        x = np.array([2.0, np.nan, 1.0, 2.0, -np.inf, np.nan, 1.0])
        values, order = evaluated("sort", x, axis=0, descending=descending)
        key = lambda i: (np.isnan(x[i]), 0 if np.isnan(x[i]) else -x[i] if descending else x[i])  # noqa: E731
        assert order.tolist() == sorted(range(7), key=key)
        assert np.array_equal(values, x[order], equal_nan=True)

    def test_top_k(self) -> None:
        values, order = evaluated("top_k", np.array([3.0, 9.0, 9.0, 1.0]), 3, axis=0)
        assert values.tolist() == [9, 9, 3] and order.tolist() == [1, 2, 0]

    def test_searchsorted_counts(self) -> None:
        row = np.array([1, 3, 3, 9])
        for right in (False, True):
            for x in range(11):
                count = sum(r <= x if right else r < x for r in row)
                assert evaluated("searchsorted", row, x, right=right) == count


class TestProducts:
    @pytest.mark.parametrize(
        "spec, axes",
        [
            ("abc,cde->abde", ((), (), (2,), (0,))),
            ("abc,cad->abd", ((0,), (1,), (2,), (0,))),
            ("abc,cad->bd", ((), (), (2, 0), (0, 1))),
            ("ab,cd->abcd", ((), (), (), ())),
            ("a,a->", ((), (), (0,), (0,))),
        ],
    )
    def test_contractions_are_einsums(self, spec: str, axes: Any) -> None:
        sizes = dict(zip("abcde", (2, 3, 4, 5, 6)))
        left, right = spec.split("->")[0].split(",")
        a, b = draw(*(sizes[c] for c in left)), draw(*(sizes[c] for c in right))
        names = ("left_batch", "right_batch", "left_axes", "right_axes")
        found = evaluated("contract", a, b, **dict(zip(names, axes)))
        assert np.allclose(found, np.einsum(spec, a, b), rtol=1e-13)

    def test_integer_products_wrap(self) -> None:
        big = np.full((1, 2), 100, "int8")
        assert evaluated("matmul", big, big.T)[0, 0] == np.int8(20000 % 256 - 0)


class TestLinearAlgebra:
    @pytest.mark.parametrize("lower", [True, False])
    @pytest.mark.parametrize("transposed", [True, False])
    @pytest.mark.parametrize("n", [1, 5, 80])
    def test_triangular_solve(self, lower: bool, transposed: bool, n: int) -> None:
        a, b = draw(n, n) + n * np.eye(n), draw(n, 3)
        found = evaluated("triangular_solve", a, b, lower=lower, transposed=transposed)
        expected = scipy.linalg.solve_triangular(a, b, trans=int(transposed), lower=lower)
        assert np.allclose(found, expected, rtol=1e-11)

    def test_cholesky(self) -> None:
        a = draw(4, 4) + 6 * np.eye(4)
        factor = evaluated("cholesky", a)
        assert np.allclose(factor @ factor.T, (a + a.T) / 2, rtol=1e-13)
        assert np.array_equal(factor, np.tril(factor)) and np.all(np.diag(factor) > 0)

    @pytest.mark.parametrize("shape", [(4, 4), (5, 2), (2, 5), (3, 4, 2)])
    def test_factors_multiply_back(self, shape: tuple[int, ...]) -> None:
        a = draw(*shape)
        q, r = evaluated("qr", a)
        assert np.allclose(q @ r, a) and np.allclose(np.triu(r), r)
        assert np.allclose(np.swapaxes(q, -1, -2) @ q, np.eye(q.shape[-1]))
        u, s, vt = evaluated("svd", a)
        assert np.allclose(u * s[..., None, :] @ vt, a) and np.all(np.diff(s) <= 0)
        assert np.allclose(np.swapaxes(u, -1, -2) @ u, np.eye(u.shape[-1]))

    def test_eigenvalues(self) -> None:
        a = draw(4, 4)
        w, v = evaluated("eigh", a)
        assert np.allclose(v * w @ v.T, (a + a.T) / 2) and np.all(np.diff(w) >= 0)

    def test_determinant(self) -> None:
        a = draw(3, 3)
        sign, size = evaluated("slogdet", a)
        expected = sum(
            np.linalg.det(np.eye(3)[list(p)]) * a[0, p[0]] * a[1, p[1]] * a[2, p[2]]
            for p in itertools.permutations(range(3))
        )
        assert np.isclose(sign * np.exp(size), expected)
        assert evaluated("slogdet", np.ones((2, 2))) == (0.0, -np.inf)


def patch_sum(x: Any, w: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The definition of a two-dimensional convolution, sum by sum."""
    n, _, height, width = x.shape
    o, per, kh, kw = w.shape
    top, bottom, left, right = padding
    rows = (height + top + bottom - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    columns = (width + left + right - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    y = np.zeros((n, o, rows, columns))
    for i, f, p, q in np.ndindex(y.shape):
        first = f // (o // groups) * per
        for ch, a, b in np.ndindex(per, kh, kw):
            r = p * strides[0] + a * dilation[0] - top
            s = q * strides[1] + b * dilation[1] - left
            if 0 <= r < height and 0 <= s < width:
                y[i, f, p, q] += x[i, first + ch, r, s] * w[f, ch, a, b]
    return y


class TestConvolution:
    @pytest.mark.parametrize(
        "strides, padding, dilation, groups",
        [
            ((1, 1), (0, 0, 0, 0), (1, 1), 1),
            ((2, 1), (1, 2, 0, 1), (1, 1), 1),
            ((1, 3), (2, 2, 2, 2), (2, 1), 2),
            ((1, 1), (0, 0, 0, 0), (1, 1), 4),
        ],
    )
    def test_follows_the_definition(
        self, strides: Any, padding: Any, dilation: Any, groups: int
    ) -> None:
        x, w = draw(2, 4, 6, 7), draw(4, 4 // groups, 3, 2)
        given = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
        assert np.allclose(evaluated("conv", x, w, **given), patch_sum(x, w, **given), rtol=1e-12)

    def test_three_dimensions(self) -> None:
        x, w = draw(1, 1, 4, 5, 6), draw(1, 1, 2, 3, 2)
        expected = scipy.signal.correlate(x[0, 0], w[0, 0], mode="valid")
        assert np.allclose(evaluated("conv", x, w)[0, 0], expected, rtol=1e-12)

    def test_images_are_taken_in_parts(self) -> None:
        """More patches than are made at a time."""
        x, w = draw(40, 8, 40, 40), draw(3, 8, 3, 3)
        whole_batch = evaluated("conv", x, w)
        assert np.allclose(whole_batch[[0, 17, 39]], evaluated("conv", x[[0, 17, 39]], w))
        gradient = evaluated("conv_filter_gradient", x, whole_batch, 3, 3)
        halves = [
            evaluated("conv_filter_gradient", x[h], whole_batch[h], 3, 3)
            for h in (slice(0, 20), slice(20, 40))
        ]
        assert np.allclose(gradient, halves[0] + halves[1])
        back = evaluated("conv_input_gradient", whole_batch, w, 40, 40)
        assert np.allclose(
            back[[3, 30]], evaluated("conv_input_gradient", whole_batch[[3, 30]], w, 40, 40)
        )

    @pytest.mark.parametrize("name, fold", [("window_max", max), ("window_sum", sum)])
    def test_pooling(self, name: str, fold: Any) -> None:
        x = draw(2, 3, 6, 7)
        found = evaluated(name, x, window=(3, 2), strides=(2, 1), padding=(1, 0, 0, 1))
        for i, c, p, q in np.ndindex(found.shape):
            rows = [r for r in range(2 * p - 1, 2 * p + 2) if 0 <= r < 6]
            columns = [s for s in range(q, q + 2) if 0 <= s < 7]
            assert np.isclose(
                found[i, c, p, q], fold([x[i, c, r, s] for r in rows for s in columns])
            )

    def test_the_first_of_equal_maxima_is_named(self) -> None:
        x = np.array([[[[1.0, 3.0, 3.0], [3.0, 0.0, 3.0], [0.0, 0.0, 0.0]]]])
        found = evaluated("window_argmax", x, window=(2, 2), strides=(1, 1), padding=(0,))
        assert found.ravel().tolist() == [1, 1, 3, 5]
        lowest = np.full((1, 1, 2, 2), -np.inf)
        padded = evaluated("window_argmax", lowest, window=(2, 2), strides=(1, 1), padding=(1, 1))
        assert padded.ravel().tolist() == [0, 0, 1, 0, 0, 1, 2, 2, 3]


class TestSpecialFunctions:
    """Against SciPy, and at single points against values computed to 30 digits."""

    def test_erf_to_the_last_digits(self) -> None:
        x = np.concatenate([np.linspace(-7, 7, 5001), np.logspace(-300, 1, 500)])
        assert np.allclose(evaluated("erf", x), scipy.special.erf(x), rtol=1e-15, atol=0)

    def test_lgamma(self) -> None:
        x = np.concatenate([np.linspace(0.01, 60, 6001), np.logspace(-10, 10, 500)])
        assert np.allclose(evaluated("lgamma", x), scipy.special.gammaln(x), rtol=1e-13, atol=1e-14)
        below = np.linspace(-20.0003, -0.1, 501)
        expected = scipy.special.gammaln(below)
        assert np.allclose(evaluated("lgamma", below), expected, rtol=1e-13, atol=1e-12)

    def test_lgamma_near_its_zeros(self) -> None:
        """lgamma(1 + t) = -euler t + zeta(2) t^2 / 2 - ..., where rounding would eat all digits."""
        t = 2.0**-20
        expected = -0.57721566490153286 * t + 1.6449340668482264 / 2 * t**2
        expected -= 1.2020569031595943 / 3 * t**3
        assert np.isclose(evaluated("lgamma", 1 + t), expected, rtol=1e-15, atol=0)

    def test_digamma_below_zero(self) -> None:
        x = np.linspace(-9.97, -0.1, 301)
        assert np.allclose(evaluated("digamma", x), scipy.special.digamma(x), rtol=1e-11)

    def test_poles(self) -> None:
        assert evaluated("lgamma", 0.0) == np.inf and evaluated("lgamma", -3.0) == np.inf
        assert np.isnan(evaluated("digamma", -2.0))


class TestConversion:
    def test_floats_become_integers_towards_zero(self) -> None:
        x = np.array([2.9, -2.9, 127.99, 128.0, -129.0, np.nan, np.inf])
        found = evaluated("cast", x, dtype=charl.ops.elementwise.dtypes.INT8)
        assert found.tolist() == [2, -2, 127, -128, -128, -128, -128]

    def test_integer_tensors_wrap(self) -> None:
        found = evaluated("cast", np.array([300, -129]), dtype=charl.ops.elementwise.dtypes.INT8)
        assert found.tolist() == [44, 127]

    def test_the_largest_floats_below_the_limit_fit(self) -> None:
        below = np.nextafter(2.0**63, 0)
        found = evaluated(
            "cast", np.array([below, 2.0**63]), dtype=charl.ops.elementwise.dtypes.INT64
        )
        assert found.tolist() == [int(below), -(2**63)]
