"""How long a training step of a deep network takes to compile, first step included.

    python benchmarks/compile_time.py [LAYERS ...]

Layers of 64 with relu, cross entropy, SGD, batch 32, float32. Each measurement is a process of its
own that starts from nothing: no cache of Charl's, PyTorch's (torch.compile) or JAX's. What counts
is the time from the written program, libraries loaded, to the loss of the first step.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
from measure import Contestant, contest, load, peer

WIDTH, CLASSES, BATCH = 64, 10, 32

PROGRAM = """
from loss import cross_entropy
from optim import sgd
model Net {{
    layers {{
{layers}
        dense({width}, {classes})
    }}
}}
fn objective(net: Net, x: float32[B, {width}], y: int[B]) -> float32 {{ cross_entropy(net(x), y) }}
fn train(x: float32[B, {width}], y: int[B], steps: int) -> float32 {{
    let net = Net(seed: 1)
    let optimiser = sgd(net, rate: 0.01)
    let last: float32 = 0
    for i in 0..steps {{
        let (loss, gradient) = value_and_grad(objective)(net, x, y)
        optimiser.step(net, gradient)
        last = loss
    }}
    last
}}
"""


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, WIDTH)).astype(np.float32)
    return x, rng.integers(0, CLASSES, BATCH)


def charl_step(layers: int) -> float:
    line = f"        dense({WIDTH}, {WIDTH}, activation: relu)"
    text = PROGRAM.format(layers="\n".join([line] * layers), width=WIDTH, classes=CLASSES)
    x, y = data()
    start = time.perf_counter()
    load(text).train(x, y, 1)
    return time.perf_counter() - start


def pytorch_step(layers: int) -> float:
    import torch

    torch.manual_seed(0)
    x, y = (torch.from_numpy(a) for a in data())
    hidden = [m for _ in range(layers) for m in (torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU())]
    net = torch.nn.Sequential(*hidden, torch.nn.Linear(WIDTH, CLASSES))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    objective = torch.nn.CrossEntropyLoss()

    @torch.compile
    def step():
        loss = objective(net(x), y)
        loss.backward()
        optimiser.step()
        return loss

    start = time.perf_counter()
    step().item()
    return time.perf_counter() - start


def jax_step(layers: int) -> float:
    import jax
    import jax.numpy as jnp

    x, y = data()
    sizes = [WIDTH] * (layers + 1) + [CLASSES]
    keys = jax.random.split(jax.random.key(0), layers + 1)
    weights = [jax.random.normal(k, (a, b)) * 0.1 for k, a, b in zip(keys, sizes, sizes[1:])]
    parameters = [(w, jnp.zeros(w.shape[1])) for w in weights]

    def objective(parameters):
        h = x
        for w, b in parameters[:-1]:
            h = jax.nn.relu(h @ w + b)
        w, b = parameters[-1]
        logits = jax.nn.log_softmax(h @ w + b)
        return -jnp.mean(logits[jnp.arange(BATCH), y])

    @jax.jit
    def step(parameters):
        loss, gradient = jax.value_and_grad(objective)(parameters)
        return loss, jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradient)

    start = time.perf_counter()
    float(step(parameters)[0])
    return time.perf_counter() - start


STEPS = {"Charl": charl_step, "torch.compile": pytorch_step, "JAX": jax_step}
MODULES = {"torch.compile": "torch", "JAX": "jax"}


def in_a_process(name: str, layers: int) -> Contestant:
    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            caches = {"CHARL_CACHE": "0", "TORCHINDUCTOR_CACHE_DIR": folder}
            command = [sys.executable, __file__, "--once", name, str(layers)]
            found = subprocess.run(
                command, env={**os.environ, **caches}, check=True, capture_output=True, text=True
            )
        return float(found.stdout.split()[-1])

    return run


def main() -> None:
    if sys.argv[1:2] == ["--once"]:
        print(STEPS[sys.argv[2]](int(sys.argv[3])))
        return
    there = [name for name in STEPS if name not in MODULES or peer(MODULES[name])]
    for layers in [int(a) for a in sys.argv[1:]] or (5, 20, 40):
        runs = {name: in_a_process(name, layers) for name in there}
        contest(f"{layers} layers", runs, turns=3, warm_up=0)


if __name__ == "__main__":
    main()
