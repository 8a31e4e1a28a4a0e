"""sin, cos and tan of float32, right for every argument, computed in double.

The angle is measured in half turns, v = |x| / pi, of which only the rest modulo 2 matters. 1 / pi
is taken in three parts, the first two of 29 bits: their products with x are exact (24 + 29 = 53
bits), so whole turns can be taken off without error. From 2**60 on, x is a multiple of 2**37, and
what 1 / pi has above 2**-37 makes whole turns; without it, the three parts reach further down. The
same again from 2**94 = 2**60 * 2**34 on. (The idea is Payne and Hanek's, 1983, with the few
constants chosen by selects instead of read from a table.) v is then right to 2**-53, and no float32
but 0 is nearer to a multiple of pi/2 than about 2**-31.

With r what is beyond the nearest integer, sin is +-sin(pi r), a polynomial in r. cos is the sine a
quarter turn further; tan rounds to quarter turns and divides.
"""

from __future__ import annotations

from charl.backend.llvm.math.expressions import (
    Number,
    choose,
    fma,
    nearest_integer,
    polynomial,
)

# sin(pi r) / r in r**2 for |r| <= 1/2, relative error 2**-35.
SINE = (
    3.14159265353644, -5.167712764655275, 2.550163319940027, -0.5992522090116325,
    0.08205045317378304, -0.007028468868400135,
)  # fmt: skip
# sin(pi r) / r and cos(pi r) in r**2 for |r| <= 1/4, relative errors 2**-37 and 2**-34.
SINE_QUARTER = (
    3.141592653576226, -5.167712769187995, 2.550162648315258, -0.5992021089669453,
    0.08100185268139296,
)  # fmt: skip
COSINE_QUARTER = (
    0.9999999999525983, -4.934802162588973, 4.058707263006276, -1.3350445641381927,
    0.23132971565509397,
)  # fmt: skip
# 1 / pi in three parts, for |x| of at least so much, without the multiples of what then makes whole
# turns.
INVERSE_PI = (
    (0.0, (0.3183098854497075, 7.340831623126043e-10, 1.138005036539198e-18)),
    (2.0**60, (6.4874020055689235e-12, 2.669780972920044e-20, 1.2355694379560215e-29)),
    (2.0**94, (4.397883753611818e-22, 1.311641705206842e-30, 1.2592086916704748e-39)),
)


def beyond(x: Number, turn: float, steps: float) -> tuple[Number, Number]:
    """The angle x / pi + turn, in half turns, as an integer n of 1 / steps and the rest."""
    size = x.magnitude()
    (_, least), *larger = INVERSE_PI
    parts = [x.like(part) for part in least]
    for limit, constants in larger:
        reached = size >= limit
        parts = [choose(reached, new, old) for new, old in zip(constants, parts)]
    first = rest_of_turn(size * parts[0]) + turn
    second = rest_of_turn(size * parts[1])
    near, n = nearest_integer(fma(size, parts[2], first + second), steps)
    return n, fma(size, parts[2], (first - near * (1.0 / steps)) + second)


def rest_of_turn(v: Number) -> Number:
    """v modulo 2, in [-1, 1]; exact."""
    return fma((v * 0.5).rounded(), -2.0, v)


def sin(x: Number) -> Number:
    wide = x.wide()
    n, r = beyond(wide, 0.0, 1.0)
    sine = r * polynomial(r * r, SINE)
    return sine.flipped((n << 63) ^ wide.sign_bit()).narrow()


def cos(x: Number) -> Number:
    n, r = beyond(x.wide(), 0.5, 1.0)
    return (r * polynomial(r * r, SINE)).flipped(n << 63).narrow()


def tan(x: Number) -> Number:
    wide = x.wide()
    n, r = beyond(wide, 0.0, 2.0)
    square = r * r
    sine = r * polynomial(square, SINE_QUARTER)
    cosine = polynomial(square, COSINE_QUARTER)
    odd = (n & 1).equals(1)
    tangent = choose(odd, -cosine, sine) / choose(odd, sine, cosine)
    return tangent.flipped(wide.sign_bit()).narrow()
