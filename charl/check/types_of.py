"""What lowering asks about types that contain themselves: their fields and payloads."""

from __future__ import annotations

from charl.check import tree
from charl.check.annotations import fields_of_struct, payloads_of_enum
from charl.check.frame import Frame, Session
from charl.check.generics import is_recursive
from charl.source import Span
from charl.types import types
from charl.types.types import Type


def _frame(declaration: object) -> Frame:
    module = declaration.module  # type: ignore[attr-defined]
    session: Session = module.names.session
    span = Span(module.source, 0, 0)
    return Frame(session, module, tree.Instance("", "", span, [], []), [])


def payloads_of(enum: types.Enum) -> tuple[tuple[Type, ...], ...]:
    """The payload types of each variant, in order."""
    return payloads_of_enum(_frame(enum.declaration), enum)


def fields_of(struct: types.Struct) -> tuple[Type, ...]:
    """The types of a struct's fields, in order."""
    return fields_of_struct(_frame(struct.declaration), struct)


def is_boxed(kind: types.Struct | types.Enum) -> bool:
    """Whether values of the type are heap records because they can contain themselves."""
    return is_recursive(kind.declaration)
