"""Training a LeNet-style network on Fashion-MNIST, batch 64, against PyTorch with two threads.

    python benchmarks/cnn_training.py [FOLDER] [epoch]

Two convolutions of 5 x 5 with ReLU and 2 x 2 maximum pooling, three dense layers, cross entropy,
SGD with momentum, float32 (after LeCun et al., "Gradient-based learning applied to document
recognition", 1998). A turn is 100 batches, or with `epoch` all 937, one after the other as they
stand in the files: one call in Charl, a Python loop in PyTorch. Both start from the weights that
Charl drew; the losses of the first batches are compared before anything is timed. (Later ones drift
apart, as rounding decides which of two nearly equal pixels is the maximum.) Without the files
(Debian: dataset-fashion-mnist), images and labels are drawn.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
from measure import contest, demand_agreement, load, peer, timed

PROGRAM = """
from loss import cross_entropy
from nn import max_pool2d
from optim import sgd

model LeNet {
    layers {
        conv2d(1, 6, 5, activation: relu, padding: 2)
        max_pool2d(2)
        conv2d(6, 16, 5, activation: relu)
        max_pool2d(2)
        flatten
        dense(400, 120, activation: relu)
        dense(120, 84, activation: relu)
        dense(84, 10)
    }
}

fn fresh() {
    let net = LeNet(seed: 1)
    (net, sgd(net, rate: 0.01, momentum: 0.9))
}

fn weights(net) { parameters(net) }

fn objective(net, images: float32[B, 1, 28, 28], labels: int[B]) {
    cross_entropy(net(images), labels)
}

fn train(
    mut net,
    mut optimiser,
    images: float32[N, 1, 28, 28],
    labels: int[N],
    batches: int,
) -> float32[?] {
    let losses: float32[batches] = zeros([batches])
    for i in 0..batches {
        let (first, last) = (64 * i, 64 * i + 64)
        let (loss, gradient) =
            value_and_grad(objective)(net, images[first..last], labels[first..last])
        optimiser.step(net, gradient)
        losses[i] = loss
    }
    losses
}
"""
BATCH, BATCHES, COMPARED = 64, 100, 11
RATE, MOMENTUM = 0.01, 0.9
THREADS = 2
FOLDER = "/usr/share/datasets/fashion-mnist"


def in_charl() -> tuple[Any, list[Any]]:
    program = load(PROGRAM)
    net, optimiser = program.fresh()
    weights = list(program.weights(net))
    return lambda x, y, n: program.train(net, optimiser, x, y, n), weights


def in_pytorch(torch: Any, weights: list[Any], x: Any, y: Any, batches: int) -> Any:
    """A turn of batches: gives the losses."""
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    for parameter, given in zip(net.parameters(), weights, strict=True):
        # Charl's dense weights are [inputs, outputs].
        turned = given.T if given.ndim == 2 else given
        parameter.data = torch.from_numpy(turned.copy())
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)

    def turn() -> list[float]:
        losses = []
        for i in range(batches):
            rows = slice(BATCH * i, BATCH * (i + 1))
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(net(images[rows]), labels[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        return [float(loss) for loss in losses]

    return turn


def data(folder: Path) -> tuple[Any, Any]:
    """Images float32 [N, 1, 28, 28] from 0 to 1, and labels int64 [N]."""
    files = [folder / f"train-{name}.gz" for name in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    if not all(f.is_file() for f in files):
        print(f"no Fashion-MNIST in {folder}: images and labels are drawn")
        rng = np.random.default_rng(0)
        return rng.random((60_000, 1, 28, 28), np.float32), rng.integers(0, 10, 60_000)
    images, labels = (gzip.decompress(f.read_bytes()) for f in files)
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    y = np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    return (x / 255).astype(np.float32), y


def main() -> None:
    folders = [a for a in sys.argv[1:] if a != "epoch"]
    x, y = data(Path(folders[0] if folders else FOLDER))
    batches = len(x) // BATCH if "epoch" in sys.argv else BATCHES
    x, y = x[: BATCH * batches], y[: BATCH * batches]
    torch = peer("torch")
    train, weights = in_charl()
    turns = {"Charl": lambda: [float(loss) for loss in train(x, y, batches)]}
    if torch:
        torch.set_num_threads(THREADS)
        turns["PyTorch"] = in_pytorch(torch, weights, x, y, batches)
    title = f"{batches} batches of {BATCH}"
    losses = {name: turn()[:COMPARED:5] for name, turn in turns.items()}
    demand_agreement(title, losses, 1e-4)
    few = {"turns": 3, "warm_up": 0} if "epoch" in sys.argv else {}
    contest(title, {name: timed(turn) for name, turn in turns.items()}, {"PyTorch": 1.0}, **few)


if __name__ == "__main__":
    main()
