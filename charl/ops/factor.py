"""Factorisations with several results: qr, svd, eigh.

Gradients: M. Giles (2008) for eigh; J. Townsend, "Differentiating the singular value decomposition"
(2016); for qr S. Walter, L. Lehmann, R. Lamour, "On evaluating higher-order derivatives of the QR
decomposition" (2012) and for wide matrices D. Roberts, L. Roberts, "QR and LQ decomposition matrix
backpropagation algorithms" (2020).

Factors are determined up to signs (and, at equal eigenvalues, rotations): only functions that do
not depend on that choice have a gradient. LAPACK's signs hang on how it rounds, so that they would
differ from machine to machine; here they are chosen (`signs`). Where two eigenvalues or singular
values are equal, their mutual term is taken as zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import RuleContext, Sample
from charl.ops.contract import swapped
from charl.ops.declare import (
    Cotangents,
    dims_of,
    dtype_of,
    plain,
    rank,
    shape_of,
    tensor,
    with_shape,
    zero,
)
from charl.ops.linalg import (
    MATRIX,
    check_matrix,
    check_square,
    lapack,
    square_samples,
    symmetric,
    symmetric_part,
    triangle,
)
from charl.ops.samples import Array, draw, edge, sample, transposed
from charl.types.dims import Dim
from charl.types.types import Type, Typed

Attributes = Mapping[str, Any]


def lesser(ctx: RuleContext, m: Dim, n: Dim) -> Dim:
    """min(m, n), when it can be said."""
    if isinstance(m, int) and isinstance(n, int):
        return min(m, n)
    return m if m == n else ctx.unknown("k")


def product(b: Builder, *factors: Value) -> Value:
    """The product of matrices from left to right."""
    total = factors[0]
    for factor in factors[1:]:
        total = b("matmul", total, factor)
    return total


def scaled_columns(b: Builder, x: Value, scale: Value) -> Value:
    """x[..., i, j] * scale[..., j]."""
    n = rank(x)
    spread = b("broadcast", scale, *b.sizes(x), axes=(*range(n - 2), n - 1))
    result: Value = b("mul", x, spread)
    return result


def scaled_rows(b: Builder, x: Value, scale: Value) -> Value:
    """x[..., i, j] * scale[..., i]."""
    spread = b("broadcast", scale, *b.sizes(x), axes=tuple(range(rank(x) - 1)))
    result: Value = b("mul", x, spread)
    return result


def inverse_gaps(b: Builder, values: Value) -> Value:
    """1 / (values[j] - values[i]) at [i, j]; zero where they are equal."""
    n = rank(values)
    size = b.size(values, n - 1)
    shape = (*b.sizes(values), size)
    rows = b("broadcast", values, *shape, axes=tuple(range(n)))
    columns = b("broadcast", values, *shape, axes=(*range(n - 1), n))
    return safe_inverse(b, b("sub", columns, rows))


def safe_inverse(b: Builder, x: Value) -> Value:
    """1 / x, and 0 where x is 0, in derivatives too."""
    none = b("eq", x, zero(b, x))
    one = b.scalar(1, dtype_of(x))
    result: Value = b("select", none, zero(b, x), b("div", one, b("select", none, one, x)))
    return result


def total(b: Builder, *parts: Value | None) -> Value | None:
    """The sum of the parts there are."""
    found: Value | None = None
    for part in parts:
        if part is not None:
            found = part if found is None else b("add", found, part)
    return found


SIZEABLE = 0.3


def signs(vectors: Array) -> Array:
    """[..., 1, k], what the columns of [..., m, k] are multiplied with: then the first element that
    is sizeable, by the greatest of its column, is positive. (Were it the greatest itself, rounding
    would choose where two are equal; that an element is just at the border is rare.)"""
    if not vectors.size:
        return np.ones((*vectors.shape[:-2], 1, vectors.shape[-1]), vectors.dtype)
    sizes = np.abs(vectors)
    sizeable = sizes >= SIZEABLE * sizes.max(-2, keepdims=True)
    first = np.take_along_axis(vectors, np.argmax(sizeable, -2, keepdims=True), -2)
    return np.where(first < 0, -1, 1).astype(vectors.dtype)


# --- qr ------------------------------------------------------------------------------------------


def _qr_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    a = operands[0]
    check_matrix(ctx, "qr", a)
    *batch, m, n = shape_of(a)
    k = lesser(ctx, m, n)
    return with_shape(a, (*batch, m, k)), with_shape(a, (*batch, k, n))


def _qr(a: Array) -> tuple[Array, Array]:
    q, r = lapack("qr", np.linalg.qr, a)
    return q.astype(a.dtype, copy=False), r.astype(a.dtype, copy=False)


def _qr_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    """With k = min(m, n), the first k columns x of a have the square factorisation x = q u, and the
    others are y = q v with r = [u v]: there are none of them when a is tall."""
    (a,), (q, r) = statement.operands, statement.results
    dq, dr = cotangents
    dq = b.zeros_like(q) if dq is None else dq
    dr = b.zeros_like(r) if dr is None else dr
    n, last = rank(a), rank(a) - 1
    k, columns = b.size(q, last), b.size(a, last)
    none = [b.constant(0)] * last
    steps = (1,) * n

    def part(x: Value, start: Value, size: Value) -> Value:
        result: Value = b("slice", x, *none, start, *b.sizes(x)[:last], size, steps=steps)
        return result

    start = b.constant(0)
    u, du = part(r, start, k), part(dr, start, k)
    if dims_of(q)[last] == dims_of(a)[last]:
        return (_qr_square(b, q, u, dq, du),)
    rest = b("sub", columns, k)
    y, dv = part(a, k, rest), part(dr, k, rest)
    dq = b("add", dq, product(b, y, swapped(b, dv)))
    dx = _qr_square(b, q, u, dq, du)
    dy = b("matmul", q, dv)
    da = b("slice_update", b.zeros_like(a), dx, *none, start, steps=steps)
    return (b("slice_update", da, dy, *none, k, steps=steps),)


def _qr_square(b: Builder, q: Value, u: Value, dq: Value, du: Value) -> Value:
    """For x = q u with u square: dx = (dq + q copyltu(M)) u^-T, M = u du^T - dq^T q, where copyltu
    mirrors the lower triangle."""
    du = triangle(b, du, lower=False)
    m = b("sub", product(b, u, swapped(b, du)), product(b, swapped(b, dq), q))
    low = triangle(b, m, True, 0.5)
    inner = b("add", dq, b("matmul", q, b("add", low, swapped(b, low))))
    solved = b("triangular_solve", u, swapped(b, inner), lower=False, transposed=False)
    return swapped(b, solved)


def _qr_samples() -> Sequence[Sample]:
    a, t, stack = square_samples()
    return (
        sample(a),
        sample(t),
        sample(draw(4, 2)),
        sample(draw(2, 4)),
        sample(stack),
        sample(draw(2, 2, 3)),
        sample(draw(1, 1, low=1, high=2)),
        edge(a.astype("float32")),
    )


plain(
    "qr",
    "q with orthonormal columns and upper triangular r, q r = a: [..., m, k] and [..., k, n] with "
    "k = min(m, n).",
    (MATRIX,),
    _qr_rule,
    _qr,
    raw_gradient=_qr_gradient,
    samples=_qr_samples,
    warns=True,
)

# --- svd -----------------------------------------------------------------------------------------


def _svd_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    a = operands[0]
    check_matrix(ctx, "svd", a)
    *batch, m, n = shape_of(a)
    k = lesser(ctx, m, n)
    return (
        with_shape(a, (*batch, m, k)),
        with_shape(a, (*batch, k)),
        with_shape(a, (*batch, k, n)),
    )


def _svd(a: Array) -> tuple[Array, Array, Array]:
    u, s, vt = lapack("svd", lambda x: np.linalg.svd(x, full_matrices=False), a)
    chosen = signs(u)
    u, vt = u * chosen, vt * np.swapaxes(chosen, -1, -2)
    return tuple(x.astype(a.dtype, copy=False) for x in (u, s, vt))


def _svd_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    """Townsend 2016: with F[i, j] = 1 / (s_j^2 - s_i^2),

        da = (u (F * (u^T du - du^T u)) s + (1 - u u^T) du s^-1) v^T
           + u ds v^T
           + u (s (F * (v^T dv - dv^T v)) v^T + s^-1 dv^T (1 - v v^T))

    u[..., m, k], v[..., n, k]. Where a singular value is zero, its inverse is taken as zero.
    """
    (u, s, vt), (du, ds, dvt) = statement.results, cotangents
    gaps = inverse_gaps(b, b("mul", s, s))
    ut, v = swapped(b, u), swapped(b, vt)
    inverse = safe_inverse(b, s)
    from_u = from_s = from_v = None
    if du is not None:
        inner = b("matmul", ut, du)
        turn = b("mul", gaps, b("sub", inner, swapped(b, inner)))
        outside = scaled_columns(b, b("sub", du, b("matmul", u, inner)), inverse)
        both = b("add", scaled_columns(b, b("matmul", u, turn), s), outside)
        from_u = b("matmul", both, vt)
    if ds is not None:
        from_s = b("matmul", scaled_columns(b, u, ds), vt)
    if dvt is not None:
        inner = b("matmul", vt, swapped(b, dvt))
        turn = b("mul", gaps, b("sub", inner, swapped(b, inner)))
        rest = b("sub", dvt, product(b, dvt, v, vt))
        both = b("add", scaled_rows(b, b("matmul", turn, vt), s), scaled_rows(b, rest, inverse))
        from_v = b("matmul", u, both)
    return (total(b, from_u, from_s, from_v),)


def _svd_samples() -> Sequence[Sample]:
    return (
        sample(draw(3, 3) + np.diag([1.0, 3.0, 6.0])),
        sample(transposed(draw(4, 2))),
        sample(draw(2, 4)),
        sample(draw(2, 3, 2)),
        sample(draw(1, 1, low=1, high=2)),
        edge(draw(3, 4, dtype="float32")),
    )


plain(
    "svd",
    "u, s, vt with u diag(s) vt = a, s descending: [..., m, k], [..., k], [..., k, n] with "
    "k = min(m, n); in every column of u the first element of some size is positive.",
    (MATRIX,),
    _svd_rule,
    _svd,
    raw_gradient=_svd_gradient,
    samples=_svd_samples,
    warns=True,
)

# --- eigh ----------------------------------------------------------------------------------------


def _eigh_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    a = operands[0]
    check_square(ctx, "eigh", a)
    return with_shape(a, shape_of(a)[:-1]), tensor(a)


def _eigh(a: Array) -> tuple[Array, Array]:
    w, v = lapack("eigh", np.linalg.eigh, symmetric_part(a))
    v = v * signs(v)
    return w.astype(a.dtype, copy=False), v.astype(a.dtype, copy=False)


def _eigh_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    """Giles 2008, 3.1: v (diag(dw) + F * (v^T dv)) v^T with F[i, j] = 1 / (w_j - w_i)."""
    (w, v), (dw, dv) = statement.results, cotangents
    vt = swapped(b, v)
    from_w = None if dw is None else b("matmul", scaled_columns(b, v, dw), vt)
    from_v = None
    if dv is not None:
        inner = b("mul", inverse_gaps(b, w), b("matmul", vt, dv))
        from_v = product(b, v, inner, vt)
    found = total(b, from_w, from_v)
    return (None if found is None else symmetric(b, found),)


def _eigh_samples() -> Sequence[Sample]:
    a = draw(3, 3) + np.diag([1.0, 4.0, 8.0])
    return (
        sample(a),
        sample(transposed(a)),
        sample(np.stack([a, 2 * a.T])),
        sample(draw(1, 1, low=1, high=2)),
        edge(a.astype("float32")),
    )


plain(
    "eigh",
    "Eigenvalues in ascending order, [..., n], and eigenvectors in columns, [..., n, n], of the "
    "symmetric matrix (a + a^T) / 2; in every eigenvector the first element of some size is "
    "positive.",
    (MATRIX,),
    _eigh_rule,
    _eigh,
    raw_gradient=_eigh_gradient,
    samples=_eigh_samples,
    warns=True,
)
