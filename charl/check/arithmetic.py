"""Arithmetic: `+ - * / // % ** @ ++` on checked operands.

On tensors it broadcasts and becomes a primitive; on structs of the same type it goes leaf by leaf;
`++` joins strings and lists. Sizes stay sizes: `n // 2` of a size is a size, so a shape computed
from shapes is still known before the run.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.check import late, tree
from charl.check.dispatch import check_expr
from charl.check.frame import Frame
from charl.check.infer import join, meet, resolve, unify_dtypes
from charl.check.known import known
from charl.check.literals import list_make, tensor_literal
from charl.check.products import matrix_product
from charl.check.rules import apply_op, different_dtypes, in_range
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.dims import Polynomial
from charl.types.dtypes import DType
from charl.types.types import (
    BROKEN,
    NEVER,
    STRING,
    DTypeVariable,
    List,
    Tensor,
    Type,
    resolve_dtype,
)

ARITHMETIC = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "//": "floor_div",
    "%": "mod",
    "**": "pow",
}


def operand_pair(
    frame: Frame, left: ast.Expr, right: ast.Expr, expected: Type | None
) -> tuple[tree.Expr, tree.Expr]:
    """Both operands; a bracket literal beside a tensor or number is a tensor."""
    lists = isinstance(left, ast.ListLiteral), isinstance(right, ast.ListLiteral)
    if lists == (True, False):
        second = check_expr(frame, right)
        return _as_operand(frame, left, second), second
    first = check_expr(frame, left)
    if lists[1] and not isinstance(resolve(first.type), List):
        return first, _as_operand(frame, right, first)
    return first, check_expr(frame, right, _hint(resolve(first.type)) if lists[1] else None)


def _hint(kind: Type) -> Type | None:
    """What a list literal takes from the list beside it; other functions may join functions."""
    functions = (types.Closure, types.Closures)
    if isinstance(kind, List) and isinstance(resolve(kind.element), functions):
        return None
    return kind


def _as_operand(frame: Frame, node: ast.Expr, other: tree.Expr) -> tree.Expr:
    kind = resolve(other.type)
    if isinstance(node, ast.ListLiteral) and isinstance(kind, Tensor):
        return tensor_literal(frame, node, Tensor(kind.dtype))
    return check_expr(frame, node, _hint(kind))


def binary(frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span) -> tree.Expr:
    """An arithmetic operator on checked operands."""
    a, b = meet(frame, left, right)
    if BROKEN in (a, b):
        return tree.Constant(span, BROKEN, None)
    if NEVER in (a, b):
        return left if a == NEVER else right
    if operator == "@":
        return matrix_product(frame, left, right, span)
    if isinstance(a, Tensor) and isinstance(b, Tensor) and operator in ARITHMETIC:
        return _tensor_arithmetic(frame, operator, left, right, span)
    if operator in ("+", "++") and a == STRING and b == STRING:
        return apply_op(frame, REGISTRY["string_concat"], [left, right], {}, span)
    if operator == "++":
        joined = _concatenate(frame, left, right, span)
        if joined is not None:
            return joined
    if operator in ARITHMETIC and _has_leaves(a, b):
        return late.over_leaves(
            frame, lambda f, x, y: binary(f, operator, x, y, span), [left, right], span
        )
    return no_operator(frame, operator, left, right, span)


def _has_leaves(a: Type, b: Type) -> bool:
    kinds = (types.Struct, types.Tuple, List)
    return (isinstance(a, kinds) and (isinstance(b, kinds) or types.is_scalar(b))) or (
        isinstance(b, kinds) and types.is_scalar(a)
    )


def _tensor_arithmetic(
    frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span
) -> tree.Expr:
    a, b = resolve(left.type), resolve(right.type)
    assert isinstance(a, Tensor) and isinstance(b, Tensor)
    if not unify_dtypes(a.dtype, b.dtype):
        different_dtypes(frame, left, right, f"`{operator}`")
        return tree.Constant(span, BROKEN, None)
    dtype = resolve_dtype(a.dtype)
    if dtype == dtypes.BOOL:
        return no_operator(frame, operator, left, right, span)
    if operator == "/" and isinstance(dtype, DType) and dtype.is_int:
        cast = REGISTRY["cast"]
        left = apply_op(frame, cast, [left], {"dtype": dtypes.FLOAT64}, left.span)
        right = apply_op(frame, cast, [right], {"dtype": dtypes.FLOAT64}, right.span)
    elif operator == "/" and isinstance(dtype, DTypeVariable):
        if dtype.default is not None and not dtype.default.is_float:
            dtype.default = dtypes.FLOAT64  # as of two integer tensors bound by `let`
        dtype.float_only = True
    result = apply_op(frame, REGISTRY[ARITHMETIC[operator]], [left, right], {}, span)
    return _with_size(operator, left, right, result)


SIZES: dict[str, Callable[[int | Polynomial, int | Polynomial], int | Polynomial | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b if b != 0 else None,
    "%": lambda a, b: a % b if b != 0 else None,
}


def _with_size(operator: str, left: tree.Expr, right: tree.Expr, result: tree.Expr) -> tree.Expr:
    """Arithmetic on ints that are sizes is a size again."""
    if not isinstance(result, tree.Apply) or operator not in SIZES:
        return result
    kind = resolve(result.type)
    if not isinstance(kind, Tensor) or kind.shape:
        return result
    dtype = resolve_dtype(kind.dtype)
    if dtype != dtypes.INT64 and not (isinstance(dtype, DTypeVariable) and not dtype.float_only):
        return result
    a, b = known(left), known(right)
    if isinstance(a, bool) or isinstance(b, bool):
        return result
    if isinstance(a, int | Polynomial) and isinstance(b, int | Polynomial):
        result.known = in_range(SIZES[operator](a, b))
    return result


def _concatenate(frame: Frame, left: tree.Expr, right: tree.Expr, span: Span) -> tree.Expr | None:
    left, right = as_list(left), as_list(right)
    if not isinstance(resolve(left.type), List) or not isinstance(resolve(right.type), List):
        return None
    kind, (left, right) = join(frame, [left, right], "the lists")
    if kind == BROKEN:
        return tree.Constant(span, BROKEN, None)
    return tree.Apply(span, kind, REGISTRY["list_concat"], (left, right), {})


def as_list(expr: tree.Expr) -> tree.Expr:
    """A fixed-size list as a growing one; anything else as it is."""
    kind = resolve(expr.type)
    if not isinstance(kind, types.Array):
        return expr
    items = [tree.Get(expr.span, kind.element, expr, i) for i in range(kind.length)]
    if isinstance(expr, tree.Make):
        return list_make(expr.span, kind.element, list(expr.items))
    return list_make(expr.span, kind.element, list(items))


def no_operator(
    frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span
) -> tree.Expr:
    a, b = types.show(resolve(left.type)), types.show(resolve(right.type))
    helps: tuple[str, ...] = ()
    if "string" in (a, b) and operator == "+":
        other = right if a == "string" else left
        helps = (f'write `str({other.span.text})`, or an f-string: `f"{{...}}"`',)
    return frame.error(
        "E0319",
        f"`{operator}` does not work on {a} and {b}",
        right.span,
        f"this is {b}",
        secondary=(Label(left.span, f"this is {a}"),),
        helps=helps,
    )


def negate(frame: Frame, value: tree.Expr, span: Span) -> tree.Expr:
    kind = resolve(value.type)
    if kind in (BROKEN, NEVER):
        return value
    if isinstance(value, tree.Constant) and type(value.value) in (int, float):
        return tree.Constant(span, value.type, -value.value)
    if isinstance(kind, Tensor) and resolve_dtype(kind.dtype) != dtypes.BOOL:
        result = apply_op(frame, REGISTRY["neg"], [value], {}, span)
        size = known(value)
        if isinstance(result, tree.Apply) and isinstance(size, Polynomial):
            result.known = -size
        return result
    if isinstance(kind, types.Struct | types.Tuple | List):
        return late.over_leaves(frame, lambda f, x: negate(f, x, span), [value], span)
    return frame.error(
        "E0319", f"`-` does not work on {types.show(kind)}", span, f"this is {types.show(kind)}"
    )
