"""Primitives as functions: their operands and attributes checked, their type rule applied.

The rule of an op says what it demands through a `RuleContext`. Here a demand that two sizes be
equal becomes nothing (proven), a diagnostic that shows both operands (impossible), or a run-time
check of the later operand's shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from charl.check import late, tree
from charl.check.ambient import static
from charl.check.broadcasting import CannotBroadcast, stretch_together
from charl.check.declarations import Static, StaticType, Variant
from charl.check.dispatch import check_expr
from charl.check.file_types import known_shape, with_shape
from charl.check.frame import Frame
from charl.check.infer import (
    coerce,
    final,
    has_holes,
    has_variables,
    mismatch,
    resolve,
    unify_dtypes,
)
from charl.check.known import Choice, known, known_dim
from charl.check.op_context import OpContext, Rejected, Uncheckable
from charl.check.signatures import Supplied, unknown_argument
from charl.core.op import REQUIRED, Kind, Op, Parameter
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, dtypes, types
from charl.types.dtypes import DType
from charl.types.types import BROKEN, NEVER, DTypeVariable, Tensor, Type, resolve_dtype


def apply_op(
    frame: Frame,
    op: Op,
    operands: Sequence[tree.Expr],
    attributes: dict[str, Any],
    span: Span,
) -> tree.Expr:
    """The primitive applied to checked operands: dtypes, broadcasting, then the op's own rule."""
    kinds = [resolve(o.type) for o in operands]
    classes = [*map(type, kinds)]
    if types.Broken in classes:
        return tree.Constant(span, BROKEN, None)
    if types.Never in classes:
        statements = tuple(tree.Evaluate(o.span, o) for o in operands)
        return tree.Block(span, NEVER, statements, None)
    for operand, kind in zip(operands, kinds):
        # With the dtypes found so far: rules look at them.
        operand.type = kind if has_variables(kind) else final(kind)
    listed = list(operands)
    try:
        if op.elementwise:
            listed = stretch_together(frame, listed, span)
        context = OpContext(frame, op, listed, span)
        results = op.rule(context, listed, attributes)
    except (Rejected, CannotBroadcast):
        return tree.Constant(span, BROKEN, None)
    result = results[0] if len(results) == 1 else types.Tuple(results)
    size = None
    if op.dim is not None and result == types.INT:
        size = in_range(op.dim(*(known_dim(o) for o in context.operands), **attributes))
    return tree.Apply(span, result, op, tuple(context.operands), attributes, size)


def in_range(size: Any) -> Any:
    """The size, unless it is a number that no int64 holds: the run reports the overflow."""
    return None if isinstance(size, int) and not -(2**63) <= size < 2**63 else size


def _mentions_sizes(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_mentions_sizes(v) for v in value)
    return isinstance(value, dims.Polynomial)


def call_op(
    frame: Frame, op: Op, supplied: Sequence[Supplied], span: Span, expected: Type | None
) -> tree.Expr:
    """A call of a primitive by its surface name."""
    try:
        return _call_op(frame, op, supplied, span, expected)
    except Uncheckable:
        return tree.Constant(span, BROKEN, None)


def _call_op(
    frame: Frame, op: Op, supplied: Sequence[Supplied], span: Span, expected: Type | None
) -> tree.Expr:
    shown = op.surface or op.name
    slots = _arrange(frame, shown, op.parameters, supplied, span)
    if slots is None:
        return tree.Constant(span, BROKEN, None)
    operands: list[tree.Expr] = []
    dtype_groups: list[tuple[Parameter, tree.Expr]] = []
    attributes: dict[str, Any] = {}
    sound = True
    for parameter, slot in zip(op.parameters, slots):
        if parameter.kind.is_attribute:
            value = _attribute(frame, shown, parameter, slot, expected)
            sound = sound and value is not _INVALID
            attributes[parameter.name] = value
            continue
        found = _operands(frame, parameter, slot, expected, span)
        sound = sound and found is not None
        operands += found or []
        if parameter.kind in (Kind.TENSOR, Kind.TENSORS):
            dtype_groups += [(parameter, o) for o in found or []]
    if not sound or not _agree_on_dtypes(frame, shown, dtype_groups):
        return tree.Constant(span, BROKEN, None)
    if op.complete is not None:
        attributes = op.complete(operands, attributes)
    shape = known_shape(frame.session, op, operands, attributes)
    result = apply_op(frame, op, operands, attributes, span)
    return result if shape is None else with_shape(result, shape)


