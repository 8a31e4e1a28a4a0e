"""Tensors joined along an axis they have, or along a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Elements, Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import (
    Cotangents,
    combine,
    normal_axis,
    plain,
    rank,
    shape_of,
    with_shape,
)
from charl.ops.faults import shape_text
from charl.ops.samples import Array, draw, edge, sample, transposed, whole
from charl.ops.shape import Attributes
from charl.ops.slicing import within
from charl.types import dtypes
from charl.types.types import Tensor, Type, Typed

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


def _concat_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    """The first part that has not ended before the index."""
    axis = s.attributes.get("axis", 0) % rank(s.operands[0])
    rest = index[axis]
    pieces = []
    for part in s.operands:
        size = k.size(part, axis)
        place = [*index[:axis], within(k, rest, size), *index[axis + 1 :]]
        pieces.append((k("lt", rest, size), k.element(part, place)))
        rest = k("sub", rest, size)
    result = pieces[-1][1]
    for here, value in reversed(pieces[:-1]):
        result = k("select", here, value, result)
    return result


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
    element=_concat_element,
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


def _stack_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    axis = s.attributes.get("axis", 0) % rank(s.results[0])
    place = (*index[:axis], *index[axis + 1 :])
    result = k.element(s.operands[-1], place)
    for number in range(len(s.operands) - 2, -1, -1):
        here = k("eq", index[axis], number)
        result = k("select", here, k.element(s.operands[number], place), result)
    return result


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
    element=_stack_element,
)
