"""erf, lgamma, digamma and polygamma: elementwise functions NumPy does not have.

All are computed in float64 and rounded to the dtype of the operand.

- erf: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of
  Computation 23 (1969), three intervals; relative error below 1e-15.
- lgamma: Stirling's series (NIST DLMF 5.11.1) for arguments of at least 10, which smaller ones
  reach by the recurrence; near 1 and 2, where lgamma has its zeros, its Taylor series (DLMF
  5.7.3), so that the relative error stays small; the reflection formula (DLMF 5.5.3) below 1/2.
- digamma: asymptotic series (DLMF 5.11.2) after the recurrence, reflection (DLMF 5.5.4).
- polygamma of order n: asymptotic series (DLMF 5.15.9) after the recurrence. Negative arguments are
  reached by the recurrence only while that is short, and are NaN below -100.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Kind, Op, Parameter, RuleContext, Sample, declare
from charl.ops.declare import (
    Cotangents,
    check_dtypes,
    element_by_element,
    elementwise,
    quiet,
    scalar,
    times,
    unstretching,
)
from charl.ops.samples import INF, NAN, Array, draw, edge, sample, unary
from charl.types.types import Tensor, Type, Typed


def in_float64(function: Callable[..., Array]) -> Callable[..., Array]:
    """The function of float64 arrays for arrays of any float dtype."""

    def run(x: Any, **attributes: Any) -> Array:
        given = np.asarray(x)
        result = function(given.astype(np.float64), **attributes)
        return result.astype(given.dtype, copy=False)

    return run


def polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """Horner's scheme, the highest power first."""
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total = total * x + c
    return total


# --- erf -----------------------------------------------------------------------------------------

# Cody 1969, tables II to IV: |x| <= 0.46875, 0.46875 <= |x| <= 4, |x| >= 4.
SMALL_P = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
SMALL_Q = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)
MIDDLE_P = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
MIDDLE_Q = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)
LARGE_P = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
LARGE_Q = (
    1.0,
    2.56852019228982242e0,
    1.87295284992346725e0,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)


def _erf(x: Array) -> Array:
    size = np.abs(x)
    square = x * x
    small = x * polynomial(square, SMALL_P) / polynomial(square, SMALL_Q)
    middle = np.exp(-square) * polynomial(size, MIDDLE_P) / polynomial(size, MIDDLE_Q)
    inverse = 1.0 / np.maximum(square, 1.0)
    tail = inverse * polynomial(inverse, LARGE_P) / polynomial(inverse, LARGE_Q)
    large = np.exp(-square) * (1.0 / math.sqrt(math.pi) - tail) / np.maximum(size, 1.0)
    beyond = np.copysign(1.0 - np.where(size <= 4.0, middle, large), x)
    beyond = np.where(size > 6.0, np.copysign(1.0, x), beyond)
    result: Array = np.where(np.isnan(x), x, np.where(size <= 0.46875, small, beyond))
    return result


def _erf_derivative(b: Builder, x: Value, y: Value) -> Any:
    return b("mul", b("exp", b("neg", b("mul", x, x))), 2.0 / math.sqrt(math.pi))


elementwise(
    "erf",
    "The error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x.",
    in_float64(_erf),
    dtype="float",
    float64=math.erf,
    gradient=times(_erf_derivative),
    samples=unary(-3, 3, 0.4, 0.5, 3.9, 4.1, 7.0),
    cost=14,
)

# --- lgamma --------------------------------------------------------------------------------------

BERNOULLI = (  # B2, B4, ...: DLMF 24.2
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
)
STIRLING = tuple(B / (2 * k * (2 * k - 1)) for k, B in enumerate(BERNOULLI, 1))
EULER = 0.57721566490153286061
FAR = 10.0  # from here on the asymptotic series reach float64


def _zeta_less_one(s: int) -> float:
    """zeta(s) - 1 for s >= 2: the first terms, then Euler and Maclaurin's formula (DLMF 25.2.9)."""
    n = 20
    total: float = math.fsum(k**-s for k in range(2, n)) + n ** (1 - s) / (s - 1) + 0.5 * n**-s
    rising = float(s)
    for k, bernoulli in enumerate(BERNOULLI[:5], 1):
        total += bernoulli / math.factorial(2 * k) * rising * n ** (1 - s - 2 * k)
        rising *= (s + 2 * k - 1) * (s + 2 * k)
    return total


# lgamma(2 + t) = (1 - EULER) t + sum over k >= 2 of (-t)^k (zeta(k) - 1) / k, for |t| <= 1/2.
TAYLOR = tuple((-1) ** k * _zeta_less_one(k) / k for k in range(40, 1, -1))


def _stirling(x: Array) -> Array:
    """lgamma of x >= 10."""
    inverse = 1.0 / x
    series = inverse * polynomial(inverse * inverse, STIRLING[::-1])
    return (x - 0.5) * np.log(x) - x + 0.5 * math.log(2 * math.pi) + series


def _near_two(t: Array) -> Array:
    """lgamma(2 + t) for |t| <= 1/2."""
    return t * ((1 - EULER) + t * polynomial(t, TAYLOR))


def _positive_lgamma(x: Array) -> Array:
    """lgamma of x >= 1/2."""
    product, lifted = np.ones_like(x), x.copy()
    for _ in range(int(FAR)):
        low = lifted < FAR
        product = np.where(low, product * lifted, product)
        lifted = np.where(low, lifted + 1.0, lifted)
    far = _stirling(lifted) - np.log(product)
    # Around 1: lgamma(x) = lgamma(1 + x) - log(x), with log1p for the digits near 1.
    around_one = _near_two(np.clip(x - 1.0, -0.5, 0.5)) - np.log1p(x - 1.0)
    around_two = _near_two(np.clip(x - 2.0, -0.5, 0.5))
    near = np.where(x < 1.5, around_one, around_two)
    result: Array = np.where((x >= 0.5) & (x <= 2.5), near, far)
    return np.where(np.isinf(x), x, result)


