"""Reductions over axes, and running (cumulative) ones along an axis.

`axis` is None for all axes, or a tuple of axes; reduced axes disappear, or stay with size 1 under
`keep_dims`. Integer sums and products wrap. Sums of float16 and bfloat16 are accumulated in
float32, and a sum of any length is about as accurate as a pairwise one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Fault, Kind, Op, Parameter, RuleContext, Sample
from charl.ops.cumulative import exclusive_product
from charl.ops.declare import (
    Cotangents,
    normal_axis,
    plain,
    rank,
    scalar,
    shape_of,
    with_shape,
    zero,
)
from charl.ops.samples import INF, NAN, Array, bits, draw, edge, sample, sliced, transposed, whole
from charl.types import dtypes
from charl.types.types import Tensor, Type, Typed

Axes = tuple[int, ...] | None
AXES = (
    Parameter("axis", Kind.INTEGERS, default=None),
    Parameter("keep_dims", Kind.BOOLEAN, default=False),
)

MANY_ROWS = 1 << 12  # terms of a sum

# --- Reductions ----------------------------------------------------------------------------------


REDUCTIONS = frozenset(
    {
        "reduce_sum", "reduce_prod", "reduce_min", "reduce_max", "reduce_any", "reduce_all",
        "argmin", "argmax",
    }
)  # fmt: skip


def reduced_axes(statement: Statement) -> tuple[int, ...]:
    """The axes that a reduction folds, counted from the front, in order."""
    n = statement.operands[0].rank
    axis = statement.attributes.get("axis")
    axes = range(n) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(sorted(a % n for a in axes))


def keeps_last_axis(statement: Statement) -> bool:
    """Whether it is a reduction that leaves the last axis: best computed row by row."""
    if statement.op.name not in REDUCTIONS:
        return False
    axes = reduced_axes(statement)
    return bool(axes) and statement.operands[0].rank - 1 not in axes


def _axes(ctx: RuleContext, axis: Any, rank: int) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    if axis is None:
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else axis
    found = tuple(normal_axis(ctx, a, rank) for a in axes)
    if len(set(found)) < len(found):
        ctx.fail("an axis is reduced twice", (0,))
    return found


def _reduced(result: dtypes.DType | None) -> Callable[..., tuple[Type, ...]]:
    def rule(
        ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
    ) -> tuple[Type, ...]:
        (x,) = operands
        axes = _axes(ctx, attributes.get("axis"), rank(x))
        keep = attributes.get("keep_dims", False)
        shape = tuple(
            1 if i in axes else dim for i, dim in enumerate(shape_of(x)) if keep or i not in axes
        )
        return (with_shape(x, shape) if result is None else Tensor(result, shape),)

    return rule


def _fold(function: np.ufunc, empty: str = "", wide: bool = False) -> Callable[..., Any]:
    """The reduction by a ufunc; `empty` names it where there is no neutral element, `wide` asks for
    sums of narrow floats in float32."""

    def evaluate(x: Any, axis: Axes = None, keep_dims: bool = False) -> Any:
        if not isinstance(x, np.ndarray) or x.ndim == 0:
            return x
        if empty and x.size == 0:
            check_not_empty(x, axis, empty)
        if wide:
            inside = _accumulator(function, x, axis)
            result = function.reduce(x, axis=axis, keepdims=keep_dims, dtype=inside)
            result = result.astype(x.dtype, copy=False)
        else:
            result = function.reduce(x, axis=axis, keepdims=keep_dims)
        return result if isinstance(result, np.ndarray) and result.ndim else scalar(result)

    return evaluate


def _accumulator(function: np.ufunc, x: Array, axis: Axes) -> Any:
    """The dtype to accumulate in. NumPy adds pairwise along the last axis, but rows one after
    another: a long sum of those is taken in float64."""
    dtype = x.dtype
    narrow = dtype.itemsize == 2 and dtype.kind != "i"
    if function is np.add and axis is not None and (narrow or dtype.kind == "f"):
        axes = [a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)]
        rows = math.prod(x.shape[a] for a in axes)
        if x.ndim - 1 not in axes and rows > MANY_ROWS:
            return np.float64
    return np.float32 if narrow else dtype


def check_not_empty(x: Array, axis: Any, name: str) -> None:
    """Demand that every result of a reduction has at least one element to choose from."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    reduced = [x.shape[a] for a in axes]
    kept = x.size if not reduced else int(np.prod(np.delete(x.shape, [a % x.ndim for a in axes])))
    if 0 in reduced and kept:
        raise Fault("E0510", f"`{name}` of nothing: the tensor has no elements to choose from")


