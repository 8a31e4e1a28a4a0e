"""Elementwise functions of Python scalars, for the interpreter's fast path.

Floats follow IEEE: where Python raises (division by zero, overflow, outside the domain), the NumPy
function gives the infinity or NaN. Integers are checked against their width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from charl.ops.faults import bad_value, division_by_zero, limits, overflow
from charl.types.dtypes import DType

Maker = Callable[[DType], Callable[..., Any]]


def ieee(fast: Callable[..., float], array: Callable[..., Any]) -> Callable[..., float]:
    """`fast`, and where Python refuses, what NumPy says."""

    def run(*operands: float) -> float:
        try:
            return fast(*operands)
        except (OverflowError, ValueError, ZeroDivisionError):
            with np.errstate(all="ignore"):
                return float(array(*operands))

    return run


def rounding(fast: Callable[[float], int], array: Callable[..., Any]) -> Callable[..., float]:
    """Rounding to whole floats, which keeps the sign of zero."""
    return ieee(lambda x: math.copysign(fast(x), x), array)


def least(a: Any, b: Any) -> Any:
    return a if a <= b or a != a else b


def greatest(a: Any, b: Any) -> Any:
    return a if a >= b or a != a else b


def signum(x: float) -> float:
    return 1.0 if x > 0 else -1.0 if x < 0 else 0.0 if x == 0 else x


def either(condition: bool, a: Any, b: Any) -> Any:
    return a if condition else b


def unchecked(function: Callable[..., Any]) -> Maker:
    """For functions whose result is in range whenever the operands are."""
    return lambda dtype: function


def add(dtype: DType) -> Callable[..., int]:
    low, high = limits(dtype)

    def run(a: int, b: int) -> int:
        result = a + b
        if low <= result <= high:
            return result
        raise overflow(f"{a} + {b}", dtype)

    return run


def sub(dtype: DType) -> Callable[..., int]:
    low, high = limits(dtype)

    def run(a: int, b: int) -> int:
        result = a - b
        if low <= result <= high:
            return result
        raise overflow(f"{a} - {b}", dtype)

    return run


def mul(dtype: DType) -> Callable[..., int]:
    low, high = limits(dtype)

    def run(a: int, b: int) -> int:
        result = a * b
        if low <= result <= high:
            return result
        raise overflow(f"{a} * {b}", dtype)

    return run


def floor_div(dtype: DType) -> Callable[..., int]:
    _, high = limits(dtype)

    def run(a: int, b: int) -> int:
        if b == 0:
            raise division_by_zero("//")
        result = a // b
        if result > high:
            raise overflow(f"{a} // {b}", dtype)
        return result

    return run


def mod(dtype: DType) -> Callable[..., int]:
    def run(a: int, b: int) -> int:
        if b == 0:
            raise division_by_zero("%")
        return a % b

    return run


def power(dtype: DType) -> Callable[..., int]:
    low, high = limits(dtype)

    def run(a: int, b: int) -> int:
        if b < 0:
            raise negative_exponent(b)
        if abs(a) > 1 and b >= dtype.bits:  # before Python computes a huge number
            raise overflow(f"{a} ** {b}", dtype)
        result: int = a**b
        if low <= result <= high:
            return result
        raise overflow(f"{a} ** {b}", dtype)

    return run


def negative_exponent(b: int) -> Exception:
    return bad_value(
        f"an integer cannot be raised to the power {b}", "convert to floats: `x as float32`"
    )


def negate(dtype: DType) -> Callable[..., int]:
    low, _ = limits(dtype)

    def run(a: int) -> int:
        if a == low:
            raise overflow(f"-({a})", dtype)
        return -a

    return run


def absolute(dtype: DType) -> Callable[..., int]:
    low, _ = limits(dtype)

    def run(a: int) -> int:
        if a == low:
            raise overflow(f"abs({a})", dtype)
        return abs(a)

    return run


def shift_left(dtype: DType) -> Callable[..., int]:
    low, high = limits(dtype)

    def run(a: int, b: int) -> int:
        if not 0 <= b < dtype.bits:
            raise bad_shift(b, dtype)
        result = a << b
        if low <= result <= high:
            return result
        raise overflow(f"{a} << {b}", dtype)

    return run


def shift_right(dtype: DType) -> Callable[..., int]:
    def run(a: int, b: int) -> int:
        if not 0 <= b < dtype.bits:
            raise bad_shift(b, dtype)
        return a >> b

    return run


def bad_shift(b: int, dtype: DType) -> Exception:
    return bad_value(f"{dtype} can be shifted by 0 to {dtype.bits - 1} bits, not by {b}")
