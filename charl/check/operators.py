"""Operators: arithmetic, comparison, logic, and what they mean on structs, strings and lists.

On structs arithmetic is leaf by leaf over the float leaves; every other leaf keeps the value of the
left operand. Comparison with `==` of anything that is not a tensor is one bool: whether all its
parts are equal.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.check import tree
from charl.check.annotations import fields_of_struct, payloads_of_enum
from charl.check.calls import check_call
from charl.check.dispatch import HOOKS, check_expr, expression
from charl.check.expressions import condition_expr, list_make, tensor_literal
from charl.check.frame import Frame
from charl.check.infer import coerce, join, resolve, unify_dtypes
from charl.check.known import Choice, known
from charl.check.products import matrix_product
from charl.check.rules import apply_op, different_dtypes, in_range, is_none
from charl.check.signatures import Supplied
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.dims import Polynomial
from charl.types.dtypes import DType
from charl.types.types import (
    BOOL,
    BROKEN,
    INT,
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
COMPARISON = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


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
    right = as_list(frame, check_expr(frame, node.right))
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
            found = _call_library(frame, "_in_range", [right, left], node.span)
            return found if found is not None else tree.Constant(node.span, BROKEN, None)
        case Tensor(shape=shape) if shape and types.is_scalar(a):
            same = compare(frame, "==", right, left, node.span)
            attributes = {"axis": None, "keep_dims": False}
            return apply_op(frame, REGISTRY["reduce_any"], [same], attributes, node.span)
        case List(element):
            left = coerce(frame, left, element, f"the elements are {types.show(element)}")
            if resolve(left.type) != BROKEN:
                found = _call_library(frame, "_in_list", [right, left], node.span)
                return found if found is not None else tree.Constant(node.span, BROKEN, None)
            return left
    return _no_operator(frame, "in", left, right, node.span)


def _between(frame: Frame, value: tree.Expr, bounds: tree.Make, span: Span) -> tree.Expr:
    start, stop, _ = bounds.items
    let, read = frame.temporary("value", value)
    above = compare(frame, "<=", start, read, span)
    below = compare(frame, "<", read, stop, span)
    both = apply_op(frame, REGISTRY["and"], [above, below], {}, span)
    return tree.Block(span, BOOL, (let,), both)


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
    return first, check_expr(frame, right, first.type if lists[1] else None)


def _as_operand(frame: Frame, node: ast.Expr, other: tree.Expr) -> tree.Expr:
    kind = resolve(other.type)
    if isinstance(node, ast.ListLiteral) and isinstance(kind, Tensor):
        return tensor_literal(frame, node, Tensor(kind.dtype))
    return check_expr(frame, node, other.type)


def binary(frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span) -> tree.Expr:
    """An arithmetic operator on checked operands."""
    a, b = resolve(left.type), resolve(right.type)
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
        return HOOKS["over_leaves"](  # type: ignore[no-any-return]
            frame, lambda f, x, y: binary(f, operator, x, y, span), [left, right], span
        )
    return _no_operator(frame, operator, left, right, span)


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
        return _no_operator(frame, operator, left, right, span)
    if operator == "/" and isinstance(dtype, DType) and dtype.is_int:
        cast = REGISTRY["cast"]
        left = apply_op(frame, cast, [left], {"dtype": dtypes.FLOAT64}, left.span)
        right = apply_op(frame, cast, [right], {"dtype": dtypes.FLOAT64}, right.span)
    elif operator == "/" and isinstance(dtype, DTypeVariable):
        dtype.float_only = True
    result = apply_op(frame, REGISTRY[ARITHMETIC[operator]], [left, right], {}, span)
    return _with_size(frame, operator, left, right, result)


SIZES: dict[str, Callable[[int | Polynomial, int | Polynomial], int | Polynomial | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b if b != 0 else None,
    "%": lambda a, b: a % b if b != 0 else None,
}


def _with_size(
    frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, result: tree.Expr
) -> tree.Expr:
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
    left, right = as_list(frame, left), as_list(frame, right)
    if not isinstance(resolve(left.type), List) or not isinstance(resolve(right.type), List):
        return None
    kind, (left, right) = join(frame, [left, right], "the lists")
    if kind == BROKEN:
        return tree.Constant(span, BROKEN, None)
    return tree.Apply(span, kind, REGISTRY["list_concat"], (left, right), {})


def as_list(frame: Frame, expr: tree.Expr) -> tree.Expr:
    """A fixed-size list as a growing one; anything else as it is."""
    kind = resolve(expr.type)
    if not isinstance(kind, types.Array):
        return expr
    items = [tree.Get(expr.span, kind.element, expr, i) for i in range(kind.length)]
    if isinstance(expr, tree.Make):
        return list_make(expr.span, kind.element, list(expr.items))
    return list_make(expr.span, kind.element, list(items))


def _no_operator(
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
        return HOOKS["over_leaves"](frame, lambda f, x: negate(f, x, span), [value], span)  # type: ignore[no-any-return]
    return frame.error(
        "E0319", f"`-` does not work on {types.show(kind)}", span, f"this is {types.show(kind)}"
    )


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


# --- Comparison ----------------------------------------------------------------------------------


@expression(ast.Comparison)
def _comparison(frame: Frame, node: ast.Comparison, expected: Type | None) -> tree.Expr:
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
    entry = HOOKS["static"](frame, node)
    if entry is not None:
        return (
            ("type", entry.type)
            if hasattr(entry, "type") and not hasattr(entry, "value")
            else ("value", entry.value)
        )
    if is_none(frame, node):
        return ("value", Choice(1))
    return None


def compare(
    frame: Frame, operator: str, left: tree.Expr, right: tree.Expr, span: Span
) -> tree.Expr:
    a, b = resolve(left.type), resolve(right.type)
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
    return _no_operator(frame, operator, left, right, span)


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
        return _no_operator(frame, operator, left, right, span)
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
            operands = [as_list(frame, left), as_list(frame, right)]
            return _call_library(frame, "_lists_equal", operands, span)
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
        rest_is_true = isinstance(result, tree.Constant)
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


def _call_library(
    frame: Frame, name: str, operands: list[tree.Expr], span: Span
) -> tree.Expr | None:
    """A call of a private function of the prelude."""
    prelude = frame.session.prelude
    function = prelude.names.get(name) if prelude is not None else None
    if function is None:
        return None
    supplied = [Supplied(o) for o in operands]
    return HOOKS["call_function"](frame, function, supplied, span)  # type: ignore[no-any-return]


HOOKS["library"] = _call_library
HOOKS["equal_values"] = equal_values
