"""Gradients through `if`, `for`, `while` and `scan`, to the third order."""

from __future__ import annotations

import numpy as np
import pytest
from derivatives import call, check, parsed, plain, refused

RANDOM = np.random.default_rng(2)
BOTH = pytest.mark.parametrize("calling", [False, True])


def draw(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape)


IF = """
fn @f(%x: f64, %z: f64) {
  %zero: f64 = 0.0
  %c: bool = gt %x, %zero
  %y: f64 = if %c then {
    %s: f64 = sin %x
    %p: f64 = mul %s, %z
    %q: f64 = mul %p, %s
    yield %q
  } else {
    %e: f64 = exp %x
    %r: f64 = mul %e, %x
    yield %r
  }
  %t: f64 = mul %y, %x
  return %t
}
"""


@BOTH
@pytest.mark.parametrize("x", [0.7, -0.4])
def test_if(x: float, calling: bool) -> None:
    check(IF, x, 1.3, orders=3, calling=calling)


NESTED_IF = """
fn @f(%x: f64[3], %c: bool, %d: bool) {
  %e: f64[3] = exp %x
  %y: f64[3] = if %c then {
    %s: f64[3] = sin %e
    %r: f64[3] = if %d then {
      %p: f64[3] = mul %s, %s
      %q: f64[3] = mul %p, %e
      yield %q
    } else {
      %t: f64[3] = tanh %s
      yield %t
    }
    %u: f64[3] = mul %r, %s
    yield %u
  } else {
    yield %x
  }
  %m: f64[3] = mul %y, %e
  %total: f64 = reduce_sum %m {axis = none, keep_dims = false}
  return %total
}
"""


@BOTH
@pytest.mark.parametrize("c,d", [(True, True), (True, False), (False, True)])
def test_nested_if(c: bool, d: bool, calling: bool) -> None:
    check(NESTED_IF, draw(3) / 2, c, d, orders=3, calling=calling)


FOR = """
fn @f(%w: f64[3, 3], %h: f64[3], %lo: i64, %hi: i64, %step: i64) {
  %last: f64[3] = for %lo, %hi, %step, %h do (%i: i64, %s: f64[3]) {
    %one: i64 = 1
    %three: i64 = 3
    %row: f64[1, 3] = reshape %s, %one, %three
    %p: f64[1, 3] = matmul %row, %w
    %flat: f64[3] = reshape %p, %three
    %t: f64[3] = tanh %flat
    %fi: f64 = cast %i {dtype = f64}
    %scaled: f64[3] = mul %t, %fi
    yield %scaled
  }
  %y: f64 = reduce_sum %last {axis = none, keep_dims = false}
  return %y
}
"""


@BOTH
@pytest.mark.parametrize("bounds", [(0, 4, 1), (1, 1, 1), (3, 0, 1), (5, 0, -2), (1, 8, 3)])
def test_for(bounds: tuple[int, int, int], calling: bool) -> None:
    check(FOR, draw(3, 3), draw(3), *bounds, orders=2, calling=calling)


def test_third_derivative_of_for() -> None:
    check(FOR, draw(3, 3) / 2, draw(3), 1, 4, 1, orders=3)


NESTED_FOR = """
fn @f(%x: f64[4], %a: f64) {
  %zero: i64 = 0
  %one: i64 = 1
  %four: i64 = 4
  %nothing: f64 = 0.0
  %total: f64, %last: f64 = for %zero, %four, %one, %nothing, %a do (%i: i64, %t: f64, %p: f64) {
    %xi: f64 = index %x, %i
    %inner: f64 = for %zero, %i, %one, %p do (%j: i64, %q: f64) {
      %xj: f64 = index %x, %j
      %s: f64 = sin %q
      %m: f64 = mul %s, %xj
      %n: f64 = mul %m, %xi
      yield %n
    }
    %more: f64 = add %t, %inner
    %next: f64 = add %inner, %xi
    yield %more, %next
  }
  %y: f64 = mul %total, %last
  return %y
}
"""


@BOTH
def test_nested_for(calling: bool) -> None:
    check(NESTED_FOR, draw(4), 0.4, orders=3, calling=calling)


IF_IN_FOR = """
fn @f(%x: f64, %n: i64) {
  %zero: i64 = 0
  %one: i64 = 1
  %two: i64 = 2
  %y: f64 = for %zero, %n, %one, %x do (%i: i64, %p: f64) {
    %bit: i64 = mod %i, %two
    %odd: bool = eq %bit, %one
    %q: f64 = if %odd then {
      %s: f64 = sin %p
      %m: f64 = mul %s, %x
      yield %m
    } else {
      %half: f64 = 0.5
      %e: f64 = mul %p, %half
      %g: f64 = exp %e
      yield %g
    }
    yield %q
  }
  return %y
}
"""


