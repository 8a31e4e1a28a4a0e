"""What is the same is compiled once, and a long function that only calls is not optimised."""

from __future__ import annotations

import io
import re

import pytest

pytest.importorskip("llvmlite")

from charl import driver
from charl.backend.llvm import functions
from charl.core.ir import Program
from charl.runtime.compile import compile_image, module_parts
from charl.source import Source

LAYERS = """
fn layer(x: float32[64, 32], w: float32[32, 32]) -> float32[64, 32] {{ tanh(x @ w) * 0.5 }}
seed(1)
let x = random_normal([64, 32])
let w = random_normal([32, 32])
for i in 0..3 {{
{layers}
}}
{scalar}
print(sum(x))
"""
SCALAR = "let n = 0\nfor i in 0..10 { n = (n * 7 + i) % 11 }\nprint(n)"


def compiled(layers: int, scalar: str = "") -> Program:
    text = LAYERS.format(layers="    x = layer(x, w)\n" * layers, scalar=scalar)
    return driver.compile_checked(driver.check(Source("a.ch", text)))


def text_of(program: Program) -> str:
    return "\n".join(part.text for part in module_parts(program, (program.entry,))[1])


def printed(program: Program, backend: str) -> list[float]:
    output = io.StringIO()
    ran = compile_image(program, (program.entry,), keep=False) if backend == "native" else program
    driver.run(ran, output, backend=backend)
    return [float(line) for line in output.getvalue().split()]


def test_equal_layers_have_the_same_kernels() -> None:
    few, many = (module_parts(p, (p.entry,))[0] for p in (compiled(3), compiled(9)))
    assert len(few.kernels) == len(many.kernels) > 0


def test_kernels_of_other_sizes_or_constants_are_others() -> None:
    text = """
    seed(1)
    let (x, y) = (random_normal([300]), random_normal([301]))
    print(sum(tanh(x) * 2.0), sum(tanh(y) * 2.0), sum(tanh(x) * 3.0))
    """
    program = driver.compile_checked(driver.check(Source("a.ch", text)))
    assert printed(program, "native") == pytest.approx(printed(program, "interpreter"), rel=1e-5)


@pytest.mark.parametrize(("scalar", "left_alone"), [("", True), (SCALAR, False)])
def test_a_long_function_that_only_drives_is_not_optimised(
    monkeypatch: pytest.MonkeyPatch, scalar: str, left_alone: bool
) -> None:
    program = compiled(4, scalar)
    assert "optnone" not in text_of(program)
    usual = printed(program, "native")
    monkeypatch.setattr(functions, "LONG", 20)
    assert bool(re.search(r"^define .* noinline optnone", text_of(program), re.M)) == left_alone
    assert printed(program, "native") == usual
    assert usual == pytest.approx(printed(program, "interpreter"), rel=1e-4)
