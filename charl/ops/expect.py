"""What the type rules of lists, text, files and the world demand of their operands.

The checker calls a rule with types a user wrote, so a refusal is a sentence in the user's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charl.core.op import Kind, Parameter, Rule, RuleContext
from charl.types.dims import UNKNOWN, Unknown
from charl.types.dtypes import INT64, DType
from charl.types.types import (
    STRING,
    List,
    String,
    Tensor,
    Type,
    Typed,
    resolve_dtype,
)

PATH = Parameter("path", Kind.VALUE, type=STRING)


def text(name: str) -> Parameter:
    """A string operand."""
    return Parameter(name, Kind.VALUE, type=STRING)


def integer(name: str) -> Parameter:
    """An int64 scalar operand."""
    return Parameter(name, Kind.TENSOR, "int64")


def dtype_of(type: Tensor) -> DType | None:
    """The dtype, or None while inference has not fixed it."""
    dtype = resolve_dtype(type.dtype)
    return dtype if isinstance(dtype, DType) else None


def expect_count(ctx: RuleContext, operands: Sequence[Typed], count: int) -> None:
    if len(operands) != count:
        ctx.fail(f"this takes {count} values, but it was given {len(operands)}")


def expect_list(ctx: RuleContext, operands: Sequence[Typed], position: int) -> List:
    found = operands[position].type
    if not isinstance(found, List):
        ctx.fail(f"a list is expected here, but this is {found}", (position,))
    return found


def expect_string(ctx: RuleContext, operands: Sequence[Typed], position: int) -> None:
    found = operands[position].type
    if not isinstance(found, String):
        ctx.fail(f"a string is expected here, but this is {found}", (position,))


def expect_int(ctx: RuleContext, operands: Sequence[Typed], position: int) -> None:
    found = operands[position].type
    if not (isinstance(found, Tensor) and not found.shape and dtype_of(found) in (INT64, None)):
        ctx.fail(f"an int is expected here, but this is {found}", (position,))


def signature(parameters: Sequence[Parameter], *results: Type) -> Rule:
    """The rule of an op whose operands are strings, ints and values of one exact type."""

    def rule(
        ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
    ) -> tuple[Type, ...]:
        wanted = [p for p in parameters if not p.kind.is_attribute]
        expect_count(ctx, operands, len(wanted))
        for position, parameter in enumerate(wanted):
            if parameter.type == STRING:
                expect_string(ctx, operands, position)
            elif parameter.kind is Kind.TENSOR and parameter.dtype == "int64":
                expect_int(ctx, operands, position)
            elif parameter.type is not None and operands[position].type != parameter.type:
                found = operands[position].type
                ctx.fail(f"{parameter.type} is expected here, but this is {found}", (position,))
        return results

    return rule


def join_types(
    ctx: RuleContext, left: Type, right: Type, why: str, operands: tuple[int, ...]
) -> Type:
    """Demand two types to be the same and return it; a size written `?` accepts every size."""
    match left, right:
        case Tensor(_, shape), Tensor(_, other) if len(shape) == len(other):
            if dtype_of(left) != dtype_of(right) and None not in (dtype_of(left), dtype_of(right)):
                ctx.fail(f"{why}: {left} and {right}", operands)
            unknown = [
                isinstance(a, Unknown) or isinstance(b, Unknown) for a, b in zip(shape, other)
            ]
            sizes = (
                UNKNOWN if open else ctx.equal(a, b, why, operands)
                for a, b, open in zip(shape, other, unknown)
            )
            return Tensor(left.dtype, tuple(sizes))
        case List(a), List(b):
            return List(join_types(ctx, a, b, why, operands))
        case _ if left != right:
            ctx.fail(f"{why}: {left} and {right}", operands)
    return left
