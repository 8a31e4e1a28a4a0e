"""Who lets go of a value: at which statement each value is used for the last time.

Native code counts the references to whatever lies in memory. A value that a block makes belongs to
it, and the last statement to use it either takes it over (a loop its initial values, an update the
tensor that it may then overwrite) or is followed by its release. One walk backwards over a function
finds these places; structured code needs no fixpoint, as what a loop uses from outside is alive
throughout the loop.

- `dying[statement]`: its operands that nothing needs later: the statement may take them over;
- `outlived[statement]`: what only the blocks of a loop use: to be released when the loop is done;
- `unneeded[block]`: parameters that nobody uses, and values that die in the other branch of an
  `if`: to be released on entry;
- `unused[statement]`: results that nobody needs;
- `moved[block]`: for each result of the block, whether the block hands over its own reference; it
  needs a new one where the value lives on or is a result twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from charl.core.clone import free_values
from charl.core.control import FUSED, SWEEP
from charl.core.ir import Block, Function, Statement, Value
from charl.records import field, record


@record(frozen=False)
class Ownership:
    dying: dict[Statement, list[Value]] = field(default_factory=dict)
    outlived: dict[Statement, list[Value]] = field(default_factory=dict)
    unneeded: dict[Block, list[Value]] = field(default_factory=dict)
    unused: dict[Statement, list[Value]] = field(default_factory=dict)
    moved: dict[Block, tuple[bool, ...]] = field(default_factory=dict)


def plan_ownership(function: Function, counted: Callable[[Value], bool]) -> Ownership:
    """The plan for the values for which `counted` is true; others are nobody's."""
    walk = _Walk(counted)
    walk.body(function.body, set())
    return walk.plan


class _Walk:
    def __init__(self, counted: Callable[[Value], bool]) -> None:
        self.counted = counted
        self.plan = Ownership()
        self.seen: dict[Value, int] = {}

    def body(self, block: Block, outside: set[Value]) -> None:
        """A function's or a loop's block, which owns its parameters; `outside` lives through it."""
        live = set(outside)
        self.results(block, live)
        self.statements(block, live)
        self.plan.unneeded[block] = [v for v in self.of(block.parameters) if v not in live]

    def results(self, block: Block, live: set[Value]) -> None:
        """Enters a block's results; `live` is what is needed after it."""
        moved = []
        for value in block.results:
            moved.append(value not in live)
            if self.counted(value):
                live.update(self.of((value,)))
        self.plan.moved[block] = tuple(moved)

    def statements(self, block: Block, live: set[Value]) -> None:
        """Turns the set needed after the block's statements into that needed before."""
        for statement in reversed(block.statements):
            self.statement(statement, live)

    def statement(self, statement: Statement, live: set[Value]) -> None:
        results = self.of(statement.results)
        unused = [v for v in results if v not in live]
        if unused:
            self.plan.unused[statement] = unused
        live.difference_update(results)
        if statement.op.name == "if":
            self.branches(statement, live)
        elif statement.blocks and statement.op not in (FUSED, SWEEP):
            self.loop(statement, live)
        dying = self.last_uses(statement.operands, live)
        if dying:
            self.plan.dying[statement] = dying

    def branches(self, statement: Statement, live: set[Value]) -> None:
        starts = []
        for block in statement.blocks:
            start = set(live)
            self.results(block, start)
            self.statements(block, start)
            starts.append(start)
        everything: set[Value] = set().union(*starts)
        for block, start in zip(statement.blocks, starts):
            self.plan.unneeded[block] = self.in_order(everything - start)
        live |= everything

    def loop(self, statement: Statement, live: set[Value]) -> None:
        """What only the blocks use dies with the loop."""
        outlived = self.last_uses(free_values(*statement.blocks), live)
        if outlived:
            self.plan.outlived[statement] = outlived
        for block in statement.blocks[:-1]:  # a condition only looks at what the body then owns
            self.body(block, live | set(self.of(block.parameters)))
        self.body(statement.blocks[-1], live)

    def last_uses(self, values: Iterable[Value], live: set[Value]) -> list[Value]:
        """Enters uses; those of values that nothing needs further on."""
        last = [v for v in self.of(values) if v not in live]
        live.update(last)
        return last

    def of(self, values: Iterable[Value]) -> list[Value]:
        counted = [v for v in dict.fromkeys(values) if self.counted(v)]
        for value in counted:
            self.seen.setdefault(value, len(self.seen))
        return counted

    def in_order(self, values: set[Value]) -> list[Value]:
        """A set in an order that is the same in every run."""
        return sorted(values, key=self.seen.__getitem__)
