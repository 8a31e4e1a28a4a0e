"""Running (cumulative) primitives along one axis.

`linear_recurrence` closes cumulative products under differentiation: it solves
y[k] = a[k] y[k-1] + b[k], its own gradient is the same recurrence run backwards, and it needs no
division, so zeros are no special case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Kind, Parameter, RuleContext, Sample
from charl.ops.declare import (
    Cotangents,
    normal_axis,
    plain,
    rank,
    shape_of,
    with_shape,
)
from charl.ops.samples import INF, NAN, Array, draw, edge, sample, transposed, whole
from charl.types import dtypes
from charl.types.types import Type, Typed

ALONG = (Parameter("axis", Kind.INTEGER), Parameter("reverse", Kind.BOOLEAN, default=False))


def exclusive_product(b: Builder, x: Value, axis: int, reverse: bool) -> Value:
    """The products of all elements before (after, when `reverse`) each one."""
    shifted = shift(b, x, axis, 1.0, later=not reverse)
    result: Value = b("cumprod", shifted, axis=axis, reverse=reverse)
    return result


def shift(b: Builder, x: Value, axis: int, fill: float, later: bool) -> Value:
    """Every element one place later (or earlier) along an axis, `fill` at the end left free.

    Pads one element in front (behind) and slices as many as there were.
    """
    n = rank(x)
    low = [b.constant(int(later and i == axis)) for i in range(n)]
    high = [b.constant(int(not later and i == axis)) for i in range(n)]
    padded = b("pad", x, fill, *low, *high)
    start = [b.constant(int(not later and i == axis)) for i in range(n)]
    result: Value = b("slice", padded, *start, *b.sizes(x), steps=(1,) * n)
    return result


def _same_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    normal_axis(ctx, attributes["axis"], rank(operands[0]))
    shape = shape_of(operands[0])
    for position, other in enumerate(operands[1:], 1):
        if rank(other) != len(shape):
            ctx.fail("both operands need one shape", (0, position))
        shape = tuple(
            ctx.equal(m, n, "both operands need one shape", (0, position))
            for m, n in zip(shape, shape_of(other))
        )
    return (with_shape(operands[0], shape),)


def _running(function: np.ufunc) -> Callable[..., Any]:
    def evaluate(x: Array, axis: int, reverse: bool = False) -> Array:
        if reverse:
            return np.flip(function.accumulate(np.flip(x, axis), axis, dtype=x.dtype), axis)
        return function.accumulate(x, axis, dtype=x.dtype)

    return evaluate


def _cumsum_gradient(
    b: Builder, dy: Value, x: Value, y: Value, axis: int, reverse: bool = False
) -> Cotangents:
    return (b("cumsum", dy, axis=axis, reverse=not reverse),)


def _cumprod_gradient(
    b: Builder, dy: Value, x: Value, y: Value, axis: int, reverse: bool = False
) -> Cotangents:
    """dx[k] = (product before k) * s[k], where s[k] = dy[k] + x[k+1] s[k+1]: no division."""
    axis %= rank(x)
    factors = shift(b, x, axis, 0.0, later=reverse)
    tail = b("linear_recurrence", factors, dy, axis=axis, reverse=not reverse)
    return (b("mul", exclusive_product(b, x, axis, reverse), tail),)


def _cummax_gradient(
    b: Builder, dy: Value, x: Value, y: Value, axis: int, reverse: bool = False
) -> Cotangents:
    """dy goes to where the running maximum was last reached."""
    axis %= rank(x)
    sizes = b.sizes(x)
    places = b("iota", *sizes, axis=axis, dtype=dtypes.INT64)
    if reverse:
        top = b("sub", sizes[axis], 1)
        places = b("sub", top, places)
    hit = b("select", b("eq", x, y), places, b.constant(0))
    source = b("cummax", hit, axis=axis, reverse=reverse)
    if reverse:
        source = b("sub", top, source)
    return (b("scatter_add_along", b.zeros_like(x), source, dy, axis=axis),)


def _cumulative_samples() -> Sequence[Sample]:
    x = draw(3, 4, low=-2, high=2)
    zeros = np.array([[1.0, 0.0, 3.0, 0.0], [0.0, 0.5, 2.0, 1.0]])
    return (
        *(sample(x, axis=a, reverse=r) for a in (0, 1, -1) for r in (False, True)),
        sample(transposed(x), axis=1, reverse=False),
        sample(x[:1, :1], axis=0, reverse=False),
        sample(x[:0], axis=0, reverse=True),
        edge(zeros, axis=1, reverse=False),
        edge(whole(3, 4, dtype="int8"), axis=1, reverse=False),
        edge(x.astype("float32"), axis=0, reverse=True),
        edge(np.array([1.0, NAN, INF, 2.0]), axis=0, reverse=False),
    )


for _name, _ufunc, _gradient, _doc in (
    ("cumsum", np.add, _cumsum_gradient, "Running sums"),
    ("cumprod", np.multiply, _cumprod_gradient, "Running products"),
    ("cummax", np.maximum, _cummax_gradient, "Running maxima"),
):
    plain(
        _name,
        f"{_doc} along an axis, each element included; from the end when `reverse`.",
        (Parameter("x", dtype="T:number"), *ALONG),
        _same_rule,
        _running(_ufunc),
        gradient=_gradient,
        samples=_cumulative_samples,
        warns=True,
    )


def _recurrence(a: Array, b: Array, axis: int, reverse: bool = False) -> Array:
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    result = np.empty_like(b)
    state = np.zeros(b.shape[1:], b.dtype)
    for k in reversed(range(len(b))) if reverse else range(len(b)):
        result[k] = state = a[k] * state + b[k]
    return np.moveaxis(result, 0, axis)


def _recurrence_gradient(
    b: Builder, dy: Value, x: Value, z: Value, y: Value, axis: int, reverse: bool = False
) -> Cotangents:
    axis %= rank(x)
    factors = shift(b, x, axis, 0.0, later=reverse)
    dz = b("linear_recurrence", factors, dy, axis=axis, reverse=not reverse)
    return b("mul", dz, shift(b, y, axis, 0.0, later=not reverse)), dz


def _recurrence_samples() -> Sequence[Sample]:
    x, y = draw(3, 4), draw(4, 3).T
    return (
        *(sample(x, y, axis=a, reverse=r) for a in (0, 1, -1) for r in (False, True)),
        sample(x[:0], y[:0], axis=0, reverse=False),
        sample(x[:1, :1], y[:1, :1], axis=1, reverse=False),
        edge(x.astype("float32"), y.astype("float32"), axis=1, reverse=False),
    )


plain(
    "linear_recurrence",
    "y[k] = a[k] * y[k-1] + b[k] along an axis, y[-1] = 0; from the end when `reverse`.",
    (Parameter("a", dtype="T:float"), Parameter("b", dtype="T:float"), *ALONG),
    _same_rule,
    _recurrence,
    gradient=_recurrence_gradient,
    samples=_recurrence_samples,
    warns=True,
)
