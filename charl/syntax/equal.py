"""Whether two trees are the same but for their spans and comments.

Nodes compare by identity, since spans make field equality useless; this is what the formatter's
tests mean by "the same program". The walk keeps its own stack, so deep trees are no problem.
"""

from __future__ import annotations

from charl.records import fields
from charl.source import Span
from charl.syntax import ast


def equal(left: object, right: object) -> bool:
    """Structural equality of nodes, of tuples of nodes, and of plain values."""
    return first_difference(left, right) is None


def first_difference(left: object, right: object) -> tuple[object, object] | None:
    """The first pair of parts at which two trees differ, or None."""
    stack = [(left, right)]
    while stack:
        a, b = stack.pop()
        if type(a) is not type(b):
            return a, b
        if isinstance(a, ast.Node):
            names = structural_fields(a)
            stack.extend((getattr(a, name), getattr(b, name)) for name in reversed(names))
        elif isinstance(a, tuple) and isinstance(b, tuple):
            if len(a) != len(b):
                return a, b
            stack.extend(reversed(list(zip(a, b))))
        elif not isinstance(a, Span) and a != b:
            return a, b
    return None


def structural_fields(node: ast.Node) -> list[str]:
    """The fields of a node that say what the program is, not where it stands."""
    return [f.name for f in fields(node) if not f.name.endswith("span") and f.name != "comments"]
