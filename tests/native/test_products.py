"""Matrix products and contractions, compiled, agree with the interpreter: every shape and order."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from native.single import Call, assert_agrees, assert_same_for_any_threads, run

from charl.core.op import REGISTRY
from charl.types import dtypes

FLOATS = ("float32", "float64")
EVERY = (*FLOATS, "float16", "bfloat16", "int8", "int16", "int32", "int64")


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    numpy = dtypes.BY_NAME[dtype].numpy
    if dtype.startswith("int"):
        return rng.integers(-100, 100, shape).astype(numpy)
    return rng.standard_normal(shape).astype(numpy)


def check(calls: list[Call]) -> None:
    for call, found in zip(calls, run(calls)):
        summed = max(np.size(call.operands[0]), 1)
        assert_agrees(call, found, 4 * np.sqrt(summed))


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", ["matmul", "contract"])
def test_samples(name: str, dynamic: bool) -> None:
    samples = REGISTRY[name].samples
    assert samples is not None
    check([Call(name, s.operands, dict(s.attributes), dynamic) for s in samples()])


SIZES = [
    (1, 1, 1), (1, 5, 1), (3, 1, 4), (2, 3, 2), (4, 8, 8), (5, 7, 17), (13, 9, 3), (1, 32, 33),
    (31, 20, 1), (2, 50, 20), (0, 3, 2), (3, 0, 2), (3, 2, 0), (20, 30, 20), (40, 40, 40),
    (70, 300, 130),
]  # fmt: skip


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("dynamic", [False, True])
def test_every_size_and_order(dtype: str, dynamic: bool) -> None:
    rng = np.random.default_rng(1)
    calls = []
    sizes = SIZES if dtype in FLOATS else SIZES[::3]
    for (m, k, n), left, right in product(sizes, (None, (1, 0)), (None, (1, 0))):
        x, y = draw(rng, (m, k), dtype), draw(rng, (k, n), dtype)
        calls.append(Call("matmul", (x, y), {}, dynamic, (left, right)))
    check(calls)


@pytest.mark.parametrize("dynamic", [False, True])
def test_stacks(dynamic: bool) -> None:
    rng = np.random.default_rng(2)
    calls = []
    swap = (0, 1, 3, 2)
    for shape, m, k, n in [((2, 3), 4, 5, 6), ((0, 2), 2, 2, 2), ((6, 4), 33, 40, 70)]:
        for left, right in product((None, swap, (2, 0, 3, 1)), (None, swap)):
            x, y = draw(rng, (*shape, m, k), "float32"), draw(rng, (*shape, k, n), "float32")
            calls.append(Call("matmul", (x, y), {}, dynamic, (left, right)))
    check(calls)


def random_contraction(rng: np.random.Generator, dtype: str, dynamic: bool) -> Call:
    """Axes of every role in any order, and each operand perhaps a transpose."""
    batch, summed = (rng.integers(0, 3) for _ in range(2))
    left, right = (int(rng.integers(0, 3)) for _ in range(2))
    sizes = [int(rng.choice([1, 2, 3, 4, 9])) for _ in range(batch + summed)]
    rank_a, rank_b = batch + summed + left, batch + summed + right
    axes_a, axes_b = rng.permutation(rank_a), rng.permutation(rank_b)
    shape_a = [int(rng.choice([1, 2, 5])) for _ in range(rank_a)]
    shape_b = [int(rng.choice([1, 3, 6])) for _ in range(rank_b)]
    for n, size in enumerate(sizes):
        shape_a[axes_a[n]] = shape_b[axes_b[n]] = size
    attributes = {
        "left_batch": tuple(int(i) for i in axes_a[:batch]),
        "right_batch": tuple(int(i) for i in axes_b[:batch]),
        "left_axes": tuple(int(i) for i in axes_a[batch : batch + summed]),
        "right_axes": tuple(int(i) for i in axes_b[batch : batch + summed]),
    }
    orders = []
    for rank in (rank_a, rank_b):
        turned = rank > 0 and rng.random() < 0.5
        orders.append(tuple(int(i) for i in rng.permutation(rank)) if turned else None)
    operands = (draw(rng, tuple(shape_a), dtype), draw(rng, tuple(shape_b), dtype))
    return Call("contract", operands, attributes, dynamic, tuple(orders))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dynamic", [False, True])
def test_random_contractions(seed: int, dynamic: bool) -> None:
    rng = np.random.default_rng(seed)
    dtypes = ("float64", "float32", "int32", "bfloat16")
    check([random_contraction(rng, dtypes[n % 4], dynamic) for n in range(32)])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_row(bad: float) -> None:
    rng = np.random.default_rng(3)
    calls = []
    for m, k, n in [(3, 4, 5), (1, 40, 200), (70, 100, 90), (9, 200, 1)]:
        x, y = draw(rng, (m, k), "float32"), draw(rng, (k, n), "float32")
        x[m // 2, k // 2] = bad
        calls.append(Call("matmul", (x, y), {}, True))
    check(calls)


PROGRAM = """
import hashlib, sys
import numpy as np
sys.path.insert(0, "tests")
from native.single import Call, run
rng = np.random.default_rng(0)
calls = []
for m, k, n in [(300, 200, 130), (5, 600, 900), (1, 2000, 700), (1000, 10, 3)]:
    x, y = rng.standard_normal((m, k)), rng.standard_normal((k, n))
    calls.append(Call("matmul", (x.astype("float32"), y.astype("float32")), {}, True))
x, y = rng.standard_normal((40, 30, 20)), rng.standard_normal((40, 20, 50))
calls.append(Call("matmul", (x, y), {}, True))
print(hashlib.sha256(b"".join(x.tobytes() for x in run(calls))).hexdigest())
"""


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    assert_same_for_any_threads(PROGRAM)
