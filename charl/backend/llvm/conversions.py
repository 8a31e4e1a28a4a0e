"""Conversions of scalars from one dtype to another, as LLVM instructions.

Where a number does not fit, a scalar of the program stops it, an element of a tensor wraps or
becomes the least integer (`Scalars.checked`). float16 and bfloat16 are rounded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from charl.backend.llvm.narrow_floats import rounded
from charl.backend.llvm.text import literal, scalar_type
from charl.types.dtypes import BOOL, FLOAT16, FLOAT32, FLOAT64, DType

if TYPE_CHECKING:
    from charl.backend.llvm.scalars import Scalars


def narrow(dtype: DType) -> bool:
    return dtype.is_float and dtype.bits == 16


def widened(s: Scalars, x: str, dtype: DType) -> str:
    return s.text.let(f"fpext {scalar_type(dtype)} {x} to float") if narrow(dtype) else x


def least(dtype: DType) -> int:
    return -(1 << (dtype.bits - 1))


def cast(s: Scalars, x: str, source: DType, target: DType) -> str:
    old, new = scalar_type(source), scalar_type(target)
    if source == target:
        return x
    if target == BOOL:
        if source.is_float:
            return s.text.let(f"fcmp une {old} {x}, {literal(0, source)}")
        return s.text.let(f"icmp ne {old} {x}, 0")
    if source == BOOL:
        if narrow(target):
            return rounded(s.text, s.text.let(f"uitofp i1 {x} to float"), "float", new)
        return s.text.let(f"{'uitofp' if target.is_float else 'zext'} i1 {x} to {new}")
    if source.is_int:
        return _from_integer(s, x, source, target)
    if target.is_int:
        return _to_integer(s, x, source, target)
    if target.bits > source.bits:
        return s.text.let(f"fpext {old} {x} to {new}")
    if source == FLOAT64 and target == FLOAT16:  # rounded once: not every system has a function
        call = s.declare("charl_half", "i16", ["double"])
        bits = s.text.let(f"call i16 {call}(double {x})")
        return s.text.let(f"bitcast i16 {bits} to half")
    if target.bits == source.bits:  # float16 and bfloat16
        wide = s.text.let(f"fpext {old} {x} to float")
        return rounded(s.text, wide, "float", new)
    return rounded(s.text, x, old, new)


def _from_integer(s: Scalars, x: str, source: DType, target: DType) -> str:
    old, new = scalar_type(source), scalar_type(target)
    if narrow(target):
        return rounded(s.text, s.text.let(f"sitofp {old} {x} to float"), "float", new)
    if target.is_float:
        return s.text.let(f"sitofp {old} {x} to {new}")
    if target.bits > source.bits:
        return s.text.let(f"sext {old} {x} to {new}")
    result = s.text.let(f"trunc {old} {x} to {new}")
    if s.checked:
        back = s.text.let(f"sext {new} {result} to {old}")
        s.fail_if(s.text.let(f"icmp ne {old} {back}, {x}"))
    return result


def _to_integer(s: Scalars, x: str, source: DType, target: DType) -> str:
    """Towards zero; what does not fit, and NaN, is an error or the least integer."""
    if narrow(source):
        x, source = widened(s, x, source), FLOAT32
    old, new = scalar_type(source), scalar_type(target)
    call = s.declare(f"llvm.trunc.f{source.bits}", old, [old])
    whole = s.text.let(f"call {old} {call}({old} {x})")
    low, high = float(least(target)), -float(least(target))
    above = s.text.let(f"fcmp oge {old} {whole}, {literal(low, source)}")
    below = s.text.let(f"fcmp olt {old} {whole}, {literal(high, source)}")
    fits = s.text.let(f"and i1 {above}, {below}")
    if s.checked:
        s.fail_if(s.text.let(f"xor i1 {fits}, true"))
    safe = s.text.let(f"select i1 {fits}, {old} {whole}, {old} {literal(0, source)}")
    result = s.text.let(f"fptosi {old} {safe} to {new}")
    return s.text.let(f"select i1 {fits}, {new} {result}, {new} {least(target)}")
