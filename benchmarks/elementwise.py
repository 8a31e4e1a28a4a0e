"""Element by element, natively against our interpreter: what a statement on tensors costs.

    python benchmarks/elementwise.py [SIZE ...]

A sum, a product and a chain of six operations on float32 vectors, each of which depends on the one
before; the whole loop is one call, timed by its own clock.
"""

from __future__ import annotations

import sys

import numpy as np
from measure import Contestant, contest, load

PROGRAM = """
fn run(x: float32[N], y: float32[N], z: float32[N], steps: int) -> (float, float32[N]) {{
    let start = clock()
    for i in 0..steps {{ x = {expression} }}
    ((clock() - start) / (steps as float), x)
}}
"""
WORK = {
    "add": "x + y",
    "multiply": "x * y",
    "six": "maximum(x * y + z, 0) * 0.5 - y * x",
}
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
GOALS = {100: 10, 1_000: 10}
INTERPRETER = "interpreter"


def contestant(expression: str, backend: str, size: int) -> Contestant:
    program = load(PROGRAM.format(expression=expression), backend)
    rng = np.random.default_rng(0)
    x, z = (rng.standard_normal(size).astype(np.float32) for _ in range(2))
    y = np.sign(rng.standard_normal(size)).astype(np.float32)  # keeps products in range
    steps = max(20, min(200_000, 50_000_000 // size))  # a millisecond at least: see `contest`
    return lambda: float(program.run(x, y, z, steps)[0])


def main() -> None:
    for size in [int(a) for a in sys.argv[1:]] or SIZES:
        for name, expression in WORK.items():
            runs = {
                "Charl": contestant(expression, "native", size),
                INTERPRETER: contestant(expression, "interpreter", size),
            }
            goal = 4 if (name, size) == ("six", 1_000_000) else GOALS.get(size)
            contest(f"{name}, {size:,}", runs, goal and {INTERPRETER: goal}, turns=5, warm_up=1)


if __name__ == "__main__":
    main()
