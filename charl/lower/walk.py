"""The typed tree as a tree: the children of any node, and a node with its children changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar

from charl.check.tree import Expr, Statement
from charl.records import fields, record, replace

Node = Expr | Statement
_NODES = (Expr, Statement)
N = TypeVar("N", bound=Node)


@record(frozen=False, eq=False)
class Undefined(Expr):
    """A value that nobody reads: what stands where control has left. Made by `exits.py`."""


# Fields with these annotations hold no nodes.
_PLAIN = {"Span", "Type", "str", "int", "bool", "Op", "Instance", "Diagnostic", "Dim", "Variable"}


@cache
def _field_names(kind: Hashable) -> tuple[str, ...]:
    assert isinstance(kind, type)
    return tuple(f.name for f in fields(kind) if f.type not in _PLAIN)


def _names_in(node: Node) -> tuple[str, ...]:
    kind: Hashable = type(node)  # type: ignore[assignment]
    return _field_names(kind)


def children(node: Node) -> list[Node]:
    """The expressions and statements directly inside a node, in order of evaluation."""
    found: list[Node] = []
    for name in _names_in(node):
        value = getattr(node, name)
        if isinstance(value, _NODES):
            found.append(value)
        elif isinstance(value, tuple):
            found += [inner for inner in value if isinstance(inner, _NODES)]
    return found


def map_children(node: N, change: Callable[[Expr], Expr]) -> N:
    """The node with each expression directly inside it changed."""
    changed: dict[str, Any] = {}
    for name in _names_in(node):
        match getattr(node, name):
            case Expr() as child:
                changed[name] = change(child)
            case tuple() as several if any(isinstance(c, Expr) for c in several):
                changed[name] = tuple([change(c) if isinstance(c, Expr) else c for c in several])
    return replace(node, **changed)
