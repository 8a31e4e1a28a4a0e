"""Rounding to the floats of 16 bits.

float16 has an instruction. bfloat16 is the upper half of a float32, rounded to the nearest, ties to
even, here in integer arithmetic: LLVM would call a library that is not everywhere.
"""

from __future__ import annotations

from charl.backend.llvm.text import Text


def rounded(text: Text, x: str, old: str, new: str) -> str:
    """A float of the LLVM type `old` as one of the narrower type `new`."""
    if new != "bfloat":
        return text.let(f"fptrunc {old} {x} to {new}")
    if old == "double":
        x = text.let(f"fptrunc double {x} to float")
    bits = text.let(f"bitcast float {x} to i32")
    upper = text.let(f"lshr i32 {bits}, 16")
    odd = text.let(f"and i32 {upper}, 1")
    half = text.let(f"add i32 {odd}, 32767")
    up = text.let(f"lshr i32 {text.let(f'add i32 {bits}, {half}')}, 16")
    quiet = text.let(f"or i32 {upper}, 64")
    number = text.let(f"fcmp ord float {x}, {x}")
    found = text.let(f"select i1 {number}, i32 {up}, i32 {quiet}")
    return text.let(f"bitcast i16 {text.let(f'trunc i32 {found} to i16')} to bfloat")
