"""Random draws, compiled: the interpreter's numbers to the last bit, from the same state to the
same state, however many threads make them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from native.single import Call, function

from charl.core.ir import Program
from charl.core.op import REGISTRY, Fault
from charl.diagnostics.diagnostic import CharlError
from charl.draws import State, drawing
from charl.ops.random import normal
from charl.runtime.library import library
from charl.runtime.machine import NativeMachine
from charl.types import dtypes

DRAWS = ("random_uniform", "random_normal", "random_int", "permutation", "bernoulli", "categorical")
STATES = (State(), State(42, 7), State(2**64 - 1, 2**64 - 1))


def both(call: Call, begun: State) -> tuple[Any, State, Any, State]:
    """What a draw gives natively and on the interpreter, and the states after."""
    machine = NativeMachine(Program({"f": function(call, "f")}, "f"), ("f",))
    given = [x for x in call.operands if call.dynamic or not isinstance(x, int)]
    native, interpreted = (State(begun.seed, begun.draws) for _ in range(2))
    with drawing(native):
        found = machine.call("f", given)
    with drawing(interpreted), np.errstate(all="ignore"):
        expected = REGISTRY[call.op].evaluate(*call.operands, **call.attributes)
    return found[0] if found else (), native, expected, interpreted


def assert_same(call: Call, begun: State) -> None:
    found, native, expected, interpreted = both(call, begun)
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype and found.shape == expected.shape, call
    assert found.tobytes() == np.ascontiguousarray(expected).tobytes(), call
    assert native == interpreted, call


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", DRAWS)
def test_the_samples(name: str, dynamic: bool) -> None:
    samples = REGISTRY[name].samples
    assert samples is not None
    for sample, begun in zip(samples(), STATES * 10):
        assert_same(Call(name, sample.operands, dict(sample.attributes), dynamic), begun)


# Around the words of a block, a batch and the stretch of a thread.
@pytest.mark.parametrize("n", [1, 3, 4, 5, 511, 512, 513, (1 << 14) - 1, (1 << 14) + 1, 100_003])
def test_every_length(n: int) -> None:
    for dtype in (dtypes.FLOAT32, dtypes.FLOAT64):
        for name in ("random_uniform", "random_normal"):
            assert_same(Call(name, (n,), {"dtype": dtype}, dynamic=True), State(3, 9))
    assert_same(Call("random_int", (-3, 1 << 40, n), dynamic=True), State(4, 0))
    assert_same(Call("permutation", (n,), dynamic=True), State(5, 0))
    chances = np.linspace(0, 1, n, dtype=np.float32)
    assert_same(Call("bernoulli", (chances,)), State(6, 0))
    assert_same(Call("categorical", (np.stack([chances, 2 * chances, -chances]),)), State(7, 0))
    assert_same(Call("categorical", (np.stack([chances, 2 * chances, -chances], 1),)), State(8, 0))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
@pytest.mark.parametrize("dynamic", [False, True])
def test_draws_of_nothing(shape: tuple[int, ...], dynamic: bool) -> None:
    """They leave the state as the interpreter's do."""
    for dtype in (dtypes.FLOAT32, dtypes.FLOAT64, dtypes.FLOAT16):
        for name in ("random_uniform", "random_normal"):
            assert_same(Call(name, shape, {"dtype": dtype}, dynamic), State(3, 9))
    assert_same(Call("random_int", (-3, 7, *shape), dynamic=dynamic), State(4, 0))
    assert_same(Call("permutation", (0,), dynamic=dynamic), State(5, 0))
    chances = np.zeros(shape, np.float32)
    assert_same(Call("bernoulli", (chances,), dynamic=dynamic), State(6, 0))
    if shape[-1]:
        assert_same(Call("categorical", (chances,), dynamic=dynamic), State(7, 0))


def test_choices_among_what_is_not_a_number() -> None:
    nan, inf = np.nan, np.inf
    logits = np.array([[nan, 1, nan], [inf, inf, 0], [-inf, -inf, -inf], [0, nan, inf]])
    for dtype in ("float64", "float32", "float16"):
        assert_same(Call("categorical", (logits.astype(dtype),)), State(1, 1))


def test_the_tails_of_the_normal_distribution() -> None:
    tails = [0, 1, 4095, 4096, 1 << 20, 1 << 28, 1 << 40, 1 << 60]
    middle = [int(p * 2**64) + d for p in (0.075, 0.5, 0.925) for d in range(-4096, 8192, 4096)]
    words = np.array([*tails, *(2**64 - 1 - t for t in tails), *middle], np.uint64)
    found = np.empty(len(words))
    pointers = (ctypes.c_void_p(a.ctypes.data) for a in (words, found))
    library().charl_normal(*pointers, ctypes.c_int64(len(words)))
    assert found.tobytes() == normal(words).tobytes()
    assert found[0] < -8 and found[len(tails)] > 8


@pytest.mark.parametrize(
    "call",
    [
        Call("random_int", (3, 3, 2), dynamic=True),
        Call("random_int", (0, 3, -1), dynamic=True),
        Call("random_normal", (-2,), dynamic=True),
        Call("permutation", (-1,), dynamic=True),
        Call("bernoulli", (np.array([0.5, 1.5]),)),
        Call("bernoulli", (np.array([0.5, np.nan], "float32"),)),
        Call("categorical", (np.zeros((2, 0)),), dynamic=True),
    ],
    ids=lambda call: call.op,
)
def test_a_draw_that_cannot_be_made(call: Call) -> None:
    with pytest.raises(Fault) as fault:
        REGISTRY[call.op].evaluate(*call.operands)
    with pytest.raises(CharlError) as error:
        both(call, State())
    assert error.value.diagnostics[0].message == fault.value.message


PROGRAM = """
from random import choice, shuffle
fn draws(n: int) -> (float32[2], float32) {
    let first = random_uniform([2])
    if n > 0 { (first, random_normal([])) } else { (first, 0.0) }
}
seed(7)
print(draws(1), draws(0))
let x = random_normal([40000])
print(x[0], x[39999], permutation(70), random_int(0, 10, []))
let y = with mode = training { dropout(0.3)(random_normal([300, 100])) }
print(y[299])
seed(7)
print(draws(1), choice([1, 2, 3]), shuffle(tensor([1, 2, 3, 4, 5])))
"""


def output(backend: str, threads: int, file: str) -> str:
    environment = {**os.environ, "CHARL_THREADS": str(threads)}
    command = [sys.executable, "-m", "charl", "run", "--backend", backend, file]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_program(tmp_path: Any) -> None:
    file = tmp_path / "draws.ch"
    file.write_text(PROGRAM)
    expected = output("interpreter", 1, str(file))
    found: Sequence[str] = [output("native", threads, str(file)) for threads in (1, 2, 3)]
    assert found == [expected] * 3
