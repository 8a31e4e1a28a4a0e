"""Movement: primitives that place elements anew without computing with them.

Sizes and starts are int64 scalar operands, so one compiled program serves all sizes; strides of
slices, permutations and axes are attributes. Results may share memory with operands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Elements, Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import (
    Cotangents,
    array_of,
    combine,
    dims_of,
    normal_axis,
    plain,
    rank,
    shape_of,
    size_dim,
    value_of,
    with_shape,
)
from charl.ops.faults import bad_value, shape_text
from charl.ops.samples import Array, bits, draw, edge, sample, sliced, transposed, whole
from charl.types import dims, dtypes
from charl.types.dims import Dim
from charl.types.dtypes import INT64
from charl.types.types import INT, Tensor, Type, Typed

Attributes = Mapping[str, Any]
X = Parameter("x")


def sizes_parameter(name: str = "sizes") -> Parameter:
    return Parameter(name, Kind.DIMS, dtype="int64")


def check_sizes(sizes: Sequence[int]) -> None:
    for size in sizes:
        if size < 0:
            raise bad_value(f"a size cannot be negative, and this one is {size}")


def count_of(ctx: RuleContext, shape: Sequence[Dim]) -> Dim:
    """The number of elements of a shape."""

    def product(*sizes: dims.Known) -> dims.Known:
        total: dims.Known = 1
        for size in sizes:
            total = total * size
        return total

    return combine(ctx, "n", product, *shape)


def typed_scalars(
    evaluate: Callable[..., Any],
) -> Callable[[Sequence[Type], Attributes], Callable[..., Any]]:
    """`evaluate` with rank-0 operands of the first operand's dtype made arrays of that dtype."""

    def specialise(kinds: Sequence[Type], given: Attributes) -> Callable[..., Any]:
        first = kinds[0]
        assert isinstance(first, Tensor) and isinstance(first.dtype, dtypes.DType)
        dtype = first.dtype
        if first.shape:
            return lambda *operands: evaluate(*operands, **given)
        return lambda x, *rest: evaluate(array_of(x, dtype), *rest, **given)

    return specialise


# --- reshape -------------------------------------------------------------------------------------


def _reshape_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, *sizes = operands
    shape = tuple(size_dim(ctx, size) for size in sizes)
    why = "a tensor and its new shape need the same number of elements"
    ctx.equal(count_of(ctx, shape_of(x)), count_of(ctx, shape), why, (0,))
    return (with_shape(x, shape),)


def _reshape(x: Any, *sizes: int) -> Any:
    try:
        return value_of(np.reshape(x, sizes))
    except ValueError:
        check_sizes(sizes)
        count = int(np.size(x))
        new = "[" + ", ".join(map(str, sizes)) + "]"
        raise Fault(
            "E0505", f"{count} elements of {shape_text(x)} cannot be arranged as {new}"
        ) from None


def _reshape_gradient(b: Builder, dy: Value, x: Value, *rest: Value) -> Cotangents:
    return b("reshape", dy, *b.sizes(x)), *(None for _ in rest[1:])


def unit_axes_apart(old: Sequence[Dim], new: Sequence[Dim]) -> tuple[int | None, ...] | None:
    """Of shapes that differ in axes of size 1 alone, the new axis that each old one has become,
    None for those of size 1; else None."""
    places = [i for i, n in enumerate(new) if n != 1]
    kept = [n for n in old if n != 1]
    if kept != [new[i] for i in places]:
        return None
    following = iter(places)
    return tuple(None if n == 1 else next(following) for n in old)


def _reshape_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    """Where `unit_axes_apart`."""
    x, (result,) = s.operands[0], s.results
    places = unit_axes_apart(x.shape, result.shape)
    assert places is not None
    zero = k.constant(0, dtypes.INT64)
    return k.element(x, [zero if i is None else index[i] for i in places])


def _reshape_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, 2, 6),
        sample(x, 12),
        sample(x, 1, 3, 4, 1),
        sample(draw(1, 3, 1), 3),
        sample(transposed(x), 4, 3),
        sample(sliced(x), 2, 2, 3),
        sample(x[:1, :1]),
        sample(0.5, 1, 1),
        sample(x[:0], 0, 7),
        edge(whole(3, 4, dtype="int8"), 2, 6),
        edge(bits(2, 2), 4),
        edge(3, 1),
    )


