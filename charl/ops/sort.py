"""Sorting, the greatest k, and search in what is sorted.

NaN stands after all numbers, in descending order too. Sorting is stable. The gradients of values
go back to the places `indices` names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement
from charl.core.op import Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import (
    Cotangents,
    is_float,
    normal_axis,
    plain,
    rank,
    shape_of,
    size_dim,
    tensor,
    with_shape,
)
from charl.ops.faults import bad_value
from charl.ops.samples import INF, NAN, Array, draw, edge, sample, sliced, transposed, whole
from charl.types import dtypes
from charl.types.types import Tensor, Type, Typed

Attributes = Mapping[str, Any]
X = Parameter("x", dtype="T:number")
LAST = Parameter("axis", Kind.INTEGER, default=-1)


def _order(x: Array, axis: int, descending: bool) -> Array:
    """Indices that sort x stably, NaN last."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    # Reversed twice, so that equal elements keep their order; NaN is then moved to the end.
    backwards = np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    order: Array = x.shape[axis] - 1 - backwards
    if x.dtype.kind == "i":
        return order
    last = np.take_along_axis(np.isnan(x), order, axis)
    return np.take_along_axis(order, np.argsort(last, axis, kind="stable"), axis)


def _comparable(x: Array) -> Array:
    """bfloat16, which NumPy cannot sort with its NaNs, as float32."""
    return x.astype(np.float32) if x.dtype.kind == "V" or x.dtype.name == "bfloat16" else x


def _places(b: Builder, statement: Statement, cotangents: Cotangents, axis: int) -> Cotangents:
    """The cotangent of the values, scattered to where they came from."""
    x, rest = statement.operands[0], statement.operands[1:]
    dvalues, indices = cotangents[0], statement.results[1]
    if dvalues is None or not is_float(x):
        return (None, *(None for _ in rest))
    dx = b("scatter_add_along", b.zeros_like(x), indices, dvalues, axis=axis)
    return (dx, *(None for _ in rest))


# --- sort ----------------------------------------------------------------------------------------


def _sort_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x = operands[0]
    normal_axis(ctx, attributes.get("axis", -1), rank(x))
    return tensor(x), Tensor(dtypes.INT64, shape_of(x))


def _sort(x: Array, axis: int = -1, descending: bool = False) -> tuple[Array, Array]:
    order = _order(_comparable(x), axis, descending)
    return np.take_along_axis(x, order, axis), order.astype(np.int64, copy=False)


def _sort_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, axis=-1, descending=False),
        sample(transposed(x), axis=0, descending=True),
        sample(sliced(x), axis=1, descending=True),
        sample(draw(1), axis=0, descending=False),
        sample(x[:0], axis=0, descending=False),
        edge(whole(4, 5, dtype="int8"), axis=1, descending=True),
        edge(np.array([1.0, NAN, -INF, INF, 1.0, NAN]), axis=0, descending=True),
        edge(np.array([1.0, NAN, -INF, INF, 1.0, NAN]), axis=0, descending=False),
    )


plain(
    "sort",
    "x in ascending (or descending) order along an axis, and the int64 indices that sort it; "
    "stable, NaN last.",
    (X, LAST, Parameter("descending", Kind.BOOLEAN, default=False)),
    _sort_rule,
    _sort,
    raw_gradient=lambda b, s, d: _places(b, s, d, s.attributes.get("axis", -1)),
    samples=_sort_samples,
    surface="sort_with_indices",
)

# --- top_k ---------------------------------------------------------------------------------------


def _top_k_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, k = operands
    axis = normal_axis(ctx, attributes.get("axis", -1), rank(x))
    if rank(k):
        ctx.fail("the k of `top_k` is one integer", (1,))
    shape = list(shape_of(x))
    shape[axis] = size_dim(ctx, k, "k")
    return with_shape(x, shape), Tensor(dtypes.INT64, tuple(shape))


def _top_k(x: Array, k: int, axis: int = -1) -> tuple[Array, Array]:
    n = x.shape[axis]
    if k < 0:
        raise bad_value(f"`top_k` cannot give {k} elements")
    if k > n:
        raise Fault("E0506", f"`top_k` cannot give the greatest {k} of {n} elements")
    order = np.take(_order(_comparable(x), axis, True), range(k), axis)
    return np.take_along_axis(x, order, axis), order.astype(np.int64, copy=False)


def _top_k_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, 2, axis=-1),
        sample(transposed(x), 3, axis=0),
        sample(x, 0, axis=1),
        sample(draw(1), 1, axis=0),
        edge(whole(4, 5, dtype="int8"), 2, axis=1),
        edge(np.array([1.0, NAN, -INF, INF, 1.0, NAN]), 5, axis=0),
    )


plain(
    "top_k",
    "The greatest k elements along an axis in descending order, and their int64 indices; the "
    "first of equals first, NaN last.",
    (X, Parameter("k", dtype="int64"), LAST),
    _top_k_rule,
    _top_k,
    raw_gradient=lambda b, s, d: _places(b, s, d, s.attributes.get("axis", -1)),
    samples=_top_k_samples,
)

# --- searchsorted --------------------------------------------------------------------------------


def _search_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    if rank(operands[0]) != 1:
        ctx.fail("`searchsorted` searches in one sorted row", (0,))
    return (Tensor(dtypes.INT64, shape_of(operands[1])),)


def _search(sorted: Array, x: Any, right: bool = False) -> Any:
    found = np.searchsorted(_comparable(sorted), _comparable(np.asarray(x)), _SIDES[right])
    return found.astype(np.int64) if np.ndim(found) else int(found)


_SIDES: dict[bool, Any] = {False: "left", True: "right"}


def _search_samples() -> Sequence[Sample]:
    row = np.sort(draw(6))
    return (
        edge(row, draw(3, 4), right=False),
        edge(row, row, right=True),
        edge(row, row, right=False),
        edge(row, 0.5, right=False),
        edge(row[:0], draw(3), right=False),
        edge(np.array([1, 3, 3, 9], "int8"), whole(5, dtype="int8"), right=True),
    )


plain(
    "searchsorted",
    "For every element of x, how many elements of a sorted row are less (or with `right`, not "
    "greater): where it would be inserted; int64.",
    (
        Parameter("sorted", dtype="T:number"),
        Parameter("x", dtype="T:number"),
        Parameter("right", Kind.BOOLEAN, default=False),
    ),
    _search_rule,
    _search,
    no_gradient="its result is an index",
    samples=_search_samples,
)
