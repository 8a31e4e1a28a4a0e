"""Tensors in memory: making them, their elements and rows, updates in place, other shapes.

Elements lie in row-major order, so a row (what is left when leading axes are indexed) is one
stretch of bytes. An update writes into the tensor itself when nobody else holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from charl.backend.llvm.functions import UNLIKELY, FunctionWriter, writer
from charl.backend.llvm.layout import Held, dtype_of
from charl.backend.llvm.loops import counted
from charl.backend.llvm.scalars import scalar
from charl.backend.llvm.text import memory_type, scalar_type
from charl.core.ir import Statement, Value
from charl.types.dtypes import BOOL, DType
from charl.types.types import Tensor, Type, is_scalar

# --- Memory --------------------------------------------------------------------------------------


def item_bytes(dtype: DType) -> int:
    return dtype.bits // 8


def count(w: FunctionWriter, sizes: Sequence[str]) -> str:
    """The number of elements; negative where there are too many to count."""
    total = 1
    factors = []
    for size in sizes:
        if size.lstrip("-").isdecimal():
            total *= int(size)
        else:
            factors.append(size)
    product = str(total)
    for factor in factors:
        if product == "1":
            product = factor
            continue
        call = w.declare("llvm.umul.with.overflow.i64", "{ i64, i1 }", ["i64", "i64"])
        pair = w.text.let(f"call {{ i64, i1 }} {call}(i64 {product}, i64 {factor})")
        value = w.text.let(f"extractvalue {{ i64, i1 }} {pair}, 0")
        over = w.text.let(f"extractvalue {{ i64, i1 }} {pair}, 1")
        product = w.text.let(f"select i1 {over}, i64 -1, i64 {value}")
    return product


def demand_sizes(w: FunctionWriter, sizes: Sequence[str]) -> None:
    """Stops the program where one of the sizes asked for is negative."""
    for size in sizes:
        if not size.isdecimal():
            w.fail_if(w.text.let(f"icmp slt i64 {size}, 0"))


def demand_equal(w: FunctionWriter, x: Value, i: int, y: Value, j: int) -> None:
    """Stops the program where two axes that must be of one size are not."""
    assert isinstance(x.type, Tensor) and isinstance(y.type, Tensor)
    one, other = w.held[x].sizes[i], w.held[y].sizes[j]
    if one != other and x.type.shape[i] != y.type.shape[j]:
        w.fail_if(w.text.let(f"icmp ne i64 {one}, {other}"))


def bytes_of(w: FunctionWriter, dtype: DType, sizes: Sequence[str]) -> str:
    return count(w, [*sizes, str(item_bytes(dtype))])


def allocate(w: FunctionWriter, type: Type, sizes: Sequence[str], over: str = "") -> Held:
    """A new tensor whose elements are whatever they are: the one `over` which it may be written,
    where nobody else holds that."""
    dtype = dtype_of(type)
    assert w.statement is not None
    site = w.module.site(w.statement, w.function)
    size = bytes_of(w, dtype, sizes)
    asked = f"i64 {size}, i32 {site}"
    if over:
        pointer = w.text.let(f"call preserve_mostcc ptr @charl.place(ptr {over}, {asked})")
    else:
        pointer = w.text.let(f"call ptr @charl_tensor({asked})")
    no_memory_if(w, w.text.let(f"icmp eq ptr {pointer}, null"), dtype, sizes)
    return Held(pointer, tuple(sizes))


def no_memory_if(w: FunctionWriter, none: str, dtype: DType, sizes: Sequence[str]) -> None:
    """Stops the program where there is no memory for a tensor of these sizes."""
    stop, go_on = w.text.label("memory"), w.text.label("fine")
    w.text.branch(none, stop, go_on, UNLIKELY)
    late = w.text.apart(stop)
    shape = w.slots
    if all(size.isdecimal() for size in sizes):
        shape = w.module.words(sizes)
    else:
        for axis, size in enumerate(sizes):
            w.put_word(late, axis, "i64", size)
        w.slot_words = max(w.slot_words, len(sizes))
    assert w.statement is not None
    site = w.module.site(w.statement, w.function)
    kind = w.module.dtype_number(dtype)
    late.put(f"call void @charl_no_memory(i64 {site}, i64 {kind}, ptr {shape}, i64 {len(sizes)})")
    w.fail(late, "1")
    w.late.append(late)
    w.text.place(go_on)


def copy_bytes(w: FunctionWriter, target: str, source: str, size: str) -> None:
    w.text.put(
        f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {size}, i1 false)"
    )


def own(w: FunctionWriter, value: Value) -> Held:
    """A tensor of the same elements that nobody else holds: the value itself when it dies here and
    is held only once, else a copy. A loop that changes it in place has asked before."""
    held = w.held[value]
    if value not in w.dying:
        return copied(w, value)
    pointer = w.take(value)
    if value in w.in_place.versions:
        return held
    header = w.text.let(f"getelementptr i8, ptr {pointer}, i64 -16")
    holders = w.text.let(f"load i64, ptr {header}")
    shared = w.text.let(f"icmp sgt i64 {holders}, 1")
    copying, done = w.text.label("copy"), w.text.label("own")
    before = w.text.here
    w.text.branch(shared, copying, done)
    w.text.place(copying)
    new = copied(w, value)
    w.release(pointer)
    after = w.text.here
    w.text.jump(done)
    w.text.place(done)
    return Held(w.text.phi("ptr", [(pointer, before), (new.text, after)]), held.sizes)


def copied(w: FunctionWriter, value: Value) -> Held:
    held = w.held[value]
    new = allocate(w, value.type, held.sizes)
    copy_bytes(w, new.text, held.text, bytes_of(w, dtype_of(value.type), held.sizes))
    return new


def set_apart(w: FunctionWriter, parameter: Value) -> None:
    """Here begins a loop that changes this tensor in place: within, nothing else is that memory."""
    scope = w.module.scope()
    w.text.put(f"call void @llvm.experimental.noalias.scope.decl(metadata !{{{scope}}})")
    w.scopes = {**w.scopes, parameter: scope}


def apart(w: FunctionWriter, tensor: Value) -> str:
    """What LLVM is told of a load or store of this tensor: what it cannot have to do with."""
    own = w.scopes.get(w.in_place.versions.get(tensor, tensor))
    others = ", ".join(scope for scope in w.scopes.values() if scope != own)
    found = f", !alias.scope !{{{own}}}" if own else ""
    return f"{found}, !noalias !{{{others}}}" if others else found


# --- Elements and rows ---------------------------------------------------------------------------


def load_element(w: FunctionWriter, dtype: DType, pointer: str, metadata: str = "") -> str:
    found = w.text.let(f"load {memory_type(dtype)}, ptr {pointer}{metadata}")
    return w.text.let(f"trunc i8 {found} to i1") if dtype == BOOL else found


def store_element(
    w: FunctionWriter, dtype: DType, value: str, pointer: str, metadata: str = ""
) -> None:
    if dtype == BOOL:
        value = w.text.let(f"zext i1 {value} to i8")
    w.text.put(f"store {memory_type(dtype)} {value}, ptr {pointer}{metadata}")


def element_place(w: FunctionWriter, dtype: DType, pointer: str, offset: str) -> str:
    return w.text.let(f"getelementptr inbounds {memory_type(dtype)}, ptr {pointer}, i64 {offset}")


def offset_of(
    w: FunctionWriter, sizes: Sequence[str], indices: Sequence[str], first: int | None = None
) -> str:
    """Where the element or row at these leading indices begins, in elements. The operands of the
    statement from `first` on, where that is given, are the indices: they may be negative, counting
    from the end, and stop the program out of bounds."""
    offset = "0"
    for axis, index in enumerate(indices):
        size = sizes[axis]
        if first is not None:
            index = in_bounds(w, index, size, first + axis)
        if offset != "0":
            offset = w.text.let(f"mul i64 {offset}, {size}")
            offset = w.text.let(f"add i64 {offset}, {index}")
        else:
            offset = index
    for size in sizes[len(indices) :]:
        offset = offset if size == "1" else w.text.let(f"mul i64 {offset}, {size}")
    return offset


def in_bounds(w: FunctionWriter, index: str, size: str, place: int | None = None) -> str:
    """The index counted from the front; `place` is where it stands among the operands, if it is
    one. Few indices are negative: only those that are not inside as they are are looked at twice.
    """
    if place is not None and w.never_fails(place):
        return index
    if (index, size) in w.inside:
        return w.inside[index, size]
    if index.isdecimal():
        if not (size.isdecimal() and int(index) < int(size)):
            w.fail_if(w.text.let(f"icmp uge i64 {index}, {size}"))
        return index
    if index.lstrip("-").isdecimal():
        found = w.text.let(f"add i64 {index}, {size}")
        w.fail_if(w.text.let(f"icmp uge i64 {found}, {size}"))
        w.inside[index, size] = found
        return found
    inside, before = w.text.label("inside"), w.text.here
    outside = w.text.label("outside")
    beyond = w.text.let(f"icmp uge i64 {index}, {size}")
    w.text.branch(beyond, outside, inside, UNLIKELY)
    late = w.text.apart(outside)
    found = late.let(f"add i64 {index}, {size}")
    late.branch(late.let(f"icmp uge i64 {found}, {size}"), w.failure(), inside, UNLIKELY)
    w.late.append(late)
    w.text.place(inside)
    w.inside[index, size] = w.text.phi("i64", [(index, before), (found, outside)])
    return w.inside[index, size]


def row(
    w: FunctionWriter, type: Type, held: Held, offset: str, given: int, metadata: str = ""
) -> Held:
    """The element, or a copy of the row, that begins at an offset; `given` axes were indexed."""
    dtype = dtype_of(type)
    place = element_place(w, dtype, held.text, offset)
    rest = held.sizes[given:]
    if not rest:
        return Held(load_element(w, dtype, place, metadata))
    new = allocate(w, type, rest)
    copy_bytes(w, new.text, place, bytes_of(w, dtype, rest))
    return new


def set_row(
    w: FunctionWriter, type: Type, value: Held, pointer: str, offset: str, metadata: str = ""
) -> None:
    """Writes an element or a row to where it begins."""
    dtype = dtype_of(type)
    place = element_place(w, dtype, pointer, offset)
    if not value.sizes:
        store_element(w, dtype, value.text, place, metadata)
    else:
        copy_bytes(w, place, value.text, bytes_of(w, dtype, value.sizes))


# --- Statements ----------------------------------------------------------------------------------


@writer("dim")
def _dim(w: FunctionWriter, s: Statement) -> None:
    sizes = w.held[s.operands[0]].sizes
    w.bind(s.results[0], Held(sizes[s.attributes["axis"]]))


@writer("index")
def _index(w: FunctionWriter, s: Statement) -> None:
    x, *indices = s.operands
    if is_scalar(x.type):
        w.bind(s.results[0], w.held[x])
        return
    held = w.held[x]
    offset = offset_of(w, held.sizes, [w.of(i) for i in indices], 1)
    w.bind(s.results[0], row(w, x.type, held, offset, len(indices), apart(w, x)))


@writer("index_update")
def _index_update(w: FunctionWriter, s: Statement) -> None:
    x, value, *indices = s.operands
    if is_scalar(x.type):
        w.bind(s.results[0], w.held[value])
        return
    places = [w.of(i) for i in indices]
    offset = offset_of(w, w.held[x].sizes, places, 2)
    new = own(w, x)
    set_row(w, x.type, w.held[value], new.text, offset, apart(w, x))
    w.bind(s.results[0], new)


@writer("index_add")
def _index_add(w: FunctionWriter, s: Statement) -> None:
    x, value, *indices = s.operands
    dtype, kinds = dtype_of(x.type), [dtype_of(x.type)] * 2
    if is_scalar(x.type):
        w.checked = False  # elements of tensors wrap
        w.bind(s.results[0], Held(scalar(w, "add", [w.of(x), w.of(value)], kinds, {})))
        w.checked = True
        return
    offset = offset_of(w, w.held[x].sizes, [w.of(i) for i in indices], 2)
    added = w.held[value]
    new = own(w, x)
    w.checked = False
    elements = counted(w.text, count(w, added.sizes)) if added.sizes else nullcontext("0")
    with elements as at:
        place = element_place(w, dtype, new.text, w.text.let(f"add i64 {offset}, {at}"))
        item = added.text
        if added.sizes:
            item = load_element(w, dtype, element_place(w, dtype, added.text, at))
        total = scalar(w, "add", [load_element(w, dtype, place, apart(w, x)), item], kinds, {})
        store_element(w, dtype, total, place, apart(w, x))
    w.checked = True
    w.bind(s.results[0], new)


@writer("reshape")
def _reshape(w: FunctionWriter, s: Statement) -> None:
    """The same memory with other sizes."""
    x, *sizes = s.operands
    (result,) = s.results
    if is_scalar(x.type):
        new = allocate(w, result.type, [w.of(n) for n in sizes])
        store_element(w, dtype_of(x.type), w.of(x), new.text)
        w.bind(result, new)
        return
    wanted = [w.of(n) for n in sizes]
    before = count(w, w.held[x].sizes)
    if before != (after := count(w, wanted)):
        w.fail_if(w.text.let(f"icmp ne i64 {before}, {after}"))
    demand_sizes(w, wanted)
    if not wanted:
        w.bind(result, Held(load_element(w, dtype_of(x.type), w.of(x))))
        return
    w.bind(result, Held(w.take(x), tuple(wanted)))


@writer("copy", "stop_gradient")
def _copy(w: FunctionWriter, s: Statement) -> None:
    (x,) = s.operands
    if not is_scalar(x.type):
        w.take(x)
    w.bind(s.results[0], w.held[x])


@writer("scan")
def _scan(w: FunctionWriter, s: Statement) -> None:
    """Row by row, each combined with the result so far."""
    (block,) = s.blocks
    amount = len(s.operands)
    arrays = [w.held[v] for v in s.operands]
    totals = [row_type(v.type) for v in s.results]
    length = arrays[0].sizes[0]
    results = [allocate(w, v.type, a.sizes) for v, a in zip(s.results, arrays)]
    for value, held in zip(s.results, results):
        w.bind(value, held)
    reverse = bool(s.attributes.get("reverse", False))
    head, inner, first, later, store, end = (
        w.text.label(x) for x in ("scan", "turn", "first", "later", "store", "scan.end")
    )
    before = w.text.here
    w.text.place(head)
    place, gap = w.text.open_phi("i64")
    carried = [w.text.open_phi(scalar_or_pointer(t)) for t in totals]
    more = w.text.let(f"icmp slt i64 {place}, {length}")
    w.text.branch(more, inner, end)
    w.text.place(inner)
    at = place
    if reverse:
        last = w.text.let(f"sub i64 {length}, 1")
        at = w.text.let(f"sub i64 {last}, {place}")
    items = []
    for value, array in zip(s.operands, arrays):
        offset = offset_of(w, array.sizes, [at])
        items.append(row(w, value.type, array, offset, 1))
    start = w.text.let(f"icmp eq i64 {place}, 0")
    w.text.branch(start, first, later)
    w.text.place(later)
    symbols = w.scope()
    for n, parameter in enumerate(block.parameters):
        side, which = divmod(n, amount)
        held = items[which] if side else Held(carried[which][0], items[which].sizes)
        w.bind(parameter, held)
    w.block(block)
    combined = [held for held, _ in w.results_of(block)]
    w.restore(symbols)
    ends = w.text.here
    w.text.jump(store)
    w.text.place(first)
    w.text.jump(store)
    w.text.place(store)
    news = []
    for new, item, total in zip(combined, items, totals):
        kind = scalar_or_pointer(total)
        news.append(Held(w.text.phi(kind, [(new.text, ends), (item.text, first)]), item.sizes))
    for value, result, new in zip(s.results, results, news):
        offset = offset_of(w, result.sizes, [at])
        set_row(w, value.type, new, result.text, offset)
    following = w.text.let(f"add nsw i64 {place}, 1")
    edge = w.text.here
    w.text.jump(head)
    w.text.fill(gap, [("0", before), (following, edge)])
    for (_, phi_gap), new, total in zip(carried, news, totals):
        nothing = "zeroinitializer" if is_scalar(total) else w.module.nothing
        w.text.fill(phi_gap, [(nothing, before), (new.text, edge)])
    w.text.place(end)
    for (name, _), total in zip(carried, totals):
        if not is_scalar(total):
            w.release(name)


def row_type(type: Type) -> Tensor:
    assert isinstance(type, Tensor)
    return Tensor(type.dtype, type.shape[1:])


def scalar_or_pointer(type: Type) -> str:
    return scalar_type(dtype_of(type)) if is_scalar(type) else "ptr"