plain(
    "reshape",
    "The same elements in row-major order in another shape.",
    (X, sizes_parameter()),
    _reshape_rule,
    _reshape,
    gradient=_reshape_gradient,
    samples=_reshape_samples,
    specialise=typed_scalars(_reshape),
    element=_reshape_element,
    cost=0,
)

# --- transpose -----------------------------------------------------------------------------------


def _permutation(given: Sequence[int] | None, rank: int) -> tuple[int, ...]:
    return tuple(reversed(range(rank))) if given is None else tuple(a % rank for a in given)


def _transpose_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x = operands[0]
    given = attributes.get("permutation")
    n = rank(x)
    if given is not None and sorted(normal_axis(ctx, a, n) for a in given) != list(range(n)):
        ctx.fail(f"a permutation of {n} axes names each of them once", (0,))
    shape = shape_of(x)
    return (with_shape(x, [shape[a] for a in _permutation(given, n)]),)


def _transpose(x: Any, permutation: Sequence[int] | None = None) -> Any:
    return np.transpose(x, permutation) if isinstance(x, np.ndarray) else x


def _transpose_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    order = _permutation(s.attributes.get("permutation"), rank(s.operands[0]))
    return k.element(s.operands[0], [index[order.index(axis)] for axis in range(len(order))])


def _transpose_gradient(
    b: Builder, dy: Value, x: Value, y: Value, permutation: Sequence[int] | None = None
) -> Cotangents:
    order = _permutation(permutation, rank(x))
    back = tuple(order.index(a) for a in range(len(order)))
    return (b("transpose", dy, permutation=back),)


def _transpose_samples() -> Sequence[Sample]:
    x = draw(2, 3, 4)
    return (
        sample(x, permutation=None),
        sample(x, permutation=(1, 2, 0)),
        sample(x, permutation=(0, -1, 1)),
        sample(x[:, :0], permutation=(1, 0, 2)),
        sample(draw(3), permutation=None),
        edge(whole(3, 4, dtype="int8"), permutation=None),
        edge(bits(2, 2), permutation=(1, 0)),
    )


plain(
    "transpose",
    "Axes in another order: result axis i is operand axis permutation[i]; reversed by default.",
    (X, Parameter("permutation", Kind.INTEGERS, default=None)),
    _transpose_rule,
    _transpose,
    gradient=_transpose_gradient,
    samples=_transpose_samples,
    element=_transpose_element,
    cost=2,
)

# --- broadcast -----------------------------------------------------------------------------------


def _broadcast_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, *sizes = operands
    shape = [size_dim(ctx, size) for size in sizes]
    axes = [normal_axis(ctx, a, len(shape)) for a in attributes["axes"]]
    if len(axes) != rank(x) or axes != sorted(set(axes)):
        ctx.fail("every axis needs a place in the new shape, in order", (0,))
    for axis, dim in zip(axes, shape_of(x)):
        if dim != 1:
            why = "a repeated axis has size 1, any other stays"
            shape[axis] = ctx.equal(dim, shape[axis], why, (0,))
    return (with_shape(x, shape),)


SMALL = 4096  # elements up to which copying is faster than making NumPy's view


def _broadcast(x: Any, *sizes: int, axes: Sequence[int]) -> Any:
    if not sizes:
        return x if not isinstance(x, np.ndarray) else value_of(x)
    check_sizes(sizes)
    if not axes:
        return np.full(sizes, x, getattr(x, "dtype", None))
    shape = [1] * len(sizes)
    for axis, size in zip(axes, x.shape):
        shape[axis] = size
    try:
        if prod(sizes) > SMALL:
            return np.broadcast_to(x.reshape(shape), sizes)
        result = np.empty(sizes, x.dtype)
        result[...] = x.reshape(shape)
        return result
    except ValueError:
        new = "[" + ", ".join(map(str, sizes)) + "]"
        raise Fault("E0505", f"{shape_text(x)} cannot be repeated to {new}") from None


def _broadcast_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    """The element that is repeated; what has size 1 is there at every index."""
    x, (result,) = s.operands[0], s.results
    axes = [a % rank(result) for a in s.attributes["axes"]]
    place = [
        k.constant(0, INT64) if size == 1 else index[axis] for axis, size in zip(axes, shape_of(x))
    ]
    return k.element(x, place)


