"""Indexing by tensors of integers: `gather` and `scatter_add` take a tensor of indices along one
axis, `take_along` and `scatter_add_along` one index per element. Indices may be negative and then
count from the end; out of bounds is E0501. The gradient of each of a pair is the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Elements, Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import (
    Cotangents,
    normal_axis,
    plain,
    rank,
    shape_of,
    value_of,
    with_shape,
    zero,
)
from charl.ops.faults import out_of_bounds, shape_text
from charl.ops.reduce import product
from charl.ops.samples import Array, bits, draw, edge, sample, sliced, transposed, whole
from charl.ops.shape import X
from charl.types import dtypes
from charl.types.dims import Dim
from charl.types.types import Type, Typed

Attributes = Mapping[str, Any]
INDICES = Parameter("indices", dtype="int")
AXIS = Parameter("axis", Kind.INTEGER, default=0)

# --- A tensor of indices along one axis ----------------------------------------------------------


def _gather_shape(
    ctx: RuleContext, x: Typed, indices: Typed, attributes: Attributes
) -> tuple[Dim, ...]:
    axis = normal_axis(ctx, attributes.get("axis", 0), rank(x))
    shape = shape_of(x)
    return (*shape[:axis], *shape_of(indices), *shape[axis + 1 :])


def _gather_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, indices = operands
    return (with_shape(x, _gather_shape(ctx, x, indices, attributes)),)


def _bad_indices(indices: Any, size: int, axis: int, rank: int) -> Fault:
    """The fault for the first index that is out of bounds."""
    flat = np.asarray(indices).ravel()
    wrong = flat[(flat < -size) | (flat >= size)]
    return out_of_bounds(int(wrong[0]), size, axis if rank > 1 else None)


def wrapped(indices: Any, size: int, axis: int, rank: int) -> Array:
    """Indices counted from the front as int64, all in bounds."""
    indices = np.asarray(indices, np.int64)
    if indices.size and (indices.min() < -size or indices.max() >= size):
        raise _bad_indices(indices, size, axis, rank)
    counted: Array = np.where(indices < 0, indices + size, indices)
    return counted


def _gather(x: Array, indices: Any, axis: int = 0) -> Any:
    try:
        return value_of(np.take(x, indices, axis))
    except IndexError:
        raise _bad_indices(indices, x.shape[axis], axis, x.ndim) from None


def in_bounds(k: Elements, index: Value, size: Value, places: Sequence[Value] = ()) -> Value:
    """An index that may count from the end, counted from the front; the program stops when there
    is no such element. `places` is where it stands among the indices, if it is one of many."""
    index = k("cast", index, dtype=dtypes.INT64)
    counted = k("select", k("lt", index, 0), k("add", index, size), index)
    k.check(k("and", k("ge", counted, 0), k("lt", counted, size)), places)
    return counted


def _gather_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    x, indices = s.operands
    axis = s.attributes.get("axis", 0) % rank(x)
    after = axis + rank(indices)
    places = index[axis:after]
    found = in_bounds(k, k.element(indices, places), k.size(x, axis), places)
    return k.element(x, (*index[:axis], found, *index[after:]))


def _gather_gradient(
    b: Builder, dy: Value, x: Value, indices: Value, y: Value, axis: int = 0
) -> Cotangents:
    return b("scatter_add", b.zeros_like(x), indices, dy, axis=axis), None


def _gather_samples() -> Sequence[Sample]:
    x, places = draw(4, 3), whole(2, 5, low=-4, high=4)
    return (
        sample(x, places, axis=0),
        sample(transposed(x), whole(5, low=-3, high=3), axis=1),
        sample(sliced(x), whole(2, low=0, high=3, dtype="int32"), axis=-1),
        sample(x, 2, axis=0),
        sample(draw(3), -1, axis=0),
        sample(x, places[:0], axis=0),
        edge(whole(4, dtype="int8"), places, axis=0),
        edge(bits(4), places, axis=0),
    )


plain(
    "gather",
    "The slices of x at `indices` along an axis: x.shape[:axis] + indices.shape + "
    "x.shape[axis + 1:].",
    (X, INDICES, AXIS),
    _gather_rule,
    _gather,
    gradient=_gather_gradient,
    samples=_gather_samples,
    element=_gather_element,
    cost=3,
)


def _scatter_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, indices, updates = operands
    expected = _gather_shape(ctx, x, indices, attributes)
    why = "the updates must have the shape that `gather` would give"
    if len(expected) != rank(updates):
        ctx.fail(why, (0, 1, 2))
    for m, n in zip(expected, shape_of(updates)):
        ctx.equal(m, n, why, (0, 1, 2))
    return (x.type,)


def _scatter_add_in_place(x: Array, indices: Any, updates: Any, axis: int = 0) -> Array:
    """Sorted by index, so that each row of x is added to once: `np.add.at` is ten times slower."""
    axis %= x.ndim
    places = wrapped(indices, x.shape[axis], axis, x.ndim)
    among = tuple(range(axis, axis + places.ndim))
    rows = np.moveaxis(np.asarray(updates, x.dtype), among, range(places.ndim))
    expected = (*places.shape, *x.shape[:axis], *x.shape[axis + 1 :])
    if rows.shape != expected:
        raise Fault(
            "E0505",
            f"updates of shape {shape_text(updates)} do not fit {shape_text(indices)} indices "
            f"into {shape_text(x)} along axis {axis}",
        )
    if places.size == 0:
        return x
    rows = rows.reshape(places.size, *rows.shape[places.ndim :])
    order = np.argsort(places, axis=None, kind="stable")
    sorted_places = places.ravel()[order]
    starts = np.flatnonzero(np.diff(sorted_places, prepend=-1))
    target = np.moveaxis(x, axis, 0)
    target[sorted_places[starts]] += np.add.reduceat(rows[order], starts, 0, dtype=x.dtype)
    return x


def _scatter_add(x: Array, indices: Any, updates: Any, axis: int = 0) -> Array:
    return _scatter_add_in_place(x.copy(), indices, updates, axis)


def _scatter_add_gradient(
    b: Builder, dy: Value, x: Value, indices: Value, updates: Value, y: Value, axis: int = 0
) -> Cotangents:
    return dy, None, b("gather", dy, indices, axis=axis)


def _scatter_samples() -> Sequence[Sample]:
    x, places = draw(4, 3), whole(2, 5, low=-4, high=4)
    return (
        sample(x, places, draw(2, 5, 3), axis=0),
        sample(transposed(x), whole(5, low=-3, high=3), draw(4, 5), axis=1),
        sample(x, 2, draw(3), axis=0),
        sample(draw(3), -1, 0.5, axis=0),
        sample(x, places[:0], draw(0, 5, 3), axis=0),
        edge(whole(4, dtype="int8"), places, whole(2, 5, dtype="int8"), axis=0),
        edge(draw(4, 3, dtype="float32"), places, draw(2, 5, 3, dtype="float32"), axis=0),
    )


SCATTER = (
    Parameter("x", dtype="T:number"),
    INDICES,
    Parameter("updates", dtype="T:number"),
    AXIS,
)
plain(
    "scatter_add",
    "x with `updates` added to the slices at `indices` along an axis; a slice named twice is "
    "added to twice.",
    SCATTER,
    _scatter_rule,
    _scatter_add,
    gradient=_scatter_add_gradient,
    samples=_scatter_samples,
    in_place=_scatter_add_in_place,
    warns=True,
)


def _scatter_set_in_place(x: Array, indices: Any, updates: Any, axis: int = 0) -> Array:
    axis %= x.ndim
    places = wrapped(indices, x.shape[axis], axis, x.ndim)
    x[(slice(None),) * axis + (places,)] = updates
    return x


def _scatter_set(x: Array, indices: Any, updates: Any, axis: int = 0) -> Array:
    return _scatter_set_in_place(x.copy(), indices, updates, axis)


def _scatter_set_gradient(
    b: Builder, dy: Value, x: Value, indices: Value, updates: Value, y: Value, axis: int = 0
) -> Cotangents:
    """An update counts where nothing after it overwrote it: the numbers of the updates are set in
    their places, and those that are still found there have won."""
    axis %= rank(x)
    dx = b("scatter_set", dy, indices, b.zeros_like(updates), axis=axis)
    taken = b("gather", dy, indices, axis=axis)
    if rank(indices) == 0:
        return dx, None, taken
    count = product(b, b.sizes(indices))
    numbers = b("reshape", b("iota", count, axis=0, dtype=dtypes.INT64), *b.sizes(indices))
    places = b("broadcast", b.constant(0), b.size(x, axis), axes=())
    last = b("scatter_set", places, indices, numbers, axis=0)
    won = b("eq", b("gather", last, indices, axis=0), numbers)
    among = tuple(range(axis, axis + rank(indices)))
    won = b("broadcast", won, *b.sizes(updates), axes=among)
    return dx, None, b("select", won, taken, zero(b, taken))


def _scatter_set_samples() -> Sequence[Sample]:
    twice = np.array([[1, 3, 1], [-1, 1, 0]])
    return (
        *_scatter_samples(),
        sample(draw(4, 3), twice, draw(2, 3, 3), axis=0),
        edge(bits(4), whole(3, low=0, high=4), bits(3), axis=0),
    )


plain(
    "scatter_set",
    "x with the slices at `indices` along an axis replaced by `updates`; of several updates of "
    "one slice the last one stays.",
    (X, INDICES, Parameter("updates"), AXIS),
    _scatter_rule,
    _scatter_set,
    gradient=_scatter_set_gradient,
    samples=_scatter_set_samples,
    in_place=_scatter_set_in_place,
)

# --- One index per element -----------------------------------------------------------------------


def _along(ctx: RuleContext, x: Typed, indices: Typed, attributes: Attributes) -> tuple[Dim, ...]:
    """The shape of the indices, which is that of x but along the axis."""
    axis = normal_axis(ctx, attributes.get("axis", 0), rank(x))
    why = f"the indices must have the shape of the tensor except along axis {axis}"
    if rank(indices) != rank(x):
        ctx.fail(why, (0, 1))
    return tuple(
        n if i == axis else ctx.equal(m, n, why, (0, 1))
        for i, (m, n) in enumerate(zip(shape_of(x), shape_of(indices)))
    )


def _take_along_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, indices = operands
    return (with_shape(x, _along(ctx, x, indices, attributes)),)


def _take_along(x: Array, indices: Array, axis: int = 0) -> Array:
    axis %= x.ndim
    return np.take_along_axis(x, wrapped(indices, x.shape[axis], axis, x.ndim), axis)


def _take_along_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    x, indices = s.operands
    axis = s.attributes.get("axis", 0) % rank(x)
    found = in_bounds(k, k.element(indices, index), k.size(x, axis), index)
    return k.element(x, (*index[:axis], found, *index[axis + 1 :]))


def _take_along_gradient(
    b: Builder, dy: Value, x: Value, indices: Value, y: Value, axis: int = 0
) -> Cotangents:
    return b("scatter_add_along", b.zeros_like(x), indices, dy, axis=axis), None


def _take_along_samples() -> Sequence[Sample]:
    x = draw(4, 3)
    return (
        sample(x, whole(2, 3, low=-4, high=4), axis=0),
        sample(transposed(x), whole(4, 5, low=-3, high=3), axis=-1),
        sample(x, whole(4, 0), axis=1),
        sample(draw(3), whole(7, low=0, high=3), axis=0),
        edge(whole(4, 3, dtype="int8"), whole(4, 1, low=0, high=3), axis=1),
    )


plain(
    "take_along",
    "result[i, j] = x[indices[i, j], j] for axis 0, and so on: the indices have the shape of x "
    "but along the axis.",
    (X, INDICES, AXIS),
    _take_along_rule,
    _take_along,
    gradient=_take_along_gradient,
    samples=_take_along_samples,
    element=_take_along_element,
)


def _scatter_along_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, indices, updates = operands
    why = "the updates must have the shape of the indices"
    expected = _along(ctx, x, indices, attributes)
    if rank(updates) != rank(x):
        ctx.fail(why, (1, 2))
    for m, n in zip(expected, shape_of(updates)):
        ctx.equal(m, n, why, (1, 2))
    return (x.type,)


def _scatter_add_along_in_place(x: Array, indices: Array, updates: Array, axis: int = 0) -> Array:
    axis %= x.ndim
    places = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    places[axis] = wrapped(indices, x.shape[axis], axis, x.ndim)
    np.add.at(x, tuple(places), updates)
    return x


def _scatter_add_along(x: Array, indices: Array, updates: Array, axis: int = 0) -> Array:
    return _scatter_add_along_in_place(x.copy(), indices, updates, axis)


def _scatter_add_along_gradient(
    b: Builder, dy: Value, x: Value, indices: Value, updates: Value, y: Value, axis: int = 0
) -> Cotangents:
    return dy, None, b("take_along", dy, indices, axis=axis)


def writes_once(s: Statement) -> bool:
    """Whether a `scatter_add_along` adds one update along its axis, so that an element of the
    result is told by one comparison."""
    x, indices, _ = s.operands
    axis: int = s.attributes.get("axis", 0) % x.rank
    return indices.shape[axis] == 1


def _scatter_add_along_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    """Where `writes_once`."""
    x, indices, updates = s.operands
    axis = s.attributes.get("axis", 0) % x.rank
    at = (*index[:axis], k.constant(0, dtypes.INT64), *index[axis + 1 :])
    place = in_bounds(k, k.element(indices, at), k.size(x, axis), at)
    old, update = k.element(x, index), k.element(updates, at)
    return k("select", k("eq", index[axis], place), k("add", old, update), old)


def _scatter_along_samples() -> Sequence[Sample]:
    x = draw(4, 3)
    return (
        sample(x, whole(2, 3, low=-4, high=4), draw(2, 3), axis=0),
        sample(transposed(x), whole(4, 5, low=-3, high=3), draw(4, 5), axis=-1),
        sample(x, whole(4, 0), draw(4, 0), axis=1),
        sample(x, whole(4, 1, low=-3, high=3), draw(4, 1), axis=1),
        edge(whole(4, dtype="int8"), whole(9, low=0, high=4), whole(9, dtype="int8"), axis=0),
    )


plain(
    "scatter_add_along",
    "x with updates[i, j] added to x[indices[i, j], j] for axis 0, and so on.",
    SCATTER,
    _scatter_along_rule,
    _scatter_add_along,
    gradient=_scatter_add_along_gradient,
    samples=_scatter_along_samples,
    in_place=_scatter_add_along_in_place,
    warns=True,
    element=_scatter_add_along_element,
)
