"""Reductions of all sizes: against NumPy, and the same bits for any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import charl

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
