"""Row by row: softmax, layer norm and cross entropy of 4096 x 1024, against torch.compile and JAX.

    python benchmarks/rows.py [softmax|layer_norm|cross_entropy] [forward|backward]

float32, two inputs by turns. `backward` is forward and backward in one: the result, and the
gradients with respect to all that is float, for a given cotangent of the result (of the loss: 1).
In Charl the loop of a turn is one call.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from measure import Contestant, by_turns, contest, load, peer

PROGRAM = """
from nn import LayerNorm
from loss import cross_entropy

fn softmax_forward(x: float32[R, C], dy: float32[R, C]) {{ softmax(x) }}
fn softmax_backward(x: float32[R, C], dy: float32[R, C]) {{
    let (y, back) = vjp(softmax, x)
    (y, back(dy))
}}

fn layer_norm_forward(norm: LayerNorm[C], x: float32[R, C], dy: float32[R, C]) {{ norm(x) }}
fn layer_norm_backward(norm: LayerNorm[C], x: float32[R, C], dy: float32[R, C]) {{
    let (y, back) = vjp(|operands| {{ let (norm, x) = operands; norm(x) }}, (norm, x))
    (y, back(dy))
}}

fn cross_entropy_forward(x: float32[R, C], labels: int[R]) {{ cross_entropy(x, labels) }}
fn cross_entropy_backward(x: float32[R, C], labels: int[R]) {{
    value_and_grad(cross_entropy)(x, labels)
}}

type Rows = float32[{rows}, {columns}]

fn run(xs: [Rows], dy: Rows, labels: int[{rows}], steps: int) {{
    let _norm = LayerNorm[{columns}]()
    let x = xs[0]
    let y = {call}
    let start = clock()
    for i in 0..steps {{
        x = xs[i % 2]
        y = {call}
    }}
    ((clock() - start) / (steps as float), y)
}}
"""
CALLS = {
    "softmax": "softmax_{way}(x, dy)",
    "layer_norm": "layer_norm_{way}(_norm, x, dy)",
    "cross_entropy": "cross_entropy_{way}(x, labels)",
}
WAYS = ("forward", "backward")
ROWS, COLUMNS = 4096, 1024
STEPS = 10
GOALS = {"torch.compile": 1, "JAX": 1}


def in_charl(work: str, way: str, xs: Sequence[Any], dy: Any, labels: Any) -> Contestant:
    call = CALLS[work].format(way=way)
    program = load(PROGRAM.format(rows=ROWS, columns=COLUMNS, call=call))
    return lambda: float(program.run(list(xs), dy, labels, STEPS)[0])


def in_pytorch(
    torch: Any, work: str, way: str, xs: Sequence[Any], dy: Any, labels: Any
) -> Contestant:
    functional = torch.nn.functional
    inputs = [torch.from_numpy(x).requires_grad_(way == "backward") for x in xs]
    scale = torch.ones(COLUMNS, requires_grad=way == "backward")
    shift = torch.zeros(COLUMNS, requires_grad=way == "backward")
    cotangent, classes = torch.from_numpy(dy), torch.from_numpy(labels)
    function, parameters = {
        "softmax": (lambda x: functional.softmax(x, -1), ()),
        "layer_norm": (
            lambda x: functional.layer_norm(x, (COLUMNS,), scale, shift),
            (scale, shift),
        ),
        "cross_entropy": (lambda x: functional.cross_entropy(x, classes), ()),
    }[work]
    compiled = torch.compile(function)

    def backward(x: Any) -> Any:
        y = compiled(x)
        given = None if work == "cross_entropy" else cotangent
        return y, torch.autograd.grad(y, (x, *parameters), given)

    return by_turns(backward if way == "backward" else compiled, inputs, lambda y: None, STEPS)


def in_jax(jax: Any, work: str, way: str, xs: Sequence[Any], dy: Any, labels: Any) -> Contestant:
    jnp = jax.numpy
    inputs = [jnp.asarray(x) for x in xs]
    scale, shift = jnp.ones(COLUMNS), jnp.zeros(COLUMNS)
    cotangent, classes = jnp.asarray(dy), jnp.asarray(labels)

    def layer_norm(x: Any, scale: Any, shift: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        spread = (centred * centred).mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(spread + 1e-5) * scale + shift

    def cross_entropy(x: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(x), classes[:, None], 1).mean()

    function, parameters = {
        "softmax": (jax.nn.softmax, ()),
        "layer_norm": (layer_norm, (scale, shift)),
        "cross_entropy": (cross_entropy, ()),
    }[work]

    def backward(x: Any, cotangent: Any, *parameters: Any) -> Any:
        y, back = jax.vjp(function, x, *parameters)
        return y, back(jnp.ones(()) if work == "cross_entropy" else cotangent)

    if way == "forward":
        forward = jax.jit(function)
        return by_turns(lambda x: forward(x, *parameters), inputs, jax.block_until_ready, STEPS)
    both = jax.jit(backward)
    return by_turns(lambda x: both(x, cotangent, *parameters), inputs, jax.block_until_ready, STEPS)


def main() -> None:
    works = [a for a in sys.argv[1:] if a in CALLS] or list(CALLS)
    ways = [a for a in sys.argv[1:] if a in WAYS] or list(WAYS)
    torch, jax = peer("torch"), peer("jax")
    rng = np.random.default_rng(0)
    *xs, dy = (rng.standard_normal((ROWS, COLUMNS)).astype(np.float32) for _ in range(3))
    labels = rng.integers(0, COLUMNS, ROWS)
    for work in works:
        for way in ways:
            operands = (work, way, xs, dy, labels)
            runs = {"Charl": in_charl(*operands)}
            if torch:
                runs["torch.compile"] = in_pytorch(torch, *operands)
            if jax:
                runs["JAX"] = in_jax(jax, *operands)
            contest(f"{work}, {way}", runs, GOALS)


if __name__ == "__main__":
    main()
