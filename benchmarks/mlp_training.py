"""A training step of a 784-128-10 network, against PyTorch (eager) and JAX (jit).

    python benchmarks/mlp_training.py [sgd|adam] [BATCH ...]

Cross entropy on logits, float32; the whole loop of a turn is one call in Charl, a Python loop of
steps in the peers, as each is used. `products` is the time of the step's five matrix products
alone, through PyTorch: what is left is everything else.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from measure import Contestant, contest, load, peer, timed

PROGRAM = """
from loss import cross_entropy
from optim import {optimiser}

model Net {{
    layers {{
        dense(784, 128, activation: relu)
        dense(128, 10)
    }}
}}

fn objective(net: Net, x: float32[B, 784], y: int[B]) -> float32 {{ cross_entropy(net(x), y) }}

fn train(x: float32[B, 784], labels: int[B], steps: int) -> (float, float32) {{
    let net = Net(seed: 1)
    let opt = {optimiser}(net, rate: {rate})
    let start = clock()
    for i in 0..steps {{
        let (loss, gradient) = value_and_grad(objective)(net, x, labels)
        opt.step(net, gradient)
    }}
    ((clock() - start) / (steps as float), objective(net, x, labels))
}}
"""
RATES = {"sgd": 0.01, "adam": 0.001}
STEPS = {1: 1000, 64: 300, 512: 60}
GOALS = {
    ("sgd", 1): {"PyTorch": 15, "JAX": 5},
    ("sgd", 64): {"PyTorch": 3, "JAX": 3},
    ("sgd", 512): {"PyTorch": 1.6, "JAX": 1.6, "products": 1 / 1.3},
    ("adam", 1): {"PyTorch": 20},
    ("adam", 64): {"PyTorch": 4},
    ("adam", 512): {"PyTorch": 1.6},
}


def in_charl(optimiser: str, x: Any, y: Any, steps: int) -> Contestant:
    program = load(PROGRAM.format(optimiser=optimiser, rate=RATES[optimiser]))
    return lambda: float(program.train(x, y, steps)[0])


def in_pytorch(torch: Any, optimiser: str, x: Any, y: Any, steps: int) -> Contestant:
    net = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    kind = torch.optim.SGD if optimiser == "sgd" else torch.optim.Adam
    opt = kind(net.parameters(), lr=RATES[optimiser])
    images, labels = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> None:
        opt.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        opt.step()

    return timed(step, steps)


def products(torch: Any, batch: int, steps: int) -> Contestant:
    x, w1, w2 = torch.randn(batch, 784), torch.randn(784, 128), torch.randn(128, 10)
    dh, dz = torch.randn(batch, 128), torch.randn(batch, 10)

    def step() -> None:
        (x @ w1) @ w2
        dh.T @ dz, dz @ w2.T, x.T @ dh

    return timed(step, steps)


def in_jax(jax: Any, optimiser: str, x: Any, y: Any, steps: int) -> Contestant:
    jnp = jax.numpy
    rng = np.random.default_rng(1)
    shapes = ((784, 128), (128,), (128, 10), (10,))
    net = [jnp.asarray(rng.normal(size=s, scale=0.05).astype(np.float32)) for s in shapes]
    state = (net, [jnp.zeros(s) for s in shapes], [jnp.zeros(s) for s in shapes], 0)
    images, labels = jnp.asarray(x), jnp.asarray(y)
    rate = RATES[optimiser]

    def loss(net: Any) -> Any:
        hidden = jax.nn.relu(images @ net[0] + net[1])
        log_p = jax.nn.log_softmax(hidden @ net[2] + net[3])
        return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], 1))

    @jax.jit
    def step(state: Any) -> Any:
        net, means, squares, count = state
        _, gradient = jax.value_and_grad(loss)(net)
        if optimiser == "sgd":
            return [w - rate * g for w, g in zip(net, gradient)], means, squares, count
        count = count + 1
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradient)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradient)]
        first, second = 1 - 0.9**count, 1 - 0.999**count
        net = [
            w - rate * (m / first) / (jnp.sqrt(s / second) + 1e-8)
            for w, m, s in zip(net, means, squares)
        ]
        return net, means, squares, count

    def run() -> float:
        nonlocal state
        start = time.perf_counter()
        for _ in range(steps):
            state = step(state)
        jax.block_until_ready(state)
        return (time.perf_counter() - start) / steps

    return run


def main() -> None:
    optimisers = [a for a in sys.argv[1:] if a in RATES] or list(RATES)
    batches = [int(a) for a in sys.argv[1:] if a.isdigit()] or list(STEPS)
    torch, jax = peer("torch"), peer("jax")
    rng = np.random.default_rng(0)
    for optimiser in optimisers:
        for batch in batches:
            steps = STEPS.get(batch, 100)
            x = rng.standard_normal((batch, 784)).astype(np.float32)
            y = rng.integers(0, 10, batch)
            runs = {"Charl": in_charl(optimiser, x, y, steps)}
            if torch:
                runs["PyTorch"] = in_pytorch(torch, optimiser, x, y, steps)
                runs["products"] = products(torch, batch, steps)
            if jax:
                runs["JAX"] = in_jax(jax, optimiser, x, y, steps)
            contest(f"{optimiser}, batch {batch}", runs, GOALS.get((optimiser, batch)))


if __name__ == "__main__":
    main()
