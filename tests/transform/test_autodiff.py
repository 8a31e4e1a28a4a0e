"""Gradients of straight-line code: the value form, sharing, warnings, what is emitted."""

from __future__ import annotations

import numpy as np
import pytest
from derivatives import call, check, parsed, plain

from charl.core.printer import print_function

RANDOM = np.random.default_rng(1)


def draw(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape)


MLP = """
fn @f(%x: f64[4, 3], %w: f64[3, 5], %b: f64[5], %v: f64[5, 2]) {
  %four: i64 = 4
  %five: i64 = 5
  %h: f64[4, 5] = matmul %x, %w
  %stretched: f64[4, 5] = broadcast %b, %four, %five {axes = (1)}
  %z: f64[4, 5] = add %h, %stretched
  %t: f64[4, 5] = tanh %z
  %o: f64[4, 2] = matmul %t, %v
  %q: f64[4, 2] = exp %o
  %y: f64 = reduce_sum %q {axis = none, keep_dims = false}
  return %y
}
"""


@pytest.mark.parametrize("calling", [False, True])
def test_network(calling: bool) -> None:
    check(MLP, draw(4, 3), draw(3, 5), draw(5), draw(5, 2) / 2, calling=calling)


@pytest.mark.parametrize("calling", [False, True])
def test_third_derivative_of_shared_subexpressions(calling: bool) -> None:
    text = """
    fn @f(%x: f64) {
      %s: f64 = sin %x
      %p: f64 = mul %s, %x
      %q: f64 = mul %p, %s
      %e: f64 = exp %q
      %y: f64 = add %e, %p
      return %y
    }
    """
    check(text, 0.8, orders=3, calling=calling)


def test_value_form_includes_paths_through_other_xs() -> None:
    program, diagnostics = plain(
        parsed("""
    fn @f(%x: f64) {
      %h: f64 = mul %x, %x
      %y: f64 = mul %h, %x
      %dx: f64, %dh: f64, %dy: f64 = gradient %y, %x, %h, %y
      return %dx, %dh, %dy
    }
    """)
    )
    assert diagnostics == []
    assert call(program, "f", [3.0]) == [27.0, 3.0, 1.0]


def test_hessian_as_rows_of_gradients() -> None:
    text = """
    fn @f(%x: f64[3]) {
      %s: f64[3] = sin %x
      %p: f64[3] = mul %s, %x
      %total: f64 = reduce_sum %p {axis = none, keep_dims = false}
      %y: f64 = mul %total, %total
      %g: f64[3] = gradient %y, %x
      %zero: i64 = 0
      %one: i64 = 1
      %three: i64 = 3
      %nothing: f64 = 0.0
      %empty: f64[3, 3] = broadcast %nothing, %three, %three {axes = ()}
      %h: f64[3, 3] = for %zero, %three, %one, %empty do (%i: i64, %rows: f64[3, 3]) {
        %gi: f64 = index %g, %i
        %row: f64[3] = gradient %gi, %x
        %more: f64[3, 3] = index_update %rows, %row, %i
        yield %more
      }
      return %h
    }
    """
    program, diagnostics = plain(parsed(text))
    x = draw(3)
    (hessian,) = call(program, "f", [x])
    slope = np.sin(x) + x * np.cos(x)
    curve = 2 * np.cos(x) - x * np.sin(x)
    expected = 2 * np.outer(slope, slope) + np.diag(2 * np.sum(np.sin(x) * x) * curve)
    assert diagnostics == []
    np.testing.assert_allclose(hessian, expected, rtol=1e-10)


def test_what_the_network_costs() -> None:
    """The reverse is what a person writes: three matrix products, no zeros, no broadcasts."""
    program = parsed(
        MLP.replace(
            "return %y",
            "%dw: f64[3, 5], %db: f64[5], %dv: f64[5, 2] = gradient %y, %w, %b, %v\n"
            "return %dw, %db, %dv",
        )
    )
    expanded, _ = plain(program)
    text = print_function(expanded.functions["f"])
    reverse = text.partition("%y:")[2]
    assert [reverse.count(op) for op in ("matmul", "transpose", "broadcast", "add ")] == [
        3,
        3,
        0,
        1,
    ]


def test_independent_x_is_told() -> None:
    program, diagnostics = plain(
        parsed("""
    fn @f(%x: f64[2], %z: f64) {
      %y: f64 = mul %z, %z
      %dx: f64[2], %dz: f64 = gradient %y, %x, %z
      return %dx, %dz
    }
    """)
    )
    assert [(d.code, d.message) for d in diagnostics] == [
        ("W0401", "this gradient is zero: `y` does not depend on `x`")
    ]
    dx, dz = call(program, "f", [np.ones(2), 3.0])
    assert dx.tolist() == [0.0, 0.0] and dz == 6.0


@pytest.mark.parametrize("result, code", [("%three", "W0401"), ("%cut", "W0402")])
def test_a_function_without_a_way_through_is_looked_into(result: str, code: str) -> None:
    """One that does not use its argument cuts nothing."""
    program, diagnostics = plain(
        parsed(f"""
    fn @g(%x: f64) {{
      %three: f64 = 3.0
      %cut: f64 = stop_gradient %x
      return {result}
    }}
    fn @f(%x: f64) {{
      %y: f64 = call %x {{function = @g}}
      %dx: f64 = gradient %y, %x
      return %dx
    }}
    """)
    )
    (told,) = diagnostics
    assert told.code == code and "`call`" not in told.message
    assert call(program, "f", [2.0]) == [0.0]


