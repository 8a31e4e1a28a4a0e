"""Literals: numbers, strings, lists, tuples.

A numeric literal takes the type that its context expects; without one it stays open until the
function is finished. A list of numbers where a tensor is expected is a tensor.
"""

from __future__ import annotations

from typing import Any

from charl.check import late, tree
from charl.check.dispatch import broken, check_expr, expression
from charl.check.frame import Frame
from charl.check.infer import coerce, join, resolve, unify_dtypes
from charl.check.known import known
from charl.check.rules import apply_op
from charl.core.op import REGISTRY
from charl.source import Span
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.dtypes import DType
from charl.types.types import (
    BOOL,
    BROKEN,
    INT,
    STRING,
    Array,
    DTypeVariable,
    List,
    Tensor,
    Type,
    resolve_dtype,
)


@expression(ast.IntLiteral, ast.FloatLiteral)
def _number(
    frame: Frame, node: ast.IntLiteral | ast.FloatLiteral, expected: Type | None
) -> tree.Expr:
    kind = frame.literal(isinstance(node, ast.FloatLiteral))
    wanted = None if expected is None else resolve(expected)
    if isinstance(wanted, Tensor) and isinstance(resolve_dtype(wanted.dtype), DType):
        unify_dtypes(kind.dtype, wanted.dtype)
    return tree.Constant(node.span, kind, node.value)


@expression(ast.BoolLiteral)
def _boolean(frame: Frame, node: ast.BoolLiteral, expected: Type | None) -> tree.Expr:
    return tree.Constant(node.span, BOOL, node.value)


@expression(ast.StringLiteral)
def _string(frame: Frame, node: ast.StringLiteral, expected: Type | None) -> tree.Expr:
    return tree.Constant(node.span, STRING, node.value)


@expression(ast.FormatString)
def _format_string(frame: Frame, node: ast.FormatString, expected: Type | None) -> tree.Expr:
    parts: list[tree.Expr] = []
    for part in node.parts:
        if isinstance(part, str):
            parts.append(tree.Constant(node.span, STRING, part))
            continue
        value = check_expr(frame, part.value)
        if part.spec:
            value = apply_op(frame, REGISTRY["format"], [value], {"spec": part.spec}, part.span)
        elif resolve(value.type) not in (STRING, BROKEN):
            value = tree.Show(part.span, STRING, value)
        parts.append(value)
    if not parts:
        return tree.Constant(node.span, STRING, "")
    result = parts[0]
    for following in parts[1:]:
        result = apply_op(frame, REGISTRY["string_concat"], [result, following], {}, node.span)
    return result


@expression(ast.ListLiteral)
def check_list(frame: Frame, node: ast.ListLiteral, expected: Type | None) -> tree.Expr:
    wanted = None if expected is None else resolve(expected)
    if isinstance(wanted, Tensor):
        return tensor_literal(frame, node, wanted)
    element = wanted.element if isinstance(wanted, List | Array) else None
    items = [check_expr(frame, item, element) for item in node.items]
    if element is not None:
        items = [coerce(frame, i, element, "an element of this list") for i in items]
    if items and (element is None or isinstance(resolve(element), types.Function)):
        element, items = join(frame, items, "the elements of this list")
        if element == BROKEN:
            return broken(node)
    if isinstance(wanted, Array):
        if wanted.length != len(items):
            return frame.error(
                "E0301",
                f"expected {wanted.length} elements, found {len(items)}",
                node.span,
                f"this should be {types.show(wanted)}",
            )
        return tree.Make(node.span, wanted, tuple(items))
    kind: Type = types.Variable() if element is None else element
    return list_make(node.span, kind, items)


def list_make(span: Span, element: Type, items: list[tree.Expr]) -> tree.Expr:
    op = REGISTRY["list_make"]
    return tree.Apply(span, List(element), op, tuple(items), {"element": element})


@late.list_argument.define
def list_argument(frame: Frame, node: ast.ListLiteral) -> tree.Expr:
    """A list literal given to a template: sizes keep their number and values, as a fixed list."""
    items = [check_expr(frame, item) for item in node.items]
    if all(known(i) is not None and _is_int(i) for i in items):
        for item in items:
            kind = resolve(item.type)
            assert isinstance(kind, Tensor)
            unify_dtypes(kind.dtype, dtypes.INT64)
        return tree.Make(node.span, Array(INT, len(items)), tuple(items))
    element, items = join(frame, items, "the elements of this list")
    return broken(node) if element == BROKEN else list_make(node.span, element, items)


