"""Where the elements of a product's operands lie: axes, runs of axes, and strides.

An axis has a place in the memory of each operand that has it: its number among that operand's axes
from the outermost in, those of size one left out. Axes whose places follow each other everywhere
are a run, which is like one axis of the product of the sizes, with the stride of its last axis.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.backend.llvm.text import Text
from charl.records import record

Places = tuple[int | None, int | None, int | None]


@record
class Operand:
    """A tensor in memory with its sizes; `order` says which axis in memory each of its axes is,
    where they lie in another order than they are counted."""

    pointer: str
    sizes: tuple[str, ...]
    order: tuple[int, ...] | None = None

    def place(self, axis: int) -> int:
        before = self.memory_axis(axis)
        return sum(self.memory_size(i) != "1" for i in range(before))

    def memory_axis(self, axis: int) -> int:
        return axis if self.order is None else self.order[axis]

    def memory_size(self, axis: int) -> str:
        return self.sizes[axis if self.order is None else self.order.index(axis)]

    def places(self) -> list[str]:
        """The sizes at each place."""
        found = (self.memory_size(i) for i in range(len(self.sizes)))
        return [size for size in found if size != "1"]


@record
class Run:
    """Axes that are one; `first` and `last` are the places in a, b and the result."""

    sizes: tuple[str, ...]
    first: Places
    last: Places


@record
class OuterAxis:
    """An axis around the matrices; the strides are zero where an operand does not have it."""

    size: str
    a: str
    b: str
    c: str


@record
class MatrixProduct:
    """c[o, i, j] = sum over l of a[o, i, l] b[o, l, j]; sizes and strides (in elements) are names
    or literals; the columns of c are dense."""

    a: str
    b: str
    c: str
    m: str
    n: str
    k: str
    a_row: str
    a_column: str
    b_row: str
    b_column: str
    c_row: str
    outer: tuple[OuterAxis, ...]


def merged(sizes: Sequence[str], places: Sequence[Places]) -> list[Run]:
    """The runs of some axes, those of size one left out."""
    runs: list[Run] = []
    for size, place in zip(sizes, places):
        if size == "1":
            continue
        if runs and all(follows(x, y) for x, y in zip(runs[-1].last, place)):
            runs[-1] = Run((*runs[-1].sizes, size), runs[-1].first, place)
        else:
            runs.append(Run((size,), place, place))
    return runs


def follows(before: int | None, after: int | None) -> bool:
    if before is None or after is None:
        return before is after
    return after == before + 1


def product_of(
    text: Text,
    a: Operand,
    b: Operand,
    c: Operand,
    batch: Sequence[tuple[int, int]],
    left: Sequence[int],
    right: Sequence[int],
    summed: Sequence[tuple[int, int]],
    most_outer: int,
) -> MatrixProduct | None:
    """The matrix product that a contraction of these axes is; None where an operand must be copied
    into another order first."""
    n, m = len(batch), len(left)
    in_batch: list[Places] = [
        (a.place(i), b.place(j), c.place(x)) for x, (i, j) in enumerate(batch)
    ]
    in_left: list[Places] = [(a.place(i), None, c.place(n + x)) for x, i in enumerate(left)]
    in_right: list[Places] = [(None, b.place(j), c.place(n + m + x)) for x, j in enumerate(right)]
    pairs = sorted(summed, key=lambda pair: a.memory_axis(pair[0]))
    in_sum: list[Places] = [(a.place(i), b.place(j), None) for i, j in pairs]
    batches = merged(c.sizes[:n], in_batch)
    rows = merged(c.sizes[n : n + m], in_left)
    columns = merged(c.sizes[n + m :], in_right)
    sums = merged([_known(a.sizes[i], b.sizes[j]) for i, j in pairs], in_sum)
    row, column = (runs[-1] if runs else None for runs in (rows, columns))
    outer = (*batches, *rows[:-1], *columns[:-1])
    if len(sums) > 1 or len(outer) > most_outer:
        return None
    total = sums[0] if sums else None
    if not (_dense(a, 0, row, total) and _dense(b, 1, total, column)):
        return None
    return MatrixProduct(
        a.pointer,
        b.pointer,
        c.pointer,
        _size(text, row),
        _size(text, column),
        _size(text, total),
        _stride(text, a, 0, row),
        _stride(text, a, 0, total),
        _stride(text, b, 1, total),
        _stride(text, b, 1, column),
        _stride(text, c, 2, row),
        tuple(
            OuterAxis(
                _size(text, run), *(_stride(text, x, i, run) for i, x in enumerate((a, b, c)))
            )
            for run in outer
        ),
    )


def _known(one: str, other: str) -> str:
    """Of two equal sizes the one that is a literal."""
    return one if one.isdecimal() else other


def _dense(x: Operand, which: int, one: Run | None, other: Run | None) -> bool:
    """Whether one side of the matrix is dense in memory, or it is a vector."""
    if one is None or other is None:
        return True
    return len(x.places()) - 1 in (one.last[which], other.last[which])


def _size(text: Text, run: Run | None) -> str:
    return times(text, run.sizes) if run is not None else "1"


def _stride(text: Text, x: Operand, which: int, run: Run | None) -> str:
    place = run.last[which] if run is not None else None
    return stride(text, x, place) if place is not None else "0"


def stride(text: Text, x: Operand, place: int) -> str:
    """The elements from one index to the next along the axis at a place."""
    return times(text, x.places()[place + 1 :])


def times(text: Text, factors: Sequence[str]) -> str:
    """A product of sizes, literals multiplied here."""
    known, found = 1, ""
    for factor in factors:
        if factor.isdecimal():
            known *= int(factor)
        else:
            found = text.let(f"mul i64 {found}, {factor}") if found else factor
    if not found or known == 0:
        return str(known)
    return found if known == 1 else text.let(f"mul i64 {found}, {known}")
