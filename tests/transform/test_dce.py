"""Removal of what nobody needs, on printed Core."""

from __future__ import annotations

from textwrap import dedent

from core_text import SAID, after

from charl.transform.dce import dce


def test_what_nobody_needs_goes_and_what_may_fail_stays() -> None:
    found = after(dce, f"""
    fn @f(%x: f32, %c: bool, %s: string) {{
      %a: f32 = exp %x
      %b: f32 = exp %a
      check %c {{{SAID}}}
      print %s
      %r: f32 = call %x {{function = @endless}}
      %q: f32 = call %x {{function = @pure}}
      return %a
    }}
    fn @endless(%x: f32) {{
      %a: f32 = call %x {{function = @endless}}
      return %a
    }}
    fn @pure(%x: f32) {{
      return %x
    }}""")  # fmt: skip
    assert "%b" not in found and "@pure}" not in found
    assert "check" in found and "print" in found and "%r: f32 = call" in found


def test_results_of_branches_that_nobody_reads_are_not_computed() -> None:
    assert after(dce, """
    fn @f(%x: f32, %c: bool) {
      %y: f32, %z: f32 = if %c then {
        %a: f32 = exp %x
        %b: f32 = sin %x
        yield %a, %b
      } else {
        yield %x, %x
      }
      return %y
    }""") == dedent("""\
    fn @f(%x: f32, %c: bool) {
      %y: f32 = if %c then {
        %a: f32 = exp %x
        yield %a
      } else {
        yield %x
      }
      return %y
    }""")  # fmt: skip


LOOP = """
fn @f(%x: i64, %n: i64) {
  %0: i64 = 0
  %one: i64 = 1
  %p: i64, %q: i64, %r: i64, %s: i64 = for %0, %n, %one, %x, %x, %x, %x do (%i: i64, %a: i64, %b: i64, %c: i64, %d: i64) {
    %a2: i64 = add %a, %b
    %b2: i64 = add %b, %i
    %c2: i64 = mul %c, %c
    %d2: i64 = mul %d, %c
    yield %a2, %b2, %c2, %d2
  }
  return %p
}"""  # noqa: E501


def test_a_loop_carries_only_what_is_read() -> None:
    found = after(dce, LOOP)
    assert "%p: i64, %q: i64 = for %0, %n, %one, %x, %x do (%i: i64, %a: i64, %b: i64) {" in found
    assert "mul" not in found and "yield %a2, %b2" in found


def test_a_while_keeps_what_its_condition_reads() -> None:
    found = after(dce, """
    fn @f(%x: i64, %n: i64) {
      %p: i64, %q: i64, %r: i64 = while %x, %x, %x cond (%a: i64, %b: i64, %c: i64) {
        %t: bool = lt %b, %n
        yield %t
      } do (%d: i64, %e: i64, %g: i64) {
        %d2: i64 = mul %d, %d
        %e2: i64 = add %e, %e
        %g2: i64 = mul %g, %g
        yield %d2, %e2, %g2
      }
      return %p
    }""")  # fmt: skip
    assert "%p: i64, %q: i64 = while %x, %x cond (%a: i64, %b: i64) {" in found
    assert "%g2" not in found and "yield %d2, %e2" in found


def test_a_loop_with_an_effect_runs() -> None:
    found = after(
        dce,
        LOOP.replace("yield", "check_it\n    yield")
        .replace("check_it", f"%t: bool = lt %b, %n\n    check %t {{{SAID}}}")
        .replace("return %p", "return"),
    )
    assert "%q: i64 = for %0, %n, %one, %x do (%i: i64, %b: i64) {" in found