def _arrange(
    frame: Frame,
    shown: str,
    parameters: Sequence[Parameter],
    supplied: Sequence[Supplied],
    span: Span,
) -> list[Supplied | None] | None:
    names = [p.name for p in parameters]
    slots: list[Supplied | None] = [None] * len(names)
    position = 0
    for argument in supplied:
        if argument.name is not None:
            if argument.name.name not in names:
                unknown_argument(frame, shown, argument.name, names)
                return None
            slots[names.index(argument.name.name)] = argument
        elif position < len(names):
            slots[position] = argument
            position += 1
        else:
            count = len(names)
            frame.error(
                "E0220",
                f"`{shown}` takes {count} argument{'s' if count != 1 else ''}, "
                f"and {len(supplied)} are given",
                argument.span,
            )
            return None
    for parameter, slot in zip(parameters, slots):
        if slot is None and parameter.default is REQUIRED:
            frame.error("E0221", f"`{shown}` needs `{parameter.name}`, which is not given", span)
            return None
    return slots


_INVALID = object()


def _attribute(
    frame: Frame, shown: str, parameter: Parameter, slot: Supplied | None, expected: Type | None
) -> Any:
    """The value of an attribute, which must be known at compile time."""
    if slot is None:
        wanted = resolve(expected) if expected is not None else None
        if parameter.kind is Kind.DTYPE and isinstance(wanted, Tensor):
            dtype = resolve_dtype(wanted.dtype)
            default = parameter.default
            if (
                isinstance(dtype, DType)
                and isinstance(default, DType)
                and (dtype.kind == default.kind)
            ):
                return dtype
        return parameter.default
    if parameter.kind is Kind.DTYPE:
        return dtype_argument(frame, slot)
    entry = None
    if isinstance(slot.value, ast.Expr):
        entry = static(frame, slot.value)
        if is_none(frame, slot.value):
            return parameter.default
    if isinstance(entry, Static) and isinstance(entry.value, Choice):
        return parameter.default
    if isinstance(slot.value, ast.ListLiteral) and parameter.kind is Kind.INTEGERS:
        expr = late.list_argument(frame, slot.value)
    else:
        expr = supplied_expr(frame, slot)
    found = known(expr)
    value = attribute_value(parameter.kind, found, parameter.default)
    if value is _INVALID and frame.generic and _mentions_sizes(found):
        raise Uncheckable
    if value is _INVALID and resolve(expr.type) != BROKEN:
        wanted_kind = {
            Kind.INTEGER: "an integer",
            Kind.INTEGERS: "an integer or a list of integers",
            Kind.BOOLEAN: "true or false",
            Kind.TEXT: "a string",
        }[parameter.kind]
        frame.error(
            "E0206",
            f"`{parameter.name}` of `{shown}` must be known before the run",
            slot.span,
            "only the run knows this value"
            if isinstance(found, dims.Polynomial)
            else f"needs {wanted_kind} here",
            helps=("inside a function, a `const` parameter can be handed on",),
        )
    return value


def attribute_value(kind: Kind, value: Any, default: Any) -> Any:
    """What is known of an argument as the value of an attribute of this kind."""
    if isinstance(value, Choice):
        return default
    match kind, value:
        case (Kind.BOOLEAN, bool()) | (Kind.TEXT, str()):
            return value
        case Kind.INTEGER, int() if not isinstance(value, bool):
            return value
        case Kind.INTEGERS, int() if not isinstance(value, bool):
            return (value,)
        case Kind.INTEGERS, tuple() if all(isinstance(v, int) for v in value):
            return value
    return _INVALID


def dtype_argument(frame: Frame, slot: Supplied) -> Any:
    """The dtype an argument names: `float32`, a generic name, `x.dtype`."""
    node = slot.value
    if isinstance(node, ast.Name):
        if node.name in dtypes.BY_NAME:
            return dtypes.BY_NAME[node.name]
        entry = frame.look_up(node.name)
        if isinstance(entry, StaticType) and isinstance(entry.type, Tensor):
            return entry.type.dtype
        if isinstance(entry, Static) and isinstance(entry.value, DType):
            return entry.value
    if isinstance(node, ast.Field) and node.name.name == "dtype":
        base = resolve(check_expr(frame, node.base).type)
        if isinstance(base, Tensor):
            dtype = resolve_dtype(base.dtype)
            return dtypes.FLOAT64 if isinstance(dtype, DTypeVariable) else dtype
    sizes = isinstance(node, ast.IntLiteral)
    frame.error(
        "E0207",
        "a dtype is needed here, such as `float32`",
        slot.span,
        helps=("the sizes of a shape stand in brackets: `zeros([2, 3])`",) if sizes else (),
    )
    return _INVALID


