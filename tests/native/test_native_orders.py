"""What goes along an axis in order, compiled: sorting and searching, running sums, masks. All give
what the interpreter gives, to the last bit: nothing here may be taken in another order."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from native.single import Call, interpreted, run

import charl
from charl.core.op import REGISTRY, Fault
from charl.diagnostics.diagnostic import CharlError
from charl.types import dtypes

NUMBERS = [d.name for d in dtypes.ALL if d.is_number]
INF, NAN = np.inf, np.nan


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    """Numbers among which many are equal, zeros of both signs, and what is not a number."""
    numpy = dtypes.BY_NAME[dtype].numpy
    if dtype.startswith("int"):
        limits = np.iinfo(numpy)
        wild = rng.choice(np.array([limits.min, limits.max, -1, 0, 1], numpy), shape)
        return np.where(rng.random(shape) < 0.5, wild, rng.integers(-100, 100, shape, numpy))
    tame = np.round(rng.standard_normal(shape) * 8) / 4
    wild = rng.choice([INF, -INF, NAN, 0.0, -0.0, 1e-7, 6e4], shape)
    return np.where(rng.random(shape) < 0.3, wild, tame).astype(numpy)


def check(calls: list[Call]) -> None:
    with np.errstate(all="ignore"):
        for call, found in zip(calls, run(calls)):
            expected = interpreted(call)
            several = isinstance(expected, tuple)
            for one, other in zip(
                found if several else [found], expected if several else [expected]
            ):
                one, other = np.asarray(one), np.asarray(other)
                assert one.dtype == other.dtype and one.shape == other.shape, call
                if other.dtype.kind in "biu":
                    np.testing.assert_array_equal(one, other, err_msg=repr(call))
                else:
                    wide = one.astype("float64"), other.astype("float64")
                    np.testing.assert_array_equal(*wide, err_msg=repr(call))
                    numbers = ~np.isnan(wide[0])
                    np.testing.assert_array_equal(*(np.signbit(x)[numbers] for x in wide))


def refused(call: Call) -> None:
    with pytest.raises(Fault) as fault:
        interpreted(call)
    with pytest.raises(CharlError) as error:
        run([call])
    assert error.value.diagnostics[0].message == fault.value.message


OPS = (
    "sort", "top_k", "searchsorted", "cumsum", "cumprod", "cummax", "linear_recurrence",
    "mask_select", "mask_scatter", "nonzero",
)  # fmt: skip


@pytest.mark.parametrize("name", OPS)
def test_samples_of_sizes_that_only_the_run_knows(name: str) -> None:
    samples = REGISTRY[name].samples
    assert samples is not None
    calls = [Call(name, s.operands, dict(s.attributes), dynamic=True) for s in samples()]
    for call in calls:
        if all(isinstance(x, bool | int | np.ndarray) for x in call.operands):
            check([call])


# Around what is sorted by insertion, and what is kept sorted while the rest is looked through.
@pytest.mark.parametrize("dtype", NUMBERS)
def test_sorting(dtype: str) -> None:
    rng = np.random.default_rng(1)
    calls = []
    for n, descending in product((0, 1, 2, 31, 32, 33, 300, 5000), (False, True)):
        calls.append(Call("sort", (draw(rng, (n,), dtype),), {"descending": descending}))
    for shape, axis in product(((3, 40, 2), (0, 3), (50, 1), (200, 33)), (0, 1)):
        for dynamic in (False, True):
            calls.append(Call("sort", (draw(rng, shape, dtype),), {"axis": axis}, dynamic))
    for n, k in ((1, 0), (1, 1), (40, 0), (40, 16), (40, 17), (40, 40), (3000, 5), (3000, 100)):
        calls.append(Call("top_k", (draw(rng, (n,), dtype), k), {}, dynamic=bool(n % 3)))
        calls.append(Call("top_k", (draw(rng, (2, n, 3), dtype), k), {"axis": 1}))
    check(calls)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_searching(dtype: str) -> None:
    rng = np.random.default_rng(2)
    calls = []
    for n, right in product((0, 1, 2, 100), (False, True)):
        (row, _) = interpreted(Call("sort", (draw(rng, (n,), dtype),)))
        for shape in ((), (0,), (7, 300)):
            x = draw(rng, shape, dtype)
            calls.append(Call("searchsorted", (row, x), {"right": right}, dynamic=shape != (0,)))
    check([c for c in calls if np.ndim(c.operands[1])])


@pytest.mark.parametrize("dtype", NUMBERS)
def test_running(dtype: str) -> None:
    rng = np.random.default_rng(3)
    shapes = ((0,), (1,), (100,), (3, 5), (5, 3, 4), (0, 3), (3, 0), (2, 1, 1))
    calls = []
    for shape, reverse in product(shapes, (False, True)):
        x = draw(rng, shape, dtype)
        for axis in range(-1, len(shape)):
            along = {"axis": axis, "reverse": reverse}
            for name in ("cumsum", "cumprod", "cummax"):
                # NumPy leaves open which of two zeros is the greater.
                given = np.abs(x) if name == "cummax" and "float" in dtype else x
                calls.append(Call(name, (given,), along, dynamic=axis < 0))
            if "float" in dtype:
                pair = (x, draw(rng, shape, dtype))
                calls.append(Call("linear_recurrence", pair, along, dynamic=axis < 0))
    check(calls)


@pytest.mark.parametrize("dtype", ["bool", *NUMBERS])
def test_masks(dtype: str) -> None:
    rng = np.random.default_rng(4)
    calls = []
    for shape, axes, share in product(
        ((0,), (1,), (100,), (30, 7), (4, 5, 3)), (1, 2), (0, 0.5, 1)
    ):
        axes = min(axes, len(shape))
        mask = rng.random(shape[:axes]) < share
        x = draw(rng, shape, dtype) if dtype != "bool" else rng.random(shape) < 0.5
        calls.append(Call("mask_select", (x, mask), dynamic=True))
        calls.append(Call("mask_select", (x, mask)))
        calls.append(Call("mask_scatter", (x[mask], mask)))
        calls.append(Call("nonzero", (mask,), dynamic=bool(share)))
    check(calls)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_adding_rows(dtype: str) -> None:
    rng = np.random.default_rng(5)
    calls = []
    for shape, given in product(((3,), (5, 3), (4, 3, 2), (2, 0)), (1, 2)):
        indices = [-1, 0][: min(given, len(shape) - 1)]
        x, row = draw(rng, shape, dtype), draw(rng, shape[len(indices) :], dtype)
        calls.append(Call("index_add", (x, row, *indices), dynamic=given == 1))
    check([call for call in calls if 0 not in call.operands[0].shape[:-1]])


def test_a_bfloat16_that_a_loop_carries(tmp_path: Any) -> None:
    file = tmp_path / "most.ch"
    file.write_text(
        "fn most(x: bfloat16[N]) -> bfloat16 {\n"
        "    let most = x[0]\n"
        "    for i in 1..N { most = max(most, x[i]) }\n"
        "    most\n"
        "}\n"
    )
    x = np.array([1.5, NAN, 2.5, -3], dtypes.BFLOAT16.numpy)
    loaded = charl.load(str(file), backend="native")
    assert [float(loaded.most(x[n:])) for n in (2, 3)] == [2.5, -3]
    assert np.isnan(float(loaded.most(x)))


@pytest.mark.parametrize(
    "call",
    [
        Call("top_k", (np.arange(3.0), 4), dynamic=True),
        Call("top_k", (np.arange(3.0), -1), dynamic=True),
        Call("mask_select", (np.arange(3.0), np.array([True, False])), dynamic=True),
        Call("mask_scatter", (np.arange(3.0), np.array([True, False])), dynamic=True),
        Call("index_add", (np.zeros((3, 2)), np.ones(2), 3), dynamic=True),
    ],
    ids=lambda call: call.op,
)
def test_what_cannot_be(call: Call) -> None:
    refused(call)
