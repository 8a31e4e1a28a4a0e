"""Lists: reading and writing items in place, the rest through the runtime (`native/list.c`).

A list is changed where it lies when nobody else holds it; otherwise the statement first makes a
copy of its own, whose items are then held by both.
"""

from __future__ import annotations

from charl.backend.llvm.descriptions import item_bytes
from charl.backend.llvm.functions import UNLIKELY, FunctionWriter, counted, writer
from charl.backend.llvm.layout import Held, dtype_of, rank
from charl.backend.llvm.objects import (
    at,
    call,
    done,
    load_item,
    made,
    set_word,
    slot,
    store_item,
    word,
)
from charl.backend.llvm.scalars import scalar
from charl.backend.llvm.strings import slice_count
from charl.backend.llvm.tensors import (
    allocate,
    bytes_of,
    copy_bytes,
    in_bounds,
    load_element,
    store_element,
)
from charl.core.ir import Statement, Value
from charl.types.types import List, Tensor, Type, is_scalar

# Where the words of a list stand.
LENGTH, CAPACITY, ITEMS = 0, 8, 16


def element_of(type: Type) -> Type:
    assert isinstance(type, List)
    return type.element


def length_of(w: FunctionWriter, pointer: str) -> str:
    return word(w, pointer, LENGTH)


def parts(w: FunctionWriter, xs: Value) -> tuple[str, str]:
    """The length of a list and the pointer to its items. They stay what they are as long as there
    is the list, since only one that nobody else holds is changed, and is another value then."""
    xs = w.in_place.roots.get(xs, xs)
    if xs not in w.lists:
        w.lists[xs] = parts_at(w, w.of(xs))
    return w.lists[xs]


def parts_at(w: FunctionWriter, pointer: str) -> tuple[str, str]:
    return length_of(w, pointer), word(w, pointer, ITEMS, "ptr")


def item_place(w: FunctionWriter, element: Type, items: str, index: str) -> str:
    """Where the item at an index lies."""
    kind = f"[{item_bytes(element)} x i8]"
    return w.text.let(f"getelementptr inbounds {kind}, ptr {items}, i64 {index}")


def own(w: FunctionWriter, value: Value) -> str:
    """A list of the same items that nobody else holds; see `tensors.own`."""
    if w.statement in w.taken_out and value is w.statement.operands[0]:
        take_out(w, value, *w.taken_out[w.statement])
    if value not in w.dying:
        return made(w, "charl_list_copy", f"ptr {w.of(value)}")
    pointer = w.take(value)
    if value in w.in_place.versions:
        return pointer
    holders = word(w, pointer, -16)
    shared = w.text.let(f"icmp sgt i64 {holders}, 1")
    copying, ready = w.text.label("copy"), w.text.label("own")
    before = w.text.here
    w.text.branch(shared, copying, ready)
    w.text.place(copying)
    new = made(w, "charl_list_copy", f"ptr {pointer}")
    w.release(pointer)
    after = w.text.here
    w.text.jump(ready)
    w.text.place(ready)
    return w.text.phi("ptr", [(pointer, before), (new, after)])


def take_out(w: FunctionWriter, value: Value, whole: Value, index: Value) -> None:
    """Puts an empty list where this one came from, if nobody else holds the whole; the index was
    in bounds (see `taken_out.py`)."""
    pointer = w.of(whole)
    leave, after = w.text.label("leave"), w.text.label("left")
    alone = w.text.let(f"icmp eq i64 {word(w, pointer, -16)}, 1")
    w.text.branch(alone, leave, after)
    w.text.place(leave)
    negative = w.text.let(f"icmp slt i64 {w.of(index)}, 0")
    from_end = w.text.let(f"add i64 {w.of(index)}, {length_of(w, pointer)}")
    place = w.text.let(f"select i1 {negative}, i64 {from_end}, i64 {w.of(index)}")
    assert isinstance(value.type, List)
    item = item_place(w, value.type, parts_at(w, pointer)[1], place)
    set_word(w, item, 0, w.module.empty(value.type), "ptr")
    w.release(w.of(value))
    w.text.place(after)


def taken(w: FunctionWriter, value: Value) -> Held:
    """A value with a reference for the list that it goes into."""
    if counted(value):
        w.take(value)
    return w.held[value]


# --- Making and reading --------------------------------------------------------------------------