def _is_int(item: tree.Expr) -> bool:
    kind = resolve(item.type)
    if not isinstance(kind, Tensor) or kind.shape:
        return False
    dtype = resolve_dtype(kind.dtype)
    return dtype == dtypes.INT64 or (isinstance(dtype, DTypeVariable) and not dtype.float_only)


def tensor_literal(frame: Frame, node: ast.ListLiteral, wanted: Tensor | None) -> tree.Expr:
    """A rectangular bracket literal as a tensor: float32 when any element has a point, else int64,
    unless the context asks for a dtype."""
    rows: list[tree.Expr] = []
    hint = wanted.dtype if wanted is not None else None
    for item in node.items:
        if isinstance(item, ast.ListLiteral):
            rows.append(tensor_literal(frame, item, wanted))
        else:
            scalar = None if hint is None else Tensor(hint)
            rows.append(check_expr(frame, item, scalar))
    if not rows:
        dtype = hint if hint is not None else dtypes.FLOAT32
        return _constant_tensor(node.span, Tensor(dtype, (0,)), [])
    first = _row_type(frame, rows)
    if first is None:
        return broken(node)
    dtype = resolve_dtype(first.dtype)
    if hint is not None and isinstance(resolve_dtype(hint), DTypeVariable):
        unify_dtypes(first.dtype, hint)
        dtype = resolve_dtype(first.dtype)
    if isinstance(dtype, DTypeVariable):
        dtype.default = dtypes.FLOAT32 if dtype.float_only else dtypes.INT64
    result = Tensor(first.dtype, (len(rows), *first.shape))
    values = [_literal_value(r) for r in rows]
    if None not in values:
        return _constant_tensor(node.span, result, values)
    return apply_op(frame, REGISTRY["stack"], rows, {"axis": 0}, node.span)


def _row_type(frame: Frame, rows: list[tree.Expr]) -> Tensor | None:
    """The type that all rows of a tensor literal share; None when one is broken or reported."""
    first = resolve(rows[0].type)
    for row in rows:
        kind = resolve(row.type)
        if kind == BROKEN:
            return None
        if not isinstance(kind, Tensor):
            frame.error(
                "E0316",
                "a tensor holds numbers or booleans",
                row.span,
                f"this is {types.show(kind)}",
            )
            return None
    assert isinstance(first, Tensor)
    for row in rows[1:]:
        kind = resolve(row.type)
        assert isinstance(kind, Tensor)
        if kind.shape != first.shape:
            frame.error(
                "E0317",
                "the rows of this tensor differ in length",
                row.span,
                f"this is {types.show(kind)}",
                helps=(f"the first row is {types.show(first)}",),
            )
            return None
        if not unify_dtypes(first.dtype, kind.dtype):
            frame.error(
                "E0315",
                "the elements of a tensor have one dtype",
                row.span,
                f"this is {types.show(Tensor(kind.dtype))}, the first is "
                f"{types.show(Tensor(first.dtype))}",
            )
            return None
    return first


def _literal_value(row: tree.Expr) -> Any:
    match row:
        case tree.Constant(value=value):
            return value
        case tree.Apply(op=op, operands=(operand,)) if op.name == "neg":
            inner = _literal_value(operand)
            return None if inner is None else _negated(inner)
    return None


def _negated(value: Any) -> Any:
    return [_negated(v) for v in value] if isinstance(value, list) else -value


def _constant_tensor(span: Span, kind: Tensor, values: list[Any]) -> tree.Expr:
    """Nested Python lists for now; `finish` makes the array once the dtype is known."""
    return tree.Constant(span, kind, values)


@expression(ast.TupleLiteral)
def _tuple(frame: Frame, node: ast.TupleLiteral, expected: Type | None) -> tree.Expr:
    wanted = None if expected is None else resolve(expected)
    hints: tuple[Type | None, ...] = (None,) * len(node.items)
    if isinstance(wanted, types.Tuple) and len(wanted.items) == len(node.items):
        hints = wanted.items
    items = tuple(check_expr(frame, i, h) for i, h in zip(node.items, hints))
    return tree.Make(node.span, types.Tuple(tuple(i.type for i in items)), items)
