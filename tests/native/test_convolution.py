"""Convolution and pooling, compiled, agree with the interpreter: every geometry there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from native.single import Call, assert_agrees, assert_same_for_any_threads, interpreted, run

from charl.core.op import REGISTRY
from charl.ops.windows import geometry

CONVOLUTIONS = ("conv", "conv_input_gradient", "conv_filter_gradient")
POOLINGS = (
    "window_max",
    "window_argmax",
    "window_max_gradient",
    "window_sum",
    "window_sum_gradient",
)


def check(calls: list[Call]) -> None:
    for call, found in zip(calls, run(calls)):
        assert_agrees(call, found, 64)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", [*CONVOLUTIONS, *POOLINGS])
def test_samples(name: str, dynamic: bool) -> None:
    samples = REGISTRY[name].samples
    assert samples is not None
    check([Call(name, s.operands, dict(s.attributes), dynamic) for s in samples()])


def random_geometry(rng: np.random.Generator, n: int, dilated: bool) -> dict[str, Any]:
    def integers(low: int, high: int, count: int) -> tuple[int, ...]:
        return tuple(int(i) for i in rng.integers(low, high, count))

    found = {"strides": integers(1, 4, n), "padding": integers(0, 2, 2 * n)}
    return found | ({"dilation": integers(1, 3, n)} if dilated else {})


def random_convolution(rng: np.random.Generator, dynamic: bool) -> list[Call]:
    """A convolution and its gradients."""
    n, groups = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    attributes = random_geometry(rng, n, True)
    g = geometry(attributes, n)
    window = [int(k) for k in rng.integers(1, 4, n)]
    sizes = [int(g.extent(i, k) + rng.integers(0, 14)) for i, k in enumerate(window)]
    channels, filters = (int(c) for c in rng.integers(1, 4, 2))
    images = int(rng.integers(0, 5))
    dtype = rng.choice(["float32", "float64"])
    x = rng.standard_normal((images, groups * channels, *sizes)).astype(dtype)
    w = rng.standard_normal((groups * filters, channels, *window)).astype(dtype)
    attributes["groups"] = groups
    call = Call("conv", (x, w), attributes, dynamic)
    dy = rng.standard_normal(interpreted(call).shape).astype(dtype)
    return [
        call,
        Call("conv_input_gradient", (dy, w, *sizes), attributes, dynamic),
        Call("conv_filter_gradient", (x, dy, *window), attributes, dynamic),
    ]


def random_pooling(rng: np.random.Generator, dynamic: bool) -> list[Call]:
    n = int(rng.integers(1, 4))
    window = tuple(int(k) for k in rng.integers(2, 5, n))
    attributes = random_geometry(rng, n, False) | {"window": window}
    sizes = [int(k + rng.integers(0, 12)) for k in window]
    dtype = rng.choice(["float32", "float64"])
    x = rng.integers(-4, 4, (2, int(rng.integers(1, 4)), *sizes)).astype(dtype)
    if rng.random() < 0.3:
        x.flat[int(rng.integers(0, x.size))] = np.nan
    calls = [Call(name, (x,), attributes, dynamic) for name in POOLINGS if "gradient" not in name]
    dy = rng.standard_normal(interpreted(calls[0]).shape).astype(dtype)
    return [
        *calls,
        Call("window_max_gradient", (x, dy), attributes, dynamic),
        Call("window_sum_gradient", (dy, *sizes), attributes, dynamic),
    ]


@pytest.mark.parametrize("dynamic", [False, True])
def test_random_convolutions(dynamic: bool) -> None:
    rng = np.random.default_rng(1)
    check([call for _ in range(25) for call in random_convolution(rng, dynamic)])


@pytest.mark.parametrize("dynamic", [False, True])
def test_random_poolings(dynamic: bool) -> None:
    rng = np.random.default_rng(2)
    check([call for _ in range(20) for call in random_pooling(rng, dynamic)])


def test_images_that_do_not_fit_the_cache() -> None:
    rng = np.random.default_rng(3)
    attributes = {"strides": (1,), "padding": (2,), "dilation": (1,), "groups": 1}
    x = rng.standard_normal((3, 8, 90, 100)).astype("float32")
    w = rng.standard_normal((5, 8, 5, 5)).astype("float32")
    dy = rng.standard_normal((3, 5, 90, 100)).astype("float32")
    check(
        [
            Call("conv", (x, w), attributes),
            Call("conv_input_gradient", (dy, w, 90, 100), attributes),
            Call("conv_filter_gradient", (x, dy, 5, 5), attributes),
        ]
    )


PROGRAM = """
import hashlib, sys
import numpy as np
sys.path.insert(0, "tests")
from native.single import Call, run
rng = np.random.default_rng(0)
attributes = {"strides": (1,), "padding": (1,), "dilation": (1,), "groups": 1}
x = rng.standard_normal((50, 4, 20, 20)).astype("float32")
w = rng.standard_normal((7, 4, 3, 3)).astype("float32")
dy = rng.standard_normal((50, 7, 20, 20)).astype("float32")
pooled = {"window": (2, 2), "strides": (2,), "padding": (0,)}
calls = [
    Call("conv", (x, w), attributes),
    Call("conv_input_gradient", (dy, w, 20, 20), attributes),
    Call("conv_filter_gradient", (x, dy, 3, 3), attributes),
    Call("window_max_gradient", (x, dy[:, :4, ::2, ::2]), pooled),
]
print(hashlib.sha256(b"".join(x.tobytes() for x in run(calls))).hexdigest())
"""


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    assert_same_for_any_threads(PROGRAM)