def spread(b: Builder, dy: Value, x: Value, axis: Axes, keep_dims: bool) -> Value:
    """A reduced tensor, repeated over the shape of what was reduced."""
    if rank(x) == 0:
        return dy
    reduced = range(rank(x)) if axis is None else {a % rank(x) for a in axis}
    kept = tuple(i for i in range(rank(x)) if keep_dims or i not in reduced)
    result: Value = b("broadcast", dy, *b.sizes(x), axes=kept)
    return result


def _sum_gradient(
    b: Builder, dy: Value, x: Value, y: Value, axis: Axes = None, keep_dims: bool = False
) -> Cotangents:
    return (spread(b, dy, x, axis, keep_dims),)


def _prod_gradient(
    b: Builder, dy: Value, x: Value, y: Value, axis: Axes = None, keep_dims: bool = False
) -> Cotangents:
    """dy times the product of the others: those before times those after, so zeros are fine."""
    n = rank(x)
    if n == 0:
        return (dy,)
    reduced = tuple(range(n)) if axis is None else tuple(a % n for a in axis)
    kept = tuple(i for i in range(n) if i not in reduced)
    order = (*kept, *reduced)
    sizes = b.sizes(x)
    count = product(b, [sizes[i] for i in reduced])
    moved = b("transpose", x, permutation=order)
    rows = b("reshape", moved, *(sizes[i] for i in kept), count)
    last = len(kept)
    others = b(
        "mul", exclusive_product(b, rows, last, False), exclusive_product(b, rows, last, True)
    )
    back = b("reshape", others, *(sizes[i] for i in order))
    others = b("transpose", back, permutation=tuple(int(i) for i in np.argsort(order)))
    return (b("mul", spread(b, dy, x, axis, keep_dims), others),)


def product(b: Builder, sizes: Sequence[Value]) -> Value:
    total: Value = b.constant(1)
    for size in sizes:
        total = size if total.dim == 1 else b("mul", total, size)
    return total


def _extreme_gradient(
    b: Builder, dy: Value, x: Value, y: Value, axis: Axes = None, keep_dims: bool = False
) -> Cotangents:
    """dy, shared equally among the elements that are the extreme."""
    if rank(x) == 0:
        return (dy,)
    hit = b("eq", x, spread(b, y, x, axis, keep_dims))
    ones = b("select", hit, b.fill_like(1, x), zero(b, x))
    share = b("div", dy, b("reduce_sum", ones, axis=axis, keep_dims=keep_dims))
    return (b("select", hit, spread(b, share, x, axis, keep_dims), zero(b, x)),)


def _float_samples() -> Sequence[Sample]:
    x = draw(3, 4, 2, low=0.3, high=2.0)
    axes: tuple[Axes, ...] = (None, (1,), (0, 2), (-1,))
    return (
        *(sample(x, axis=a, keep_dims=k) for a in axes for k in (False, True)),
        sample(x, axis=(), keep_dims=False),
        sample(transposed(x), axis=(0,), keep_dims=False),
        sample(sliced(x), axis=(2,), keep_dims=True),
        sample(x[:1, :1, :1], axis=None, keep_dims=False),
        sample(0.5, axis=None, keep_dims=False),
        edge(x.astype("float32"), axis=(1,), keep_dims=False),
        edge(x.astype("float16"), axis=None, keep_dims=False),
        edge(np.array([1.0, NAN, INF, -INF]), axis=None, keep_dims=False),
        edge(np.float32(3), axis=None, keep_dims=False),
    )


def _integer_samples() -> Sequence[Sample]:
    return (
        edge(whole(3, 4), axis=(0,), keep_dims=False),
        edge(whole(3, 4, dtype="int8"), axis=None, keep_dims=False),
        edge(np.array([127, 127, -3], "int8"), axis=None, keep_dims=True),
        edge(4, axis=None, keep_dims=False),
    )


def _foldable_samples() -> Sequence[Sample]:
    empty = draw(0, 3)
    zeros = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 2.0], [1.5, 2.0, 0.5]])
    return (
        *_float_samples(),
        *_integer_samples(),
        sample(zeros, axis=(1,), keep_dims=False),
        sample(empty, axis=(0,), keep_dims=False),
        sample(empty, axis=None, keep_dims=False),
        edge(whole(0, 3), axis=(0,), keep_dims=True),
    )


