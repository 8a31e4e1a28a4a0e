"""Boxes of a tensor: slices, tensors with a box replaced, and padding.

Starts and sizes are int64 scalar operands, counted from the front; steps are attributes and may be
negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Elements, Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import (
    Cotangents,
    combine,
    plain,
    rank,
    shape_of,
    size_dim,
    with_shape,
)
from charl.ops.faults import bad_value
from charl.ops.samples import NAN, Array, draw, edge, sample, sliced, transposed, whole
from charl.ops.shape import Attributes, X, sizes_parameter
from charl.types.dims import Dim
from charl.types.dtypes import BOOL
from charl.types.types import Type, Typed

# --- slice and slice_update ----------------------------------------------------------------------


def _steps(ctx: RuleContext, attributes: Attributes, n: int) -> tuple[int, ...]:
    steps: tuple[int, ...] = attributes["steps"]
    if len(steps) != n:
        ctx.fail(f"a tensor of {n} axes needs {n} steps", (0,))
    if 0 in steps:
        ctx.fail("the step of a slice cannot be 0", (0,))
    return steps


def _slice_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, *places = operands
    n = rank(x)
    _steps(ctx, attributes, n)
    if len(places) != 2 * n:
        ctx.fail(f"a slice of {n} axes needs {n} starts and {n} sizes", (0,))
    return (with_shape(x, [size_dim(ctx, size) for size in places[n:]]),)


def region(
    x: Array, starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int]
) -> tuple[slice, ...]:
    """The slices of NumPy, bounds checked."""
    found = []
    for axis, (start, size, step, n) in enumerate(zip(starts, sizes, steps, x.shape)):
        last = start + (size - 1) * step
        if size < 0 or (size and not (0 <= start < n and 0 <= last < n)):
            raise _bad_slice(axis, start, size, last, n)
        stop = last + (1 if step > 0 else -1)
        found.append(slice(start, None if stop < 0 else stop, step) if size else slice(0, 0))
    return tuple(found)


def _bad_slice(axis: int, start: int, size: int, last: int, n: int) -> Fault:
    if size < 0:
        return Fault("E0506", f"a slice cannot have {size} elements")
    wrong = start if not 0 <= start < n else last
    return Fault(
        "E0501",
        f"a slice from {start} to {last} is out of bounds for size {n} of axis {axis}",
        notes=(f"index {wrong} does not exist: indices run from 0 to {n - 1}",) if n else (),
    )


def _slice(x: Array, *places: int, steps: Sequence[int]) -> Any:
    n = x.ndim
    return x[region(x, places[:n], places[n:], steps)]


def _slice_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    x, *places = s.operands
    n = rank(x)
    found = []
    for axis, (start, size, step) in enumerate(zip(places, places[n:], s.attributes["steps"])):
        _check_range(k, start, size, step, k.size(x, axis))
        found.append(k("add", start, k("mul", index[axis], step)))
    return k.element(x, found)


def _check_range(k: Elements, start: Value, size: Value, step: int, n: Value) -> None:
    """Demands that a slice of this many elements lies within n."""
    last = k("add", start, k("mul", k("sub", size, 1), step))
    low, high = (start, last) if step > 0 else (last, start)
    inside = k("and", k("ge", low, 0), k("lt", high, n))
    k.check(k("or", inside, k("eq", size, 0)))


def _slice_gradient(
    b: Builder, dy: Value, x: Value, *rest: Value, steps: Sequence[int]
) -> Cotangents:
    *places, _ = rest
    starts = places[: rank(x)]
    dx = b("slice_update", b.zeros_like(x), dy, *starts, steps=steps)
    return (dx, *(None for _ in places))


def _slice_samples() -> Sequence[Sample]:
    x = draw(4, 5)
    return (
        sample(x, 1, 0, 2, 3, steps=(1, 1)),
        sample(x, 3, 4, 4, 3, steps=(-1, -2)),
        sample(transposed(x), 0, 1, 2, 2, steps=(2, 3)),
        sample(sliced(x), 0, 0, 4, 5, steps=(1, 1)),
        sample(x, 4, 2, 0, 1, steps=(1, 1)),
        sample(draw(1), 0, 1, steps=(1,)),
        edge(whole(4, 3, dtype="int8"), 1, 1, 2, 2, steps=(1, 1)),
    )


plain(
    "slice",
    "The box of `sizes` elements per axis that begins at `starts`, every `steps`-th element; "
    "steps may be negative. Out of bounds is an error.",
    (X, sizes_parameter("starts"), sizes_parameter(), Parameter("steps", Kind.INTEGERS)),
    _slice_rule,
    _slice,
    gradient=_slice_gradient,
    samples=_slice_samples,
    surface=None,
    element=_slice_element,
)


def _slice_update_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, value, *starts = operands
    n = rank(x)
    _steps(ctx, attributes, n)
    if rank(value) != n or len(starts) != n:
        ctx.fail(f"a part of a tensor of {n} axes has {n} axes", (0, 1))
    return (x.type,)


def _slice_update_in_place(x: Array, value: Array, *starts: int, steps: Sequence[int]) -> Array:
    x[region(x, starts, value.shape, steps)] = value
    return x


def _slice_update(x: Array, value: Array, *starts: int, steps: Sequence[int]) -> Array:
    return _slice_update_in_place(x.copy(), value, *starts, steps=steps)


def _slice_update_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    """The element of the value where the index lies in its box, else that of x. An index is in the
    box when its distance from the start is a multiple of the step, and the quotient a place."""
    x, value, *starts = s.operands
    inside = k.constant(True, BOOL)
    place = []
    for axis, (start, step) in enumerate(zip(starts, s.attributes["steps"])):
        size = k.size(value, axis)
        _check_range(k, start, size, step, k.size(x, axis))
        gone = k("sub", index[axis], start)
        if step < 0:
            gone = k("neg", gone)
        if abs(step) != 1:
            inside = k("and", inside, k("eq", k("mod", gone, abs(step)), 0))
            gone = k("floor_div", gone, abs(step))
        inside = k("and", inside, k("and", k("ge", gone, 0), k("lt", gone, size)))
        place.append(within(k, gone, size))
    return k("select", inside, k.element(value, place), k.element(x, index))


def within(k: Elements, index: Value, size: Value) -> Value:
    """An index brought into 0..size, for an element that a `select` then does not take; -1 when
    there are no elements."""
    return k("minimum", k("maximum", index, 0), k("sub", size, 1))


def _slice_update_gradient(
    b: Builder, dy: Value, x: Value, value: Value, *rest: Value, steps: Sequence[int]
) -> Cotangents:
    *starts, _ = rest
    dx = b("slice_update", dy, b.zeros_like(value), *starts, steps=steps)
    dvalue = b("slice", dy, *starts, *b.sizes(value), steps=steps)
    return (dx, dvalue, *(None for _ in starts))


def _slice_update_samples() -> Sequence[Sample]:
    x, value = draw(4, 5), draw(2, 3)
    return (
        sample(x, value, 1, 0, steps=(1, 1)),
        sample(x, value, 3, 4, steps=(-1, -2)),
        sample(transposed(x), value, 0, 0, steps=(2, 2)),
        sample(x, value[:0], 4, 0, steps=(1, 1)),
        sample(draw(1), draw(1), 0, steps=(1,)),
        edge(whole(4, dtype="int8"), whole(2, dtype="int8"), 1, steps=(2,)),
    )


plain(
    "slice_update",
    "x with the box of `value`'s shape that begins at `starts` replaced by `value`.",
    (X, Parameter("value"), sizes_parameter("starts"), Parameter("steps", Kind.INTEGERS)),
    _slice_update_rule,
    _slice_update,
    gradient=_slice_update_gradient,
    samples=_slice_update_samples,
    surface=None,
    in_place=_slice_update_in_place,
    element=_slice_update_element,
)

# --- pad -----------------------------------------------------------------------------------------


def _pad_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, value, *amounts = operands
    n = rank(x)
    if rank(value) or len(amounts) != 2 * n:
        ctx.fail(f"padding {n} axes needs one value, {n} amounts before and {n} after", (0, 1))
    shape = [
        combine(ctx, "n", lambda m, low, high: m + low + high, dim, *_both(ctx, low, high))
        for dim, low, high in zip(shape_of(x), amounts[:n], amounts[n:])
    ]
    return (with_shape(x, shape),)


def _both(ctx: RuleContext, low: Typed, high: Typed) -> tuple[Dim, Dim]:
    return size_dim(ctx, low), size_dim(ctx, high)


def _pad(x: Array, value: Any, *amounts: int) -> Array:
    n = x.ndim
    for amount in amounts:
        if amount < 0:
            raise bad_value(f"padding cannot be negative, and this is {amount}")
    shape = tuple(low + m + high for m, low, high in zip(x.shape, amounts[:n], amounts[n:]))
    result = np.full(shape, value, x.dtype)
    result[tuple(slice(low, low + m) for m, low in zip(x.shape, amounts[:n]))] = x
    return result


def _pad_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    x, value, *amounts = s.operands
    for amount in amounts:
        k.check(k("ge", amount, 0))
    inside = k.constant(True, BOOL)
    place = []
    for axis, low in enumerate(amounts[: rank(x)]):
        size = k.size(x, axis)
        inner = k("sub", index[axis], low)
        inside = k("and", inside, k("and", k("ge", inner, 0), k("lt", inner, size)))
        place.append(within(k, inner, size))
    return k("select", inside, k.element(x, place), k.element(value, ()))


def _pad_gradient(b: Builder, dy: Value, x: Value, value: Value, *rest: Value) -> Cotangents:
    *amounts, _ = rest
    n = rank(x)
    ones = (1,) * n
    dx = b("slice", dy, *amounts[:n], *b.sizes(x), steps=ones)
    around = b("slice_update", dy, b.zeros_like(x), *amounts[:n], steps=ones)
    dvalue = b("reduce_sum", around, axis=None, keep_dims=False)
    return (dx, dvalue, *(None for _ in amounts))


def _pad_samples() -> Sequence[Sample]:
    x = draw(2, 3)
    return (
        sample(x, 0.5, 1, 0, 2, 1),
        sample(transposed(x), 0.0, 0, 0, 0, 0),
        sample(x[:0], 0.5, 1, 1, 1, 0),
        sample(draw(1), 0.5, 0, 2),
        edge(whole(3, dtype="int8"), 7, 1, 1),
        edge(draw(3, dtype="float32"), np.float32(NAN), 1, 1),
    )


plain(
    "pad",
    "x with `low` elements of `value` before and `high` after, per axis.",
    (X, Parameter("value"), sizes_parameter("low"), sizes_parameter("high")),
    _pad_rule,
    _pad,
    gradient=_pad_gradient,
    samples=_pad_samples,
    element=_pad_element,
)