def _broadcast_gradient(
    b: Builder, dy: Value, x: Value, *rest: Value, axes: Sequence[int]
) -> Cotangents:
    """The sum over the new axes, and over those that may have been stretched from 1."""
    *sizes, _ = rest
    full = dims_of(dy)
    places = [a % len(full) for a in axes]
    old = dims_of(x)
    new = tuple(a for a in range(len(full)) if a not in places)
    stretched = {p for p, dim in zip(places, old) if dim == 1 and full[p] != 1}
    if not new and not stretched:
        return (dy, *(None for _ in sizes))
    dx = dy
    if stretched:
        dx = b("reduce_sum", dx, axis=tuple(sorted(stretched)), keep_dims=True)
    if new:
        dx = b("reduce_sum", dx, axis=new, keep_dims=False)
    return (dx, *(None for _ in sizes))


def _broadcast_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(0.5, 2, 3, axes=()),
        sample(x, 2, 3, 4, axes=(1, 2)),
        sample(x[:, :1], 3, 5, axes=(0, 1)),
        sample(x[:1], 3, 4, 2, axes=(0, 1)),
        sample(transposed(x), 3, 2, 4, axes=(0, 2)),
        sample(x[:, :1], 3, 0, axes=(0, 1)),
        sample(x, 3, 4, axes=(0, 1)),
        sample(0.5, axes=()),
        edge(whole(3, dtype="int8"), 2, 3, axes=(1,)),
        edge(7, 2, 2, axes=()),
        edge(True, 3, axes=()),
        edge(np.float32(1.5), 4, axes=()),
    )


def _last_axes(operands: Sequence[Typed], attributes: dict[str, Any]) -> dict[str, Any]:
    """Where no axes are given, those of x become the last ones of the new shape."""
    x, *sizes = operands
    if attributes["axes"] is not None:
        return attributes
    return {**attributes, "axes": tuple(range(max(len(sizes) - rank(x), 0), len(sizes)))}


plain(
    "broadcast",
    "x repeated: axis i of x becomes axis axes[i] of the new shape and keeps its size, or is "
    "stretched from 1. Without `axes`, the axes of x become the last ones.",
    (X, sizes_parameter(), Parameter("axes", Kind.INTEGERS, default=None)),
    _broadcast_rule,
    _broadcast,
    gradient=_broadcast_gradient,
    samples=_broadcast_samples,
    specialise=typed_scalars(_broadcast),
    complete=_last_axes,
    element=_broadcast_element,
    cost=0,
)

# --- flip and dim --------------------------------------------------------------------------------


def _flip_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    for axis in attributes.get("axes") or ():
        normal_axis(ctx, axis, rank(operands[0]))
    return (operands[0].type,)


def _flip(x: Array, axes: Sequence[int] | None = None) -> Array:
    return np.flip(x, axes if axes is None else tuple(axes))


def _flip_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    (x,) = s.operands
    given = s.attributes.get("axes")
    axes = range(rank(x)) if given is None else [a % rank(x) for a in given]
    place = list(index)
    for axis in axes:
        last = k("sub", k.size(x, axis), 1)
        place[axis] = k("sub", last, index[axis])
    return k.element(x, place)


def _flip_gradient(
    b: Builder, dy: Value, x: Value, y: Value, axes: Sequence[int] | None = None
) -> Cotangents:
    return (b("flip", dy, axes=axes),)


def _flip_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, axes=(0,)),
        sample(x, axes=(-1, 0)),
        sample(x, axes=None),
        sample(transposed(x)[:0], axes=(0,)),
        edge(whole(4, dtype="int8"), axes=(0,)),
    )


plain(
    "flip",
    "Elements in reverse order along the axes; along all by default.",
    (X, Parameter("axes", Kind.INTEGERS, default=None)),
    _flip_rule,
    _flip,
    gradient=_flip_gradient,
    samples=_flip_samples,
    element=_flip_element,
)


def _dim_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    normal_axis(ctx, attributes["axis"], rank(operands[0]))
    return (INT,)


plain(
    "dim",
    "The size of one axis, int64.",
    (X, Parameter("axis", Kind.INTEGER)),
    _dim_rule,
    lambda x, axis: x.shape[axis],
    no_gradient="sizes are integers",
    samples=lambda: (edge(draw(3, 4), axis=1), edge(draw(0, 4), axis=0)),
    surface=None,
)
