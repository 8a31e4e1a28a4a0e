"""Random draws: counter-based, so that every backend draws the same numbers.

The state of a program is (seed, draws so far), both 64-bit; a program that never calls `seed` runs
with seed 0. Every executed draw takes the stream with key (seed, draws so far) and then counts one
draw more. A stream is Philox-4x64 with ten rounds (J. Salmon, M. Moraes, R. Dror, D. Shaw,
"Parallel random numbers: as easy as 1, 2, 3", 2011): block k = 1, 2, ... is the cipher of the
counter (k, 0, 0, 0) under the key, four 64-bit words in order; the stream is the words of block 1,
block 2 and so on. Element i of a draw, in row-major order, uses word u[i] alone:

    uniform   float64 (u >> 11) 2^-53;  float32 (u >> 40) 2^-24;  float16 (u >> 53) 2^-11;
              bfloat16 (u >> 56) 2^-8
    normal    the inverse of the normal distribution at p = ((u >> 12) + 1/2) 2^-52, computed in
              float64 by AS 241 and rounded to the dtype, by way of float32 for narrower ones
    int       low + the upper 64 bits of the 128-bit product u * (high - low)
    bernoulli (u >> 11) 2^-53 < p
    categorical  the first greatest of logits[j] - log(-log(p)), p as for normal, in float64, one
              word per logit
    permutation  the positions 0..n-1 ordered by their words; equal words keep their order

AS 241 is M. Wichura, "The percentage points of the normal distribution", Applied Statistics 37
(1988), routine PPND16. It and `log` below use only + - * / sqrt and integer operations, all
correctly rounded by IEEE 754, in the order written here and without fused multiply-add: another
implementation that does the same gets the same bits.

    log(x), x > 0:  x = m 2^e with m in [sqrt(1/2), sqrt(2)), by taking the bits apart;
    f = (m - 1) / (m + 1);  g = f * f;  s = Horner's scheme over 1/(2k+1), k = 10 down to 0, in g;
    log(x) = e * 0.6931471805599453 + (2 * f) * s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.op import Effect, Fault, Kind, Parameter, RuleContext, Sample
from charl.draws import STATE, WORD, State, reset, set_state, state
from charl.ops.declare import plain, rank, shape_of, size_dim, value_of
from charl.ops.faults import bad_value
from charl.ops.samples import Array, draw, edge
from charl.ops.shape import check_sizes, sizes_parameter
from charl.types import dtypes
from charl.types.dtypes import DType
from charl.types.types import INT, Handle, Tensor, Type, Typed

Attributes = Mapping[str, Any]
DRAWN = "a random draw does not depend on its operands smoothly"


def words(count: int) -> Array:
    """The words of the next draw, uint64[count]."""
    key = np.array([STATE.seed, STATE.draws], np.uint64)
    STATE.draws = (STATE.draws + 1) & WORD
    return np.random.Philox(key=key).random_raw(count)


# --- Distributions -------------------------------------------------------------------------------


def log(x: Array) -> Array:
    """The natural logarithm of positive, normal float64, reproducible to the bit."""
    bits = x.view(np.int64)
    exponent = (bits >> 52) - 1023
    mantissa = ((bits & 0xFFFFFFFFFFFFF) | (1023 << 52)).view(np.float64)  # in [1, 2)
    large = mantissa >= 1.4142135623730951
    mantissa = np.where(large, mantissa * 0.5, mantissa)
    exponent = (exponent + large).astype(np.float64)
    f = (mantissa - 1.0) / (mantissa + 1.0)
    g = f * f
    series = np.full_like(g, 1.0 / 21.0)
    for k in range(9, -1, -1):
        series = series * g + 1.0 / (2 * k + 1)
    result: Array = exponent * 0.6931471805599453 + (2.0 * f) * series
    return result


# AS 241, PPND16: numerator and denominator, the highest power first.
CENTRE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
NEAR = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
TAIL = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)


def ratio(x: Array, table: tuple[Sequence[float], Sequence[float]]) -> Array:
    """Numerator over denominator, each by Horner's scheme."""
    numerator, denominator = np.full_like(x, table[0][0]), np.full_like(x, table[1][0])
    for p, q in zip(table[0][1:], table[1][1:]):
        numerator = numerator * x + p
        denominator = denominator * x + q
    result: Array = numerator / denominator
    return result


