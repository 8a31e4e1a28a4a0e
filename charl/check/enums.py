"""Enum variants: how their values are made.

A variant with a payload is called like a function; one without is a value. Generic arguments that
the payload does not decide come from the type that the context expects.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.check import tree
from charl.check.annotations import (
    instantiate,
    payloads_of_enum,
)
from charl.check.arithmetic import as_list
from charl.check.bindings import Bindings, hint
from charl.check.declarations import Enum, Function, Variant
from charl.check.dispatch import broken, check_expr
from charl.check.frame import Frame
from charl.check.generics import generic_kinds
from charl.check.infer import coerce, resolve
from charl.check.signatures import Supplied, unknown_argument
from charl.diagnostics.suggest import nearest
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Dim
from charl.types.types import Type


def variant_of(frame: Frame, enum: Enum, name: ast.Identifier) -> Variant | tree.Expr:
    """The variant of that name, or a reported error."""
    for index, variant in enumerate(enum.variants):
        if variant.name.name == name.name:
            return Variant(enum, index)
    near = nearest(name.name, [v.name.name for v in enum.variants])
    return frame.error(
        "E0231",
        f"`{enum.name}` has no variant `{name.name}`",
        name.span,
        helps=(f"did you mean `{near}`?",) if near else (),
    )


def make_variant(
    frame: Frame, variant: Variant, node: ast.Call, expected: Type | None
) -> tree.Expr:
    """`Variant(payload)`; generic arguments follow from the payload, then from the context."""
    enum = variant.enum
    payload = enum.variants[variant.index].payload
    names = [name.name if name is not None else f"{i}" for i, (name, _) in enumerate(payload)]
    slots = _variant_slots(frame, variant, names, node)
    if slots is None:
        return broken(node)
    found = None if expected is None else resolve(expected)
    wanted = found if isinstance(found, types.Enum) and found.declaration is enum else None
    hints = _payload_hints(frame, variant, wanted)
    values = [
        check_expr(frame, slot.value, hints[i])
        for i, slot in enumerate(slots)
        if isinstance(slot.value, ast.Expr)
    ]
    kind = _enum_type(frame, enum, variant, values, wanted)
    if kind is None:
        return broken(node)
    fields = payloads_of_enum(frame, kind)[variant.index]
    items = tuple(
        coerce(frame, as_list(v), t, f"`{variant.name}` holds {types.show(t)}")
        for v, t in zip(values, fields)
    )
    return tree.Variant(node.span, kind, variant.index, items)


def _payload_hints(
    frame: Frame, variant: Variant, wanted: types.Enum | None
) -> tuple[Type | None, ...]:
    """What literals in the payload should become."""
    if wanted is None:
        template = instantiate(frame, variant.enum, _generic_arguments(frame, variant.enum))
        assert isinstance(template, types.Enum)
        wanted = template
    return tuple(hint(t) for t in payloads_of_enum(frame, wanted)[variant.index])


def _generic_arguments(frame: Frame, enum: Enum) -> tuple[Type | Dim, ...]:
    return tuple(
        types.Parameter(name, enum) if what == "type" else dims.of(dims.Symbol(name, rigid=True))
        for name, what in generic_kinds(frame, enum).items()
    )


def _variant_slots(
    frame: Frame, variant: Variant, names: list[str], node: ast.Call
) -> list[Supplied] | None:
    slots: dict[int, Supplied] = {}
    for position, argument in enumerate(node.arguments):
        index = position
        if argument.name is not None:
            if argument.name.name not in names:
                unknown_argument(frame, variant.name, argument.name, names)
                return None
            index = names.index(argument.name.name)
        slots[index] = Supplied(argument.value, argument.name)
    if sorted(slots) != list(range(len(names))):
        frame.error(
            "E0221" if len(slots) < len(names) else "E0220",
            f"`{variant.name}` holds {len(names)} value{'s' if len(names) != 1 else ''}, "
            f"and {len(node.arguments)} are given",
            node.span,
        )
        return None
    return [slots[i] for i in range(len(names))]


def _enum_type(
    frame: Frame,
    enum: Enum,
    variant: Variant,
    values: Sequence[tree.Expr],
    wanted: types.Enum | None,
) -> types.Enum | None:
    kinds = generic_kinds(frame, enum)
    if not kinds:
        kind = instantiate(frame, enum, ())
        return kind if isinstance(kind, types.Enum) else None
    parameters = _generic_arguments(frame, enum)
    template = instantiate(frame, enum, parameters)
    if not isinstance(template, types.Enum):
        return None
    bindings = Bindings()
    for annotation, value in zip(payloads_of_enum(frame, template)[variant.index], values):
        bindings.match(annotation, value.type)
    arguments: list[Type | Dim] = []
    for position, parameter in enumerate(parameters):
        if isinstance(parameter, types.Parameter):
            found = bindings.types.get(parameter)
            if found is None and wanted is not None:
                found = wanted.arguments[position]  # type: ignore[assignment]
            arguments.append(found if found is not None else types.Variable())
        else:
            arguments.append(dims.substitute(parameter, bindings.dims))  # type: ignore[arg-type]
    kind = instantiate(frame, enum, tuple(arguments))
    return kind if isinstance(kind, types.Enum) else None


def variant_function(frame: Frame, variant: Variant) -> Function:
    """A variant as a function value."""
    key = (variant.enum, variant.index)
    found = frame.session.lambdas.get(key)
    if found is not None:
        return found
    node = variant.enum.variants[variant.index]
    span = node.span
    names = [f"item{i}" for i in range(len(node.payload))]
    body = ast.Call(
        span,
        ast.Name(span, variant.name),
        tuple(ast.Argument(span, None, ast.Name(span, n)) for n in names),
    )
    parameters = tuple(ast.Parameter(span, ast.NamePattern(span, n), None, None) for n in names)
    function = Function(variant.name, variant.enum.module, span, parameters, None, body)
    frame.session.lambdas[key] = function
    return function
