"""A training step of a small transformer on bytes of text, against PyTorch (eager, torch.compile).

    python benchmarks/transformer_training.py [TEXT] [eager|compile ...]

A language model of 4 layers, 4 heads and 128 features (pre-norm, GELU, learnt positions, 256
symbols) on batches of 16 x 128 bytes, trained by Adam in float32. All start from the weights that
Charl drew and see the same batches; the losses of the first turn are compared before anything is
timed. A turn is one call in Charl, a Python loop of steps in PyTorch, as each is used.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from measure import contest, demand_agreement, load, peer, timed

PROGRAM = """
from loss import cross_entropy
from nn import Dense, Embedding, LayerNorm, MultiHeadAttention, causal_attention
from optim import adam

model Block[D, H] {
    before: LayerNorm[D]
    attention: MultiHeadAttention[D, H] = MultiHeadAttention[D, H](attend: causal_attention)
    between: LayerNorm[D]
    widen: Dense[D, 4 * D] = Dense[D, 4 * D](activation: gelu)
    narrow: Dense[4 * D, D]

    fn forward(x: float32[B, T, D]) -> float32[B, T, D] {
        let y = x + attention(before(x))
        y + narrow(widen(between(y)))
    }
}

model LanguageModel[V, T, D, H] {
    symbols: Embedding[V, D]
    places: Embedding[T, D]
    first: Block[D, H]
    second: Block[D, H]
    third: Block[D, H]
    fourth: Block[D, H]
    norm: LayerNorm[D]
    head: Dense[D, V]

    fn forward(text: int[B, T]) -> float32[B, T, V] {
        let x = symbols(text) + places.weight
        head(norm(fourth(third(second(first(x))))))
    }
}

fn fresh() {
    let net = LanguageModel[256, 128, 128, 4](seed: 1)
    (net, adam(net, rate: 3e-4))
}

fn weights(net) { parameters(net) }

fn objective(net, text: int[B, T], following: int[B, T]) { cross_entropy(net(text), following) }

fn train(mut net, mut optimiser, text: int[N, B, T], following: int[N, B, T]) -> float32[N] {
    let losses: float32[N] = zeros([N])
    for i in 0..N {
        let (loss, gradient) = value_and_grad(objective)(net, text[i], following[i])
        optimiser.step(net, gradient)
        losses[i] = loss
    }
    losses
}
"""
LAYERS, HEADS, FEATURES, SYMBOLS = 4, 4, 128, 256
BATCH, LENGTH, STEPS = 16, 128, 3
RATE = 3e-4
THREADS = 2
ROOT = Path(__file__).resolve().parents[1]
TEXTS = (ROOT.parent / "shared/data/text/shakespeare.txt", ROOT / "docs/reference/language.md")
GOALS = {"PyTorch": 1.0, "torch.compile": 1.0}


def pytorch_network(torch: Any, weights: list[Any]) -> Any:
    """The same network, in the way PyTorch does it best: queries, keys and values by one product,
    attention by its fused kernel."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.before, self.between = nn.LayerNorm(FEATURES), nn.LayerNorm(FEATURES)
            self.to_heads = nn.Linear(FEATURES, 3 * FEATURES, bias=False)
            self.to_output = nn.Linear(FEATURES, FEATURES, bias=False)
            self.widen = nn.Linear(FEATURES, 4 * FEATURES)
            self.narrow = nn.Linear(4 * FEATURES, FEATURES)

        def forward(self, x: Any) -> Any:
            parts = self.to_heads(self.before(x)).chunk(3, dim=-1)
            q, k, v = (p.unflatten(-1, (HEADS, -1)).transpose(1, 2) for p in parts)
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            y = x + self.to_output(mixed.transpose(1, 2).flatten(2))
            return y + self.narrow(functional.gelu(self.widen(self.between(y))))

        def take(self, weights: list[Any]) -> None:
            scale, shift, q, k, v, out, scale2, shift2, widen, bias, narrow, bias2 = weights
            put(self.before, scale, shift)
            put(self.between, scale2, shift2)
            put(self.to_heads, torch.cat([q, k, v], dim=1))
            put(self.to_output, out)
            put(self.widen, widen, bias)
            put(self.narrow, narrow, bias2)

    class LanguageModel(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.symbols, self.places = (nn.Embedding(n, FEATURES) for n in (SYMBOLS, LENGTH))
            self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
            self.norm, self.head = nn.LayerNorm(FEATURES), nn.Linear(FEATURES, SYMBOLS)

        def forward(self, text: Any) -> Any:
            x = self.symbols(text) + self.places.weight
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    def put(layer: Any, weight: Any, bias: Any = None) -> None:
        layer.weight.data = weight.T.contiguous() if isinstance(layer, nn.Linear) else weight
        if bias is not None:
            layer.bias.data = bias

    net = LanguageModel()
    given = [torch.from_numpy(w.copy()) for w in weights]
    net.symbols.weight.data, net.places.weight.data = given[:2]
    for n, block in enumerate(net.blocks):
        block.take(given[2 + 12 * n : 14 + 12 * n])
    put(net.norm, *given[-4:-2])
    put(net.head, *given[-2:])
    return net


def in_pytorch(torch: Any, weights: list[Any], x: Any, y: Any, compiled: bool) -> Any:
    """A turn of steps: gives the losses."""
    net = pytorch_network(torch, weights)
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    text, following = torch.from_numpy(x), torch.from_numpy(y)

    def objective(text: Any, following: Any) -> Any:
        return torch.nn.functional.cross_entropy(net(text).flatten(0, 1), following.flatten())

    loss_of = torch.compile(objective) if compiled else objective

    def turn() -> list[float]:
        losses = []
        for batch, targets in zip(text, following):
            optimiser.zero_grad()
            loss = loss_of(batch, targets)
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        return [float(loss) for loss in losses]

    return turn


def in_charl() -> tuple[Any, list[Any]]:
    """A turn of steps from fresh weights, and those weights."""
    program = load(PROGRAM)
    net, optimiser = program.fresh()
    weights = list(program.weights(net))
    return lambda x, y: program.train(net, optimiser, x, y), weights


def batches() -> tuple[Any, Any]:
    """Bytes of a text and the bytes that follow them: int64 [STEPS, BATCH, LENGTH] each."""
    given = [Path(a) for a in sys.argv[1:]]
    path = next(p for p in (*given, *TEXTS) if p.is_file())
    text = np.frombuffer(path.read_bytes(), np.uint8).astype(np.int64)
    print(f"text: {path.name}, {len(text)} bytes")
    rng = np.random.default_rng(0)
    starts = rng.integers(0, len(text) - LENGTH - 1, (STEPS, BATCH, 1))
    places = starts + np.arange(LENGTH)
    return text[places], text[places + 1]


def main() -> None:
    torch = peer("torch")
    x, y = batches()
    train, weights = in_charl()
    turns = {"Charl": lambda: [float(loss) for loss in train(x, y)]}
    ways = [a for a in sys.argv[1:] if a in ("eager", "compile")] or ["eager", "compile"]
    if torch:
        torch.set_num_threads(THREADS)
        if "eager" in ways:
            turns["PyTorch"] = in_pytorch(torch, weights, x, y, False)
        if "compile" in ways:
            turns["torch.compile"] = in_pytorch(torch, weights, x, y, True)
    title = f"batch {BATCH} x {LENGTH}, {STEPS} steps"
    demand_agreement(title, {name: turn() for name, turn in turns.items()}, 1e-4)
    contest(title, {name: timed(turn) for name, turn in turns.items()}, GOALS)


if __name__ == "__main__":
    main()
