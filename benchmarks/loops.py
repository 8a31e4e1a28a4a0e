"""Six programs that are loops over scalars: against the same in C, Numba and CPython.

    python benchmarks/loops.py [NAME ...]

A program is `loops/NAME.ch`, as one writes Charl; `loops/NAME.c` is the same in C, compiled by
gcc -O3 -march=native; `loops_in_python.py` has it in Python. All must give the same answer. CPython
does a smaller size where it would take long, its time scaled by the work, which `Case.work` counts.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from loops_in_python import in_python
from measure import Contestant, contest, peer

import charl

FOLDER = Path(__file__).resolve().parent / "loops"
MOST_RESULTS = 2
CPYTHON = "CPython, scaled"


@dataclass(frozen=True)
class Case:
    """`size` makes a run long beside the call from Python, and what it works on fits the caches;
    `small` is the size for CPython. `c` is how much slower than C Charl may be. gcc contracts
    multiplications and additions, so answers in floats may differ by `tolerance`, relative."""

    size: int
    small: int
    c: float
    work: Callable[[int], float]
    tolerance: float = 0.0


# The inner loops of those with 1.3 check integers.
CASES = {
    "nbody": Case(1_000_000, 10_000, 1.15, lambda n: n, 1e-6),
    "spectral_norm": Case(1000, 60, 1.3, lambda n: n**2, 1e-12),
    "mandelbrot": Case(1000, 100, 1.15, lambda n: n**2, 1e-3),
    "fannkuch": Case(9, 9, 1.3, lambda n: n),
    "floyd_warshall": Case(500, 60, 1.15, lambda n: n**3, 1e-12),
    "sieve": Case(1_000_000, 1_000_000, 1.15, lambda n: n),
}

Run = Callable[[int], tuple[float, ...]]


def numbers(found: Any) -> tuple[float, ...]:
    return tuple(map(float, found)) if isinstance(found, tuple) else (float(found),)


def in_charl(name: str) -> Run:
    program = charl.load(FOLDER / f"{name}.ch", backend="native")
    return lambda n: numbers(program.run(n))


def in_c(name: str, folder: Path, count: int) -> Run:
    target = folder / f"{name}.so"
    flags = ["-O3", "-march=native", "-shared", "-fPIC", "-lm"]
    subprocess.run(["gcc", FOLDER / f"{name}.c", "-o", target, *flags], check=True)
    run = ctypes.CDLL(str(target)).run
    run.argtypes, run.restype = [ctypes.c_int64, ctypes.c_void_p], None

    def call(n: int) -> tuple[float, ...]:
        results = (ctypes.c_double * MOST_RESULTS)()
        run(n, results)
        return tuple(results[:count])

    return call


def timed(run: Run, size: int, factor: float = 1.0) -> Contestant:
    def contestant() -> float:
        start = time.perf_counter()
        run(size)
        return (time.perf_counter() - start) * factor

    return contestant


def agree(name: str, who: str, found: tuple[float, ...], wanted: tuple[float, ...]) -> None:
    if not np.allclose(found, wanted, rtol=CASES[name].tolerance, atol=0):
        raise SystemExit(f"{name}: {who} finds {found}, Charl {wanted}")


def measure(name: str, folder: Path, numba: Any) -> None:
    case = CASES[name]
    ours = in_charl(name)
    answer, small = ours(case.size), ours(case.small)
    runs = {"Charl": timed(ours, case.size)}
    goals = {}
    if shutil.which("gcc"):
        c = in_c(name, folder, len(answer))
        agree(name, "C", c(case.size), answer)
        runs["C"], goals["C"] = timed(c, case.size), 1 / case.c
    if numba:
        jitted = in_python(name, np.array, np.full, numba.njit)
        agree(name, "Numba", numbers(jitted(case.size)), answer)
        runs["Numba"] = timed(lambda n: numbers(jitted(n)), case.size)
        goals["Numba"] = 1
    contest(name, runs, goals)
    python = in_python(name, list, lambda n, x: [x] * n, lambda function: function)
    agree(name, "CPython", numbers(python(case.small)), small)
    factor = case.work(case.size) / case.work(case.small)
    runs = {"Charl": runs["Charl"], CPYTHON: timed(python, case.small, factor)}
    contest("", runs, {CPYTHON: 50}, turns=3, warm_up=1)


def main() -> None:
    names = sys.argv[1:] or list(CASES)
    numba = peer("numba")
    if not shutil.which("gcc"):
        print("gcc is not installed: left out")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            measure(name, Path(folder), numba)


if __name__ == "__main__":
    main()
