"""Simplification, rule by rule, on printed Core."""

from __future__ import annotations

from textwrap import dedent

import pytest
from core_text import SAID, after, body

from charl.transform.dce import dce
from charl.transform.simplify import simplify


def simplified(head: str, *lines: str) -> str:
    """The body after simplification, without the constants and sizes nobody uses any more."""
    return body(lambda program: dce(simplify(program)), head, *lines)


INTS = "(%x: i64, %v: i64[3], %y: i64)"
FLOATS = "(%x: f64, %v: f64[3], %y: f64)"
GONE = "return %x"


@pytest.mark.parametrize(
    "statement",
    [
        "add %x, %c0",
        "add %c0, %x",
        "sub %x, %c0",
        "mul %x, %c1",
        "mul %c1, %x",
        "floor_div %x, %c1",
        "pow %x, %c1",
    ],
)
def test_neutral_elements_of_ints_go(statement: str) -> None:
    lines = ("%c0: i64 = 0", "%c1: i64 = 1", f"%r: i64 = {statement}", "return %r")
    assert simplified(INTS, *lines) == GONE


@pytest.mark.parametrize(
    ("statement", "goes"),
    [
        ("add %x, %zero", False),  # -0.0 + 0.0 is 0.0
        ("add %x, %negative_zero", True),
        ("sub %x, %zero", True),
        ("sub %x, %negative_zero", False),  # -0.0 - -0.0 is 0.0
        ("mul %x, %one", True),
        ("mul %x, %zero", False),  # NaN, infinity and signs
        ("div %x, %one", True),
        ("pow %x, %one", True),
    ],
)
def test_neutral_elements_of_floats_go_where_every_bit_is_kept(statement: str, goes: bool) -> None:
    constants = ("%zero: f64 = 0.0", "%negative_zero: f64 = -0.0", "%one: f64 = 1.0")
    found = simplified(FLOATS, *constants, f"%r: f64 = {statement}", "return %r")
    assert (found == GONE) is goes


def test_a_tensor_of_ones_is_neutral_too() -> None:
    assert simplified(
        FLOATS,
        "%one: f64 = 1.0",
        "%n: i64 = 3",
        "%ones: f64[3] = broadcast %one, %n {axes = ()}",
        "%r: f64[3] = mul %v, %ones",
        "return %r",
    ) == "return %v"  # fmt: skip


def test_a_scalar_does_not_take_the_place_of_a_tensor() -> None:
    lines = ("%ones: f64[3] = [1.0, 1.0, 1.0]", "%r: f64[3] = mul %x, %ones", "return %r")
    assert simplified(FLOATS, *lines) == "\n".join(lines)


def test_zero_absorbs_ints_in_their_shape() -> None:
    assert simplified(
        INTS, "%0: i64 = 0", "%r: i64[3] = mul %v, %0", "%s: i64 = mul %x, %0", "return %r, %s"
    ) == dedent("""\
        %0: i64 = 0
        %1: i64 = 3
        %2: i64[3] = broadcast %0, %1 {axes = ()}
        return %2, %0""")


def test_constants_are_computed() -> None:
    assert simplified(
        "()",
        "%a: i64 = 6",
        "%b: i64 = mul %a, %a",
        "%c: f32 = 2.5",
        "%d: f32 = neg %c",
        '%s: string = "a"',
        "%t: string = string_concat %s, %s",
        "%v: f32[2] = [1.0, 2.0]",
        "%w: f32[2] = mul %v, %c",
        "%u: bool = lt %a, %b",
        "return %b, %d, %t, %w, %u",
    ) == (
        '%0: i64 = 36\n%1: f32 = -2.5\n%2: string = "aa"\n%3: f32[2] = [2.5, 5.0]\n'
        "%4: bool = true\nreturn %0, %1, %2, %3, %4"
    )  # fmt: skip


def test_what_would_fail_is_left_to_the_run() -> None:
    lines = (
        "%a: i64 = 9223372036854775807",
        "%0: i64 = 0",
        "%b: i64 = add %a, %a",
        "%c: i64 = mod %a, %0",
        "return %b, %c",
    )
    assert simplified("()", *lines) == "\n".join(lines)


def test_large_constants_are_not_made() -> None:
    lines = (
        "%0: f64 = 0.0",
        "%n: i64 = 1000000",
        "%a: f64[1000000] = broadcast %0, %n {axes = ()}",
        "%b: f64[1000000] = exp %a",
        "return %b",
    )
    assert simplified("()", *lines) == "\n".join(lines)


def test_squares_are_products() -> None:
    lines = ("%two: f64 = 2.0", "%r: f64[3] = pow %v, %two", "return %r")
    assert simplified(FLOATS, *lines) == "%0: f64[3] = mul %v, %v\nreturn %0"


