"""Boxes: a tag and fields behind a pointer, and the cotangents of such values.

    | tag | field 0 | field 1 | ...        a field takes as many words as a slot of its type

A box is never changed, so those without fields are constants. Cotangents are objects of another
form (`runtime/native/cotangent.c`) that only the ops here look into.
"""

from __future__ import annotations

from charl.backend.llvm.functions import FunctionWriter, counted, writer
from charl.backend.llvm.layout import Held
from charl.backend.llvm.objects import (
    at,
    blame_if,
    call,
    done,
    load_item,
    made,
    set_word,
    slot,
    store_item,
    word,
)
from charl.core.ir import Statement
from charl.types.types import Box, Type, is_scalar


def field_offset(w: FunctionWriter, type: Type, index: int) -> int:
    """Where a field lies in a box, in bytes."""
    assert isinstance(type, Box)
    fields = w.module.descriptions.boxes.get(type.name)
    places = [] if fields is None else fields.places
    # A field of no box that the program makes is never read.
    return 8 + 8 * (places[index] if index < len(places) else 0)


@writer("box_make")
def _make(w: FunctionWriter, s: Statement) -> None:
    (result,) = s.results
    assert isinstance(result.type, Box)
    tag = s.attributes["tag"]
    if not s.operands:
        w.bind(result, Held(w.module.empty(result.type, tag)))
        return
    count = len(s.operands)
    size = field_offset(w, result.type, count)
    type = w.module.descriptions.of(result.type)
    pointer = made(w, "charl_object", f"i64 {size}", f"ptr {type}")
    set_word(w, pointer, 0, str(tag))
    for index, value in enumerate(s.operands):
        if counted(value):
            w.take(value)
        place = at(w, pointer, field_offset(w, result.type, index))
        store_item(w, value.type, w.held[value], place)
    w.bind(result, Held(pointer))


@writer("box_tag")
def _tag(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(word(w, w.of(s.operands[0]), 0)))


@writer("box_field")
def _field(w: FunctionWriter, s: Statement) -> None:
    (box,), (result,) = s.operands, s.results
    place = at(w, w.of(box), field_offset(w, box.type, s.attributes["index"]))
    held = load_item(w, result.type, place)
    if counted(result):
        w.retain(held.text)
    w.bind(result, held)


@writer("box_copy")
def _copy(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(w.take(s.operands[0])))


@writer("box_equal")
def _equal(w: FunctionWriter, s: Statement) -> None:
    a, b = s.operands
    type = w.module.descriptions.of(a.type)
    found = call(w, "charl_equal", "i32", f"ptr {type}", f"ptr {w.of(a)}", f"ptr {w.of(b)}")
    blame_if(w, w.text.let(f"icmp slt i32 {found}, 0"))
    w.bind(s.results[0], Held(w.text.let(f"icmp ne i32 {found}, 0")))


# --- Cotangents ----------------------------------------------------------------------------------


@writer("box_zeros")
def _zeros(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(call(w, "charl_no_cotangent_of_box", "ptr")))


@writer("box_part")
def _part(w: FunctionWriter, s: Statement) -> None:
    (dy,) = s.operands
    type = w.module.descriptions.of(dy.type)
    given = slot(w, w.held[dy], dy.type)
    operands = f"ptr {type}", f"i64 {s.attributes['index']}", f"ptr {given}"
    w.bind(s.results[0], Held(made(w, "charl_box_part", *operands)))


@writer("box_whole")
def _whole(w: FunctionWriter, s: Statement) -> None:
    box, like = s.operands
    (result,) = s.results
    type = w.module.descriptions.of(like.type)
    given = slot(w, w.held[like], like.type)
    operands = f"ptr {type}", f"i64 {s.attributes['index']}", f"ptr {w.of(box)}", f"ptr {given}"
    done(w, "charl_box_whole", *operands)
    held = load_item(w, result.type, given)
    w.bind(result, held if is_scalar(result.type) else Held(held.text, w.held[like].sizes))


@writer("box_add")
def _add(w: FunctionWriter, s: Statement) -> None:
    pointers = [f"ptr {w.of(v)}" for v in s.operands]
    w.bind(s.results[0], Held(made(w, "charl_cotangent_add", *pointers)))


@writer("gradient_of", "cotangent_of")
def _across(w: FunctionWriter, s: Statement) -> None:
    given, like = s.operands
    type = w.module.descriptions.of(like.type)
    operands = f"ptr {type}", f"ptr {w.of(given)}", f"ptr {w.of(like)}"
    w.bind(s.results[0], Held(made(w, f"charl_{s.op.name}", *operands)))
