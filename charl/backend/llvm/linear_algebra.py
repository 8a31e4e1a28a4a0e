"""Linear algebra, done by LAPACK through `runtime/native/lapack.c`.

Where the runtime could not do it, the host does, and says what is wrong with the matrix: LAPACK's
numbers for what went wrong are read in one place, `charl/ops/linalg.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import dtype_of, rank
from charl.backend.llvm.objects import truth
from charl.backend.llvm.runtime_calls import RuntimeCall, wide
from charl.backend.llvm.tensors import count, demand_equal, item_bytes
from charl.core.ir import Statement

# As in `runtime/native/lapack.c`.
TASKS = ("solve", "inverse", "cholesky", "slogdet", "qr", "svd", "eigh", "triangular_solve")
UPPER, TRANSPOSED = 1, 2


@writer("solve", "triangular_solve")
def _solve(w: FunctionWriter, s: Statement) -> None:
    a, b = s.operands
    outer = rank(a.type) - 2
    for axis in range(outer + 1):
        demand_equal(w, a, axis, b, axis)
    sizes = w.held[b].sizes
    task = TASKS.index(s.op.name)
    if s.op.name == "triangular_solve":
        task += 0 if s.attributes.get("lower", True) else UPPER
        task += TRANSPOSED if s.attributes.get("transposed", False) else 0
    square(w, s)
    done(w, s, task, sizes[outer + 1] if rank(b.type) == rank(a.type) else "1", [sizes])


@writer("inverse", "cholesky", "slogdet", "eigh")
def _of_square(w: FunctionWriter, s: Statement) -> None:
    square(w, s)
    sizes = w.held[s.operands[0]].sizes
    shapes = {"slogdet": [sizes[:-2]] * 2, "eigh": [sizes[:-1], sizes]}.get(s.op.name, [sizes])
    done(w, s, TASKS.index(s.op.name), sizes[-1], shapes)


@writer("qr", "svd")
def _of_any(w: FunctionWriter, s: Statement) -> None:
    *outer, m, n = w.held[s.operands[0]].sizes
    k = lesser(w, m, n)
    shapes: list[list[str]] = [[*outer, m, k], [*outer, k, n]]
    if s.op.name == "svd":
        shapes.insert(1, [*outer, k])
    done(w, s, TASKS.index(s.op.name), k, shapes)


def square(w: FunctionWriter, s: Statement) -> None:
    """Stops the program where the matrices are not."""
    n = rank(s.operands[0].type)
    demand_equal(w, s.operands[0], n - 2, s.operands[0], n - 1)


def lesser(w: FunctionWriter, m: str, n: str) -> str:
    if m.isdecimal() and n.isdecimal():
        return str(min(int(m), int(n)))
    first = w.text.let(f"icmp slt i64 {m}, {n}")
    return w.text.let(f"select i1 {first}, i64 {m}, i64 {n}")


def done(
    w: FunctionWriter, s: Statement, task: int, k: str, shapes: Sequence[Sequence[str]]
) -> None:
    """The call, for results of these shapes."""
    a = s.operands[0]
    *outer, m, n = w.held[a].sizes
    c = RuntimeCall(w)
    given = [c.read(value, reckons=True) for value in s.operands]
    made = [c.write(v, shape, reckons=True) for v, shape in zip(s.results, shapes)]
    pointers = [*given, *["null"] * (2 - len(given)), *made, *["null"] * (3 - len(made))]
    numbers = [str(task), str(item_bytes(wide(dtype_of(a.type)))), count(w, outer), m, n, k]
    operands = [*(f"i64 {x}" for x in numbers), *(f"ptr {x}" for x in pointers)]
    c.finish_or_ask(s, truth(w, "charl_linear_algebra", *operands))
