"""Gradients of two objectives of ADBench, against PyTorch and JAX, in float64.

    python benchmarks/adbench.py [gmm|lstm ...]

The log-likelihood of a Gaussian mixture with a Wishart prior (d = 10, k = 25, n = 1000), and the
loss of an LSTM with diagonal weights that predicts characters (2 layers, 14 features, 1024
characters). Printed are the times of the gradient, and how many evaluations of the objective it
costs, which is to be 4 at most. Values and gradients of all are compared first.

Terms that depend on no parameter are left out. Two threads.

Source: F. Srajer, Z. Kukelova, A. Fitzgibbon, "A benchmark of selected algorithmic differentiation
tools on some problems in computer vision and machine learning", Optimization Methods and Software,
2018; the LSTM is of the same authors' public set of problems.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import CHARL, Contestant, contest, load, peer, timed

GMM = """
// Source data x; the K components have logarithms of weights, means, and factors of the inverse of
// their covariance: D logarithms of a diagonal, then what stands below it. `places` [D, D] says
// where in that each number of the matrix is found, behind a zero.
fn objective(
    alphas: float64[K],
    means: float64[K, D],
    factors: float64[K, P],
    x: float64[N, D],
    places: int[D, D],
    gamma: float64,
    m: float64,
) -> float64 {
    let logs = factors[.., 0..D]
    let below = concat([zeros([K, 1], dtype: float64), factors[.., D..P]], axis: 1)
    let centred = broadcast(x, [K, N, D]) - reshape(means, [K, 1, D])
    let turned = centred @ matrix_transpose(gather(below, places, axis: 1)) +
        centred * reshape(exp(logs), [K, 1, D])
    let parts = reshape(alphas + sum(logs, axis: 1), [K, 1]) - 0.5 * sum(turned * turned, axis: 2)
    let prior = 0.5 * gamma * gamma * (sum(exp(logs) ** 2) + sum(below ** 2)) - m * sum(logs)
    sum(logsumexp(parts, axis: 0)) - (N as float64) * logsumexp(alphas) + prior
}

fn gradient(
    alphas: float64[K],
    means: float64[K, D],
    factors: float64[K, P],
    x: float64[N, D],
    places: int[D, D],
    gamma: float64,
    m: float64,
) {
    let f = |a, b, c| objective(a, b, c, x, places, gamma, m)
    grad(f, wrt: (0, 1, 2))(alphas, means, factors)
}
"""
LSTM = """
// Weights and biases of L layers in pairs of rows, four gates beside each other; weights of the
// input, weights and biases of the output; pairs of hidden and cell state; the characters.
fn objective(
    layers: float64[R, Q],
    ends: float64[3, B],
    states: float64[R, B],
    text: float64[T, B],
) -> float64 {
    let total = 0.0
    for t in 1..T {
        let signal = text[t - 1] * ends[0]
        for i in 0..R // 2 {
            let (w, b) = (layers[2 * i], layers[2 * i + 1])
            let (hidden, cell) = (states[2 * i], states[2 * i + 1])
            let forget = sigmoid(signal * w[0..B] + b[0..B])
            let entry = sigmoid(hidden * w[B..2 * B] + b[B..2 * B])
            let exit = sigmoid(signal * w[2 * B..3 * B] + b[2 * B..3 * B])
            let change = tanh(hidden * w[3 * B..4 * B] + b[3 * B..4 * B])
            let kept = cell * forget + entry * change
            signal = exit * tanh(kept)
            states[2 * i] = signal
            states[2 * i + 1] = kept
        }
        let guess = signal * ends[1] + ends[2]
        total += sum(text[t] * (guess - log(sum(exp(guess)) + 2)))
    }
    -total / ((B * (T - 1)) as float64)
}

fn gradient(
    layers: float64[R, Q],
    ends: float64[3, B],
    states: float64[R, B],
    text: float64[T, B],
) {
    grad(|a, b| objective(a, b, states, text), wrt: (0, 1))(layers, ends)
}
"""

D, K, N = 10, 25, 1000
LAYERS, FEATURES, CHARACTERS = 2, 14, 1024
THREADS = 2
Functions = tuple[Callable[..., Any], Callable[..., Any]]  # the objective, its gradient


def mixture() -> tuple[Any, ...]:
    """The arguments of the mixture's objective; the first three are its parameters."""
    rng = np.random.default_rng(0)
    places = np.zeros((D, D), np.int64)
    below = [(i, j) for j in range(D) for i in range(j + 1, D)]  # column by column
    for n, place in enumerate(below):
        places[place] = n + 1
    factors = rng.normal(size=(K, D + len(below)))
    return (
        rng.normal(size=K),
        rng.random((K, D)),
        factors,
        rng.normal(size=(N, D)),
        places,
        1.0,
        0.0,
    )


def characters() -> tuple[Any, ...]:
    """The arguments of the LSTM's objective; the first two are its parameters."""
    rng = np.random.default_rng(0)
    text = np.eye(FEATURES)[rng.integers(0, FEATURES, CHARACTERS)]
    rows = 2 * LAYERS
    layers, ends = rng.normal(size=(rows, 4 * FEATURES)), rng.normal(size=(3, FEATURES))
    return layers, ends, rng.normal(size=(rows, FEATURES)), text


def in_charl(text: str) -> Functions:
    program = load(text)
    return program.objective, program.gradient


# --- The peers -----------------------------------------------------------------------------------