def test_inverses_cancel() -> None:
    lines = ("%a: f64 = neg %x", "%b: f64 = neg %a", "return %b")
    assert simplified(FLOATS, *lines) == GONE
    lines = ("%a: bool = not %x", "%b: bool = not %a", "return %b")
    assert simplified("(%x: bool)", *lines) == GONE


@pytest.mark.parametrize(
    ("statement", "result"),
    [
        ("and %x, %t", "return %x"),
        ("or %f, %x", "return %x"),
        ("and %f, %x", "%f: bool = false\nreturn %f"),
        ("or %x, %t", "%t: bool = true\nreturn %t"),
    ],
)
def test_logic_with_constants(statement: str, result: str) -> None:
    lines = ("%t: bool = true", "%f: bool = false", f"%r: bool = {statement}", "return %r")
    assert simplified("(%x: bool)", *lines) == result


def test_choices_that_are_known() -> None:
    lines = ("%t: bool = true", "%r: f64[3] = select %t, %v, %v", "return %r")
    assert simplified(FLOATS, *lines) == "return %v"
    lines = ("%t: bool = false", "%r: f64 = select %t, %y, %x", "return %r")
    assert simplified(FLOATS, *lines) == GONE
    lines = ("%t: bool = true", "%r: f64[3] = select %t, %x, %v", "return %r")
    assert simplified(FLOATS, *lines) == "\n".join(lines)  # %x would still have to be stretched


def test_transposes_compose() -> None:
    assert simplified(
        "(%x: f32[2, 3, 4])",
        "%a: f32[3, 4, 2] = transpose %x {permutation = (1, 2, 0)}",
        "%b: f32[2, 4, 3] = transpose %a {permutation = none}",
        "%c: f32[2, 3, 4] = transpose %b {permutation = (0, 2, 1)}",
        "return %b, %c",
    ) == "%0: f32[2, 4, 3] = transpose %x {permutation = (0, 2, 1)}\nreturn %0, %x"  # fmt: skip


def test_the_last_reshape_counts() -> None:
    head = "[n](%x: f32[n, 4], %n: i64 is n)"
    assert simplified(
        head,
        "%four: i64 = 4",
        "%m: i64 is 4*n = mul %n, %four",
        "%a: f32[4*n] = reshape %x, %m",
        "%b: f32[4, n] = reshape %a, %four, %n",
        "%c: f32[n, 4] = reshape %a, %n, %four",
        "return %b, %c",
    ) == (
        "%four: i64 = 4\n%0: f32[4, n] = reshape %x, %four, %n\nreturn %0, %x"
    )  # fmt: skip


def test_broadcasts_compose_and_go_where_an_op_stretches() -> None:
    assert simplified(
        "(%x: f32, %r: f32[3], %m: f32[2, 3])",
        "%two: i64 = 2",
        "%three: i64 = 3",
        "%a: f32[3] = broadcast %x, %three {axes = ()}",
        "%b: f32[2, 3] = broadcast %a, %two, %three {axes = (1)}",
        "%c: f32[2, 3] = add %m, %b",
        "%d: f32[3] = broadcast %r, %three {axes = (0)}",
        "return %c, %d",
    ) == "%c: f32[2, 3] = add %m, %x\nreturn %c, %r"  # fmt: skip


def test_sizes_known_from_types_are_constants() -> None:
    assert simplified(
        "[n](%x: f32[n, 3])",
        "%n: i64 is n = dim %x {axis = 0}",
        "%three: i64 is 3 = dim %x {axis = 1}",
        "%m: i64 is n + 3 = add %n, %three",
        "%d: i64 is 3 = sub %m, %n",
        "%c: bool = lt %n, %m",
        "return %d, %c",
    ) == "%0: i64 = 3\n%1: bool = true\nreturn %0, %1"  # fmt: skip


def test_the_size_of_a_broadcast_is_its_operand() -> None:
    assert simplified(
        "[n](%x: f32[3], %n: i64)",
        "%three: i64 = 3",
        "%y: f32[n, 3] = broadcast %x, %n, %three {axes = (1)}",
        "%m: i64 is n = dim %y {axis = 0}",
        "return %m",
    ) == "return %n"  # fmt: skip


def test_checks_that_hold_go() -> None:
    assert simplified(
        "[n](%x: f32[n], %n: i64 is n, %m: i64)",
        "%c: bool = eq %n, %n",
        f"check %c {{{SAID}}}",
        f"%y: f32[n] = ensure_shape %x, %n {{{SAID}}}",
        f"%z: f32[n] = ensure_shape %x, %m {{{SAID}}}",
        "return %y, %z",
    ) == f"%z: f32[n] = ensure_shape %x, %m {{{SAID}}}\nreturn %x, %z"  # fmt: skip