def supplied_expr(frame: Frame, slot: Supplied, expected: Type | None = None) -> tree.Expr:
    """The checked expression of an argument."""
    if isinstance(slot.value, tree.Expr):
        return slot.value
    return check_expr(frame, slot.value, expected)


def _operands(
    frame: Frame,
    parameter: Parameter,
    slot: Supplied | None,
    expected: Type | None,
    span: Span,
) -> list[tree.Expr] | None:
    if slot is None:
        return _default_operand(frame, parameter, span)
    match parameter.kind:
        case Kind.DIMS:
            return sizes_of(frame, slot)
        case Kind.TENSORS:
            return _several(frame, slot)
        case Kind.VALUE:
            expr = supplied_expr(frame, slot, parameter.type)
            if parameter.type is not None:
                expr = coerce(frame, expr, parameter.type, f"for `{parameter.name}`")
            return [expr]
    expr = tensor_expr(frame, slot)
    kind = resolve(expr.type)
    if isinstance(kind, Tensor) or kind in (BROKEN, NEVER):
        return [expr]
    return [
        frame.error(
            "E0313",
            f"`{parameter.name}` must be a number or a tensor",
            expr.span,
            f"this is {types.show(kind)}",
            helps=("`tensor(list)` makes a tensor of a list of numbers",)
            if isinstance(kind, types.List)
            else (),
        )
    ]


def _default_operand(frame: Frame, parameter: Parameter, span: Span) -> list[tree.Expr]:
    if parameter.kind in (Kind.DIMS, Kind.TENSORS):
        return []
    if isinstance(parameter.default, str):
        return [tree.Constant(span, types.STRING, parameter.default)]
    if isinstance(parameter.default, bool):
        return [tree.Constant(span, types.BOOL, parameter.default)]
    if isinstance(parameter.default, int) and parameter.dtype == "int64":
        return [tree.Constant(span, types.INT, parameter.default)]
    kind = frame.literal(isinstance(parameter.default, float))
    return [tree.Constant(span, kind, parameter.default)]


def tensor_expr(frame: Frame, slot: Supplied) -> tree.Expr:
    """An operand; a bracket literal in a tensor's place is a tensor."""
    if isinstance(slot.value, ast.ListLiteral):
        return check_expr(frame, slot.value, types.Tensor(frame.literal(False).dtype, (1,)))
    return supplied_expr(frame, slot)


def _several(frame: Frame, slot: Supplied) -> list[tree.Expr] | None:
    """A list of operands written out, or a tuple or fixed-size list of tensors."""
    if isinstance(slot.value, ast.ListLiteral | ast.TupleLiteral):
        return [tensor_expr(frame, Supplied(item)) for item in slot.value.items]
    expr = supplied_expr(frame, slot)
    match resolve(expr.type):
        case types.Tuple(items):
            return [tree.Get(expr.span, t, expr, i) for i, t in enumerate(items)]
        case types.Array(element, length):
            return [tree.Get(expr.span, element, expr, i) for i in range(length)]
        case types.List(element) if has_holes(element):
            return None
        case types.List():
            text = expr.span.text if len(expr.span.text) <= 40 else "xs"
            helps = (f"`tensor({text})` stacks the elements of a list along a new first axis",)
        case _:
            helps = ("write the tensors between brackets: `[a, b]`",)
    frame.error(
        "E0313",
        "a list of tensors must be written out here",
        expr.span,
        f"this is {types.show(resolve(expr.type))}",
        helps=helps,
    )
    return None


def sizes_of(frame: Frame, slot: Supplied) -> list[tree.Expr] | None:
    """The int operands of a shape: `[n, 3]`, `(n, 3)`, `shape(x)`, or one integer."""
    if isinstance(slot.value, ast.ListLiteral | ast.TupleLiteral):
        items = [check_expr(frame, item, types.INT) for item in slot.value.items]
        return [coerce(frame, i, types.INT, "a size is an int") for i in items]
    expr = supplied_expr(frame, slot, types.INT)
    kind = resolve(expr.type)
    found = known(expr)
    match kind:
        case types.Tuple(parts):
            count = len(parts)
        case types.Array(_, length):
            count = length
        case types.Tensor(_, ()):
            return [coerce(frame, expr, types.INT, "a size is an int")]
        case _ if kind in (BROKEN, NEVER):
            return None
        case _:
            mismatch(frame, expr, types.Array(types.INT, 2), "a shape is a list of sizes")
            return None
    sizes = found if isinstance(found, tuple) else (None,) * count
    return [
        tree.SizeOf(expr.span, types.INT, size)
        if size is not None and not isinstance(size, int)
        else tree.Constant(expr.span, types.INT, size)
        if size is not None
        else coerce(
            frame,
            tree.Get(
                expr.span, kind.items[i] if isinstance(kind, types.Tuple) else types.INT, expr, i
            ),
            types.INT,
        )
        for i, size in enumerate(sizes)
    ]


