"""The memory of whole training processes at their largest, against PyTorch.

    python benchmarks/peak_memory.py [cnn|transformer ...]

Each contestant is a process of its own, as a user starts it: `charl run` of a program that makes
its data, trains and ends; a Python script that does the same with PyTorch (eager). Told is the
largest that the process, or one that it started, has been in physical memory: what is loaded
(Python, NumPy, the libraries), code, tensors and all. Charl runs twice, first with an empty cache,
so that it compiles, and the ratio is of that run. Nothing but a number is printed by the first
program: that is what is there before any work is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cnn_training
import transformer_training

ROOT = Path(__file__).resolve().parent.parent
GOAL = 0.6

CNN = (
    cnn_training.PROGRAM
    + """
let (net, optimiser) = fresh()
let images = random_normal([6400, 1, 28, 28])
print(train(net, optimiser, images, permutation(6400) % 10, 100))
"""
)
TRANSFORMER = (
    transformer_training.PROGRAM
    + """
let (net, optimiser) = fresh()
let text = reshape(permutation(6144) % 256, [3, 16, 128])
print(train(net, optimiser, text, text))
"""
)


def cnn_in_pytorch(torch: Any) -> None:
    sizes = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (400, 120), (120,), (120, 84), (84,)]
    weights = drawn(torch, [*sizes, (84, 10), (10,)])
    count = cnn_training.BATCH * cnn_training.BATCHES
    images, labels = torch.randn(count, 1, 28, 28), torch.randint(10, (count,))
    data = images.numpy(), labels.numpy()
    print(cnn_training.in_pytorch(torch, weights, *data, cnn_training.BATCHES)())


def transformer_in_pytorch(torch: Any) -> None:
    features, symbols = transformer_training.FEATURES, transformer_training.SYMBOLS
    block = [(features,)] * 2 + [(features, features)] * 4 + [(features,)] * 2
    block += [(features, 4 * features), (4 * features,), (4 * features, features), (features,)]
    sizes = [(symbols, features), (transformer_training.LENGTH, features)]
    sizes += block * transformer_training.LAYERS
    sizes += [(features,), (features,), (features, symbols), (symbols,)]
    weights = drawn(torch, sizes)
    shape = (transformer_training.STEPS, transformer_training.BATCH, transformer_training.LENGTH)
    text = torch.randint(symbols, shape).numpy()
    print(transformer_training.in_pytorch(torch, weights, text, text, False)())


def drawn(torch: Any, sizes: list[tuple[int, ...]]) -> list[Any]:
    """Weights: what they are does not matter here, only how large."""
    return [torch.randn(size).numpy() * 0.1 for size in sizes]


PROGRAMS = {"a number": "print(1)", "cnn": CNN, "transformer": TRANSFORMER}
PEERS = {
    "a number": lambda torch: None,
    "cnn": cnn_in_pytorch,
    "transformer": transformer_in_pytorch,
}


def largest(command: list[str], cache: str) -> float:
    """The megabytes that a process takes at its largest, or one that it started."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss / 1024  # from KB


def train_in_pytorch(work: str) -> None:
    import torch

    torch.set_num_threads(2)
    PEERS[work](torch)


def main() -> None:
    if sys.argv[1:2] == ["--pytorch"]:
        train_in_pytorch(sys.argv[2])
        return
    works = [a for a in sys.argv[1:] if a in PROGRAMS] or list(PROGRAMS)
    print(f"{'MB at the largest':<20}{'Charl':>8}{'again':>8}{'PyTorch':>9}{'ratio':>8}")
    for work in works:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.ch"
            path.write_text(PROGRAMS[work])
            run = [sys.executable, "-m", "charl", "run", "--backend", "native", str(path)]
            first, again = largest(run, folder), largest(run, folder)
            own = [sys.executable, __file__, "--pytorch", work]
            try:
                peer = largest(own, folder)
            except SystemExit as problem:
                print(problem)
                peer = float("nan")
        goal = f" (goal {GOAL})" if work in ("cnn", "transformer") else ""
        print(f"{work:<20}{first:8.0f}{again:8.0f}{peer:9.0f}{first / peer:8.2f}{goal}")


if __name__ == "__main__":
    main()
