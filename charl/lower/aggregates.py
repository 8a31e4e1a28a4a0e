"""Tuples, arrays, structs, closures and enums: leaves taken apart and put together.

Only the tag of an enum and the boxes of recursive types leave a trace in Core. Reading a part of
`xs[i].field` reads only the leaves of that part from the lists of `xs`.
"""

from __future__ import annotations

from charl.check import tree
from charl.core.ir import Value
from charl.lower.layout import (
    alternative_start,
    alternatives,
    box_name,
    fields_of,
    is_boxed,
    leaves_of,
    part_range,
    parts_of,
    payload_range,
)
from charl.lower.lists import get_leaves, is_element
from charl.lower.lowering import Lowering, lowers
from charl.lower.values import Structured, joined, replaced
from charl.lower.walk import Undefined
from charl.types.dims import UNKNOWN
from charl.types.types import BOOL, INT, Closure, Closures, Enum, Struct, Type, map_dims


@lowers(Undefined)
def _undefined(f: Lowering, expr: Undefined) -> Structured:
    return f.nothing(expr.type)


@lowers(tree.Make)
def _make(f: Lowering, expr: tree.Make) -> Structured:
    items = f.values(expr.items)
    if isinstance(expr.type, Struct) and is_boxed(expr.type):
        return _boxed(f, expr.type, 0, items)
    return joined(expr.type, items)


@lowers(tree.MakeClosure)
def _make_closure(f: Lowering, expr: tree.MakeClosure) -> Structured:
    return joined(expr.type, f.values(expr.captured))


# --- Parts ---------------------------------------------------------------------------------------


@lowers(tree.Get)
def _get(f: Lowering, expr: tree.Get) -> Structured:
    types = leaves_of(expr.type)
    leaves = part(f, expr, 0, len(types))
    for declared, leaf in zip(types, leaves):
        f.sizes.match(f.region, declared, leaf)
    return Structured(expr.type, leaves)


def part(f: Lowering, expr: tree.Expr, start: int, stop: int) -> tuple[Value, ...]:
    """The leaves `start..stop` of an expression, no others computed where that is possible."""
    match expr:
        case tree.Get(value=whole, index=index) if isinstance(whole.type, Struct) and is_boxed(
            whole.type
        ):
            first, _ = part_range(whole.type, index)
            types = leaves_of(expr.type)[start:stop]
            return _fields(f, f.scalar(whole), first + start, types)
        case tree.Get(value=whole, index=index):
            first, _ = part_range(whole.type, index)
            return part(f, whole, first + start, first + stop)
        case tree.Apply() if is_element(expr):
            return get_leaves(f, expr, start, stop)
    return f.value(expr).leaves[start:stop]


def _fields(f: Lowering, box: Value, first: int, types: tuple[Type, ...]) -> tuple[Value, ...]:
    """Fields of a box, from number `first` on."""
    found: list[Value] = []
    for position, type in enumerate(types):
        attributes = {"index": first + position, "type": f.sizes.type(type)}
        found += f.emit("box_field", (box,), attributes, (type,))
    return tuple(found)


@lowers(tree.Replace)
def _replace(f: Lowering, expr: tree.Replace) -> Structured:
    type = expr.value.type
    if not (isinstance(type, Struct) and is_boxed(type)):
        whole, item = f.values((expr.value, expr.item))
        return replaced(whole, expr.index, item)
    whole, item = f.values((expr.value, expr.item))
    items = [
        item if index == expr.index else _box_part(f, whole.single, type, index)
        for index in range(len(fields_of(type)))
    ]
    return _boxed(f, type, 0, items)


def _box_part(f: Lowering, box: Value, type: Struct, index: int) -> Structured:
    field = parts_of(type)[index]
    first, _ = part_range(type, index)
    return Structured(field, _fields(f, box, first, leaves_of(field)))


