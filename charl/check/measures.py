"""How long and how wide: sizes of tensors and lengths of lists as int expressions."""

from __future__ import annotations

from charl.check import tree
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.core.op import REGISTRY
from charl.source import Span
from charl.types.dims import Dim, Unknown
from charl.types.types import INT, STRING


def list_length(frame: Frame, value: tree.Expr, span: Span) -> tree.Expr:
    name = "string_length" if resolve(value.type) == STRING else "list_length"
    return tree.Apply(span, INT, REGISTRY[name], (value,), {})


def size_expr(dim: Dim, tensor: tree.Expr, axis: int, span: Span) -> tree.Expr:
    """The size of one axis as an int expression."""
    if isinstance(dim, int):
        return tree.Constant(span, INT, dim)
    if isinstance(dim, Unknown):
        return tree.Apply(span, INT, REGISTRY["dim"], (tensor,), {"axis": axis})
    return tree.SizeOf(span, INT, dim)