def test_leaves_of_one_x_are_told_about_together() -> None:
    text = """
    fn @f(%x: f64, %z: f64) {
      %y: f64 = mul %z, %z
      %dx: f64, %dz: f64 = gradient %y, %x, %z {groups = (2)}
      return %dx, %dz
    }
    """
    assert plain(parsed(text))[1] == []


@pytest.mark.parametrize("nested", [False, True])
def test_cut_path_is_named(nested: bool) -> None:
    cut = "%i: i64 = argmax %d {axis = none, keep_dims = false}"
    if nested:
        cut = f"""
        %i: i64 = if %c then {{
          {cut.replace("%i:", "%inner:")}
          yield %inner
        }} else {{
          %one: i64 = 1
          yield %one
        }}
        """
    program, diagnostics = plain(
        parsed(f"""
    fn @f(%x: f64[2], %c: bool) {{
      %d: f64[2] = add %x, %x
      {cut}
      %y: f64 = cast %i {{dtype = f64}}
      %dx: f64[2] = gradient %y, %x
      return %dx
    }}
    """)
    )
    (told,) = diagnostics
    assert told.code == "W0402" and "`argmax`" in told.message
    assert call(program, "f", [np.ones(2), True])[0].tolist() == [0.0, 0.0]


def test_stop_gradient_is_a_constant() -> None:
    program, diagnostics = plain(
        parsed("""
    fn @f(%x: f64) {
      %s: f64 = stop_gradient %x
      %y: f64 = mul %s, %x
      %dx: f64 = gradient %y, %x
      return %dx
    }
    """)
    )
    assert diagnostics == [] and call(program, "f", [3.0]) == [3.0]


def test_ensure_shape_passes_its_cotangent() -> None:
    text = """
    fn @f[n](%x: f64[n]) {
      %three: i64 = 3
      %e: f64[3] = ensure_shape %x, %three {message = "", helps = ()}
      %q: f64[3] = mul %e, %e
      %y: f64 = reduce_sum %q {axis = none, keep_dims = false}
      return %y
    }
    """
    check(text, draw(3))


def test_sizes_only_the_run_knows() -> None:
    text = """
    fn @f[n](%x: f64[n, 2], %w: f64[2]) {
      %n: i64 is n = dim %x {axis = 0}
      %two: i64 = 2
      %b: f64[n, 2] = broadcast %w, %n, %two {axes = (1)}
      %p: f64[n, 2] = mul %b, %x
      %s: f64[n, 2] = sin %p
      %y: f64 = reduce_sum %s {axis = none, keep_dims = false}
      return %y
    }
    """
    check(text, draw(3, 2), draw(2))
    check(text, draw(3, 2), draw(2), calling=True)


def test_program_without_gradients_is_left_alone() -> None:
    program = parsed(MLP)
    assert plain(program)[0] is program


def test_integers_have_no_cotangent() -> None:
    text = """
    fn @f(%x: f64[3], %i: i64) {
      %j: i64 = add %i, %i
      %a: f64 = index %x, %j
      %jf: f64 = cast %j {dtype = f64}
      %y: f64 = mul %a, %jf
      return %y
    }
    """
    check(text, draw(3), 1, orders=1)


WHERE = """
fn @f(%x: f64[4], %w: f64) {
  %zero: f64 = 0.0
  %one: f64 = 1.0
  %positive: bool[4] = gt %x, %zero
  %small: bool[4] = lt %x, %one
  %l: f64[4] = log %x
  %p: f64[4] = mul %l, %x
  %r: f64[4] = sqrt %p
  %d: f64[4] = div %w, %x
  %inner: f64[4] = select %small, %d, %r
  %chosen: f64[4] = select %positive, %inner, %x
  %y: f64 = reduce_sum %chosen {axis = none, keep_dims = false}
  return %y
}
"""


def test_branches_of_select_that_were_not_chosen_do_no_harm() -> None:
    """log, sqrt and division have no finite slope at some of these elements."""
    check(WHERE, np.array([-1.0, 0.5, 2.0, 3.0]), 0.7, orders=2)
    check(WHERE, np.array([-1.0, 0.5, 2.0, 3.0]), 0.7, orders=1, calling=True)


def test_select_at_the_singular_point() -> None:
    text = """
    fn @f(%x: f64[3]) {
      %zero: f64 = 0.0
      %positive: bool[3] = gt %x, %zero
      %r: f64[3] = sqrt %x
      %chosen: f64[3] = select %positive, %r, %zero
      %y: f64 = reduce_sum %chosen {axis = none, keep_dims = false}
      %g: f64[3] = gradient %y, %x
      return %g
    }
    """
    program, _ = plain(parsed(text))
    (g,) = call(program, "f", [np.array([0.0, 4.0, -1.0])])
    assert g.tolist() == [0.0, 0.25, 0.0]


def test_value_used_both_under_a_mask_and_outside() -> None:
    text = """
    fn @f(%x: f64[3]) {
      %one: f64 = 1.0
      %c: bool[3] = gt %x, %one
      %e: f64[3] = exp %x
      %s: f64[3] = select %c, %e, %x
      %p: f64[3] = mul %s, %e
      %y: f64 = reduce_sum %p {axis = none, keep_dims = false}
      return %y
    }
    """
    check(text, np.array([0.5, 1.5, 2.0]), orders=2)
