"""What is given to a builtin: its arguments by position and by name, and tensors among them."""

from __future__ import annotations

from collections.abc import Sequence

from charl.check import tree
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.rules import tensor_expr
from charl.check.signatures import Supplied, unknown_argument
from charl.syntax import ast
from charl.types import types
from charl.types.types import BROKEN, NEVER, Tensor


def take_arguments(
    frame: Frame, node: ast.Call, names: Sequence[str], required: int
) -> list[Supplied | None] | None:
    """Arguments by position and name; None after a report."""
    shown = node.callee.span.text
    slots: list[Supplied | None] = [None] * len(names)
    position = 0
    for argument in node.arguments:
        item = Supplied(argument.value, argument.name)
        if argument.name is not None:
            if argument.name.name not in names:
                unknown_argument(frame, shown, argument.name, names)
                return None
            slots[names.index(argument.name.name)] = item
        elif position < len(names):
            slots[position] = item
            position += 1
        else:
            frame.error(
                "E0220",
                f"`{shown}` takes {len(names)} argument{'s' if len(names) != 1 else ''}, and "
                f"{len(node.arguments)} are given",
                argument.span,
            )
            return None
    for name, slot in zip(names[:required], slots):
        if slot is None:
            frame.error("E0221", f"`{shown}` needs `{name}`, which is not given", node.span)
            return None
    return slots


def tensor_argument(frame: Frame, slot: Supplied) -> tuple[tree.Expr, Tensor] | None:
    value = tensor_expr(frame, slot)
    kind = resolve(value.type)
    if isinstance(kind, Tensor):
        return value, kind
    if kind not in (BROKEN, NEVER):
        frame.error("E0313", "a tensor is needed here", value.span, f"this is {types.show(kind)}")
    return None
