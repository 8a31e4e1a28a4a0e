"""What a written name stands for, whether it is a place, and the report when there is none."""

from __future__ import annotations

from typing import Any

from charl.check import tree
from charl.check.declarations import (
    Module,
)
from charl.check.elsewhere import help_for_name
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.check.modules import member, module_with
from charl.diagnostics.diagnostic import Label
from charl.diagnostics.suggest import nearest
from charl.source import Span
from charl.syntax import ast
from charl.types.types import Enum, Struct


def entry_of(frame: Frame, node: ast.Expr) -> Any:
    """The declaration that a name or `module.name` stands for, None for values and unknowns."""
    match node:
        case ast.Name(name=name):
            return frame.look_up(name)
        case ast.Field(base=base, name=name):
            outer = entry_of(frame, base)
            if isinstance(outer, Module) and not name.name.startswith("_"):
                return member(outer, name.name)
    return None


def is_place(node: ast.Expr) -> bool:
    """Whether a value can be assigned there: a variable, or a part of one."""
    while isinstance(node, ast.Field | ast.Index):
        node = node.base
    return isinstance(node, ast.Name)


def unknown_name(
    frame: Frame, node: ast.Name, what: str = "name", helps: tuple[str, ...] = ()
) -> tree.Expr:
    """Report a name that is not there, or not there yet; `helps` come before what else is known."""
    later = frame.module.pending.get(node.name)
    if later is not None:
        return frame.error(
            "E0204",
            f"`{node.name}` is used before the line that gives it a value",
            node.span,
            secondary=(Label(later, "it gets its value here"),),
        )
    helps += _meant(frame, node.name, what == "function")
    if _divides(node.span):
        helps += ("if this was meant as a comment, put two spaces before `//`",)
    return frame.error(
        "E0201",
        f"there is no {what} named `{node.name}`",
        node.span,
        "not found in this scope",
        helps=helps,
    )


def _meant(frame: Frame, name: str, called: bool) -> tuple[str, ...]:
    """What was probably meant by a name that is not there."""
    own = frame.look_up("self")
    kind = resolve(own.type) if isinstance(own, tree.Variable) else None
    if isinstance(kind, Struct | Enum) and name in kind.declaration.methods:
        return (f"it is a method: write `self.{name}(...)`",)
    elsewhere = help_for_name(name, called)
    if elsewhere:
        return elsewhere
    near = nearest(name, frame.visible_names())
    if near:
        return (f"did you mean `{near}`?",)
    owner = module_with(name)
    return () if owner is None else (f"`from {owner} import {name}` brings it in",)


def _divides(span: Span) -> bool:
    """Whether `//` stands right before: what looks like a comment may have been read as a divisor
    (`x = 3 // metres`)."""
    before = span.source.text[: span.start]
    return before.removesuffix(" ").endswith("//")