def mixture_in(np_like: Any, logsumexp: Any, concat: Any) -> Any:
    """The mixture's objective in a library whose arrays behave as NumPy's."""

    def objective(
        alphas: Any, means: Any, factors: Any, x: Any, places: Any, gamma: Any, m: Any
    ) -> Any:
        logs, rest = factors[:, :D], factors[:, D:]
        lower = concat([np_like.zeros_like(rest[:, :1]), rest])[:, places]
        centred = x[:, None] - means
        turned = np_like.einsum("kij,nkj->nki", lower, centred) + centred * np_like.exp(logs)
        parts = alphas + logs.sum(1) - 0.5 * (turned**2).sum(2)
        squares = (np_like.exp(logs) ** 2).sum() + (rest**2).sum()
        prior = 0.5 * gamma * gamma * squares - m * logs.sum()
        return logsumexp(parts, 1).sum() - N * logsumexp(alphas, 0) + prior

    return objective


def lstm_step(np_like: Any, sigmoid: Any, layers: Any, ends: Any, states: Any, x: Any) -> Any:
    """The states after a character, and the guess of the next one."""
    b, signal, new = FEATURES, x * ends[0], []
    for i in range(LAYERS):
        w, bias, hidden, cell = layers[2 * i], layers[2 * i + 1], states[2 * i], states[2 * i + 1]
        forget = sigmoid(signal * w[:b] + bias[:b])
        entry = sigmoid(hidden * w[b : 2 * b] + bias[b : 2 * b])
        exit = sigmoid(signal * w[2 * b : 3 * b] + bias[2 * b : 3 * b])
        change = np_like.tanh(hidden * w[3 * b :] + bias[3 * b :])
        cell = cell * forget + entry * change
        signal = exit * np_like.tanh(cell)
        new += [signal, cell]
    guess = signal * ends[1] + ends[2]
    return new, guess - np_like.log(np_like.exp(guess).sum() + 2)


def in_pytorch(torch: Any, name: str, arguments: tuple[Any, ...], parameters: int) -> Functions:
    given = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]

    def lstm(layers: Any, ends: Any, states: Any, text: Any) -> Any:
        total, states = 0.0, list(states)
        for x, target in itertools.pairwise(text):
            states, guess = lstm_step(torch, torch.sigmoid, layers, ends, states, x)
            total = total + (target * guess).sum()
        return -total / (FEATURES * (len(text) - 1))

    mixture = mixture_in(torch, torch.logsumexp, lambda parts: torch.cat(parts, 1))
    objective = mixture if name == "gmm" else lstm

    def value() -> float:
        with torch.no_grad():
            return float(objective(*given))

    def gradient() -> Any:
        leaves = [a.clone().requires_grad_() for a in given[:parameters]]
        return torch.autograd.grad(objective(*leaves, *given[parameters:]), leaves)

    return value, gradient


def in_jax(jax: Any, name: str, arguments: tuple[Any, ...], parameters: int) -> Functions:
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    given = [jnp.asarray(a) for a in arguments]

    def lstm(layers: Any, ends: Any, states: Any, text: Any) -> Any:
        def turn(states: Any, pair: Any) -> Any:
            new, guess = lstm_step(jnp, jax.nn.sigmoid, layers, ends, states, pair[0])
            return jnp.stack(new), (pair[1] * guess).sum()

        _, totals = jax.lax.scan(turn, states, (text[:-1], text[1:]))
        return -totals.sum() / (FEATURES * (len(text) - 1))

    mixture = mixture_in(jnp, jax.nn.logsumexp, lambda parts: jnp.concatenate(parts, 1))
    objective = mixture if name == "gmm" else lstm
    value = jax.jit(objective)
    gradient = jax.jit(jax.grad(objective, tuple(range(parameters))))
    return (
        lambda: float(value(*given)),
        lambda: jax.block_until_ready(gradient(*given)),
    )


# --- Comparing -----------------------------------------------------------------------------------


def demand_same(title: str, name: str, found: Any, wanted: Any) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        error = np.max(np.abs(np.asarray(ours) - np.asarray(theirs)))
        if not error <= 1e-9 * max(1.0, float(np.max(np.abs(np.asarray(theirs))))):
            raise SystemExit(f"{title}: {name} and {CHARL} differ by {error}")


def compare(name: str, text: str, arguments: tuple[Any, ...], parameters: int) -> None:
    charl_value, charl_gradient = in_charl(text)
    functions: dict[str, Functions] = {
        CHARL: (lambda: charl_value(*arguments), lambda: charl_gradient(*arguments))
    }
    for title, module, make in (("PyTorch", "torch", in_pytorch), ("JAX", "jax", in_jax)):
        found = peer(module)
        if found is not None:
            functions[title] = make(found, name, arguments, parameters)
            if module == "torch":
                found.set_num_threads(THREADS)
    value, gradient = (f() for f in functions[CHARL])
    for title, (others, slope) in functions.items():
        demand_same(name, title, [value], [others()])
        demand_same(name, title, gradient, slope())
    values: dict[str, Contestant] = {}
    gradients: dict[str, Contestant] = {}
    for title, (one, other) in functions.items():
        times = 1 if name == "lstm" and title == "PyTorch" else 20
        values[title], gradients[title] = timed(one, times), timed(other, times)
    goals = {"PyTorch": 1.0, "JAX": 1.0}
    contest(f"{name} objective", values, goals, turns=5, warm_up=1)
    contest(f"{name} gradient", gradients, goals, turns=5, warm_up=1)
    both = {"objective": values[CHARL], CHARL: gradients[CHARL]}
    ratios = contest(f"{name}: cost of a gradient", both, {"objective": 1 / 4}, turns=9)
    print(f"{name}: a gradient costs {1 / ratios['objective']:.2f} objectives (at most 4)")


def main() -> None:
    wanted = sys.argv[1:] or ["gmm", "lstm"]
    if "gmm" in wanted:
        compare("gmm", GMM, mixture(), 3)
    if "lstm" in wanted:
        compare("lstm", LSTM, characters(), 2)


if __name__ == "__main__":
    main()
