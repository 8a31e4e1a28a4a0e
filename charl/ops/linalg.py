"""Linear algebra on matrices and stacks of matrices: NumPy's LAPACK evaluates it.

Leading axes are a batch. Narrow floats are computed in float32. `cholesky` and `eigh` read the
symmetric part of their operand, (a + a^T) / 2, which makes their gradients symmetric.
Gradients: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008) for products, solves, inverse, determinant and eigenvalues; I. Murray,
"Differentiation of the Cholesky decomposition" (2016). Factorisations have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Fault, Kind, Parameter, Rule, RuleContext, Sample
from charl.ops.contract import swapped, widened
from charl.ops.declare import Cotangents, plain, rank, shape_of, tensor, value_of, with_shape, zero
from charl.ops.samples import Array, draw, edge, sample, transposed
from charl.types import dtypes
from charl.types.dims import Dim
from charl.types.types import Type, Typed

Attributes = Mapping[str, Any]
MATRIX = Parameter("a", dtype="T:float")

# --- What the family shares ----------------------------------------------------------------------


def check_matrix(ctx: RuleContext, name: str, a: Typed, position: int = 0) -> None:
    if rank(a) < 2:
        ctx.fail(f"`{name}` needs a matrix, or a stack of matrices", (position,))


def check_square(ctx: RuleContext, name: str, a: Typed) -> Dim:
    """The size of a square matrix."""
    check_matrix(ctx, name, a)
    rows, columns = shape_of(a)[-2:]
    return ctx.equal(rows, columns, f"`{name}` needs a square matrix", (0,))


def singular(name: str, why: str = "the matrix is singular") -> Fault:
    return Fault("E0520", f"`{name}` has no result: {why}")


def lapack(name: str, function: Callable[..., Any], *operands: Array) -> Any:
    """A LAPACK function of NumPy; what it cannot do is a Fault."""
    try:
        return function(*(widened(x) for x in operands))
    except np.linalg.LinAlgError as problem:
        text = str(problem).lower()
        why = "the matrix is singular" if "singular" in text else "the iteration did not converge"
        raise singular(name, why) from None


def rounded(result: Any, dtype: Any) -> Any:
    """The result in the dtype of the operand."""
    return value_of(np.asarray(result).astype(dtype, copy=False))


def square_samples(n: int = 3) -> tuple[Array, Array, Array]:
    """Well-conditioned square matrices: plain, transposed in memory, and a stack."""
    eye = 4 * np.eye(n)
    return draw(n, n) + eye, transposed(draw(n, n, low=-1, high=1) + eye), draw(2, n, n) + eye


def triangle(b: Builder, x: Value, lower: bool, diagonal: float = 1.0) -> Value:
    """x where it is on its lower (upper) triangle, zero elsewhere; the diagonal times a factor."""
    n = rank(x)
    shape = b.sizes(x)
    row = b("iota", *shape, axis=n - 2, dtype=dtypes.INT64)
    column = b("iota", *shape, axis=n - 1, dtype=dtypes.INT64)
    kept = b("select", b("ge" if lower else "le", row, column), x, zero(b, x))
    if diagonal == 1.0:
        return kept  # type: ignore[no-any-return]
    result: Value = b("select", b("eq", row, column), b("mul", kept, diagonal), kept)
    return result


def symmetric(b: Builder, x: Value) -> Value:
    result: Value = b("mul", b("add", x, swapped(b, x)), 0.5)
    return result


# --- solve ---------------------------------------------------------------------------------------


def _rule_of(name: str) -> Rule:
    """b is a matrix of right sides, or has one axis less and is one right side."""

    def rule(
        ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
    ) -> tuple[Type, ...]:
        a, b = operands
        n = check_square(ctx, name, a)
        if rank(b) not in (rank(a), rank(a) - 1):
            ctx.fail(f"the right side of `{name}` is a matrix or a vector for every matrix", (0, 1))
        lead = rank(a) - 2
        why = f"the right side of `{name}` must have as many rows as the matrix"
        ctx.equal(n, shape_of(b)[lead], why, (0, 1))
        for m, k in zip(shape_of(a)[:lead], shape_of(b)[:lead]):
            ctx.equal(m, k, "stacks of matrices must have equal leading sizes", (0, 1))
        return (tensor(b),)

    return rule


def _solve(a: Array, b: Array) -> Array:
    vector = b.ndim < a.ndim
    right = b[..., None] if vector else b
    found = lapack("solve", np.linalg.solve, a, right).astype(b.dtype, copy=False)
    result: Array = found[..., 0] if vector else found
    return result


def outer(b: Builder, left: Value, right: Value, vector: bool) -> Value:
    """left right^T, both matrices, or both vectors."""
    if vector:
        left, right = column(b, left), column(b, right)
    result: Value = b("matmul", left, swapped(b, right))
    return result


def column(b: Builder, x: Value) -> Value:
    result: Value = b("reshape", x, *b.sizes(x), b.constant(1))
    return result


def _solve_gradient(b: Builder, dx: Value, a: Value, c: Value, x: Value) -> Cotangents:
    dc = b("solve", swapped(b, a), dx)
    return b("neg", outer(b, dc, x, rank(c) < rank(a))), dc


def _solve_samples() -> Sequence[Sample]:
    a, t, stack = square_samples()
    return (
        sample(a, draw(3, 2)),
        sample(t, draw(3)),
        sample(stack, draw(2, 3, 4)),
        sample(stack, draw(2, 3)),
        sample(a[:1, :1], draw(1, 1)),
        sample(a, draw(3, 0)),
        sample(stack[:0], draw(0, 3, 2)),
        edge(a.astype("float32"), draw(3, dtype="float32")),
        edge(a.astype("float16"), draw(3, 2, dtype="float16")),
    )


plain(
    "solve",
    "x with a x = b, for b[..., n, k] or b[..., n]; a singular matrix is an error.",
    (MATRIX, Parameter("b", dtype="T:float")),
    _rule_of("solve"),
    _solve,
    gradient=_solve_gradient,
    samples=_solve_samples,
    warns=True,
)

# --- triangular_solve ----------------------------------------------------------------------------


PANEL = 32  # rows solved one by one before a matrix product takes over


def _triangular(a: Array, b: Array, lower: bool = True, transposed: bool = False) -> Array:
    """Substitution: row by row inside a panel, a matrix product between panels."""
    vector = b.ndim < a.ndim
    matrix, x = widened(a), widened(b[..., None] if vector else b).copy()
    if not np.all(np.diagonal(matrix, 0, -2, -1)):
        raise singular("triangular_solve", "there is a zero on the diagonal")
    if transposed:
        matrix = np.swapaxes(matrix, -1, -2)
    n = matrix.shape[-1]
    forward = lower != transposed
    for panel in range(0, n, PANEL) if forward else reversed(range(0, n, PANEL)):
        rows = range(panel, min(panel + PANEL, n))
        for i in rows if forward else reversed(rows):
            done = slice(panel, i) if forward else slice(i + 1, rows.stop)
            known = matrix[..., i : i + 1, done] @ x[..., done, :]
            x[..., i, :] = (x[..., i, :] - known[..., 0, :]) / matrix[..., i, i, None]
        rest = slice(rows.stop, n) if forward else slice(0, panel)
        solved = slice(panel, rows.stop)
        x[..., rest, :] -= matrix[..., rest, solved] @ x[..., solved, :]
    found: Array = (x[..., 0] if vector else x).astype(b.dtype, copy=False)
    return found


def _triangular_gradient(
    b: Builder,
    dx: Value,
    a: Value,
    c: Value,
    x: Value,
    lower: bool = True,
    transposed: bool = False,
) -> Cotangents:
    dc = b("triangular_solve", a, dx, lower=lower, transposed=not transposed)
    vector = rank(c) < rank(a)
    product = outer(b, x, dc, vector) if transposed else outer(b, dc, x, vector)
    return triangle(b, b("neg", product), lower), dc


def _triangular_samples() -> Sequence[Sample]:
    a, t, stack = square_samples()
    options = [{"lower": low, "transposed": t} for low in (True, False) for t in (True, False)]
    return (
        *(sample(a, draw(3, 2), **o) for o in options),
        sample(t, draw(3, 1), lower=True, transposed=False),
        sample(a, draw(3), lower=False, transposed=True),
        sample(stack, draw(2, 3), lower=True, transposed=False),
        sample(stack, draw(2, 3, 4), lower=False, transposed=True),
        sample(a[:1, :1], draw(1, 1), lower=True, transposed=False),
        sample(a, draw(3, 0), lower=True, transposed=False),
        edge(draw(70, 70) + 40 * np.eye(70), draw(70, 2), lower=True, transposed=False),
        edge(draw(70, 70) + 40 * np.eye(70), draw(70, 2), lower=False, transposed=False),
        edge(a.astype("float32"), draw(3, 2, dtype="float32"), lower=True, transposed=False),
    )


plain(
    "triangular_solve",
    "x with a x = b (a^T x = b when `transposed`), for b[..., n, k] or b[..., n], reading only the "
    "lower (upper) triangle of a. A zero on the diagonal is an error.",
    (
        MATRIX,
        Parameter("b", dtype="T:float"),
        Parameter("lower", Kind.BOOLEAN, default=True),
        Parameter("transposed", Kind.BOOLEAN, default=False),
    ),
    _rule_of("triangular_solve"),
    _triangular,
    gradient=_triangular_gradient,
    samples=_triangular_samples,
    warns=True,
)

# --- cholesky ------------------------------------------------------------------------------------


def _cholesky_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    check_square(ctx, "cholesky", operands[0])
    return (tensor(operands[0]),)


def symmetric_part(a: Array) -> Array:
    a = widened(a)
    return (a + np.swapaxes(a, -1, -2)) / 2


def _cholesky(a: Array) -> Array:
    try:
        return np.linalg.cholesky(symmetric_part(a)).astype(a.dtype, copy=False)
    except np.linalg.LinAlgError:
        raise Fault(
            "E0521",
            "`cholesky` needs a positive definite matrix, and this one is not",
            helps=("add a small multiple of the identity matrix to it",),
        ) from None


def _cholesky_gradient(b: Builder, dy: Value, a: Value, y: Value) -> Cotangents:
    """Murray 2016, (10): the symmetric part of L^-T phi(L^T dL) L^-1, phi taking the lower triangle
    and half the diagonal."""
    inner = triangle(b, b("matmul", swapped(b, y), triangle(b, dy, True)), True, 0.5)
    left = b("triangular_solve", y, inner, lower=True, transposed=True)
    both = b("triangular_solve", y, swapped(b, left), lower=True, transposed=True)
    return (symmetric(b, both),)


def _cholesky_samples() -> Sequence[Sample]:
    a, _, stack = square_samples()
    return (
        sample(a),
        sample(transposed(a)),
        sample(stack),
        sample(draw(1, 1, low=1, high=2)),
        sample(stack[:0]),
        edge(a.astype("float32")),
    )


plain(
    "cholesky",
    "The lower triangular L with positive diagonal and L L^T = (a + a^T) / 2; a matrix that is "
    "not positive definite is an error.",
    (MATRIX,),
    _cholesky_rule,
    _cholesky,
    gradient=_cholesky_gradient,
    samples=_cholesky_samples,
    warns=True,
)

# --- inverse and slogdet -------------------------------------------------------------------------


def _inverse_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    check_square(ctx, "inverse", operands[0])
    return (tensor(operands[0]),)


def _inverse(a: Array) -> Any:
    return rounded(lapack("inverse", np.linalg.inv, a), a.dtype)


def _inverse_gradient(b: Builder, dy: Value, a: Value, y: Value) -> Cotangents:
    turned = swapped(b, y)
    return (b("neg", b("matmul", b("matmul", turned, dy), turned)),)


def _square_only_samples() -> Sequence[Sample]:
    a, t, stack = square_samples()
    return (
        sample(a),
        sample(t),
        sample(stack),
        sample(a[:1, :1]),
        sample(stack[:0]),
        edge(a.astype("float32")),
    )


plain(
    "inverse",
    "The inverse of a square matrix; a singular one is an error. `solve` is faster and more "
    "accurate than multiplying with it.",
    (MATRIX,),
    _inverse_rule,
    _inverse,
    gradient=_inverse_gradient,
    samples=_square_only_samples,
    warns=True,
)


def _slogdet_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    a = operands[0]
    check_square(ctx, "slogdet", a)
    result = with_shape(a, shape_of(a)[:-2])
    return result, result


def _slogdet(a: Array) -> tuple[Any, Any]:
    sign, size = lapack("slogdet", np.linalg.slogdet, a)
    return rounded(sign, a.dtype), rounded(size, a.dtype)


def _slogdet_gradient(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
    """The sign is constant; d log|det a| = sum of a^-T times da."""
    (a,), dy = statement.operands, cotangents[1]
    if dy is None:
        return (None,)
    spread = b("broadcast", dy, *b.sizes(a), axes=tuple(range(rank(a) - 2)))
    return (b("mul", spread, swapped(b, b("inverse", a))),)


plain(
    "slogdet",
    "The sign of the determinant and the logarithm of its magnitude; 0 and -inf for a singular "
    "matrix.",
    (MATRIX,),
    _slogdet_rule,
    _slogdet,
    raw_gradient=_slogdet_gradient,
    samples=lambda: (*_square_only_samples(), edge(np.array([[1.0, 2.0], [2.0, 4.0]]))),
    warns=True,
)
