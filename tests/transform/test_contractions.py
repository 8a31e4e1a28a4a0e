"""Products freed of the stretching around them, on printed Core; and that they give the same."""

from __future__ import annotations

import numpy as np
import pytest
from core_text import body
from derivatives import call, parsed

from charl.core.ir import Program
from charl.transform.contractions import contractions
from charl.transform.dce import dce
from charl.transform.simplify import simplify

STRETCHED = """
fn @f(%x: f64[5, 2, 3], %w: f64[3, 4]) {
  %a: i64 = 5
  %b: i64 = 3
  %c: i64 = 4
  %s: f64[5, 3, 4] = broadcast %w, %a, %b, %c {axes = (1, 2)}
  %y: f64[5, 2, 4] = matmul %x, %s
  return %y
}
"""
TURNED = """
fn @f(%x: f64[5, 2, 4], %w: f64[3, 4]) {
  %a: i64 = 5
  %b: i64 = 3
  %c: i64 = 4
  %s: f64[5, 3, 4] = broadcast %w, %a, %b, %c {axes = (1, 2)}
  %t: f64[5, 4, 3] = transpose %s {permutation = (0, 2, 1)}
  %y: f64[5, 2, 3] = matmul %x, %t
  return %y
}
"""
HEADS = """
fn @f(%x: f64[2, 5, 2, 3], %w: f64[2, 3, 4]) {
  %h: i64 = 2
  %a: i64 = 5
  %b: i64 = 3
  %c: i64 = 4
  %s: f64[2, 5, 3, 4] = broadcast %w, %h, %a, %b, %c {axes = (0, 2, 3)}
  %y: f64[2, 5, 2, 4] = matmul %x, %s
  return %y
}
"""
SUMMED = """
fn @f(%x: f64[5, 2, 3], %w: f64[5, 3, 4]) {
  %y: f64[5, 2, 4] = matmul %x, %w
  %s: f64[2, 4] = reduce_sum %y {axis = (0), keep_dims = false}
  return %s
}
"""
SUMMED_IN_PART = """
fn @f(%x: f64[5, 6, 2, 3], %w: f64[5, 6, 3, 4]) {
  %y: f64[5, 6, 2, 4] = matmul %x, %w
  %s: f64[6, 2, 4] = reduce_sum %y {axis = (0), keep_dims = false}
  return %s
}
"""
EMPTY = SUMMED.replace("[5,", "[0,")
ALL = [STRETCHED, TURNED, HEADS, SUMMED, SUMMED_IN_PART, EMPTY]


def swept(program: Program) -> Program:
    return dce(contractions(simplify(program)))


def shapes(program: Program) -> list[tuple[int, ...]]:
    found = [v.shape for v in program.functions["f"].body.parameters]
    return [tuple(n for n in s if isinstance(n, int)) for s in found]


@pytest.mark.parametrize("text", ALL)
def test_one_contraction_gives_what_was_written(text: str) -> None:
    before = parsed(text)
    after = swept(before)
    assert [s.op.name for s in after.functions["f"].body.walk()] == ["contract"]
    rng = np.random.default_rng(5)
    operands = [rng.normal(size=s) for s in shapes(before)]
    found, wanted = call(after, "f", operands), call(before, "f", operands)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-13)


def unchanged(head: str, *lines: str) -> bool:
    return "contract" not in body(swept, head, *lines)


def test_a_product_that_others_use_is_not_summed_apart() -> None:
    assert unchanged(
        "(%x: f64[5, 2, 3], %w: f64[5, 3, 4])",
        "%y: f64[5, 2, 4] = matmul %x, %w",
        "%s: f64[2, 4] = reduce_sum %y {axis = (0), keep_dims = false}",
        "return %s, %y",
    )


def test_sums_over_rows_or_columns_stay() -> None:
    assert unchanged(
        "(%x: f64[5, 2, 3], %w: f64[5, 3, 4])",
        "%y: f64[5, 2, 4] = matmul %x, %w",
        "%s: f64[4] = reduce_sum %y {axis = (0, 1), keep_dims = false}",
        "return %s",
    )


def test_sizes_that_were_compared_must_be_known_to_be_equal() -> None:
    lines = (
        "%b: i64 = 3",
        "%c: i64 = 4",
        "%s: f64[n, 3, 4] = broadcast %w, %n, %b, %c {axes = (1, 2)}",
        "%y: f64[n, 2, 4] = matmul %x, %s",
        "return %y",
    )
    assert unchanged("[m, n](%x: f64[m, 2, 3], %w: f64[3, 4], %n: i64 is n)", *lines)
    assert not unchanged("[n](%x: f64[n, 2, 3], %w: f64[3, 4], %n: i64 is n)", *lines)


def test_a_row_that_is_repeated_is_no_matrix() -> None:
    assert unchanged(
        "(%x: f64[5, 2, 3], %w: f64[1, 4])",
        "%a: i64 = 5",
        "%b: i64 = 3",
        "%c: i64 = 4",
        "%s: f64[5, 3, 4] = broadcast %w, %a, %b, %c {axes = (1, 2)}",
        "%y: f64[5, 2, 4] = matmul %x, %s",
        "return %y",
    )
