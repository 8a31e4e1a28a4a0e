"""Names and fields as values: variables, sizes, functions, variants, `x.field`, `module.name`."""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.check.annotations import fields_of_struct
from charl.check.declarations import (
    Builtin,
    Enum,
    FieldOf,
    Function,
    Logic,
    Module,
    OpFunction,
    Static,
    Struct,
    Variant,
)
from charl.check.dispatch import check_expr, expression
from charl.check.elsewhere import help_for_member
from charl.check.enums import make_variant, variant_function, variant_of
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.known import Choice
from charl.check.measures import shape_of
from charl.check.modules import member, no_member
from charl.check.naming import entry_of, unknown_name
from charl.core.op import Kind
from charl.diagnostics.suggest import nearest
from charl.source import Span
from charl.syntax import ast
from charl.types import dims, dtypes, types
from charl.types.types import BOOL, BROKEN, INT, NEVER, STRING, Array, Closure, Tensor, Type


@expression(ast.Name)
def check_name(frame: Frame, node: ast.Name, expected: Type | None) -> tree.Expr:
    entry = frame.look_up(node.name)
    if entry is None:
        if node.name in dtypes.BY_NAME:
            return frame.error(
                "E0203",
                f"`{node.name}` is a type, and a value is needed here",
                node.span,
            )
        return unknown_name(frame, node)
    return value_of(frame, entry, node, expected)


def value_of(frame: Frame, entry: Any, node: ast.Expr, expected: Type | None) -> tree.Expr:
    """What a name stands for, as a value."""
    span = node.span
    match entry:
        case tree.Variable():
            return _read(frame, entry, span)
        case Static():
            return static_value(frame, entry, span)
        case FieldOf(variable=variable, index=index):
            struct = variable.type
            assert isinstance(struct, types.Struct)
            kind = fields_of_struct(frame, struct)[index]
            return tree.Get(span, kind, tree.Read(span, struct, variable), index)
        case Function():
            return tree.MakeClosure(span, Closure(entry), ())
        case OpFunction():
            return tree.MakeClosure(span, Closure(op_function(frame, entry)), ())
        case Variant():
            call = ast.Call(span, node, ())
            if not entry.enum.variants[entry.index].payload:
                return make_variant(frame, entry, call, expected)
            return tree.MakeClosure(span, Closure(variant_function(frame, entry)), ())
        case Struct():
            return frame.error("E0203", f"`{entry.name}` is a type: call it to make a value", span)
        case Builtin(name=name):
            return frame.error(
                "E0228",
                f"`{name}` is part of the language and cannot be passed on",
                span,
                helps=(f"wrap it: `|x| {name}(x)`",),
            )
        case Logic(name=name):
            return frame.error("E0801", f"`{name}` cannot be evaluated yet", span)
        case Module(name=name):
            return frame.error("E0224", f"`{name}` is a module: name one of its members", span)
    name = node.span.text
    return frame.error("E0203", f"`{name}` is a type, and a value is needed here", span)


def _read(frame: Frame, variable: tree.Variable, span: Span) -> tree.Expr:
    if variable.is_global and not frame.is_top and variable not in frame.instance.globals:
        frame.instance.globals.append(variable)
    kind = resolve(variable.type)
    opened = frame.opened(kind) if isinstance(kind, Tensor) else kind
    return tree.Read(span, opened, variable)


def static_value(frame: Frame, entry: Static, span: Span) -> tree.Expr:
    """A size or const parameter as a value."""
    value = entry.value
    match value:
        case bool():
            return tree.Constant(span, BOOL, value)
        case int() | float():
            kind = entry.type if entry.type is not None else INT
            return tree.Constant(span, kind, value)
        case str():
            return tree.Constant(span, STRING, value)
        case dims.Polynomial():
            return tree.SizeOf(span, INT, value)
        case Choice(tag=tag) if isinstance(entry.type, types.Enum):
            return tree.Variant(span, entry.type, tag, ())
        case tuple():
            items = tuple(static_value(frame, Static(v, INT), span) for v in value)
            return tree.Make(span, Array(INT, len(items)), items)
    return frame.error("E0229", "this stands for nothing that has a value", span)


def op_function(frame: Frame, entry: OpFunction) -> Function:
    """A primitive as a function value: `|x| op(x)`, one per session."""
    op = entry.op
    found = frame.session.lambdas.get(op.name)
    if found is not None:
        return found
    prelude = frame.session.prelude
    assert prelude is not None and op.surface is not None
    span = Span(prelude.source, 0, 0)
    names = [p.name for p in op.parameters if not p.kind.is_attribute and p.kind is not Kind.DIMS]
    parameters = tuple(
        ast.Parameter(span, ast.NamePattern(span, name), None, None) for name in names
    )
    body = ast.Call(
        span,
        ast.Name(span, op.surface),
        tuple(ast.Argument(span, None, ast.Name(span, name)) for name in names),
    )
    function = Function(op.surface, prelude, span, parameters, None, body, doc=op.doc)
    function.statics = {op.surface: entry}
    frame.session.lambdas[op.name] = function
    return function


@expression(ast.Field)
def check_field(frame: Frame, node: ast.Field, expected: Type | None) -> tree.Expr:
    name = node.name.name
    entry = entry_of(frame, node.base)
    if isinstance(entry, Module):
        found = member(entry, name)
        if found is None:
            return no_member(frame, entry, node.name)
        return value_of(frame, found, node, expected)
    if isinstance(entry, Enum):
        variant = variant_of(frame, entry, node.name)
        if isinstance(variant, tree.Expr):
            return variant
        return value_of(frame, variant, node, expected)
    base = check_expr(frame, node.base)
    kind = resolve(base.type)
    match kind:
        case types.Struct(declaration=declaration):
            names = declaration.field_names
            if name in names:
                index = names.index(name)
                return tree.Get(node.span, fields_of_struct(frame, kind)[index], base, index)
        case types.Tuple(items) if name.isdigit():
            if int(name) < len(items):
                return tree.Get(node.span, items[int(name)], base, int(name))
            return frame.error(
                "E0231",
                f"this tuple has {len(items)} items, counted from 0",
                node.name.span,
                f"there is no item {name}",
            )
        case Array(element, length) if name.isdigit() and int(name) < length:
            return tree.Get(node.span, element, base, int(name))
        case Tensor() if name == "shape":
            return shape_of(frame, base, kind, node.span)
        case _ if kind in (BROKEN, NEVER):
            return base
    return _no_field(frame, kind, node)


def _no_field(frame: Frame, kind: Type, node: ast.Field) -> tree.Expr:
    name = node.name.name
    names: list[str] = []
    if isinstance(kind, types.Struct):
        names = list(kind.declaration.field_names)
        if name in kind.declaration.methods:
            return frame.error(
                "E0232",
                f"`{name}` is a method: call it",
                node.name.span,
                helps=(f"write `{node.span.text}()`",),
            )
    near = nearest(name, names)
    helps: tuple[str, ...] = (f"did you mean `{near}`?",) if near else help_for_member(name)
    if isinstance(kind, types.Tuple):
        helps = ("the items of a tuple are `.0`, `.1` and so on; `let (a, b) = t` takes it apart",)
    elif not helps and names:
        helps = (f"its fields are {', '.join(f'`{n}`' for n in names)}",)
    return frame.error(
        "E0231", f"{types.show(kind)} has no field `{name}`", node.name.span, helps=helps
    )
