"""What a function does besides computing its result, as far as its typed tree tells."""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.core.op import Effect
from charl.records import fields
from charl.source import Span

_NODES = (tree.Expr, tree.Statement)


def first_effect(instance: tree.Instance) -> Span | None:
    """Where a function, or one that it calls, first prints, draws, reads a file or the like; None
    when it only computes. Checks that may fail do not count."""
    seen = {instance}
    pending: list[Any] = [instance.body]
    while pending:
        node = pending.pop()
        match node:
            case tree.Apply(op=op) if op.effect is Effect.EFFECT:
                return node.span
            case tree.Instance() if node not in seen:
                seen.add(node)
                pending.append(node.body)
            case tuple():
                pending.extend(reversed(node))
        if isinstance(node, _NODES):
            inside = [getattr(node, slot.name) for slot in fields(type(node))]
            pending.extend(reversed(inside))
    return None
