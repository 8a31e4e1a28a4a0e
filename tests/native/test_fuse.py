"""What fuses, seen in the number of kernels and in what they take; that the results are right is
for the pages and the ops to say."""

from __future__ import annotations

import pytest

from charl import driver
from charl.backend.llvm.kernels import can_write
from charl.core.ir import Program, Statement
from charl.core.parser import parse_program
from charl.core.printer import print_program
from charl.kernel.build import Kernel, build
from charl.kernel.folds import FOLDS
from charl.ops.reduce import REDUCTIONS
from charl.source import Source
from charl.transform.fuse import fuse


def fused(text: str) -> list[Statement]:
    checked = driver.check(Source("case.ch", text))
    program = fuse(driver.compile_checked(checked), can_write)
    return [s for f in program.functions.values() for s in f.body.walk() if s.op.name == "fused"]


def names(kernel: Kernel) -> list[str]:
    return [s.op.name for s in kernel.function.body.walk()]


X = "let x = random_normal([64, 100])\n"


@pytest.mark.parametrize(
    ("text", "kernels"),
    [
        (X + "print(2 * tanh(x) + 1)", 1),
        (X + "print(softmax(x))", 1),
        (X + "print(sum((x > 0.5) as float32, axis: 1))", 1),
        (X + "print(sum(softmax(x)))", 1),
        (X + "print((x - mean(x, axis: 1, keep_dims: true)) ** 2)", 1),
        # What the loops of rows would compute again for every row is computed before.
        (X + "print(x - mean(x, axis: 0))", 3),
        (X + "let w = random_normal([100])\nprint(x * exp(w))", 2),
        (X + "let w = random_normal([100])\nprint(x * (w + 1))", 1),
        # A loss with its gradient, but for its own sum.
        (
            "from loss import cross_entropy\nlet labels = random_int(0, 100, [64])\n"
            + X
            + "print(value_and_grad(|x: float32[64, 100]| cross_entropy(x, labels))(x))",
            2,
        ),
        # A product lies between; transposed operands are read as they lie.
        (X + "print(relu(transpose(x) @ x + 1))", 1),
        # Both are needed, and stored by one kernel.
        (X + "let y = exp(x)\nlet z = y + 1\nprint(y, z)", 1),
        # What stands between needs the first and is needed by the second.
        (X + "let y = exp(x)\nlet z = sort(y)\nprint(y + z)", 2),
        (X + "print(sum(x, axis: 0))", 1),
        (X + "print(sum(tanh(x) * 2, axis: 0))", 1),
    ],
)
def test_the_number_of_kernels(text: str, kernels: int) -> None:
    assert len(fused(text + "\n")) == kernels


def test_a_kernel_prints_and_parses() -> None:
    for number, statement in enumerate(fused(X + "print(sum(softmax(x), axis: 0), x + 1)\n")):
        kernel = build(f"kernel{number}", statement)
        text = print_program(Program({kernel.function.name: kernel.function}, kernel.function.name))
        assert print_program(parse_program(text)) == text


def test_a_row_is_passed_once() -> None:
    """The maximum and the sum of a row are found where the row's loop is, not where its elements
    are."""
    (statement,) = fused(X + "print(softmax(x))\n")
    kernel = build("kernel", statement)
    (rows,) = (s for s in kernel.function.body.statements if s.op.name == "for")
    (row,) = rows.blocks
    loops = [s for s in row.statements if s.op.name == "for"]
    assert len(loops) == 3
    assert all(not inner.blocks for loop in loops for inner in loop.blocks[0].statements)


def test_a_dear_row_is_kept() -> None:
    """The elements of a row that cost much are computed once, in the first loop that needs them."""
    (statement,) = fused(X + "print(softmax(x))\n")
    assert names(build("kernel", statement)).count("exp") == 1
    text = """
let e = exp(x)
let l = log(e + sum(e, axis: 1, keep_dims: true))
print(l / sum(l, axis: 1, keep_dims: true))
"""
    (statement,) = fused(X + text)
    ops = names(build("kernel", statement))
    assert (ops.count("exp"), ops.count("log"), ops.count("scratch")) == (1, 1, 2)


def test_softmax_and_its_gradient_are_one_pass() -> None:
    text = """
fn both(x: float32[64, 100], dy: float32[64, 100]) {
    let (y, back) = vjp(softmax, x)
    (y, back(dy))
}
let x: float32[64, 100] = random_normal([64, 100])
print(both(x, x))
"""
    (statement,) = fused(text)
    ops = names(build("kernel", statement))
    assert (ops.count("exp"), ops.count("div")) == (1, 2)


@pytest.mark.parametrize(
    ("text", "in_parts"),
    [
        ("sum(x)", True),
        ("max(exp(x))", True),
        ("sum(x, axis: 0)", True),
        ("sum(x * x, axis: 0, keep_dims: true)", True),
        ("sum(x, axis: 1)", False),
        ("argmax(reshape(x, [400000]))", False),
        ("sum(x[0..30], axis: 0)", False),  # too little
    ],
)
def test_long_reductions_over_the_first_axis_leave_parts(text: str, in_parts: bool) -> None:
    large = "let x = random_normal([4000, 100])\n"
    *_, last = fused(f"{large}print({text})\n")
    kernel = build("kernel", last)
    assert (kernel.join is not None) == in_parts
    for function in (kernel.function, *([kernel.join.function] if kernel.join else [])):
        shown = print_program(Program({function.name: function}, function.name))
        assert print_program(parse_program(shown)) == shown


def test_every_reduction_folds() -> None:
    assert FOLDS.keys() == REDUCTIONS
