"""Running sums and their like along an axis: each element from the one before it.

An axis with others behind it is gone along row by row, as memory lies; along the last axis what
was computed last stays in a register.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import dtype_of
from charl.backend.llvm.loops import counted
from charl.backend.llvm.scalars import scalar
from charl.backend.llvm.tensors import (
    allocate,
    count,
    demand_equal,
    element_place,
    load_element,
    store_element,
)
from charl.backend.llvm.text import literal, memory_type
from charl.core.ir import Statement, Value

# (place, the result before it or None at the beginning) -> the result there.
Step = Callable[[str, str | None], str]


@writer("cumsum", "cumprod", "cummax")
def _running(w: FunctionWriter, s: Statement) -> None:
    (x,) = s.operands
    dtype = dtype_of(x.type)
    combine = {"cumsum": "add", "cumprod": "mul", "cummax": "maximum"}[s.op.name]

    def step(place: str, before: str | None) -> str:
        new = element(w, x, place)
        return new if before is None else scalar(w, combine, [before, new], [dtype, dtype], {})

    along(w, s, step)


@writer("linear_recurrence")
def _recurrence(w: FunctionWriter, s: Statement) -> None:
    a, b = s.operands
    dtype = dtype_of(a.type)
    for axis in range(len(w.held[a].sizes)):
        demand_equal(w, a, axis, b, axis)

    def step(place: str, before: str | None) -> str:
        factor, term = element(w, a, place), element(w, b, place)
        old = literal(0, dtype) if before is None else before
        scaled = scalar(w, "mul", [factor, old], [dtype, dtype], {})
        return scalar(w, "add", [scaled, term], [dtype, dtype], {})

    along(w, s, step)


def element(w: FunctionWriter, x: Value, place: str) -> str:
    dtype = dtype_of(x.type)
    return load_element(w, dtype, element_place(w, dtype, w.of(x), place))


def along(w: FunctionWriter, s: Statement, step: Step) -> None:
    """Loops over [outer, n, inner]; integers wrap."""
    (result,) = s.results
    dtype, sizes = dtype_of(result.type), w.held[s.operands[0]].sizes
    axis, reverse = s.attributes["axis"] % len(sizes), s.attributes.get("reverse", False)
    n, inner = sizes[axis], count(w, sizes[axis + 1 :])
    new = allocate(w, result.type, sizes)
    last = w.text.alloca(memory_type(dtype))
    w.checked = False

    def row(outer: str, k: str, *, first: bool) -> None:
        at = w.text.let(f"sub i64 {w.text.let(f'sub i64 {n}, 1')}, {k}") if reverse else k
        begin = w.text.let(f"add i64 {w.text.let(f'mul i64 {outer}, {n}')}, {at}")
        begin = w.text.let(f"mul i64 {begin}, {inner}")
        with counted(w.text, inner) as i:
            place = w.text.let(f"add i64 {begin}, {i}")
            before = None
            if not first and inner == "1":
                before = load_element(w, dtype, last)
            elif not first:
                back = w.text.let(f"{'add' if reverse else 'sub'} i64 {place}, {inner}")
                before = load_element(w, dtype, element_place(w, dtype, new.text, back))
            found = step(place, before)
            store_element(w, dtype, found, element_place(w, dtype, new.text, place))
            if inner == "1":
                store_element(w, dtype, found, last)

    some = w.text.let(f"icmp ne i64 {n}, 0")
    begins = w.text.let(f"select i1 {some}, i64 {count(w, sizes[:axis])}, i64 0")
    with counted(w.text, begins) as outer:
        row(outer, "0", first=True)
        with counted(w.text, w.text.let(f"sub i64 {n}, 1")) as k:
            row(outer, w.text.let(f"add i64 {k}, 1"), first=False)
    w.checked = True
    w.bind(result, new)
