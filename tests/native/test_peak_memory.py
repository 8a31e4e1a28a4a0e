"""The peak that is told without a run, against what a run has in use at most."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from charl import driver
from charl.backend.llvm.storage import native_footprint
from charl.runtime.library import library
from charl.runtime.machine import NativeMachine
from charl.source import Source
from charl.tools.footprint import memory_of
from charl.transform.memory import Footprint
from charl.types import dims
from charl.types.dims import Known

ROOT = Path(__file__).resolve().parents[2]


def compared(text: str) -> tuple[Footprint, int]:
    """What the analysis says of a program, and what its tensors take in a run."""
    program = driver.compile_checked(driver.check(Source("case.ch", text)))
    found = native_footprint(program)
    machine = NativeMachine(program, (program.entry,))
    original, peaks = machine._run, []

    def measured(entry: int, slots: object) -> int:
        status = original(entry, slots)
        peaks.append(library().charl_tensors_peak())
        return status

    machine._run = measured  # type: ignore[method-assign]
    with contextlib.redirect_stdout(io.StringIO()) as output, driver.world(output=output):
        machine.run()
    return found, peaks[0]


TRAINING = """
from loss import cross_entropy
from optim import {optimiser}
model Net {{
    layers {{
        dense(12, 16, activation: relu)
        {layer}
        dense(16, 4)
    }}
}}
fn objective(net: Net, x: float32[B, 12], y: int[B]) -> float32 {{ cross_entropy(net(x), y) }}
let net = Net(seed: 1)
let opt = {optimiser}(net, rate: 0.01)
let x = random_normal([32, 12])
let y = permutation(32) % 4
for i in 0..5 {{
    let (loss, gradient) = value_and_grad(objective)(net, x, y)
    opt.step(net, gradient)
}}
print(objective(net, x, y))
"""
X = "let x = random_normal([40, 30])\n"

EXACT = [
    X + "print(sum(x @ transpose(x)))",
    X + "let y = exp(x)\nlet z = sort(y)\nprint(sum(y + z))",
    X + "for i in 0..3 { x = softmax(x + 1) }\nprint(x[0, 0])",
    X + "let y = x\nfor i in 0..3 { x = x * 2 }\nprint(x[0, 0], y[0, 0])",
    X + "let k = 0\nwhile k < 4 { x[k] = x[k + 1] * 2\nk += 1 }\nprint(x[0, 0])",
    X + "for i in 0..4 { if i % 2 == 0 { x = tanh(x) } else { x = x @ (transpose(x) @ x) } }\n"
    "print(x[0, 0])",
    X + "fn f(x: float32[N, M]) -> float32[N, N] { x @ transpose(x) }\n"
    "print(sum(f(x)), sum(f(transpose(x))))",
    # What a gradient keeps of a loop's turns lies in one stack for each variable.
    "fn f(w: float32[8, 8], x: float32[20, 8]) -> float32 {\n"
    "    for i in 0..6 { x = tanh(x @ w) }\n    sum(x)\n}\n"
    "print(sum(grad(f)(random_normal([8, 8]), random_normal([20, 8]))))",
    # Two variables of a loop that begin with the same zeros.
    "let (a, b) = (zeros([100]), zeros([100]))\n"
    "for i in 0..3 { a = a + 1\nb = b - a }\nprint(a[0], b[1])",
    "let x = random_normal([64, 32]) as bfloat16\nprint(sum((x @ transpose(x)) as float32))",
    TRAINING.format(optimiser="sgd", layer=""),
    TRAINING.format(optimiser="adam", layer=""),
    TRAINING.format(optimiser="adam", layer="layer_norm(16)"),
]


@pytest.mark.parametrize("text", EXACT)
def test_a_program_of_known_sizes_takes_what_is_told(text: str) -> None:
    found, measured = compared(text)
    assert [peak.size for peak in found.peaks] == [measured]
    assert sum(b.size for b in found.peaks[0].buffers) == measured


@pytest.mark.parametrize(
    "text",
    [
        # Turns that differ, a branch that depends on the data, a size that counts with the turns.
        X + "for i in 1..9 { x = x + sum(ones([i, 40]) @ ones([40, i])) }\nprint(x[0, 0])",
        X + "if x[0, 0] > 100 { print(sum(x @ transpose(x))) }",
    ],
)
def test_what_is_told_is_a_bound(text: str) -> None:
    found, measured = compared(text)
    (peak,) = found.peaks
    assert isinstance(peak.size, int) and peak.size >= measured > 0


def test_sizes_from_data_stay_open() -> None:
    found, measured = compared(X + "let y = x[x > 0]\nprint(sum(y * 2), sum(sort(y)))")
    (symbol,) = found.open
    count = next(s for s in (range(1201)) if told(found, {symbol: s}) == measured)
    assert 400 < count < 800


def told(found: Footprint, sizes: dict[dims.Symbol, int]) -> int:
    def value(size: Known) -> int:
        return dims.evaluate(size, sizes)

    return max(value(peak.size) for peak in found.peaks)


LIBRARY = """
fn loss(w: float32[N, N], x: float32[B, N], steps: int) -> float32 {
    for i in 0..steps { x = tanh(x @ w) }
    sum(x)
}
fn gradient(w: float32[N, N], x: float32[B, N], steps: int) -> float32[N, N] {
    grad(loss)(w, x, steps)
}
fn untyped(x) { x * 2 }
"""


def test_functions_are_told_for_all_sizes() -> None:
    lines = list(memory_of(Source("case.ch", LIBRARY)))
    assert lines[0] == "case.ch: no tensors"
    head = "fn loss(w: float32[N, N], x: float32[B, N], steps: int): at most "
    assert head + "4*N*N + 8*N*B bytes" in lines
    assert "  4*N*N  float32[N, N]  argument `w`" in lines
    assert any("float32[trips + 1, B, N]  line 3  for i in" in line for line in lines)
    assert not any("untyped" in line for line in lines)


def test_lists_and_recursion_are_told_to_be_left_out() -> None:
    text = "let xs = []\nlet k = 0\nwhile k < 5 { xs.push(ones([k + 1]))\nk += 1 }\nprint(len(xs))"
    assert any("lists" in note for note in compared(text)[0].notes)
    text = (
        "fn f(x: float32[N], n: int) -> float32 {\n"
        "    if n == 0 { sum(x) } else { f(x * 2, n - 1) + sum(x) }\n}\nprint(f(ones([9]), 4))"
    )
    assert compared(text)[0].notes == ("`f` calls itself: one call of it is counted",)


@pytest.mark.parametrize(
    ("a", "b", "holds"),
    [("4*N*B", "4*N", True), ("N*B + 3*N", "4*N", True), ("4*N", "N*B", False), ("N", "5", False)],
)
def test_polynomials_in_order(a: str, b: str, holds: bool) -> None:
    names = {"N": dims.symbol("N"), "B": dims.symbol("B")}
    assert dims.at_least(eval(a, {}, names), eval(b, {}, names)) is holds


HUGE = """
let a = random_normal([1000, 2000])
let parts = zeros([4, 500, 1000])
for i in 0..4 { parts[i] = random_normal([500, 1000]) }
let rows = 1_000_000
let all = zeros([rows, rows])
for i in 0..2 { all = all + a[0, 0] }
print(sum(a), sum(parts), sum(all))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
@pytest.mark.parametrize("backend", ["native", "interpreter"])
def test_out_of_memory_tells_the_largest_tensors(backend: str, tmp_path: Path) -> None:
    (tmp_path / "a.ch").write_text(HUGE)
    limit = "import resource as r; r.setrlimit(r.RLIMIT_DATA, (1 << 30, -1)); "
    words = f"['run', '--backend', '{backend}', 'a.ch']"
    done = subprocess.run(
        [sys.executable, "-c", f"{limit}from charl.tools.cli import main; main({words})"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        timeout=120,
        check=False,
    )
    assert "error[E0508]: out of memory: a float32[1000000, 1000000]" in done.stderr
    note = done.stderr.partition("= note: ")[2]
    assert note.split("\n")[0] == "tensors take 15.3 MB, the largest:"
    assert [line.split("  ", 1)[1].strip() for line in note.split("\n")[1:3]]
    assert "7.6 MB  float32[4, 500, 1000]  line 3  zeros([4, 500, 1000])" in note
    assert "7.6 MB  float32[1000, 2000]    line 2  random_normal([1000, 2000])" in note
