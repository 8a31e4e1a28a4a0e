"""Folding rows: a reduction that leaves the last axis.

The result is filled with the neutral element, then every row of the operand is taken in, so that
memory is read in order. The loops are the kept axes before the first reduced one, then all others.

Where that makes long sums of floats, they are taken in blocks (`blocks.py`), a tile of the columns
at a time: the sums of a block of rows, and the totals, lie on the stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from charl.core.control import LOAD, SCRATCH
from charl.core.ir import Statement, Value
from charl.kernel.blocks import Bounds, Cut, converted, cut, end_of_block
from charl.kernel.folds import FOLDS
from charl.kernel.nest import Nest
from charl.ops.reduce import reduced_axes
from charl.types.dims import Dim
from charl.types.dtypes import FLOAT64, INT64
from charl.types.types import Tensor

TILE = 1 << 11  # columns: with their totals they fit in a first-level cache

Index = list["Value | None"]  # of the operand; None where no loop is open


class Rows:
    """Writes the loops into `nest`. The first axis is gone through within the bounds, unless it is
    reduced and leaves no `part`; `turns` are those within the bounds at most, where known."""

    def __init__(
        self,
        nest: Nest,
        statement: Statement,
        target: Value,
        bounds: Bounds,
        part: Sequence[Value] = (),
        turns: Dim | None = None,
    ) -> None:
        (self.x,) = statement.operands
        self.nest, self.target, self.bounds, self.part = nest, target, bounds, part
        self.fold = FOLDS[statement.op.name]
        self.axes = sorted(reduced_axes(statement))
        self.keeps = statement.attributes.get("keep_dims", False)
        self.zero = nest.constant(0, INT64)
        (self.neutral,) = self.fold.initial(nest, self.x.dtype)
        first, *others = (self.x.shape[axis] for axis in self.axes)
        self.cut = cut(self.fold, self.x.dtype, [turns if part else first, *others])

    def write(self) -> None:
        first, last = self.axes[0], self.x.rank - 1
        inside = range(first, last + 1)
        kept = [axis for axis in inside if axis not in self.axes]
        with self.over(range(first), [None] * self.x.rank) as index:
            if self.fold.needs_elements:
                self.nest.require_elements(self.x, self.axes)
            if self.cut is None or kept != [last]:
                self.as_one_block(index, inside, kept)
                return
            low, high = self.bounds_of(last)
            columns = self.x.shape[last]
            if isinstance(columns, int) and columns <= TILE:
                self.tile(index, (low, high), columns, self.cut)
            elif self.nest.folds.get(self.x, -1) < 0:
                with self.nest.each(low, high, step=TILE) as begin:
                    end = end_of_block(self.nest, begin, TILE, high)
                    self.tile(index, (begin, end), TILE, self.cut)
            else:  # what a row is made from would be computed for each tile of it
                self.as_one_block(index, inside, kept)

    def as_one_block(self, index: Index, inside: Sequence[int], kept: Sequence[int]) -> None:
        with self.over(kept, index) as i:
            self.nest.store(self.target, self.neutral, self.place(i))
        with self.over(inside, index) as i:
            self.take_in(self.target, self.place(i), i)

    def tile(self, index: Index, columns: Bounds, most: int, where: Cut) -> None:
        """These columns, at most so many."""
        nest, last = self.nest, self.x.rank - 1
        row = nest.levels[0].builder(SCRATCH, type=Tensor(self.x.dtype, (most,)))
        totals = nest.levels[0].builder(SCRATCH, type=Tensor(FLOAT64, (most,)))

        def column(i: Index) -> list[Value]:
            here = i[last]
            assert here is not None
            return [nest("sub", here, columns[0])]

        with self.along(last, columns, index) as i:
            nest.store(totals, nest.constant(0, FLOAT64), column(i))
        with self.over(self.axes[: where.depth], index) as outside:
            axis, *rest = self.axes[where.depth :]
            low, high = self.bounds_of(axis)
            with nest.each(low, high, step=where.turns) as begin:
                end = end_of_block(nest, begin, where.turns, high)
                with self.along(last, columns, outside) as i:
                    nest.store(row, self.neutral, column(i))
                with (
                    self.along(axis, (begin, end), outside) as i,
                    self.over(rest, i) as i,
                    self.along(last, columns, i) as i,
                ):
                    self.take_in(row, column(i), i)
                with self.along(last, columns, outside) as i:
                    term = converted(nest, self.load(row, column(i)), FLOAT64)
                    total = nest("add", self.load(totals, column(i)), term)
                    nest.store(totals, total, column(i))
        with self.along(last, columns, index) as i:
            total = self.load(totals, column(i))
            nest.store(self.target, converted(nest, total, self.x.dtype), self.place(i))

    @contextmanager
    def along(self, axis: int, bounds: Bounds, index: Index) -> Iterator[Index]:
        """A loop over the axis; the index in its body."""
        with self.nest.each(*bounds) as i:
            yield [*index[:axis], i, *index[axis + 1 :]]

    @contextmanager
    def over(self, axes: Sequence[int], index: Index) -> Iterator[Index]:
        """Loops over the axes, the first outermost; the index in the body of all."""
        with ExitStack() as loops:
            for axis in axes:
                index = loops.enter_context(self.along(axis, self.bounds_of(axis), index))
            yield index

    def bounds_of(self, axis: int) -> Bounds:
        if axis == 0 and (self.part or 0 not in self.axes):
            return self.bounds
        return self.zero, self.nest.size(self.x, axis)

    def place(self, index: Index) -> list[Value]:
        """Where in the result the element at the index goes."""
        found = [*self.part]
        for axis, value in enumerate(index):
            if axis not in self.axes:
                assert value is not None
                found.append(value)
            elif self.keeps:
                found.append(self.zero)
        return found

    def take_in(self, target: Value, place: Sequence[Value], index: Index) -> None:
        """Folds the element at the index with what lies at the place."""
        full = [i for i in index if i is not None]
        old = self.load(target, place)
        (new,) = self.fold.step(self.nest, (old,), self.nest.element(self.x, full), full)
        self.nest.store(target, new, place)

    def load(self, target: Value, place: Sequence[Value]) -> Value:
        """What lies there now: each load is one of its own."""
        value: Value = self.nest.levels[-1].builder(LOAD.name, target, *place)
        self.nest.depths[value] = len(self.nest.levels) - 1
        return value
