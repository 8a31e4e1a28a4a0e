"""Random draws, made by the runtime (`runtime/native/random.c`): the interpreter's numbers.

The state of the random numbers lies in the runtime while a program runs (`runtime/machine.py`
brings it there and takes it back).
"""

from __future__ import annotations

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import Held, dtype_of
from charl.backend.llvm.objects import call, made, set_word, truth, word
from charl.backend.llvm.runtime_calls import RuntimeCall, wide
from charl.backend.llvm.tensors import count, demand_sizes, item_bytes
from charl.core.ir import Statement
from charl.ops.random import DIGITS
from charl.types.dtypes import INT64

STATE = "@charl_random"  # two words: the seed, and the draws so far


@writer("random_uniform", "random_normal")
def _floats(w: FunctionWriter, s: Statement) -> None:
    (result,) = s.results
    dtype = dtype_of(result.type)
    sizes = [w.of(v) for v in s.operands]
    demand_sizes(w, sizes)
    c = RuntimeCall(w)
    operands = [f"ptr {c.write(result, sizes, reckons=True)}", f"i64 {count(w, sizes)}"]
    operands.append(f"i64 {item_bytes(wide(dtype))}")
    if s.op.name == "random_uniform":
        operands.append(f"i64 {DIGITS[dtype.name]}")
    call(w, f"charl_{s.op.name}", "void", *operands)
    c.finish()


@writer("random_int")
def _int(w: FunctionWriter, s: Statement) -> None:
    low, high, *sizes = (w.of(v) for v in s.operands)
    w.fail_if(w.text.let(f"icmp sle i64 {high}, {low}"))
    demand_sizes(w, sizes)
    c = RuntimeCall(w)
    target = c.write(s.results[0], sizes)
    bounds = f"i64 {low}", f"i64 {high}"
    call(w, "charl_random_int", "void", f"ptr {target}", f"i64 {count(w, sizes)}", *bounds)
    c.finish()


@writer("permutation")
def _permutation(w: FunctionWriter, s: Statement) -> None:
    (n,) = (w.of(v) for v in s.operands)
    demand_sizes(w, [n])
    c = RuntimeCall(w)
    target = c.write(s.results[0], [n])
    enough = truth(w, "charl_random_permutation", f"ptr {target}", f"i64 {n}")
    c.no_memory_unless(enough, INT64, [n, "4"])
    c.finish()


@writer("bernoulli")
def _bernoulli(w: FunctionWriter, s: Statement) -> None:
    (p,), (result,) = s.operands, s.results
    sizes = w.held[p].sizes
    c = RuntimeCall(w)
    chances, target = c.read(p, reckons=True), c.write(result, sizes)
    width = item_bytes(wide(dtype_of(p.type)))
    operands = f"ptr {target}", f"ptr {chances}", f"i64 {count(w, sizes)}", f"i64 {width}"
    likely = truth(w, "charl_random_bernoulli", *operands)
    w.fail_if(w.text.let(f"xor i1 {likely}, true"))
    c.finish()


@writer("categorical")
def _categorical(w: FunctionWriter, s: Statement) -> None:
    (logits,), (result,) = s.operands, s.results
    *sizes, categories = w.held[logits].sizes
    rows = count(w, sizes)
    if not (categories.isdecimal() and int(categories)):
        none = w.text.let(f"icmp eq i64 {categories}, 0")
        some = w.text.let(f"icmp ne i64 {rows}, 0")
        w.fail_if(w.text.let(f"and i1 {none}, {some}"))
    c = RuntimeCall(w)
    given, target = c.read(logits, reckons=True), c.write(result, sizes)
    width = item_bytes(wide(dtype_of(logits.type)))
    operands = f"ptr {target}", f"ptr {given}", f"i64 {rows}", f"i64 {categories}", f"i64 {width}"
    call(w, "charl_random_categorical", "void", *operands)
    c.finish()


# --- The state -----------------------------------------------------------------------------------


@writer("seed")
def _seed(w: FunctionWriter, s: Statement) -> None:
    set_word(w, STATE, 0, w.of(s.operands[0]))
    set_word(w, STATE, 8, "0")


@writer("random_state")
def _state(w: FunctionWriter, s: Statement) -> None:
    state = made(w, "charl_object", "i64 16", "ptr null")
    for place in (0, 8):
        set_word(w, state, place, word(w, STATE, place))
    w.bind(s.results[0], Held(state))


@writer("set_random_state")
def _set_state(w: FunctionWriter, s: Statement) -> None:
    for place in (0, 8):
        set_word(w, STATE, place, word(w, w.of(s.operands[0]), place))
