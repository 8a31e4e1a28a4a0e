"""Reductions that a kernel is there for: by rows, and in parts.

A reduction over leading axes is not computed element by element, which would walk down columns, but
by rows (`columns.py`).

Where the first axis is reduced, the loop that the threads share is one that the reduction folds.
Each stretch of it leaves a part, in a row of its own; another kernel then joins the parts in order.
Where a stretch ends depends on sizes alone, and so does every rounding.
"""

from __future__ import annotations

from charl.core.ir import Statement, Value
from charl.kernel.columns import Rows
from charl.kernel.folds import FOLDS, wide
from charl.kernel.nest import Nest
from charl.ops.reduce import reduced_axes
from charl.types.dtypes import INT64


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
    nest: Nest,
    statement: Statement,
    parts: Value,
    bounds: tuple[Value, Value],
    part: Value,
    turns: int | None,
) -> None:
    """The part that a stretch of the first axis leaves, of so many turns where that is known."""
    if is_column_fold(statement):
        Rows(nest, statement, parts, bounds, [part], turns).write()
        return
    zeros = [nest.constant(0, INT64)] * statement.results[0].rank
    total = nest.fold(statement, zeros, bounds)
    nest.store(parts, total, [part, *zeros])