@writer("list_make")
def _make(w: FunctionWriter, s: Statement) -> None:
    (result,) = s.results
    element = element_of(result.type)
    type = w.module.descriptions.of(result.type)
    pointer = made(w, "charl_list_new", f"ptr {type}", f"i64 {len(s.operands)}")
    if s.operands:
        items = word(w, pointer, ITEMS, "ptr")
        for index, value in enumerate(s.operands):
            place = at(w, items, index * item_bytes(element)) if index else items
            store_item(w, value.type, taken(w, value), place)
    w.bind(result, Held(pointer))


@writer("list_length")
def _length(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(parts(w, s.operands[0])[0]))


@writer("list_get")
def _get(w: FunctionWriter, s: Statement) -> None:
    xs, index = s.operands
    (result,) = s.results
    length, items = parts(w, xs)
    place = in_bounds(w, w.of(index), length, 1)
    held = load_item(w, result.type, item_place(w, element_of(xs.type), items, place))
    if counted(result):
        w.retain(held.text)
    w.bind(result, held)


# --- Changing ------------------------------------------------------------------------------------


@writer("list_set")
def _set(w: FunctionWriter, s: Statement) -> None:
    xs, index, value = s.operands
    length, items = parts(w, xs)
    place = in_bounds(w, w.of(index), length, 1)
    pointer = own(w, xs)
    if xs not in w.in_place.versions:
        items = parts_at(w, pointer)[1]
    item = item_place(w, element_of(xs.type), items, place)
    old = word(w, item, 0, "ptr") if counted(value) else ""
    store_item(w, value.type, taken(w, value), item)
    if old:
        w.release(old)
    w.bind(s.results[0], Held(pointer))
    w.lists[s.results[0]] = length, items


@writer("list_push")
def _push(w: FunctionWriter, s: Statement) -> None:
    xs, value = s.operands
    pointer = own(w, xs)
    length = length_of(w, pointer)
    full = w.text.let(f"icmp sge i64 {length}, {word(w, pointer, CAPACITY)}")
    grow, fits = w.text.label("grow"), w.text.label("fits")
    w.text.branch(full, grow, fits, UNLIKELY)
    w.text.place(grow)
    done(w, "charl_list_grow", f"ptr {pointer}")
    w.text.place(fits)
    items = parts_at(w, pointer)[1]
    store_item(w, value.type, taken(w, value), item_place(w, element_of(xs.type), items, length))
    set_word(w, pointer, LENGTH, w.text.let(f"add i64 {length}, 1"))
    w.bind(s.results[0], Held(pointer))


@writer("list_pop")
def _pop(w: FunctionWriter, s: Statement) -> None:
    (xs,) = s.operands
    rest, value = s.results
    w.fail_if(w.text.let(f"icmp eq i64 {length_of(w, w.of(xs))}, 0"))
    pointer = own(w, xs)
    length, items = parts_at(w, pointer)
    last = w.text.let(f"sub i64 {length}, 1")
    set_word(w, pointer, LENGTH, last)
    w.bind(rest, Held(pointer))
    w.bind(value, load_item(w, value.type, item_place(w, element_of(xs.type), items, last)))


@writer("list_insert")
def _insert(w: FunctionWriter, s: Statement) -> None:
    xs, index, value = s.operands
    length = length_of(w, w.of(xs))
    negative = w.text.let(f"icmp slt i64 {w.of(index)}, 0")
    from_end = w.text.let(f"add i64 {w.of(index)}, {length}")
    place = w.text.let(f"select i1 {negative}, i64 {from_end}, i64 {w.of(index)}")
    w.fail_if(w.text.let(f"icmp ugt i64 {place}, {length}"))
    pointer = own(w, xs)
    gap = made(w, "charl_list_open", f"ptr {pointer}", f"i64 {place}")
    store_item(w, value.type, taken(w, value), gap)
    w.bind(s.results[0], Held(pointer))


@writer("list_remove")
def _remove(w: FunctionWriter, s: Statement) -> None:
    xs, index = s.operands
    rest, value = s.results
    place = in_bounds(w, w.of(index), length_of(w, w.of(xs)))
    pointer = own(w, xs)
    items = parts_at(w, pointer)[1]
    held = load_item(w, value.type, item_place(w, element_of(xs.type), items, place))
    call(w, "charl_list_close", "void", f"ptr {pointer}", f"i64 {place}")
    w.bind(rest, Held(pointer))
    w.bind(value, held)


