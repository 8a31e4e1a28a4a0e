"""Layouts: how the flat values of Core make up a value that a user sees.

`lower/` flattens structs, tuples and enums into leaves; `show` puts them together again. A layout
consumes its leaves in order:

    Leaf            one value: a tensor, a string, a list of such
    Record          the leaves of its fields              Point(x: 1.0, y: 2.0)
    TupleLayout     the leaves of its items               (1, "a")
    ArrayLayout     the leaves of its items               [1, 2]          the fixed-size [T; n]
    RangeLayout     start, stop, step                     0..10 step 2
    ListLayout      one list per leaf of its element, all of one length; an element without leaves
                    is stored as one list of bools        [Point(x: 1.0, y: 2.0)]
    EnumLayout      an int tag, then all leaves of all variants in order, of which only those of
                    the tagged variant mean anything      Some(3), None
    BoxLayout       one box `(tag, fields...)`            Cons(1, Nil)
    ConstantLayout  nothing, or `leaves` values not worth showing (what a closure captured)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, get_args

from charl.core.op import ATTRIBUTE_CLASSES
from charl.records import field, record
from charl.types.types import Type


@record
class Leaf:
    """One value of a type of Core."""

    type: Type


@record
class Record:
    """A struct: its fields by name, in order."""

    name: str
    fields: tuple[tuple[str, Layout], ...]


@record
class TupleLayout:
    """A tuple."""

    items: tuple[Layout, ...]


@record
class ArrayLayout:
    """A list of fixed length."""

    items: tuple[Layout, ...]


@record
class RangeLayout:
    """A range of integers."""


@record
class ListLayout:
    """A list, stored as one list for each leaf of its element."""

    element: Layout


@record
class EnumLayout:
    """`variants` are pairs of a variant's name and the layouts of its payload."""

    name: str
    variants: tuple[Variant, ...]


@record
class BoxLayout:
    """`table[name]` holds what each tag means: a variant (as in EnumLayout), or the Record of a
    recursive struct. The table is shared by the layouts of a program, filled in as it is lowered,
    and left out of comparison: the name tells boxes apart."""

    name: str
    table: Mapping[str, Sequence[Variant | Record]] = field(compare=False)


@record
class ConstantLayout:
    """A text that says all: the unit value, a function's name."""

    text: str
    leaves: int = 0


Layout: TypeAlias = (
    Leaf
    | Record
    | TupleLayout
    | ArrayLayout
    | RangeLayout
    | ListLayout
    | EnumLayout
    | BoxLayout
    | ConstantLayout
)
ATTRIBUTE_CLASSES.update({c.__name__: c for c in get_args(Layout)})
Variant: TypeAlias = tuple[str, tuple[Layout, ...]]
UNIT = ConstantLayout("()")


def leaf_count(layout: Layout) -> int:
    """How many values a layout consumes."""
    match layout:
        case Leaf() | BoxLayout():
            return 1
        case Record(_, fields):
            return sum(leaf_count(part) for _, part in fields)
        case TupleLayout(items) | ArrayLayout(items):
            return sum(leaf_count(item) for item in items)
        case RangeLayout():
            return 3
        case ListLayout(element):
            return max(1, leaf_count(element))
        case EnumLayout(_, variants):
            return 1 + sum(leaf_count(part) for _, payload in variants for part in payload)
        case ConstantLayout(_, leaves):
            return leaves


def split_leaves(layouts: Sequence[Layout], leaves: Sequence[Any]) -> list[Sequence[Any]]:
    """The leaves of each layout in turn."""
    parts: list[Sequence[Any]] = []
    start = 0
    for layout in layouts:
        stop = start + leaf_count(layout)
        parts.append(leaves[start:stop])
        start = stop
    return parts
