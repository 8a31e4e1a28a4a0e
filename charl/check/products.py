"""Matrix products: `a @ b` for matrices, batches of matrices, and vectors on either side.

Everything becomes one `matmul` of equal rank: a vector becomes a matrix with one row or column and
the result loses that axis again; a single matrix is shared by a batch.
"""

from __future__ import annotations

from charl.check import tree
from charl.check.frame import Frame
from charl.check.infer import resolve, unify_dtypes
from charl.check.measures import size_expr
from charl.check.rules import apply_op, different_dtypes
from charl.core.op import REGISTRY
from charl.diagnostics.diagnostic import Label
from charl.source import Span
from charl.types import dims, types
from charl.types.types import BROKEN, INT, Tensor


def matrix_product(frame: Frame, left: tree.Expr, right: tree.Expr, span: Span) -> tree.Expr:
    """`a @ b`: matrices, batches of matrices, and vectors on either side."""
    a, b = resolve(left.type), resolve(right.type)
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or not a.shape or not b.shape:
        bad = left if not isinstance(a, Tensor) or not a.shape else right
        return frame.error(
            "E0313",
            "`@` multiplies matrices and vectors",
            bad.span,
            f"this is {types.show(resolve(bad.type))}",
        )
    if not unify_dtypes(a.dtype, b.dtype):
        different_dtypes(frame, left, right, "`@`")
        return tree.Constant(span, BROKEN, None)
    if _chain_error(frame, left, right, a, b):
        return tree.Constant(span, BROKEN, None)
    lets: list[tree.Statement] = []
    if len(a.shape) == 1:
        left = _with_axis(frame, left, a, 0, lets, span)
    if len(b.shape) == 1:
        right = _with_axis(frame, right, b, 1, lets, span)
    left, right = _same_batch(left, right, span)
    result = apply_op(frame, REGISTRY["matmul"], [left, right], {}, span)
    kind = resolve(result.type)
    if isinstance(kind, Tensor):
        dropped = [len(kind.shape) - 2] if len(a.shape) == 1 else []
        dropped += [len(kind.shape) - 1] if len(b.shape) == 1 else []
        if dropped:
            let, read = frame.temporary("product", result)
            lets.append(let)
            kept = [i for i in range(len(kind.shape)) if i not in dropped]
            sizes = [size_expr(kind.shape[i], read, i, span) for i in kept]
            result = apply_op(frame, REGISTRY["reshape"], [read, *sizes], {}, span)
    return tree.Block(span, result.type, tuple(lets), result) if lets else result


def _chain_error(frame: Frame, left: tree.Expr, right: tree.Expr, a: Tensor, b: Tensor) -> bool:
    columns = frame.simplify(a.shape[-1])
    rows = frame.simplify(b.shape[0 if len(b.shape) == 1 else -2])
    if dims.compare(columns, rows) is not dims.Verdict.DIFFERENT:
        return False
    what = "elements" if len(a.shape) == 1 else "columns"
    frame.error(
        "E0312",
        "these matrices do not chain",
        right.span,
        f"this is {types.show(b)}: {dims.show(rows)} {'elements' if len(b.shape) == 1 else 'rows'}",
        secondary=(Label(left.span, f"this is {types.show(a)}: {dims.show(columns)} {what}"),),
        helps=_transposed(right, columns, b),
    )
    return True


def _transposed(right: tree.Expr, columns: dims.Dim, b: Tensor) -> tuple[str, ...]:
    """The mend, when the right side fits the other way round."""
    if len(b.shape) == 2 and b.shape[1] == columns and len(right.span.text) < 40:
        return (f"`transpose({right.span.text})` would fit",)
    return ()


def _with_axis(
    frame: Frame,
    value: tree.Expr,
    kind: Tensor,
    axis: int,
    lets: list[tree.Statement],
    span: Span,
) -> tree.Expr:
    let, read = frame.temporary("vector", value)
    lets.append(let)
    sizes = [size_expr(kind.shape[0], read, 0, span)]
    sizes.insert(axis, tree.Constant(span, INT, 1))
    return apply_op(frame, REGISTRY["reshape"], [read, *sizes], {}, span)


def _same_batch(left: tree.Expr, right: tree.Expr, span: Span) -> tuple[tree.Expr, tree.Expr]:
    """Batches of equal rank: a single matrix on the right is shared by folding the batch into the
    rows (nothing is copied); a single matrix on the left is stretched."""
    a, b = resolve(left.type), resolve(right.type)
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or len(a.shape) == len(b.shape):
        return left, right
    if len(a.shape) < len(b.shape):
        batch = b.shape[: len(b.shape) - len(a.shape)]
        return tree.Stretch(span, Tensor(a.dtype, (*batch, *a.shape)), left), right
    batch = a.shape[: len(a.shape) - len(b.shape)]
    return left, tree.Stretch(span, Tensor(b.dtype, (*batch, *b.shape)), right)
