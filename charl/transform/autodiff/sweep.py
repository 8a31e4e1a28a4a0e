"""The reverse sweep: one block of forward statements walked backwards, cotangents in hand.

A `Sweep` emits the reverse code of one block. It refers to the block's own values as if they could
be seen from where the code will stand; `residual.close` afterwards finds those and has them kept or
recomputed. A cotangent that is zero is not there at all (None), so nothing is spent on it.

A nested block's sweep must also collect cotangents of values from outside. How depends on what the
block becomes: a branch reads the running cotangent of its surroundings and yields a new one; a loop
carries it. So a sweep asks its `outer` for the running cotangent of a value that is not its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from charl.core.ir import Block, Statement, Value
from charl.records import field, record
from charl.transform.autodiff.accumulate import Emitter, add_into
from charl.transform.autodiff.masks import covers, guarded, mask_of

if TYPE_CHECKING:
    from charl.transform.autodiff.state import Differentiation

Outer = Callable[[Value], Value | None]


@record(frozen=False)
class Sweep:
    """`own` are the values defined by the swept block, None when every value is; `forward` is the
    block being walked: rules that rewrite a statement put what it needs before it there."""

    state: Differentiation
    builder: Emitter
    active: set[Value]
    own: set[Value] | None = None
    outer: Outer | None = None
    forward: Block = field(default_factory=Block)
    masks: dict[Value, Value] = field(default_factory=dict)
    cotangents: dict[Value, Value] = field(default_factory=dict)

    def running(self, value: Value) -> Value | None:
        """The cotangent of a value as far as it is summed up."""
        found = self.cotangents.get(value)
        if found is None and self.outer is not None and not self.owns(value):
            return self.outer(value)
        return found

    def owns(self, value: Value) -> bool:
        return self.own is None or value in self.own

    def or_zeros(self, value: Value) -> Value:
        return self.running(value) or self.builder.zeros_like(value)

    def accumulate(self, value: Value, cotangent: Value | None, mask: Value | None = None) -> None:
        """Add to a cotangent what is zero outside a mask (see `masks`)."""
        if cotangent is None or value not in self.active:
            return
        running = self.running(value)
        if running is not None:
            cotangent = add_into(self.builder, running, cotangent)
        if mask is not None and running is None and covers(mask, value):
            self.masks[value] = mask
        elif self.masks.get(value) is not mask:
            self.masks.pop(value, None)
        self.cotangents[value] = cotangent

    def run(self, forward: Block, stop: int | None = None, start: int = 0) -> None:
        """Emit the reverse of a block's statements `start..stop`, last first."""
        self.forward = forward
        for statement in reversed(forward.statements[start:stop]):
            if any(r in self.cotangents for r in statement.results):
                with self.builder.at(statement.span):
                    self.state.rules.get(statement.op.name, reverse_op)(self, statement)

    def of_results(self, statement: Statement) -> list[Value | None]:
        return [self.cotangents.get(r) for r in statement.results]

    def nested(self, block: Block, reverse: Block, outer: Outer) -> Sweep:
        """A sweep of a block nested in this one, which emits into `reverse`."""
        builder = Emitter(reverse, self.builder.span)
        return Sweep(self.state, builder, self.active, defined_in(block), outer)

    def foreign(self) -> list[Value]:
        """The values from outside whose cotangents this sweep has changed, in order."""
        return [v for v in self.cotangents if not self.owns(v)]


def defined_in(block: Block) -> set[Value]:
    """The values a block defines itself, those of its nested blocks left out."""
    return {*block.parameters, *(r for s in block.statements for r in s.results)}


def reverse_op(sweep: Sweep, statement: Statement) -> None:
    """A primitive: its own declaration knows."""
    gradient = statement.op.gradient
    if gradient is None or not any(v in sweep.active for v in statement.operands):
        return
    b, mask = sweep.builder, sweep.masks.get(statement.results[0])
    shown = statement
    if mask is not None and statement.op.elementwise:
        shown = guarded(b, statement, mask)
    cotangents = gradient(b, shown, sweep.of_results(statement))
    for position, (operand, cotangent) in enumerate(zip(statement.operands, cotangents)):
        if cotangent is not None and operand in sweep.active:
            sweep.accumulate(operand, cotangent, mask_of(b, statement, position, mask))


def reverse_ensure_shape(sweep: Sweep, statement: Statement) -> None:
    sweep.accumulate(statement.operands[0], sweep.cotangents[statement.results[0]])