_CLASSES: dict[str, Callable[[DType], bool]] = {
    "any": lambda d: True,
    "number": lambda d: d.kind != "bool",
    "float": lambda d: d.is_float,
    "int": lambda d: d.is_int,
    "bool": lambda d: d.kind == "bool",
}


def _agree_on_dtypes(
    frame: Frame, shown: str, operands: Sequence[tuple[Parameter, tree.Expr]]
) -> bool:
    """Operands of one letter have one dtype, of the class asked for; literals adapt."""
    groups: dict[str, tree.Expr] = {}
    for parameter, operand in operands:
        kind = resolve(operand.type)
        if not isinstance(kind, Tensor):
            if kind in (BROKEN, NEVER):
                continue
            return False
        letter, _, name = parameter.dtype.rpartition(":")
        if letter:
            first = groups.setdefault(letter, operand)
            first_kind = resolve(first.type)
            assert isinstance(first_kind, Tensor)
            if not unify_dtypes(first_kind.dtype, kind.dtype):
                different_dtypes(frame, first, operand, f"`{shown}`")
                return False
        if not _has_class(kind, name):
            _wrong_class(frame, shown, operand, name)
            return False
    return True


def _has_class(kind: Tensor, name: str) -> bool:
    dtype = resolve_dtype(kind.dtype)
    if isinstance(dtype, DTypeVariable):
        if name == "float":
            dtype.float_only = True
        elif name == "int":
            return not dtype.float_only
        elif name not in _CLASSES:
            return unify_dtypes(dtype, dtypes.BY_NAME[name])
        return name != "bool"
    if name in _CLASSES:
        return _CLASSES[name](dtype)
    return dtype == dtypes.BY_NAME[name]


def _wrong_class(frame: Frame, shown: str, operand: tree.Expr, name: str) -> None:
    kind = resolve(operand.type)
    wanted = {
        "float": "floats",
        "int": "integers",
        "bool": "booleans",
        "number": "numbers",
    }.get(name, name)
    helps: tuple[str, ...] = ()
    if name == "float" and isinstance(kind, Tensor):
        helps = ("convert it with `as float32` or `as float64`",)
    frame.error(
        "E0314",
        f"`{shown}` needs {wanted}",
        operand.span,
        f"this is {types.show(kind)}",
        helps=helps,
    )


def different_dtypes(frame: Frame, left: tree.Expr, right: tree.Expr, what: str) -> None:
    """Two operands that must share a dtype do not: there are no implicit conversions."""
    a, b = resolve(left.type), resolve(right.type)
    assert isinstance(a, Tensor) and isinstance(b, Tensor)
    frame.error(
        "E0315",
        f"{what} needs both sides to have one dtype",
        right.span,
        f"this is {types.show(b)}",
        secondary=(Label(left.span, f"this is {types.show(a)}"),),
        helps=(_conversion(left, right),),
    )


def _conversion(left: tree.Expr, right: tree.Expr) -> str:
    """What to write for two operands to have one dtype: integers become floats, else the right one
    follows the left one."""
    a, b = resolve(left.type), resolve(right.type)
    assert isinstance(a, Tensor) and isinstance(b, Tensor)
    changed, kept = (left, b) if _is_int(a) and not _is_int(b) else (right, a)
    dtype = types.show(Tensor(kept.dtype))
    text = changed.span.text
    if "\n" in text or len(text) > 40:
        return f"convert one of them, for example with `as {dtype}`"
    shown = text if text.isidentifier() or text.isdecimal() else f"({text})"
    return f"convert one of them, for example `{shown} as {dtype}`"


def _is_int(kind: Tensor) -> bool:
    dtype = resolve_dtype(kind.dtype)
    return isinstance(dtype, DType) and dtype.is_int


def is_none(frame: Frame, node: ast.Expr) -> bool:
    """Whether an expression is the bare name `None`."""
    if not isinstance(node, ast.Name):
        return False
    entry = frame.look_up(node.name)
    return isinstance(entry, Variant) and entry.name == "None"
