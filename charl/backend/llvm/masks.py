"""Masks: how many places hold is counted first, so that what is chosen has its size."""

from __future__ import annotations

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import dtype_of, rank
from charl.backend.llvm.objects import call, set_word
from charl.backend.llvm.runtime_calls import RuntimeCall
from charl.backend.llvm.tensors import bytes_of, count, demand_equal
from charl.core.ir import Statement, Value


def chosen(w: FunctionWriter, mask: Value) -> str:
    """How many places of a mask hold."""
    total = count(w, w.held[mask].sizes)
    return call(w, "charl_mask_count", "i64", f"ptr {w.of(mask)}", f"i64 {total}")


@writer("mask_select")
def _select(w: FunctionWriter, s: Statement) -> None:
    (x, mask), (result,) = s.operands, s.results
    for axis in range(rank(mask.type)):
        demand_equal(w, x, axis, mask, axis)
    rest = w.held[x].sizes[rank(mask.type) :]
    amount = chosen(w, mask)
    c = RuntimeCall(w)
    pointers = (c.write(result, [amount, *rest]), c.read(x), c.read(mask))
    width = bytes_of(w, dtype_of(x.type), rest)
    operands = (*(f"ptr {p}" for p in pointers), f"i64 {amount}", f"i64 {width}")
    call(w, "charl_mask_select", "void", *operands)
    c.finish()


@writer("mask_scatter")
def _scatter(w: FunctionWriter, s: Statement) -> None:
    (values, mask), (result,) = s.operands, s.results
    given, *rest = w.held[values].sizes
    w.fail_if(w.text.let(f"icmp ne i64 {chosen(w, mask)}, {given}"))
    sizes = w.held[mask].sizes
    c = RuntimeCall(w)
    pointers = (c.write(result, [*sizes, *rest]), c.read(values), c.read(mask))
    width = bytes_of(w, dtype_of(values.type), rest)
    operands = (*(f"ptr {p}" for p in pointers), f"i64 {count(w, sizes)}", f"i64 {width}")
    call(w, "charl_mask_scatter", "void", *operands)
    c.finish()


@writer("nonzero")
def _places(w: FunctionWriter, s: Statement) -> None:
    (mask,), (result,) = s.operands, s.results
    sizes, amount = w.held[mask].sizes, chosen(w, mask)
    shape = w.text.alloca("i64", max(len(sizes), 1))
    for axis, size in enumerate(sizes):
        set_word(w, shape, 8 * axis, size)
    c = RuntimeCall(w)
    target, given = c.write(result, [amount, str(len(sizes))]), c.read(mask)
    operands = f"ptr {target}", f"ptr {given}", f"i64 {amount}", f"i64 {len(sizes)}", f"ptr {shape}"
    call(w, "charl_mask_places", "void", *operands)
    c.finish()
