"""What the rules of simplification ask of a statement's operands."""

from __future__ import annotations

from math import copysign

import numpy as np

from charl.core.ir import Statement, Value
from charl.transform.rewrite import Rewriter, same_shape
from charl.types.dtypes import DType
from charl.types.types import Tensor

# What a rule returns: the value to use instead (a tuple for control flow), or None.
Replacement = Value | tuple[Value, ...] | None


def is_number(r: Rewriter, value: Value, number: float) -> bool:
    """Whether a value is a scalar constant, or a tensor filled with one; 0.0 is not -0.0."""
    made = r.definition(value, "broadcast")
    if made is not None and not made.operands[0].rank:
        value = made.operands[0]
    known = r.constant(value)
    if isinstance(known, np.ndarray) or not isinstance(known, int | float | np.number):
        return False
    return bool(known == number and copysign(1, known) == copysign(1, number))


def is_float(value: Value) -> bool:
    return (
        isinstance(value.type, Tensor)
        and isinstance(value.type.dtype, DType)
        and (value.type.dtype.is_float)
    )


def filled(r: Rewriter, number: float, like: Value, s: Statement) -> Value | None:
    """A number in the type of the result; for tensors in the shape of an operand of that type."""
    type = s.results[0].type
    assert isinstance(type, Tensor) and isinstance(type.dtype, DType)
    scalar = r.emit_constant(number, Tensor(type.dtype))
    if not type.shape:
        return scalar
    if not fits(like, s):
        return None
    start = len(r.builder.block.statements)
    result: Value = r.builder("broadcast", scalar, *r.builder.sizes(like), axes=())
    r.learn(start)
    return result


def fits(value: Value, s: Statement) -> bool:
    """Whether a value can stand for the statement's only result."""
    result = s.results[0]
    return value.rank == result.rank and (
        not value.rank or any(o is value or same_shape(value, o) for o in s.operands)
    )


def broadcast_scalar(r: Rewriter, value: Value) -> Value | None:
    made = r.definition(value, "broadcast")
    return None if made is None or made.operands[0].rank else made.operands[0]
