"""Arithmetic: the elementwise primitives behind `+ - * / // % **`, and minimum and maximum.

Integer tensors wrap on overflow, integer scalars stop with E0503; integer division by zero stops in
both. Floats follow IEEE 754. Arithmetic on int64 scalars also computes with dims, so that sizes
computed by a program stay known to its types.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Sample
from charl.ops import scalars
from charl.ops.declare import LEVELS, Cotangents, chosen, dtype_of, elementwise, times
from charl.ops.faults import division_by_zero, limits
from charl.ops.samples import binary, edge, integers, unary, whole
from charl.types.dims import Dim, Known, Unknown, floor_divide, modulo
from charl.types.dtypes import INT64

LOW, HIGH = limits(INT64)


def dim_of(compute: Callable[..., Known]) -> Callable[..., Dim | None]:
    """The dim of integer arithmetic, known when the operands' dims are, and none where it would
    overflow: then the statement itself must run, and stop the program."""

    def dim(*parts: Dim | None) -> Dim | None:
        known = [p for p in parts if p is not None and not isinstance(p, Unknown)]
        if len(known) < len(parts):
            return None
        result = compute(*known)
        return None if isinstance(result, int) and not LOW <= result <= HIGH else result

    return dim


def both_constant(compute: Callable[[int, int], int]) -> Callable[..., Dim | None]:
    def dim(a: Dim | None, b: Dim | None) -> Dim | None:
        return compute(a, b) if isinstance(a, int) and isinstance(b, int) else None

    return dim


def divided(compute: Callable[[Known, Known], Known]) -> Callable[..., Dim | None]:
    """Division of dims; nothing is known of a division by zero."""
    inner = dim_of(compute)
    return lambda a, b: None if b == 0 else inner(a, b)


def with_integers(floats: Callable[[], Sequence[Sample]]) -> Callable[[], Sequence[Sample]]:
    return lambda: (*floats(), *integers())


def unary_integers(floats: Callable[[], Sequence[Sample]]) -> Callable[[], Sequence[Sample]]:
    return lambda: (
        *floats(),
        edge(whole(4, 3)),
        edge(np.array([-128, 127, 0], "int8")),
        edge(-7),
        edge(0),
    )


elementwise(
    "neg",
    "The negative, `-x`.",
    np.negative,
    symbol="-",
    ints=scalars.negate,
    float64=operator.neg,
    narrow=operator.neg,
    gradient=lambda b, dy, x, y: (b("neg", dy),),
    samples=unary_integers(unary(-2, 2)),
    surface=None,
    dim=dim_of(operator.neg),
)
elementwise(
    "abs",
    "The magnitude; its gradient at 0 is 0.",
    np.abs,
    ints=scalars.absolute,
    float64=abs,
    narrow=abs,
    gradient=times(lambda b, x, y: b("sign", x)),
    samples=unary_integers(unary(0.1, 2)),
)
elementwise(
    "sign",
    "-1, 0 or 1; NaN for NaN.",
    lambda x: np.sign(x) + 0,  # of -0.0 it is 0.0 in every dtype
    ints=scalars.unchecked(lambda x: (x > 0) - (x < 0)),
    float64=scalars.signum,
    no_gradient=LEVELS,
    samples=unary_integers(unary(0.1, 2)),
)
elementwise(
    "add",
    "`a + b`.",
    np.add,
    operands=("a", "b"),
    symbol="+",
    ints=scalars.add,
    float64=operator.add,
    narrow=operator.add,
    gradient=lambda b, dy, x, z, y: (dy, dy),
    samples=with_integers(binary()),
    surface=None,
    dim=dim_of(operator.add),
)
elementwise(
    "sub",
    "`a - b`.",
    np.subtract,
    operands=("a", "b"),
    symbol="-",
    ints=scalars.sub,
    float64=operator.sub,
    narrow=operator.sub,
    gradient=lambda b, dy, x, z, y: (dy, b("neg", dy)),
    samples=with_integers(binary()),
    surface=None,
    dim=dim_of(operator.sub),
)
elementwise(
    "mul",
    "`a * b`.",
    np.multiply,
    operands=("a", "b"),
    symbol="*",
    ints=scalars.mul,
    float64=operator.mul,
    narrow=operator.mul,
    gradient=lambda b, dy, x, z, y: (b("mul", dy, z), b("mul", dy, x)),
    samples=with_integers(binary()),
    surface=None,
    dim=dim_of(operator.mul),
)


def _div_gradient(b: Builder, dy: Value, x: Value, z: Value, y: Value) -> Cotangents:
    dx = b("div", dy, z)
    return dx, b("neg", b("mul", dx, y))


elementwise(
    "div",
    "`a / b` of floats.",
    np.divide,
    operands=("a", "b"),
    dtype="float",
    symbol="/",
    float64=scalars.ieee(operator.truediv, np.divide),
    narrow=operator.truediv,
    gradient=_div_gradient,
    samples=binary(-2, 2, 0.5, 2),
    surface=None,
    cost=4,
)


def _no_zero(symbol: str, function: np.ufunc) -> Callable[[Any, Any], Any]:
    """Division of tensors: integer divisors must not contain a zero."""

    def run(a: Any, b: Any) -> Any:
        if np.asarray(b).dtype.kind == "i" and np.any(np.equal(b, 0)) and np.size(a):
            raise division_by_zero(symbol)
        return function(a, b)

    return run


def _mod_gradient(b: Builder, dy: Value, x: Value, z: Value, y: Value) -> Cotangents:
    return dy, b("neg", b("mul", dy, b("floor_div", x, z)))


elementwise(
    "floor_div",
    "`a // b`, rounded down.",
    _no_zero("//", np.floor_divide),
    operands=("a", "b"),
    symbol="//",
    ints=scalars.floor_div,
    float64=scalars.ieee(operator.floordiv, np.floor_divide),
    narrow=operator.floordiv,
    no_gradient=LEVELS,
    samples=with_integers(binary(-2, 2, 0.5, 2)),
    surface=None,
    dim=divided(floor_divide),
    cost=8,
)
elementwise(
    "mod",
    "`a % b`, with the sign of `b`: `a - floor(a / b) * b`.",
    _no_zero("%", np.mod),
    operands=("a", "b"),
    symbol="%",
    ints=scalars.mod,
    float64=scalars.ieee(operator.mod, np.mod),
    narrow=operator.mod,
    gradient=_mod_gradient,
    samples=with_integers(binary(0.1, 0.45, 0.5, 2)),
    surface=None,
    dim=divided(modulo),
    cost=8,
)


def _power(a: Any, b: Any) -> Any:
    exponents = np.asarray(b)
    if exponents.dtype.kind == "i" and np.any(exponents < 0):
        raise scalars.negative_exponent(int(exponents[exponents < 0].flat[0]))
    return np.power(a, b)


def _pow_gradient(b: Builder, dy: Value, x: Value, z: Value, y: Value) -> Cotangents:
    """dx = z x^(z-1), which is 0 at x = z = 0 where that product would be 0 * inf;
    dz = y log(x), which is taken as 0 at x = 0, its limit for z > 0, and NaN for x < 0."""
    x_zero = b("eq", x, 0.0)
    corner = b("and", x_zero, b("eq", z, 0.0))
    lower = b("select", corner, b.scalar(1, dtype_of(z)), b("sub", z, 1.0))
    dx = b("mul", b("mul", dy, z), b("pow", x, lower))
    log = b("log", b("select", x_zero, b.scalar(1, dtype_of(x)), x))
    return dx, b("mul", dy, b("mul", y, log))


elementwise(
    "pow",
    "`a ** b`. Integers need exponents that are not negative. The gradient with respect to `b` is "
    "0 where `a` is 0 and NaN where `a` is negative.",
    _power,
    operands=("a", "b"),
    symbol="**",
    ints=scalars.power,
    float64=scalars.ieee(math.pow, np.power),
    narrow=operator.pow,
    gradient=_pow_gradient,
    samples=lambda: (
        *binary(0.3, 2, -2, 2)(),
        edge(np.array([0.0, -1.5, 2.0]), 2.0),
        edge(np.array([0.0, 0.0, 0.0]), np.array([0.0, 1.0, 2.0])),
        *integers(0, 6),
    ),
    cost=30,
)
elementwise(
    "minimum",
    "The lesser; NaN when either is. At ties the gradient goes to `a`.",
    np.minimum,
    operands=("a", "b"),
    ints=scalars.unchecked(min),
    float64=scalars.least,
    narrow=scalars.least,
    gradient=lambda b, dy, x, z, y: chosen(b, dy, b("le", x, z)),
    samples=with_integers(binary(-2.0, 2.0, -1.9, 2.1)),
    dim=both_constant(min),
)
elementwise(
    "maximum",
    "The greater; NaN when either is. At ties the gradient goes to `a`.",
    np.maximum,
    operands=("a", "b"),
    ints=scalars.unchecked(max),
    float64=scalars.greatest,
    narrow=scalars.greatest,
    gradient=lambda b, dy, x, z, y: chosen(b, dy, b("ge", x, z)),
    samples=with_integers(binary(-2.0, 2.0, -1.9, 2.1)),
    dim=both_constant(max),
)