def _boxed(f: Lowering, type: Struct | Enum, tag: int, items: list[Structured]) -> Structured:
    leaves = [leaf for item in items for leaf in item.leaves]
    attributes = {"tag": tag, "name": box_name(type)}
    return Structured(type, f.emit("box_make", leaves, attributes, leaves_of(type)))


# --- Enums ---------------------------------------------------------------------------------------


@lowers(tree.Variant)
def _variant(f: Lowering, expr: tree.Variant) -> Structured:
    assert isinstance(expr.type, Enum)
    items = f.values(expr.items)
    if is_boxed(expr.type):
        return _boxed(f, expr.type, expr.tag, items)
    return _alternative(f, expr.type, expr.tag, [leaf for item in items for leaf in item.leaves])


def _alternative(f: Lowering, type: Enum | Closures, tag: int, live: list[Value]) -> Structured:
    """A tagged value: the leaves of one alternative, the others undefined."""
    leaves = [f.constant(tag)]
    for position, others in enumerate(alternatives(type)):
        leaves += live if position == tag else [f.undefined(leaf) for leaf in others]
    return Structured(type, tuple(leaves))


@lowers(tree.VariantTag)
def _variant_tag(f: Lowering, expr: tree.VariantTag) -> Structured:
    type = expr.value.type
    if isinstance(type, Enum) and is_boxed(type):
        return Structured(INT, (f.one("box_tag", f.scalar(expr.value)),))
    return Structured(INT, part(f, expr.value, 0, 1))


@lowers(tree.VariantGet)
def _variant_get(f: Lowering, expr: tree.VariantGet) -> Structured:
    enum = expr.value.type
    assert isinstance(enum, Enum)
    start, stop = payload_range(enum, expr.tag, expr.index)
    if is_boxed(enum):
        box = f.scalar(expr.value)
        return Structured(expr.type, _fields(f, box, start, leaves_of(expr.type)))
    first = alternative_start(enum, expr.tag)
    value = Structured(expr.type, part(f, expr.value, first + start, first + stop))
    for declared, leaf in zip(leaves_of(expr.type), value.leaves):
        f.sizes.match(f.region, declared, leaf)
    return value


# --- Function values -----------------------------------------------------------------------------


@lowers(tree.Widen)
def _widen(f: Lowering, expr: tree.Widen) -> Structured:
    return widened(f, f.value(expr.value), expr.type)


def widened(f: Lowering, value: Structured, type: Type) -> Structured:
    """A function value, one of known functions, as one of more."""
    if not isinstance(type, Closures) or value.type == type:
        return value
    if isinstance(value.type, Closure):
        return _alternative(f, type, option_index(type, value.type), list(value.leaves))
    assert isinstance(value.type, Closures)
    places = [option_index(type, option) for option in value.type.options]
    parts: dict[int, tuple[Value, ...]] = {}
    start = 1
    for place, own in zip(places, alternatives(value.type)):
        parts[place] = value.leaves[start : start + len(own)]
        start += len(own)
    leaves = [_new_tag(f, value.leaves[0], places)]
    for position, missing in enumerate(alternatives(type)):
        leaves += parts.get(position) or [f.undefined(leaf) for leaf in missing]
    return Structured(type, tuple(leaves))


def _new_tag(f: Lowering, tag: Value, places: list[int]) -> Value:
    """The tag in the larger set of functions: `places[tag]`."""
    if places == list(range(len(places))):
        return tag
    result = f.constant(places[-1])
    for old in range(len(places) - 2, -1, -1):
        is_old = f.emit("eq", (tag, f.constant(old)), {}, (BOOL,))[0]
        result = f.emit("select", (is_old, f.constant(places[old]), result), {}, (INT,))[0]
    return result


def option_index(type: Closures, option: Closure) -> int:
    """Which option a function is; sizes in what it captured need not be the same."""
    if option in type.options:
        return type.options.index(option)
    return [_sizeless(o) for o in type.options].index(_sizeless(option))


def _sizeless(type: Type) -> Type:
    return map_dims(type, lambda dim: UNKNOWN)