def _lgamma(x: Array) -> Array:
    """log |gamma(x)|; infinite at 0, -1, -2 and so on."""
    negative = x < 0.5
    folded = _positive_lgamma(np.where(negative, 1.0 - x, x))
    sine = np.abs(np.sin(math.pi * (x - np.rint(x))))  # exact however close to a pole
    reflected = math.log(math.pi) - np.log(sine) - folded
    reflected = np.where(np.isinf(x), INF, reflected)
    result: Array = np.where(negative, reflected, folded)
    return np.where(np.isnan(x), x, result)


elementwise(
    "lgamma",
    "The logarithm of the magnitude of the gamma function; infinite at 0, -1, -2...",
    in_float64(_lgamma),
    dtype="float",
    gradient=times(lambda b, x, y: b("digamma", x)),
    samples=unary(0.2, 5, 0.5, 1.5, 2.5, 9.5, 30.0, -0.5, -3.7, -1e-20),
    cost=60,
)

# --- digamma and polygamma -----------------------------------------------------------------------

DIGAMMA = tuple(-B / (2 * k) for k, B in enumerate(BERNOULLI, 1))


def _digamma(x: Array) -> Array:
    """The derivative of lgamma; NaN at 0, -1, -2..."""
    negative = x <= 0.0
    lifted = np.where(negative, 1.0 - x, x)
    total = np.zeros_like(x)
    for _ in range(int(FAR)):
        low = lifted < FAR
        total = np.where(low, total - 1.0 / lifted, total)
        lifted = np.where(low, lifted + 1.0, lifted)
    inverse = 1.0 / lifted
    square = inverse * inverse
    total = total + np.log(lifted) - 0.5 * inverse + square * polynomial(square, DIGAMMA[::-1])
    beside = x - np.rint(x)
    cotangent = math.pi / np.tan(math.pi * beside)
    pole = negative & (beside == 0.0)
    return np.where(pole, NAN, np.where(negative, total - cotangent, total))


elementwise(
    "digamma",
    "The derivative of lgamma; NaN at 0, -1, -2...",
    in_float64(_digamma),
    dtype="float",
    gradient=times(lambda b, x, y: b("polygamma", x, order=1)),
    samples=unary(0.2, 5, 1.4616321449683622, 9.5, 30.0, -0.5, -3.7),
    cost=60,
)


def _polygamma(x: Array, order: int) -> Array:
    """(-1)^(n+1) n! times the sum over k >= 0 of (x + k)^-(n+1)."""
    n = order
    far = FAR + n  # the series needs more room at higher order
    steps = int(far) + 100
    lifted, total = np.where(x > -100.0, x, NAN), np.zeros_like(x)
    for _ in range(steps):
        low = lifted < far
        if not low.any():
            break
        total = np.where(low, total + lifted ** -(n + 1.0), total)
        lifted = np.where(low, lifted + 1.0, lifted)
    series = np.zeros_like(x)
    for k, bernoulli in reversed(list(enumerate(BERNOULLI, 1))):
        weight = bernoulli * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
        series = series + weight * lifted ** -(2.0 * k + n)
    start = math.factorial(n - 1) * lifted ** -float(n)
    half = math.factorial(n) * lifted ** -(n + 1.0) / 2
    size = math.factorial(n) * total + start + half + series
    result: Array = size if n % 2 else -size
    result = np.where(np.isposinf(x), 0.0, result)
    pole = (x <= 0.0) & (x == np.floor(x))
    return np.where(pole, INF if n % 2 else NAN, result)


POLYGAMMA = in_float64(_polygamma)


def _polygamma_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    check_dtypes(ctx, "polygamma", PARAMETERS, operands)
    if attributes["order"] < 1:
        ctx.fail("the order of `polygamma` is at least 1; order 0 is `digamma`", (0,))
    return (operands[0].type,)


def _polygamma_value(x: Any, order: int) -> Any:
    result = POLYGAMMA(x, order=order)
    return result if result.ndim else scalar(result)


def _polygamma_specialised(
    kinds: Sequence[Type], attributes: Mapping[str, Any]
) -> Callable[..., Any]:
    (kind,) = kinds
    assert isinstance(kind, Tensor)
    return partial(POLYGAMMA if kind.shape else _polygamma_value, **attributes)


def _polygamma_gradient(b: Builder, dy: Value, x: Value, y: Value, order: int) -> Cotangents:
    return (b("mul", dy, b("polygamma", x, order=order + 1)),)


def _polygamma_samples() -> Sequence[Sample]:
    x = draw(3, 4, low=0.6, high=6.0)
    return (
        sample(x, order=1),
        sample(x, order=2),
        sample(2.5, order=3),
        sample(x[:0], order=1),
        edge(np.array([0.0, -1.0, -0.5, -2.5, INF, NAN, 40.0]), order=1),
        edge(np.array([0.5, 1e-3, 15.0]), order=4),
        edge(x.astype("float32"), order=1),
    )


PARAMETERS = (Parameter("x", dtype="T:float"), Parameter("order", Kind.INTEGER))
declare(
    Op(
        name="polygamma",
        doc="The derivative of digamma, `order` times; infinite or NaN at 0, -1, -2...",
        parameters=PARAMETERS,
        rule=_polygamma_rule,
        evaluate=quiet(_polygamma_value),
        gradient=unstretching(_polygamma_gradient),
        samples=_polygamma_samples,
        surface="polygamma",
        elementwise=True,
        specialise=_polygamma_specialised,
        element=element_by_element,
        cost=400,
    )
)
