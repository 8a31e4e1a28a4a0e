"""Which Python variable holds each Core value, and where a value is used for the last time.

One walk backwards over a function knows, at every statement, the values still needed afterwards
(structured code needs no fixpoint: what a loop's blocks use from outside is live throughout it).
From that follow

- `dying`: the operands a statement is the last to use. Their variables are cleared, so that memory
  is freed early and the next owner of an array or list sees itself as the only one and may
  overwrite it;
- `dead`: statements whose results nobody needs;
- the variables. A loop's parameter, its initial value, the value yielded for it and its result
  would best be one variable, and so would an `if`'s result and what its branches yield: then
  `a = update(a)` in a loop needs no copies at all. Such wishes are granted while walking, value by
  value: two SSA values interfere exactly when one is live where the other is defined, so a value
  joins a group when no member is live at its definition and it is live at no member's. Where a wish
  fails, the code generator emits a move.

Some values are *aliases* of their operand (`ensure_shape`, `copy`, elided broadcasts) and some are
*literals* (constants): neither has a variable of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from charl.core.clone import free_values
from charl.core.effects import Effects, statement_effect
from charl.core.ir import Block, Function, Statement, Value
from charl.core.op import Effect
from charl.records import field, record
from charl.types.types import Box, Handle, List, Tensor, Type


@record
class Move:
    """`target = source`; `dies` when this is the source's last use."""

    target: Value
    source: Value
    dies: bool


@record(frozen=False, eq=False)
class _Group:
    """Values that share a variable; `forbidden` are those live where one of them is defined."""

    members: set[Value]
    forbidden: set[Value]
    name: str = ""


@record(frozen=False)
class Plan:
    """The answers for one function. Lists of moves that are missing are empty."""

    aliases: dict[Value, Value]
    literals: dict[Value, str]
    views: set[Statement]
    names: dict[Value, str] = field(default_factory=dict)
    dying: dict[Statement, list[Value]] = field(default_factory=dict)
    dead: set[Statement] = field(default_factory=set)
    unused_on_entry: dict[Block, list[Value]] = field(default_factory=dict)
    yields: dict[Block, list[Move]] = field(default_factory=dict)
    entries: dict[Statement, list[Move]] = field(default_factory=dict)
    exits: dict[Statement, list[Move]] = field(default_factory=dict)
    _groups: dict[Value, _Group] = field(default_factory=dict)
    _count: int = 0

    def canonical(self, value: Value) -> Value:
        while value in self.aliases:
            value = self.aliases[value]
        return value

    def reference(self, value: Value) -> str:
        """The expression for a value: a literal or its variable."""
        value = self.canonical(value)
        return self.literals.get(value) or self.variable(value)

    def variable(self, value: Value) -> str:
        value = self.canonical(value)
        group = self._groups.get(value)
        if group is not None:
            group.name = group.name or self._fresh()
            return group.name
        if value not in self.names:
            self.names[value] = self._fresh()
        return self.names[value]

    def _fresh(self) -> str:
        self._count += 1
        return f"v{self._count}"


def owns_memory(type: Type) -> bool:
    """Whether holding on to a value of this type costs memory or hinders updates in place."""
    match type:
        case Tensor(_, shape):
            return bool(shape)
        case List() | Box() | Handle():
            return True
    return False


def plan_function(
    function: Function,
    effects: Effects,
    aliases: dict[Value, Value],
    literals: dict[Value, str],
    views: set[Statement],
) -> Plan:
    """The plan; `views` are broadcasts that only add axes and so do not need their sizes."""
    plan = Plan(aliases, literals, views)
    _Walk(plan, effects).function(function)
    return plan


