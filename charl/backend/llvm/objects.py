"""What strings, lists and boxes have in common: calls of the runtime that may fail, and items.

An item is a value in memory (`runtime/native/values.h`): a scalar in its first bytes, a tensor as
its pointer and all its sizes, anything else as a pointer. A function of the runtime that gives NULL
has noted why, and `charl_blame` makes that the program's failure.
"""

from __future__ import annotations

from charl.backend.llvm.functions import UNLIKELY, FunctionWriter
from charl.backend.llvm.layout import Held, dtype_of, rank
from charl.backend.llvm.tensors import load_element, store_element
from charl.types.types import Tensor, Type, is_scalar


def call(w: FunctionWriter, name: str, result: str, *operands: str) -> str:
    """A call of a function of the runtime; each operand is its type and its name."""
    kinds = [operand.split(" ", 1)[0] for operand in operands]
    line = f"call {result} {w.declare(name, result, kinds)}({', '.join(operands)})"
    if result == "void":
        w.text.put(line)
        return ""
    return w.text.let(line)


def made(w: FunctionWriter, name: str, *operands: str) -> str:
    """A call that makes an object, unless it fails."""
    pointer = call(w, name, "ptr", *operands)
    blame_if(w, w.text.let(f"icmp eq ptr {pointer}, null"))
    return pointer


def done(w: FunctionWriter, name: str, *operands: str) -> None:
    """A call whose status says whether it failed."""
    status = call(w, name, "i32", *operands)
    blame_if(w, w.text.let(f"icmp ne i32 {status}, 0"))


def truth(w: FunctionWriter, name: str, *operands: str) -> str:
    """A call that answers yes or no."""
    answer = call(w, name, "i32", *operands)
    return w.text.let(f"icmp ne i32 {answer}, 0")


def blame_if(w: FunctionWriter, condition: str) -> None:
    """Stops the program for the reason that the runtime has noted."""
    stop, go_on = w.text.label("blame"), w.text.label("fine")
    w.text.branch(condition, stop, go_on, UNLIKELY)
    late = w.text.apart(stop)
    assert w.statement is not None
    count = w.store(late, w.statement.operands)
    site = w.module.site(w.statement, w.function)
    name = w.declare("charl_blame", "void", ["i64", "ptr", "i64"])
    late.put(f"call void {name}(i64 {site}, ptr {w.slots}, i64 {count})")
    w.fail(late, "1")
    w.late.append(late)
    w.text.place(go_on)


# --- Words and items -----------------------------------------------------------------------------


def at(w: FunctionWriter, pointer: str, offset: int | str) -> str:
    """So many bytes further on."""
    return w.text.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")


def word(w: FunctionWriter, pointer: str, offset: int, kind: str = "i64") -> str:
    return w.text.let(f"load {kind}, ptr {at(w, pointer, offset) if offset else pointer}")


def set_word(w: FunctionWriter, pointer: str, offset: int, value: str, kind: str = "i64") -> None:
    w.text.put(f"store {kind} {value}, ptr {at(w, pointer, offset) if offset else pointer}")


def load_item(w: FunctionWriter, type: Type, place: str) -> Held:
    """The value of an item, borrowed; what the type knows of the sizes is not read."""
    if is_scalar(type):
        return Held(load_element(w, dtype_of(type), place))
    sizes = []
    for axis in range(rank(type)):
        assert isinstance(type, Tensor)
        known = type.shape[axis]
        sizes.append(str(known) if isinstance(known, int) else word(w, place, 8 * (axis + 1)))
    return Held(word(w, place, 0, "ptr"), tuple(sizes))


def store_item(w: FunctionWriter, type: Type, held: Held, place: str) -> None:
    """Writes an item, which owns its value."""
    if is_scalar(type):
        store_element(w, dtype_of(type), held.text, place)
        return
    set_word(w, place, 0, held.text, "ptr")
    for axis, size in enumerate(held.sizes):
        set_word(w, place, 8 * (axis + 1), size)


def slot(w: FunctionWriter, held: Held, type: Type) -> str:
    """Memory with a value in it as an item, for the runtime to read."""
    place = w.text.alloca("i64", 1 + rank(type))
    store_item(w, type, held, place)
    return place
