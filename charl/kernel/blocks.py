"""Sums of many floats, taken in blocks.

What is added to a large number one by one is rounded at the size of that number: a float32 that has
counted to 2**24 stays there. So a loop adds few terms, a *block*, to a number that began at zero,
and the sums of blocks are added up in float64, whatever the dtype. Errors then grow with the length
of a block at most, as they do in pairwise summation with blocks at its leaves (N. Higham, *The
accuracy of floating point summation*, 1993). Blocks depend on sizes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from charl.core.ir import Value
from charl.kernel.folds import Fold
from charl.records import record
from charl.types import dims
from charl.types.dims import Dim, Symbol
from charl.types.dtypes import FLOAT64, INT64, DType

if TYPE_CHECKING:
    from charl.kernel.nest import Nest

BLOCK = 1 << 12  # terms; vector lanes share them
LONGEST = 1 << 15  # terms of a row that is not cut: it may be one that is kept (`nest.py`)

# How many parts of a reduction there are to join: only the run knows. Each is a sum already.
PARTS = dims.of(Symbol("parts"))

Bounds = tuple[Value, Value]


@record
class Cut:
    """Where a sum's loops, outermost first, are cut: what is inside of loop `depth`, and so many
    turns of it, makes a block."""

    depth: int
    turns: int


def cut(fold: Fold, dtype: DType, sizes: Sequence[Dim | None], longest: int = BLOCK) -> Cut | None:
    """How to sum over loops of these sizes (None: not known); None where it is one block, or no sum
    of floats. The innermost loop is left whole up to `longest`."""
    if fold.combine != "add" or not dtype.is_float:
        return None
    terms = 1
    for depth in reversed(range(len(sizes))):
        size = sizes[depth]
        if size == PARTS:
            return Cut(depth, 1)
        if not isinstance(size, int) or terms * size > (longest if terms == 1 else BLOCK):
            return Cut(depth, max(1, BLOCK // max(terms, 1)))
        terms *= size
    return None


def end_of_block(nest: Nest, begin: Value, turns: int, high: Value) -> Value:
    """Where a block of so many turns ends, or the last one before."""
    end = nest("minimum", nest("add", begin, turns), high)
    nest.beyond.add(end)
    return end


def sum_in_blocks(
    nest: Nest,
    fold: Fold,
    x: Value,
    place: list[Value | None],
    axes: Sequence[int],
    bounds: Bounds | None,
    where: Cut,
) -> Sequence[Value]:
    """As `Nest.fold_over` from zero, in blocks."""
    zero = fold.initial(nest, x.dtype)

    def from_loop(depth: int, place: list[Value | None], total: Sequence[Value]) -> Sequence[Value]:
        axis, *rest = axes[depth:]
        ends = (nest.constant(0, INT64), nest.size(x, axis))
        if depth == 0 and bounds is not None:
            ends = bounds

        def turn(i: Value, carried: Sequence[Value]) -> Sequence[Value]:
            inner = [*place]
            inner[axis] = i
            if depth < where.depth:
                return from_loop(depth + 1, inner, carried)
            if where.turns == 1:
                return in_total(carried, nest.fold_over(fold, x, inner, rest, zero))
            block = (i, end_of_block(nest, i, where.turns, ends[1]))
            return in_total(carried, nest.fold_over(fold, x, place, axes[depth:], zero, block))

        return nest.loop(*ends, total, turn, step=where.turns if depth == where.depth else 1)

    def in_total(total: Sequence[Value], term: Sequence[Value]) -> Sequence[Value]:
        return (nest.emit("add", [total[0], converted(nest, term[0], FLOAT64)], {}),)

    (total,) = from_loop(0, place, (nest.constant(0, FLOAT64),))
    return (converted(nest, total, zero[0].dtype),)


def converted(nest: Nest, value: Value, dtype: DType) -> Value:
    return value if value.dtype == dtype else nest("cast", value, dtype=dtype)
