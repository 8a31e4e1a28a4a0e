"""Gradients through calls: recursion, checkpoints, custom rules, boxes and lists."""

from __future__ import annotations

import numpy as np
import pytest
from derivatives import call, check, parsed, plain, refused

from charl.core.printer import print_program

RANDOM = np.random.default_rng(3)
BOTH = pytest.mark.parametrize("calling", [False, True])


def draw(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape)


RECURSION = """
fn @f(%x: f64, %n: i64) {
  %zero: i64 = 0
  %base: bool = le %n, %zero
  %y: f64 = if %base then {
    %s: f64 = sin %x
    yield %s
  } else {
    %one: i64 = 1
    %m: i64 = sub %n, %one
    %half: f64 = 0.5
    %h: f64 = mul %x, %half
    %r: f64 = call %h, %m {function = "f"}
    %c: f64 = cos %h
    %p: f64 = mul %r, %c
    %q: f64 = add %p, %x
    yield %q
  }
  return %y
}
"""


@pytest.mark.parametrize("n", [0, 1, 4])
def test_recursion(n: int) -> None:
    check(RECURSION, 1.3, n, orders=3, calling=True)


@pytest.mark.parametrize("n", [0, 3])
def test_recursion_from_a_body_that_calls_it(n: int) -> None:
    check(RECURSION, 1.3, n, orders=2)


@BOTH
def test_recursion_on_tensors_whose_size_halves(calling: bool) -> None:
    text = """
    fn @f(%x: f64[8], %w: f64) {
      %y: f64 = call %x, %w {function = "tree"}
      return %y
    }

    fn @tree[n, k, m](%x: f64[n], %w: f64) {
      %n: i64 is n = dim %x {axis = 0}
      %zero: i64 = 0
      %one: i64 = 1
      %two: i64 = 2
      %leaf: bool = eq %n, %one
      %y: f64 = if %leaf then {
        %e: f64 = index %x, %zero
        %s: f64 = sin %e
        yield %s
      } else {
        %k: i64 is k = floor_div %n, %two
        %m: i64 is m = sub %n, %k
        %left: f64[k] = slice %x, %zero, %k {steps = (1)}
        %right: f64[m] = slice %x, %k, %m {steps = (1)}
        %l: f64 = call %left, %w {function = "tree"}
        %r: f64 = call %right, %w {function = "tree"}
        %p: f64 = mul %l, %r
        %q: f64 = mul %p, %w
        %t: f64 = tanh %q
        %u: f64 = add %t, %l
        yield %u
      }
      return %y
    }
    """
    check(text, draw(8), 0.8, orders=2, calling=calling)


@BOTH
def test_recursion_in_a_loop(calling: bool) -> None:
    text = (
        RECURSION.replace("@f(", "@g(").replace('"f"', '"g"')
        + """
    fn @f(%x: f64) {
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %y: f64 = for %zero, %three, %one, %x do (%i: i64, %p: f64) {
        %q: f64 = call %p, %i {function = "g"}
        %r: f64 = mul %q, %x
        yield %r
      }
      return %y
    }
    """
    )
    check(text, 0.9, orders=3, calling=calling)


@BOTH
def test_mutual_recursion_with_two_results(calling: bool) -> None:
    text = """
    fn @f(%x: f64, %z: f64) {
      %three: i64 = 3
      %a: f64, %b: f64 = call %x, %z, %three {function = "even"}
      %y: f64 = mul %a, %b
      return %y
    }

    fn @even(%x: f64, %z: f64, %n: i64) {
      %zero: i64 = 0
      %base: bool = eq %n, %zero
      %a: f64, %b: f64 = if %base then {
        yield %z, %x
      } else {
        %one: i64 = 1
        %m: i64 = sub %n, %one
        %s: f64 = sin %x
        %p: f64, %q: f64 = call %s, %z, %m {function = "odd"}
        %r: f64 = mul %p, %x
        yield %r, %q
      }
      return %a, %b
    }

    fn @odd(%x: f64, %z: f64, %n: i64) {
      %e: f64 = exp %z
      %zero: i64 = 0
      %base: bool = eq %n, %zero
      %a: f64, %b: f64 = if %base then {
        yield %x, %e
      } else {
        %one: i64 = 1
        %m: i64 = sub %n, %one
        %p: f64, %q: f64 = call %e, %x, %m {function = "even"}
        yield %q, %p
      }
      return %a, %b
    }
    """
    check(text, 0.4, -0.3, orders=2, calling=calling)


def test_gradient_of_itself_is_refused() -> None:
    text = """
    fn @f(%x: f64, %n: i64) {
      %zero: i64 = 0
      %base: bool = le %n, %zero
      %y: f64 = if %base then {
        yield %x
      } else {
        %one: i64 = 1
        %m: i64 = sub %n, %one
        %r: f64 = call %x, %m {function = "f"}
        %g: f64 = gradient %r, %x
        yield %g
      }
      return %y
    }
    """
    assert refused(parsed(text)) == ["E0490"]


