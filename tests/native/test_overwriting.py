"""Results written over operands that end: when a kernel may do so, and that it then does."""

from __future__ import annotations

import contextlib
import io
import re

import pytest

from charl import driver
from charl.backend.llvm.kernels import can_write
from charl.diagnostics.diagnostic import CharlError
from charl.kernel.build import build
from charl.kernel.overwriting import overwritable
from charl.runtime.library import library
from charl.runtime.machine import NativeMachine
from charl.source import Source
from charl.transform.fuse import fuse


def able(expression: str) -> list[str]:
    """What the result of the expression, of one kernel, may be written over, by name."""
    text = (
        "let x = random_normal([8, 6])\nlet y = random_normal([8, 6])\n"
        "let q = random_normal([6, 8])\nlet n = sort(random_normal([8, 6]) as int32)\n"
        f"print({expression})\n"
    )
    program = fuse(driver.compile_checked(driver.check(Source("case.ch", text))), can_write)
    statement = [s for s in program.functions[program.entry].body.walk() if s.op.name == "fused"][
        -1
    ]
    (found,) = overwritable(build("kernel", statement))
    return sorted(v.name for v in found)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("tanh(x) * x + y", ["x", "y"]),
        ("softmax(x, axis: 1) + y", ["x", "y"]),  # the row is read before it is written
        ("x + transpose(q)", ["x"]),
        ("flip(y) + x", ["x"]),
        ("x + (n as float32)", ["tuple", "x"]),
        ("sum(y, axis: 1, keep_dims: true) + x", ["x", "y"]),
        ("y[0] + x", ["x"]),
        ("n // (n + 1)", []),  # the division stops the program for an element
    ],
)
def test_a_result_may_be_written_where_nothing_is_read_later(
    expression: str, names: list[str]
) -> None:
    assert able(expression) == names


def output(text: str, backend: str) -> tuple[str, int]:
    """What a program prints, and the most memory it has in use natively."""
    program = driver.compile_checked(driver.check(Source("case.ch", text)))
    stream = io.StringIO()
    if backend == "interpreter":
        driver.run(program, stream)
        return stream.getvalue(), 0
    machine = NativeMachine(program, (program.entry,))
    most = 0
    original = machine._run

    def measured(entry: int, slots: object) -> int:
        nonlocal most
        status = original(entry, slots)
        most = library().charl_memory_peak()
        return status

    machine._run = measured  # type: ignore[method-assign]
    with contextlib.redirect_stdout(stream), driver.world(output=stream):
        machine.call(program.entry, ())
    return stream.getvalue(), most


SIZE = 100_000
UPDATES = f"""
let (w, m) = (random_normal([{SIZE}]), zeros([{SIZE}]))
for i in 0..20 {{
    m = 0.9 * m + sin(w)
    w -= 0.1 * m
}}
print(w[0], m[1])
"""


def test_an_update_allocates_nothing() -> None:
    _, most = output(UPDATES, "native")
    assert 0 < most < 2.5 * 4 * SIZE


@pytest.mark.parametrize(
    "text",
    [
        # Somebody else holds what ends here: the caller, an earlier name, a list, the module.
        "let x = iota(6) as float32\nlet y = x\nx = x * 2 + 1\nprint(x, y)",
        "let xs = [iota(6) as float32]\nlet x = xs[0]\nx = exp(x)\nprint(x, xs)",
        "let x = [1.0, 2.0, 3.0]\nfor i in 0..3 { x = x * 2 }\nprint(x, [1.0, 2.0, 3.0])",
        "let x = iota(6) as float32\nlet y = reshape(x, [2, 3])\nprint(x * 2 + reshape(y, [6]))",
        # Both operands end, and are the same memory.
        "fn f(a: float32[N], b: float32[N]) -> (float32[N], float32[N]) { (a + b, a - 2 * b) }\n"
        "let x = iota(6) as float32\nlet (p, q) = f(x, x)\nprint(p, q, f(p, q))",
        # The element at the mirrored place is needed until the end.
        "let x = iota(9) as float32\nfor i in 0..3 { x = x + flip(x) * 0.5 }\nprint(x)",
        "let x = reshape(iota(9) as float32, [3, 3])\n"
        "for i in 0..3 { x = x + transpose(x) * 0.5 }\nprint(x)",
        "let x = reshape(iota(900) as float32, [30, 30]) * 0.01\n"
        "for i in 0..3 { x = softmax(x) + x }\nprint(x)",
        "let x = reshape(iota(900) as float32, [30, 30])\n"
        "for i in 0..3 { x = x - mean(x, axis: 0) + mean(x, axis: 1, keep_dims: true) }\nprint(x)",
    ],
)
def test_nothing_that_is_still_needed_is_overwritten(text: str) -> None:
    found, expected = (numbers(output(text, b)[0]) for b in ("native", "interpreter"))
    assert found == pytest.approx(expected, rel=1e-5)


def numbers(text: str) -> list[float]:
    return [float(word) for word in re.findall(r"-?\d[\d.e+-]*", text)]


def test_a_failure_shows_the_operands_as_they_were() -> None:
    text = (
        "let n = iota(6) as int32\nlet d = iota(6) as int32\n"
        "for i in 0..2 { n = n // d + n }\nprint(n)"
    )
    messages = []
    for backend in ("interpreter", "native"):
        with pytest.raises(CharlError) as problem:
            output(text, backend)
        messages.append(str(problem.value.diagnostics[0].message))
    assert messages[0] == messages[1]
