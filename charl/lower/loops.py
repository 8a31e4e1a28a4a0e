"""Loops: what the body may change is carried.

A loop carries the leaves that its body may change, of variables that are read later or in the next
iteration. Sizes that the declared type of a variable leaves open are open in what is carried. What
turns out not to change (all lists but one of a list of structs, say) is taken out again: the body
then refers to the value from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from charl.check import tree
from charl.check.tree import Variable
from charl.core.ir import Block, Value
from charl.lower.flow import Path
from charl.lower.layout import is_boxed, leaves_of, part_range, parts_of, written_leaves
from charl.lower.lowering import Later, Lowering, lowers
from charl.lower.sizes import Region, widened_type
from charl.lower.values import NOTHING, Structured
from charl.records import record
from charl.types.types import BOOL, INT, UNIT, Type


@record
class _Leaf:
    """A leaf that a loop carries."""

    variable: Variable
    position: int
    type: Type

    def now(self, region: Region) -> Value:
        return region.variables[self.variable].leaves[self.position]


@lowers(tree.For)
def _for(f: Lowering, loop: tree.For) -> Structured:
    start, stop, step = (v.single for v in f.values((loop.start, loop.stop, loop.step)))
    carried = _carried_by(f, loop)
    index = Value(INT, loop.variable.dim, loop.variable.name)
    parameters = _parameters(f, carried)

    def body() -> None:
        f.bind(loop.variable, Structured(INT, (index,)))
        _update(f, carried, parameters)
        f.value(loop.body)

    with _looping(f, loop):
        inner = f.nested((index, *parameters), body)
    inner.block.results = tuple([leaf.now(inner.region) for leaf in carried])
    carried, initial = _without_constant(f, carried, [inner.block])
    if carried or inner.block.statements:
        _emit(f, "for", (start, stop, step, *initial), carried, (inner.block,))
    return NOTHING


@lowers(tree.While)
def _while(f: Lowering, loop: tree.While) -> Structured:
    if any(variable in f.region.variables for variable in f.flow.assigned(loop.condition)):
        return _while_changing(f, loop)
    carried = _carried_by(f, loop)
    before, within = _parameters(f, carried), _parameters(f, carried)

    def condition() -> Value:
        _update(f, carried, before)
        return f.scalar(loop.condition)

    def body() -> None:
        _update(f, carried, within)
        f.value(loop.body)

    with _looping(f, loop):
        test = f.nested(before, condition)
        inner = f.nested(within, body)
    test.block.results = (f.constant(False) if test.value is None else test.value,)
    inner.block.results = tuple([leaf.now(inner.region) for leaf in carried])
    carried, initial = _without_constant(f, carried, [inner.block, test.block])
    _emit(f, "while", initial, carried, (test.block, inner.block))
    return NOTHING


def _emit(
    f: Lowering,
    op: str,
    operands: Sequence[Value],
    carried: Sequence[_Leaf],
    blocks: tuple[Block, ...],
) -> None:
    _update(f, carried, f.emit(op, operands, {}, [leaf.type for leaf in carried], blocks))


def _while_changing(f: Lowering, loop: tree.While) -> Structured:
    """A loop whose condition assigns variables: tested inside the body, which is then left."""
    span = loop.span
    running = Variable("running", BOOL, span)
    stop: tree.Statement = tree.Assign(span, running, tree.Constant(span, BOOL, False))
    otherwise = tree.Block(span, UNIT, (stop,), None)
    body = tree.If(span, UNIT, loop.condition, loop.body, otherwise)
    f.statement(tree.Let(span, running, tree.Constant(span, BOOL, True)))
    return _while(f, tree.While(span, tree.Read(span, BOOL, running), body))


class _looping:
    """While a loop is lowered, whatever it reads may be read in the next iteration."""

    def __init__(self, f: Lowering, loop: tree.For | tree.While) -> None:
        self.f, self.loop = f, loop

    def __enter__(self) -> None:
        self.f.later.append(Later(dict.fromkeys(self.f.flow.reads(self.loop), 1)))

    def __exit__(self, *problem: object) -> None:
        self.f.later.pop()


# --- What is carried -----------------------------------------------------------------------------


def _carried_by(f: Lowering, loop: tree.For | tree.While) -> list[_Leaf]:
    """The leaves that a loop may change, in order."""
    read = f.flow.reads(loop)
    carried: list[_Leaf] = []
    for variable, paths in f.flow.assigned(loop).items():
        if variable in f.region.variables and (variable in read or f.is_live(variable)):
            carried += _leaves(f, variable, paths)
    return carried


def _leaves(f: Lowering, variable: Variable, paths: Iterable[Path]) -> list[_Leaf]:
    value = f.region.variables[variable]
    declared = written_leaves(variable.type)
    leaves: list[_Leaf] = []
    for position in sorted({p for path in paths for p in _positions(value.type, path)}):
        type = value.leaves[position].type
        if declared is not None:
            type = widened_type(type, declared[position])
        leaves.append(_Leaf(variable, position, type))
    return leaves


def _positions(type: Type, path: Path) -> range:
    """The leaves of the part of a value at `path`."""
    start, stop = 0, len(leaves_of(type))
    for index in path:
        if is_boxed(type):
            break  # one leaf, whatever part of it changes
        first, last = part_range(type, index)
        start, stop = start + first, start + last
        type = parts_of(type)[index]
    return range(start, stop)


def _parameters(f: Lowering, carried: Sequence[_Leaf]) -> list[Value]:
    return [Value(f.sizes.type(leaf.type), None, leaf.variable.name) for leaf in carried]


def _update(f: Lowering, carried: Sequence[_Leaf], values: Sequence[Value]) -> None:
    """Let the carried leaves stand for these values."""
    variables = f.region.variables
    for leaf, value in zip(carried, values):
        f.name((value,), leaf.variable)
        whole = variables[leaf.variable]
        leaves = (*whole.leaves[: leaf.position], value, *whole.leaves[leaf.position + 1 :])
        variables[leaf.variable] = Structured(whole.type, leaves)


def _without_constant(
    f: Lowering, carried: Sequence[_Leaf], blocks: Sequence[Block]
) -> tuple[list[_Leaf], list[Value]]:
    """The leaves that do change, and their initial values. The others are taken out of the loop's
    blocks, the first of which is the body."""
    body = blocks[0]
    offset = len(body.parameters) - len(carried)
    changes = [p is not r for p, r in zip(body.parameters[offset:], body.results)]
    initial = [leaf.now(f.region) for leaf in carried]
    for block in blocks if not all(changes) else ():
        skip = len(block.parameters) - len(carried)
        own = block.parameters[skip:]
        outer = {p: value for p, value, kept in zip(own, initial, changes) if not kept}
        _substitute(block, outer)
        kept_parameters = [p for p in own if p not in outer]
        block.parameters = (*block.parameters[:skip], *kept_parameters)
    body.results = tuple([r for r, kept in zip(body.results, changes) if kept])
    return (
        [leaf for leaf, kept in zip(carried, changes) if kept],
        [value for value, kept in zip(initial, changes) if kept],
    )


def _substitute(block: Block, outer: dict[Value, Value]) -> None:
    """Put other values in place of some, in a block that nobody else has seen."""

    def changed(values: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple([outer.get(v, v) for v in values])

    block.results = changed(block.results)
    for statement in block.walk():
        statement.operands = changed(statement.operands)
        for nested in statement.blocks:
            nested.results = changed(nested.results)