@writer("list_reverse")
def _reverse(w: FunctionWriter, s: Statement) -> None:
    pointer = own(w, s.operands[0])
    call(w, "charl_list_reverse", "void", f"ptr {pointer}")
    w.bind(s.results[0], Held(pointer))


@writer("list_concat")
def _concat(w: FunctionWriter, s: Statement) -> None:
    pointer = own(w, s.operands[0])
    done(w, "charl_list_extend", f"ptr {pointer}", f"ptr {w.of(s.operands[1])}")
    w.bind(s.results[0], Held(pointer))


# --- Slices --------------------------------------------------------------------------------------


@writer("list_slice")
def _slice(w: FunctionWriter, s: Statement) -> None:
    xs, start, stop, step = (w.of(v) for v in s.operands)
    count = slice_count(w, length_of(w, xs), start, stop, step)
    places = f"i64 {start}", f"i64 {count}", f"i64 {step}"
    w.bind(s.results[0], Held(made(w, "charl_list_slice", f"ptr {xs}", *places)))


@writer("list_slice_set")
def _slice_set(w: FunctionWriter, s: Statement) -> None:
    xs, values, start, stop, step = (w.of(v) for v in s.operands)
    count = slice_count(w, length_of(w, xs), start, stop, step)
    w.fail_if(w.text.let(f"icmp ne i64 {count}, {length_of(w, values)}"))
    pointer = own(w, s.operands[0])
    places = f"i64 {start}", f"i64 {step}"
    call(w, "charl_list_slice_set", "void", f"ptr {pointer}", f"ptr {values}", *places)
    w.bind(s.results[0], Held(pointer))


# --- Tensors -------------------------------------------------------------------------------------


@writer("list_stack")
def _stack(w: FunctionWriter, s: Statement) -> None:
    (xs,), (result,) = s.operands, s.results
    element, pointer = element_of(xs.type), w.of(xs)
    assert isinstance(result.type, Tensor)
    dtype = dtype_of(element)
    if is_scalar(element):
        length = length_of(w, pointer)
        new = allocate(w, result.type, [length])
        items = word(w, pointer, ITEMS, "ptr")
        copy_bytes(w, new.text, items, bytes_of(w, dtype, [length]))
        w.bind(result, new)
        return
    place = w.text.alloca("i64", 1 + rank(element))
    status = call(w, "charl_list_stack_sizes", "i32", f"ptr {pointer}", f"ptr {place}")
    w.fail_if(w.text.let(f"icmp ne i32 {status}, 0"))
    sizes = [
        str(known) if isinstance(known, int) else word(w, place, 8 * axis)
        for axis, known in enumerate(result.type.shape)
    ]
    new = allocate(w, result.type, sizes)
    row = bytes_of(w, dtype, sizes[1:])
    call(w, "charl_list_stack", "void", f"ptr {pointer}", f"ptr {new.text}", f"i64 {row}")
    w.bind(result, new)


@writer("list_unstack")
def _unstack(w: FunctionWriter, s: Statement) -> None:
    (x,), (result,) = s.operands, s.results
    held = w.held[x]
    sizes = w.text.alloca("i64", len(held.sizes))
    for axis, size in enumerate(held.sizes):
        set_word(w, sizes, 8 * axis, size)
    type = w.module.descriptions.of(result.type)
    operands = f"ptr {type}", f"ptr {held.text}", f"ptr {sizes}"
    w.bind(result, Held(made(w, "charl_list_unstack", *operands)))


# --- Gradients -----------------------------------------------------------------------------------


@writer("list_zeros_like", "list_add")
def _structure(w: FunctionWriter, s: Statement) -> None:
    pointers = [f"ptr {w.of(v)}" for v in s.operands]
    w.bind(s.results[0], Held(made(w, f"charl_{s.op.name}", *pointers)))


@writer("list_add_at")
def _add_at(w: FunctionWriter, s: Statement) -> None:
    xs, index, value = s.operands
    place = in_bounds(w, w.of(index), length_of(w, w.of(xs)))
    pointer = own(w, xs)
    w.bind(s.results[0], Held(pointer))
    if not is_scalar(value.type):
        given = slot(w, w.held[value], value.type)
        done(w, "charl_list_add_at", f"ptr {pointer}", f"i64 {place}", f"ptr {given}")
        return
    dtype = dtype_of(value.type)
    item = item_place(w, value.type, parts_at(w, pointer)[1], place)
    total = scalar(w, "add", [load_element(w, dtype, item), w.of(value)], [dtype, dtype], {})
    store_element(w, dtype, total, item)
