"""Bindings: `let` and `var`, with or without a written type."""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.check.annotations import Scope, resolve_type
from charl.check.arithmetic import as_list
from charl.check.declarations import Static
from charl.check.dispatch import check_expr, statement
from charl.check.frame import Frame
from charl.check.infer import coerce, resolve
from charl.check.patterns import destructure
from charl.check.variables import bind_variable
from charl.diagnostics.diagnostic import Label
from charl.syntax import ast
from charl.types import types
from charl.types.types import UNIT, List, Tensor, Type


@statement(ast.Let)
def check_let(frame: Frame, node: ast.Let) -> list[tree.Statement]:
    annotation: Type | None = None
    if node.type is not None:
        annotation = resolve_type(Scope(frame, rest=_rest(frame)), node.type)
    value = check_expr(frame, node.value, annotation)
    if annotation is None:
        fix_integers(value.type)
    if annotation is not None:
        label = Label(node.type.span, f"declared as {types.show(annotation)}")  # type: ignore[union-attr]
        value = coerce(frame, value, annotation, "", (label,))
    else:
        value = as_list(value) if isinstance(node.value, ast.ListLiteral) else value
    if resolve(value.type) == UNIT and not isinstance(node.value, ast.TupleLiteral):
        value = frame.error(
            "E0306", "this yields no value, so there is nothing to bind", node.value.span
        )
    if isinstance(node.pattern, ast.NamePattern):
        return [bind_variable(frame, node.pattern, value, annotation, node.keyword == "const")]
    return destructure(frame, node.pattern, value)


def fix_integers(type: Type) -> None:
    """A whole number that a variable is bound to is an int; only its width in floats stays open."""

    match resolve(type):
        case Tensor(types.DTypeVariable() as dtype, _) if not dtype.float_only:
            dtype.bound = dtype.default or types.INT.dtype
        case List(element) | types.Array(element, _):
            fix_integers(element)
        case types.Tuple(items):
            for item in items:
                fix_integers(item)


def _rest(frame: Frame) -> Any:
    entry = frame.look_up("..")
    return entry.value if isinstance(entry, Static) else None
