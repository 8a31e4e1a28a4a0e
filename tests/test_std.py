"""The numbers of the standard library against SciPy, and its optimisers against their papers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose
from pages import run_program

import charl
from charl import driver

X = np.linspace(-30, 30, 61)

FILES = sorted((Path(charl.__file__).parent / "std").glob("*.ch"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_library_checks_without_a_warning(path: Path) -> None:
    assert not driver.check(driver.read_source(str(path))).warnings


def values(program: str) -> list[Any]:
    """What a program prints, line by line, as numbers and lists of numbers."""
    outcome = run_program(program)
    assert not outcome.error, outcome.error
    return [json.loads(line) for line in outcome.output.splitlines()]


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu(x)": lambda x: np.maximum(x, 0),
    "leaky_relu(x, slope: 0.2)": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu(x)": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "sigmoid(x)": scipy.special.expit,
    "log_sigmoid(x)": scipy.special.log_expit,
    "softplus(x)": lambda x: np.logaddexp(x, 0),
    "gelu(x)": lambda x: x * scipy.special.ndtr(x),
    "silu(x)": lambda x: x * scipy.special.expit(x),
    "softmax(x)": scipy.special.softmax,
    "log_softmax(x)": scipy.special.log_softmax,
    "tensor([logsumexp(x)])": lambda x: [scipy.special.logsumexp(x)],
}


@pytest.mark.parametrize("call", ACTIVATIONS)
def test_activation(call: str) -> None:
    (found,) = values(f"let x = arange(61) as float - 30\nprint({call})")
    assert_allclose(found, ACTIVATIONS[call](X), rtol=1e-12, atol=1e-15)


SLOPES: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda x: scipy.special.expit(x) * scipy.special.expit(-x),
    "softplus": scipy.special.expit,
    "log_sigmoid": lambda x: scipy.special.expit(-x),
    "gelu": lambda x: scipy.special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
    "silu": lambda x: scipy.special.expit(x) * (1 + x * scipy.special.expit(-x)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slope_of_activation(name: str) -> None:
    (found,) = values(f"let x = arange(61) as float - 30\nprint(grad(|x| sum({name}(x)))(x))")
    assert_allclose(found, SLOPES[name](X), rtol=1e-9, atol=1e-13)


def test_functions_of_numbers() -> None:
    found = values(
        """
        import math
        let x = (arange(10) as float - 4.5) * 3
        print(math.cbrt(x))
        print(math.hypot(x, flip(x)))
        print(math.log2(abs(x)))
        print(math.log10(abs(x)))
        print(math.exp2(x))
        """
    )
    x = (np.arange(10) - 4.5) * 3
    wanted = [np.cbrt(x), np.hypot(x, x[::-1]), np.log2(abs(x)), np.log10(abs(x)), np.exp2(x)]
    for one, other in zip(found, wanted):
        assert_allclose(one, other, rtol=1e-14, atol=1e-15)


# --- Optimisers ----------------------------------------------------------------------------------

Step = Callable[[Any, Any, dict[str, Any], int], Any]


def sgd(w: Any, g: Any, state: dict[str, Any], t: int) -> Any:
    return w - 0.1 * g


def momentum(w: Any, g: Any, state: dict[str, Any], t: int) -> Any:
    state["v"] = 0.9 * state.get("v", 0) + g
    return w - 0.02 * state["v"]


def nesterov(w: Any, g: Any, state: dict[str, Any], t: int) -> Any:
    state["v"] = 0.9 * state.get("v", 0) + g
    return w - 0.02 * (g + 0.9 * state["v"])


def adam(w: Any, g: Any, state: dict[str, Any], t: int) -> Any:
    """Kingma and Ba, algorithm 1."""
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * g * g
    m_hat, v_hat = state["m"] / (1 - 0.9**t), state["v"] / (1 - 0.999**t)
    return w - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-8)


def adamw(w: Any, g: Any, state: dict[str, Any], t: int) -> Any:
    return adam(w, g, state, t) - 0.1 * 0.3 * w


def rmsprop(w: Any, g: Any, state: dict[str, Any], t: int) -> Any:
    state["v"] = 0.99 * state.get("v", 0) + 0.01 * g * g
    return w - 0.1 * g / (np.sqrt(state["v"]) + 1e-8)


def adagrad(w: Any, g: Any, state: dict[str, Any], t: int) -> Any:
    state["v"] = state.get("v", 0) + g * g
    return w - 0.1 * g / (np.sqrt(state["v"]) + 1e-10)


OPTIMISERS: dict[str, Step] = {
    "sgd(w, rate: 0.1)": sgd,
    "sgd(w, rate: 0.02, momentum: 0.9)": momentum,
    "sgd(w, rate: 0.02, momentum: 0.9, nesterov: true)": nesterov,
    "adam(w, rate: 0.1)": adam,
    "adamw(w, rate: 0.1, decay: 0.3)": adamw,
    "rmsprop(w, rate: 0.1)": rmsprop,
    "adagrad(w, rate: 0.1)": adagrad,
}


@pytest.mark.parametrize("call", OPTIMISERS)
def test_optimiser(call: str) -> None:
    """Ten steps down sum(w^4 - 3 w) from a matrix."""
    found = values(
        f"""
        from optim import {call.split("(")[0]}
        let w: float[2, 2] = [[1.5, -0.5], [0.25, 2]]
        let optimiser = {call}
        for t in 0..10 {{
            optimiser.step(w, grad(|w| sum(w ** 4 - 3 * w))(w))
            print(w)
        }}
        """
    )
    w, state = np.array([[1.5, -0.5], [0.25, 2.0]]), {}
    for t, line in enumerate(found, 1):
        w = OPTIMISERS[call](w, 4 * w**3 - 3, state, t)
        assert_allclose(line, w, rtol=1e-9)
