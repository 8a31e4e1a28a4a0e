"""Inlining, on printed Core."""

from __future__ import annotations

from textwrap import dedent

from core_text import after
from derivatives import call, parsed, plain

from charl.transform.inline import inline, inline_before_gradients


def test_small_functions_are_inlined_with_the_sizes_of_the_caller() -> None:
    assert after(inline, """
    fn @f(%x: f32[5, 3]) {
      %a: f32[3] = call %x {function = @total}
      %b: f32[3] = call %x {function = @total}
      return %a, %b
    }
    fn @total[n, m](%x: f32[n, m]) {
      %y: f32[n, m] = exp %x
      %s: f32[m] = reduce_sum %y {axis = (0), keep_dims = false}
      return %s
    }""") == dedent("""\
    fn @f(%x: f32[5, 3]) {
      %y: f32[5, 3] = exp %x
      %s: f32[3] = reduce_sum %y {axis = (0), keep_dims = false}
      %y.1: f32[5, 3] = exp %x
      %s.1: f32[3] = reduce_sum %y.1 {axis = (0), keep_dims = false}
      return %s, %s.1
    }""")  # fmt: skip


def test_large_functions_are_inlined_where_they_are_called_once() -> None:
    lines = "\n".join(f"%x{i + 1}: f32 = exp %x{i}" for i in range(40))
    large = f"fn @g(%x0: f32) {{\n{lines}\nreturn %x40\n}}"
    once = "fn @f(%x: f32) {\n%a: f32 = call %x {function = @g}\nreturn %a\n}\n"
    twice = once.replace("return %a", "%b: f32 = call %a {function = @g}\nreturn %b")
    assert "call" not in after(inline, once + large)
    assert after(inline, twice + large).count("call") == 2


def test_recursion_stays_and_unreachable_functions_go() -> None:
    found = after(inline, """
    fn @f(%x: f32) {
      %a: f32 = call %x {function = @even}
      return %a
    }
    fn @even(%x: f32) {
      %a: f32 = call %x {function = @odd}
      return %a
    }
    fn @odd(%x: f32) {
      %a: f32 = call %x {function = @even}
      return %a
    }
    fn @unused(%x: f32) {
      return %x
    }""")  # fmt: skip
    assert found.count("call") == 3 and "@unused" not in found


def test_calls_to_recompute_are_not_inlined() -> None:
    text = """
    fn @f(%x: f32) {
      %a: f32 = call %x {function = @g, checkpoint = true}
      return %a
    }
    fn @g(%x: f32) {
      %a: f32 = exp %x
      return %a
    }"""
    assert after(inline, text) == dedent(text).strip().replace("}\nfn", "}\n\nfn")


def test_before_gradients_what_has_or_takes_one_stays_a_call() -> None:
    found = after(inline_before_gradients, """
    fn @f(%x: f32) {
      %a: f32 = call %x {function = @plain}
      %b: f32 = custom_call %a {function = @own, backward = @back}
      %c: f32 = call %b {function = @slope}
      return %c
    }
    fn @plain(%x: f32) {
      %a: f32 = exp %x
      return %a
    }
    fn @own(%x: f32) {
      %a: f32 = call %x {function = @plain}
      return %a
    }
    fn @back(%x: f32, %y: f32, %dy: f32) {
      return %dy
    }
    fn @slope(%x: f32) {
      %a: f32 = exp %x
      %g: f32 = gradient %a, %x
      return %g
    }""")  # fmt: skip
    assert found.count(" call ") == 1 and found.count("custom_call") == 1
    assert "@plain" not in found


def test_a_gradient_does_not_follow_arguments_into_its_caller() -> None:
    program = inline_before_gradients(parsed("""
    fn @f(%x: f64) {
      %y: f64 = mul %x, %x
      %g: f64 = call %x, %y {function = @slope}
      return %g
    }
    fn @slope(%x: f64, %y: f64) {
      %a: f64 = mul %x, %y
      %g: f64 = gradient %a, %x
      return %g
    }"""))  # fmt: skip
    assert call(plain(program)[0], "f", [3.0]) == [9.0]  # y stays as it is: not 3 x ** 2
