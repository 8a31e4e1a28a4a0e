"""Structured values: what the value of an expression is while Core is being made.

A struct, tuple, closure or enum exists only here, as the leaves it lies flat in; taking it apart
and putting it together costs nothing at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from charl.core.ir import Value
from charl.lower.layout import part_range
from charl.records import record
from charl.types.types import UNIT, Type


@record
class Structured:
    """A value of `type` as its leaves, in the order of `layout.leaves_of(type)`."""

    type: Type
    leaves: tuple[Value, ...]

    @property
    def single(self) -> Value:
        """The leaf of a value that has exactly one."""
        (leaf,) = self.leaves
        return leaf


NOTHING = Structured(UNIT, ())


def joined(type: Type, items: Iterable[Structured]) -> Structured:
    """A tuple, array, struct or closure of `type` from its items."""
    return Structured(type, tuple([leaf for item in items for leaf in item.leaves]))


def replaced(whole: Structured, index: int, item: Structured) -> Structured:
    """The whole with one of its items replaced."""
    start, stop = part_range(whole.type, index)
    leaves = (*whole.leaves[:start], *item.leaves, *whole.leaves[stop:])
    return Structured(whole.type, leaves)


def split(types: Sequence[tuple[Type, int]], leaves: Sequence[Value]) -> list[Structured]:
    """Values of the given types, each with its number of leaves, from leaves in a row."""
    values: list[Structured] = []
    start = 0
    for type, count in types:
        values.append(Structured(type, tuple(leaves[start : start + count])))
        start += count
    return values
