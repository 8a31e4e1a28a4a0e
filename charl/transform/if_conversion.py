"""Elements that a loop changes only sometimes, written at every turn: as they were, or anew.

    for j in 0..n { if way(j) < d[i, j] { d[i, j] = way(j) } }

A branch in the loop keeps LLVM from vectors, or makes it store under a mask, which costs more than
a store. The turn has read the element already, so its index is inside, and to write back what was
read changes nothing. This is if-conversion (Allen, Kennedy, Porterfield and Warren, "Conversion of
control dependence to data dependence", 1983) for what it pays for most.

It is done where the tensor is one that the loop changes anyway, and an index counts with the loop:
then every turn writes another element, so that no turn waits for what the one before has written.
Besides the update the branch may compute what is cheap and cannot fail.

In: any Core. Out: the same, with such an `if` become a `select` and an `index_update`.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import EXPENSIVE
from charl.transform.invariants import cannot_fail
from charl.types import dims
from charl.types.types import is_scalar

MOST_COMPUTED = 4  # statements of a branch besides the update


def convert_ifs(program: Program) -> Program:
    functions = {name: _function(f) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def _function(function: Function) -> Function:
    body = _block(function.body, None)
    if body is function.body:
        return function
    return Function(function.name, body, function.shown, function.span)


def _block(block: Block, counter: Value | None) -> Block:
    """`counter` is that of the loop whose body this is, if it is one."""
    statements: list[Statement] = []
    turn = _Turn(block, counter) if counter is not None else None
    for statement in block.statements:
        converted = turn and turn.converted(statement)
        statements += converted or [_rewritten(statement)]
        if turn is not None:
            turn.enter(statement)
    if len(statements) == len(block.statements) and all(
        new is old for new, old in zip(statements, block.statements)
    ):
        return block
    return Block(block.parameters, statements, block.results)


def _rewritten(s: Statement) -> Statement:
    is_for = s.op.name == "for"
    blocks = tuple(_block(b, b.parameters[0] if is_for else None) for b in s.blocks)
    if all(new is old for new, old in zip(blocks, s.blocks)):
        return s
    return Statement(s.op, s.operands, s.attributes, blocks, s.results, s.span)


class _Turn:
    """What the turn of a loop has done so far: the values it knows, and the elements it has read,
    by the tensor and the indices."""

    def __init__(self, body: Block, counter: Value) -> None:
        self.counter = dims.as_symbol(counter.dim)
        self.inside = set(body.parameters)
        self.read: dict[tuple[Value, ...], Value] = {}

    def enter(self, s: Statement) -> None:
        self.inside.update(s.results)
        if s.op.name == "index" and is_scalar(s.results[0].type):
            self.read[s.operands] = s.results[0]

    def converted(self, s: Statement) -> list[Statement] | None:
        """What to do instead of the statement, where that is an update under a condition."""
        if s.op.name != "if" or len(s.results) != 1:
            return None
        for taken, other in (s.blocks, s.blocks[::-1]):
            *computed, update = taken.statements or [s]
            if update.op.name == "index_update" and not other.statements:
                tensor, new, *indices = update.operands
                old = self.read.get((tensor, *indices))
                if (
                    old is not None
                    and taken.results == update.results
                    and other.results == (tensor,)
                    and tensor in self.inside
                    and any(map(self.counts, indices))
                    and is_cheap(computed)
                ):
                    return _unconditional(s, computed, update, new, old)
        return None

    def counts(self, index: Value) -> bool:
        """Whether an index is made from the counter."""
        return self.counter is not None and self.counter in dims.symbols(index.dim or 0)


def is_cheap(statements: Sequence[Statement]) -> bool:
    """Whether to compute these in vain does no harm."""
    return len(statements) <= MOST_COMPUTED and all(
        s.op.name == "constant"
        or (cannot_fail(s) and s.op.cost < EXPENSIVE and all(is_scalar(v.type) for v in s.results))
        for s in statements
    )


def _unconditional(
    s: Statement, computed: list[Statement], update: Statement, new: Value, old: Value
) -> list[Statement]:
    (condition,) = s.operands
    k = Builder(Block())
    k.span = update.span
    choices = (new, old) if update in s.blocks[0].statements else (old, new)
    value = k("select", condition, *choices)
    tensor, _, *indices = update.operands
    stored = Statement(
        update.op, (tensor, value, *indices), update.attributes, (), s.results, update.span
    )
    return [*computed, *k.block.statements, stored]
