"""One chain over four million floats, against PyTorch (eager, compiled) and JAX: memory's speed.

    python benchmarks/gelu.py

`z * sigmoid(1.702 z)` with `z = x * w + b`, float32, two inputs by turns; in Charl the loop of a
turn is one call. Told first is how long each takes to compile, its first result included; Charl
starts from the text, with nothing kept on disk.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import Contestant, amount, by_turns, contest, load, peer

PROGRAM = """
fn chain(x: float32[N], w: float32, b: float32) -> float32[N] {
    let z = x * w + b
    z * sigmoid(1.702 * z)
}

fn run(xs: [float32[N]], w: float32, b: float32, steps: int) -> (float, float32[N]) {
    let y = xs[0]
    let start = clock()
    for i in 0..steps { y = chain(xs[i % 2], w, b) }
    ((clock() - start) / (steps as float), y)
}
"""
COUNT = 1 << 22
STEPS = 10
W, B = np.float32(0.75), np.float32(0.25)
GOALS = {"PyTorch": 4, "torch.compile": 1}


def first(work: Callable[[], object]) -> str:
    start = time.perf_counter()
    work()
    return amount(time.perf_counter() - start)


def main() -> None:
    os.environ["CHARL_CACHE"] = "0"
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal(COUNT).astype(np.float32) for _ in range(2)]
    few = [x[:1] for x in xs]
    load(PROGRAM).chain(few[0], W, B)  # what is loaded once for all programs

    compiling = first(lambda: load(PROGRAM).chain(xs[0], W, B))
    program = load(PROGRAM)
    compile_times = [f"Charl {compiling} (goal 100 ms)"]
    runs: dict[str, Contestant] = {"Charl": lambda: float(program.run(xs, W, B, STEPS)[0])}

    if torch := peer("torch"):

        def chain(x: Any) -> Any:
            z = x * W.item() + B.item()
            return z * torch.sigmoid(1.702 * z)

        tensors = [torch.from_numpy(x) for x in xs]
        compiled = torch.compile(chain)
        compile_times.append(f"torch.compile {first(lambda: compiled(tensors[0]))}")
        runs["PyTorch"] = by_turns(chain, tensors, lambda y: None, STEPS)
        runs["torch.compile"] = by_turns(compiled, tensors, lambda y: None, STEPS)
    if jax := peer("jax"):

        @jax.jit
        def jitted(x: Any) -> Any:
            z = x * W + B
            return z * jax.nn.sigmoid(1.702 * z)

        arrays = [jax.numpy.asarray(x) for x in xs]
        compile_times.append(f"JAX {first(lambda: jax.block_until_ready(jitted(arrays[0])))}")
        runs["JAX"] = by_turns(jitted, arrays, jax.block_until_ready, STEPS)
    print(f"{'compiling':<24} {' | '.join(compile_times)}")
    contest("gelu, 4M floats", runs, GOALS)


if __name__ == "__main__":
    main()
