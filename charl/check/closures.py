"""Functions made inside others: lambdas and local `fn`.

They capture the variables they use by value; sizes and compile-time constants are not captured but
belong to the function, which is made once for each set of them.
"""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.check.declarations import FieldOf, Function, Static, StaticType
from charl.check.dispatch import expression
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.names import used_names
from charl.check.references import value_of
from charl.source import Span
from charl.syntax import ast
from charl.types import dims
from charl.types.types import INT, Closure, Type


@expression(ast.Lambda)
def _lambda(frame: Frame, node: ast.Lambda, expected: Type | None) -> tree.Expr:
    used = used_names(node)
    return make_closure(
        frame, node, "closure", node.parameters, None, node.body, (), used, node.span, ""
    )


def make_closure(
    frame: Frame,
    key: ast.Node,
    name: str,
    parameters: tuple[ast.Parameter, ...],
    result: ast.TypeExpr | None,
    body: ast.Expr,
    generics: tuple[ast.Generic, ...],
    used: frozenset[str],
    span: Span,
    recursive: str,
) -> tree.Expr:
    """A function made inside another: it captures the variables it uses by value."""
    captured: dict[str, tree.Expr] = {}
    statics: dict[str, Any] = {}
    for used_name in sorted(used - {recursive}):
        entry = _local(frame, used_name)
        match entry:
            case tree.Variable():
                captured[used_name] = tree.Read(span, resolve(entry.type), entry)
            case FieldOf():
                captured[used_name] = value_of(frame, entry, ast.Name(span, used_name), None)
            case Static(value=dims.Polynomial() as size):
                captured[used_name] = tree.SizeOf(span, INT, size)
            case Static() | StaticType():
                statics[used_name] = entry
            case Function() if _is_nested(frame, used_name):
                statics[used_name] = entry
    identity = (id(key), tuple(captured), tuple((n, _static_key(e)) for n, e in statics.items()))
    function = frame.session.lambdas.get(identity)
    if function is None:
        function = Function(
            name,
            frame.module,
            span,
            parameters,
            result,
            body,
            generics,
            captures=tuple(captured),
            statics=statics,
            recursive_name=recursive or None,
        )
        function.checked = not recursive  # a lambda is checked where it is called
        frame.session.lambdas[identity] = function
    kind = Closure(function, tuple(c.type for c in captured.values()))
    return tree.MakeClosure(span, kind, tuple(captured.values()))


def _is_nested(frame: Frame, name: str) -> bool:
    return any(name in scope for scope in frame.scopes)


def _local(frame: Frame, name: str) -> Any:
    for scope in reversed(frame.scopes):
        if name in scope:
            return scope[name]
    if frame.is_top and dict.__contains__(frame.module.names, name):
        return frame.module.names[name]
    return None


def _static_key(entry: Any) -> Any:
    return (entry.value, type(entry.value).__name__) if isinstance(entry, Static) else entry
