"""From which size on the threads share a kernel, and what that gains: one thread against all.

    python benchmarks/grain.py

Work is counted as `charl/kernel/schedule.py` counts it. The loop of a kernel is cut once it is two
stretches of `GRAIN` long: a ratio below 1 at a size that is cut would say that GRAIN is too small,
one well above 1 as soon as it is cut that it could be smaller.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection

import numpy as np
from measure import Contestant, contest, load

import charl.ops  # noqa: F401  fills the registry
from charl.core.op import REGISTRY
from charl.kernel.schedule import GRAIN

PROGRAM = """
fn run(x: float32[N], y: float32[N], steps: int) -> (float, float32[N]) {{
    let start = clock()
    for i in 0..steps {{ x = {expression} }}
    ((clock() - start) / (steps as float), x)
}}
"""
WORK = {
    "x * y": ["mul"],
    "tanh(x * y)": ["mul", "tanh"],
    "exp(-x * x) * y": ["neg", "mul", "exp", "mul"],
}
STRETCHES = (1, 2.1, 4, 8, 32)  # the sizes, in stretches
ALONE, SHARED = "one thread", "all threads"


def worker(wishes: Connection) -> None:
    """Answers (expression, size, steps) with the seconds of a step."""
    programs = {}
    while wish := wishes.recv():
        expression, size, steps = wish
        if expression not in programs:
            programs[expression] = load(PROGRAM.format(expression=expression))
        x = np.linspace(-1, 1, size, dtype=np.float32)
        wishes.send(float(programs[expression].run(x, np.sign(x), steps)[0]))


def started(threads: str) -> Connection:
    """A process of its own with so many threads: they are counted once."""
    os.environ["CHARL_THREADS"] = threads
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=worker, args=(there,), daemon=True
    )
    process.start()
    return here


def asking(process: Connection, wish: tuple[str, int, int]) -> Contestant:
    def run() -> float:
        process.send(wish)
        return float(process.recv())

    return run


def main() -> None:
    alone, shared = started("1"), started(str(os.cpu_count() or 1))
    for expression, ops in WORK.items():
        cost = sum(REGISTRY[op].cost for op in ops)
        for stretches in STRETCHES:
            size = int(stretches * GRAIN / cost)
            wish = (expression, size, max(20, 20_000_000 // (size * cost)))
            runs = {SHARED: asking(shared, wish), ALONE: asking(alone, wish)}
            contest(f"{expression}, {size:,} ({stretches:g})", runs, turns=7, reference=SHARED)
    for process in (alone, shared):
        process.send(None)


if __name__ == "__main__":
    main()