def test_a_branch_that_is_known_is_taken() -> None:
    assert simplified(
        FLOATS,
        "%t: bool = true",
        "%r: f64 = if %t then {",
        "  %a: f64 = mul %x, %x",
        "  yield %a",
        "} else {",
        "  yield %x",
        "}",
        "return %r",
    ) == "%a: f64 = mul %x, %x\nreturn %a"  # fmt: skip


@pytest.mark.parametrize(
    ("bounds", "result"),
    [
        ("%0, %0, %one", "return %x"),
        ("%one, %0, %one", "return %x"),
        ("%0, %one, %one", "%0: i64 = 0\n%b: i64 = sub %x, %y\nreturn %b"),
    ],
)
def test_loops_of_no_round_or_one(bounds: str, result: str) -> None:
    found = simplified(
        INTS,
        "%0: i64 = 0",
        "%one: i64 = 1",
        f"%r: i64 = for {bounds}, %x do (%i: i64, %a: i64) {{",
        "  %k: i64 = add %y, %i",
        "  %b: i64 = sub %a, %k",
        "  yield %b",
        "}",
        "return %r",
    )
    assert found == result.removeprefix("%0: i64 = 0\n")


def test_what_is_learnt_of_a_size_in_a_branch_stays_there() -> None:
    """In the first branch n is 3; after it nothing is known of n."""
    text = after(simplify, f"""
    fn @f[n](%x: f32[n], %c: bool) {{
      %three: i64 = 3
      %y: f32[n] = if %c then {{
        %t: bool = true
        %e: f32[3] = ensure_shape %x, %three {{{SAID}}}
        %s: f32[n] = select %t, %e, %e
        %u: f32[n] = exp %s
        yield %u
      }} else {{
        %v: f32[n] = exp %x
        yield %v
      }}
      return %y
    }}""")  # fmt: skip
    assert "%u: f32[3] = exp %e" in text and "%v: f32[n] = exp %x" in text
    assert "%y: f32[n] = if" in text


PIECES = ("%zero: i64 = 0", "%two: i64 = 2", "%three: i64 = 3", "%four: i64 = 4", "%o: f64 = 0.0")
WRITTEN = "%u: f64[6] = slice_update %x, %v, %two {steps = (1)}"


@pytest.mark.parametrize(
    ("start", "size", "found"),
    [
        ("%two", "%two", "return %v"),
        ("%zero", "%two", "slice %x, %zero, %two"),
        ("%four", "%two", "slice %x, %four, %two"),
        ("%three", "%two", "slice %u, %three, %two"),  # some of both
        ("%four", "%three", "slice %u, %four, %three"),  # out of bounds
    ],
)
def test_a_slice_of_what_a_slice_was_written_into(start: str, size: str, found: str) -> None:
    n = 3 if size == "%three" else 2
    lines = (*PIECES, WRITTEN, f"%r: f64[{n}] = slice %u, {start}, {size} {{steps = (1)}}")
    assert found in simplified("(%x: f64[6], %v: f64[2])", *lines, "return %r")


def test_a_slice_looks_through_several_writes() -> None:
    again = "%t: f64[6] = slice_update %u, %v, %four {steps = (1)}"
    for start, found in (("%zero", "slice %x, %zero, %two"), ("%two", "return %v")):
        lines = (*PIECES, WRITTEN, again, f"%r: f64[2] = slice %t, {start}, %two {{steps = (1)}}")
        assert found in simplified("(%x: f64[6], %v: f64[2])", *lines, "return %r")


def test_a_slice_of_steps_is_not_what_was_written() -> None:
    lines = (*PIECES, WRITTEN, "%r: f64[2] = slice %u, %two, %two {steps = (2)}", "return %r")
    assert "slice %u" in simplified("(%x: f64[6], %v: f64[2])", *lines)


def test_a_slice_of_one_number_is_that_number() -> None:
    six = "%six: i64 = 6"
    full = "%x: f64[6] = broadcast %o, %six {axes = ()}"
    cut = "%r: f64[2] = slice %x, %three, %two {steps = (1)}"
    assert "f64[2] = broadcast %o, %two" in simplified("()", *PIECES, six, full, cut, "return %r")


def test_an_element_of_a_row_is_one_of_the_whole() -> None:
    found = simplified(
        "(%x: f64[5, 4, 3], %i: i64, %j: i64)",
        "%row: f64[4, 3] = index %x, %i",
        "%r: f64[3] = index %row, %j",
        "return %r",
    )
    assert found == "%0: f64[3] = index %x, %i, %j\nreturn %0"
