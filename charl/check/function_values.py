"""Calls of function values: closures, one of several closures, models, derived functions."""

from __future__ import annotations

from collections.abc import Sequence

from charl.check import late, tree
from charl.check.declarations import (
    Derived,
    Function,
    Struct,
)
from charl.check.extremes import extreme_of_two
from charl.check.frame import Frame
from charl.check.function_calls import call_function
from charl.check.infer import coerce, join, resolve
from charl.check.layers import forward_of_layers
from charl.check.references import op_function
from charl.check.rules import supplied_expr
from charl.check.signatures import Supplied
from charl.source import Span
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, NEVER, Closure, Closures, Type


def call_value(
    frame: Frame,
    callee: tree.Expr,
    supplied: Sequence[Supplied],
    span: Span,
    place: ast.Expr | None = None,
) -> tree.Expr:
    """A call of a value: a closure, one of several closures, or a model (its `forward`)."""
    kind = resolve(callee.type)
    match kind:
        case Closure(function=Function() as function):
            two = extreme_of_two(function, len(supplied))
            if two is not None:
                return call_function(frame, op_function(frame, two), supplied, span)
            return call_function(frame, function, supplied, span, callee)
        case Closure(function=Derived() as derived):
            return late.call_derived(frame, derived, callee, supplied, span)
        case Closures():
            return _call_one_of(frame, callee, kind, supplied, span)
        case types.Function(result=result):
            return _call_unknown(frame, kind, result, supplied, span)
        case types.Struct(declaration=Struct() as declaration):
            method = declaration.methods.get("forward") or forward_of_layers(frame, kind)
            if method is not None:
                where = place if place is not None else _place_of(callee)
                receiver = (
                    Supplied(where) if method.mutable and where is not None else Supplied(callee)
                )
                return call_function(frame, method, [receiver, *supplied], span)
    if kind in (BROKEN, NEVER):
        for item in supplied:
            supplied_expr(frame, item)
        return callee
    return frame.error(
        "E0227", f"{types.show(kind)} cannot be called", callee.span, "this is not a function"
    )


def _place_of(callee: tree.Expr) -> ast.Expr | None:
    """The variable that a callee was read from, so that a `mut` method can update it."""
    if isinstance(callee, tree.Read):
        return ast.Name(callee.span, callee.variable.name)
    return None


def _call_unknown(
    frame: Frame,
    kind: types.Function,
    result: Type | None,
    supplied: Sequence[Supplied],
    span: Span,
) -> tree.Expr:
    """A call of a parameter written `fn(A) -> B`, while its function is checked generically."""
    parameters = kind.parameters
    for index, item in enumerate(supplied):
        wanted = parameters[index] if parameters is not None and index < len(parameters) else None
        expr = supplied_expr(frame, item, wanted)
        if wanted is not None:
            coerce(frame, expr, wanted)
    if parameters is not None and len(parameters) != len(supplied):
        return frame.error(
            "E0220",
            f"this function takes {len(parameters)} arguments, and {len(supplied)} are given",
            span,
        )
    return tree.Constant(span, BROKEN if result is None else frame.opened(result), None)


def _call_one_of(
    frame: Frame,
    callee: tree.Expr,
    kind: Closures,
    supplied: Sequence[Supplied],
    span: Span,
) -> tree.Expr:
    """A call of one of several functions: each option is checked with the same arguments."""
    statements: list[tree.Statement] = []
    arguments: list[Supplied] = []
    for item in supplied:
        let, read = frame.temporary("argument", supplied_expr(frame, item))
        statements.append(let)
        arguments.append(Supplied(read, item.name))
    results: list[tree.Expr] = []
    for option in kind.options:
        stand_in = tree.MakeClosure(callee.span, option, ())
        results.append(call_value(frame, stand_in, arguments, span))
    result, _ = join(frame, results, "the functions that may be called here")
    if result == BROKEN or not all(isinstance(r, tree.Call) for r in results):
        return tree.Constant(span, BROKEN, None)
    cases = tuple(
        (option, r.instance) for option, r in zip(kind.options, results) if isinstance(r, tree.Call)
    )
    values = tuple(a.value for a in arguments if isinstance(a.value, tree.Expr))
    call = tree.CallOneOf(span, frame.opened(result), callee, cases, values)
    return tree.Block(span, call.type, tuple(statements), call)


@late.accepts.define
def accepts(frame: Frame, expr: tree.Expr, wanted: types.Function) -> bool:
    """Whether a function value can be called as `fn(A) -> B` says."""
    kind = resolve(expr.type)
    if wanted.parameters is None:
        return isinstance(kind, Closure | Closures | types.Struct | types.Function)
    if isinstance(kind, Closures):
        return all(accepts(frame, tree.MakeClosure(expr.span, o, ()), wanted) for o in kind.options)
    if not isinstance(kind, Closure | types.Struct):
        return False
    if isinstance(kind, Closure) and isinstance(kind.function, Function):
        if extreme_of_two(kind.function, len(wanted.parameters)) is not None:
            return True
        required = [p for p in kind.function.parameters if p.default is None]
        return len(required) <= len(wanted.parameters) <= len(kind.function.parameters)
    return True
