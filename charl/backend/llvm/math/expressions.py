"""Formulas in Python that write LLVM's instructions.

A `Number` is a value of the function being written: float, double, an integer or a bit. Of numbers,
`x * y + 1` writes a multiplication and an addition and gives the number that names the result;
Python's floats and ints are constants of the other operand's type, by their exact bits. Nothing
here branches: `choose` is a select, so that a loop over such formulas can be vectorised.

Arithmetic is IEEE's, each operation rounded once; `fma` rounds once for both of its operations, and
what is computed in two parts (`Pair`, a number and its far smaller rest) rests on that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from charl.backend.llvm.text import Text, literal
from charl.records import record
from charl.types.dtypes import FLOAT32, FLOAT64

# A function from outside: its name, its result's type and those of its operands; what a call names.
Declare = Callable[[str, str, Sequence[str]], str]

INTEGERS = {"float": "i32", "double": "i64"}
SUFFIXES = {"float": "f32", "double": "f64"}
MANTISSA = {"float": 23, "double": 52}
BIAS = {"float": 127, "double": 1023}


@record(eq=False)
class Number:
    """A value: its name or literal, and its type in LLVM."""

    text: Text
    declare: Declare
    name: str
    type: str

    # --- Writing -------------------------------------------------------------------------------

    def let(self, instruction: str, type: str | None = None) -> Number:
        return Number(self.text, self.declare, self.text.let(instruction), type or self.type)

    def like(self, x: Number | float) -> Number:
        """The operand itself, or the constant as a number of this one's type."""
        if isinstance(x, Number):
            return x
        if self.type in INTEGERS:
            name = literal(x, FLOAT32 if self.type == "float" else FLOAT64)
        else:
            name = str(int(x))
        return Number(self.text, self.declare, name, self.type)

    def binary(self, floats: str, integers: str, a: Number | float, b: Number | float) -> Number:
        instruction = floats if self.type in INTEGERS else integers
        return self.let(f"{instruction} {self.type} {self.like(a).name}, {self.like(b).name}")

    def call(self, function: str, *others: Number | float) -> Number:
        """A function of LLVM's own, such as fabs, of this number and others of its type."""
        operands = [self.like(x).name for x in (self, *others)]
        listed = ", ".join(f"{self.type} {x}" for x in operands)
        name = f"llvm.{function}.{SUFFIXES[self.type]}"
        called = self.declare(name, self.type, [self.type] * len(operands))
        return self.let(f"call {self.type} {called}({listed})")

    # --- Arithmetic ----------------------------------------------------------------------------

    def __add__(self, x: Number | float) -> Number:
        return self.binary("fadd", "add", self, x)

    def __radd__(self, x: float) -> Number:
        return self.binary("fadd", "add", x, self)

    def __sub__(self, x: Number | float) -> Number:
        return self.binary("fsub", "sub", self, x)

    def __rsub__(self, x: float) -> Number:
        return self.binary("fsub", "sub", x, self)

    def __mul__(self, x: Number | float) -> Number:
        return self.binary("fmul", "mul", self, x)

    def __rmul__(self, x: float) -> Number:
        return self.binary("fmul", "mul", x, self)

    def __truediv__(self, x: Number | float) -> Number:
        return self.binary("fdiv", "sdiv", self, x)

    def __rtruediv__(self, x: float) -> Number:
        return self.binary("fdiv", "sdiv", x, self)

    def __neg__(self) -> Number:
        return self.let(f"fneg {self.type} {self.name}")

    def __and__(self, x: Number | int) -> Number:
        return self.binary("", "and", self, x)

    def __or__(self, x: Number | int) -> Number:
        return self.binary("", "or", self, x)

    def __xor__(self, x: Number | int) -> Number:
        return self.binary("", "xor", self, x)

    def __lshift__(self, x: int) -> Number:
        return self.binary("", "shl", self, x)

    def __rshift__(self, x: int) -> Number:
        """Keeps the sign."""
        return self.binary("", "ashr", self, x)

    def magnitude(self) -> Number:
        return self.call("fabs")

    def with_sign(self, x: Number) -> Number:
        return self.call("copysign", x)

    def root(self) -> Number:
        return self.call("sqrt")

    def rounded(self) -> Number:
        """To the nearest integer, half to even."""
        return self.call("rint")

    # --- Comparisons: false where an operand is NaN ----------------------------------------------

    def compare(self, floats: str, integers: str, x: Number | float) -> Number:
        kind = f"fcmp {floats}" if self.type in INTEGERS else f"icmp {integers}"
        return self.let(f"{kind} {self.type} {self.name}, {self.like(x).name}", "i1")

    def __lt__(self, x: Number | float) -> Number:
        return self.compare("olt", "slt", x)

    def __gt__(self, x: Number | float) -> Number:
        return self.compare("ogt", "sgt", x)

    def __le__(self, x: Number | float) -> Number:
        return self.compare("ole", "sle", x)

    def __ge__(self, x: Number | float) -> Number:
        return self.compare("oge", "sge", x)

    def equals(self, x: Number | float) -> Number:
        return self.compare("oeq", "eq", x)

    def differs(self, x: Number | float) -> Number:
        """Also where an operand is NaN."""
        return self.compare("une", "ne", x)

    # --- Representations -------------------------------------------------------------------------

    def bits(self) -> Number:
        """The float as the integer of the same bits."""
        integer = INTEGERS[self.type]
        return self.let(f"bitcast {self.type} {self.name} to {integer}", integer)

    def as_float(self) -> Number:
        """The integer as the float of the same bits."""
        type = "float" if self.type == "i32" else "double"
        return self.let(f"bitcast {self.type} {self.name} to {type}", type)

    def wide(self) -> Number:
        """float to double."""
        return self.let(f"fpext float {self.name} to double", "double")

    def narrow(self) -> Number:
        """double to float, rounded."""
        return self.let(f"fptrunc double {self.name} to float", "float")

    def sign_bit(self) -> Number:
        """The sign, alone, in the place where it stands."""
        bits = self.bits()
        return bits & (-1 << (31 if bits.type == "i32" else 63))

    def flipped(self, sign_bit: Number) -> Number:
        """Negated where the sign bit is set."""
        return (self.bits() ^ sign_bit).as_float()


