"""Which forward values the reverse keeps, and which it computes once more.

Keeping a value costs memory from the forward sweep to the reverse one, and the traffic to it and
back. So what costs less is repeated:

- constants, sizes, integer arithmetic, and reads of values at hand;
- movement, whatever it takes: the operand is no larger than the result;
- quick elementwise ops on tensors, where all they come from is at hand, is smaller (the mean of a
  row), or lies in memory anyway and is kept for itself: `x - mean` of a layer norm, the mask of an
  attention, the sum of a product and a bias. At most one tensor is kept in place of the value.

A tensor lies in memory anyway when what makes or uses it is no part of a loop nest: a product, a
call. Keeping that costs no time, and repeating it a sweep over memory, so if it is needed itself
it is kept.

Source: A. Griewank, A. Walther, "Evaluating Derivatives", SIAM 2008, chapter 12; the choice is the
local one of T. Chen et al., "Training deep nets with sublinear memory cost", 2016, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod

from charl.core.builder import Builder
from charl.core.ir import Block, Statement, Value
from charl.core.op import Effect
from charl.ops.declare import is_float
from charl.ops.reduce import REDUCTIONS
from charl.records import field, record
from charl.types.dtypes import DType
from charl.types.types import Tensor, is_scalar

Given = Mapping[Value, Callable[[Builder], Value]]

# Recomputed when their operands are at hand: reads cost no more than reading back would.
READS = {"index", "slice", "list_get", "list_length", "dim", "box_field", "box_tag", "string_index"}
# Of elementwise ops on floats, those that cost no more than reading a kept value back.
QUICK = {"add", "sub", "mul", "neg", "abs", "sign", "cast", "select", "minimum", "maximum"}
# Recomputed whatever it takes: the operand is no larger than the result.
MOVES = {"reshape", "transpose", "broadcast", "copy", "box_copy", "flip", "stop_gradient", "iota"}
# No more steps than these lie between a repeated tensor and what is kept.
LONGEST = 8


@record(frozen=False)
class Plan:
    """Values to keep (parameters first), statements to repeat, and given values in use."""

    kept: list[Value] = field(default_factory=list)
    recomputed: list[Statement] = field(default_factory=list)
    given: list[Value] = field(default_factory=list)


def choose(forward: Block, needed: set[Value], own: set[Value], given: Given) -> Plan:
    """Decide for each needed forward value, latest first, and for what recomputing needs."""
    at_hand: set[Value] = set()  # what can be had without keeping anything
    for statement in forward.statements:
        cheap = is_cheap(statement) or statement.op.name in MOVES
        if cheap and all(v not in own or v in given or v in at_hand for v in statement.operands):
            at_hand.update(statement.results)
    sources = Sources(forward, {v for v in own if v not in given and v not in at_hand})
    plan, wanted = Plan(), set(needed)
    for statement in reversed(forward.statements):
        used = [r for r in statement.results if r in wanted]
        if used and (
            used[0] in at_hand
            or statement.op.name in MOVES
            or (is_quick(statement) and sources.suffice(statement, wanted))
        ):
            plan.recomputed.append(statement)
            wanted.update(v for v in statement.operands if v in own)
        else:
            plan.kept += used
    for value in forward.parameters:
        if value in wanted:
            (plan.given if value in given else plan.kept).append(value)
    plan.recomputed.reverse()
    plan.kept.reverse()
    return plan


def is_cheap(statement: Statement) -> bool:
    """Whether repeating a statement costs next to nothing, its operands given."""
    if statement.op.effect is not Effect.PURE or statement.blocks:
        return False
    if statement.op.name == "constant" or statement.op.name in READS:
        return True
    return is_quick(statement) and all(is_scalar(v.type) for v in statement.operands)


def is_quick(statement: Statement) -> bool:
    """Whether it is an elementwise op that costs no more than reading its result."""
    if not statement.op.elementwise or statement.op.effect is not Effect.PURE:
        return False
    return statement.op.name in QUICK or not any(is_float(v) for v in statement.results)


# --- What tensors come from ----------------------------------------------------------------------


class Sources:
    """Of the forward block's values in `own`, those that are to be had only by keeping them."""

    def __init__(self, forward: Block, own: set[Value]) -> None:
        self.own = own
        self.made = {r: s for s in forward.statements for r in s.results}
        self.in_memory = lying_in_memory(forward)

    def suffice(self, statement: Statement, wanted: set[Value]) -> bool:
        """Whether to repeat a quick statement whose result is wanted: it does not lie in memory
        anyway, and no more than one tensor, of no more bytes, is kept for it alone."""
        (result,) = statement.results
        if result in self.in_memory or is_scalar(result.type):
            return False
        found = self.of(statement.operands, result, wanted, LONGEST)
        if found is None:
            return False
        more = [v for v in found if v not in wanted and not is_smaller(v, result)]
        return len(more) <= 1 and all(item_bits(v) <= item_bits(result) for v in more)

    def of(
        self, values: Iterable[Value], result: Value, wanted: set[Value], steps: int
    ) -> set[Value] | None:
        """The values to keep so that these can be had; None where one of them had better not be
        had for the result's sake."""
        found: set[Value] = set()
        for value in values:
            if value not in self.own:
                continue
            made = self.made.get(value)
            if (
                value in self.in_memory
                or made is None
                or is_smaller(value, result)
                or (value in wanted and not is_repeatable(made))
            ):
                found.add(value)
            elif steps and is_repeatable(made):
                further = self.of(made.operands, result, wanted, steps - 1)
                if further is None:
                    return None
                found |= further
            else:
                return None
        return found


def is_repeatable(made: Statement) -> bool:
    return made.op.name in MOVES or is_quick(made)


def lying_in_memory(block: Block) -> set[Value]:
    """Tensors that something other than a loop nest makes or uses, seen through movement."""
    found: set[Value] = set(block.parameters) | set(block.results)
    for statement in reversed(block.statements):
        if statement.op.name in MOVES:
            if any(r in found for r in statement.results):
                found.update(statement.operands)
        elif not in_loop_nest(statement):
            found.update(statement.operands)
            found.update(statement.results)
            for inner in statement.blocks:
                for value in inner.walk():
                    found.update(value.operands)
                found.update(inner.results)
    return found


def in_loop_nest(statement: Statement) -> bool:
    op = statement.op
    return op.elementwise or op.element is not None or op.name in REDUCTIONS


def is_smaller(value: Value, than: Value) -> bool:
    """Whether a value certainly has fewer elements than a tensor."""
    if is_scalar(value.type) or value.rank < than.rank:
        return True
    sizes = [v.shape for v in (value, than)]
    if all(isinstance(n, int) for s in sizes for n in s):
        count, other = (prod(n for n in s if isinstance(n, int)) for s in sizes)
        return count < other
    return value.rank == than.rank and any(
        n == 1 and m != 1 for n, m in zip(value.shape, than.shape)
    )


def item_bits(value: Value) -> int:
    type = value.type
    return type.dtype.bits if isinstance(type, Tensor) and isinstance(type.dtype, DType) else 64
