"""`print`, and the texts of scalars and tensors; what is put together of more the host shows.

What is printed gathers in a buffer of the runtime (`runtime/native/show.c`). Where that will not
have it, the host prints, and it sends on the buffer first: the order stays.
"""

from __future__ import annotations

import re

from charl.backend.llvm.functions import FunctionWriter, counted, writer
from charl.backend.llvm.layout import Held, dtype_of, rank
from charl.backend.llvm.objects import made, slot, truth
from charl.core.ir import Statement, Value
from charl.ops.layouts import Leaf
from charl.types import dtypes
from charl.types.types import String, Tensor, is_scalar


@writer("print")
def _print(w: FunctionWriter, s: Statement) -> None:
    (text,) = s.operands
    end = w.module.string(s.attributes.get("end", "\n"))
    printed = truth(w, "charl_print", f"ptr {w.of(text)}", f"ptr {end}")
    ask, after = w.text.label("print"), w.text.label("printed")
    w.text.branch(printed, after, ask)
    w.text.place(ask)
    w.host(s)
    w.text.place(after)


@writer("show")
def _show(w: FunctionWriter, s: Statement) -> None:
    shown = None
    if isinstance(s.attributes["layout"], Leaf):
        (value,) = s.operands
        is_tensor = isinstance(value.type, Tensor) and counted(value)
        shown = tensor_text(w, value) if is_tensor else text_of(w, value)
    if shown is None:
        w.host(s)
    else:
        w.bind(s.results[0], Held(shown))


def text_of(w: FunctionWriter, value: Value) -> str | None:
    """The text of a string or scalar; None for what the host has to show."""
    if isinstance(value.type, String):
        return w.take(value)
    if counted(value):
        return None
    dtype, number = dtype_of(value.type), w.of(value)
    if dtype == dtypes.BOOL:
        wide = w.text.let(f"zext i1 {number} to i32")
        return made(w, "charl_show_bool", f"i32 {wide}")
    if dtype.is_int:
        return made(w, "charl_show_int", f"i64 {widened(w, value)}")
    if dtype == dtypes.FLOAT64:
        return made(w, "charl_show_double", f"double {number}")
    if dtype == dtypes.FLOAT32:
        return made(w, "charl_show_float", f"float {number}")
    return None


def tensor_text(w: FunctionWriter, value: Value) -> str | None:
    """The text of a tensor; None where the host has to find the digits."""
    dtype = dtype_of(value.type)
    if dtype in (dtypes.FLOAT16, dtypes.BFLOAT16):
        return None
    place = slot(w, w.held[value], value.type)
    numbers = f"i64 {w.module.dtype_number(dtype)}", f"i64 {rank(value.type)}"
    return made(w, "charl_show_tensor", f"ptr {place}", *numbers)


def widened(w: FunctionWriter, value: Value) -> str:
    """An integer as an int64."""
    bits = dtype_of(value.type).bits
    return w.of(value) if bits == 64 else w.text.let(f"sext i{bits} {w.of(value)} to i64")


# --- Formats -------------------------------------------------------------------------------------

FLOATS = re.compile(r">?(?P<width>[1-9][0-9]*)?\.(?P<precision>[0-9]+)(?P<letter>[ef])")
INTEGERS = re.compile(r"(?P<zero>0)?(?P<width>[1-9][0-9]*)?d?")


@writer("format")
def _format(w: FunctionWriter, s: Statement) -> None:
    """The common formats of scalars: a width, digits after the point, zeros in front."""
    (value,) = s.operands
    text = None
    if is_scalar(value.type):
        text = formatted(w, value, s.attributes["spec"])
    if text is None:
        w.host(s)
    else:
        w.bind(s.results[0], Held(text))


def formatted(w: FunctionWriter, value: Value, spec: str) -> str | None:
    dtype = dtype_of(value.type)
    if dtype.is_int and (found := INTEGERS.fullmatch(spec)):
        width, zeros = found["width"] or "0", int(found["zero"] is not None)
        number = widened(w, value)
        return made(w, "charl_format_int", f"i64 {number}", f"i32 {width}", f"i32 {zeros}")
    if dtype in (dtypes.FLOAT32, dtypes.FLOAT64) and (found := FLOATS.fullmatch(spec)):
        number = w.of(value)
        if dtype == dtypes.FLOAT32:
            number = w.text.let(f"fpext float {number} to double")
        shape = f"i32 {found['width'] or 0}", f"i32 {found['precision']}"
        letter = f"i32 {ord(found['letter'])}"
        return made(w, "charl_format_float", f"double {number}", *shape, letter)
    return None
