"""The machine's peak, measured: float32 operations and bytes of memory a second, on all threads.

It takes about a tenth of a second. The best of some repetitions counts: what a program is compared
with is what the machine can do, not what it does on average.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable

import numpy as np

from charl.backend.llvm import peak
from charl.records import record
from charl.runtime.code_cache import cpu, machine_codes
from charl.runtime.engine import Engine
from charl.runtime.library import BODY, library

REPETITIONS = 5
ITEMS = 64
DOUBLES = 1 << 22  # 32 MB, read; and as much, written: more than most caches hold


@record
class Peak:
    """What is done in a second at most."""

    operations: float
    bytes: float


def measured_peak() -> Peak:
    lanes = 16 if "avx512f" in " ".join(cpu()) else 8
    (code,) = machine_codes([peak.text(lanes)], 2)
    engine = Engine(code, ("peak_work", "peak_traffic"), {})
    run = library().charl_parallel
    work, traffic = (BODY(engine.address(f"peak_{name}")) for name in ("work", "traffic"))
    factors = (ctypes.c_float * lanes)(*[0.5] * lanes)
    source, target = np.ones(DOUBLES), np.ones(DOUBLES)
    words = (ctypes.c_int64 * 2)(target.ctypes.data, source.ctypes.data)
    operations = ITEMS * peak.operations(lanes) / best(lambda: run(work, factors, ITEMS, 1))
    bytes = 16 * DOUBLES / best(lambda: run(traffic, words, DOUBLES, DOUBLES >> 5))
    return Peak(operations, bytes)


def best(action: Callable[[], object]) -> float:
    """The seconds of the fastest of some repetitions."""
    seconds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
