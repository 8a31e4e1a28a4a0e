"""Matrix products and general contractions.

The narrow floats are multiplied in float32 and rounded once at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import Cotangents, normal_axis, plain, rank, shape_of, value_of, with_shape
from charl.ops.faults import shape_text
from charl.ops.samples import Array, draw, edge, sample, sliced, transposed, whole
from charl.types.dims import Dim
from charl.types.types import Type, Typed

Attributes = Mapping[str, Any]
A, B = Parameter("a", dtype="T:number"), Parameter("b", dtype="T:number")

# The ops that read a matrix as it lies, in either order of its last axes.
PRODUCTS = frozenset({"matmul", "contract"})


def widened(a: Array) -> Array:
    """Narrow floats as float32, which BLAS knows."""
    return a.astype(np.float32) if a.dtype.itemsize == 2 and a.dtype.kind != "i" else a


# --- matmul --------------------------------------------------------------------------------------


def _matmul_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    a, b = operands
    n = rank(a)
    if n < 2 or rank(b) != n:
        ctx.fail("a matrix product needs two matrices, or two stacks of as many axes", (0, 1))
    left, right = shape_of(a), shape_of(b)
    why = "the columns of the left matrix must be as many as the rows of the right one"
    ctx.equal(left[-1], right[-2], why, (0, 1))
    why = "stacks of matrices must have equal leading sizes"
    batch = tuple(ctx.equal(m, k, why, (0, 1)) for m, k in zip(left[:-2], right[:-2]))
    return (with_shape(a, (*batch, left[-2], right[-1])),)


def _matmul(a: Array, b: Array) -> Array:
    if a.shape[-1] != b.shape[-2] or a.shape[:-2] != b.shape[:-2]:
        raise Fault("E0505", f"matrices of {shape_text(a)} and {shape_text(b)} do not chain")
    product: Array = np.matmul(widened(a), widened(b))
    return product if product.dtype == a.dtype else product.astype(a.dtype)


def swapped(b: Builder, x: Value) -> Value:
    """A matrix, or stack of matrices, transposed."""
    n = rank(x)
    result: Value = b("transpose", x, permutation=(*range(n - 2), n - 1, n - 2))
    return result


def _matmul_gradient(b: Builder, dy: Value, x: Value, w: Value, y: Value) -> Cotangents:
    return b("matmul", dy, swapped(b, w)), b("matmul", swapped(b, x), dy)


def _matmul_samples() -> Sequence[Sample]:
    a, c = draw(3, 4), draw(4, 2)
    return (
        sample(a, c),
        sample(transposed(a), sliced(c)),
        sample(draw(2, 3, 4), draw(2, 4, 5)),
        sample(a[:0], c),
        sample(a[:, :0], c[:0]),
        sample(a[:1], c[:, :1]),
        edge(a.astype("float32"), c.astype("float32")),
        edge(a.astype("float16"), c.astype("float16")),
        edge(whole(3, 4), whole(4, 2)),
        edge(whole(3, 4, dtype="int8"), whole(4, 2, dtype="int8")),
    )


plain(
    "matmul",
    "The matrix product: a[..., m, k] and b[..., k, n] with equal leading sizes give [..., m, n].",
    (A, B),
    _matmul_rule,
    _matmul,
    gradient=_matmul_gradient,
    samples=_matmul_samples,
    warns=True,
)

# --- contract ------------------------------------------------------------------------------------

AXES = tuple(
    Parameter(name, Kind.INTEGERS, default=())
    for name in ("left_batch", "right_batch", "left_axes", "right_axes")
)


def _kept(n: int, *gone: Sequence[int]) -> tuple[int, ...]:
    """The axes that stay beside those of the batch and the contracted ones."""
    return tuple(i for i in range(n) if not any(i in axes for axes in gone))


def _contract_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    a, b = operands
    lb, rb, la, ra = (
        tuple(normal_axis(ctx, i, rank(side)) for i in attributes[key])
        for side, key in (
            (a, "left_batch"),
            (b, "right_batch"),
            (a, "left_axes"),
            (b, "right_axes"),
        )
    )
    if len(lb) != len(rb) or len(la) != len(ra):
        ctx.fail("both sides of a contraction need as many axes", (0, 1))
    if len({*lb, *la}) < len(lb + la) or len({*rb, *ra}) < len(rb + ra):
        ctx.fail("a contraction names an axis twice", (0, 1))
    left, right = shape_of(a), shape_of(b)
    why = "contracted axes must have equal sizes"
    batch: tuple[Dim, ...] = tuple(
        ctx.equal(left[i], right[j], why, (0, 1)) for i, j in zip(lb, rb)
    )
    for i, j in zip(la, ra):
        ctx.equal(left[i], right[j], why, (0, 1))
    kept_left = tuple(left[i] for i in _kept(rank(a), lb, la))
    kept_right = tuple(right[i] for i in _kept(rank(b), rb, ra))
    return (with_shape(a, (*batch, *kept_left, *kept_right)),)


def _contract(
    a: Array,
    b: Array,
    left_batch: Sequence[int],
    right_batch: Sequence[int],
    left_axes: Sequence[int],
    right_axes: Sequence[int],
) -> Any:
    """As one stack of matrix products: [batch, left, sum] @ [batch, sum, right]."""
    a, b = np.asarray(a), np.asarray(b)
    dtype = a.dtype if a.ndim else b.dtype
    lb, la = ([i % a.ndim for i in axes] for axes in (left_batch, left_axes))
    rb, ra = ([i % b.ndim for i in axes] for axes in (right_batch, right_axes))
    lk, rk = _kept(a.ndim, lb, la), _kept(b.ndim, rb, ra)
    batch, summed = [a.shape[i] for i in lb], [a.shape[i] for i in la]
    if batch != [b.shape[i] for i in rb] or summed != [b.shape[i] for i in ra]:
        raise Fault("E0505", f"{shape_text(a)} and {shape_text(b)} cannot be contracted")
    left, right = [a.shape[i] for i in lk], [b.shape[i] for i in rk]
    sizes = [int(np.prod(part, dtype=np.int64)) for part in (batch, left, summed, right)]
    p = np.transpose(a, (*lb, *lk, *la)).reshape(sizes[0], sizes[1], sizes[2])
    q = np.transpose(b, (*rb, *ra, *rk)).reshape(sizes[0], sizes[2], sizes[3])
    product = np.matmul(widened(p), widened(q)).astype(dtype, copy=False)
    return value_of(product.reshape((*batch, *left, *right)))


def _contract_gradient(
    b: Builder,
    dy: Value,
    x: Value,
    w: Value,
    y: Value,
    left_batch: Sequence[int],
    right_batch: Sequence[int],
    left_axes: Sequence[int],
    right_axes: Sequence[int],
) -> Cotangents:
    n, m = rank(x), rank(w)
    lb, la = (tuple(i % n for i in axes) for axes in (left_batch, left_axes))
    rb, ra = (tuple(i % m for i in axes) for axes in (right_batch, right_axes))
    lk, rk = _kept(n, lb, la), _kept(m, rb, ra)
    batch = tuple(range(len(lb)))
    y_left = tuple(range(len(lb), len(lb) + len(lk)))
    y_right = tuple(range(len(lb) + len(lk), len(lb) + len(lk) + len(rk)))

    # dy[batch, left, right] w -> [batch, left, sum], the sum's axes in w's order.
    order = sorted(range(len(ra)), key=lambda i: ra[i])
    dx = b(
        "contract",
        dy,
        w,
        left_batch=batch,
        right_batch=rb,
        left_axes=y_right,
        right_axes=rk,
    )
    dx = _restored(b, dx, (*lb, *lk, *(la[i] for i in order)))
    # x dy -> [batch, sum, right], the sum's axes in x's order.
    order = sorted(range(len(la)), key=lambda i: la[i])
    dw = b(
        "contract",
        x,
        dy,
        left_batch=lb,
        right_batch=batch,
        left_axes=lk,
        right_axes=y_left,
    )
    return dx, _restored(b, dw, (*rb, *(ra[i] for i in order), *rk))


def _restored(b: Builder, x: Value, places: Sequence[int]) -> Value:
    """x transposed so that its axis i becomes axis places[i]."""
    if tuple(places) == tuple(range(len(places))):
        return x
    order = tuple(int(i) for i in np.argsort(places))
    result: Value = b("transpose", x, permutation=order)
    return result


def _contract_samples() -> Sequence[Sample]:
    def axes(lb: Any, rb: Any, la: Any, ra: Any) -> dict[str, Any]:
        return {"left_batch": lb, "right_batch": rb, "left_axes": la, "right_axes": ra}

    x, w = draw(2, 3, 4), draw(4, 2, 5)
    return (
        sample(x, w, **axes((), (), (2,), (0,))),
        sample(x, w, **axes((0,), (1,), (2,), (0,))),
        sample(x, w, **axes((), (), (2, 0), (0, 1))),
        sample(x, w, **axes((), (), (0, 2), (1, 0))),
        sample(draw(3), draw(3), **axes((), (), (0,), (0,))),
        sample(draw(3), draw(2), **axes((), (), (), ())),
        sample(transposed(draw(4, 3)), draw(4, 3), **axes((1,), (1,), (0,), (0,))),
        sample(x[:, :0], w, **axes((0,), (1,), (2,), (0,))),
        edge(whole(3, 2), whole(2, 3), **axes((), (), (1,), (0,))),
        edge(draw(3, dtype="float16"), draw(3, dtype="float16"), **axes((), (), (0,), (0,))),
    )


plain(
    "contract",
    "Sums of products over paired axes; paired batch axes stay. The result has the batch axes, "
    "then what is left of a, then what is left of b.",
    (A, B, *AXES),
    _contract_rule,
    _contract,
    gradient=_contract_gradient,
    samples=_contract_samples,
    warns=True,
)
