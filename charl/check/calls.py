"""Calls: what is called.

A call may name a function, a primitive, a builtin, a struct or model (a constructor), an enum
variant, a method, or any function value. `x.f(y)` and `x |> f(y)` are `f(x, y)` when `x` has no
member `f`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from charl.check import tree
from charl.check.annotations import fields_of_struct
from charl.check.declarations import (
    Builtin,
    Enum,
    Function,
    Logic,
    Module,
    OpFunction,
    StaticType,
    Struct,
    Variant,
)
from charl.check.dispatch import Checked, check_expr, expression
from charl.check.elsewhere import help_for_member
from charl.check.enums import make_variant, variant_of
from charl.check.extremes import OF_TWO, extreme_of_several
from charl.check.frame import Frame
from charl.check.function_calls import call_function
from charl.check.function_values import call_value
from charl.check.infer import resolve
from charl.check.models import construct as construct_value
from charl.check.modules import member, no_member
from charl.check.naming import entry_of, is_place, unknown_name
from charl.check.rules import call_op
from charl.check.signatures import Supplied, written
from charl.diagnostics.suggest import nearest
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, Tensor, Type


@expression(ast.Call)
def check_call(frame: Frame, node: ast.Call, expected: Type | None) -> tree.Expr:
    callee = node.callee
    match callee:
        case ast.Name(name=name):
            entry = frame.look_up(name)
            if entry is None and name in _DTYPE_NAMES:
                return _call_dtype(frame, node)
            if entry is None:
                return unknown_name(frame, callee, "function")
            return call_entry(frame, entry, callee, node, expected)
        case ast.Field():
            return _call_member(frame, callee, node, expected)
        case ast.Index(base=ast.Name() | ast.Field() as base):
            entry = entry_of(frame, base)
            if isinstance(entry, Struct | Enum):
                return construct(frame, entry, callee.items, node, expected)
    return _call_computed(frame, callee, node)


def _call_computed(frame: Frame, callee: ast.Expr, node: ast.Call) -> tree.Expr:
    """A call of a value; a model that is stored somewhere may be updated there."""
    value = check_expr(frame, callee)
    place = callee if is_place(callee) else None
    return call_value(frame, value, written(node.arguments), node.span, place)


def call_entry(
    frame: Frame, entry: Any, callee: ast.Expr, node: ast.Call, expected: Type | None
) -> tree.Expr:
    """A call of what a name stands for."""
    match entry:
        case Builtin():
            return entry.check(frame, node, expected)
        case OpFunction(op=op):
            if op.name in OF_TWO:
                several = extreme_of_several(frame, op, node, expected)
                if several is not None:
                    return several
            return call_op(frame, op, written(node.arguments), node.span, expected)
        case Function():
            return call_function(frame, entry, written(node.arguments), node.span)
        case Struct() | Enum():
            return construct(frame, entry, (), node, expected)
        case Variant():
            return make_variant(frame, entry, node, expected)
        case Logic(name=name):
            return frame.error(
                "E0801",
                f"`{name}` is a relation or logic block: these cannot be evaluated yet",
                node.span,
            )
        case Module(name=name):
            return frame.error("E0224", f"`{name}` is a module, not a function", callee.span)
        case StaticType(type=Tensor()):
            return _call_dtype(frame, node)
    return _call_computed(frame, callee, node)


_DTYPE_NAMES = frozenset(("int", "float", "bool", "int32", "int64", "float32", "float64"))


def _call_dtype(frame: Frame, node: ast.Call) -> tree.Expr:
    name = node.callee.span.text
    argument = node.arguments[0].value if node.arguments else None
    text = "x" if argument is None else argument.span.text
    reader = "parse_int" if name.startswith("int") else "parse_float"
    return frame.error(
        "E0225",
        f"`{name}` is a type, not a function",
        node.callee.span,
        helps=(f"`{reader}({text})` reads text",)
        if isinstance(argument, ast.StringLiteral)
        else (f"write `{text} as {name}`; `parse_int` and `parse_float` read text",),
    )


def construct(
    frame: Frame,
    entry: Struct | Enum,
    arguments: Sequence[ast.Expr],
    node: ast.Call,
    expected: Type | None,
) -> tree.Expr:
    if isinstance(entry, Enum):
        return frame.error(
            "E0226",
            f"`{entry.name}` is an enum: name one of its variants",
            node.callee.span,
            helps=tuple(f"for example `{v.name.name}`" for v in entry.variants[:1]),
        )
    return construct_value(frame, entry, arguments, node, expected)


def _call_member(
    frame: Frame, callee: ast.Field, node: ast.Call, expected: Type | None
) -> tree.Expr:
    """`module.f(x)`, `Enum.Variant(x)`, a field that holds a function, a method, or `f(x, ...)`."""
    name = callee.name.name
    entry = entry_of(frame, callee.base) if isinstance(callee.base, ast.Name | ast.Field) else None
    if isinstance(entry, Module):
        found = member(entry, name)
        if found is None:
            return no_member(frame, entry, callee.name)
        return call_entry(frame, found, callee, node, expected)
    if isinstance(entry, Enum):
        variant = variant_of(frame, entry, callee.name)
        if isinstance(variant, tree.Expr):
            return variant
        return make_variant(frame, variant, node, expected)
    base = check_expr(frame, callee.base)
    kind = resolve(base.type)
    if kind == BROKEN:
        return base
    if name.isdigit():
        item = check_expr(frame, ast.Field(callee.span, Checked(base.span, base), callee.name))
        return call_value(frame, item, written(node.arguments), node.span, place=callee)
    if isinstance(kind, types.Struct) and name in kind.declaration.field_names:
        index = kind.declaration.field_names.index(name)
        field = tree.Get(callee.span, fields_of_struct(frame, kind)[index], base, index)
        return call_value(
            frame,
            field,
            written(node.arguments),
            node.span,
            place=callee,
        )
    method = (
        kind.declaration.methods.get(name) if isinstance(kind, types.Struct | types.Enum) else None
    )
    if method is not None:
        receiver = Supplied(callee.base if method.mutable else base)
        return call_function(frame, method, [receiver, *written(node.arguments)], node.span)
    function = frame.look_up(name)
    if function is None or isinstance(function, Struct | Enum | Module):
        return _no_member(frame, kind, callee)
    first: ast.Expr = callee.base if is_place(callee.base) else Checked(callee.base.span, base)
    call = ast.Call(
        node.span,
        ast.Name(callee.name.span, name),
        (ast.Argument(callee.base.span, None, first), *node.arguments),
    )
    return check_call(frame, call, expected)


def _no_member(frame: Frame, kind: Type, callee: ast.Field) -> tree.Expr:
    name = callee.name.name
    members: list[str] = []
    if isinstance(kind, types.Struct):
        members = [*kind.declaration.field_names, *kind.declaration.methods]
    elif isinstance(kind, types.Enum):
        members = list(kind.declaration.methods)
    helps = help_for_member(name)
    near = nearest(name, members if helps else [*members, *frame.visible_names()])
    return frame.error(
        "E0230",
        f"{types.show(kind)} has no method `{name}`, and there is no function of that name",
        callee.name.span,
        helps=(f"did you mean `{near}`?",) if near else helps,
    )
