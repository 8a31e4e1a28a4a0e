"""Adding into a cotangent that is already there.

The adjoint of reading a part of `x` (`index`, `gather`, `slice`, `list_get`...) is "zeros like `x`
with the part's cotangent added in". When `x` has a running cotangent, the zeros are wasted and
adding them costs as much as the whole of `x`: reading `x[i]` in a loop over `i` would be quadratic.
So where an op's gradient is seen to have added into fresh zeros, it is made to add into the running
cotangent instead. This needs no second rule from the op: the pattern is plain Core, written down in
`INTO` below. The zeros are then dead, and pruned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import REGISTRY, Op
from charl.types.types import Box, List, Tensor, Type

Into = Callable[[Builder, Value, Statement], Value]


class Emitter(Builder):
    """A builder that remembers what it emitted, so that rules can look at what others made.

    A scalar that was broadcast (the cotangent of a sum) is used as the scalar where an elementwise
    op would stretch it anyway, and a factor of 1 is left out.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.definitions: dict[Value, Statement] = {}

    def emit(
        self,
        op: str | Op,
        operands: Sequence[Value | float],
        attributes: dict[str, Any] | None = None,
        blocks: Any = (),
        result_types: Sequence[Type] | None = None,
    ) -> tuple[Value, ...]:
        op = REGISTRY[op] if isinstance(op, str) else op
        if op.elementwise:
            operands = self._without_broadcasts(operands)
        if op.name == "mul":
            for one, other in (operands, operands[::-1]):
                if isinstance(other, Value) and self.is_filled(one, 1) and not rank(one):
                    return (other,)
        results = super().emit(op, operands, attributes, blocks, result_types)
        if results:
            self.definitions[results[0]] = self.block.statements[-1]
        return results

    def is_filled(self, value: Value | float, number: float) -> bool:
        """Whether this builder made the value as a tensor full of one number."""
        made = self.definitions.get(value) if isinstance(value, Value) else None
        match made.op.name if made is not None else "":
            case "broadcast":
                assert made is not None
                return self.is_filled(made.operands[0], number)
            case "constant":
                assert made is not None
                known = made.attributes["value"]
                return isinstance(known, int | float) and known == number
            case "list_zeros_like":
                return number == 0
        return False

    def _without_broadcasts(self, operands: Sequence[Value | float]) -> Sequence[Value | float]:
        scalars: list[Value | float] = []
        for operand in operands:
            made = self.definitions.get(operand) if isinstance(operand, Value) else None
            stretched = made is not None and made.op.name == "broadcast"
            scalar = made.operands[0] if made is not None and stretched else operand
            scalars.append(operand if rank(scalar) else scalar)
        return scalars if any(map(rank, scalars)) else operands


def add_into(b: Emitter, running: Value, more: Value) -> Value:
    """The sum of two cotangents of one value, touching no more of `running` than it must."""
    made = b.definitions.get(more)
    into = INTO.get(made.op.name) if made is not None else None
    if made is not None and into is not None and b.is_filled(made.operands[0], 0):
        return into(b, running, made)
    return total(b, running, more)


def total(b: Builder, left: Value, right: Value) -> Value:
    """The sum of two cotangents of one type."""
    match left.type:
        case List():
            op = "list_add"
        case Box():
            op = "box_add"
        case _:
            op = "add"
    result: Value = b(op, left, right)
    return result


def rank(value: Value | float) -> int:
    if isinstance(value, Value) and isinstance(value.type, Tensor):
        return len(value.type.shape)
    return 0


def _replace_first(b: Builder, running: Value, made: Statement) -> Value:
    """For ops that add to their first operand."""
    result: Value = b.emit(made.op, (running, *made.operands[1:]), made.attributes)[0]
    return result


def _slice_update(b: Builder, running: Value, made: Statement) -> Value:
    """`slice_update(zeros, part, starts...)`: add the part to the slice that is there."""
    _, part, *starts = made.operands
    here = b("slice", running, *starts, *b.sizes(part), **made.attributes)
    result: Value = b.emit(made.op, (running, b("add", here, part), *starts), made.attributes)[0]
    return result


def _list_slice_set(b: Builder, running: Value, made: Statement) -> Value:
    """`list_slice_set(zeros, part, bounds...)`: add the part to the elements that are there."""
    _, part, *bounds = made.operands
    here = b("list_slice", running, *bounds)
    result: Value = b.emit(made.op, (running, b("list_add", here, part), *bounds))[0]
    return result


INTO: dict[str, Into] = {
    "index_add": _replace_first,
    "scatter_add": _replace_first,
    "scatter_add_along": _replace_first,
    "slice_update": _slice_update,
    "list_add_at": _replace_first,
    "list_slice_set": _list_slice_set,
}
