"""Movement: primitives that place elements anew without computing with them.

Sizes and starts are int64 scalar operands, so one compiled program serves all sizes; strides of
slices, permutations and axes are attributes. Results may share memory with operands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Fault, Kind, Parameter, RuleContext, Sample
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
from charl.ops.samples import NAN, Array, bits, draw, edge, sample, sliced, transposed, whole
from charl.types import dims, dtypes
from charl.types.dims import Dim
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


def _reshape_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, 2, 6),
        sample(x, 12),
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
        return np.broadcast_to(x.reshape(shape), sizes)
    except ValueError:
        new = "[" + ", ".join(map(str, sizes)) + "]"
        raise Fault("E0505", f"{shape_text(x)} cannot be repeated to {new}") from None


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
    dx = b("reduce_sum", dy, axis=(*new, *sorted(stretched)), keep_dims=False)
    if stretched:
        dx = b("reshape", dx, *b.sizes(x))
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


plain(
    "broadcast",
    "x repeated: axis i of x becomes axis axes[i] of the new shape and keeps its size, or is "
    "stretched from 1.",
    (X, sizes_parameter(), Parameter("axes", Kind.INTEGERS)),
    _broadcast_rule,
    _broadcast,
    gradient=_broadcast_gradient,
    samples=_broadcast_samples,
    specialise=typed_scalars(_broadcast),
)

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
)

# --- concat and stack ----------------------------------------------------------------------------

JOIN = (Parameter("xs", Kind.TENSORS), Parameter("axis", Kind.INTEGER, default=0))


def _concat_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    if not operands:
        ctx.fail("`concat` needs at least one tensor")
    n = rank(operands[0])
    axis = normal_axis(ctx, attributes.get("axis", 0), n)
    shape = list(shape_of(operands[0]))
    for position, operand in enumerate(operands[1:], 1):
        other = shape_of(operand)
        if len(other) != n:
            ctx.fail("`concat` needs tensors of one rank", (0, position))
        for i in range(n):
            if i == axis:
                shape[i] = combine(ctx, "n", lambda m, k: m + k, shape[i], other[i])
            else:
                why = f"`concat` along axis {axis} needs axis {i} to be equal"
                shape[i] = ctx.equal(shape[i], other[i], why, (0, position))
    return (with_shape(operands[0], shape),)


def _concat(*xs: Array, axis: int = 0) -> Array:
    try:
        return np.concatenate(xs, axis)
    except ValueError:
        shapes = " and ".join(shape_text(x) for x in xs[:3])
        raise Fault("E0505", f"{shapes} cannot be joined along axis {axis}") from None


def _concat_gradient(b: Builder, dy: Value, *rest: Value, axis: int = 0) -> Cotangents:
    *xs, _ = rest
    axis %= rank(dy)
    zero_start = b.constant(0)
    start = zero_start
    found: list[Value | None] = []
    for x in xs:
        starts = [start if i == axis else zero_start for i in range(rank(x))]
        found.append(b("slice", dy, *starts, *b.sizes(x), steps=(1,) * rank(x)))
        start = b("add", start, b.size(x, axis))
    return found


def _concat_samples() -> Sequence[Sample]:
    x, y = draw(2, 3), draw(4, 3)
    return (
        sample(x, y, axis=0),
        sample(transposed(x), draw(2, 1), x, axis=1),
        sample(x, axis=-1),
        sample(x[:0], y, axis=0),
        edge(whole(2, dtype="int8"), whole(3, dtype="int8"), axis=0),
    )


plain(
    "concat",
    "Tensors joined end to end along an axis they have; all other sizes are equal.",
    JOIN,
    _concat_rule,
    _concat,
    gradient=_concat_gradient,
    samples=_concat_samples,
)


def _stack_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    if not operands:
        ctx.fail("`stack` needs at least one tensor")
    shape = list(shape_of(operands[0]))
    axis = normal_axis(ctx, attributes.get("axis", 0), len(shape) + 1)
    for position, operand in enumerate(operands[1:], 1):
        if rank(operand) != len(shape):
            ctx.fail("`stack` needs tensors of one shape", (0, position))
        for i, dim in enumerate(shape_of(operand)):
            why = "`stack` needs tensors of one shape"
            shape[i] = ctx.equal(shape[i], dim, why, (0, position))
    shape.insert(axis, len(operands))
    return (with_shape(operands[0], shape),)


def _stack(*xs: Any, axis: int = 0) -> Array:
    try:
        return np.stack(xs, axis)
    except ValueError:
        shapes = " and ".join(shape_text(x) for x in xs[:3])
        raise Fault("E0505", f"{shapes} cannot be stacked: one shape is needed") from None


def _stack_specialised(kinds: Sequence[Type], given: Attributes) -> Callable[..., Any]:
    kind, axis = kinds[0], given.get("axis", 0)
    assert isinstance(kind, Tensor) and isinstance(kind.dtype, dtypes.DType)
    if kind.shape:
        return lambda *xs: _stack(*xs, axis=axis)
    dtype = kind.dtype.numpy
    return lambda *xs: np.array(xs, dtype)


def _stack_gradient(b: Builder, dy: Value, *rest: Value, axis: int = 0) -> Cotangents:
    *xs, _ = rest
    n = rank(dy)
    axis %= n
    front = (axis, *(i for i in range(n) if i != axis))
    moved = b("transpose", dy, permutation=front) if axis else dy
    return tuple(b("index", moved, b.constant(k)) for k in range(len(xs)))


def _stack_samples() -> Sequence[Sample]:
    x, y = draw(2, 3), draw(3, 2).T
    return (
        sample(x, y, axis=0),
        sample(x, y, x, axis=-1),
        sample(x, y, axis=1),
        sample(0.5, 0.25, 0.125, axis=0),
        sample(x[:0], y[:0], axis=0),
        edge(whole(3, dtype="int8"), whole(3, dtype="int8"), axis=0),
        edge(1, 2, 3, axis=0),
        edge(True, False, axis=0),
    )


plain(
    "stack",
    "Tensors of one shape joined along a new axis.",
    JOIN,
    _stack_rule,
    _stack,
    gradient=_stack_gradient,
    samples=_stack_samples,
    specialise=_stack_specialised,
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
