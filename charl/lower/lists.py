"""Lists of anything: one list of Core per leaf of the element.

`list_get(xs, i)` on a list of structs is one `list_get` per leaf, and so on for every `list_*` op;
the length is that of the first. Two common forms touch only the leaves they mean: `xs[i].field`
gets only those, and `xs[i].field = v` sets only those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from charl.check import tree
from charl.core.ir import Value
from charl.lower.layout import EMPTY_ELEMENT, is_boxed, leaves_of, part_range, resolved
from charl.lower.lowering import Lowering
from charl.lower.values import Structured
from charl.types.types import INT, List, Type

# Where the ops take an element of the list, by operand; all else are lists, or indices.
ELEMENT = {"list_push": 1, "list_set": 2, "list_insert": 2}


def lower_list_op(f: Lowering, expr: tree.Apply) -> Structured:
    name = expr.op.name
    if name == "list_make":
        return _make(f, expr)
    if name == "list_length":
        return Structured(INT, f.emit(expr.op, f.value(expr.operands[0]).leaves[:1], {}, (INT,)))
    if name == "list_get":
        return Structured(expr.type, get_leaves(f, expr, 0, len(leaves_of(expr.type))))
    if name == "list_set" and (changes := _changes(expr)) is not None:
        return _set_leaves(f, expr, changes)
    return _spread(f, expr)


def _make(f: Lowering, expr: tree.Apply) -> Structured:
    assert isinstance(expr.type, List)
    element = resolved(expr.type.element)
    values = f.values(expr.operands)
    lists: list[Value] = []
    for position, leaf in enumerate(leaves_of(element) or (EMPTY_ELEMENT,)):
        leaves = [_element_leaf(f, value, position) for value in values]
        attributes = {"element": f.sizes.type(leaf)}
        lists += f.emit(expr.op, leaves, attributes, (List(leaf),))
    return Structured(expr.type, tuple(lists))


def _element_leaf(f: Lowering, value: Structured, position: int) -> Value:
    return value.leaves[position] if value.leaves else f.constant(False)


def _spread(f: Lowering, expr: tree.Apply) -> Structured:
    """The op on the list of each leaf."""
    values = f.values(expr.operands)
    element = ELEMENT.get(expr.op.name)
    count = len(values[0].leaves)
    groups: list[tuple[Value, ...]] = []
    result_types = _result_types(expr, count)
    for position in range(count):
        operands: list[Value] = []
        for index, value in enumerate(values):
            if index == element:
                operands.append(_element_leaf(f, value, position))
            elif isinstance(resolved(value.type), List):
                operands.append(value.leaves[position])
            else:
                operands.append(value.single)
        groups.append(f.emit(expr.op, operands, expr.attributes, result_types[position]))
    # All lists first, then the leaves of the element that was taken out, if any.
    leaves = [result for results in zip(*groups) for result in results]
    return Structured(expr.type, tuple(leaves[: len(leaves_of(expr.type))]))


def _result_types(expr: tree.Apply, count: int) -> list[tuple[Type, ...]]:
    """The result types of the op on each leaf's list."""
    leaves = leaves_of(expr.type)
    if expr.op.name in ("list_pop", "list_remove"):
        elements = leaves[count:] or (EMPTY_ELEMENT,)
        return list(zip(leaves[:count], elements))
    return [(leaf,) for leaf in leaves]


# --- Elements ------------------------------------------------------------------------------------


def is_element(expr: tree.Expr) -> bool:
    """Whether an expression is `xs[i]` for a list."""
    return isinstance(expr, tree.Apply) and expr.op.name == "list_get"


def get_leaves(f: Lowering, expr: tree.Apply, start: int, stop: int) -> tuple[Value, ...]:
    """The leaves `start..stop` of an element."""
    xs, index = f.values(expr.operands)
    types = leaves_of(expr.type)[start:stop]
    found: list[Value] = []
    for leaf, type in zip(xs.leaves[start:stop], types):
        found += f.emit(expr.op, (leaf, index.single), {}, (type,))
    if not types:
        # Nothing to read, but the index must be right.
        f.emit(expr.op, (xs.leaves[0], index.single))
    return tuple(found)


def _changes(expr: tree.Apply) -> list[tuple[int, tree.Expr]] | None:
    """For `xs[i].a.b = v`, that is `list_set(xs, i, ...)` of an element that is `xs[i]` but for
    some parts: those parts, each with the number of its first leaf."""
    xs, index, value = expr.operands
    if not isinstance(xs, tree.Read) or not _is_plain(index):
        return None
    changes = list(_changed(xs, index, value, (), value.type, 0))
    return None if any(part is value for _, part in changes) else changes


def _changed(
    xs: tree.Read,
    index: tree.Expr,
    value: tree.Expr,
    path: tuple[int, ...],
    type: Type,
    start: int,
) -> Iterator[tuple[int, tree.Expr]]:
    match value:
        case tree.Replace(value=base, index=position, item=item) if not is_boxed(type):
            first, _ = part_range(type, position)
            yield from _changed(xs, index, base, path, type, start)
            yield from _changed(xs, index, item, (*path, position), item.type, start + first)
        case _ if not _is_same_part(xs, index, value, path):
            yield start, value


def _is_same_part(xs: tree.Read, index: tree.Expr, value: tree.Expr, path: Sequence[int]) -> bool:
    """Whether a value is the part of `xs[index]` at `path`."""
    match value:
        case tree.Get(value=whole, index=position) if path and path[-1] == position:
            return _is_same_part(xs, index, whole, path[:-1])
        case tree.Apply(operands=(tree.Read(variable=variable), place)) if is_element(value):
            return not path and variable is xs.variable and _is_same(index, place)
    return False


def _is_plain(expr: tree.Expr) -> bool:
    return isinstance(expr, tree.Read | tree.Constant)


def _is_same(left: tree.Expr, right: tree.Expr) -> bool:
    match left, right:
        case tree.Read(variable=a), tree.Read(variable=b):
            return a is b
        case tree.Constant(value=a), tree.Constant(value=b):
            return bool(a == b)
    return False


def _set_leaves(f: Lowering, expr: tree.Apply, changes: list[tuple[int, tree.Expr]]) -> Structured:
    """The list with some parts of one element replaced."""
    xs, index, *parts = f.values((*expr.operands[:2], *(part for _, part in changes)))
    leaves = list(xs.leaves)
    for (start, _), part in zip(changes, parts):
        for position, leaf in enumerate(part.leaves, start):
            (leaves[position],) = f.emit(
                expr.op, (leaves[position], index.single, leaf), {}, (leaves[position].type,)
            )
    return Structured(expr.type, tuple(leaves))
