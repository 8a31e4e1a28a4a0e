"""exp, expm1, tanh, sinh and cosh.

exp(x) is 2**n * exp(r), with n the integer nearest to x / log 2 and r = x - n log 2 in
[-0.347, 0.347]; log 2 is subtracted in two parts, so that r is right to its last digits. exp(r) is
1 + r + r**2 Q(r), with Q the polynomial of least relative error (by Remez's exchange, rounded to
the type). 2**n is made of bits, and multiplied in two halves, so that a denormal result is rounded
once.

expm1 adds the same parts without the 1: 2**n (r + r**2 Q(r)) + (2**n - 1). tanh is
1 - 2 / (exp(2x) + 1) from 0.55 on, and x + x**3 P(x**2) below.

sinh and cosh exist for float32 only, and are computed in double.
"""

from __future__ import annotations

from charl.backend.llvm.math.expressions import (
    Number,
    at_least,
    at_most,
    choose,
    fma,
    nearest_integer,
    polynomial,
    power_of_two,
    scaled,
)

LOG2_E = 1.4426950408889634
# log 2 as a number of the type, and the rest.
LN_2 = {
    "float": (0.693147182464599609375, -1.904654323148236e-09),
    "double": (0.6931471805599453, 2.3190468138462996e-17),
}

# Q above: relative errors of exp 2**-27 and 2**-61, of expm1 2**-25.9 and 2**-60.7.
EXP = {
    "float": (0.5, 0.166665435, 0.0416662805, 0.00836660899, 0.0013946516),
    "double": (
        0.5, 0.16666666666666677, 0.0416666666666667, 0.00833333333332158, 0.0013888888888866913,
        0.0001984126988626139, 2.4801587360434563e-05, 2.755724406710409e-06,
        2.7557242848627017e-07, 2.510908844552221e-08, 2.0924418937041952e-09,
    ),
}  # fmt: skip
# Q in double, for results in float32: relative error 2**-34.
EXP_SHORT = (
    0.5000000078065306, 0.16666666862254098, 0.04166626936632237, 0.008333264017955155,
    0.001394611565320759, 0.00019918559980512587,
)  # fmt: skip

# (tanh(x) - x) / x**3 as a polynomial in x**2 for |x| < 0.55; relative errors 2**-27.8, 2**-55.
TANH = {
    "float": (-0.333333194, 0.133326024, -0.053853862, 0.021077767, -0.00628248183),
    "double": (
        -0.33333333333332354, 0.13333333333173783, -0.053968253878395496, 0.021869486026649555,
        -0.00886319516060474, 0.0035917247176118342, -0.0014532404007962902,
        0.0005792041033370552, -0.00021040756488633822, 5.1091437491160374e-05,
    ),
}  # fmt: skip

# Beyond these exp is zero and infinite; expm1 is -1 and infinite.
EXP_RANGE = {"float": (-104.0, 89.0), "double": (-746.0, 710.0)}
EXPM1_RANGE = {"float": (-18.0, 89.0), "double": (-40.0, 710.0)}


def reduced(x: Number) -> tuple[Number, Number]:
    """r and n such that exp(x) = 2**n * exp(r)."""
    high, low = LN_2[x.type]
    whole, n = nearest_integer(x, LOG2_E)
    return fma(whole, -low, fma(whole, -high, x)), n


def exp(x: Number) -> Number:
    low, high = EXP_RANGE[x.type]
    r, n = reduced(at_least(at_most(x, high), low))
    return scaled(fma(r * r, polynomial(r, EXP[x.type]), r) + 1.0, n)


def exp_short(x: Number) -> Number:
    """exp in double to 2**-34, where the result is neither denormal nor infinite."""
    r, n = reduced(x)
    return (fma(r * r, polynomial(r, EXP_SHORT), r) + 1.0) * power_of_two(n)


def expm1(x: Number) -> Number:
    low, high = EXPM1_RANGE[x.type]
    r, n = reduced(at_least(at_most(x, high), low))
    part = fma(r * r, polynomial(r, EXP[x.type]), r)
    half = power_of_two(n - 1)  # 2**n itself may be infinite
    result = fma(half, part, half - 0.5) * 2.0
    tiny = 2.0**-25 if x.type == "float" else 2.0**-54
    return choose(x.magnitude() < tiny, x, result)  # keeps -0.0 and denormals


def tanh(x: Number) -> Number:
    size = x.magnitude()
    square = size * size
    near = fma(size * square, polynomial(square, TANH[x.type]), size)
    r, n = reduced(at_most(size, 10.0 if x.type == "float" else 20.0) * 2.0)
    power = (fma(r * r, polynomial(r, EXP[x.type]), r) + 1.0) * power_of_two(n)
    far = 1.0 - 2.0 / (power + 1.0)
    return choose(size < 0.55, near, far).with_sign(x)


def sinh(x: Number) -> Number:
    """For float32."""
    wide = x.wide()
    power = exp_short(at_most(wide.magnitude(), 100.0))
    far = ((power - 1.0 / power) * 0.5).with_sign(wide)
    square = wide * wide
    near = fma(wide * square, polynomial(square, (1 / 6, 1 / 120)), wide)
    return choose(wide.magnitude() < 0.0625, near, far).narrow()


def cosh(x: Number) -> Number:
    """For float32."""
    power = exp_short(at_most(x.wide().magnitude(), 100.0))
    return ((power + 1.0 / power) * 0.5).narrow()
