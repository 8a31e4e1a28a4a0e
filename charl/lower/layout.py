"""How a type lies flat: the leaves that a value of it becomes in Core.

    Tensor, String, Handle, Box    itself, one leaf
    Tuple, Array, Struct           the leaves of the items, one after the other
    Range                          start, stop, step: three int64 scalars
    Closure                        the leaves of what it captured
    Closures                       an int64 tag (the option), then the leaves of all options
    Enum                           an int64 tag, then the leaves of the payloads of all variants;
                                   those of variants other than the tagged one are undefined
    recursive Enum or Struct       one Box, whose fields are the leaves of the payload
    List                           one list per leaf of its element, all of one length; an element
                                   without leaves is a list of bools, so that there is a length

Lists of lists follow from the same rule: `[[Point]]` is a list of lists per leaf of Point. The
types of leaves still name the checker's sizes; `lower/sizes.py` puts in what is known of them.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate

from charl.check import types_of
from charl.types import types
from charl.types.types import (
    INT,
    Array,
    Box,
    Closure,
    Closures,
    Enum,
    List,
    Range,
    Struct,
    Tensor,
    Tuple,
    Type,
    Variable,
    resolve_dtype,
)

Leaves = tuple[Type, ...]

EMPTY_ELEMENT = types.BOOL
"""The element of the one list that stands for a list of values without leaves."""


def resolved(type: Type) -> Type:
    """The type with inference variables at its top followed."""
    while isinstance(type, Variable) and type.bound is not None:
        type = type.bound
    return type


@cache
def leaves_of(type: Type) -> Leaves:
    """The types of the leaves of a type, in order."""
    match resolved(type):
        case Tensor(dtype, shape):
            return (Tensor(resolve_dtype(dtype), shape),)
        case List(element):
            return tuple(List(leaf) for leaf in leaves_of(element) or (EMPTY_ELEMENT,))
        case Enum() | Struct() as boxed if is_boxed(boxed):
            return (Box(box_name(boxed)),)
        case Enum() | Closures() as tagged:
            return (INT, *(leaf for part in alternatives(tagged) for leaf in part))
        case types.Never():
            return ()
        case types.String() | types.Handle() | Box() as leaf:
            return (leaf,)
        case whole:
            return tuple(leaf for part in parts_of(whole) for leaf in leaves_of(part))


@cache
def written_leaves(type: Type) -> Leaves | None:
    """The leaves of a written type; None when it leaves open which functions are in it (`fn`)."""
    try:
        return leaves_of(type)
    except OpenType:
        return None


class OpenType(TypeError):
    """A type that does not say how its values lie."""


def is_boxed(type: Type) -> bool:
    """Whether a value refers to itself by its type, so that it can only be a Box."""
    match type:
        case Enum():
            return type.recursive
        case Struct(declaration):
            return bool(declaration.recursive)
    return False


def fields_of(struct: Struct) -> tuple[Type, ...]:
    """The types of a struct's fields."""
    return types_of.fields_of(struct) if is_boxed(struct) else struct.fields


def payloads_of(enum: Enum) -> tuple[tuple[Type, ...], ...]:
    """The types of the payload of each variant of an enum."""
    return types_of.payloads_of(enum) if is_boxed(enum) else enum.variants


def parts_of(type: Type) -> tuple[Type, ...]:
    """The types of the items of a tuple, array, struct, range, or of what a closure captured."""
    match resolved(type):
        case Tuple(items):
            return items
        case Array(element, length):
            return (element,) * length
        case Struct() as struct:
            return fields_of(struct)
        case Range():
            return (INT, INT, INT)
        case Closure(_, captured):
            return captured
    raise OpenType(f"a value of {type!r} has no parts")


def part_range(type: Type, index: int) -> tuple[int, int]:
    """Where the leaves of item `index` lie among those of the whole: start and stop."""
    bounds = part_bounds(type)
    return bounds[index], bounds[index + 1]


@cache
def part_bounds(type: Type) -> tuple[int, ...]:
    """Where the leaves of each item begin, and where those of the last end."""
    return (0, *accumulate(len(leaves_of(part)) for part in parts_of(type)))


def alternatives(type: Type) -> tuple[Leaves, ...]:
    """The leaves of each variant of an enum, or of each option of a set of closures."""
    match type:
        case Closures(options):
            return tuple(leaves_of(option) for option in options)
        case Enum():
            return tuple(
                tuple(leaf for part in payload for leaf in leaves_of(part))
                for payload in payloads_of(type)
            )
    raise TypeError(f"{type!r} has no alternatives")


def alternative_start(type: Type, tag: int) -> int:
    """Where the leaves of alternative `tag` begin, behind the tag itself."""
    return 1 + sum(len(leaves) for leaves in alternatives(type)[:tag])


def payload_range(type: Enum, tag: int, index: int) -> tuple[int, int]:
    """Where payload `index` lies among the leaves of its own variant: start and stop."""
    payload = payloads_of(type)[tag]
    start = sum(len(leaves_of(part)) for part in payload[:index])
    return start, start + len(leaves_of(payload[index]))


def box_name(type: Enum | Struct) -> str:
    return types.show(type)


def is_float(leaf: Type) -> bool:
    """Whether a leaf has a gradient: float tensors, and lists of them."""
    while isinstance(leaf, List):
        leaf = leaf.element
    dtype = resolve_dtype(leaf.dtype) if isinstance(leaf, Tensor) else None
    return dtype is not None and not isinstance(dtype, types.DTypeVariable) and dtype.is_float
