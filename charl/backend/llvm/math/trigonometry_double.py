"""sin and cos of float64.

Up to 2**40, the angle is brought to [-pi/4, pi/4] by taking off the nearest multiple n of pi/2, in
three parts of 53 bits (Cody and Waite's reduction): the first is taken off without error, since the
difference is a multiple of 2**-52 below 1; what the second and third leave is kept as a pair, which
is right to 2**-120. (No float64 but 0 is nearer to a multiple of pi/2 than about 2**-61.) The sine
and the cosine of the rest are both computed, and n says which is the result, and its sign.

Beyond 2**40 a reduction needs more digits of pi than a straight line of code could hold, and libm
is asked. That must not keep the many from being vectorised, so the test stands in a function of its
own (`far_definition`), which LLVM's vectoriser knows to have variants for 2, 4 and 8 numbers; they
look whether any is that large.
"""

from __future__ import annotations

from charl.backend.llvm.math.expressions import (
    Declare,
    Number,
    Pair,
    choose,
    exact_sum,
    fast_sum,
    fma,
    nearest_integer,
    polynomial,
    product,
)
from charl.backend.llvm.text import literal
from charl.types.dtypes import FLOAT64

LIMIT = 2.0**40

TWO_OVER_PI = 0.6366197723675814
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)

# (sin(r) - r) / r**3 in r**2 for |r| <= pi/4; 2**-57 of the sine.
SINE = (
    -0.16666666666666632, 0.008333333333322372, -0.00019841269829771972, 2.755731367895751e-06,
    -2.5050756007350025e-08, 1.5896669138242625e-10,
)  # fmt: skip
# (cos(r) - 1 + r**2 / 2) / r**4 in r**2 for |r| <= pi/4; 2**-59 of the cosine.
COSINE = (
    0.0416666666666666, -0.0013888888888874066, 2.4801587289444647e-05, -2.7557314340989713e-07,
    2.087572166777594e-09, -1.1359561572699257e-11,
)  # fmt: skip


def sin(x: Number) -> Number:
    n, rest = reduced(x.magnitude())
    return beyond_limit("sin", x, turned(n, rest).flipped(x.sign_bit()))


def cos(x: Number) -> Number:
    n, rest = reduced(x.magnitude())
    return beyond_limit("cos", x, turned(n + 1, rest))


def reduced(x: Number) -> tuple[Number, Pair]:
    """n and x - n pi/2."""
    first, second, third = HALF_PI
    whole, n = nearest_integer(x, TWO_OVER_PI)
    part = product(whole, whole.like(second))
    total = exact_sum(fma(whole, -first, x), -part.high)
    return n, fast_sum(total.high, fma(whole, -third, total.low - part.low))


def turned(n: Number, rest: Pair) -> Number:
    """The sine of the angle n pi/2 + rest."""
    r, low = rest.high, rest.low
    square = r * r
    half = square * 0.5
    near_one = 1.0 - half
    lost = (1.0 - near_one) - half
    tail = fma(square * square, polynomial(square, COSINE), lost - r * low)
    cosine = near_one + tail
    sine = r + fma(square * r, polynomial(square, SINE), low * cosine)
    found = choose((n & 1).equals(1), cosine, sine)
    return found.flipped((n & 2) << 62)


# --- Large angles --------------------------------------------------------------------------------

WIDTHS = (2, 4, 8)
ATTRIBUTES = "noinline nounwind willreturn memory(none)"


def beyond_limit(op: str, x: Number, result: Number) -> Number:
    """The result, or libm's where |x| is beyond the limit or NaN."""
    called = x.declare(f"charl.math.far_{op}.f64", "double", ["double", "double"])
    return x.let(f"call double {called}(double {x.name}, double {result.name})")


def far_definition(op: str, declare: Declare) -> str:
    """The function that chooses between a result and libm's, and its variants for vectors. These
    call another one for their numbers, or LLVM would vectorise those calls into one of itself."""
    name = f"charl.math.far_{op}"
    libm = declare(op, "double", ["double"])
    absolute = declare("llvm.fabs.f64", "double", ["double"])
    limit = literal(LIMIT, FLOAT64)
    variants = ",".join(f"_ZGV_LLVM_N{n}vv_{name}.f64({name}.v{n})" for n in WIDTHS)
    scalar = f"""\
define internal double @{name}.one(double %x, double %near) {ATTRIBUTES} {{
  %size = call double {absolute}(double %x)
  %far = fcmp uge double %size, {limit}
  br i1 %far, label %large, label %fine
large:
  %result = call double {libm}(double %x)
  ret double %result
fine:
  ret double %near
}}
define internal double @{name}.f64(double %x, double %near) {ATTRIBUTES} \
"vector-function-abi-variant"="{variants}" {{
  %result = call double @{name}.one(double %x, double %near)
  ret double %result
}}
"""
    return scalar + "".join(_variant(name, n, limit, declare) for n in WIDTHS)


def _variant(name: str, width: int, limit: str, declare: Declare) -> str:
    """Hidden rather than internal, since nobody calls it before loops are vectorised."""
    vector = f"<{width} x double>"
    absolute = declare(f"llvm.fabs.v{width}f64", vector, [vector])
    limits = ", ".join([f"double {limit}"] * width)
    lines = []
    before = "%near"
    for n in range(width):
        lines += [
            f"%x{n} = extractelement {vector} %x, i64 {n}",
            f"%n{n} = extractelement {vector} %near, i64 {n}",
            f"%y{n} = call double @{name}.one(double %x{n}, double %n{n})",
            f"%r{n} = insertelement {vector} {before}, double %y{n}, i64 {n}",
        ]
        before = f"%r{n}"
    each = "\n  ".join(lines)
    return f"""\
define hidden {vector} @{name}.v{width}({vector} %x, {vector} %near) {ATTRIBUTES} {{
  %size = call {vector} {absolute}({vector} %x)
  %far = fcmp uge {vector} %size, <{limits}>
  %bits = bitcast <{width} x i1> %far to i{width}
  %any = icmp ne i{width} %bits, 0
  br i1 %any, label %large, label %fine
large:
  {each}
  ret {vector} {before}
fine:
  ret {vector} %near
}}
"""
