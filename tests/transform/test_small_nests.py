"""Which loops are written out whole, by their counters."""

from __future__ import annotations

from textwrap import dedent

import pytest

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.parser import parse_program
from charl.transform.ranges import integer_ranges
from charl.transform.small_nests import small_nests

NEST = """
fn @f[i, j](%x: f64[5], %n: i64, %steps: i64) {{
  %0: i64 = 0
  %1: i64 = 1
  %5: i64 = 5
  %many: i64 = 500
  %r: f64[5] = for %0, {steps}, %1, %x do (%s: i64, %a: f64[5]) {{
    %b: f64[5] = for %0, {rows}, %1, %a do (%i: i64 is i, %c: f64[5]) {{
      %next: i64 is i + 1 = add %i, %1
      %d: f64[5] = for %next, {columns}, %1, %c do (%j: i64 is j, %e: f64[5]) {{
        %p: f64 = index %e, %i
        %q: f64 = {work}
        %g: f64[5] = index_update %e, %q, %j
        yield %g
      }}
      yield %d
    }}
    yield %b
  }}
  return %r
}}"""
FIXED = {"steps": "%steps", "rows": "%5", "columns": "%5", "work": "add %p, %p"}


def written_out(text: str) -> set[str]:
    function = parse_program(f"entry @f\n{dedent(text)}").functions["f"]
    nests = small_nests(function, integer_ranges(function).turns)
    return {loop.blocks[0].parameters[0].name for loop in nests}


def test_a_triangle_that_a_loop_repeats() -> None:
    assert written_out(NEST.format(**FIXED)) == {"i", "j"}


@pytest.mark.parametrize(
    "change",
    [
        {"rows": "%n"},  # who knows how many
        {"rows": "%many", "columns": "%many"},  # too long
        {"work": "reduce_sum %e {axis = none, keep_dims = false}"},  # a loop of its own
    ],
)
def test_what_stays_a_loop(change: dict[str, str]) -> None:
    assert written_out(NEST.format(**{**FIXED, **change})) == set()


def test_what_nothing_repeats_stays_a_loop() -> None:
    text = """
    fn @f[i, j](%x: f64) {
      %0: i64 = 0
      %1: i64 = 1
      %5: i64 = 5
      %r: f64 = for %0, %5, %1, %x do (%i: i64 is i, %a: f64) {
        %s: f64 = for %0, %5, %1, %a do (%j: i64 is j, %b: f64) {
          %c: f64 = add %b, %b
          yield %c
        }
        yield %s
      }
      return %r
    }"""
    assert written_out(text) == set()
