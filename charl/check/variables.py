"""Variables come into being: what is known of a value is kept for one that is never reassigned."""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.check.declarations import Static
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.known import known, known_dim
from charl.syntax import ast
from charl.types import dims, types
from charl.types.dims import Unknown
from charl.types.types import INT, Type


def bind_variable(
    frame: Frame,
    pattern: ast.NamePattern,
    value: tree.Expr,
    annotation: Type | None = None,
    constant: bool = False,
) -> tree.Statement:
    """A new variable. One that is never assigned again keeps all that is known of its value."""
    kind = value.type
    variable = tree.Variable(pattern.name, kind, pattern.span)
    if pattern.name in frame.assigned:
        if annotation is not None and _has_unknown(annotation):
            variable.type = annotation
    else:
        variable.known = known(value)
        if resolve(kind) == INT:
            variable.dim = known_dim(value) or (
                variable.known if isinstance(variable.known, int) else dims.symbol(pattern.name)
            )
    if constant:
        frame.scopes[-1].setdefault("const " + pattern.name, Static(True))
    frame.bind(pattern.name, variable)
    return tree.Let(pattern.span, variable, value)


def _has_unknown(annotation: Type) -> bool:
    found = False

    def see(dim: Any) -> Any:
        nonlocal found
        found = found or isinstance(dim, Unknown)
        return dim

    types.map_dims(annotation, see)
    return found
