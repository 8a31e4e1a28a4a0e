"""How large a value is, and another shape for the same elements.

A size that the types know is no work for the run: `len`, `shape` and `size` are constants or sizes
of the function then (`SizeOf`), but their argument is still evaluated for what it does.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.arithmetic import binary
from charl.check.builtins.arguments import take_arguments, tensor_argument
from charl.check.declarations import Builtin
from charl.check.dispatch import broken
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.known import known, known_dim
from charl.check.measures import after, list_length, shape_of, size_expr
from charl.check.rules import apply_op, sizes_of, supplied_expr
from charl.core.op import REGISTRY
from charl.source import Span
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, INT, NEVER, List, Tensor, Type


def _len(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["x"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    match resolve(value.type):
        case Tensor(shape=shape) if shape:
            let, read = frame.temporary("x", value)
            return after(let, size_expr(shape[0], read, 0, node.span))
        case List() | types.String():
            return list_length(value, node.span)
        case types.Tuple(items):
            return tree.Constant(node.span, INT, len(items))
        case types.Array(_, length):
            return tree.Constant(node.span, INT, length)
        case types.Range():
            let, read = frame.temporary("range", value)
            start, stop, step = (tree.Get(node.span, INT, read, i) for i in range(3))
            one = tree.Constant(node.span, INT, 1)
            distance = binary(
                frame, "-", binary(frame, "-", stop, start, node.span), one, node.span
            )
            count = binary(
                frame, "+", binary(frame, "//", distance, step, node.span), one, node.span
            )
            return tree.Block(node.span, INT, (let,), count)
        case kind if kind in (BROKEN, NEVER):
            return value
        case kind:
            return frame.error(
                "E0327",
                f"{types.show(kind)} has no length",
                value.span,
                f"this is {types.show(kind)}",
            )


def _shape(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["x"], 1)
    found = None if slots is None or slots[0] is None else tensor_argument(frame, slots[0])
    if found is None:
        return broken(node)
    value, kind = found
    return shape_of(frame, value, kind, node.span)


def _size(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["x", "axis"], 1)
    found = None if slots is None or slots[0] is None else tensor_argument(frame, slots[0])
    if found is None or slots is None:
        return broken(node)
    value, kind = found
    if slots[1] is not None:
        axis = known(supplied_expr(frame, slots[1]))
        rank = len(kind.shape)
        if not isinstance(axis, int) or not -rank <= axis < rank:
            return frame.error(
                "E0206",
                f"the axis must be a known number from {-rank} to {rank - 1}",
                slots[1].span,
            )
        let, read = frame.temporary("x", value)
        return after(let, size_expr(kind.shape[axis], read, axis % rank, node.span))
    let, read = frame.temporary("x", value)
    total: tree.Expr = tree.Constant(node.span, INT, 1)
    for axis, dim in enumerate(kind.shape):
        total = binary(frame, "*", total, size_expr(dim, read, axis, node.span), node.span)
    return after(let, total)


def _reshape(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """`reshape(x, shape)`, where one size may be `-1`: whatever is left."""
    slots = take_arguments(frame, node, ["x", "shape"], 2)
    found = None if slots is None or slots[0] is None else tensor_argument(frame, slots[0])
    if found is None or slots is None or slots[1] is None:
        return broken(node)
    value, kind = found
    sizes = sizes_of(frame, slots[1])
    if sizes is None:
        return broken(node)
    let, read = frame.temporary("x", value)
    open_axes = [i for i, s in enumerate(sizes) if known(s) == -1]
    if len(open_axes) > 1:
        return frame.error("E0321", "only one size can be left open with -1", slots[1].span)
    if open_axes:
        count: tree.Expr = tree.Constant(node.span, INT, 1)
        for axis, dim in enumerate(kind.shape):
            count = binary(frame, "*", count, size_expr(dim, read, axis, node.span), node.span)
        for i, size in enumerate(sizes):
            if i != open_axes[0]:
                count = _divided(frame, count, size, node.span)
        sizes[open_axes[0]] = count
    shaped = apply_op(frame, REGISTRY["reshape"], [read, *sizes], {}, node.span)
    return tree.Block(node.span, shaped.type, (let,), shaped)


def _divided(frame: Frame, count: tree.Expr, size: tree.Expr, span: Span) -> tree.Expr:
    if known_dim(size) == 1:
        return count
    return binary(frame, "//", count, size, span)


BUILTINS = (
    Builtin("len", _len, "len(x): elements of a list, characters of a string, rows of a tensor."),
    Builtin("shape", _shape, "shape(x): the sizes of a tensor's axes."),
    Builtin("size", _size, "size(x, axis): the size of one axis; without axis, of all together."),
    Builtin("reshape", _reshape, "reshape(x, shape): one size may be -1."),
)