@BOTH
@pytest.mark.parametrize("n", [0, 1, 5])
def test_if_in_for(n: int, calling: bool) -> None:
    check(IF_IN_FOR, 0.6, n, orders=3, calling=calling)


FOR_IN_IF = """
fn @f(%x: f64, %c: bool) {
  %zero: i64 = 0
  %one: i64 = 1
  %three: i64 = 3
  %y: f64 = if %c then {
    %r: f64 = for %zero, %three, %one, %x do (%i: i64, %p: f64) {
      %s: f64 = sin %p
      %m: f64 = mul %s, %p
      yield %m
    }
    yield %r
  } else {
    %e: f64 = mul %x, %x
    yield %e
  }
  return %y
}
"""


@BOTH
@pytest.mark.parametrize("c", [True, False])
def test_for_in_if(c: bool, calling: bool) -> None:
    check(FOR_IN_IF, 1.2, c, orders=3, calling=calling)


WHILE = """
fn @f(%x: f64, %limit: f64) {
  %zero: i64 = 0
  %y: f64, %n: i64 = while %x, %zero cond (%p: f64, %k: i64) {
    %go: bool = lt %p, %limit
    yield %go
  } do (%q: f64, %j: i64) {
    %one: i64 = 1
    %s: f64 = mul %q, %q
    %m: f64 = add %s, %x
    %next: i64 = add %j, %one
    yield %m, %next
  }
  %e: f64 = sin %y
  return %e
}
"""


@BOTH
@pytest.mark.parametrize("limit", [0.0, 5.0])
def test_while(limit: float, calling: bool) -> None:
    check(WHILE, 0.6, limit, orders=3, wrt=[0], calling=calling)


@BOTH
def test_while_in_for(calling: bool) -> None:
    text = """
    fn @f(%x: f64[3]) {
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %start: f64 = 1.0
      %y: f64 = for %zero, %three, %one, %start do (%i: i64, %p: f64) {
        %xi: f64 = index %x, %i
        %limit: f64 = 4.0
        %w: f64 = while %p cond (%a: f64) {
          %go: bool = lt %a, %limit
          yield %go
        } do (%aa: f64) {
          %b: f64 = mul %aa, %xi
          %c: f64 = add %b, %xi
          yield %c
        }
        %s: f64 = sin %w
        yield %s
      }
      return %y
    }
    """
    check(text, np.array([0.9, 1.1, 1.2]), orders=2, calling=calling)


@BOTH
def test_carries_that_nothing_reads_or_that_are_reset(calling: bool) -> None:
    text = """
    fn @f(%x: f64, %z: f64) {
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %a: f64, %b: f64, %c: f64 = for %zero, %three, %one, %x, %z, %x
      do (%i: i64, %p: f64, %q: f64, %r: f64) {
        %s: f64 = sin %z
        %t: f64 = mul %p, %r
        yield %t, %s, %z
      }
      %m: f64 = mul %a, %b
      %y: f64 = mul %m, %c
      return %y
    }
    """.replace("%x\n      do", "%x do")
    check(text, 0.7, 1.1, orders=3, calling=calling)


@BOTH
def test_swapped_carries(calling: bool) -> None:
    text = """
    fn @f(%x: f64, %z: f64, %n: i64) {
      %zero: i64 = 0
      %one: i64 = 1
      %a: f64, %b: f64 = for %zero, %n, %one, %x, %z do (%i: i64, %p: f64, %q: f64) {
        %s: f64 = mul %p, %q
        yield %q, %s
      }
      %y: f64 = sin %b
      return %y
    }
    """
    for n in (0, 1, 4):
        check(text, 0.9, 1.1, n, orders=3, calling=calling)


@BOTH
def test_loop_with_sizes_from_outside(calling: bool) -> None:
    text = """
    fn @f[n](%x: f64[n, 2], %w: f64[2, 2]) {
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %h: f64[n, 2] = for %zero, %three, %one, %x do (%i: i64, %s: f64[n, 2]) {
        %p: f64[n, 2] = matmul %s, %w
        %t: f64[n, 2] = tanh %p
        yield %t
      }
      %y: f64 = reduce_sum %h {axis = none, keep_dims = false}
      return %y
    }
    """
    check(text, draw(3, 2), draw(2, 2), orders=2, calling=calling)


