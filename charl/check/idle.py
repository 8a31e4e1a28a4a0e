"""Warnings about code that does nothing: it is never reached (W0111), or its value is dropped
(W0301).

Whether dropping a value is a mistake the typed tree tells: the statement has a value, and nothing
that it runs, in functions that it calls either, prints, draws, assigns, asserts or leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from charl.check import tree
from charl.check.declarations import Module
from charl.check.finish import NODES, PARTS
from charl.check.frame import Session
from charl.check.infer import resolve
from charl.core.op import Effect
from charl.diagnostics.diagnostic import Diagnostic, error
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, NEVER, UNIT

# --- Never reached -------------------------------------------------------------------------------


def unreachable(syntax: ast.Module, blocks: Iterable[ast.Block]) -> Iterator[Diagnostic]:
    """The first statement behind one that always leaves its block; `blocks` are all of the file."""
    yield from _behind(syntax.statements, None)
    for block in blocks:
        yield from _behind(block.statements, block.result)


def _behind(statements: tuple[ast.Statement, ...], result: ast.Expr | None) -> Iterator[Diagnostic]:
    rest: list[ast.Node] = [s for s in statements if not isinstance(s, ast.Item)]
    if result is not None:
        rest.append(result)
    for leaving, following in pairwise(rest):
        word = _leaves(leaving)
        if word:
            yield error(
                "W0111",
                "this is never reached",
                following.span,
                f"stands behind `{word}`",
            )
            return


def _leaves(node: ast.Node) -> str:
    match node:
        case ast.Return():
            return "return"
        case ast.Break():
            return "break"
        case ast.Continue():
            return "continue"
        case ast.ExprStatement(value=ast.Call(callee=ast.Name(name="abort"))):
            return "abort"
    return ""


# --- Dropped values ------------------------------------------------------------------------------


def dropped(
    session: Session,
    module: Module,
    values: Iterable[ast.ExprStatement],
    bodies: Iterable[tree.Expr],
) -> list[Diagnostic]:
    """Statements of a file whose value nobody can have wanted to be computed; `values` are all of
    the file that are an expression, `bodies` its typed top level and tests."""
    statements = module.syntax.statements
    written = {
        (node.span.start, node.span.stop): node
        for node in values
        if node is not statements[-1] and not _chooses(node.value)
    }
    found: dict[tuple[int, int], Diagnostic | None] = {}
    instances = [p.instance.body for p in session.instances.values()]
    for node in _nodes([*bodies, *instances]):
        if not isinstance(node, tree.Evaluate) or node.span.source is not module.source:
            continue
        place = node.span.start, node.span.stop
        if place in written:
            idle = resolve(node.value.type) not in (UNIT, NEVER, BROKEN) and not _acts(node.value)
            # A template is idle only if it is for all types that it is used with.
            if not idle:
                found[place] = None
            else:
                found.setdefault(place, _dropped(written[place]))
    return [diagnostic for diagnostic in found.values() if diagnostic is not None]


def _chooses(value: ast.Expr) -> bool:
    """Whether an expression has branches: it may act in one that is not taken here."""
    match value:
        case ast.If() | ast.Match() | ast.With() | ast.Block():
            return True
        case ast.Binary(operator=operator):
            return operator in ("and", "or")
    return False


def _nodes(roots: Iterable[Any]) -> Iterator[Any]:
    """Every node of typed trees; not those of functions that they call."""
    stack = list(roots)
    while stack:
        node = stack.pop()
        if isinstance(node, NODES):
            yield node
            stack += PARTS[type(node)](node)
        elif isinstance(node, tuple):
            stack += node


# What `assert` and `abort` stop a program with.
STOPS = ("E0509", "E0512")


def _acts(value: tree.Expr) -> bool:
    """Whether evaluating an expression does anything but compute, in what it calls either."""
    if any(isinstance(node, _CHANGES) or _is_function(node) for node in _nodes([value])):
        return True
    seen: set[tree.Instance] = set()
    pending: list[tree.Expr | None] = [value]
    while pending:
        for node in _nodes([pending.pop()]):
            match node:
                case tree.Apply(op=op) if op.effect is Effect.EFFECT:
                    return True
                case tree.Require(failure=failure) if failure.code in STOPS:
                    return True
                case tree.Constant(value=None):
                    return True  # a function that is not known here
            for instance in _called(node):
                if instance not in seen:
                    seen.add(instance)
                    pending.append(instance.body)
    return False


# Within the expression itself; what a function does to its own variables ends with it.
_CHANGES = (tree.Assign, tree.Return, tree.Break, tree.Continue)


def _is_function(node: tree.Expr | tree.Statement) -> bool:
    """Whether a variable that holds a function is read: it may be another one next time."""
    functions = (types.Closure, types.Closures, types.Function)
    return isinstance(node, tree.Read) and isinstance(resolve(node.type), functions)


def _called(node: tree.Expr | tree.Statement) -> Iterator[tree.Instance]:
    match node:
        case tree.CallOneOf(cases=cases):
            yield from (instance for _, instance in cases)
        case tree.CustomCall(instance=instance, backward=backward):
            yield from (instance, backward)
        case tree.Call(instance=instance) | tree.Scan(instance=instance):
            yield instance


def _dropped(statement: ast.ExprStatement) -> Diagnostic:
    helps: tuple[str, ...] = ("bind it with `let`, or remove the line",)
    value = statement.value
    name = _first_variable(value)
    if name is not None:
        helps = (f"nothing changes in place: `{name} = {value.span.text}`", *helps)
    return error("W0301", "this value is not used", value.span, helps=helps)


def _first_variable(value: ast.Expr) -> str | None:
    """The `xs` of `sort(xs)` and `xs.sort()`, which may be meant to change."""
    if not isinstance(value, ast.Call) or "\n" in value.span.text:
        return None
    first: ast.Expr | None = value.arguments[0].value if value.arguments else None
    if isinstance(value.callee, ast.Field):
        first = value.callee.base
    return first.name if isinstance(first, ast.Name) else None
