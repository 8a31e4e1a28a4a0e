"""atan, asin, acos and atan2 of float32, computed in double.

atan(t) for 0 <= t <= 1 is t P(t**2); larger angles are what is missing to a right angle, of 1 / t.
asin(t) up to 1/2 is t P(t**2); above, pi/2 - 2 asin(sqrt((1 - t) / 2)). P are the polynomials of
least relative error (Remez's exchange).
"""

from __future__ import annotations

import math

from charl.backend.llvm.math.expressions import Number, choose, polynomial

# atan(t) / t in t**2, relative error 2**-31.5.
ATAN = (
    0.9999999996666542, -0.3333332471336237, 0.19999630496378634, -0.14279492252351744,
    0.110566710638744, -0.08806895815184546, 0.06734613201699124, -0.04461829381425582,
    0.02249639294491293, -0.007304017690132859, 0.0011120628129778027,
)  # fmt: skip
# asin(t) / t in t**2 for |t| <= 1/2, relative error 2**-35.9.
ASIN = (
    0.9999999999845282, 0.16666667435860405, 0.07499937296947111, 0.04466225138564243,
    0.030089747467897856, 0.024725962967404543, 0.007181932055228455, 0.034999383086466794,
)  # fmt: skip


def angle(opposite: Number, adjacent: Number) -> Number:
    """The angle of a right triangle with these sides, which are not negative."""
    steep = opposite > adjacent
    shorter = choose(steep, adjacent, opposite)
    longer = choose(steep, opposite, adjacent)
    slope = choose(shorter.equals(longer), 1.0, shorter / longer)
    slope = choose((shorter + longer).equals(0.0), 0.0, slope)
    flat = slope * polynomial(slope * slope, ATAN)
    return choose(steep, math.pi / 2 - flat, flat)


def atan(x: Number) -> Number:
    wide = x.wide()
    size = wide.magnitude()
    steep = size > 1.0
    slope = choose(steep, 1.0 / size, size)
    flat = slope * polynomial(slope * slope, ATAN)
    return choose(steep, math.pi / 2 - flat, flat).with_sign(wide).narrow()


def atan2(y: Number, x: Number) -> Number:
    """The angle of the point (x, y), with C's rules for zeros and infinities."""
    across, up = x.wide(), y.wide()
    first = angle(up.magnitude(), across.magnitude())
    left = across.bits() < 0  # also -0.0
    return choose(left, math.pi - first, first).with_sign(up).narrow()


def arc(size: Number) -> tuple[Number, Number]:
    """Whether |x| > 1/2, and then asin(sqrt((1 - |x|) / 2)), else asin(|x|)."""
    large = size > 0.5
    t = choose(large, ((1.0 - size) * 0.5).root(), size)
    return large, t * polynomial(t * t, ASIN)


def asin(x: Number) -> Number:
    wide = x.wide()
    large, part = arc(wide.magnitude())
    return choose(large, math.pi / 2 - part * 2.0, part).with_sign(wide).narrow()


def acos(x: Number) -> Number:
    wide = x.wide()
    large, part = arc(wide.magnitude())
    negative = wide < 0.0
    far = choose(negative, math.pi - part * 2.0, part * 2.0)
    near = math.pi / 2 - part.with_sign(wide)
    return choose(large, far, near).narrow()