@BOTH
def test_loop_with_sizes_of_each_iteration(calling: bool) -> None:
    """Slices of growing size: the residuals have another shape in every iteration."""
    text = """
    fn @f[k](%x: f64[4]) {
      %zero: i64 = 0
      %one: i64 = 1
      %five: i64 = 5
      %nothing: f64 = 0.0
      %y: f64 = for %zero, %five, %one, %nothing do (%i: i64 is k, %s: f64) {
        %part: f64[k] = slice %x, %zero, %i {steps = (1)}
        %e: f64[k] = exp %part
        %q: f64[k] = sin %e
        %p: f64[k] = mul %q, %part
        %t: f64 = reduce_sum %p {axis = none, keep_dims = false}
        %m: f64 = mul %t, %t
        %more: f64 = add %s, %m
        yield %more
      }
      return %y
    }
    """
    check(text, draw(4), orders=2, calling=calling)


@BOTH
def test_branch_with_sizes_of_its_own(calling: bool) -> None:
    text = """
    fn @f[k](%x: f64[4], %c: bool, %n: i64) {
      %y: f64 = if %c then {
        %zero: i64 = 0
        %two: i64 = 2
        %half: i64 is k = floor_div %n, %two
        %part: f64[k] = slice %x, %zero, %half {steps = (1)}
        %e: f64[k] = exp %part
        %q: f64[k] = sin %e
        %t: f64 = reduce_sum %q {axis = none, keep_dims = false}
        yield %t
      } else {
        %u: f64 = reduce_sum %x {axis = none, keep_dims = false}
        yield %u
      }
      return %y
    }
    """
    check(text, draw(4), True, 4, orders=2, calling=calling)
    check(text, draw(4), False, 4, orders=2, calling=calling)


def test_gradient_in_a_training_loop() -> None:
    text = """
    fn @f(%w: f64[2], %x: f64[5, 2], %rate: f64) {
      %zero: i64 = 0
      %one: i64 = 1
      %two: i64 = 2
      %ten: i64 = 10
      %final: f64[2] = for %zero, %ten, %one, %w do (%i: i64, %v: f64[2]) {
        %column: f64[2, 1] = reshape %v, %two, %one
        %p: f64[5, 1] = matmul %x, %column
        %a: f64[5, 1] = tanh %p
        %q: f64[5, 1] = mul %a, %a
        %loss: f64 = reduce_sum %q {axis = none, keep_dims = false}
        %g: f64[2] = gradient %loss, %v
        %d: f64[2] = mul %g, %rate
        %next: f64[2] = sub %v, %d
        yield %next
      }
      %s: f64 = reduce_sum %final {axis = none, keep_dims = false}
      return %s
    }
    """
    x, w = draw(5, 2), draw(2)
    program, diagnostics = plain(parsed(text))
    assert diagnostics == []
    expected = w
    for _ in range(10):
        a = np.tanh(x @ expected)
        expected = expected - 0.1 * x.T @ (2 * a * (1 - a * a))
    np.testing.assert_allclose(call(program, "f", [w, x, 0.1])[0], expected.sum(), rtol=1e-12)
    check(text, w, x, 0.1, orders=1)


def test_gradient_inside_branches_of_values_outside() -> None:
    text = """
    fn @f(%x: f64, %c: bool) {
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %y: f64 = for %zero, %three, %one, %x do (%i: i64, %p: f64) {
        %s: f64 = sin %p
        %m: f64 = mul %s, %x
        yield %m
      }
      %r: f64 = if %c then {
        %g: f64 = gradient %y, %x
        %h: f64 = mul %g, %x
        yield %h
      } else {
        yield %y
      }
      return %r
    }
    """
    check(text, 0.8, True, orders=2)
    check(text, 0.8, False, orders=2)


def test_two_gradients_through_one_loop_share_what_it_keeps() -> None:
    text = """
    fn @f(%x: f64, %z: f64) {
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %a: f64 = for %zero, %three, %one, %x do (%i: i64, %p: f64) {
        %s: f64 = sin %p
        %m: f64 = mul %s, %z
        yield %m
      }
      %g: f64 = gradient %a, %x
      %h: f64 = gradient %a, %x
      %y: f64 = mul %g, %h
      return %y
    }
    """
    program, _ = plain(parsed(text))
    loop = next(s for s in program.functions["f"].body.statements if s.op.name == "for")
    once, _ = plain(parsed(text.replace("%h: f64 = gradient %a, %x", "%h: f64 = sin %a")))
    same = next(s for s in once.functions["f"].body.statements if s.op.name == "for")
    assert len(loop.results) == len(same.results)
    check(text, 0.8, 1.2, orders=2)


