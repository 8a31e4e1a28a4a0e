"""Moving out of loops what does not change in them, on printed Core."""

from __future__ import annotations

from textwrap import dedent

import pytest
from core_text import after

from charl.transform.dce import dce
from charl.transform.invariants import hoist


def test_what_a_loop_need_not_repeat_stands_before_it() -> None:
    assert after(hoist, """
    fn @f(%x: f32[4, 4], %y: f32, %n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %r: f32 = for %0, %n, %one, %y do (%i: i64, %a: f32) {
        %e: f32 = exp %y
        %z: f32 = sin %e
        %t: f32[4, 4] = transpose %x {permutation = none}
        %v: f32[4] = index %t, %n
        %s: f32 = reduce_sum %v {axis = none, keep_dims = false}
        %b: f32 = add %a, %z
        %c: f32 = add %b, %s
        yield %c
      }
      return %r
    }""") == dedent("""\
    fn @f(%x: f32[4, 4], %y: f32, %n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %e: f32 = exp %y
      %z: f32 = sin %e
      %t: f32[4, 4] = transpose %x {permutation = none}
      %r: f32 = for %0, %n, %one, %y do (%i: i64, %a: f32) {
        %v: f32[4] = index %t, %n
        %s: f32 = reduce_sum %v {axis = none, keep_dims = false}
        %b: f32 = add %a, %z
        %c: f32 = add %b, %s
        yield %c
      }
      return %r
    }""")  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "%q: i64 = add %n, %n",  # overflow
        "%q: i64 = mod %n, %n",  # division by zero
        "%q: i64 = cast %y {dtype = i64}",  # infinity
        "%q: f32[?] = broadcast %y, %n {axes = ()}",  # a negative size
        "%q: f32[1000, 1000] = exp %large",  # memory
        "%q: f32[?] = random_uniform %n {dtype = f32}",
    ],
)
def test_what_may_fail_act_or_take_room_stays(statement: str) -> None:
    text = f"""
    fn @f(%large: f32[1000, 1000], %y: f32, %n: i64) {{
      %0: i64 = 0
      %one: i64 = 1
      for %0, %n, %one do (%i: i64) {{
        {statement}
        yield
      }}
      return
    }}"""
    assert after(hoist, text) == dedent(text).strip()


def test_what_loops_pass_on_unchanged_is_what_they_were_given() -> None:
    """The rate goes round two loops; the inner one also swaps nothing in."""
    found = after(lambda p: dce(hoist(p)), """
    fn @f(%x: f32, %rate: f32, %n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %r: f32, %q: f32 = for %0, %n, %one, %x, %rate do (%i: i64, %a: f32, %b: f32) {
        %s: f32, %t: f32 = for %0, %n, %one, %a, %b do (%j: i64, %c: f32, %d: f32) {
          %e: f32 = mul %c, %d
          yield %e, %d
        }
        yield %s, %t
      }
      %z: f32 = add %r, %q
      return %z
    }""")  # fmt: skip
    assert found == dedent("""\
    fn @f(%x: f32, %rate: f32, %n: i64) {
      %0: i64 = 0
      %one: i64 = 1
      %r: f32 = for %0, %n, %one, %x do (%i: i64, %a: f32) {
        %s: f32 = for %0, %n, %one, %a do (%j: i64, %c: f32) {
          %e: f32 = mul %c, %rate
          yield %e
        }
        yield %s
      }
      %z: f32 = add %r, %rate
      return %z
    }""")