class _Walk:
    """The walk backwards; `live` is always the set of variables' values needed further on."""

    def __init__(self, plan: Plan, effects: Effects) -> None:
        self.plan, self.effects = plan, effects
        self.wishes: dict[Value, list[_Group]] = {}

    def function(self, function: Function) -> None:
        live = set(self.known(function.body.results))
        self.block(function.body, live)
        for parameter in function.body.parameters:
            self.join(parameter, live)

    def known(self, values: Iterable[Value]) -> list[Value]:
        """The canonical values, without literals."""
        canonical, literals = self.plan.canonical, self.plan.literals
        return [v for v in map(canonical, values) if v not in literals]

    # --- Groups --------------------------------------------------------------------------------

    def join(self, value: Value, live: set[Value]) -> _Group | None:
        """Put a value defined where `live` is live into the first wished group that it may join."""
        for group in self.wishes.get(value, ()):
            if value in group.forbidden or any(m in live and m is not value for m in group.members):
                continue
            group.members.add(value)
            group.forbidden |= live
            self.plan._groups[value] = group
            return group
        return None

    def grouped(self, value: Value, live: set[Value]) -> _Group:
        """Like `join`, with a group of its own where no wish is granted."""
        group = self.join(value, live)
        if group is None:
            group = self.plan._groups[value] = _Group({value}, set(live))
        group.forbidden.discard(value)
        return group

    def wish(self, value: Value, group: _Group) -> None:
        self.wishes.setdefault(value, []).append(group)

    # --- Blocks and statements -----------------------------------------------------------------

    def block(self, block: Block, live: set[Value]) -> None:
        """Turn the set live at the block's end, its results included, into that at its start."""
        for statement in reversed(block.statements):
            self.statement(statement, live)

    def statement(self, statement: Statement, live: set[Value]) -> None:
        results = [v for v in statement.results if v not in self.plan.aliases]
        if not any(v in live for v in results) and self.droppable(statement):
            self.plan.dead.add(statement)
            return
        match statement.op.name:
            case "if":
                self.if_(statement, live)
            case "for":
                self.for_(statement, live)
            case "while":
                self.while_(statement, live)
            case _:
                for value in results:
                    self.join(value, live)
                live.difference_update(results)
                if statement.blocks:
                    self.last_uses(statement, free_values(*statement.blocks), live)
        uses = statement.operands[:1] if statement in self.plan.views else statement.operands
        self.last_uses(statement, uses, live)

    def droppable(self, statement: Statement) -> bool:
        if statement.op.name in ("ensure_shape", "constant", "undefined"):
            return statement.op.name != "ensure_shape"
        return statement_effect(statement, self.effects) is Effect.PURE

    def last_uses(self, statement: Statement, values: Sequence[Value], live: set[Value]) -> None:
        """Enter a statement's uses; the values nobody needs after it die there."""
        moved = {move.source for move in self.plan.entries.get(statement, ())}
        for value in self.known(values):
            if value not in live:
                live.add(value)
                if owns_memory(value.type) and value not in moved:
                    self.plan.dying.setdefault(statement, []).append(value)

    def if_(self, statement: Statement, live: set[Value]) -> None:
        groups = [self.grouped(v, live) for v in statement.results]
        needed = [v in live for v in statement.results]
        live.difference_update(statement.results)
        starts: list[set[Value]] = []
        for block in statement.blocks:
            at_end = set(live)
            pairs = [
                (result, self.plan.canonical(source), group)
                for result, source, group, need in zip(
                    statement.results, block.results, groups, needed
                )
                if need
            ]
            self.yields(block, pairs, at_end)
            self.block(block, at_end)
            starts.append(at_end)
        both = starts[0] | starts[1]
        for block, start in zip(statement.blocks, starts):
            unused = [v for v in both - start if v not in live and owns_memory(v.type)]
            if unused:
                self.plan.unused_on_entry[block] = unused
        live |= both

    def yields(
        self, block: Block, pairs: Sequence[tuple[Value, Value, _Group]], live: set[Value]
    ) -> None:
        """Record the moves at a block's end; `live` is what else is needed after it."""
        after = set(live)
        moves = []
        for target, source, group in pairs:
            if source not in self.plan.literals:
                self.wish(source, group)
                live.add(source)
            moves.append(Move(target, source, source not in after))
        self.plan.yields[block] = moves

    def for_(self, statement: Statement, live: set[Value]) -> None:
        (body,) = statement.blocks
        outer_groups = [self.grouped(v, live) for v in statement.results]
        live.difference_update(statement.results)
        outside = self.outside(statement, live)
        carries = body.parameters[1:]
        groups = self.carry_groups(carries, outer_groups, outside | {body.parameters[0]})
        at_end = set(outside)
        canonical = map(self.plan.canonical, body.results)
        self.yields(body, list(zip(carries, canonical, groups)), at_end)
        self.block(body, at_end)
        self.join(body.parameters[0], at_end)
        self.loop_edges(statement, carries, statement.operands[3:], groups, outside)
        live |= outside

    def while_(self, statement: Statement, live: set[Value]) -> None:
        condition, body = statement.blocks
        outer_groups = [self.grouped(v, live) for v in statement.results]
        needed = [v in live for v in statement.results]
        live.difference_update(statement.results)
        outside = self.outside(statement, live)
        carries = condition.parameters
        # At the start of the body its parameters still are what the condition saw.
        self.plan.aliases.update(zip(body.parameters, carries))
        groups = self.carry_groups(carries, outer_groups, outside)
        at_end = set(outside)
        canonical = map(self.plan.canonical, body.results)
        self.yields(body, list(zip(carries, canonical, groups)), at_end)
        self.block(body, at_end)
        at_end |= outside
        at_end |= {carry for carry, need in zip(carries, needed) if need}
        at_end |= set(self.known(condition.results))
        self.block(condition, at_end)
        self.loop_edges(statement, carries, statement.operands, groups, outside)
        live |= outside

    def outside(self, statement: Statement, live: set[Value]) -> set[Value]:
        """What stays alive through a loop. What only its blocks need dies when the loop ends."""
        used = set(self.known(free_values(*statement.blocks)))
        dying = [v for v in used if v not in live and owns_memory(v.type)]
        if dying:
            self.plan.dying[statement] = dying
        return live | used

    def carry_groups(
        self, carries: Sequence[Value], outer: Sequence[_Group], outside: set[Value]
    ) -> list[_Group]:
        """A group for each loop parameter, if possible that of its result."""
        groups = []
        for carry, group in zip(carries, outer):
            self.wish(carry, group)
            groups.append(self.grouped(carry, outside | {c for c in carries if c is not carry}))
        return groups

    def loop_edges(
        self,
        statement: Statement,
        carries: Sequence[Value],
        initial: Sequence[Value],
        groups: Sequence[_Group],
        outside: set[Value],
    ) -> None:
        """Record the moves into the loop and out of it."""
        entries = []
        for carry, source, group in zip(carries, map(self.plan.canonical, initial), groups):
            if source not in self.plan.literals:
                self.wish(source, group)
            entries.append(Move(carry, source, source not in outside))
        self.plan.entries[statement] = entries
        self.plan.exits[statement] = [
            Move(result, carry, True) for result, carry in zip(statement.results, carries)
        ]