def test_gradient_that_needs_earlier_iterations_is_refused() -> None:
    text = """
    fn @f(%w: f64, %x: f64) {
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %nothing: f64 = 0.0
      %h: f64, %s: f64 = for %zero, %three, %one, %x, %nothing do (%i: i64, %p: f64, %t: f64) {
        %m: f64 = mul %p, %w
        %g: f64 = gradient %m, %w
        %u: f64 = add %t, %g
        yield %m, %u
      }
      return %s
    }
    """
    assert refused(parsed(text)) == ["E0491"]


SCAN = """
fn @f[n](%x: f64[n], %z: f64[n], %w: f64) {
  %a: f64[n], %b: f64[n] = scan %x, %z {reverse = false}
  combine (%al: f64, %bl: f64, %ar: f64, %br: f64) {
    %m: f64 = mul %al, %ar
    %p: f64 = mul %bl, %ar
    %q: f64 = mul %br, %w
    %s: f64 = add %p, %q
    yield %m, %s
  }
  %e: f64[n] = sin %b
  %t: f64[n] = mul %e, %a
  %y: f64 = reduce_sum %t {axis = none, keep_dims = false}
  return %y
}
""".replace("{reverse = false}\n  combine", "{reverse = false} combine")


@BOTH
@pytest.mark.parametrize("reverse", ["false", "true"])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_scan(n: int, reverse: str, calling: bool) -> None:
    text = SCAN.replace("reverse = false", f"reverse = {reverse}")
    check(text, 1 + draw(n) / 3, draw(n), 0.9, orders=2, calling=calling)


@BOTH
@pytest.mark.parametrize("reverse", ["false", "true"])
def test_scan_where_an_operand_matters_only_from_the_right(reverse: str, calling: bool) -> None:
    """Nobody reads %a, and %b depends on %x through %ar alone."""
    text = SCAN.replace("mul %e, %a", "mul %e, %b").replace(
        "reverse = false", f"reverse = {reverse}"
    )
    check(text, 1 + draw(4) / 3, draw(4), 0.9, orders=2, calling=calling)


def test_scan_of_matrices_with_one_result_used() -> None:
    text = """
    fn @f(%x: f64[3, 2, 2]) {
      %p: f64[3, 2, 2] = scan %x {reverse = false} combine (%a: f64[2, 2], %b: f64[2, 2]) {
        %c: f64[2, 2] = matmul %a, %b
        yield %c
      }
      %two: i64 = 2
      %last: f64[2, 2] = index %p, %two
      %y: f64 = reduce_sum %last {axis = none, keep_dims = false}
      return %y
    }
    """
    check(text, draw(3, 2, 2), orders=2)


RECURRENT = """
fn @f(%h: f64[2, 3], %u: f64[3, 3], %x: f64[5, 2, 3]) {
  %one: i64 = 1
  %lo: i64 = 1
  %hi: i64 = 5
  %last: f64[2, 3] = for %lo, %hi, %one, %h do (%i: i64, %p: f64[2, 3]) {
    %m: f64[2, 3] = matmul %p, %u
    %xi: f64[2, 3] = index %x, %i
    %s: f64[2, 3] = add %m, %xi
    %t: f64[2, 3] = tanh %s
    yield %t
  }
  %y: f64 = reduce_sum %last {axis = none, keep_dims = false}
  return %y
}
"""


def test_a_carried_state_is_kept_once() -> None:
    text = RECURRENT.replace("return %y", "%g: f64[3, 3] = gradient %y, %u\n  return %g")
    program, _ = plain(parsed(text))
    loop = next(s for s in program.functions["f"].body.statements if s.op.name == "for")
    assert [str(r.type) for r in loop.results] == ["float[2, 3]", "float[5, 2, 3]"]


@BOTH
def test_recurrent_network(calling: bool) -> None:
    check(RECURRENT, draw(2, 3), draw(3, 3), draw(5, 2, 3), orders=2, calling=calling)


@BOTH
def test_state_kept_once_in_a_while(calling: bool) -> None:
    text = """
    fn @f(%x: f64, %n: i64) {
      %y: f64, %m: i64 = while %x, %n cond (%p: f64, %k: i64) {
        %zero: i64 = 0
        %go: bool = gt %k, %zero
        yield %go
      } do (%q: f64, %j: i64) {
        %one: i64 = 1
        %a: f64 = mul %q, %x
        %t: f64 = tanh %a
        %next: i64 = sub %j, %one
        yield %t, %next
      }
      return %y
    }
    """
    check(text, 1.2, 4, orders=3, calling=calling)
