"""Sweeps: several kernels and products as one piece of work for the threads.

The runtime is given a description (`native/sweep.c`): for each chain its rows, and for each
statement of the chain a body to be called with a stretch of them, and its operands in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.kernels import Call, bind_results, let_go, prepare
from charl.backend.llvm.launch import part, turns_of
from charl.backend.llvm.products import (
    axes_of,
    describe,
    matrix_product,
    operand,
    put_words,
    rows_of_product,
    sizes_of,
    turns_of_row,
)
from charl.backend.llvm.runtime_calls import RuntimeCall
from charl.backend.llvm.strided import Operand
from charl.backend.llvm.tensors import allocate
from charl.backend.llvm.views import transposed_views
from charl.core.control import FUSED
from charl.core.ir import Program, Statement, Value
from charl.kernel.build import Kernels
from charl.kernel.sweep import Rows, rows_of_kernel, sweep
from charl.records import record

HEAD_WORDS = 5  # of a chain, as in `native/sweep.c`
PART_WORDS = 3


def with_sweeps(program: Program, kernels: Kernels) -> Program:
    views: dict[Value, tuple[int, ...]] = {}
    for function in program.functions.values():
        views |= transposed_views(function)

    def rows_of(statement: Statement) -> Rows | None:
        if statement.op is FUSED:
            return rows_of_kernel(kernels.of(statement))
        return rows_of_product(statement, views)

    return sweep(program, rows_of, kernels.copied)


@record
class Part:
    """A statement of a chain: the body, its words, and how many turns of it make a row."""

    body: str
    words: str
    turns: str


@writer("sweep")
def _sweep(w: FunctionWriter, s: Statement) -> None:
    between = passed_on(s)
    dying, w.dying = w.dying, [*only_here(s, w.dying), *between]
    calls: list[Call] = []
    made: list[Value] = []
    chains: list[tuple[str, int, list[Part]]] = []
    for block, least in zip(s.blocks, s.attributes["least"]):
        rows = w.size(block.statements[0].results[0].shape[0]) if least else ""
        parts = []
        for inner in block.statements:
            if inner.op is FUSED:
                calls.append(prepare(w, inner))
                bind_results(w, calls[-1])
                parts.append(kernel_part(w, calls[-1], rows))
            else:
                parts.append(product_part(w, inner, rows))
            made += inner.results
        chains.append((rows or "1", max(least, 1), parts))
    w.dying = [*dying, *between]
    run = w.declare("charl_sweep", "i32", ["ptr"])
    status = w.text.let(f"call i32 {run}(ptr {described(w, chains)})")
    if any(call.may_fail for call in calls):
        w.fail_if(w.text.let(f"icmp ne i32 {status}, 0"))
    for call in calls:
        bind_results(w, call)  # scalars can be read now
        let_go(w, call)
    given = [v for block in s.blocks for v in block.results]
    for value, inside in zip(s.results, given):
        w.bind(value, w.held[inside])
    taken = {v for call in calls for v in call.over.values()}
    w.dying = [v for v in w.dying if v not in made]
    for value in made:
        if value.rank and value not in given and value not in taken:
            w.release(w.of(value))


def only_here(s: Statement, dying: Sequence[Value]) -> list[Value]:
    """The dying operands that a kernel may overwrite: one statement alone reads them, and nothing
    can fail, for then all is done once more."""
    if s.attributes["stops"]:
        return []
    inner = [i for block in s.blocks for i in block.statements]
    readers = Counter(v for i in inner for v in set(i.operands))
    return [v for v in dying if readers[v] == 1]


def passed_on(s: Statement) -> list[Value]:
    """What one statement makes for one other alone: that may overwrite it, row by row."""
    inner = [i for block in s.blocks for i in block.statements]
    given = {v for block in s.blocks for v in block.results}
    readers = Counter(v for i in inner for v in set(i.operands))
    return [v for i in inner for v in i.results if v.rank and v not in given and readers[v] == 1]


def kernel_part(w: FunctionWriter, call: Call, rows: str) -> Part:
    words = w.text.alloca("i64", max(len(call.arguments), 1))
    for place, (kind, text) in enumerate(call.arguments):
        put_words(w, words, [text], place, kind)
    body = part(w.module, call.kernel, [kind for kind, _ in call.arguments])
    turns = w.size(call.kernel.turns) if rows else turns_of(w, call.kernel)
    return Part(body, words, turns)


def product_part(w: FunctionWriter, s: Statement, rows: str) -> Part:
    (result,) = s.results
    call = RuntimeCall(w)
    a, b = (operand(call, v) for v in s.operands)
    axes = axes_of(s)
    new = allocate(w, result.type, sizes_of(axes, a, b))
    p = matrix_product(w.text, axes, a, b, Operand(new.text, new.sizes))
    assert p is not None  # or it would have no rows
    w.bind(result, new)
    body = w.declare("charl_product_rows", "i32", ["ptr", "i64", "i64"])
    return Part(body, describe(w, p, result.dtype), turns_of_row(w.text, p, rows or "1"))


def described(w: FunctionWriter, chains: Sequence[tuple[str, int, list[Part]]]) -> str:
    """The words of a sweep, on the stack."""
    size = 1 + sum(HEAD_WORDS + PART_WORDS * len(parts) for _, _, parts in chains)
    words = w.text.alloca("i64", size)
    put_words(w, words, [str(len(chains))])
    place = 1
    for rows, least, parts in chains:
        put_words(w, words, [rows, str(least), str(len(parts))], place)
        place += HEAD_WORDS
        for each in parts:
            put_words(w, words, [each.body, each.words], place, "ptr")
            put_words(w, words, [each.turns], place + 2)
            place += PART_WORDS
    return words
