"""Ops that a function of the runtime does: their operands and results, in memory.

A scalar lies on the stack then. The runtime's arithmetic knows float32 and float64: where it is
asked to reckon with float16 and bfloat16, it is given float32, and what it gives is rounded once,
as the interpreter does.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.backend.llvm.conversions import cast, narrow
from charl.backend.llvm.functions import FunctionWriter
from charl.backend.llvm.layout import Held, dtype_of
from charl.backend.llvm.loops import counted
from charl.backend.llvm.tensors import (
    allocate,
    count,
    element_place,
    load_element,
    no_memory_if,
    scalar_or_pointer,
    store_element,
)
from charl.backend.llvm.text import memory_type
from charl.core.ir import Statement, Value
from charl.records import field, record
from charl.types.dtypes import FLOAT32, DType
from charl.types.types import Tensor, is_scalar


def wide(dtype: DType) -> DType:
    """What the runtime reckons in."""
    return FLOAT32 if narrow(dtype) else dtype


def scratch(w: FunctionWriter, dtype: DType, sizes: Sequence[str]) -> str:
    """Memory for a tensor of these sizes, to be released by who asks for it."""
    sizes = sizes or ("1",)
    return allocate(w, Tensor(dtype, tuple(0 for _ in sizes)), sizes).text


def convert_elements(
    w: FunctionWriter, source: str, old: DType, target: str, new: DType, total: str
) -> None:
    """Writes the elements at one place to another, as another dtype."""
    with counted(w.text, total) as at:
        value = cast(w, load_element(w, old, element_place(w, old, source, at)), old, new)
        store_element(w, new, value, element_place(w, new, target, at))


@record(frozen=False, eq=False)
class RuntimeCall:
    """The operands and results of one statement in memory. `read` and `write` come before the call
    of the runtime, `finish` after it."""

    w: FunctionWriter
    temporary: list[str] = field(default_factory=list)
    written: list[tuple[Value, Held, str]] = field(default_factory=list)

    def room(self, dtype: DType, sizes: Sequence[str]) -> str:
        """The pointer to memory for a tensor until the call is done."""
        pointer = scratch(self.w, dtype, sizes)
        self.temporary.append(pointer)
        return pointer

    def read(self, value: Value, *, reckons: bool = False) -> str:
        """The pointer to an operand's elements; with `reckons` as floats that the runtime knows."""
        w, dtype, held = self.w, dtype_of(value.type), self.w.held[value]
        if is_scalar(value.type):
            kind = wide(dtype) if reckons else dtype
            place = w.text.alloca(memory_type(kind))
            store_element(w, kind, cast(w, held.text, dtype, kind), place)
            return place
        if not (reckons and narrow(dtype)):
            return held.text
        pointer = self.room(FLOAT32, held.sizes)
        convert_elements(w, held.text, dtype, pointer, FLOAT32, count(w, held.sizes))
        return pointer

    def write(self, value: Value, sizes: Sequence[str], *, reckons: bool = False) -> str:
        """The pointer to where the runtime is to write a result of these sizes."""
        w, dtype = self.w, dtype_of(value.type)
        if is_scalar(value.type):
            held = Held(w.text.alloca(memory_type(dtype)))
        else:
            held = allocate(w, value.type, sizes)
        pointer = held.text
        if reckons and narrow(dtype):
            pointer = self.room(FLOAT32, sizes)
        self.written.append((value, held, pointer))
        return pointer

    def finish(self) -> None:
        """The results are what was written."""
        w = self.w
        for value, held, pointer in self.written:
            dtype = dtype_of(value.type)
            if pointer != held.text:
                convert_elements(w, pointer, FLOAT32, held.text, dtype, count(w, held.sizes))
            if is_scalar(value.type):
                held = Held(load_element(w, dtype, held.text))
            w.bind(value, held)
        for pointer in self.temporary:
            w.release(pointer)

    def finish_or_ask(self, statement: Statement, done: str) -> None:
        """The same where the runtime has done it; else the host does it."""
        w = self.w
        there, here, after = (w.text.label(x) for x in ("ask", "done", "either"))
        w.text.branch(done, here, there)
        w.text.place(there)
        for value, held, _ in self.written:
            if not is_scalar(value.type):
                w.release(held.text)
        for pointer in self.temporary:
            w.release(pointer)
        symbols = w.scope()
        w.host(statement)
        w.restore(symbols)
        asked = {value: w.of(value) for value, _, _ in self.written}
        ends = [w.text.here]
        w.text.jump(after)
        w.text.place(here)
        self.finish()
        ends.append(w.text.here)
        w.text.jump(after)
        w.text.place(after)
        for value in asked:
            kind = scalar_or_pointer(value.type)
            text = w.text.phi(kind, list(zip((asked[value], w.of(value)), ends)))
            w.bind(value, Held(text, w.held[value].sizes))

    def no_memory_unless(self, enough: str, dtype: DType, sizes: Sequence[str]) -> None:
        """Stops the program where the runtime had no memory for what it does on the way."""
        no_memory_if(self.w, self.w.text.let(f"xor i1 {enough}, true"), dtype, sizes)