LARGE = """
fn @f(%x: f64[3], %w: f64[3, 3], %k: f64) {
  %a: f64[3], %b: f64 = call %x, %w, %k {function = "g"%s}
  %c: f64[3], %d: f64 = call %a, %w, %b {function = "g"%s}
  %p: f64 = reduce_sum %c {axis = none, keep_dims = false}
  %y: f64 = mul %p, %d
  return %y
}

fn @g(%x: f64[3], %w: f64[3, 3], %k: f64) {
  %one: i64 = 1
  %three: i64 = 3
  %row: f64[1, 3] = reshape %x, %one, %three
  %p: f64[1, 3] = matmul %row, %w
  %t: f64[1, 3] = tanh %p
  %s: f64[1, 3] = mul %t, %k
  %flat: f64[3] = reshape %s, %three
  %e: f64 = sin %k
  return %flat, %e
}
"""


@BOTH
@pytest.mark.parametrize("checkpoint", [False, True])
def test_functions_with_several_results(checkpoint: bool, calling: bool) -> None:
    mark = ", checkpoint = true" if checkpoint else ""
    text = LARGE.replace("%s}", mark + "}")
    check(text, draw(3), draw(3, 3), 0.7, orders=2, calling=calling)


def test_one_pair_of_functions_serves_equal_calls() -> None:
    text = LARGE.replace("%s}", "}").replace(
        "return %y", "%dw: f64[3, 3] = gradient %y, %w\n  return %dw"
    )
    program, _ = plain(parsed(text))
    # The first call differs: its argument %x is no path to %w.
    assert sorted(program.functions) == [
        "f",
        "g",
        "g_backward",
        "g_backward_2",
        "g_forward",
        "g_forward_2",
    ]


def test_checkpoint_keeps_only_the_arguments() -> None:
    text = LARGE.replace("%s}", ", checkpoint = true}").replace(
        "return %y", "%dw: f64[3, 3] = gradient %y, %w\n  return %dw"
    )
    program, _ = plain(parsed(text))
    calls = [s for s in program.functions["f"].body.statements if s.op.name == "call"]
    assert [len(s.results) for s in calls[:2]] == [2, 2]
    assert [s.attributes["function"] for s in calls[:2]] == ["g", "g"]


def test_checkpoint_draws_the_same_numbers_again() -> None:
    text = """
    fn @f(%x: f64[4]) {
      %y: f64 = call %x {function = "noisy", checkpoint = true}
      %g: f64[4] = gradient %y, %x
      return %y, %g
    }

    fn @noisy(%x: f64[4]) {
      %four: i64 = 4
      %r: f64[4] = random_uniform %four {dtype = f64}
      %p: f64[4] = mul %x, %r
      %e: f64[4] = exp %p
      %y: f64 = reduce_sum %e {axis = none, keep_dims = false}
      return %y
    }
    """
    program, _ = plain(parsed(text))
    y, g = call(program, "f", [np.ones(4)])
    # With x = 1 the result is sum(exp(r)) and the gradient r*exp(r): both tell of the same r.
    inverse = np.array([root_of(v) for v in g])
    np.testing.assert_allclose(np.exp(inverse).sum(), y, rtol=1e-9)


def root_of(target: float) -> float:
    """The r in 0..1 with r*exp(r) = target, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * np.exp(middle) < target else (low, middle)
    return low


CUSTOM = """
fn @f(%x: f64, %z: f64[2], %n: i64) {
  %s: f64 = sin %x
  %y: f64 = custom_call %s, %z, %n {function = "g", backward = "g_rule"}
  %t: f64 = mul %y, %x
  return %t
}

fn @g(%x: f64, %z: f64[2], %n: i64) {
  %p: f64[2] = mul %z, %x
  %e: f64[2] = exp %p
  %y: f64 = reduce_sum %e {axis = none, keep_dims = false}
  return %y
}

