"""log and log1p.

x = 2**k * m with m in [sqrt(1/2), sqrt(2)), taken apart in its bits; then
log x = k log 2 + log(1 + f) with f = m - 1, which is exact. For float, log(1 + f) is
f - f**2/2 + f**3 P(f); for double, with s = f / (2 + f), it is 2 atanh(s), a series in s**2 that
converges faster, written as f - (f**2/2 - s (f**2/2 + s**2 P(s**2))), which loses nothing to
cancellation. P are the polynomials of least relative error (Remez's exchange).

log1p(x) does the same to u = 1 + x rounded, and gives to f what the rounding lost.
"""

from __future__ import annotations

import math

from charl.backend.llvm.math.exponentials import LN_2
from charl.backend.llvm.math.expressions import (
    MANTISSA,
    Number,
    as_number,
    bits_of,
    choose,
    fma,
    polynomial,
    power_of_two,
)

# log(1 + f) = f - f**2/2 + f**3 P(f), relative error 2**-30.
LOG_FLOAT = (
    0.333333105, -0.249999866, 0.200022265, -0.166692495, 0.142186612, -0.123843648, 0.118729696,
    -0.117897213, 0.0691529289,
)  # fmt: skip
# 2 atanh(s) = 2 s + s**3 P(s**2), relative error 2**-58.9.
LOG_DOUBLE = (
    0.6666666666666735, 0.39999999999412866, 0.28571428742828775, 0.22222198524330652,
    0.1818356703907265, 0.1531397693524326, 0.14796726468696658,
)  # fmt: skip
# The same to 2**-37.6, for results in float32.
LOG_SHORT = (0.6666666564335801, 0.4000033570383989, 0.28537273641064553, 0.23582854674077394)

LEAST_NORMAL = {"float": 2.0**-126, "double": 2.0**-1022}


def apart(x: Number) -> tuple[Number, Number]:
    """m in [sqrt(1/2), sqrt(2)) and the integer k of a positive normal x = 2**k * m."""
    bits = x.bits()
    k = (bits - bits_of(math.sqrt(0.5), x.type)) >> MANTISSA[x.type]
    return (bits - (k << MANTISSA[x.type])).as_float(), k


def normal(x: Number) -> tuple[Number, Number]:
    """x, times a power of two where it is denormal, and the exponent of that power."""
    digits = MANTISSA[x.type] + 1
    denormal = x < LEAST_NORMAL[x.type]
    return choose(denormal, x * 2.0**digits, x), choose(denormal, x.like(float(digits)), 0.0)


def beyond_f(f: Number) -> Number:
    """log(1 + f) - f."""
    half = f * f * 0.5
    if f.type == "float":
        return fma(f * f * f, polynomial(f, LOG_FLOAT), -half)
    s = f / (f + 2.0)
    z = s * s
    return fma(s, fma(z, polynomial(z, LOG_DOUBLE), half), -half)


def sum_of_parts(k: Number, f: Number) -> Number:
    """k log 2 + log(1 + f)."""
    high, low = LN_2[f.type]
    return fma(k, high, f + fma(k, low, beyond_f(f)))


def with_limits(x: Number, least: float, result: Number) -> Number:
    """The result where least < x < infinity, and what the logarithm is elsewhere."""
    result = choose(x < math.inf, result, x)
    result = choose(x < least, math.nan, result)
    return choose(x.equals(least), -math.inf, result)


def log(x: Number) -> Number:
    scaled, digits = normal(x)
    m, k = apart(scaled)
    return with_limits(x, 0.0, sum_of_parts(as_number(k) - digits, m - 1.0))


def log1p(x: Number) -> Number:
    u = x + 1.0
    back = u - 1.0
    lost = (1.0 - (u - back)) + (x - back)
    m, k = apart(u)
    highest = 100 if x.type == "float" else 1000  # beyond, what was lost does not matter
    scale = power_of_two(choose(k > highest, -highest, k.like(0) - k))
    result = sum_of_parts(as_number(k), fma(lost, scale, m - 1.0))
    tiny = 2.0**-25 if x.type == "float" else 2.0**-54
    result = choose(x.magnitude() < tiny, x, result)  # keeps -0.0
    return with_limits(x, -1.0, result)


def log_short(x: Number) -> Number:
    """log in double to 2**-37, of a positive normal number."""
    m, k = apart(x)
    f = m - 1.0
    s = f / (f + 2.0)
    z = s * s
    return fma(as_number(k), LN_2["double"][0], fma(s * z, polynomial(z, LOG_SHORT), s * 2.0))
