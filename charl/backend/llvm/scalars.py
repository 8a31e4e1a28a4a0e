"""The elementwise primitives on scalars, as LLVM instructions.

`FORMS` holds one function for each primitive and kind of number: it writes instructions and returns
the name of the result. The same forms serve the scalars of a program, whose integer arithmetic is
checked, and the elements of tensors inside kernels, whose integers wrap (`Scalars.checked`). What
may fail is asked through `fail_if`; the op's own evaluation then says what was wrong.

float16 and bfloat16 are computed in float32 and rounded after every operation, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from charl.backend.llvm.conversions import cast, least, narrow, widened
from charl.backend.llvm.narrow_floats import rounded
from charl.backend.llvm.text import Text, literal, scalar_type
from charl.types.dtypes import BOOL, FLOAT32, FLOAT64, INT64, DType

INFINITY = float("inf")


class Scalars(Protocol):
    """What a form needs around it."""

    text: Text
    checked: bool

    def fail_if(self, condition: str) -> None:
        """Stops the program, at the statement being written, where the condition holds."""

    def declare(self, name: str, result: str, operands: Sequence[str]) -> str:
        """A function from outside the module, or of `math`: what a call names."""


Form = Callable[..., str]  # (scalars, dtype, *operands, **attributes) -> result

FORMS: dict[tuple[str, str], Form] = {}


def form(name: str, *kinds: str) -> Callable[[Form], Form]:
    """Enters a form for these kinds of first operand: "int", "float", "bool"."""

    def enter(function: Form) -> Form:
        for kind in kinds:
            FORMS[name, kind] = function
        return function

    return enter


def has_form(name: str, dtype: DType) -> bool:
    return name == "cast" or (name, dtype.kind) in FORMS


def scalar(
    s: Scalars,
    name: str,
    operands: Sequence[str],
    kinds: Sequence[DType],
    attributes: Mapping[str, Any],
) -> str:
    """Writes one elementwise primitive on scalars; `kinds` are the dtypes of the operands."""
    if name == "cast":
        return cast(s, operands[0], kinds[0], attributes["dtype"])
    if name == "select":
        condition, a, b = operands
        type = scalar_type(kinds[1])
        return s.text.let(f"select i1 {condition}, {type} {a}, {type} {b}")
    dtype = kinds[0]
    found = FORMS[name, dtype.kind]
    if not narrow(dtype) or name in EXACT:
        return found(s, dtype, *operands, **attributes)
    wide = [widened(s, x, kind) for x, kind in zip(operands, kinds)]
    result = found(s, FLOAT32, *wide, **attributes)
    if name in COMPARISONS or name in TESTS:
        return result
    return rounded(s.text, result, "float", scalar_type(dtype))


# --- Arithmetic ----------------------------------------------------------------------------------


def _integer(instruction: str, overflow: str) -> Form:
    def write(s: Scalars, dtype: DType, a: str, b: str) -> str:
        type = scalar_type(dtype)
        if not s.checked:
            return s.text.let(f"{instruction} {type} {a}, {b}")
        call = s.declare(f"llvm.{overflow}.with.overflow.{type}", f"{{ {type}, i1 }}", [type, type])
        pair = s.text.let(f"call {{ {type}, i1 }} {call}({type} {a}, {type} {b})")
        s.fail_if(s.text.let(f"extractvalue {{ {type}, i1 }} {pair}, 1"))
        return s.text.let(f"extractvalue {{ {type}, i1 }} {pair}, 0")

    return write


def _float(instruction: str) -> Form:
    def write(s: Scalars, dtype: DType, a: str, b: str) -> str:
        return s.text.let(f"{instruction} {scalar_type(dtype)} {a}, {b}")

    return write


for _name, _instruction, _overflow in (
    ("add", "add", "sadd"),
    ("sub", "sub", "ssub"),
    ("mul", "mul", "smul"),
):
    FORMS[_name, "int"] = _integer(_instruction, _overflow)
    FORMS[_name, "float"] = _float(f"f{_instruction}")
FORMS["div", "float"] = _float("fdiv")


@form("neg", "int")
def _neg(s: Scalars, dtype: DType, x: str) -> str:
    type = scalar_type(dtype)
    if s.checked:
        s.fail_if(s.text.let(f"icmp eq {type} {x}, {least(dtype)}"))
    return s.text.let(f"sub {type} 0, {x}")


@form("neg", "float")
def _float_neg(s: Scalars, dtype: DType, x: str) -> str:
    return s.text.let(f"fneg {scalar_type(dtype)} {x}")


@form("abs", "int")
def _abs(s: Scalars, dtype: DType, x: str) -> str:
    type = scalar_type(dtype)
    if s.checked:
        s.fail_if(s.text.let(f"icmp eq {type} {x}, {least(dtype)}"))
    call = s.declare(f"llvm.abs.{type}", type, [type, "i1"])
    return s.text.let(f"call {type} {call}({type} {x}, i1 false)")


@form("sign", "int")
def _sign(s: Scalars, dtype: DType, x: str) -> str:
    type = scalar_type(dtype)
    positive = s.text.let(f"icmp sgt {type} {x}, 0")
    shifted = s.text.let(f"ashr {type} {x}, {dtype.bits - 1}")
    return s.text.let(f"select i1 {positive}, {type} 1, {type} {shifted}")


@form("sign", "float")
def _float_sign(s: Scalars, dtype: DType, x: str) -> str:
    type = scalar_type(dtype)
    positive = s.text.let(f"fcmp ogt {type} {x}, {literal(0, dtype)}")
    negative = s.text.let(f"fcmp olt {type} {x}, {literal(0, dtype)}")
    zero = s.text.let(f"fcmp oeq {type} {x}, {literal(0, dtype)}")
    rest = s.text.let(f"select i1 {zero}, {type} {literal(0, dtype)}, {type} {x}")
    below = s.text.let(f"select i1 {negative}, {type} {literal(-1, dtype)}, {type} {rest}")
    return s.text.let(f"select i1 {positive}, {type} {literal(1, dtype)}, {type} {below}")


def _fail_on_bad_division(s: Scalars, dtype: DType, a: str, b: str, overflows: bool) -> None:
    type = scalar_type(dtype)
    s.fail_if(s.text.let(f"icmp eq {type} {b}, 0"))
    if overflows and s.checked:
        lowest = s.text.let(f"icmp eq {type} {a}, {least(dtype)}")
        minus_one = s.text.let(f"icmp eq {type} {b}, -1")
        s.fail_if(s.text.let(f"and i1 {lowest}, {minus_one}"))


def _safe_divisor(s: Scalars, type: str, b: str) -> tuple[str, str]:
    """Whether the divisor is -1, and a divisor that cannot trap: the least integer divided by -1
    is no number of its width, and the processor would stop there."""
    minus_one = s.text.let(f"icmp eq {type} {b}, -1")
    return minus_one, s.text.let(f"select i1 {minus_one}, {type} 1, {type} {b}")


@form("floor_div", "int")
def _floor_div(s: Scalars, dtype: DType, a: str, b: str) -> str:
    _fail_on_bad_division(s, dtype, a, b, overflows=True)
    type = scalar_type(dtype)
    if _is_power_of_two(b):
        return s.text.let(f"ashr {type} {a}, {int(b).bit_length() - 1}")
    minus_one, divisor = _safe_divisor(s, type, b)
    quotient = s.text.let(f"sdiv {type} {a}, {divisor}")
    remainder = s.text.let(f"srem {type} {a}, {divisor}")
    rounds = _differs_in_sign(s, type, remainder, divisor)
    lower = s.text.let(f"sub {type} {quotient}, 1")
    floored = s.text.let(f"select i1 {rounds}, {type} {lower}, {type} {quotient}")
    negated = s.text.let(f"sub {type} 0, {a}")
    return s.text.let(f"select i1 {minus_one}, {type} {negated}, {type} {floored}")


@form("mod", "int")
def _mod(s: Scalars, dtype: DType, a: str, b: str) -> str:
    _fail_on_bad_division(s, dtype, a, b, overflows=False)
    type = scalar_type(dtype)
    if _is_power_of_two(b):
        return s.text.let(f"and {type} {a}, {int(b) - 1}")
    minus_one, divisor = _safe_divisor(s, type, b)
    remainder = s.text.let(f"srem {type} {a}, {divisor}")
    wraps = _differs_in_sign(s, type, remainder, divisor)
    added = s.text.let(f"add {type} {remainder}, {divisor}")
    result = s.text.let(f"select i1 {wraps}, {type} {added}, {type} {remainder}")
    return s.text.let(f"select i1 {minus_one}, {type} 0, {type} {result}")


def _is_power_of_two(b: str) -> bool:
    return b.isdecimal() and int(b) > 0 and int(b) & (int(b) - 1) == 0


def _differs_in_sign(s: Scalars, type: str, remainder: str, divisor: str) -> str:
    """Whether a remainder is not zero and has another sign than the divisor."""
    signs = s.text.let(f"xor {type} {remainder}, {divisor}")
    differs = s.text.let(f"icmp slt {type} {signs}, 0")
    some = s.text.let(f"icmp ne {type} {remainder}, 0")
    return s.text.let(f"and i1 {differs}, {some}")


def _call(function: str) -> Form:
    """A call of a function of floats: of `math`, or of libm, which names its functions for float64;
    those for float32 end in f. A scalar in float64 is libm's, as the interpreter's is: the two
    agree to the last digit, and nothing could be vectorised."""

    def write(s: Scalars, dtype: DType, *operands: str) -> str:
        from charl.backend.llvm.math.routines import ROUTINES, routine_name  # for a quick start

        type = scalar_type(dtype)
        name = function + ("f" if dtype == FLOAT32 else "")
        if function in ROUTINES[type] and not (dtype == FLOAT64 and s.checked):
            name = routine_name(function, type)
        call = s.declare(name, type, [type] * len(operands))
        listed = ", ".join(f"{type} {x}" for x in operands)
        return s.text.let(f"call {type} {call}({listed})")

    return write


def _intrinsic(name: str) -> Form:
    def write(s: Scalars, dtype: DType, *operands: str) -> str:
        type = scalar_type(dtype)
        suffix = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64"}[type]
        call = s.declare(f"llvm.{name}.{suffix}", type, [type] * len(operands))
        listed = ", ".join(f"{type} {x}" for x in operands)
        return s.text.let(f"call {type} {call}({listed})")

    return write


for _name, _function in {
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "tanh": "tanh",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "atan2": "atan2",
    "erf": "erf",
    "pow": "pow",
    "mod": "charl_mod",
    "floor_div": "charl_floor_div",
    "lgamma": "charl_lgamma",
    "digamma": "charl_digamma",
}.items():
    FORMS[_name, "float"] = _call(_function)
for _name, _function in {
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "round": "rint",
    "trunc": "trunc",
    "abs": "fabs",
}.items():
    FORMS[_name, "float"] = _intrinsic(_function)


@form("polygamma", "float")
def _polygamma(s: Scalars, dtype: DType, x: str, order: int) -> str:
    type = scalar_type(dtype)
    name = "charl_polygamma" + ("f" if dtype == FLOAT32 else "")
    call = s.declare(name, type, [type, "i64"])
    return s.text.let(f"call {type} {call}({type} {x}, i64 {order})")


@form("rsqrt", "float")
def _rsqrt(s: Scalars, dtype: DType, x: str) -> str:
    root = FORMS["sqrt", "float"](s, dtype, x)
    return s.text.let(f"fdiv {scalar_type(dtype)} {literal(1, dtype)}, {root}")


@form("pow", "int")
def _pow(s: Scalars, dtype: DType, a: str, b: str) -> str:
    """By repeated squaring, in the runtime; it tells when the result does not fit."""
    type = scalar_type(dtype)
    s.fail_if(s.text.let(f"icmp slt {type} {b}, 0"))
    call = s.declare("charl_power", "i64", ["i64", "i64", "i64", "ptr"])
    wide = [cast(s, x, dtype, INT64) for x in (a, b)]
    fits = s.text.alloca("i64")
    result = s.text.let(
        f"call i64 {call}(i64 {wide[0]}, i64 {wide[1]}, i64 {dtype.bits}, ptr {fits})"
    )
    if s.checked:
        flag = s.text.let(f"load i64, ptr {fits}")
        s.fail_if(s.text.let(f"icmp eq i64 {flag}, 0"))
    return result if dtype == INT64 else s.text.let(f"trunc i64 {result} to {type}")


# --- Comparisons, logic, bits --------------------------------------------------------------------

COMPARISONS = {
    "eq": ("eq", "oeq"),
    "ne": ("ne", "une"),
    "lt": ("slt", "olt"),
    "le": ("sle", "ole"),
    "gt": ("sgt", "ogt"),
    "ge": ("sge", "oge"),
}
TESTS = {"is_nan", "is_infinite", "is_finite"}


def _compare(signed: str, ordered: str) -> Form:
    def write(s: Scalars, dtype: DType, a: str, b: str) -> str:
        if dtype.is_float:
            return s.text.let(f"fcmp {ordered} {scalar_type(dtype)} {a}, {b}")
        predicate = signed.replace("s", "u", 1) if dtype == BOOL and signed[0] == "s" else signed
        return s.text.let(f"icmp {predicate} {scalar_type(dtype)} {a}, {b}")

    return write


for _name, (_signed, _ordered) in COMPARISONS.items():
    for _kind in ("int", "float", "bool"):
        FORMS[_name, _kind] = _compare(_signed, _ordered)


@form("minimum", "int")
def _int_minimum(s: Scalars, dtype: DType, a: str, b: str) -> str:
    return _chosen(s, dtype, _compare("sle", "")(s, dtype, a, b), a, b)


@form("maximum", "int")
def _int_maximum(s: Scalars, dtype: DType, a: str, b: str) -> str:
    return _chosen(s, dtype, _compare("sge", "")(s, dtype, a, b), a, b)


@form("minimum", "float")
def _minimum(s: Scalars, dtype: DType, a: str, b: str) -> str:
    return _better(s, dtype, "ole", a, b)


@form("maximum", "float")
def _maximum(s: Scalars, dtype: DType, a: str, b: str) -> str:
    return _better(s, dtype, "oge", a, b)


def _better(s: Scalars, dtype: DType, predicate: str, a: str, b: str) -> str:
    """a where it is at least as good or NaN, else b, which may be NaN."""
    type = scalar_type(dtype)
    good = s.text.let(f"fcmp {predicate} {type} {a}, {b}")
    nan = s.text.let(f"fcmp uno {type} {a}, {a}")
    return _chosen(s, dtype, s.text.let(f"or i1 {good}, {nan}"), a, b)


def _chosen(s: Scalars, dtype: DType, condition: str, a: str, b: str) -> str:
    type = scalar_type(dtype)
    return s.text.let(f"select i1 {condition}, {type} {a}, {type} {b}")


for _name, _instruction in {
    "and": "and",
    "or": "or",
    "xor": "xor",
    "bit_and": "and",
    "bit_or": "or",
    "bit_xor": "xor",
}.items():
    FORMS[_name, "int"] = FORMS[_name, "bool"] = _float(_instruction)


@form("not", "bool")
def _not(s: Scalars, dtype: DType, x: str) -> str:
    return s.text.let(f"xor i1 {x}, true")


@form("bit_not", "int")
def _bit_not(s: Scalars, dtype: DType, x: str) -> str:
    return s.text.let(f"xor {scalar_type(dtype)} {x}, -1")


@form("shift_left", "int")
def _shift_left(s: Scalars, dtype: DType, a: str, b: str) -> str:
    type = scalar_type(dtype)
    amount, beyond = _amount(s, dtype, b)
    shifted = s.text.let(f"shl {type} {a}, {amount}")
    if s.checked:
        back = s.text.let(f"ashr {type} {shifted}, {amount}")
        s.fail_if(s.text.let(f"icmp ne {type} {back}, {a}"))
    return s.text.let(f"select i1 {beyond}, {type} 0, {type} {shifted}")


@form("shift_right", "int")
def _shift_right(s: Scalars, dtype: DType, a: str, b: str) -> str:
    type = scalar_type(dtype)
    amount, _ = _amount(s, dtype, b)
    return s.text.let(f"ashr {type} {a}, {amount}")


def _amount(s: Scalars, dtype: DType, b: str) -> tuple[str, str]:
    """The amount of a shift, at most the width less one, and whether it was more."""
    type, width = scalar_type(dtype), dtype.bits
    s.fail_if(s.text.let(f"icmp slt {type} {b}, 0"))
    beyond = s.text.let(f"icmp sge {type} {b}, {width}")
    if s.checked:
        s.fail_if(beyond)
    return s.text.let(f"select i1 {beyond}, {type} {width - 1}, {type} {b}"), beyond


@form("is_nan", "float")
def _is_nan(s: Scalars, dtype: DType, x: str) -> str:
    return s.text.let(f"fcmp uno {scalar_type(dtype)} {x}, {x}")


@form("is_infinite", "float")
def _is_infinite(s: Scalars, dtype: DType, x: str) -> str:
    magnitude = FORMS["abs", "float"](s, dtype, x)
    return s.text.let(f"fcmp oeq {scalar_type(dtype)} {magnitude}, {literal(INFINITY, dtype)}")


@form("is_finite", "float")
def _is_finite(s: Scalars, dtype: DType, x: str) -> str:
    magnitude = FORMS["abs", "float"](s, dtype, x)
    return s.text.let(f"fcmp olt {scalar_type(dtype)} {magnitude}, {literal(INFINITY, dtype)}")


@form("copy", "int", "float", "bool")
def _copy(s: Scalars, dtype: DType, x: str) -> str:
    return x


FORMS.update({("stop_gradient", kind): _copy for kind in ("int", "float", "bool")})
# `select` is written before forms are looked up; it is there to say that it exists.
FORMS["select", "bool"] = _copy

# What needs no wider arithmetic for float16 and bfloat16.
EXACT = {"copy", "stop_gradient", "neg", "abs"}
