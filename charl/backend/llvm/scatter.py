"""Updates at places that indices name: one after the other, as several may name the same place.

The tensor is updated in place when nobody else holds it. All indices are looked at before anything
is written, so that an index out of bounds finds the operands as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from charl.backend.llvm.conversions import cast
from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import Held, dtype_of, rank
from charl.backend.llvm.loops import counted
from charl.backend.llvm.scalars import scalar
from charl.backend.llvm.tensors import (
    element_place,
    in_bounds,
    load_element,
    offset_of,
    own,
    store_element,
)
from charl.core.ir import Statement, Value
from charl.types.dtypes import INT64
from charl.types.types import is_scalar

Index = Sequence[str]


@writer("scatter_add_along")
def _scatter_add_along(w: FunctionWriter, s: Statement) -> None:
    x, indices, updates = s.operands
    axis = s.attributes.get("axis", 0) % rank(x.type)
    check_all(w, indices, w.held[x].sizes[axis])
    new = own(w, x)

    def update(index: Index) -> None:
        place = found_index(w, indices, index, new.sizes[axis])
        at = [*index[:axis], place, *index[axis + 1 :]]
        add(w, x, new, at, element(w, updates, index))

    each(w, w.held[updates].sizes, [], update)
    w.bind(s.results[0], new)


@writer("scatter_add")
def _scatter_add(w: FunctionWriter, s: Statement) -> None:
    _scatter(w, s, add)


@writer("scatter_set")
def _scatter_set(w: FunctionWriter, s: Statement) -> None:
    _scatter(w, s, put)


def _scatter(
    w: FunctionWriter,
    s: Statement,
    write: Callable[[FunctionWriter, Value, Held, Index, str], None],
) -> None:
    x, indices, updates = s.operands
    axis = s.attributes.get("axis", 0) % rank(x.type)
    after = axis + rank(indices.type)
    check_sizes(w, w.held[x].sizes, w.held[indices].sizes, w.held[updates].sizes, axis)
    check_all(w, indices, w.held[x].sizes[axis])
    new = own(w, x)

    def update(index: Index) -> None:
        place = found_index(w, indices, index[axis:after], new.sizes[axis])
        at = [*index[:axis], place, *index[after:]]
        write(w, x, new, at, element(w, updates, index))

    each(w, w.held[updates].sizes, [], update)
    w.bind(s.results[0], new)


def check_sizes(w: FunctionWriter, x: Index, indices: Index, updates: Index, axis: int) -> None:
    """Demands that the updates have the shape that `gather` would give."""
    expected = [*x[:axis], *indices, *x[axis + 1 :]]
    for found, wanted in zip(updates, expected):
        if found != wanted:
            w.fail_if(w.text.let(f"icmp ne i64 {found}, {wanted}"))


def check_all(w: FunctionWriter, indices: Value, size: str) -> None:
    """Demands that every index is in bounds."""
    each(w, w.held[indices].sizes, [], lambda index: found_index(w, indices, index, size))


def found_index(w: FunctionWriter, indices: Value, index: Index, size: str) -> str:
    """The index that stands at a place, counted from the front."""
    return in_bounds(w, cast(w, element(w, indices, index), dtype_of(indices.type), INT64), size)


def element(w: FunctionWriter, value: Value, index: Index) -> str:
    if is_scalar(value.type):
        return w.of(value)
    held, dtype = w.held[value], dtype_of(value.type)
    offset = offset_of(w, held.sizes, index)
    return load_element(w, dtype, element_place(w, dtype, held.text, offset))


def each(
    w: FunctionWriter, sizes: Index, index: list[str], body: Callable[[Index], object]
) -> None:
    """Writes loops over all indices of a shape, in row-major order."""
    if not sizes:
        body(index)
        return
    with counted(w.text, sizes[0]) as place:
        each(w, sizes[1:], [*index, place], body)


def put(w: FunctionWriter, x: Value, held: Held, index: Index, value: str) -> None:
    dtype = dtype_of(x.type)
    offset = offset_of(w, held.sizes, index)
    store_element(w, dtype, value, element_place(w, dtype, held.text, offset))


def add(w: FunctionWriter, x: Value, held: Held, index: Index, value: str) -> None:
    """Adds to an element; integers wrap."""
    dtype = dtype_of(x.type)
    offset = offset_of(w, held.sizes, index)
    place = element_place(w, dtype, held.text, offset)
    checked, w.checked = w.checked, False
    total = scalar(w, "add", [load_element(w, dtype, place), value], [dtype, dtype], {})
    w.checked = checked
    store_element(w, dtype, total, place)
