"""Sorting, the greatest k, and search in what is sorted, done by `runtime/native/sort.c`."""

from __future__ import annotations

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import dtype_of, rank
from charl.backend.llvm.objects import call, truth
from charl.backend.llvm.runtime_calls import RuntimeCall
from charl.backend.llvm.tensors import count
from charl.core.ir import Statement
from charl.types.dtypes import INT64


@writer("sort")
def _sort(w: FunctionWriter, s: Statement) -> None:
    axis = s.attributes.get("axis", -1)
    wanted = w.held[s.operands[0]].sizes[axis]
    in_order(w, s, axis, wanted, descending=s.attributes.get("descending", False))


@writer("top_k")
def _top_k(w: FunctionWriter, s: Statement) -> None:
    axis = s.attributes.get("axis", -1)
    there, wanted = w.held[s.operands[0]].sizes[axis], w.of(s.operands[1])
    w.fail_if(w.text.let(f"icmp slt i64 {wanted}, 0"))
    w.fail_if(w.text.let(f"icmp sgt i64 {wanted}, {there}"))
    in_order(w, s, axis, wanted, descending=True)


def in_order(w: FunctionWriter, s: Statement, axis: int, wanted: str, *, descending: bool) -> None:
    """The first `wanted` elements of each row along an axis in order, and their indices."""
    x, (values, indices) = s.operands[0], s.results
    sizes = list(w.held[x].sizes)
    axis %= len(sizes)
    there, inner = sizes[axis], count(w, sizes[axis + 1 :])
    rows = count(w, [*sizes[:axis], inner])
    sizes[axis] = wanted
    c = RuntimeCall(w)
    given, ordered, places = c.read(x), c.write(values, sizes), c.write(indices, sizes)
    kind = w.module.dtype_number(dtype_of(x.type))
    numbers = [f"i64 {n}" for n in (kind, rows, there, inner, wanted)]
    targets = f"ptr {ordered}", f"ptr {places}"
    way = f"i32 {int(descending)}"
    enough = truth(w, "charl_sort", f"ptr {given}", *numbers, way, *targets)
    c.no_memory_unless(enough, INT64, [there, "4"])
    c.finish()


@writer("searchsorted")
def _search(w: FunctionWriter, s: Statement) -> None:
    (row, x), (result,) = s.operands, s.results
    (length,), sizes = w.held[row].sizes, w.held[x].sizes
    c = RuntimeCall(w)
    sorted_row, wanted, target = c.read(row), c.read(x), c.write(result, sizes)
    total = count(w, sizes) if rank(x.type) else "1"
    kind = w.module.dtype_number(dtype_of(x.type))
    right = int(s.attributes.get("right", False))
    where = f"ptr {sorted_row}", f"i64 {length}", f"ptr {wanted}", f"i64 {total}"
    call(w, "charl_search", "void", *where, f"i64 {kind}", f"i32 {right}", f"ptr {target}")
    c.finish()
