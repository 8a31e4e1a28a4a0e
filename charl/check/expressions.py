"""The other expressions: conversions (`as`), ranges, `with`, and what is not yet there."""

from __future__ import annotations

from charl.check import tree
from charl.check.ambient import cast_type
from charl.check.ambient import setting as setting_of
from charl.check.dispatch import broken, check_expr, expression
from charl.check.frame import Frame
from charl.check.infer import coerce, mismatch, resolve
from charl.check.known import known
from charl.check.literals import tensor_literal
from charl.check.rules import apply_op
from charl.core.op import REGISTRY
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.dtypes import DType
from charl.types.types import BROKEN, INT, NEVER, Tensor, Type, resolve_dtype


@expression(ast.Cast)
def _cast(frame: Frame, node: ast.Cast, expected: Type | None) -> tree.Expr:
    wanted = cast_type(frame, node.type)
    hint = wanted if isinstance(wanted, Tensor) else None
    if isinstance(node.value, ast.ListLiteral) and isinstance(wanted, Tensor):
        value = tensor_literal(frame, node.value, None)
    else:
        value = check_expr(frame, node.value, hint if _is_literal(node.value, wanted) else None)
    kind = resolve(value.type)
    if BROKEN in (wanted, kind) or kind == NEVER:
        return value if kind in (BROKEN, NEVER) else broken(node)
    if not isinstance(wanted, Tensor) or not isinstance(kind, Tensor):
        return mismatch(frame, value, wanted, f"{types.show(kind)} cannot be converted")
    if wanted.shape and len(wanted.shape) != len(kind.shape):
        return mismatch(frame, value, wanted)
    dtype = resolve_dtype(wanted.dtype)
    assert isinstance(dtype, DType)
    if wanted.shape:
        value = coerce(frame, value, Tensor(kind.dtype, wanted.shape))
    if resolve_dtype(kind.dtype) == dtype:
        return value
    return apply_op(frame, REGISTRY["cast"], [value], {"dtype": dtype}, node.span)


def _is_literal(node: ast.Expr, wanted: Type) -> bool:
    """`1 as float32` is a float32 literal; `2.5 as int` is a conversion."""
    if isinstance(node, ast.Unary):
        return _is_literal(node.operand, wanted)
    is_float = isinstance(wanted, Tensor) and getattr(wanted.dtype, "kind", "") == "float"
    return isinstance(node, ast.IntLiteral) or (isinstance(node, ast.FloatLiteral) and is_float)


@expression(ast.With)
def _with(frame: Frame, node: ast.With, expected: Type | None) -> tree.Expr:
    before = frame.ambient
    settings = dict(before)
    for name, value in node.settings:
        setting = setting_of(frame, name, value)
        if setting is not None:
            settings[name.name] = setting
    frame.ambient = tuple(sorted(settings.items(), key=lambda item: item[0]))
    result = check_expr(frame, node.body, expected)
    frame.ambient = before
    return result


@expression(ast.ErrorExpr)
def _error(frame: Frame, node: ast.ErrorExpr, expected: Type | None) -> tree.Expr:
    return broken(node)


@expression(ast.Query)
def _query(frame: Frame, node: ast.Query, expected: Type | None) -> tree.Expr:
    return frame.error("E0801", "relations cannot be queried yet", node.span)


@expression(ast.Range)
def _range(frame: Frame, node: ast.Range, expected: Type | None) -> tree.Expr:
    """A range as a value: `(start, stop, step)`."""
    if node.start is None or node.stop is None:
        return broken(node)  # the parser lets only an index leave out an end
    start = coerce(frame, check_expr(frame, node.start, INT), INT, "a range counts in ints")
    stop = coerce(frame, check_expr(frame, node.stop, INT), INT, "a range counts in ints")
    step: tree.Expr = tree.Constant(node.span, INT, 1)
    if node.step is not None:
        step = coerce(frame, check_expr(frame, node.step, INT), INT, "a range counts in ints")
    if known(step) == 0:
        return frame.error("E0322", "the step of a range cannot be 0", node.span)
    if node.inclusive:
        one = tree.Constant(node.span, INT, 1)
        backwards = known(step)
        op = "sub" if isinstance(backwards, int) and backwards < 0 else "add"
        stop = apply_op(frame, REGISTRY[op], [stop, one], {}, node.span)
    return tree.Make(node.span, types.Range(dtypes.INT64), (start, stop, step))
