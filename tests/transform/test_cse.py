"""Merging of equal statements, on printed Core."""

from __future__ import annotations

from core_text import SAID, after, body

from charl.transform.cse import cse


def test_repeated_statements_are_merged_attributes_and_all() -> None:
    assert body(
        cse,
        "(%x: f32[2, 2], %y: f32[2, 2])",
        "%a: f32[2, 2] = add %x, %y",
        "%b: f32[2, 2] = add %x, %y",
        "%c: f32[2, 2] = add %y, %x",
        "%d: f32[2] = reduce_sum %a {axis = (0), keep_dims = false}",
        "%e: f32[2] = reduce_sum %b {axis = (1), keep_dims = false}",
        "%f: f32[2] = reduce_sum %b {axis = (0), keep_dims = false}",
        "return %c, %d, %e, %f",
    ) == (
        "%a: f32[2, 2] = add %x, %y\n%c: f32[2, 2] = add %y, %x\n"
        "%d: f32[2] = reduce_sum %a {axis = (0), keep_dims = false}\n"
        "%e: f32[2] = reduce_sum %a {axis = (1), keep_dims = false}\n"
        "return %c, %d, %e, %d"
    )  # fmt: skip


def test_a_branch_uses_what_stands_before_it_and_nothing_the_other_way_round() -> None:
    text = """
    fn @f(%x: f32, %c: bool) {
      %a: f32 = exp %x
      %y: f32 = if %c then {
        %b: f32 = exp %x
        %d: f32 = sin %b
        yield %d
      } else {
        %e: f32 = sin %a
        yield %e
      }
      %g: f32 = sin %a
      return %y, %g
    }"""
    found = after(cse, text)
    assert found.count("exp") == 1 and found.count("sin %a") == 3


def test_constants_of_equal_bits_are_merged_and_no_others() -> None:
    found = body(
        cse,
        "()",
        "%a: f64 = 0.0",
        "%b: f64 = -0.0",
        "%c: f64 = 0.0",
        "%d: f32 = 0.0",
        "%e: i64 = 1",
        "%t: bool = true",
        "%v: f32[2] = [1.0, 2.0]",
        "%w: f32[2] = [1.0, 2.0]",
        "return %a, %b, %c, %d, %e, %t, %v, %w",
    )
    assert found.endswith("return %a, %b, %a, %d, %e, %t, %v, %v")


def test_ints_equal_to_one_size_are_one() -> None:
    assert body(
        cse,
        "[n](%x: f32[n], %y: f32[n], %n: i64 is n)",
        "%a: i64 is n = dim %x {axis = 0}",
        "%b: i64 is 2*n = add %a, %a",
        "%two: i64 = 2",
        "%c: i64 is 2*n = mul %n, %two",
        "return %a, %b, %c",
    ) == "%b: i64 is 2*n = add %n, %n\n%two: i64 = 2\nreturn %n, %b, %b"  # fmt: skip


def test_random_draws_are_not_merged_and_checks_are() -> None:
    found = after(cse, f"""
    fn @f(%c: bool, %n: i64) {{
      %a: f32[?] = random_uniform %n {{dtype = f32}}
      %b: f32[?] = random_uniform %n {{dtype = f32}}
      check %c {{{SAID}}}
      check %c {{{SAID}}}
      %d: i64 = call %n {{function = @draw}}
      %e: i64 = call %n {{function = @draw}}
      %g: i64 = call %n {{function = @twice}}
      %h: i64 = call %n {{function = @twice}}
      return %a, %b, %d, %e, %g, %h
    }}
    fn @draw(%n: i64) {{
      %0: i64 = 0
      %a: i64 = random_int %0, %n
      return %a
    }}
    fn @twice(%n: i64) {{
      %a: i64 = add %n, %n
      return %a
    }}""")  # fmt: skip
    assert found.count("random_uniform") == 2 and found.count("check") == 1
    assert found.count("@draw}") == 2 and found.count("@twice}") == 1


def test_calls_that_recompute_stay() -> None:
    found = after(cse, """
    fn @f(%x: f32) {
      %a: f32 = call %x {function = @g, checkpoint = true}
      %b: f32 = call %x {function = @g, checkpoint = true}
      return %a, %b
    }
    fn @g(%x: f32) {
      %a: f32 = exp %x
      return %a
    }""")  # fmt: skip
    assert found.count("call") == 2
