"""Which forward values a reverse keeps: what the forward function returns beside its result."""

from __future__ import annotations

from derivatives import parsed, plain

from charl.core.ir import Value

CALL = """
fn @f(%x: f64[7, 5], %w: f64[5, 5], %b: f64[5]) {
  %y: f64[7, 5] = call %x, %w, %b {function = "layer"}
  %s: f64 = reduce_sum %y {axis = none, keep_dims = false}
  %g: f64[7, 5], %h: f64[5, 5], %i: f64[5] = gradient %s, %x, %w, %b
  return %g, %h, %i
}
fn @layer(%x: f64[7, 5], %w: f64[5, 5], %b: f64[5]) {
  %seven: i64 = 7
  %five: i64 = 5
"""


def kept(*lines: str) -> list[Value]:
    """The residuals of a layer of these lines."""
    program, _ = plain(parsed(CALL + "\n".join(lines) + "\n}"))
    return list(program.functions["layer_forward"].body.results[1:])


def test_of_a_product_with_a_bias_and_what_follows_the_product_is_kept() -> None:
    found = kept(
        "%p: f64[7, 5] = matmul %x, %w",
        "%c: f64[7, 5] = broadcast %b, %seven, %five {axes = (1)}",
        "%z: f64[7, 5] = add %p, %c",
        "%q: f64[7, 5] = mul %z, %z",
        "%r: f64[7, 5] = mul %q, %z",
        "return %r",
    )
    assert [v.name for v in found] == ["p"]


def test_a_mean_is_kept_and_not_what_it_is_taken_from() -> None:
    found = kept(
        "%m: f64[7, 1] = reduce_sum %x {axis = (1), keep_dims = true}",
        "%c: f64[7, 5] = broadcast %m, %seven, %five {axes = (0, 1)}",
        "%z: f64[7, 5] = sub %x, %c",
        "%q: f64[7, 5] = mul %z, %z",
        "return %q",
    )
    assert [v.name for v in found] == ["m"]


def test_what_is_slow_is_kept_and_what_quickly_follows_from_it_is_not() -> None:
    found = kept(
        "%e: f64[7, 5] = exp %x",
        "%one: f64 = 1.0",
        "%d: f64[7, 5] = add %e, %one",
        "%q: f64[7, 5] = mul %d, %d",
        "return %q",
    )
    assert [v.name for v in found] == ["e"]


def test_one_tensor_is_not_kept_as_two() -> None:
    found = kept(
        "%p: f64[7, 5] = matmul %x, %w",
        "%r: f64[7, 5] = matmul %x, %w",
        "%z: f64[7, 5] = sub %p, %r",
        "%q: f64[7, 5] = mul %z, %z",
        "return %q",
    )
    assert [v.name for v in found] == ["z"]


def test_a_mask_is_not_kept_as_the_numbers_it_comes_from() -> None:
    found = kept(
        "%p: f64[7, 5] = matmul %x, %w",
        "%zero: f64 = 0.0",
        "%m: bool[7, 5] = gt %p, %zero",
        "%q: f64[7, 5] = select %m, %x, %zero",
        "return %q",
    )
    assert [v.name for v in found] == ["m"]