fn @g_rule(%x: f64, %z: f64[2], %n: i64, %y: f64, %dy: f64) {
  %p: f64[2] = mul %z, %x
  %e: f64[2] = exp %p
  %d: f64[2] = mul %e, %dy
  %both: f64[2] = mul %d, %z
  %dx: f64 = reduce_sum %both {axis = none, keep_dims = false}
  %dz: f64[2] = mul %d, %x
  return %dx, %dz, %n
}
"""


@BOTH
def test_custom_call(calling: bool) -> None:
    check(CUSTOM, 0.6, draw(2), 3, orders=2, calling=calling)


def test_custom_rule_is_believed() -> None:
    text = CUSTOM.replace("return %t", "%g: f64 = gradient %y, %x\n  return %g")
    text = text.replace("return %dx, %dz, %n", "%two: f64 = 2.0\nreturn %two, %dz, %n")
    program, _ = plain(parsed(text))
    (g,) = call(program, "f", [0.6, draw(2), 3])
    assert g == pytest.approx(2 * np.cos(0.6))


# --- Lists ---------------------------------------------------------------------------------------

LIST = """
fn @f(%xs: [f64], %w: f64) {
  %zero: i64 = 0
  %one: i64 = 1
  %n: i64 = list_length %xs
  %empty: [f64] = list_make {element = type f64}
  %ys: [f64], %last: f64 = for %zero, %n, %one, %empty, %w do (%i: i64, %l: [f64], %p: f64) {
    %x: f64 = list_get %xs, %i
    %m: f64 = mul %x, %p
    %s: f64 = sin %m
    %more: [f64] = list_push %l, %s
    yield %more, %s
  }
  %first: f64 = list_get %ys, %zero
  %all: [f64] = list_set %ys, %one, %last
  %both: [f64] = list_concat %all, %xs
  %start: f64 = 0.0
  %count: i64 = list_length %both
  %sum: f64 = for %zero, %count, %one, %start do (%i: i64, %t: f64) {
    %e: f64 = list_get %both, %i
    %q: f64 = mul %e, %e
    %q3: f64 = mul %q, %w
    %u: f64 = add %t, %q3
    yield %u
  }
  %y: f64 = mul %sum, %first
  return %y
}
"""


@BOTH
def test_list(calling: bool) -> None:
    check(LIST, [0.4, 1.2], 0.7, orders=3, calling=calling)


@BOTH
def test_list_of_tensors_popped_in_a_while(calling: bool) -> None:
    text = """
    fn @f(%xs: [f64[2]], %w: f64[2]) {
      %r: f64[2], %rest: [f64[2]] = while %w, %xs cond (%p: f64[2], %l: [f64[2]]) {
        %zero: i64 = 0
        %n: i64 = list_length %l
        %go: bool = gt %n, %zero
        yield %go
      } do (%q: f64[2], %m: [f64[2]]) {
        %less: [f64[2]], %x: f64[2] = list_pop %m
        %t: f64[2] = mul %q, %x
        %s: f64[2] = sin %t
        yield %s, %less
      }
      %y: f64 = reduce_sum %r {axis = none, keep_dims = false}
      return %y
    }
    """
    check(text, [draw(2), draw(2)], draw(2), orders=2, calling=calling)


@BOTH
def test_nested_lists(calling: bool) -> None:
    text = """
    fn @f(%xs: [[f64]]) {
      %zero: i64 = 0
      %one: i64 = 1
      %start: f64 = 1.0
      %n: i64 = list_length %xs
      %y: f64 = for %zero, %n, %one, %start do (%i: i64, %t: f64) {
        %row: [f64] = list_get %xs, %i
        %m: i64 = list_length %row
        %r: f64 = for %zero, %m, %one, %t do (%j: i64, %u: f64) {
          %e: f64 = list_get %row, %j
          %p: f64 = mul %e, %u
          %s: f64 = sin %p
          yield %s
        }
        yield %r
      }
      return %y
    }
    """
    check(text, [[0.4, 1.2], [0.7, 0.9, 1.1]], orders=1, calling=calling)
    check(text, [[0.4, 1.2], [0.7, 0.9]], orders=2, calling=calling)


# --- Boxes ---------------------------------------------------------------------------------------

EXPRESSION = """
fn @f(%x: f64, %z: f64) {
  %a: box "E" = box_make %x {tag = 0, name = "E"}
  %b: box "E" = box_make %z {tag = 0, name = "E"}
  %ab: box "E" = box_make %a, %b {tag = 1, name = "E"}
  %abb: box "E" = box_make %ab, %b {tag = 1, name = "E"}
  %tree: box "E" = box_make %abb, %ab {tag = 1, name = "E"}
  %y: f64 = call %tree {function = "evaluate"}
  return %y
}

fn @evaluate(%e: box "E") {
  %tag: i64 = box_tag %e
  %zero: i64 = 0
  %leaf: bool = eq %tag, %zero
  %y: f64 = if %leaf then {
    %v: f64 = box_field %e {index = 0, type = type f64}
    %s: f64 = sin %v
    yield %s
  } else {
    %l: box "E" = box_field %e {index = 0, type = type box "E"}
    %r: box "E" = box_field %e {index = 1, type = type box "E"}
    %a: f64 = call %l {function = "evaluate"}
    %b: f64 = call %r {function = "evaluate"}
    %p: f64 = mul %a, %b
    %q: f64 = add %p, %b
    yield %q
  }
  return %y
}
"""


@BOTH
def test_boxes(calling: bool) -> None:
    check(EXPRESSION, 0.4, 1.1, orders=3, calling=calling)


def test_derived_functions_keep_the_name_users_see() -> None:
    text = (
        RECURSION.replace("@f(%x: f64, %n: i64)", '@f(%x: f64, %n: i64) as "fib"')
        + """
    fn @main(%x: f64, %n: i64) {
      %y: f64 = call %x, %n {function = "f"}
      %g: f64 = gradient %y, %x
      return %g
    }
    """
    )
    program, _ = plain(parsed(text, "main"))
    assert program.functions["f_backward"].shown == "fib", print_program(program)
