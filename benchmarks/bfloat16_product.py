"""A product of two square bfloat16 matrices, against PyTorch's.

    python benchmarks/bfloat16_product.py [SIZE ...]

Multiplied and added up in float32, rounded once. Both use what the CPU has for bfloat16 (AMX or
AVX512-BF16); where it has nothing, both convert. The first line tells what Charl's runtime found.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Contestant, contest, peer, timed

import charl
from charl.runtime.library import library

PROGRAM = """
fn multiply(size: int, times: int) -> (float, float) {
    seed(1)
    let a = random_normal([size, size]) as bfloat16
    let b = (random_normal([size, size]) / sqrt(size as float32)) as bfloat16
    let start = clock()
    for i in 0..times { a = a @ b }
    ((clock() - start) / (times as float), a[0, 0] as float)
}
"""
GOAL = {"PyTorch": 0.8}
LONGEST = 10.0  # seconds for one product
# As in `charl/runtime/native/squares.h`.
MULTIPLIERS = ("products of float32", "AVX512-BF16", "AMX-BF16")


def in_charl(size: int, times: int) -> Contestant:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "product.ch"
        path.write_text(PROGRAM)
        program = charl.load(path, backend="native")
    return lambda: float(program.multiply(size, times)[0])


def in_pytorch(torch: Any, size: int, times: int) -> Contestant:
    a, b = (torch.randn(size, size).to(torch.bfloat16) for _ in range(2))
    return timed(lambda: a @ b, times)


def main() -> None:
    print(f"Charl multiplies bfloat16 with {MULTIPLIERS[library().charl_bfloat16_multiplier()]}")
    torch = peer("torch")
    for size in [int(a) for a in sys.argv[1:]] or [1024, 2048]:
        times = max(1, (2048 // size) ** 3)
        runs = {"Charl": in_charl(size, times)}
        if torch:
            expected = in_pytorch(torch, 256, 1)() * (size / 256) ** 3
            if expected > LONGEST:
                print(f"PyTorch would take {expected:.0f} s for {size}: left out")
            else:
                times = times if expected < 0.1 else 1
                runs["PyTorch"] = in_pytorch(torch, size, times)
        contest(f"bfloat16 {size} x {size}", runs, GOAL, turns=5, warm_up=1)


if __name__ == "__main__":
    main()
