"""Elements changed under a condition, on printed Core: where they are written at every turn."""

from __future__ import annotations

from textwrap import dedent

import pytest
from core_text import after

from charl.transform.if_conversion import convert_ifs

LOOP = """
fn @f[i](%x: f64[9], %y: f64, %n: i64, %at: i64, %p: bool) {{
  %0: i64 = 0
  %1: i64 = 1
  %r: f64[9] = for %0, %n, %1, %x do (%i: i64 is i, %c: f64[9]) {{
    %j: i64 is i + 1 = add %i, %1
    %old: f64 = index %c, %j
    %less: bool = lt %y, %old
    {branch}
    yield %d
  }}
  return %r
}}"""


def test_the_branch_becomes_a_choice_of_what_is_written() -> None:
    branch = """%d: f64[9] = if %less then {
      %half: f64 = mul %old, %y
      %e: f64[9] = index_update %c, %half, %j
      yield %e
    } else {
      yield %c
    }"""
    assert after(convert_ifs, LOOP.format(branch=branch)) == dedent("""\
    fn @f[i](%x: f64[9], %y: f64, %n: i64, %at: i64, %p: bool) {
      %0: i64 = 0
      %1: i64 = 1
      %r: f64[9] = for %0, %n, %1, %x do (%i: i64 is i, %c: f64[9]) {
        %j: i64 is i + 1 = add %i, %1
        %old: f64 = index %c, %j
        %less: bool = lt %y, %old
        %half: f64 = mul %old, %y
        %2: f64 = select %less, %half, %old
        %d: f64[9] = index_update %c, %2, %j
        yield %d
      }
      return %r
    }""")  # fmt: skip


def test_the_other_branch_may_be_the_one_that_changes() -> None:
    branch = """%d: f64[9] = if %less then {
      yield %c
    } else {
      %e: f64[9] = index_update %c, %y, %j
      yield %e
    }"""
    text = after(convert_ifs, LOOP.format(branch=branch))
    assert "%2: f64 = select %less, %old, %y" in text


@pytest.mark.parametrize(
    ("why", "update"),
    [
        ("never read: it may be out of bounds", "%e: f64[9] = index_update %c, %y, %i"),
        ("the same element at every turn", "%e: f64[9] = index_update %c, %y, %at"),
        ("not what the loop changes", "%e: f64[9] = index_update %x, %y, %j"),
        ("computed in vain", "%z: f64 = tanh %y\n%e: f64[9] = index_update %c, %z, %j"),
        ("may fail", "%k: i64 = add %at, %n\n%z: f64 = cast %k {dtype = f64}\n"
                     "%e: f64[9] = index_update %c, %z, %j"),
    ],
)  # fmt: skip
def test_what_stays_a_branch(why: str, update: str) -> None:
    text = LOOP.format(
        branch=f"""%there: f64 = index %c, %at
    %d: f64[9] = if %less then {{
      {update}
      yield %e
    }} else {{
      yield %c
    }}"""
    )
    assert "select" not in after(convert_ifs, text), why


def test_outside_of_a_loop_a_branch_stays() -> None:
    text = """
    fn @f(%x: f64[9], %y: f64, %at: i64) {
      %old: f64 = index %x, %at
      %less: bool = lt %y, %old
      %d: f64[9] = if %less then {
        %e: f64[9] = index_update %x, %y, %at
        yield %e
      } else {
        yield %x
      }
      return %d
    }"""
    assert "select" not in after(convert_ifs, text)
