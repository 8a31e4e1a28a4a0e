"""pow.

The size of x**y is exp(y log |x|). Of float32 it is computed in double. Of float64 the logarithm
must be right to some 64 bits, for its error shows up to 700 times larger: it is a pair of numbers,
the series 2 atanh(s) = 2 s + s z (2/3 + z (2/5 + z P(z))), z = s**2, with the first terms added up
in pairs.

The sign, and everything C99 says about zeros, infinities and NaN, is chosen afterwards: x**0 and
1**y are 1 even of NaN, a negative number has powers only for integers, odd ones negative.
"""

from __future__ import annotations

import math

from charl.backend.llvm.math.exponentials import (
    EXP,
    EXP_RANGE,
    LN_2,
    exp_short,
    reduced,
)
from charl.backend.llvm.math.expressions import (
    Number,
    Pair,
    as_number,
    at_least,
    at_most,
    choose,
    exact_sum,
    fast_sum,
    fma,
    polynomial,
    product,
    scaled,
)
from charl.backend.llvm.math.logarithms import apart, log_short, normal

# 2/3 and 2/5 as a number and its rest.
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
TWO_FIFTHS = (0.4, -2.220446049250313e-17)
# (2 atanh(s) - 2 s - 2/3 s**3 - 2/5 s**5) / s**7 in s**2; 2**-71 of the logarithm.
LOG_TAIL = (
    0.2857142857143317, 0.222222222200086, 0.18181818606063038, 0.15384572848210862,
    0.133357653320442, 0.11684992373166486, 0.11911417114205117,
)  # fmt: skip


def pow(x: Number, y: Number) -> Number:
    if x.type == "float":
        base, power = x.wide(), y.wide()
        logarithm = limits_of_log(base.magnitude(), log_short(base.magnitude()))
        size = exp_short(at_least(at_most(power * logarithm, 150.0), -150.0))
        return with_exceptions(base, power, size).narrow()
    return with_exceptions(x, y, exp_pair(logarithm_times(x.magnitude(), y)))


def limits_of_log(x: Number, logarithm: Number) -> Number:
    """The logarithm of x >= 0, given what it is of a positive number."""
    return choose(x < math.inf, choose(x.equals(0.0), -math.inf, logarithm), x)


def logarithm_times(x: Number, y: Number) -> Pair:
    """y log x of x >= 0, to some 64 bits."""
    positive, digits = normal(x)
    m, k = apart(positive)
    total = log_pair(m, as_number(k) - digits)
    high = limits_of_log(x, total.high)
    whole = y * high
    rest = fma(y, total.low, fma(y, high, -whole))
    return Pair(whole, choose(whole.magnitude() < 1000.0, rest, 0.0))


def log_pair(m: Number, k: Number) -> Pair:
    """k log 2 + log(m)."""
    f = m - 1.0
    d = m + 1.0
    s = f / d
    lost = m - (d - 1.0)
    slope = Pair(s, (fma(-s, d, f) - s * lost) / d)
    square = slope.times(slope)
    z = square.high
    tail = fast_sum(z.like(TWO_FIFTHS[0]), z * polynomial(z, LOG_TAIL))
    tail = Pair(tail.high, tail.low + TWO_FIFTHS[1])
    thirds = Pair(z.like(TWO_THIRDS[0]), z.like(TWO_THIRDS[1]))
    series = thirds.plus(square.times(tail))
    twice = Pair(s * 2.0, slope.low * 2.0)
    log_m = twice.plus(slope.times(square).times(series))
    high, low = LN_2["double"]
    turns = product(k, k.like(high))
    total = exact_sum(turns.high, log_m.high)
    return fast_sum(total.high, total.low + (fma(k, low, turns.low) + log_m.low))


def exp_pair(x: Pair) -> Number:
    low, high = EXP_RANGE["double"]
    r, n = reduced(at_least(at_most(x.high, high), low))
    r = r + x.low
    return scaled(fma(r * r, polynomial(r, EXP["double"]), r) + 1.0, n)


def with_exceptions(x: Number, y: Number, size: Number) -> Number:
    """x**y, given |x|**y where neither |x| = 1 nor y = 0."""
    whole = y.rounded().equals(y)
    half = y * 0.5
    odd = whole & half.rounded().differs(half)
    size = choose(x.magnitude().equals(1.0), 1.0, size)
    sign = x.sign_bit()
    signed = size.flipped(choose(odd, sign, sign.like(0)))
    impossible = (x < 0.0) & (x > -math.inf) & (whole ^ 1)
    result = choose(impossible, math.nan, signed)
    one = y.equals(0.0) | x.equals(1.0)
    return choose(one, 1.0, result)
