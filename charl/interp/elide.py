"""Statements that need no work of their own: identities and broadcasts NumPy does anyway.

`copy`, `stop_gradient` and the result of `ensure_shape` are their operand. A `broadcast` is left to
NumPy's own broadcasting when all its uses are elementwise and each of these still gets its full
shape from its operands: every axis of the result must come unstretched from one of them. Where the
operand's axes are the last ones of the result, the operand itself serves; elsewhere a view of it
with axes of size 1 does.
"""

from __future__ import annotations

from itertools import pairwise

from charl.core.ir import Block, Function, Statement, Value
from charl.records import field, record
from charl.types import dims
from charl.types.dims import Dim, Verdict

IDENTITIES = {"copy", "stop_gradient", "ensure_shape"}


@record(frozen=False)
class Elided:
    """`aliases`: values that are another value. `views`: broadcasts that only insert axes, with
    the subscript that does it."""

    aliases: dict[Value, Value] = field(default_factory=dict)
    views: dict[Statement, str] = field(default_factory=dict)


def elide(function: Function) -> Elided:
    found = Elided()
    broadcasts: dict[Value, Statement] = {}
    for statement in function.body.walk():
        if statement.op.name in IDENTITIES:
            found.aliases[statement.results[0]] = statement.operands[0]
        elif statement.op.name == "broadcast" and _is_increasing(statement.attributes["axes"]):
            broadcasts[statement.results[0]] = statement
    if broadcasts:
        for value in _needed_in_full(function.body, broadcasts):
            del broadcasts[value]
    for value, statement in broadcasts.items():
        axes, rank = statement.attributes["axes"], value.rank
        if tuple(axes) == tuple(range(rank - len(axes), rank)):
            found.aliases[value] = statement.operands[0]
        else:
            inserted = [":" if axis in axes else "None" for axis in range(axes[0], rank)]
            found.views[statement] = ", ".join(inserted)
    return found


def _needed_in_full(body: Block, broadcasts: dict[Value, Statement]) -> set[Value]:
    needed: set[Value] = set()
    for statement in body.walk():
        used = [v for v in statement.operands if v in broadcasts]
        if used and not (statement.op.elementwise and _covers(statement, broadcasts)):
            needed.update(used)
        for block in statement.blocks:
            needed.update(v for v in block.results if v in broadcasts)
    needed.update(v for v in body.results if v in broadcasts)
    return needed


def _covers(statement: Statement, broadcasts: dict[Value, Statement]) -> bool:
    """Whether the operands, broadcasts elided, still make the shape of the result."""
    shape = statement.results[0].shape
    covered: set[int] = set()
    for operand in statement.operands:
        broadcast = broadcasts.get(operand)
        if broadcast is not None:
            sizes = zip(broadcast.attributes["axes"], broadcast.operands[0].shape)
            covered.update(axis for axis, size in sizes if _equal(size, shape[axis]))
        elif operand.rank == len(shape):
            covered.update(range(len(shape)))
    return len(covered) == len(shape)


def _equal(left: Dim, right: Dim) -> bool:
    return dims.compare(left, right) is Verdict.EQUAL


def _is_increasing(axes: tuple[int, ...]) -> bool:
    return all(left < right for left, right in pairwise(axes))
