"""The reverse of `if`: an `if` on the same condition whose branches are the branches' reverses.

    %y = if %c then { ...; yield %a } else { ...; yield %b }

becomes an `if` that also yields the residuals (zeros where the other branch has none), and

    %dx... = if %c then { reverse of then } else { reverse of else }

for each outer value that either branch has a cotangent for. A branch adds to the running cotangent
that it sees from outside, and yields it as it was when it has nothing to add.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.core.builder import Builder
from charl.core.clone import defined_symbols, free_values
from charl.core.ir import Block, Statement, Value
from charl.records import field, record
from charl.transform.autodiff.residual import close
from charl.transform.autodiff.sizes import sizes_from, zeros
from charl.transform.autodiff.state import Differentiation
from charl.transform.autodiff.sweep import Sweep
from charl.types import dims, types
from charl.types.dims import Dim, Symbol, Unknown
from charl.types.dtypes import DType
from charl.types.types import Box, List, String, Tensor


def reverse_if(sweep: Sweep, statement: Statement) -> None:
    children: list[tuple[Sweep, Block]] = []
    for block in statement.blocks:
        child = sweep.nested(block, Block(), sweep.running)
        for result, inner in zip(statement.results, block.results):
            child.accumulate(inner, sweep.cotangents.get(result))
        child.run(block)
        children.append((child, block))
    changed = list(dict.fromkeys(v for child, _ in children for v in child.foreign()))
    if not changed:
        return
    closed: list[Block] = []
    at_hand = free_values(*statement.blocks)
    for position, (child, block) in enumerate(children):
        reverse = child.builder.block
        reverse.results = tuple([child.or_zeros(v) for v in changed])
        local = set(defined_symbols(block))
        store = BranchStore(sweep.state, statement, position, local, at_hand)
        closed.append(close(block, reverse, {}, store))
    kinds = [v.type for v in changed]
    results = sweep.builder.emit("if", statement.operands, {}, tuple(closed), kinds)
    sweep.cotangents.update(zip(changed, results))


@record(frozen=False)
class BranchStore:
    """Values of a branch are further results of the `if`."""

    state: Differentiation
    statement: Statement
    position: int
    local: set[Symbol]
    at_hand: Sequence[Value]
    symbols: dict[Symbol, Dim] = field(default_factory=dict)
    wanted: set[Value] = field(default_factory=set)

    def read(self, b: Builder, value: Value) -> Value:
        kept = self.state.kept
        if value not in kept:
            kept[value] = self._yield(value)
        return kept[value]

    def _yield(self, value: Value) -> Value:
        here = self.statement.blocks[self.position]
        there = self.statement.blocks[1 - self.position]
        fresh: dict[Symbol, Dim] = {s: dims.symbol(s.name) for s in self.local}
        result = Value(types.substitute(value.type, fresh), name=value.name)
        if dims.as_symbol(value.dim) in fresh:
            result.dim = dims.symbol("n")
        at_hand = free_values(here, there)
        missing = placeholder(
            Builder(there, self.statement.span), result, value, self.local, at_hand
        )
        here.results += (value,)
        there.results += (missing,)
        self.statement.results += (result,)
        return result


def placeholder(
    b: Builder, result: Value, value: Value, local: set[Symbol], at_hand: Sequence[Value]
) -> Value:
    """What the branch that does not make `value` yields for it. Nobody reads it, but a loop around
    may keep it, and zeros of its shape may be asked for: so it is zeros where that can be, with
    sizes that only the other branch knows taken for 0."""
    match value.type:
        case Tensor(dtype, shape):
            assert isinstance(dtype, DType)
            none: dict[Symbol, Dim] = dict.fromkeys(local, 0)
            known = [0 if isinstance(d, Unknown) else dims.substitute(d, none) for d in shape]
            sizes = sizes_from(b, [max(d, 0) if isinstance(d, int) else d for d in known], at_hand)
            if sizes is not None:
                return zeros(b, dtype, sizes)
        case List(element):
            empty: Value = b("list_make", element=element)
            return empty
        case String():
            return b.constant("")
        case Box(name):
            nothing: Value = b("box_zeros", name=name)
            return nothing
    missing: Value = b.emit("undefined", (), {"type": result.type})[0]
    return missing
