"""Comparison and equality.

`==` on tensors compares element by element; on anything else it gives one bool, made by comparing
the parts in turn. What is known before the run (an ambient parameter, a constant) is compared while
checking, so that `if` can leave out the branch that is not taken.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.check import late, tree
from charl.check.ambient import static
from charl.check.annotations import fields_of_struct, payloads_of_enum
from charl.check.arithmetic import as_list, no_operator, operand_pair
from charl.check.declarations import Function, Static, StaticType
from charl.check.dispatch import check_expr, expression
from charl.check.frame import Frame
from charl.check.infer import meet, resolve, unify_dtypes
from charl.check.known import Choice, known
from charl.check.rules import apply_op, different_dtypes, is_none
from charl.check.signatures import Supplied
from charl.core.op import REGISTRY
from charl.source import Span
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.dims import Polynomial
from charl.types.types import BOOL, BROKEN, INT, NEVER, STRING, List, Tensor, Type, resolve_dtype

COMPARISON = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


@expression(ast.Comparison)
def check_comparison(frame: Frame, node: ast.Comparison, expected: Type | None) -> tree.Expr:
    if len(node.operators) == 1:
        fixed = _static_comparison(frame, node)
        if fixed is not None:
            return tree.Constant(node.span, BOOL, fixed)
        left, right = operand_pair(frame, node.operands[0], node.operands[1], None)
        return compare(frame, node.operators[0], left, right, node.span)
    statements: list[tree.Statement] = []
    operands: list[tree.Expr] = []
    for operand in node.operands:
        value = check_expr(frame, operand)
        if not isinstance(value, tree.Constant | tree.Read):
            let, value = frame.temporary("operand", value)
            statements.append(let)
        operands.append(value)
    result: tree.Expr | None = None
    for i, operator in enumerate(node.operators):
        part = compare(frame, operator, operands[i], operands[i + 1], node.span)
        if result is None or BROKEN in (resolve(part.type), resolve(result.type)):
            result = part
        else:
            result = apply_op(frame, REGISTRY["and"], [result, part], {}, node.span)
    assert result is not None
    return tree.Block(node.span, result.type, tuple(statements), result) if statements else result


def _static_comparison(frame: Frame, node: ast.Comparison) -> bool | None:
    """`axis == None`, `x.dtype == float64`, `mode == training`: decided at compile time."""
    operator = node.operators[0]
    if operator not in ("==", "!="):
        return None
    values = [_static_value(frame, operand) for operand in node.operands]
    if None in values:
        return None
    return bool((values[0] == values[1]) == (operator == "=="))


def _static_value(frame: Frame, node: ast.Expr) -> object:
    """A dtype, or the value of a const parameter beside `None`."""
    entry = static(frame, node)
    match entry:
        case StaticType(type=type):
            return ("type", type)
        case Static(value=value):
            return ("value", value)
    if is_none(frame, node):
        return ("value", Choice(1))
    return None


def compare(
    frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span
) -> tree.Expr:
    a, b = meet(frame, left, right)
    if BROKEN in (a, b):
        return tree.Constant(span, BROKEN, None)
    if NEVER in (a, b):
        return left if a == NEVER else right
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _compare_tensors(frame, operator, left, right, span)
    if a == STRING and b == STRING:
        return _compare_strings(frame, operator, left, right, span)
    if operator in ("==", "!="):
        equal = equal_values(frame, left, right, span)
        if equal is not None:
            if operator == "==":
                return equal
            return apply_op(frame, REGISTRY["not"], [equal], {}, span)
    return no_operator(frame, operator, left, right, span)


def _compare_tensors(
    frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span
) -> tree.Expr:
    a, b = resolve(left.type), resolve(right.type)
    assert isinstance(a, Tensor) and isinstance(b, Tensor)
    fixed = _known_comparison(operator, known(left), known(right))
    if fixed is not None and not a.shape and not b.shape:
        return tree.Constant(span, BOOL, fixed)
    if not unify_dtypes(a.dtype, b.dtype):
        different_dtypes(frame, left, right, f"`{operator}`")
        return tree.Constant(span, BROKEN, None)
    if resolve_dtype(a.dtype) == dtypes.BOOL and operator not in ("==", "!="):
        return no_operator(frame, operator, left, right, span)
    return apply_op(frame, REGISTRY[COMPARISON[operator]], [left, right], {}, span)


_PYTHON: dict[str, Callable[[object, object], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,  # type: ignore[operator]
    "<=": lambda a, b: a <= b,  # type: ignore[operator]
    ">": lambda a, b: a > b,  # type: ignore[operator]
    ">=": lambda a, b: a >= b,  # type: ignore[operator]
}


def _known_comparison(operator: str, a: object, b: object) -> bool | None:
    """The outcome for known ints and bools, and for sizes that are provably equal or not."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return _PYTHON[operator](a, b)
    if isinstance(a, Polynomial | int) and isinstance(b, Polynomial | int):
        difference = a - b
        if isinstance(difference, int):
            return _PYTHON[operator](difference, 0)
    return None


