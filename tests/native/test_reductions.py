"""Reductions of all sizes: against NumPy, and the same bits for any number of threads."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import charl
from charl.core.op import REGISTRY

ROOT = Path(__file__).parents[2]
PROGRAM = """
fn everything(x: float32[N, M]) {
    let rows = [sum(x), max(x), min(x), mean(exp(x)), sum(abs(x), axis: [0, 1])]
    let columns = [sum(x, axis: 0), max(x, axis: 0), min(-x, axis: 0), mean(tanh(x), axis: 0)]
    (rows, columns, sum(x * x, axis: 0, keep_dims: true), all(x < 9), any(x < -9))
}
fn integers(x: int[N]) { (sum(x), min(x), max(x)) }
"""
SHAPES = [(1, 1), (1, 300_000), (16, 5000), (17, 5000), (999, 33), (30_011, 7), (200_000, 1)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> charl.Program:
    path = tmp_path_factory.mktemp("reductions") / "reductions.ch"
    path.write_text(PROGRAM)
    return charl.load(path, backend="native")


@pytest.mark.parametrize("shape", SHAPES)
def test_against_numpy(program: charl.Program, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    wide = x.astype(np.float64)
    everything, columns, squares, below, under = program.everything(x)
    total = [wide.sum(), wide.max(), wide.min(), np.exp(wide).mean(), np.abs(wide).sum()]
    np.testing.assert_allclose(everything, total, rtol=1e-4, atol=1e-4 * np.sqrt(x.size))
    expected = [wide.sum(0), wide.max(0), (-wide).min(0), np.tanh(wide).mean(0)]
    np.testing.assert_allclose(columns, expected, rtol=1e-4, atol=1e-4 * np.sqrt(len(x)))
    np.testing.assert_allclose(squares, (wide * wide).sum(0, keepdims=True), rtol=1e-4)
    assert (below, under) == (True, False)


@pytest.mark.parametrize("count", [1, 70_000, 1_000_003])
def test_integers_are_exact(program: charl.Program, count: int) -> None:
    x = np.random.default_rng(1).integers(-(1 << 40), 1 << 40, count)
    assert program.integers(x) == (x.sum(), x.min(), x.max())


def test_of_nothing(program: charl.Program) -> None:
    with pytest.raises(charl.Error):
        program.integers(np.zeros(0, np.int64))


def test_not_a_number_is_found_in_every_part(program: charl.Program) -> None:
    for place in (0, 40_000, 199_999):
        x = np.zeros((200_000, 1), np.float32)
        x[place] = np.nan
        everything, columns, *_ = program.everything(x)
        assert np.isnan(everything).all() and np.isnan(np.ravel(columns)).all()


# Long sums, of products that are never in memory: sizes that the compiler knows and sizes that only
# the run does, of all elements, of rows, and of the columns of the whole or of matrices.
LONG = """
fn flat(x: float32[N]) { sum(x) }
fn outer(x: float32[N], y: float32[M]) { sum(broadcast(reshape(x, [N, 1]), [N, M]) * y) }
fn columns(x: float32[N], y: float32[M]) {
    sum(broadcast(reshape(x, [N, 1]), [N, M]) * y, axis: 0)
}
fn stack(x: float32[N], y: float32[M]) {
    sum(broadcast(reshape(x, [N, 1]), [2, N, M]) * y, axis: [0, 1])
}
fn middle(x: float32[N], y: float32[M]) {
    sum(broadcast(reshape(x, [N, 1]), [2, N, M]) * y, axis: 1)
}
fn known(x: float32[10000], y: float32[10000]) {
    sum(broadcast(reshape(x, [10000, 1]), [10000, 10000]) * y)
}
fn known_rows(x: float32[3], y: float32[5000000]) {
    sum(broadcast(reshape(x, [3, 1]), [3, 5000000]) * y, axis: 1)
}
fn known_columns(x: float32[20000000], y: float32[2]) {
    sum(broadcast(reshape(x, [20000000, 1]), [20000000, 2]) * y, axis: 0)
}
"""
MANY = 20_000_000
LONG_SUMS = [
    ("outer", 10_000, 10_000),
    ("outer", 3, MANY),
    ("outer", MANY, 3),
    ("columns", MANY, 2),
    ("columns", 20_000, 2100),
    ("stack", MANY, 1),
    ("middle", MANY, 2),
    ("known", 10_000, 10_000),
    ("known_rows", 3, 5_000_000),
    ("known_columns", MANY, 2),
]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> charl.Program:
    path = tmp_path_factory.mktemp("long") / "long.ch"
    path.write_text(LONG)
    return charl.load(path, backend="native")


@pytest.mark.parametrize(("name", "n", "m"), LONG_SUMS)
def test_ones_are_counted(long: charl.Program, name: str, n: int, m: int) -> None:
    found = np.asarray(getattr(long, name)(np.ones(n, np.float32), np.ones(m, np.float32)))
    terms = {"columns": n, "stack": 2 * n, "middle": n, "rows": m}
    assert (found == terms.get(name.removeprefix("known_"), n * m)).all()


@pytest.mark.parametrize("count", [5000, 1_000_003])
def test_a_sum_is_near_the_exact_one(long: charl.Program, count: int) -> None:
    x = np.random.default_rng(3).standard_normal(count).astype(np.float32)
    words = x.tolist()
    off = abs(float(long.flat(x)) - math.fsum(words))
    assert off <= 2 * 2.0**-24 * math.fsum(map(abs, words))


@pytest.mark.parametrize(("name", "n", "m"), LONG_SUMS)
def test_long_sums_are_accurate(long: charl.Program, name: str, n: int, m: int) -> None:
    """Off by 2 roundings of the sum of all sizes at most, however many there are."""
    rng = np.random.default_rng(2)
    x, y = (rng.standard_normal(size).astype(np.float32) for size in (n, m))
    found = np.asarray(getattr(long, name)(x, y), np.float64)
    a, b = float(x.sum(dtype=float)), float(y.sum(dtype=float))
    sizes = float(np.abs(x).sum(dtype=float)), float(np.abs(y).sum(dtype=float))
    expected, size = {
        "columns": (a * y, sizes[0] * np.abs(y)),
        "stack": (2 * a * y, 2 * sizes[0] * np.abs(y)),
        "middle": (a * y, sizes[0] * np.abs(y)),
        "rows": (x * b, np.abs(x) * sizes[1]),
    }.get(name.removeprefix("known_"), (a * b, sizes[0] * sizes[1]))
    assert (np.abs(found - expected) <= 2 * 2.0**-24 * size).all()


def test_the_interpreter_counts_rows_too() -> None:
    x = np.ones(((1 << 24) + 2, 2), np.float32)
    assert (REGISTRY["reduce_sum"].evaluate(x, axis=(0,)) == len(x)).all()


def test_any_number_of_threads_gives_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "reductions.ch").write_text(PROGRAM)
    script = f"""
import charl, numpy as np
program = charl.load({str(tmp_path / "reductions.ch")!r}, backend="native")
for shape in {SHAPES}:
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    print([np.asarray(y).tobytes().hex() for y in program.everything(x)])
"""
    told = set()
    for threads in ("1", "2", "3"):
        env = dict(os.environ, CHARL_THREADS=threads, PYTHONPATH=str(ROOT))
        run = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=120
        )
        assert run.returncode == 0, run.stderr
        told.add(run.stdout)
    assert len(told) == 1
