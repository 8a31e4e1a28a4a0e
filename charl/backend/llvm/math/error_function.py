"""erf.

Below 1 it is x + x P(x**2); from there on 1 - erfc(|x|), and erfc need only be right to as many
digits as it adds to 1. For float, log erfc is smooth enough for a polynomial L, and erfc is
exp(L(|x|)). For double, erfc(x) exp(x**2) is a polynomial in t = (x - 3) / (x + 3).
"""

from __future__ import annotations

from charl.backend.llvm.math.exponentials import EXP, reduced
from charl.backend.llvm.math.expressions import (
    Number,
    at_most,
    choose,
    fma,
    polynomial,
    power_of_two,
)

# erf(x) / x - 1 in x**2 for |x| < 1, relative errors 2**-25.9 and 2**-54.7.
NEAR = {
    "float": (
        0.128379166, -0.37612626, 0.112836003, -0.0268544424, 0.00518953335, -0.000802082417,
        7.88906837e-05,
    ),
    "double": (
        0.12837916709551256, -0.3761263890318355, 0.11283791670945247, -0.0268661706432754,
        0.005223977607418187, -0.0008548325989498095, 0.00012055295315884896,
        -1.4924744596059048e-05, 1.6447517068630108e-06, -1.6209172682900505e-07,
        1.3722967622996087e-08, -7.801181310181786e-10,
    ),
}  # fmt: skip
# log(erfc(x)) for 0.95 < x < 3.95; 2**-26.3 of erf. From 3.95 on erf is 1 in float32.
LOG_ERFC = (
    -0.000244809518, -1.12747455, -0.637517691, -0.103639685, 0.0220873225, -0.00300845481,
    0.000192417399,
)  # fmt: skip
# erfc(x) exp(x**2) in (x - 3) / (x + 3) for 1 < x < 6; 2**-56 of erf. From 6 on erf is 1.
ERFC = (
    0.1790011511813535, -0.3262335600459104, 0.24560380166416734, -0.15011593634499326,
    0.07166585012185324, -0.02439232791885561, 0.004270353657217963, 0.0007131749486969078,
    -0.0005810927191885094, 7.639354217190433e-05, 0.00010295161440169681, 1.5203265868453379e-05,
)  # fmt: skip


def erf(x: Number) -> Number:
    size = x.magnitude()
    near = fma(size, polynomial(size * size, NEAR[x.type]), size)
    if x.type == "float":
        factor = x.like(1.0)
        exponent = polynomial(at_most(size, 3.95), LOG_ERFC)
    else:
        limited = at_most(size, 6.0)
        factor = polynomial((limited - 3.0) / (limited + 3.0), ERFC)
        exponent = -(limited * limited)
    r, n = reduced(exponent)
    erfc = (fma(r * r, polynomial(r, EXP[x.type]), r) + 1.0) * power_of_two(n) * factor
    return choose(size < 1.0, near, 1.0 - erfc).with_sign(x)
