"""Sweeps: what goes into one, that the results are the interpreter's, and for any number of
threads the same bits."""

from __future__ import annotations

import io

import pytest
from native.single import assert_same_for_any_threads

from charl import driver
from charl.backend.llvm.kernels import can_write
from charl.backend.llvm.sweeps import with_sweeps
from charl.core.ir import Statement
from charl.diagnostics.diagnostic import CharlError
from charl.diagnostics.render import render
from charl.kernel.build import Kernels
from charl.source import Source
from charl.transform.fuse import fuse

NETWORK = """
from loss import cross_entropy
from optim import sgd
model Net {{ layers {{ dense(200, 128, activation: relu), dense(128, 10) }} }}
fn objective(net: Net, x: float32[B, 200], y: int[B]) -> float32 {{ cross_entropy(net(x), y) }}
fn train(x: float32[B, 200], y: int[B], steps: int) -> float32 {{
    let net = Net(seed: 1)
    let opt = sgd(net, rate: 0.01)
    for i in 0..steps {{
        let (loss, gradient) = value_and_grad(objective)(net, x, y)
        opt.step(net, gradient)
    }}
    objective(net, x, y)
}}
seed(3)
let x = random_normal([{rows}, 200])
let y = random_int(0, {classes}, [{rows}])
print(train(x, y, 3))
"""


def swept(text: str) -> list[Statement]:
    program = driver.compile_checked(driver.check(Source("case.ch", text)))
    program = with_sweeps(fuse(program, can_write), Kernels())
    return [s for f in program.functions.values() for s in f.body.walk() if s.op.name == "sweep"]


def shown(text: str, backend: str) -> str:
    out = io.StringIO()
    try:
        driver.run(
            driver.compile_checked(driver.check(Source("case.ch", text))), out, backend=backend
        )
    except CharlError as problem:
        return out.getvalue() + render(problem.diagnostics, colour=False)
    return out.getvalue()


def test_a_training_step_is_two_sweeps() -> None:
    forward, update = swept(NETWORK.format(rows=300, classes=10))[:2]
    assert [s.op.name for s in forward.blocks[0].statements] == [
        "matmul", "fused", "matmul", "fused", "matmul", "fused",
    ]  # fmt: skip
    assert len(forward.blocks) == 1
    # The weights by their rows, and two biases and the small layer, in one stretch each.
    assert len(update.blocks) == 4
    assert sum(least > 0 for least in update.attributes["least"]) == 1


@pytest.mark.parametrize("rows", [1, 2, 57, 300])
def test_training_is_as_on_the_interpreter(rows: int) -> None:
    text = NETWORK.format(rows=rows, classes=10)
    found, expected = (float(shown(text, b)) for b in ("native", "interpreter"))
    assert found == pytest.approx(expected, rel=1e-5)


def test_sizes_that_only_the_run_knows() -> None:
    text = """
fn both(x: float32[N, 300], w: float32[300, 200], v: float32[200, 50]) -> float32 {
    sum(relu(x @ w) @ v * 0.01)
}
let w = random_normal([300, 200])
let v = random_normal([200, 50])
for n in [0, 1, 64, 333] { print(both(ones([n, 300]), w, v)) }
"""
    assert len(swept(text)) == 1
    found, expected = (shown(text, b).split() for b in ("native", "interpreter"))
    assert [float(x) for x in found] == pytest.approx([float(x) for x in expected], rel=1e-3)


def test_what_fails_within_is_told_as_ever() -> None:
    text = NETWORK.format(rows=300, classes=12)
    found = shown(text, "native")
    assert "error[E0501]" in found
    assert found == shown(text, "interpreter")


def test_an_index_is_wrong_though_there_are_no_rows() -> None:
    text = """
fn scores(x: float32[N, 256], w: float32[256, 64], v: float32[64, 64], bias: float32[K, 64],
          i: int) {
    relu(x @ w + bias[i]) @ v
}
fn total(n: int, i: int) {
    sum(scores(zeros([n, 256]), ones([256, 64]), ones([64, 64]), ones([n + 3, 64]), i))
}
let none = len(nonzero([1 < 0]))
print(total(none + 1, 2), total(none, 2))
print(total(none, 3))
"""
    assert swept(text)
    found = shown(text, "native")
    assert "error[E0501]: index 3" in found
    assert found == shown(text, "interpreter")


PROGRAM = f"""
import sys
from charl import driver
from charl.source import Source
text = {NETWORK.format(rows=300, classes=10)!r}
program = driver.compile_checked(driver.check(Source("case.ch", text)))
driver.run(program, sys.stdout, backend="native")
"""


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    assert_same_for_any_threads(PROGRAM)