def _compare_strings(
    frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span
) -> tree.Expr:
    a, b = known(left), known(right)
    if isinstance(a, str) and isinstance(b, str):
        return tree.Constant(span, BOOL, _PYTHON[operator](a, b))
    swap = operator in (">", "<=")
    operands = [right, left] if swap else [left, right]
    name = "string_eq" if operator in ("==", "!=") else "string_lt"
    result = apply_op(frame, REGISTRY[name], operands, {}, span)
    if operator in ("!=", ">=", "<="):
        result = apply_op(frame, REGISTRY["not"], [result], {}, span)
    return result


def equal_values(frame: Frame, left: tree.Expr, right: tree.Expr, span: Span) -> tree.Expr | None:
    """One bool: whether two values of the same type are equal in every part."""
    a, b = resolve(left.type), resolve(right.type)
    match a, b:
        case Tensor(), Tensor():
            result = compare(frame, "==", left, right, span)
            kind = resolve(result.type)
            if isinstance(kind, Tensor) and kind.shape:
                attributes = {"axis": None, "keep_dims": False}
                return apply_op(frame, REGISTRY["reduce_all"], [result], attributes, span)
            return result
        case types.String(), types.String():
            return _compare_strings(frame, "==", left, right, span)
        case ((types.Tuple() | types.Array()), (types.Tuple() | types.Array())):
            items = _listed(a), _listed(b)
            if len(items[0]) != len(items[1]):
                return None if isinstance(a, types.Tuple) else tree.Constant(span, BOOL, False)
            return _all_equal(frame, left, right, items[0], items[1], span)
        case (types.Struct(), types.Struct()) if a.declaration is b.declaration:
            fields = fields_of_struct(frame, a), fields_of_struct(frame, b)
            return _all_equal(frame, left, right, list(fields[0]), list(fields[1]), span)
        case (types.Enum(), types.Enum()) if a.declaration is b.declaration:
            if a.recursive:
                return tree.Apply(span, BOOL, REGISTRY["box_equal"], (left, right), {})
            return _equal_enums(frame, left, right, a, span)
        case ((List() | types.Array()), (List() | types.Array())):
            operands = [as_list(left), as_list(right)]
            return call_library(frame, "_lists_equal", operands, span)
        case types.Range(), types.Range():
            return _all_equal(frame, left, right, [INT] * 3, [INT] * 3, span)
        case types.Closure(captured=()), types.Closure(captured=()) if a.function is b.function:
            return tree.Constant(span, BOOL, True)
        case ((types.Closure() | types.Closures()), _):
            return None
    return tree.Constant(span, BOOL, True) if a == b else None


def _listed(kind: types.Tuple | types.Array) -> list[Type]:
    if isinstance(kind, types.Tuple):
        return list(kind.items)
    return [kind.element] * kind.length


def _all_equal(
    frame: Frame,
    left: tree.Expr,
    right: tree.Expr,
    first: list[Type],
    second: list[Type],
    span: Span,
) -> tree.Expr | None:
    let_a, a = frame.temporary("left", left)
    let_b, b = frame.temporary("right", right)
    result: tree.Expr = tree.Constant(span, BOOL, True)
    for i, (x, y) in reversed(list(enumerate(zip(first, second)))):
        part = equal_values(frame, tree.Get(span, x, a, i), tree.Get(span, y, b, i), span)
        if part is None:
            return None
        rest_is_true = isinstance(result, tree.Constant) and result.value is True
        result = (
            part
            if rest_is_true
            else tree.If(span, BOOL, part, result, tree.Constant(span, BOOL, False))
        )
    return tree.Block(span, BOOL, (let_a, let_b), result)


def _equal_enums(
    frame: Frame, left: tree.Expr, right: tree.Expr, kind: types.Enum, span: Span
) -> tree.Expr | None:
    let_a, a = frame.temporary("left", left)
    let_b, b = frame.temporary("right", right)
    tag = tree.VariantTag(span, INT, a)
    same_tag = compare(frame, "==", tag, tree.VariantTag(span, INT, b), span)
    result: tree.Expr = tree.Constant(span, BOOL, True)
    for number, payload in enumerate(payloads_of_enum(frame, kind)):
        for i, item in reversed(list(enumerate(payload))):
            part = equal_values(
                frame,
                tree.VariantGet(span, item, a, number, i),
                tree.VariantGet(span, item, b, number, i),
                span,
            )
            if part is None:
                return None
            here = compare(frame, "==", tag, tree.Constant(span, INT, number), span)
            unequal = tree.If(
                span, BOOL, part, tree.Constant(span, BOOL, True), tree.Constant(span, BOOL, False)
            )
            agrees = tree.If(span, BOOL, here, unequal, tree.Constant(span, BOOL, True))
            result = tree.If(span, BOOL, agrees, result, tree.Constant(span, BOOL, False))
    whole = tree.If(span, BOOL, same_tag, result, tree.Constant(span, BOOL, False))
    return tree.Block(span, BOOL, (let_a, let_b), whole)


def call_library(
    frame: Frame, name: str, operands: list[tree.Expr], span: Span
) -> tree.Expr | None:
    """A call of a private function of the prelude."""
    prelude = frame.session.prelude
    function = prelude.names.get(name) if prelude is not None else None
    if not isinstance(function, Function):
        return None
    supplied = [Supplied(o) for o in operands]
    return late.call_function(frame, function, supplied, span)
