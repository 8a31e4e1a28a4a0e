"""Strings: calls of the runtime (`runtime/native/string.c`), after the checks of their operands.

What is left to the host: letters beyond ASCII in upper and lower case.
"""

from __future__ import annotations

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import Held
from charl.backend.llvm.objects import call, made, truth, word
from charl.backend.llvm.tensors import in_bounds
from charl.core.ir import Statement

CHARACTERS = 8  # where the number of characters stands


def pointers(w: FunctionWriter, s: Statement) -> list[str]:
    return [f"ptr {w.of(v)}" for v in s.operands]


@writer("string_length")
def _length(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(word(w, w.of(s.operands[0]), CHARACTERS)))


# --- Asking --------------------------------------------------------------------------------------


@writer("string_eq", "string_lt", "string_starts_with", "string_ends_with")
def _ask(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(truth(w, f"charl_{s.op.name}", *pointers(w, s))))


@writer("string_find")
def _find(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(call(w, "charl_string_find", "i64", *pointers(w, s))))


@writer("string_contains")
def _contains(w: FunctionWriter, s: Statement) -> None:
    place = call(w, "charl_string_find", "i64", *pointers(w, s))
    w.bind(s.results[0], Held(w.text.let(f"icmp sge i64 {place}, 0")))


# --- Parts ---------------------------------------------------------------------------------------


@writer("string_index")
def _index(w: FunctionWriter, s: Statement) -> None:
    text, index = (w.of(v) for v in s.operands)
    place = in_bounds(w, index, word(w, text, CHARACTERS))
    w.bind(s.results[0], Held(made(w, "charl_string_at", f"ptr {text}", f"i64 {place}")))


@writer("string_slice")
def _slice(w: FunctionWriter, s: Statement) -> None:
    text, start, stop, step = (w.of(v) for v in s.operands)
    count = slice_count(w, word(w, text, CHARACTERS), start, stop, step)
    places = f"i64 {start}", f"i64 {count}", f"i64 {step}"
    w.bind(s.results[0], Held(made(w, "charl_string_slice", f"ptr {text}", *places)))


def slice_count(w: FunctionWriter, length: str, start: str, stop: str, step: str) -> str:
    """How many places a slice has, all of which are in bounds."""
    operands = (f"i64 {n}" for n in (length, start, stop, step))
    count = call(w, "charl_slice_count", "i64", *operands)
    w.fail_if(w.text.let(f"icmp slt i64 {count}, 0"))
    return count


@writer("string_trim", "string_replace", "string_join")
def _make(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(made(w, f"charl_{s.op.name}", *pointers(w, s))))


@writer("string_split", "string_characters")
def _list(w: FunctionWriter, s: Statement) -> None:
    type = f"ptr {w.module.descriptions.of(s.results[0].type)}"
    w.bind(s.results[0], Held(made(w, f"charl_{s.op.name}", type, *pointers(w, s))))


# --- Making --------------------------------------------------------------------------------------


@writer("string_concat")
def _concat(w: FunctionWriter, s: Statement) -> None:
    """A text that ends here goes on as the result, in its own memory where there is room."""
    first, second = s.operands
    other = f"ptr {w.of(second)}"
    if first in w.dying:
        pointer = made(w, "charl_string_append", f"ptr {w.take(first)}", other)
    else:
        pointer = made(w, "charl_string_concat", f"ptr {w.of(first)}", other)
    w.bind(s.results[0], Held(pointer))


@writer("string_repeat")
def _repeat(w: FunctionWriter, s: Statement) -> None:
    text, times = (w.of(v) for v in s.operands)
    w.fail_if(w.text.let(f"icmp slt i64 {times}, 0"))
    w.bind(s.results[0], Held(made(w, "charl_string_repeat", f"ptr {text}", f"i64 {times}")))


@writer("string_upper", "string_lower")
def _change_case(w: FunctionWriter, s: Statement) -> None:
    (text,), (result,) = s.operands, s.results
    pointer = w.of(text)
    ascii = w.text.let(f"icmp eq i64 {word(w, pointer, 0)}, {word(w, pointer, CHARACTERS)}")
    here, there, after = (w.text.label(x) for x in ("ascii", "unicode", "case"))
    w.text.branch(ascii, here, there)
    w.text.place(here)
    upper = int(s.op.name == "string_upper")
    changed = made(w, "charl_string_change_case", f"ptr {pointer}", f"i32 {upper}")
    ends = [(changed, w.text.here)]
    w.text.jump(after)
    w.text.place(there)
    w.host(s)
    ends.append((w.of(result), w.text.here))
    w.text.jump(after)
    w.text.place(after)
    w.bind(result, Held(w.text.phi("ptr", ends)))


# --- Characters and numbers ----------------------------------------------------------------------


@writer("character_code")
def _code(w: FunctionWriter, s: Statement) -> None:
    code = call(w, "charl_character_code", "i64", *pointers(w, s))
    w.fail_if(w.text.let(f"icmp slt i64 {code}, 0"))
    w.bind(s.results[0], Held(code))


@writer("from_code")
def _from_code(w: FunctionWriter, s: Statement) -> None:
    code = w.of(s.operands[0])
    is_code = truth(w, "charl_is_code", f"i64 {code}")
    w.fail_if(w.text.let(f"xor i1 {is_code}, true"))
    narrow = w.text.let(f"trunc i64 {code} to i32")
    w.bind(s.results[0], Held(made(w, "charl_character", f"i32 {narrow}")))


@writer("parse_int", "parse_float")
def _parse(w: FunctionWriter, s: Statement) -> None:
    kind = "i64" if s.op.name == "parse_int" else "double"
    place = w.text.alloca(kind)
    w.fail_if(truth(w, f"charl_{s.op.name}", *pointers(w, s), f"ptr {place}"))
    w.bind(s.results[0], Held(w.text.let(f"load {kind}, ptr {place}")))
