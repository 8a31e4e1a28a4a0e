"""How the outermost loop of a kernel is cut into stretches for the threads.

A stretch is one or two microseconds of work, so that the threads end at nearly the same time. A
kernel of few stretches is not shared: the other threads would wake up for little, and have what it
works on in other caches than those of the thread that reads it next. Work is counted in additions
of one element (`Op.cost`), and where a size is not known it is taken for `USUAL`. Stretches depend
on nothing but sizes, so that results are the same for any number of threads.
"""

from __future__ import annotations

from charl.types.dims import Dim

GRAIN = 1 << 16  # the work of a stretch
FEW = 8  # stretches that one thread does alone
USUAL = 64  # elements of a turn where they are not known
MOST_PARTS = 64  # of a reduction: what they take, and the joining, is little beside the operand
LEAST_TURNS = 16  # of a part


def grain(inner: Dim, cost: int) -> int:
    """The turns of a stretch, for turns of so many elements of so much work."""
    elements = inner if isinstance(inner, int) else USUAL
    return max(1, GRAIN // max(elements * cost, 1))


def is_shared(count: int, inner: Dim, cost: int) -> bool:
    """Whether a loop of so many turns is worth several threads."""
    return count > FEW * grain(inner, cost)


def part_turns(count: int, inner: Dim, cost: int) -> int:
    """The turns of a part, for a loop of so many turns."""
    return max(grain(inner, cost), -(-count // MOST_PARTS), LEAST_TURNS)


def has_parts(outermost: Dim | None, inner: Dim, cost: int) -> bool:
    """Whether a reduction over so many turns may be worth computing in parts."""
    if not isinstance(outermost, int):
        return outermost is not None
    return outermost > part_turns(outermost, inner, cost)