def open_unit(u: Array) -> Array:
    """Words as float64 strictly between 0 and 1, exactly."""
    result: Array = ((u >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return result


def normal(u: Array) -> Array:
    """AS 241: z with P(Z < z) = p, for p of `open_unit`; float64."""
    p = open_unit(u)
    q = p - 0.5
    central = np.abs(q) <= 0.425
    result = np.empty_like(p)
    inner = q[central]
    result[central] = inner * ratio(0.180625 - inner * inner, CENTRE)
    outer = q[~central]
    tail = np.where(outer < 0, p[~central], 1.0 - p[~central])
    r = np.sqrt(-log(tail))
    size = np.where(r <= 5.0, ratio(r - 1.6, NEAR), ratio(r - 5.0, TAIL))
    result[~central] = np.where(outer < 0, -size, size)
    return result


# Binary digits of an even number, by its dtype.
DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}


def uniform(u: Array, dtype: DType) -> Array:
    """Words as multiples of 2^-k in [0, 1), k the digits of the dtype."""
    digits = DIGITS[dtype.name]
    whole = (u >> np.uint64(64 - digits)).astype(np.float64)
    return (whole * 2.0**-digits).astype(dtype.numpy)  # exact


def upper_product(u: Array, n: int) -> Array:
    """The upper 64 bits of u * n, for 0 < n < 2^64, from products of 32-bit halves."""
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    n_low, n_high = np.uint64(n & 0xFFFFFFFF), np.uint64(n >> 32)
    u_low, u_high = u & low, u >> shift
    middle = u_high * n_low + ((u_low * n_low) >> shift)
    cross = u_low * n_high + (middle & low)
    result: Array = u_high * n_high + (middle >> shift) + (cross >> shift)
    return result


# --- Declarations --------------------------------------------------------------------------------


def _count(sizes: Sequence[int]) -> int:
    check_sizes(sizes)
    return int(np.prod(sizes, dtype=np.int64))


def _shaped(ctx: RuleContext, sizes: Sequence[Typed]) -> tuple[Any, ...]:
    return tuple(size_dim(ctx, size) for size in sizes)


def _sized_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    dtype = attributes.get("dtype", dtypes.FLOAT32)
    if isinstance(dtype, DType) and not dtype.is_float:
        ctx.fail(f"random numbers between 0 and 1 are floats, not {dtype}")
    return (Tensor(dtype, _shaped(ctx, operands)),)


def _uniform(*sizes: int, dtype: DType = dtypes.FLOAT32) -> Any:
    return value_of(uniform(words(_count(sizes)), dtype).reshape(sizes))


def _normal(*sizes: int, dtype: DType = dtypes.FLOAT32) -> Any:
    drawn = normal(words(_count(sizes))).reshape(sizes)
    if dtype.bits < 32:
        drawn = drawn.astype(np.float32)
    return value_of(drawn.astype(dtype.numpy))


def random(
    name: str,
    doc: str,
    parameters: Sequence[Parameter],
    rule: Callable[..., tuple[Type, ...]],
    evaluate: Callable[..., Any],
    samples: Callable[[], Sequence[Sample]],
    surface: str | None = "",
) -> None:
    plain(
        name,
        doc,
        parameters,
        rule,
        evaluate,
        no_gradient=DRAWN,
        samples=samples,
        surface=surface,
        effect=Effect.EFFECT,
        warns=True,
    )


DTYPE = Parameter("dtype", Kind.DTYPE, default=dtypes.FLOAT32)


def _sized_samples() -> Sequence[Sample]:
    return (
        *(edge(2, 3, dtype=d) for d in dtypes.ALL if d.is_float),
        edge(dtype=dtypes.FLOAT64),
        edge(0, 3, dtype=dtypes.FLOAT32),
        edge(1000, dtype=dtypes.FLOAT32),
    )


random(
    "random_uniform",
    "Numbers drawn evenly from [0, 1), float32 unless `dtype` says another.",
    (sizes_parameter(), DTYPE),
    _sized_rule,
    _uniform,
    _sized_samples,
)
random(
    "random_normal",
    "Numbers drawn from the normal distribution of mean 0 and variance 1, float32 unless `dtype` "
    "says another.",
    (sizes_parameter(), DTYPE),
    _sized_rule,
    _normal,
    _sized_samples,
)


def _int_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    if rank(operands[0]) or rank(operands[1]):
        ctx.fail("the bounds of `random_int` are two integers", (0, 1))
    return (Tensor(dtypes.INT64, _shaped(ctx, operands[2:])),)


def _int(low: int, high: int, *sizes: int) -> Any:
    if high <= low:
        raise bad_value(f"there is no integer from {low} up to, but not including, {high}")
    drawn = upper_product(words(_count(sizes)), high - low)
    return value_of((drawn + np.uint64(low & WORD)).view(np.int64).reshape(sizes))


random(
    "random_int",
    "Integers drawn evenly from low up to, but not including, high; int64.",
    (Parameter("low", dtype="int64"), Parameter("high", dtype="int64"), sizes_parameter()),
    _int_rule,
    _int,
    lambda: (
        edge(0, 10, 2, 3),
        edge(-5, 5),
        edge(-(2**63), 2**63 - 1, 100),
        edge(0, 1, 4),
        edge(3, 9, 0),
    ),
)


def _permutation_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    if rank(operands[0]):
        ctx.fail("`permutation` takes one integer", (0,))
    return (Tensor(dtypes.INT64, (size_dim(ctx, operands[0]),)),)


def _permutation(n: int) -> Array:
    return np.argsort(words(_count((n,))), kind="stable").astype(np.int64, copy=False)


random(
    "permutation",
    "The integers from 0 up to, but not including, n in random order; int64[n].",
    (Parameter("n", dtype="int64"),),
    _permutation_rule,
    _permutation,
    lambda: (edge(10), edge(0), edge(1)),
)


def _bernoulli_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    return (Tensor(dtypes.BOOL, shape_of(operands[0])),)


def _bernoulli(p: Any) -> Any:
    chances = np.asarray(p, np.float64)
    if not np.all((chances >= 0) & (chances <= 1)):
        wrong = chances[~((chances >= 0) & (chances <= 1))].flat[0]
        raise bad_value(f"{wrong} is not a probability")
    drawn = uniform(words(chances.size), dtypes.FLOAT64).reshape(chances.shape)
    return value_of(np.asarray(drawn < chances))


random(
    "bernoulli",
    "true with probability p, element by element.",
    (Parameter("p", dtype="T:float"),),
    _bernoulli_rule,
    _bernoulli,
    lambda: (
        edge(draw(3, 4, low=0, high=1)),
        edge(0.5),
        edge(np.array([0.0, 1.0], "float32")),
        edge(np.float32(0.25)),
        edge(draw(0)),
    ),
)


def _categorical_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    if rank(operands[0]) == 0:
        ctx.fail("`categorical` draws along the last axis, and a scalar has none", (0,))
    return (Tensor(dtypes.INT64, shape_of(operands[0])[:-1]),)


def _categorical(logits: Array) -> Any:
    if logits.shape[-1] == 0 and logits.size == 0 and np.prod(logits.shape[:-1]):
        raise Fault("E0510", "`categorical` of nothing: there are no categories to draw from")
    drawn = open_unit(words(logits.size)).reshape(logits.shape)
    scores = logits.astype(np.float64) - log(-log(drawn))
    return value_of(np.asarray(np.argmax(scores, -1), np.int64))


random(
    "categorical",
    "An index along the last axis, drawn with probabilities softmax(logits); int64.",
    (Parameter("logits", dtype="T:float"),),
    _categorical_rule,
    _categorical,
    lambda: (
        edge(draw(3, 4)),
        edge(draw(5)),
        edge(draw(2, 3, 4, dtype="float32")),
        edge(np.array([0.0, -np.inf])),
        edge(draw(0, 3)),
    ),
)

# --- The state as a value ------------------------------------------------------------------------


def _seed(n: int) -> tuple[()]:
    reset(n)
    return ()


def _seed_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    if operands[0].type != INT:
        ctx.fail("`seed` takes one integer", (0,))
    return ()


random(
    "seed",
    "Fixes every later draw of the program.",
    (Parameter("n", dtype="int64"),),
    _seed_rule,
    _seed,
    lambda: (edge(42), edge(-1)),
)


def _state_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    return (Handle("random"),)


def _set_state(wanted: State) -> tuple[()]:
    set_state(wanted)
    return ()


random(
    "random_state",
    "Where the program stands in its random numbers, to return to with `set_random_state`.",
    (),
    _state_rule,
    state,
    lambda: (edge(),),
    surface=None,
)
random(
    "set_random_state",
    "Returns to a state of `random_state`: the draws that follow are those that followed then.",
    (Parameter("state", Kind.VALUE, type=Handle("random")),),
    lambda ctx, operands, attributes: (),
    _set_state,
    lambda: (edge(State(7, 3)),),
    surface=None,
)
