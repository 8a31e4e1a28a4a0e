"""How long and how wide: sizes of tensors and lengths of lists as int expressions."""

from __future__ import annotations

from charl.check import tree
from charl.check.frame import Frame
from charl.check.infer import resolve
from charl.core.op import REGISTRY
from charl.source import Span
from charl.types import types
from charl.types.dims import Dim, Unknown
from charl.types.types import INT, STRING, Tensor


def list_length(value: tree.Expr, span: Span) -> tree.Expr:
    name = "string_length" if resolve(value.type) == STRING else "list_length"
    return tree.Apply(span, INT, REGISTRY[name], (value,), {})


def size_expr(dim: Dim, tensor: tree.Expr, axis: int, span: Span) -> tree.Expr:
    """The size of one axis as an int expression."""
    if isinstance(dim, int):
        return tree.Constant(span, INT, dim)
    if isinstance(dim, Unknown):
        return tree.Apply(span, INT, REGISTRY["dim"], (tensor,), {"axis": axis})
    return tree.SizeOf(span, INT, dim)


def after(let: tree.Let, result: tree.Expr) -> tree.Expr:
    """A result computed after a binding; a mere reading needs none, unless it is that of a
    variable with `?` sizes: only the reading tells what they are."""
    if isinstance(let.value, tree.Read) and let.value.type == let.value.variable.type:
        return result
    return tree.Block(result.span, result.type, (let,), result)


def shape_of(frame: Frame, value: tree.Expr, kind: Tensor, span: Span) -> tree.Expr:
    """The sizes of a tensor as a fixed-size list."""
    let, read = frame.temporary("x", value)
    sizes = tuple(size_expr(d, read, a, span) for a, d in enumerate(kind.shape))
    return after(let, tree.Make(span, types.Array(INT, len(sizes)), sizes))
