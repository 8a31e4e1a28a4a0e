"""Questions about names that the untyped tree answers: which are assigned, which are free."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from charl.records import fields, values_of
from charl.syntax import ast

# Fields with these annotations hold no nodes.
_PLAIN = {"Span", "str", "str | None", "bool", "int", "float", "tuple[Comment, ...]"}


def children(node: ast.Node) -> list[ast.Node]:
    """The nodes directly below, in order."""
    found: list[ast.Node] = []
    _gather(_PARTS[type(node)](node), found)
    return found


def _gather(values: tuple[Any, ...], found: list[ast.Node]) -> None:
    for value in values:
        if isinstance(value, ast.Node):
            found.append(value)
        elif isinstance(value, tuple):
            _gather(value, found)


class _Parts(dict[type, Callable[[Any], tuple[Any, ...]]]):
    """The fields of each class of nodes that may hold nodes."""

    def __missing__(self, kind: type) -> Callable[[Any], tuple[Any, ...]]:
        plain = {f.name for f in fields(kind) if f.type in _PLAIN}
        slots = (s for base in reversed(kind.__mro__) for s in getattr(base, "__slots__", ()))
        self[kind] = values_of(tuple(s for s in slots if s not in plain))
        return self[kind]


_PARTS = _Parts()


def walk(node: ast.Node) -> Iterator[ast.Node]:
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        _gather(_PARTS[type(top)](top), stack)


def root_name(target: ast.Expr) -> ast.Name | None:
    """The variable that `a.b[i].c` belongs to."""
    while isinstance(target, ast.Field | ast.Index):
        target = target.base
    return target if isinstance(target, ast.Name) else None


@lru_cache(maxsize=4096)
def changed_names(body: ast.Node) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Names of variables that are assigned, or updated by a method such as `push`, inside; and
    pairs of a callee's name and a variable that is an argument of such a call inside."""
    names: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for node in walk(body):
        if isinstance(node, ast.Assign):
            names |= _targets(node.target)
        elif isinstance(node, ast.Call):
            callee, called = node.callee, ""
            if isinstance(callee, ast.Name):
                called = callee.name
            elif isinstance(callee, ast.Field):
                called = callee.name.name
                root = root_name(callee.base)
                if root is not None and called in ("push", "pop", "insert", "remove"):
                    names.add(root.name)
            for argument in node.arguments:
                root = root_name(argument.value)
                if root is not None:
                    pairs.add((called, root.name))
    return frozenset(names), frozenset(pairs)


def _targets(target: ast.Expr) -> set[str]:
    if isinstance(target, ast.TupleLiteral):
        return {name for item in target.items for name in _targets(item)}
    root = root_name(target)
    return {root.name} if root is not None else set()


@lru_cache(maxsize=4096)
def used_names(body: ast.Node) -> frozenset[str]:
    """Every name that occurs in an expression or a type inside."""
    names: set[str] = set()
    for node in walk(body):
        if isinstance(node, ast.Name):
            names.add(node.name)
        elif isinstance(node, ast.NamedType):
            names.add(node.path[0].name)
    return frozenset(names)
