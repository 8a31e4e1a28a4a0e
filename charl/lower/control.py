"""Blocks, statements and branches: assignment becomes results.

An `if` yields the leaves in which its two sides differ, of its value and of the variables assigned
inside that are read later. A size of them that the sides do not share, or that only they know, is
the one the checker has declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from charl.check import tree
from charl.check.tree import Variable
from charl.core.ir import Value
from charl.lower.layout import written_leaves
from charl.lower.lowering import Lowering, Nested, Unreachable, lowers
from charl.lower.sizes import joined_type
from charl.lower.values import NOTHING, Structured
from charl.records import record
from charl.types.types import Type

# --- Statements ----------------------------------------------------------------------------------


@lowers(tree.Block)
def _block(f: Lowering, block: tree.Block) -> Structured:
    nodes = (*block.statements, block.result)
    with f.sequence(nodes) as later:
        for position, statement in enumerate(block.statements):
            later.position = position
            f.statement(statement)
        later.position = len(block.statements)
        return NOTHING if block.result is None else f.value(block.result)


@lowers(tree.Evaluate)
def _evaluate(f: Lowering, statement: tree.Evaluate) -> Structured:
    return f.value(statement.value)


@lowers(tree.Let, tree.Assign)
def _let(f: Lowering, statement: tree.Let | tree.Assign) -> Structured:
    f.bind(statement.variable, f.value(statement.value))
    return NOTHING


@lowers(tree.Require)
def _require(f: Lowering, statement: tree.Require) -> Structured:
    if isinstance(statement.condition, tree.Constant) and statement.condition.value is True:
        return NOTHING
    condition, *operands = f.values((statement.condition, *statement.operands))
    leaves = [operand.single for operand in operands]
    f.emit("check", (condition.single, *leaves), {"failure": statement.failure})
    return NOTHING


# --- Branches ------------------------------------------------------------------------------------


@lowers(tree.If)
def _if(f: Lowering, expr: tree.If) -> Structured:
    match expr.condition:
        case tree.Constant(value=bool() as taken):
            return f.value(expr.then if taken else expr.otherwise)
    with f.sequence((expr.condition, expr.then, expr.otherwise)):
        condition = f.scalar(expr.condition)
    then = f.nested((), lambda: f.value(expr.then))
    otherwise = f.nested((), lambda: f.value(expr.otherwise))
    assigned = {**f.flow.assigned(expr.then), **f.flow.assigned(expr.otherwise)}
    return join(f, condition, (then, otherwise), expr.type, assigned)


Sides = tuple[Nested[Structured], Nested[Structured]]


def join(
    f: Lowering, condition: Value, sides: Sides, type: Type, assigned: Iterable[Variable] = ()
) -> Structured:
    """Emit an `if` of two lowered sides; the value, of `type`. Variables are updated."""
    joint = _Joint(f, sides)
    updated: dict[Variable, list[_Column]] = {}
    for variable in assigned:
        if variable in f.region.variables and f.is_live(variable):
            updated[variable] = joint.of_variable(variable)
    of_value = joint.of_value(type)
    joint.emit(condition)
    for variable, columns in updated.items():
        old = sides[0].region.variables[variable]
        value = Structured(old.type, tuple([c.result for c in columns]))
        f.name(value.leaves, variable)
        f.region.variables[variable] = value
    if all(side.value is None for side in sides):
        raise Unreachable
    leaves = tuple([column.result for column in of_value])
    return Structured(joint.value_type(type), leaves)


@record(frozen=False)
class _Column:
    """One leaf on both sides (None: undefined), and what it is afterwards."""

    sides: tuple[Value | None, Value | None]
    type: Type
    joined: Value | None = None

    @property
    def result(self) -> Value:
        assert self.joined is not None
        return self.joined


class _Joint:
    """The results of an `if`: only where the sides differ."""

    def __init__(self, f: Lowering, sides: Sides) -> None:
        self.f, self.sides = f, sides
        self.inner = [{r for s in side.block.statements for r in s.results} for side in sides]
        self.columns: dict[tuple[Value | None, Value | None], _Column] = {}

    def of_variable(self, variable: Variable) -> list[_Column]:
        then, otherwise = (side.region.variables[variable].leaves for side in self.sides)
        declared: Sequence[Type | None] = written_leaves(variable.type) or [None] * len(then)
        return [self.column(a, b, d) for a, b, d in zip(then, otherwise, declared)]

    def of_value(self, type: Type) -> list[_Column]:
        live = [side.value for side in self.sides if side.value is not None]
        if not live:
            return []
        declared: Sequence[Type | None] = written_leaves(type) or [None] * len(live[0].leaves)
        count = len(live[0].leaves)
        then, otherwise = (
            [None] * count if side.value is None else side.value.leaves for side in self.sides
        )
        return [self.column(a, b, d) for a, b, d in zip(then, otherwise, declared)]

    def value_type(self, type: Type) -> Type:
        if written_leaves(type) is not None:
            return type
        return next(side.value.type for side in self.sides if side.value is not None)

    def column(self, then: Value | None, other: Value | None, declared: Type | None) -> _Column:
        if (then, other) in self.columns:
            return self.columns[then, other]
        known = [v for v in (then, other) if v is not None]
        type = known[0].type if len(known) == 1 else self.type_of(known[0], known[1], declared)
        column = _Column((then, other), type)
        # A value from outside that both sides share, or that the only live side gives, stays.
        for value, inner in zip((then, other), self.inner):
            if value is not None and value not in inner and all(v is value for v in known):
                column.joined = value
        self.columns[then, other] = column
        return column

    def type_of(self, then: Value, other: Value, declared: Type | None) -> Type:
        """The type of either: sizes they share if they are known outside, else those declared."""
        joined = joined_type(then.type, other.type)
        if declared is None:
            return joined
        return self.f.sizes.settle(self.f.region, joined, declared)

    def emit(self, condition: Value) -> None:
        needed = [column for column in self.columns.values() if column.joined is None]
        blocks = [side.block for side in self.sides]
        if not needed and not any(block.statements for block in blocks):
            return
        for index, side in enumerate(self.sides):
            side.block.results = tuple([self.leaf(column, index) for column in needed])
        types = [column.type for column in needed]
        results = self.f.emit("if", (condition,), {}, types, (blocks[0], blocks[1]))
        for column, result in zip(needed, results):
            column.joined = result

    def leaf(self, column: _Column, index: int) -> Value:
        value = column.sides[index]
        if value is not None:
            return value
        # Emitted inside the side, where a type may name sizes only it knows.
        f, outer = self.f, self.f.region
        f.region = self.sides[index].region
        undefined = f.undefined(column.type)
        f.region = outer
        return undefined


def choose(
    f: Lowering,
    condition: Value,
    type: Type,
    then: Callable[[], Structured],
    otherwise: Callable[[], Structured],
) -> Structured:
    """An `if` between two pieces of code that lowering writes itself."""
    return join(f, condition, (f.nested((), then), f.nested((), otherwise)), type)
