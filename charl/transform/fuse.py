"""Fusion: tensor statements of a block that are computed together become one `fused` statement.

The statements are visited last to first. One whose elements can be written (`Op.element`, or a
reduction) and that no later group computes begins a group, its *root*; a statement joins the group
of its users, so that its elements are computed where they are needed and never lie in memory, when
that repeats no work worth mentioning:

- its *place*, the loop that gives each index of the element asked for, is known through the ops
  between it and the root; a place that is a prefix of the loops, outermost first, is computed once
  for every element. A reduction, or anything expensive, joins only at such a place; anything cheap
  at any;
- what also others need, after the group, is stored too, when the place is the element's own index;
- a group is computed where its root stands, so whatever needs a member must stand after the root.

Broadcasts, transposes and the like cost nothing and are repeated in every group that asks, and so
is cheap arithmetic that reads one tensor: to store its result would cost more. What a statement
only passes on (`copy`, `stop_gradient`) is replaced by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from charl.core.clone import free_values
from charl.core.control import FUSED
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import EXPENSIVE, Effect
from charl.ops.contract import PRODUCTS
from charl.ops.gather import writes_once
from charl.ops.reduce import REDUCTIONS, keeps_last_axis, reduced_axes
from charl.ops.shape import unit_axes_apart
from charl.records import field, record
from charl.transform.invariants import cannot_fail
from charl.types import dims
from charl.types.dims import Dim, Polynomial, Symbol
from charl.types.types import Tensor

PASSED_ON = {"copy", "stop_gradient"}
VIEWS = {"broadcast", "transpose", "reshape", "slice", "flip", "iota", "index"}
REPEATABLE = 1  # the cost of an element that may be
MOST_PARTS = 4  # of a join
MOST_MEMBERS = 120

ONE = "one"

# What gives an index: a loop (a number for one of the domain, for one that a reduction opens its
# position and the axis), ONE where the axis has size 1, or None where it is not known.
Source = object


@record
class Place:
    """Where an element is asked for: what gives its indices, and the loops open there, outermost
    first."""

    index: tuple[Source, ...]
    loops: tuple[Source, ...]


def fuse(program: Program, writes: Callable[[Statement], bool]) -> Program:
    """The program with its groups fused; `writes` tells whether the backend can compute a
    statement's op element by element."""
    functions = {name: fuse_function(f, writes) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def fuse_function(function: Function, writes: Callable[[Statement], bool]) -> Function:
    known = {s for v in function.body.parameters for s in told(v)}
    body = _Fuser(writes).block(function.body, known)
    return Function(function.name, body, function.shown, function.span)


@record(frozen=False, eq=False)
class Group:
    """`members` by position; `places` where each is asked for; `stored` those others need too.
    `loops` is the shape of the domain."""

    root: int
    loops: tuple[Dim, ...]
    column: bool
    members: dict[int, Statement] = field(default_factory=dict)
    places: dict[int, list[Place]] = field(default_factory=dict)
    stored: list[int] = field(default_factory=list)


class _Fuser:
    def __init__(self, writes: Callable[[Statement], bool]) -> None:
        self.writes = writes
        self.passed: dict[Value, Value] = {}

    def value(self, value: Value) -> Value:
        return self.passed.get(value, value)

    def block(self, block: Block, known: set[Symbol]) -> Block:
        """The block with its groups fused; `known` are the sizes known where it begins."""
        known = known | {s for v in block.parameters for s in told(v)}
        statements: list[Statement] = []
        able: list[bool] = []
        for statement in sunk(block.statements):
            if statement.op.name in PASSED_ON and statement.operands[0].rank:
                self.passed[statement.results[0]] = self.value(statement.operands[0])
                continue
            inner = tuple(self.block(b, known) for b in statement.blocks)
            operands = tuple(self.value(v) for v in statement.operands)
            if inner or operands != statement.operands:
                statement = Statement(
                    statement.op,
                    operands,
                    statement.attributes,
                    inner,
                    statement.results,
                    statement.span,
                )
            statements.append(statement)
            able.append(is_able(statement, known) and self.writes(statement))
            known |= {s for v in statement.results for s in told(v)}
        results = tuple(self.value(v) for v in block.results)
        groups = _Grouping(statements, able, results).groups()
        return Block(block.parameters, assembled(statements, groups), results)


def sunk(statements: Sequence[Statement]) -> list[Statement]:
    """Scalars are computed where they are first needed and no sooner: the loss, which is printed or
    added up last, then does not stand between the forward and the backward pass. What may fail does
    so where it stands."""
    found: list[Statement] = []
    waiting: dict[Value, Statement] = {}

    def give(statement: Statement) -> None:
        for value in used(statement):
            if value in waiting:
                give(waiting.pop(value))
        found.append(statement)

    for statement in statements:
        if sinks(statement):
            waiting[statement.results[0]] = statement
        else:
            give(statement)
    for value in list(waiting):
        if value in waiting:
            give(waiting.pop(value))
    return found


def sinks(statement: Statement) -> bool:
    return (
        (statement.op.elementwise or statement.op.name in REDUCTIONS)
        and statement.op.effect is Effect.PURE
        and cannot_fail(statement)
        and all(isinstance(v.type, Tensor) and not v.rank for v in statement.results)
    )


def told(value: Value) -> Iterable[Symbol]:
    """The sizes that a value makes known."""
    candidates: list[Dim | None] = [value.dim]
    if isinstance(value.type, Tensor):
        candidates += value.type.shape
    for dim in candidates:
        symbol = dims.as_symbol(dim)
        if symbol is not None:
            yield symbol


def is_able(statement: Statement, known: set[Symbol]) -> bool:
    """Whether the statement can be part of a kernel."""
    name = statement.op.name
    if len(statement.results) != 1 or any(
        not isinstance(v.type, Tensor) for v in statement.operands
    ):
        return False
    if name in REDUCTIONS:
        able = statement.operands[0].rank > 0
    else:
        able = statement.op.element is not None and statement.results[0].rank > 0
    if name in ("stack", "concat") and len(statement.operands) > MOST_PARTS:
        return False
    if not is_plain(statement):
        return False
    values = (*statement.operands, *statement.results)
    return able and all(is_known(d, known) for v in values for d in v.shape)


def is_plain(statement: Statement) -> bool:
    """Whether nothing in the statement's sizes keeps it from being written by elements."""
    match statement.op.name:
        case "broadcast":
            return stretches_safely(statement)
        case "reshape":
            return unit_axes(statement) is not None
        case "scatter_add_along":
            return writes_once(statement)
    return True


def unit_axes(reshape: Statement) -> tuple[int | None, ...] | None:
    return unit_axes_apart(reshape.operands[0].shape, reshape.results[0].shape)


def is_known(dim: Dim, known: set[Symbol]) -> bool:
    if isinstance(dim, int):
        return True
    return isinstance(dim, Polynomial) and all(s in known for s in dims.symbols(dim))


def stretches_safely(statement: Statement) -> bool:
    """Whether a broadcast's sizes fit for certain, so that nothing is left to check."""
    x, (result,) = statement.operands[0], statement.results
    wanted = result.shape
    return all(
        size == 1 or size == wanted[axis]
        for axis, size in zip(statement.attributes["axes"], x.shape)
    )


class _Grouping:
    """Finds the groups of one block."""

    def __init__(
        self, statements: Sequence[Statement], able: Sequence[bool], results: Sequence[Value]
    ) -> None:
        self.statements, self.able = statements, able
        self.views = {s.results[0] for s in statements if s.op.name in VIEWS}
        self.end = len(statements)
        self.users: dict[Value, list[int]] = {}
        self.readers: dict[Value, set[str]] = {}  # the ops that read a value, also in blocks
        for position, statement in enumerate(statements):
            for value, ops in used(statement).items():
                self.users.setdefault(value, []).append(position)
                self.readers.setdefault(value, set()).update(ops)
        for value in results:
            self.users.setdefault(value, []).append(self.end)
            self.readers.setdefault(value, set()).add("yield")
        self.of: dict[int, list[Group]] = {}

    def groups(self) -> dict[int, Group]:
        """The groups by the positions of their roots."""
        found: dict[int, Group] = {}
        for position in range(self.end - 1, -1, -1):
            if not self.able[position]:
                continue
            statement = self.statements[position]
            (result,) = statement.results
            users = self.users.get(result, [])
            if not users:
                continue
            if statement.op.name == "transpose" and self.readers[result] <= PRODUCTS:
                continue
            if self.join(position, statement, users):
                continue
            group = Group(position, result.shape, keeps_last_axis(statement))
            group.members[position] = statement
            loops = tuple(range(result.rank))
            group.places[position] = [Place(loops, loops)]
            group.stored.append(position)
            self.of[position] = [group]
            found[position] = group
        return found

    def join(self, position: int, statement: Statement, users: Sequence[int]) -> bool:
        """Whether users compute the statement themselves, so that it needs no group of its own."""
        groups = dict.fromkeys(g for u in users for g in self.of.get(u, ()))
        inside = {u for u in users if self.of.get(u)}
        others = [u for u in users if u not in inside]
        if not groups:
            return False
        if not others and (statement.op.name in VIEWS or self.is_repeatable(statement)):
            for group in groups:
                self.enter(position, statement, group)
            return True
        group = min(groups, key=lambda g: g.root)
        outside = [*others, *(g.root for g in groups if g is not group)]
        if any(u <= group.root for u in outside):
            return False
        if len(group.members) >= MOST_MEMBERS:
            return False
        places = self.places(position, statement, group)
        if not all(self.fits(statement, place, group) for place in places):
            return False
        # A user in several groups reads the element from memory in all but one.
        stored = bool(outside) or any(len(self.of[u]) > 1 for u in inside)
        if stored and not can_store(statement, group):
            return False
        self.enter(position, statement, group)
        if stored:
            group.stored.append(position)
        return True

    def is_repeatable(self, statement: Statement) -> bool:
        """Whether several groups had better compute it each than read it from memory: it is cheap
        and reads at most one tensor of its size."""
        if not statement.op.elementwise or statement.op.cost > REPEATABLE:
            return False
        return sum(v.rank > 0 and v not in self.views for v in statement.operands) <= 1

    def enter(self, position: int, statement: Statement, group: Group) -> None:
        group.places[position] = self.places(position, statement, group)
        group.members[position] = statement
        self.of.setdefault(position, []).append(group)

    def places(self, position: int, statement: Statement, group: Group) -> list[Place]:
        """Where the group's members ask for the statement's elements."""
        (result,) = statement.results
        found: dict[Place, None] = {}
        for user in self.users[result]:
            member = group.members.get(user)
            if member is None:
                continue
            for number, operand in enumerate(member.operands):
                if operand is result:
                    for place in group.places[user]:
                        found[asked(member, number, place, user)] = None
        return list(found)

    def fits(self, statement: Statement, place: Place, group: Group) -> bool:
        """Whether computing the statement at a place repeats no work."""
        name = statement.op.name
        if group.column and name in REDUCTIONS:
            return False
        if name in REDUCTIONS:
            axes = reduced_axes(statement)
            n = statement.operands[0].rank
            return axes == tuple(range(n - len(axes), n)) and is_prefix(place)
        return statement.op.cost < EXPENSIVE or is_prefix(place)


def can_store(statement: Statement, group: Group) -> bool:
    """Whether the group's loops pass every element of the result in order."""
    shape = statement.results[0].shape
    return bool(shape) and not group.column and covers(group.loops, shape)


def used(statement: Statement) -> dict[Value, set[str]]:
    """What a statement and its blocks use, and the ops that use it."""
    found: dict[Value, set[str]] = {}
    for value in statement.operands:
        found.setdefault(value, set()).add(statement.op.name)
    for block in statement.blocks:
        for inner in block.statements:
            for value, ops in used(inner).items():
                found.setdefault(value, set()).update(ops)
        for value in block.results:
            found.setdefault(value, set()).add("yield")
    return found


def covers(loops: Sequence[Dim], shape: Sequence[Dim]) -> bool:
    """Whether a tensor of this shape has an element for each turn of the leading loops."""
    n = len(shape)
    while n and shape[n - 1] == 1:
        n -= 1
    return len(shape) <= len(loops) and all(a == b for a, b in zip(shape[:n], loops))


def is_prefix(place: Place) -> bool:
    """Whether the indices are the loops open there, outermost first, axes of size 1 aside: then the
    element is computed once, before the loops further in begin."""
    given = [source for source in place.index if source != ONE]
    return given == list(place.loops[: len(given)])


def asked(member: Statement, operand: int, place: Place, position: int) -> Place:
    """The place at which a member asks for its operand, itself asked for at a place."""
    name, attributes, index = member.op.name, member.attributes, place.index
    value = member.operands[operand]
    n = value.rank
    if n == 0:
        return Place((), place.loops)
    if member.op.elementwise:
        return place
    if name in REDUCTIONS:
        return within_fold(member, place, position)
    found: tuple[Source, ...] = (None,) * n
    match name:
        case "broadcast":
            axes = [a % len(index) for a in attributes["axes"]]
            found = tuple(ONE if size == 1 else index[a] for a, size in zip(axes, value.shape))
        case "transpose":
            given = attributes.get("permutation")
            order = list(reversed(range(n))) if given is None else [a % n for a in given]
            found = tuple(index[order.index(axis)] for axis in range(n))
        case "index" if operand == 0:
            found = (*(None,) * (n - len(index)), *index)
        case "reshape" if operand == 0:
            found = tuple(ONE if a is None else index[a] for a in unit_axes(member) or ())
        case "gather":
            axis = attributes.get("axis", 0) % member.operands[0].rank
            after = axis + member.operands[1].rank
            found = (*index[:axis], None, *index[after:]) if operand == 0 else index[axis:after]
        case "take_along":
            axis = attributes.get("axis", 0) % n
            found = (*index[:axis], None, *index[axis + 1 :]) if operand == 0 else index
        case "scatter_add_along":
            axis = attributes.get("axis", 0) % n
            found = index if operand == 0 else (*index[:axis], ONE, *index[axis + 1 :])
        case "one_hot":
            found = index[:-1]
        case "stack":
            axis = attributes.get("axis", 0) % len(index)
            found = (*index[:axis], *index[axis + 1 :])
    return Place(found, place.loops)


def within_fold(member: Statement, place: Place, position: int) -> Place:
    """Inside a reduction's own loops, which it opens where its indices are known."""
    axes = reduced_axes(member)
    n = member.operands[0].rank
    opened = {a: (position, a) for a in axes}
    if member.attributes.get("keep_dims", False):
        index = tuple(opened.get(a, place.index[a]) for a in range(n))
    else:
        kept = iter(place.index)
        index = tuple(opened[a] if a in opened else next(kept) for a in range(n))
    if keeps_last_axis(member):  # its loops are in the order of memory
        return Place(index, index)
    outer = [i for i, loop in enumerate(place.loops) if loop in place.index]
    depth = max(outer, default=-1) + 1
    return Place(index, (*place.loops[:depth], *opened.values()))


# --- Assembling ----------------------------------------------------------------------------------


def assembled(statements: Sequence[Statement], groups: Mapping[int, Group]) -> list[Statement]:
    """The block's statements, each group in the place of its root."""
    absorbed = {p for g in groups.values() for p in g.members}
    found = []
    for position, statement in enumerate(statements):
        if position in groups:
            found.append(fused(groups[position]))
        elif position not in absorbed:
            found.append(statement)
    return found


def fused(group: Group) -> Statement:
    """One statement; inside, stored values have names of their own."""
    renamed: dict[Value, Value] = {}
    for position in group.stored:
        (value,) = group.members[position].results
        renamed[value] = Value(value.type, value.dim, value.name)
    inner = []
    for position in sorted(group.members):
        s = group.members[position]
        operands = tuple(renamed.get(v, v) for v in s.operands)
        results = tuple(renamed.get(v, v) for v in s.results)
        inner.append(Statement(s.op, operands, s.attributes, s.blocks, results, s.span))
    stored = sorted(group.stored, reverse=True)
    results = tuple(group.members[p].results[0] for p in stored)
    block = Block((), inner, tuple(renamed[v] for v in results))
    inputs = tuple(free_values(block))
    return Statement(FUSED, inputs, {}, (block,), results, group.members[group.root].span)