def fma(a: Number, b: Number | float, c: Number | float) -> Number:
    """a * b + c, rounded once."""
    return a.call("fma", b, c)


def choose(condition: Number, yes: Number | float, no: Number | float) -> Number:
    """One of the two; at least one is a number rather than a constant."""
    known = yes if isinstance(yes, Number) else no
    assert isinstance(known, Number)
    a, b = known.like(yes).name, known.like(no).name
    return known.let(f"select i1 {condition.name}, {known.type} {a}, {known.type} {b}")


def at_most(x: Number, limit: float) -> Number:
    """The lesser; NaN stays."""
    return choose(x > limit, limit, x)


def at_least(x: Number, limit: float) -> Number:
    """The greater; NaN stays."""
    return choose(x < limit, limit, x)


def polynomial(x: Number, coefficients: Sequence[float]) -> Number:
    """c0 + c1 x + c2 x**2 + ..., by Horner's rule."""
    *rest, result = coefficients
    total: Number | float = result
    for c in reversed(rest):
        total = fma(x, total, c)
    assert isinstance(total, Number)
    return total


def bits_of(value: float, type: str) -> int:
    """The bits of a constant, as an integer."""
    code, integer = ("<f", "<i") if type == "float" else ("<d", "<q")
    found: int = struct.unpack(integer, struct.pack(code, value))[0]
    return found


def as_number(n: Number) -> Number:
    """The integer as a float of its width, where it has at most 22 (51) bits: its bits are put
    into those of a number whose last digit is worth one (AVX2 converts no 64-bit integers)."""
    type = "float" if n.type == "i32" else "double"
    big = 1.5 * 2.0 ** MANTISSA[type]
    return (n + bits_of(big, type)).as_float() - big


def power_of_two(n: Number) -> Number:
    """2**n as a float of the integer's width, where that is neither zero, denormal nor infinite."""
    type = "float" if n.type == "i32" else "double"
    return ((n + BIAS[type]) << MANTISSA[type]).as_float()


def scaled(x: Number, n: Number) -> Number:
    """x * 2**n for any n of at most twice the range of exponents, rounded once."""
    half = n >> 1
    return x * power_of_two(half) * power_of_two(n - half)


def nearest_integer(x: Number, scale: float) -> tuple[Number, Number]:
    """The integer nearest to x * scale, as a float and as an integer.

    It is rounded by adding 1.5 * 2**23 (or 2**52), whose last digit is worth one; the last bits are
    then the integer, so no conversion is needed (whose result for NaN would not be defined). Right
    where the integer has at most 22 (51) bits.
    """
    big = 1.5 * 2.0 ** MANTISSA[x.type]
    shifted = fma(x, scale, big)
    return shifted - big, shifted.bits() - bits_of(big, x.type)


# --- Numbers of twice the digits -----------------------------------------------------------------


@record(eq=False)
class Pair:
    """The sum of two numbers, the second at most half of the first's last digit, or little more.
    (Dekker, "A floating-point technique for extending the available precision", 1971.)"""

    high: Number
    low: Number

    def plus(self, x: Pair) -> Pair:
        """The sum; for |x| at most |self|."""
        total = fast_sum(self.high, x.high)
        return fast_sum(total.high, total.low + (self.low + x.low))

    def times(self, x: Pair) -> Pair:
        total = product(self.high, x.high)
        rest = fma(self.high, x.low, fma(self.low, x.high, total.low))
        return fast_sum(total.high, rest)


def fast_sum(a: Number, b: Number) -> Pair:
    """a + b without error; for |b| at most |a|."""
    total = a + b
    return Pair(total, b - (total - a))


def exact_sum(a: Number, b: Number) -> Pair:
    """a + b without error."""
    total = a + b
    back = total - a
    return Pair(total, (a - (total - back)) + (b - back))


def product(a: Number, b: Number) -> Pair:
    """a * b without error."""
    total = a * b
    return Pair(total, fma(a, b, -total))
