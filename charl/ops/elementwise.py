"""Elementwise functions of floats, the conversions between dtypes, and the identities.

Operands have one shape; those of rank 0 stretch. Derivatives are in terms of the result `y` where
that is cheaper than in terms of `x`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Fault, Kind, Op, Parameter, RuleContext, Sample, declare
from charl.ops import scalars
from charl.ops.declare import (
    LEVELS,
    Cotangents,
    dtype_of,
    element_by_element,
    elementwise,
    is_float,
    quiet,
    shape_of,
    times,
    unstretching,
)
from charl.ops.faults import limits, overflow
from charl.ops.samples import INF, NAN, Array, binary, bits, draw, edge, sample, unary, whole
from charl.types import dtypes
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type, Typed


def function(
    name: str,
    doc: str,
    array: np.ufunc,
    fast: Callable[[float], float],
    derivative: Callable[[Builder, Value, Value], Any],
    samples: Callable[[], Sequence[Sample]],
    cost: int,
) -> None:
    elementwise(
        name,
        doc,
        array,
        dtype="float",
        float64=scalars.ieee(fast, array),
        gradient=times(derivative),
        samples=samples,
        cost=cost,
    )


def _one_minus_square(b: Builder, x: Value) -> Any:
    """(1 - x)(1 + x), which keeps its digits near 1 where 1 - x*x loses them."""
    return b("mul", b("sub", b.scalar(1, dtype_of(x)), x), b("add", x, 1.0))


function("exp", "e to the power x.", np.exp, math.exp, lambda b, x, y: y, unary(-2, 2, 710.0), 8)
function(
    "expm1",
    "exp(x) - 1, accurate near 0.",
    np.expm1,
    math.expm1,
    lambda b, x, y: b("add", y, 1.0),
    unary(-2, 2, 1e-9),
    10,
)
function(
    "log",
    "The natural logarithm; NaN below 0.",
    np.log,
    math.log,
    lambda b, x, y: b("div", b.scalar(1, dtype_of(x)), x),
    unary(0.2, 3),
    10,
)
function(
    "log1p",
    "log(1 + x), accurate near 0.",
    np.log1p,
    math.log1p,
    lambda b, x, y: b("div", b.scalar(1, dtype_of(x)), b("add", x, 1.0)),
    unary(-0.5, 3, 1e-9),
    12,
)
function(
    "sqrt",
    "The square root; NaN below 0.",
    np.sqrt,
    math.sqrt,
    lambda b, x, y: b("div", b.scalar(0.5, dtype_of(x)), y),
    unary(0.3, 3),
    4,
)
function("sin", "The sine.", np.sin, math.sin, lambda b, x, y: b("cos", x), unary(-4, 4), 14)
function(
    "cos", "The cosine.", np.cos, math.cos, lambda b, x, y: b("neg", b("sin", x)), unary(-4, 4), 14
)
function(
    "tan",
    "The tangent.",
    np.tan,
    math.tan,
    lambda b, x, y: b("add", b("mul", y, y), 1.0),
    unary(-1, 1),
    20,
)
function(
    "tanh",
    "The hyperbolic tangent.",
    np.tanh,
    math.tanh,
    lambda b, x, y: _one_minus_square(b, y),
    unary(-3, 3),
    12,
)
function(
    "asin",
    "The angle whose sine is x; NaN outside -1 to 1.",
    np.arcsin,
    math.asin,
    lambda b, x, y: b("rsqrt", _one_minus_square(b, x)),
    unary(-0.9, 0.9),
    16,
)
function(
    "acos",
    "The angle whose cosine is x; NaN outside -1 to 1.",
    np.arccos,
    math.acos,
    lambda b, x, y: b("neg", b("rsqrt", _one_minus_square(b, x))),
    unary(-0.9, 0.9),
    16,
)
function(
    "atan",
    "The angle whose tangent is x.",
    np.arctan,
    math.atan,
    lambda b, x, y: b("div", b.scalar(1, dtype_of(x)), b("add", b("mul", x, x), 1.0)),
    unary(-3, 3),
    16,
)
function(
    "sinh",
    "The hyperbolic sine.",
    np.sinh,
    math.sinh,
    lambda b, x, y: b("cosh", x),
    unary(-3, 3),
    16,
)
function(
    "cosh",
    "The hyperbolic cosine.",
    np.cosh,
    math.cosh,
    lambda b, x, y: b("sinh", x),
    unary(-3, 3),
    16,
)


def _rsqrt(x: Any) -> Any:
    return np.reciprocal(np.sqrt(x))


elementwise(
    "rsqrt",
    "1 / sqrt(x).",
    _rsqrt,
    dtype="float",
    float64=scalars.ieee(lambda x: 1.0 / math.sqrt(x), _rsqrt),
    narrow=_rsqrt,
    gradient=times(lambda b, x, y: b("mul", b("div", y, x), -0.5)),
    samples=unary(0.3, 3),
    cost=6,
)


def _atan2_gradient(b: Builder, dy: Value, y: Value, x: Value, angle: Value) -> Cotangents:
    scaled = b("div", dy, b("add", b("mul", x, x), b("mul", y, y)))
    return b("mul", scaled, x), b("neg", b("mul", scaled, y))


elementwise(
    "atan2",
    "The angle of the point (x, y), between -pi and pi.",
    np.arctan2,
    operands=("y", "x"),
    dtype="float",
    float64=math.atan2,
    gradient=_atan2_gradient,
    samples=binary(0.2, 2, -2, 2),
    cost=20,
)

_ROUNDINGS: tuple[tuple[str, str, np.ufunc, Callable[[float], int]], ...] = (
    ("floor", "Rounded down.", np.floor, math.floor),
    ("ceil", "Rounded up.", np.ceil, math.ceil),
    ("round", "Rounded to the nearest integer, half to even.", np.rint, round),
    ("trunc", "Rounded towards zero.", np.trunc, math.trunc),
)
for _name, _doc, _array, _fast in _ROUNDINGS:
    elementwise(
        _name,
        _doc,
        _array,
        dtype="float",
        float64=scalars.rounding(_fast, _array),
        no_gradient=LEVELS,
        samples=unary(-3, 3, 0.5, 1.5, 2.5, -0.5),
    )

_TESTS: tuple[tuple[str, str, np.ufunc, Callable[[float], bool]], ...] = (
    ("is_nan", "Whether x is not a number.", np.isnan, math.isnan),
    ("is_infinite", "Whether x is infinite.", np.isinf, math.isinf),
    ("is_finite", "Whether x is neither infinite nor NaN.", np.isfinite, math.isfinite),
)
for _name, _doc, _test, _fast_test in _TESTS:
    elementwise(
        _name,
        _doc,
        _test,
        dtype="float",
        result=dtypes.BOOL,
        float64=_fast_test,
        no_gradient="its result is not a number",
        samples=unary(-3, 3),
    )


def _identity(x: Any) -> Any:
    return x


elementwise(
    "copy",
    "x itself; exists to be a statement of its own.",
    _identity,
    dtype="any",
    narrow=_identity,
    gradient=lambda b, dy, x, y: (dy,),
    samples=unary(-2, 2),
    surface=None,
    dim=lambda x: x,
)
elementwise(
    "stop_gradient",
    "x itself, as a constant to differentiation.",
    _identity,
    dtype="any",
    narrow=_identity,
    no_gradient="that is its purpose",
    samples=unary(-2, 2),
    dim=lambda x: x,
)


# --- Conversion ----------------------------------------------------------------------------------


def _to_integers(x: Array, dtype: DType) -> Array:
    """Floats to integers, towards zero; NaN and what does not fit become the least integer."""
    low, high = limits(dtype)
    whole = np.trunc(x.astype(np.float64 if x.dtype.itemsize == 8 else np.float32))
    fits = (whole >= float(low)) & (whole < float(high + 1))
    return np.where(fits, np.where(fits, whole, 0).astype(dtype.numpy), dtype.numpy.type(low))


def _cast_array(x: Array, dtype: DType) -> Array:
    if dtype.is_int and x.dtype.kind not in "bi":
        return _to_integers(x, dtype)
    if dtype == dtypes.BOOL:
        return np.not_equal(x, 0)
    return x.astype(dtype.numpy)


def _cast_scalar(x: Any, dtype: DType) -> Any:
    if dtype == dtypes.FLOAT64:
        return float(x)
    if dtype.is_float:
        return dtype.numpy.type(x)
    if dtype == dtypes.BOOL:
        return bool(x != 0)
    if not isinstance(x, int) and not math.isfinite(x):
        raise Fault("E0503", f"`{x}` does not fit into {dtype}")
    low, high = limits(dtype)
    whole = int(x)
    if not low <= whole <= high:
        raise overflow(str(x), dtype)
    return whole


def _cast(x: Any, dtype: DType) -> Any:
    return (_cast_array if isinstance(x, np.ndarray) and x.ndim else _cast_scalar)(x, dtype)


def _cast_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    return (Tensor(attributes["dtype"], shape_of(operands[0])),)


def _cast_gradient(b: Builder, dy: Value, x: Value, y: Value, dtype: DType) -> Cotangents:
    return (b("cast", dy, dtype=dtype_of(x)) if is_float(y) and is_float(x) else None,)


def _cast_specialised(kinds: Sequence[Type], given: Mapping[str, Any]) -> Callable[..., Any]:
    """Scalar conversions that cannot fail are a bare call."""
    (kind,), to = kinds, given["dtype"]
    assert isinstance(kind, Tensor) and isinstance(kind.dtype, DType)
    if kind.shape:
        return partial(_cast_array, dtype=to)
    if to == kind.dtype:
        return _identity
    if to.is_float:
        return float if to == dtypes.FLOAT64 else to.numpy.type
    return partial(_cast_scalar, dtype=to)


def _cast_samples() -> Sequence[Sample]:
    x = draw(3, 4, low=-300, high=300)
    wild = np.array([INF, -INF, NAN, 1e300, -1e300, 127.9, 128.0, -129.0, 2.0**63, -(2.0**63)])
    targets = dtypes.ALL
    return (
        sample(x, dtype=dtypes.FLOAT64),
        sample(1.5, dtype=dtypes.FLOAT64),
        *(edge(x, dtype=d) for d in targets),
        *(edge(x.astype("float32"), dtype=d) for d in targets),
        *(edge(whole(3, 4, low=-200, high=200), dtype=d) for d in targets),
        *(edge(bits(3, 4), dtype=d) for d in targets),
        *(edge(wild, dtype=d) for d in targets if d.is_int),
        *(edge(n, dtype=d) for d in targets for n in (3, 3.75, -2.5, True, np.float32(2.5))),
    )


CAST = declare(
    Op(
        name="cast",
        doc="`x as dtype`. Floats become integers towards zero: a scalar that does not fit is an "
        "error, elements of tensors that do not fit (and NaN) become the least integer. Integers "
        "become narrower ones likewise, but elements of tensors wrap. Numbers become bool by "
        "`x != 0`.",
        parameters=(Parameter("x"), Parameter("dtype", Kind.DTYPE)),
        rule=_cast_rule,
        evaluate=quiet(_cast),
        gradient=unstretching(_cast_gradient),
        samples=_cast_samples,
        elementwise=True,
        specialise=_cast_specialised,
        element=element_by_element,
    )
)
