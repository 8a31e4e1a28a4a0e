"""Text for people: `print`, `str`, `abort`, and the comparisons that tests make."""

from __future__ import annotations

from charl.check import tree
from charl.check.branches import abort
from charl.check.builtins.arguments import take_arguments
from charl.check.comparison import call_library, compare, equal_values
from charl.check.declarations import Builtin
from charl.check.dispatch import broken, check_expr
from charl.check.frame import Frame
from charl.check.infer import coerce, resolve, unify_dtypes
from charl.check.known import known
from charl.check.literals import tensor_literal
from charl.check.rules import apply_op, supplied_expr
from charl.check.signatures import unknown_argument
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import error
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, STRING, UNIT, Tensor, Type


def shown(value: tree.Expr) -> tree.Expr:
    if resolve(value.type) == STRING:
        return value
    return tree.Show(value.span, STRING, value)


def _print(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    parts: list[tree.Expr] = []
    end = "\n"
    sound = True
    for argument in node.arguments:
        value = check_expr(frame, argument.value)
        if argument.name is not None:
            fixed = known(value)
            if argument.name.name != "end" or not isinstance(fixed, str):
                unknown_argument(frame, "print", argument.name, ["end"])
                sound = False
            else:
                end = fixed
            continue
        sound = sound and resolve(value.type) != BROKEN
        if parts:
            parts.append(tree.Constant(node.span, STRING, " "))
        parts.append(shown(value))
    if not sound:
        return broken(node)
    text: tree.Expr = parts[0] if parts else tree.Constant(node.span, STRING, "")
    for part in parts[1:]:
        text = apply_op(frame, REGISTRY["string_concat"], [text, part], {}, node.span)
    return apply_op(frame, REGISTRY["print"], [text], {"end": end}, node.span)


def _str(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["value"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    value = supplied_expr(frame, slots[0])
    return value if resolve(value.type) == BROKEN else shown(value)


def _abort(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["message"], 1)
    if slots is None or slots[0] is None:
        return broken(node)
    message = coerce(frame, supplied_expr(frame, slots[0], STRING), STRING, "a message is text")
    return abort(message, node.span)


def _equal(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    slots = take_arguments(frame, node, ["a", "b"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    left, right = supplied_expr(frame, slots[0]), supplied_expr(frame, slots[1])
    result = equal_values(frame, left, right, node.span)
    if result is None:
        compare(frame, "==", left, right, node.span)
        return broken(node)
    return result


def _assert_close(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    """Every pair of float leaves differs by at most `tolerance * (1 + |b|)`."""
    slots = take_arguments(frame, node, ["a", "b", "tolerance"], 2)
    if slots is None or slots[0] is None or slots[1] is None:
        return broken(node)
    left = supplied_expr(frame, slots[0])
    given = slots[1].value
    kind = resolve(left.type)
    if isinstance(given, ast.ListLiteral) and isinstance(kind, Tensor):
        right = tensor_literal(frame, given, Tensor(kind.dtype))
    else:
        right = supplied_expr(frame, slots[1], kind)
        other = resolve(right.type)
        if isinstance(kind, Tensor) and isinstance(other, Tensor):
            unify_dtypes(kind.dtype, other.dtype)  # a literal takes the dtype of the other side
    tolerance: tree.Expr = tree.Constant(node.span, types.FLOAT, 1e-6)
    if slots[2] is not None:
        tolerance = coerce(
            frame, supplied_expr(frame, slots[2], types.FLOAT), types.FLOAT, "a tolerance"
        )
    if BROKEN in (resolve(left.type), resolve(right.type)):
        return broken(node)
    close = call_library(frame, "_is_close", [left, right, tolerance], node.span)
    if close is None or resolve(close.type) == BROKEN:
        return broken(node)
    failure = error("E0509", "these are not close: {0} and {1}", node.span, "asserted here")
    check = tree.Require(node.span, close, (shown(left), shown(right)), failure)
    return tree.Block(node.span, UNIT, (check,), None)


BUILTINS = (
    Builtin("print", _print, 'print(values..., end: "\\n"): values separated by spaces.'),
    Builtin("str", _str, "str(x): the text that print shows."),
    Builtin("abort", _abort, "abort(message): stop the program with an error."),
    Builtin("equal", _equal, "equal(a, b): one bool, whether two values are equal in every part."),
    Builtin(
        "assert_close",
        _assert_close,
        "assert_close(a, b, tolerance: 1e-6): stop unless all floats are close, absolutely or "
        "relatively.",
    ),
)
