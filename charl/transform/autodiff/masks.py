"""Branches of `select` that were not chosen must not spoil gradients.

In `select(x > 0, log(x), 0)` the cotangent of `log(x)` is zero where x is not positive; but 0 times
the infinite slope of `log` there is NaN, and the sum of both branches' cotangents is spoilt. So a
cotangent that comes from one `select` through elementwise ops knows, as its *mask*, where it can be
other than zero. The reverse of an elementwise op whose result is masked then sees 1/2 in place of
its operands and result outside the mask. What slope it finds there does not matter, as long as it
is finite. Rules that do not look at an operand leave its guard unused, and it is pruned.
"""

from __future__ import annotations

from charl.core.ir import Statement, Value
from charl.transform.autodiff.accumulate import Emitter, rank
from charl.types.dtypes import DType
from charl.types.types import Tensor


def guarded(b: Emitter, statement: Statement, mask: Value) -> Statement:
    """The statement as its reverse rule may see it: ordinary numbers outside the mask."""
    return Statement(
        statement.op,
        tuple([guard(b, v, mask) for v in statement.operands]),
        statement.attributes,
        (),
        tuple([guard(b, v, mask) for v in statement.results]),
        statement.span,
    )


def guard(b: Emitter, value: Value, mask: Value) -> Value:
    match value.type:
        case Tensor(DType(kind="float") as dtype, _) if covers(mask, value):
            result: Value = b("select", mask, value, b.scalar(0.5, dtype))
            return result
    return value


def covers(mask: Value, value: Value) -> bool:
    """Whether each element of a value has its own in the mask; a stretched scalar has not."""
    return rank(mask) in (0, rank(value))


def mask_of(b: Emitter, statement: Statement, position: int, mask: Value | None) -> Value | None:
    """Where the cotangent that a statement gives its operand can be other than zero."""
    if statement.op.name == "select" and position > 0:
        condition = statement.operands[0]
        chosen: Value = condition if position == 1 else b("not", condition)
        return chosen if mask is None else b("and", mask, chosen)
    return mask if statement.op.elementwise else None
