"""How much the interpreter adds to NumPy: the digits network trained both ways, side by side.

    python benchmarks/digits_interpreter.py [REPETITIONS]

A 64-128-10 network with relu, cross-entropy on logits and Adam, batches of 32, on the 1,437
training images of `examples/digits.ch`. The Charl program runs on the interpreter (compilation is
told apart); the other is the same arithmetic as a NumPy programmer writes it, gradients by hand.
The two take turns, so that a busy machine slows both; printed are the medians and the median of the
ratios of neighbouring turns. The issue that founded the interpreter allows a ratio of 2.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import charl
from charl import driver
from charl.source import Source

EPOCHS = 5
BATCH = 32

PROGRAM = f"""
from data import batches, digits
from loss import cross_entropy
from optim import adam

model Classifier {{
    layers {{
        flatten
        dense(64, 128, activation: relu)
        dense(128, 10)
    }}
}}

fn objective(net: Classifier, images: float32[B, 8, 8], labels: int[B]) -> float32 {{
    cross_entropy(net(images), labels)
}}

seed(1)
let (all_images, all_labels) = digits()
let (images, labels) = (all_images[0..1437], all_labels[0..1437])
let net = Classifier(seed: 7)
let optimiser = adam(net, rate: 3e-3)
let total = 0.0
for epoch in 0..{EPOCHS} {{
    total = 0.0
    for (x, y) in batches(images, labels, {BATCH}) {{
        let (loss, gradient) = value_and_grad(objective)(net, x, y)
        optimiser.step(net, gradient)
        total += loss
    }}
}}
print(total / {1437 // BATCH})
"""

Array = np.ndarray[Any, np.dtype[Any]]


def by_hand() -> float:
    """The same training in NumPy; the mean loss of the last epoch."""
    with np.load(Path(charl.__file__).parent / "std" / "data" / "digits.npz") as file:
        images = (file["images"].astype(np.float32) / np.float32(16)).reshape(-1, 64)[:1437]
        labels = file["labels"][:1437]
    rng = np.random.default_rng(1)
    net = [
        rng.standard_normal((64, 128), np.float32) * np.float32((2 / 64) ** 0.5),
        np.zeros(128, np.float32),
        rng.standard_normal((128, 10), np.float32) * np.float32((2 / 128) ** 0.5),
        np.zeros(10, np.float32),
    ]
    means = [np.zeros_like(p) for p in net]
    squares = [np.zeros_like(p) for p in net]
    step, mean_loss = 0, 0.0
    for _ in range(EPOCHS):
        order = rng.permutation(len(images))
        total = 0.0
        for start in range(0, len(images) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            loss, gradients = loss_and_gradients(net, images[rows], labels[rows])
            total += loss
            step += 1
            adam_step(net, gradients, means, squares, step)
        mean_loss = total / (len(images) // BATCH)
    return mean_loss


def loss_and_gradients(net: list[Array], x: Array, labels: Array) -> tuple[float, list[Array]]:
    w1, b1, w2, b2 = net
    z = x @ w1 + b1
    hidden = np.maximum(z, 0)
    logits = hidden @ w2 + b2
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    here = np.arange(len(x))
    loss = -log_p[here, labels].mean()
    d_logits = np.exp(log_p)
    d_logits[here, labels] -= 1
    d_logits /= np.float32(len(x))
    d_z = np.where(z > 0, d_logits @ w2.T, np.float32(0))
    return float(loss), [x.T @ d_z, d_z.sum(axis=0), hidden.T @ d_logits, d_logits.sum(axis=0)]


def adam_step(
    net: list[Array], gradients: list[Array], means: list[Array], squares: list[Array], step: int
) -> None:
    size = np.float32(3e-3 / (1 - 0.9**step))
    scale = np.float32((1 - 0.999**step) ** -0.5)
    for i, g in enumerate(gradients):
        means[i] = np.float32(0.9) * means[i] + np.float32(0.1) * g
        squares[i] = np.float32(0.999) * squares[i] + np.float32(0.001) * (g * g)
        net[i] = net[i] - size * means[i] / (np.sqrt(squares[i]) * scale + np.float32(1e-8))


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    start = time.perf_counter()
    program = driver.compile_checked(driver.check(Source("digits.ch", PROGRAM)))
    print(f"compiled in {time.perf_counter() - start:.3f} s")
    charl_times, numpy_times = [], []
    output = io.StringIO()
    for _ in range(repetitions + 1):
        start = time.perf_counter()
        driver.run(program, output)
        between = time.perf_counter()
        loss = by_hand()
        charl_times.append(between - start)
        numpy_times.append(time.perf_counter() - between)
    # The first turn fills caches.
    charl_times, numpy_times = charl_times[1:], numpy_times[1:]
    ratios = [a / b for a, b in zip(charl_times, numpy_times)]
    print(f"last loss    Charl {float(output.getvalue().split()[-1]):.4f}   NumPy {loss:.4f}")
    print(f"Charl        {statistics.median(charl_times):.3f} s")
    print(f"NumPy        {statistics.median(numpy_times):.3f} s")
    print(f"ratio        {statistics.median(ratios):.2f} (median of {repetitions})")


if __name__ == "__main__":
    main()
