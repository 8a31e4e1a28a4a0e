"""Loops in loops of few turns, known beforehand, around a body that only computes: written out.

    for step in 0..steps { for i in 0..5 { for j in i + 1..5 { pull(i, j) } } }

Written out, turn after turn, every index is a number: what one turn stores the next has in a
register, turns that do not wait for each other run side by side, and equal operations join to
vectors. LLVM does so by itself with a single loop; of a nest it does not see the end, as the turns
of an inner loop are known only once the outer one is written out.

This finds the nests for which it pays: they stand in a loop, which repeats them, and what they
become is no longer than `MOST_STATEMENTS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from charl.core.ir import Block, Function, Statement
from charl.types.types import is_scalar

MOST_STATEMENTS = 1_000
LOOPS = ("for", "while", "scan")
# What may stand in a nest besides loops and arithmetic on scalars.
SIMPLE = ("constant", "if", "index", "index_update", "index_add")


def small_nests(function: Function, turns: Mapping[Statement, int]) -> set[Statement]:
    """The loops to write out whole; `turns` are the most that a loop can take."""
    found: set[Statement] = set()

    def search(block: Block, repeated: bool) -> None:
        for s in block.statements:
            inner = [x for b in s.blocks for x in b.walk() if x.op.name in LOOPS]
            if repeated and inner and has_known_bounds(s) and length(s, turns) <= MOST_STATEMENTS:
                found.update((s, *inner))
            else:
                for inside in s.blocks:
                    search(inside, repeated or s.op.name in LOOPS)

    search(function.body, False)
    return found


def has_known_bounds(s: Statement) -> bool:
    return s.op.name == "for" and all(isinstance(v.dim, int) for v in s.operands[:3])


def length(s: Statement, turns: Mapping[Statement, int]) -> int:
    """How many statements there are when this one, and the loops in it, are written out; more than
    may be where it does anything but compute with scalars and elements."""
    beyond = MOST_STATEMENTS + 1
    if s.op.name in LOOPS:
        if s.op.name != "for" or s not in turns:
            return beyond
        return max(1, turns[s]) * sum(lengths(s, turns))
    scalars = s.op.elementwise and all(is_scalar(v.type) for v in s.results)
    if not scalars and s.op.name not in SIMPLE:
        return beyond
    return 1 + sum(lengths(s, turns))


def lengths(s: Statement, turns: Mapping[Statement, int]) -> Iterator[int]:
    for block in s.blocks:
        for inner in block.statements:
            yield length(inner, turns)
