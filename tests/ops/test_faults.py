"""What primitives refuse at run time, and how they say it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import charl.ops
from charl.core.op import REGISTRY, Fault
from charl.types import dtypes
from charl.types.dtypes import DType
from charl.types.types import Tensor

assert charl.ops


def fault(name: str, *operands: Any, **attributes: Any) -> Fault:
    evaluate = REGISTRY[name].evaluate
    assert evaluate is not None
    with pytest.raises(Fault) as caught:
        evaluate(*operands, **attributes)
    return caught.value


X = np.arange(12.0).reshape(3, 4)
ROW = np.arange(3)
MAX = 2**63 - 1

CASES: list[Any] = [
    # name, operands, attributes, code, a part of the message
    ("index", (ROW, 7), {}, "E0501", "index 7 is out of bounds for size 3"),
    ("index", (X, 0, -5), {}, "E0501", "index -5 is out of bounds for size 4 of axis 1"),
    ("index_update", (ROW, 1, 3), {}, "E0501", "index 3 is out of bounds for size 3"),
    ("index_add", (X, 1.0, 3, 0), {}, "E0501", "index 3 is out of bounds for size 3 of axis 0"),
    (
        "gather",
        (X, np.array([0, 9]), 1),
        {},
        "E0501",
        "index 9 is out of bounds for size 4 of axis 1",
    ),
    ("take_along", (ROW, np.array([-4])), {}, "E0501", "index -4 is out of bounds for size 3"),
    ("scatter_add", (ROW, np.array([3]), np.array([1])), {}, "E0501", "index 3 is out of bounds"),
    ("scatter_set", (ROW, np.array([3]), np.array([1])), {}, "E0501", "index 3 is out of bounds"),
    ("slice", (ROW, 1, 3), {"steps": (1,)}, "E0501", "a slice from 1 to 3 is out of bounds"),
    ("slice", (ROW, 2, 4), {"steps": (-1,)}, "E0501", "a slice from 2 to -1 is out of bounds"),
    ("one_hot", (np.array([0, 3]), 3), {}, "E0501", "class 3 is out of bounds for 3 classes"),
    ("add", (MAX, 1), {}, "E0503", f"`{MAX} + 1` does not fit into int64"),
    ("sub", (-MAX, 2), {}, "E0503", "does not fit into int64"),
    ("mul", (MAX, 2), {}, "E0503", "does not fit into int64"),
    ("neg", (-MAX - 1,), {}, "E0503", "does not fit into int64"),
    ("abs", (-MAX - 1,), {}, "E0503", "does not fit into int64"),
    ("floor_div", (-MAX - 1, -1), {}, "E0503", "does not fit into int64"),
    ("pow", (2, 63), {}, "E0503", "`2 ** 63` does not fit into int64"),
    ("pow", (3, 10**12), {}, "E0503", "does not fit into int64"),
    ("shift_left", (1, 63), {}, "E0503", "`1 << 63` does not fit into int64"),
    ("cast", (300,), {"dtype": dtypes.INT8}, "E0503", "`300` does not fit into int8"),
    ("cast", (1e30,), {"dtype": dtypes.INT64}, "E0503", "does not fit into int64"),
    ("cast", (float("nan"),), {"dtype": dtypes.INT8}, "E0503", "`nan` does not fit into int8"),
    ("floor_div", (1, 0), {}, "E0504", "integer division by zero in `//`"),
    ("mod", (ROW, np.array([1, 0, 1])), {}, "E0504", "integer division by zero in `%`"),
    ("floor_div", (ROW, 0), {}, "E0504", "integer division by zero in `//`"),
    ("reshape", (X, 5, 3), {}, "E0505", "12 elements of [3, 4] cannot be arranged as [5, 3]"),
    ("broadcast", (X, 3, 5), {"axes": (0, 1)}, "E0505", "[3, 4] cannot be repeated to [3, 5]"),
    ("concat", (X, X.T), {"axis": 0}, "E0505", "[3, 4] and [4, 3] cannot be joined along axis 0"),
    ("stack", (X, X.T), {"axis": 0}, "E0505", "[3, 4] and [4, 3] cannot be stacked"),
    ("matmul", (X, X), {}, "E0505", "[3, 4] and [3, 4] do not chain"),
    ("mask_select", (ROW, np.array([True])), {}, "E0505", "a mask of [1] does not fit [3]"),
    ("reshape", (X, -12, -1), {}, "E0506", "a size cannot be negative"),
    (
        "broadcast",
        (1.0, -2),
        {"axes": ()},
        "E0506",
        "a size cannot be negative, and this one is -2",
    ),
    ("iota", (-1,), {}, "E0506", "a size cannot be negative"),
    ("pad", (ROW, 0, -1, 0), {}, "E0506", "padding cannot be negative, and this is -1"),
    ("pow", (2, -1), {}, "E0506", "an integer cannot be raised to the power -1"),
    ("pow", (ROW, np.array([1, -2, 0])), {}, "E0506", "raised to the power -2"),
    ("shift_right", (1, 64), {}, "E0506", "int64 can be shifted by 0 to 63 bits, not by 64"),
    ("shift_left", (ROW, np.array([0, -1, 0])), {}, "E0506", "not by -1"),
    ("top_k", (X, 5), {"axis": 1}, "E0506", "cannot give the greatest 5 of 4 elements"),
    ("random_int", (3, 3), {}, "E0506", "there is no integer from 3 up to, but not including, 3"),
    ("bernoulli", (1.5,), {}, "E0506", "1.5 is not a probability"),
    ("bernoulli", (np.array([0.5, np.nan]),), {}, "E0506", "nan is not a probability"),
    ("reduce_max", (X[:0],), {"axis": (0,), "keep_dims": False}, "E0510", "`max` of nothing"),
    ("argmin", (X[:0],), {"axis": None, "keep_dims": False}, "E0510", "`argmin` of nothing"),
    ("solve", (np.ones((2, 2)), np.ones(2)), {}, "E0520", "the matrix is singular"),
    ("inverse", (np.zeros((2, 2)),), {}, "E0520", "the matrix is singular"),
    (
        "triangular_solve",
        (np.zeros((1, 1)), np.ones((1, 1))),
        {},
        "E0520",
        "a zero on the diagonal",
    ),
    ("svd", (np.full((2, 2), np.nan),), {}, "E0520", "did not converge"),
    ("cholesky", (-np.eye(2),), {}, "E0521", "needs a positive definite matrix"),
]


@pytest.mark.parametrize("name, operands, attributes, code, message", CASES)
def test_refuses(name: str, operands: Any, attributes: Any, code: str, message: str) -> None:
    found = fault(name, *operands, **attributes)
    assert found.code == code
    assert message in found.message
    assert not found.message.endswith(".")


@pytest.mark.parametrize("dtype", [dtypes.INT8, dtypes.INT16, dtypes.INT32, dtypes.INT64])
def test_scalars_keep_to_their_width(dtype: DType) -> None:
    """`bind` knows the width that Python integers do not."""
    low, high = -(1 << (dtype.bits - 1)), (1 << (dtype.bits - 1)) - 1
    add = REGISTRY["add"].bind([Tensor(dtype), Tensor(dtype)], {})
    assert add(high - 1, 1) == high and add(low, 1) == low + 1
    for a, b in ((high, 1), (low, -1)):
        with pytest.raises(Fault, match=f"does not fit into {dtype}"):
            add(a, b)


def test_tensors_wrap_where_scalars_refuse() -> None:
    top = np.array([127], "int8")
    one = np.array([1], "int8")
    for name, expected in (("add", -128), ("mul", 127), ("sub", 126)):
        evaluate = REGISTRY[name].evaluate
        assert evaluate is not None and evaluate(top, one)[0] == expected
    negate = REGISTRY["neg"].evaluate
    assert negate is not None and negate(np.array([-128], "int8"))[0] == -128


@pytest.mark.parametrize("shape", [(0, 3), (0,)])
def test_no_fault_where_nothing_is_asked(shape: tuple[int, ...]) -> None:
    """Reductions of nothing along a kept axis give nothing; they do not refuse."""
    evaluate = REGISTRY["reduce_max"].evaluate
    assert evaluate is not None
    if len(shape) == 2:
        assert evaluate(np.zeros(shape), axis=(1,), keep_dims=False).shape == (0,)
    gather = REGISTRY["gather"].evaluate
    assert gather is not None
    assert gather(np.zeros(shape), np.zeros(0, "int64"), axis=0).shape == shape


def test_slices_of_nothing_may_stand_at_the_end() -> None:
    evaluate = REGISTRY["slice"].evaluate
    assert evaluate is not None
    assert evaluate(ROW, 3, 0, steps=(1,)).shape == (0,)
