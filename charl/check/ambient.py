"""Ambient parameters (`with mode = training { }`) and other names known at compile time."""

from __future__ import annotations

from charl.check.annotations import Scope, resolve_type
from charl.check.declarations import Static, StaticType
from charl.check.dispatch import check_expr
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.diagnostics.suggest import nearest
from charl.syntax import ast
from charl.types import dtypes, types
from charl.types.dtypes import DType
from charl.types.types import BROKEN, Tensor, Type, resolve_dtype

SETTINGS: dict[str, tuple[str, ...]] = {
    "mode": ("evaluation", "training"),
    "device": ("cpu", "gpu"),
    "precision": ("float32", "bfloat16"),
    "semiring": (
        "boolean", "natural", "minmax", "addmult", "log", "tropical", "exact", "proofs", "topk",
    ),
}  # fmt: skip
"""Every ambient parameter and its values, the default first."""

VALUES = {value: name for name, values in SETTINGS.items() for value in values}


def setting(frame: Frame, name: ast.Identifier, node: ast.Expr) -> str | None:
    """The value of `name = value` in a `with`; None after a report."""
    if name.name not in SETTINGS:
        near = nearest(name.name, SETTINGS)
        frame.error(
            "E0270",
            f"there is no ambient parameter `{name.name}`",
            name.span,
            helps=(
                f"did you mean `{near}`?"
                if near
                else f"there are {', '.join(f'`{s}`' for s in SETTINGS)}",
            ),
        )
        return None
    head = node.callee if isinstance(node, ast.Call) else node
    value = head.name if isinstance(head, ast.Name) else ""
    if value in SETTINGS[name.name]:
        return node.span.text
    near = nearest(value, SETTINGS[name.name])
    listed = ", ".join(f"`{v}`" for v in SETTINGS[name.name])
    frame.error(
        "E0271",
        f"`{node.span.text}` is not a value of `{name.name}`",
        node.span,
        helps=(f"did you mean `{near}`?" if near else f"its values are {listed}",),
    )
    return None


def static(frame: Frame, node: ast.Expr) -> Static | StaticType | None:
    """What a name or `x.dtype` stands for at compile time: a dtype, an ambient parameter or one of
    its values, a const parameter."""
    if isinstance(node, ast.Field) and node.name.name == "dtype":
        kind = resolve(check_expr(frame, node.base).type)
        if isinstance(kind, Tensor):
            dtype = resolve_dtype(kind.dtype)
            return StaticType(Tensor(dtype if isinstance(dtype, DType) else dtypes.FLOAT64))
        return None
    if not isinstance(node, ast.Name):
        return None
    entry = frame.look_up(node.name)
    if isinstance(entry, Static | StaticType):
        return entry
    if entry is not None:
        return None
    if node.name in SETTINGS:
        return Static(frame.ambient_value(node.name) or SETTINGS[node.name][0], types.STRING)
    if node.name in VALUES:
        return Static(node.name, types.STRING)
    if node.name in dtypes.BY_NAME:
        return StaticType(Tensor(dtypes.BY_NAME[node.name]))
    return None


def cast_type(frame: Frame, node: ast.TypeExpr) -> Type:
    """The type after `as`, which may be `x.dtype`."""
    if isinstance(node, ast.NamedType) and len(node.path) == 2 and node.path[1].name == "dtype":
        base = ast.Name(node.path[0].span, node.path[0].name)
        found = static(frame, ast.Field(node.span, base, node.path[1]))
        if isinstance(found, StaticType):
            return found.type
        kind = resolve(check_expr(frame, base).type)
        if kind != BROKEN:
            frame.error("E0207", f"{types.show(kind)} has no dtype", node.span)
        return BROKEN
    return resolve_type(Scope(frame), node)
