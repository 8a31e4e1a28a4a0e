"""Reductions that a kernel is there for: by rows, and in parts.

A reduction over leading axes is not computed element by element, which would walk down columns. It
goes by rows: the result is filled with the neutral element, then every row of the operand is added
to it, so that memory is read in order.

Where the first axis is reduced, the loop that the threads share is one that the reduction folds.
Each stretch of it leaves a part, in a row of its own; another kernel then joins the parts in order.
Where a stretch ends depends on sizes alone, and so does every rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from charl.core.control import LOAD
from charl.core.ir import Statement, Value
from charl.kernel.folds import FOLDS, wide
from charl.kernel.nest import Nest
from charl.ops.reduce import reduced_axes
from charl.types import dims
from charl.types.dims import Symbol
from charl.types.dtypes import INT64

# How many parts there are: only the run knows.
PARTS = dims.of(Symbol("parts"))


def joins(statement: Statement) -> bool:
    """Whether it is a reduction whose parts, of the result's dtype, can be reduced in turn."""
    if statement.op.name not in FOLDS or not FOLDS[statement.op.name].combine:
        return False
    result = statement.results[0].dtype
    return bool(reduced_axes(statement)) and wide(result) == result


def is_column_fold(statement: Statement) -> bool:
    """Whether it is a reduction that leaves the last axis."""
    return joins(statement) and statement.operands[0].rank - 1 not in reduced_axes(statement)


def leaves_parts(statement: Statement) -> bool:
    """Whether it is a reduction over the first axis that can be computed in parts: over all axes,
    or by rows."""
    if not joins(statement):
        return False
    axes, rank = reduced_axes(statement), statement.operands[0].rank
    return axes[0] == 0 and (len(axes) == rank or rank - 1 not in axes)


def reduce_part(
    nest: Nest, statement: Statement, parts: Value, bounds: tuple[Value, Value], part: Value
) -> None:
    """The part that a stretch of the first axis leaves."""
    if is_column_fold(statement):
        column_fold(nest, statement, parts, bounds, [part])
        return
    zeros = [nest.constant(0, INT64)] * statement.results[0].rank
    total = nest.fold(statement, zeros, bounds)
    nest.store(parts, total, [part, *zeros])


Body = Callable[[list["Value | None"]], None]


def column_fold(
    nest: Nest,
    statement: Statement,
    target: Value,
    bounds: tuple[Value, Value],
    part: Sequence[Value] = (),
) -> None:
    """Loops: the kept axes before the first reduced one, then all others, in memory's order. The
    first axis is gone through within the bounds, unless it is reduced and there are no parts."""
    (x,) = statement.operands
    fold = FOLDS[statement.op.name]
    axes = reduced_axes(statement)
    n, first = x.rank, axes[0]
    keep = statement.attributes.get("keep_dims", False)
    zero = nest.constant(0, INT64)
    stop = {a: nest.size(x, a) for a in range(n)}
    (neutral,) = fold.initial(nest, x.dtype)

    def place(index: Sequence[Value | None]) -> list[Value]:
        found = [*part]
        for axis in range(n):
            value = index[axis]
            if axis in axes:
                if keep:
                    found.append(zero)
            else:
                assert value is not None
                found.append(value)
        return found

    def loops(order: Sequence[int], index: list[Value | None], body: Body) -> None:
        if not order:
            body(index)
            return
        axis, *rest = order

        def turn(i: Value, carried: Sequence[Value]) -> Sequence[Value]:
            inner = [*index]
            inner[axis] = i
            loops(rest, inner, body)
            return ()

        within = axis == 0 and (part or 0 not in axes)
        nest.loop(*(bounds if within else (zero, stop[axis])), (), turn)

    def fill(index: list[Value | None]) -> None:
        nest.store(target, neutral, place(index))

    def take_in(index: list[Value | None]) -> None:
        at = place(index)
        old = nest.levels[-1].builder(LOAD.name, target, *at)
        nest.depths[old] = len(nest.levels) - 1
        full = [i for i in index if i is not None]
        (new,) = fold.step(nest, (old,), nest.element(x, full), full)
        nest.store(target, new, at)

    def rows(index: list[Value | None]) -> None:
        if fold.needs_elements:
            nest.require_elements(x, axes)
        loops([a for a in range(first, n) if a not in axes], index, fill)
        loops(list(range(first, n)), index, take_in)

    loops(list(range(first)), [None] * n, rows)
