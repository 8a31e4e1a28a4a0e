"""What the interpreter itself costs: nanoseconds per executed Core statement.

    python benchmarks/statement_cost.py [REPETITIONS]

Each row is a loop of one kind of statement, run on the interpreter; the second number is the same
work as a Python programmer would write it, in a loop of the same shape. Small tensors (16 floats)
show what is added to a NumPy call. The issue that founded the interpreter allows 3 microseconds per
statement beyond NumPy's own work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.parser import parse_program
from charl.interp.machine import Machine
from charl.interp.run import call

ROUNDS = 200_000

# name, type of the carried value, its initial value, statements that make %b of %a, the Python.
CASES: tuple[tuple[str, str, Any, str, str], ...] = (
    ("int add, checked", "i64", 1, "%b: i64 = add %a, %i", "b = a + i"),
    ("float multiply", "f64", 1.0, "%b: f64 = mul %a, %h", "b = a * h"),
    ("float32 multiply", "f32", np.float32(1), "%b: f32 = mul %a, %s", "b = a * s"),
    ("float exp", "f64", 0.0, "%b: f64 = exp %h", "b = math.exp(h)"),
    ("compare and choose", "i64", 1, "%c: bool = lt %i, %a\n%b: i64 = select %c, %a, %i",
     "b = a if i < a else i"),
    ("branch", "i64", 1,
     "%c: bool = lt %i, %a\n%b: i64 = if %c then { yield %a } else { yield %i }",
     "if i < a: b = a\n  else: b = i"),
    ("element of a tensor", "f64", 0.0, "%b: f64 = index %t, %j", "b = float(t[j])"),
    ("update of a tensor", "f64[16]", np.zeros(16), "%b: f64[16] = index_update %a, %h, %j",
     "b = a; b[j] = h"),
    ("push onto a list", "[i64]", [], "%b: [i64] = list_push %a, %i", "b = a; b.append(i)"),
    ("call of a function", "i64", 1, "%b: i64 = call %i {function = @next}", "b = next(i)"),
    ("tensor add", "f64[16]", np.zeros(16), "%b: f64[16] = add %a, %t", "b = a + t"),
    ("tensor tanh", "f64[16]", np.zeros(16), "%b: f64[16] = tanh %a", "b = np.tanh(a)"),
    ("tensor sum", "f64", 0.0, "%b: f64 = reduce_sum %t {axis = none, keep_dims = false}",
     "b = t.sum()"),
    ("tensor row plus bias", "f64[4, 4]", np.zeros((4, 4)),
     "%d: i64 = 4\n%w: f64[4, 4] = broadcast %r, %d, %d {axes = (1)}\n%b: f64[4, 4] = add %a, %w",
     "b = a + r"),
    ("matrix product", "f64[4, 4]", np.zeros((4, 4)), "%b: f64[4, 4] = matmul %a, %m", "b = a @ m"),
)  # fmt: skip

CORE = """
entry @f
fn @next(%x: i64) {{
  %two: i64 = 2
  %y: i64 = floor_div %x, %two
  return %y
}}
fn @f(%n: i64, %x: {kind}, %h: f64, %s: f32, %t: f64[16], %r: f64[4], %m: f64[4, 4], %j: i64) {{
  %0: i64 = 0
  %one: i64 = 1
  %y: {kind} = for %0, %n, %one, %x do (%i: i64, %a: {kind}) {{
    {statements}
    yield %b
  }}
  return %y
}}
"""
PYTHON = """
def f(n, a, h, s, t, r, m, j):
 for i in range(n):
  {body}
  a = b
 return a
"""


def seconds(function: Callable[[], Any], repetitions: int) -> float:
    """The best of several runs."""
    best = float("inf")
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def statement_count(statements: str) -> int:
    return sum(" = " in line for line in statements.split("\n"))


def main(repetitions: int = 5) -> None:
    floats, row, square = np.linspace(0, 1, 16), np.linspace(0, 1, 4), np.eye(4)
    shared = (0.999, np.float32(0.999), floats, row, square, 3)
    print(f"{'nanoseconds per statement':32} {'Charl':>8} {'Python':>8} {'added':>8}")
    for name, kind, initial, statements, python in CASES:
        machine = Machine(parse_program(CORE.format(kind=kind, statements=statements)))
        names = {"np": np, "math": __import__("math"), "next": lambda x: x // 2}
        exec(PYTHON.format(body=python), names)
        call(machine, "f", (2, initial, *shared))  # compiles

        def charl_run(machine: Machine = machine, initial: Any = initial) -> None:
            call(machine, "f", (ROUNDS, fresh(initial), *shared))

        def python_run(f: Callable[..., Any] = names["f"], initial: Any = initial) -> None:
            f(ROUNDS, fresh(initial), *shared)

        count = ROUNDS * statement_count(statements)
        ours, theirs = (seconds(run, repetitions) / count * 1e9 for run in (charl_run, python_run))
        print(f"{name:32} {ours:8.0f} {theirs:8.0f} {ours - theirs:8.0f}")


def fresh(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray | list) else value


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
