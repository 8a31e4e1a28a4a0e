"""Operators as they are written: which rule checks `a + b`, `x in xs`, `not a`, `x |> f`."""

from __future__ import annotations

from charl.check import tree
from charl.check.arithmetic import as_list, binary, negate, no_operator, operand_pair
from charl.check.branches import condition_expr
from charl.check.calls import check_call
from charl.check.comparison import call_library, compare
from charl.check.dispatch import check_expr, expression
from charl.check.frame import Frame
from charl.check.infer import coerce, resolve
from charl.check.known import known
from charl.check.rules import apply_op
from charl.core.op import REGISTRY
from charl.source import Span
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.types import BOOL, BROKEN, INT, NEVER, STRING, List, Tensor, Type, resolve_dtype


@expression(ast.Binary)
def check_binary(frame: Frame, node: ast.Binary, expected: Type | None) -> tree.Expr:
    operator = node.operator
    if operator in ("and", "or"):
        return _logical(frame, node)
    if operator == "|>":
        return _pipe(frame, node, expected)
    if operator == "in":
        return _membership(frame, node)
    left, right = operand_pair(frame, node.left, node.right, expected)
    return binary(frame, operator, left, right, node.span)


def _membership(frame: Frame, node: ast.Binary) -> tree.Expr:
    """`x in xs` for lists, tensors, ranges, and parts of strings."""
    left = check_expr(frame, node.left)
    right = as_list(check_expr(frame, node.right))
    a, b = resolve(left.type), resolve(right.type)
    if BROKEN in (a, b):
        return tree.Constant(node.span, BROKEN, None)
    match b:
        case types.String() if a == STRING:
            return apply_op(frame, REGISTRY["string_contains"], [right, left], {}, node.span)
        case types.Range() if types.is_scalar(a):
            left = coerce(frame, left, INT, "a range holds ints")
            if isinstance(right, tree.Make) and known(right.items[2]) == 1:
                return _between(frame, left, right, node.span)
            found = call_library(frame, "_in_range", [right, left], node.span)
            return found if found is not None else tree.Constant(node.span, BROKEN, None)
        case Tensor(shape=shape) if shape and types.is_scalar(a):
            same = compare(frame, "==", right, left, node.span)
            attributes = {"axis": None, "keep_dims": False}
            return apply_op(frame, REGISTRY["reduce_any"], [same], attributes, node.span)
        case List(element):
            left = coerce(frame, left, element, f"the elements are {types.show(element)}")
            if resolve(left.type) != BROKEN:
                found = call_library(frame, "_in_list", [right, left], node.span)
                return found if found is not None else tree.Constant(node.span, BROKEN, None)
            return left
    return no_operator(frame, "in", left, right, node.span)


def _between(frame: Frame, value: tree.Expr, bounds: tree.Make, span: Span) -> tree.Expr:
    start, stop, _ = bounds.items
    let, read = frame.temporary("value", value)
    above = compare(frame, "<=", start, read, span)
    below = compare(frame, "<", read, stop, span)
    both = apply_op(frame, REGISTRY["and"], [above, below], {}, span)
    return tree.Block(span, BOOL, (let,), both)


@expression(ast.Unary)
def _unary(frame: Frame, node: ast.Unary, expected: Type | None) -> tree.Expr:
    if node.operator == "not":
        value = check_expr(frame, node.operand, BOOL)
        kind = resolve(value.type)
        if kind in (BROKEN, NEVER):
            return value
        if isinstance(kind, Tensor) and resolve_dtype(kind.dtype) == dtypes.BOOL:
            fixed = known(value)
            if isinstance(fixed, bool):
                return tree.Constant(node.span, BOOL, not fixed)
            return apply_op(frame, REGISTRY["not"], [value], {}, node.span)
        return condition_expr(frame, node.operand)
    value = check_expr(frame, node.operand, expected)
    return negate(frame, value, node.span)


def _logical(frame: Frame, node: ast.Binary) -> tree.Expr:
    """`and` and `or`: short-circuit on bools, element by element on bool tensors."""
    left = check_expr(frame, node.left, BOOL)
    kind = resolve(left.type)
    if isinstance(kind, Tensor) and kind.shape and resolve_dtype(kind.dtype) == dtypes.BOOL:
        right = check_expr(frame, node.right, BOOL)
        return apply_op(frame, REGISTRY[node.operator], [left, right], {}, node.span)
    left = condition_expr(frame, node.left) if kind != BOOL else left
    fixed = known(left)
    if isinstance(fixed, bool) and not isinstance(node.left, ast.BoolLiteral):
        decided = tree.Constant(node.span, BOOL, fixed)
        return decided if fixed == (node.operator == "or") else condition_expr(frame, node.right)
    with frame.scope():
        right = check_expr(frame, node.right, BOOL)
        right_kind = resolve(right.type)
        if isinstance(right_kind, Tensor) and right_kind.shape and kind == BOOL:
            return apply_op(frame, REGISTRY[node.operator], [left, right], {}, node.span)
        right = condition_expr(frame, node.right) if right_kind != BOOL else right
    constant = tree.Constant(node.span, BOOL, node.operator == "or")
    branches = (right, constant) if node.operator == "and" else (constant, right)
    return tree.If(node.span, BOOL, left, *branches)


def _pipe(frame: Frame, node: ast.Binary, expected: Type | None) -> tree.Expr:
    """`x |> f(y)` is `f(x, y)`; `x |> f` is `f(x)`."""
    first = ast.Argument(node.left.span, None, node.left)
    if isinstance(node.right, ast.Call):
        call = ast.Call(node.span, node.right.callee, (first, *node.right.arguments))
    else:
        call = ast.Call(node.span, node.right, (first,))
    return check_call(frame, call, expected)