def _extreme_samples() -> Sequence[Sample]:
    ties = np.array([[1.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    return (
        *_float_samples(),
        *_integer_samples(),
        edge(ties, axis=(1,), keep_dims=False),
        edge(draw(0, 3), axis=(1,), keep_dims=False),
    )


def reduction(
    name: str,
    surface: str,
    doc: str,
    evaluate: Callable[..., Any],
    *,
    dtype: str = "number",
    result: dtypes.DType | None = None,
    gradient: Callable[..., Cotangents] | None = None,
    no_gradient: str = "",
    samples: Callable[[], Sequence[Sample]],
) -> Op:
    def specialise(kinds: Sequence[Type], given: Mapping[str, Any]) -> Callable[..., Any]:
        axis, keep_dims = given.get("axis"), given.get("keep_dims", False)
        return lambda x: evaluate(x, axis, keep_dims)

    return plain(
        name,
        doc + " Over all axes, or those of `axis`; `keep_dims` keeps them with size 1.",
        (Parameter("x", dtype=f"T:{dtype}"), *AXES),
        _reduced(result),
        evaluate,
        gradient=gradient,
        no_gradient=no_gradient,
        samples=samples,
        surface=surface,
        warns=True,
        specialise=specialise,
    )


reduction(
    "reduce_sum",
    "sum",
    "The sum; 0 of nothing.",
    _fold(np.add, wide=True),
    gradient=_sum_gradient,
    samples=_foldable_samples,
)
reduction(
    "reduce_prod",
    "prod",
    "The product; 1 of nothing.",
    _fold(np.multiply, wide=True),
    gradient=_prod_gradient,
    samples=_foldable_samples,
)
reduction(
    "reduce_min",
    "min",
    "The least element, NaN if there is one; at ties the gradient is shared equally. "
    "`min(a, b)` is `minimum(a, b)`.",
    _fold(np.minimum, "min"),
    gradient=_extreme_gradient,
    samples=_extreme_samples,
)
reduction(
    "reduce_max",
    "max",
    "The greatest element, NaN if there is one; at ties the gradient is shared equally. "
    "`max(a, b)` is `maximum(a, b)`.",
    _fold(np.maximum, "max"),
    gradient=_extreme_gradient,
    samples=_extreme_samples,
)


def _bool_samples() -> Sequence[Sample]:
    x = bits(3, 4)
    return (
        edge(x, axis=None, keep_dims=False),
        edge(x, axis=(1,), keep_dims=True),
        edge(x[:0], axis=(0,), keep_dims=False),
        edge(True, axis=None, keep_dims=False),
    )


reduction(
    "reduce_any",
    "any",
    "Whether any element is true.",
    _fold(np.logical_or),
    dtype="bool",
    no_gradient="its result is not a number",
    samples=_bool_samples,
)
reduction(
    "reduce_all",
    "all",
    "Whether all elements are true.",
    _fold(np.logical_and),
    dtype="bool",
    no_gradient="its result is not a number",
    samples=_bool_samples,
)

# --- Where the extreme is ------------------------------------------------------------------------


def _arg_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    axis = attributes.get("axis")
    axes = None if axis is None else (axis,)
    return _reduced(dtypes.INT64)(ctx, operands, {**attributes, "axis": axes})


def _arg(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def evaluate(x: Any, axis: int | None = None, keep_dims: bool = False) -> Any:
        if not isinstance(x, np.ndarray) or x.ndim == 0:
            return 0
        if x.size == 0:
            check_not_empty(x, axis, name)
        result = function(x, axis=axis, keepdims=keep_dims)
        return result.astype(np.int64) if result.ndim else int(result)

    return evaluate


def _arg_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        edge(x, axis=None, keep_dims=False),
        edge(x, axis=0, keep_dims=False),
        edge(x, axis=-1, keep_dims=True),
        edge(transposed(x), axis=1, keep_dims=False),
        edge(whole(3, 4), axis=1, keep_dims=False),
        edge(np.array([1.0, NAN, 3.0]), axis=0, keep_dims=False),
        edge(draw(0, 3), axis=1, keep_dims=False),
        edge(2.0, axis=None, keep_dims=False),
    )


for _name, _function, _which in (("argmin", np.argmin, "least"), ("argmax", np.argmax, "greatest")):
    plain(
        _name,
        f"The index of the {_which} element along `axis` (the first one, a NaN before all), or in "
        "row-major order when there is no axis; int64.",
        (Parameter("x", dtype="T:number"), Parameter("axis", Kind.INTEGER, default=None), AXES[1]),
        _arg_rule,
        _arg(_function, _name),
        no_gradient="its result is an index",
        samples=_arg_samples,
    )
