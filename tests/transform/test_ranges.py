"""What is known of integers: which checks never fail; what a loop asks before its first turn."""

from __future__ import annotations

from textwrap import dedent

import pytest

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.ir import Function, Statement, Value
from charl.core.parser import parse_program
from charl.transform.guards import guard_of
from charl.transform.in_place import plan_in_place
from charl.transform.ownership import plan_ownership
from charl.transform.ranges import Check, integer_ranges
from charl.types import dims
from charl.types.dims import Dim, Symbol
from charl.types.types import List, Tensor


def function(text: str) -> Function:
    return parse_program(f"entry @f\n{dedent(text)}").functions["f"]


def named(check: Check) -> str:
    statement, place = check
    return f"{statement.results[0].name} {place}"


def safe(text: str) -> set[str]:
    return {named(check) for check in integer_ranges(function(text)).safe}


def loop(f: Function) -> Statement:
    return next(s for s in f.body.walk() if s.op.name == "for")


def test_an_index_between_the_bounds_of_its_loops() -> None:
    assert safe("""
    fn @f[n, i, j](%x: f64[n, 5]) {
      %zero: i64 = 0
      %one: i64 = 1
      %n: i64 is n = dim %x {axis = 0}
      %end: i64 is n - 1 = sub %n, %one
      %t: f64[n, 5] = for %zero, %end, %one, %x do (%i: i64 is i, %c: f64[n, 5]) {
        %next: i64 is i + 1 = add %i, %one
        %t1: f64[n, 5] = for %next, %n, %one, %c do (%j: i64 is j, %d: f64[n, 5]) {
          %before: i64 is j - 1 = sub %j, %one
          %after: i64 is j + 1 = add %j, %one
          %a: f64 = index %d, %before, %zero
          %b: f64 = index %d, %j, %j
          %c1: f64 = index %d, %after, %zero
          %e: f64[n, 5] = index_update %d, %a, %next, %i
          yield %e
        }
        yield %t1
      }
      return %t
    }""") == {"end 0", "next 0", "before 0", "after 0", "a 1", "a 2", "b 1", "c1 2", "e 2"}


def test_arithmetic_on_what_is_known_to_be_small() -> None:
    assert safe("""
    fn @f(%x: i64, %small: i8) {
      %ten: i64 = 10
      %m: i64 = mod %x, %ten
      %p: i64 = mul %m, %m
      %q: i64 = add %p, %x
      %wide: i64 = cast %small {dtype = i64}
      %square: i64 = mul %wide, %wide
      %n: i64 = neg %x
      %top: i64 = minimum %x, %ten
      %s: i64 = sub %ten, %top
      return %q, %square, %n, %s
    }""") == {"p 0", "wide 0", "square 0"}


def test_a_sum_is_bounded_by_the_turns_of_its_loop() -> None:
    text = """
    fn @f(%b: bool, %start: i64) {{
      %zero: i64 = 0
      %one: i64 = 1
      %end: i64 = {end}
      %r: i64 = for %zero, %end, %one, {start} do (%i: i64, %sum: i64) {{
        %s: i64 = if %b then {{
          %more: i64 = add %sum, %i
          yield %more
        }} else {{
          %less: i64 = sub %sum, %one
          yield %less
        }}
        yield %s
      }}
      return %r
    }}"""
    assert safe(text.format(end=1000, start="%zero")) == {"more 0", "less 0"}
    assert safe(text.format(end=1 << 40, start="%zero")) == set()
    assert safe(text.format(end=1000, start="%start")) == set()


WHILE = """
    fn @f(%xs: [i64], %n: i64, %b: bool) {{
      %zero: i64 = 0
      %one: i64 = 1
      %fifty: i64 = 50
      %false: bool = false
      %r: i64, %q: i64 = while {start} cond (%i: i64, %j: i64) {{
        {condition}
        yield %c
      }} do (%a: i64, %z: i64) {{
        {body}
        yield %next, %last
      }}
      return %r, %q
    }}"""


@pytest.mark.parametrize(
    ("start", "condition", "body", "expected", "turns"),
    [
        (  # the ends approach each other
            "%zero, %n",
            "%c: bool = lt %i, %j",
            "%next: i64 = add %a, %one\n%last: i64 = sub %z, %one",
            {"next 0", "last 0"},
            1 << 62,
        ),
        (  # a count with a limit, the other changes as it likes
            "%zero, %n",
            """%less: bool = lt %i, %fifty
            %c: bool = if %less then {
              yield %b
            } else {
              yield %false
            }""",
            "%next: i64 = add %a, %one\n%last: i64 = mul %z, %n",
            {"next 0"},
            50,
        ),
        (  # downwards, by one or by nothing
            "%fifty, %n",
            """%more: bool = ge %i, %one
            %c: bool = and %b, %more""",
            """%next: i64 = if %b then {
              %less: i64 = sub %a, %one
              yield %less
            } else {
              yield %a
            }
            %last: i64 = mul %a, %a""",
            {"less 0", "last 0"},
            None,
        ),
        (  # either may hold alone
            "%zero, %n",
            """%less: bool = lt %i, %fifty
            %c: bool = or %b, %less""",
            "%next: i64 = add %a, %one\n%last: i64 = sub %a, %one",
            {"last 0"},
            None,
        ),
    ],
)
def test_what_the_condition_of_a_while_tells(
    start: str, condition: str, body: str, expected: set[str], turns: int | None
) -> None:
    f = function(WHILE.format(start=start, condition=condition, body=body))
    found = integer_ranges(f)
    assert {named(check) for check in found.safe} == expected
    (loop,) = (s for s in f.body.walk() if s.op.name == "while")
    assert found.turns.get(loop) == turns


def test_a_guard_asks_for_the_first_and_the_last_index() -> None:
    f = function("""
    fn @f[n, i](%x: f64[n], %low: i64, %high: i64, %k: i64) {
      %two: i64 = 2
      %one: i64 = 1
      %zero: f64 = 0.0
      %r: f64 = for %low, %high, %one, %zero do (%i: i64 is i, %sum: f64) {
        %a: i64 = mul %i, %two
        %at: i64 = add %a, %k
        %e: f64 = index %x, %at
        %j: i64 = cast %e {dtype = i64}
        %g: f64 = index %x, %j
        %s: f64 = add %e, %g
        yield %s
      }
      return %r
    }""")
    guard = guard_of(loop(f), integer_ranges(f))
    assert guard is not None
    (inside,) = guard.inside
    assert named(inside.check) == "e 1"
    names = {symbol: value.name for symbol, value in guard.names.items()}
    assert shown(inside.least, names) == ["2*low + k"]
    assert shown(inside.most, names) == ["2*high + k - 2"]
    assert inside.size == f.body.parameters[0].type.shape[0]  # type: ignore[union-attr]
    assert {named(check) for check in guard.safe} == {"a 0", "at 0"}
    assert {v.name for v in guard.small} == {"low", "high", "one", "k"}
    assert guard.bound == 1 << 60


def shown(ends: tuple[Dim, ...], names: dict[Symbol, str]) -> list[str]:
    return [
        str(dims.substitute(end, {s: dims.symbol(n) for s, n in names.items()})) for end in ends
    ]


PAIR = """
    fn @f(%x: f64[9], %low: i64, %high: i64, %k: i64) {{
      %one: i64 = 1
      %y: f64[9], %a: i64, %b: i64 = while %x, %low, %high cond (%x1: f64[9], %a1: i64, %b1: i64) {{
        %more: bool = {condition}
        yield %more
      }} do (%x2: f64[9], %a2: i64, %b2: i64) {{
        %front: f64 = index %x2, %a2
        %back: f64 = index %x2, %b2
        %sum: f64 = add %front, %back
        %x3: f64[9] = index_update %x2, %sum, %a2
        %a3: i64 = add %a2, {forth}
        %b3: i64 = sub %b2, {back}
        yield %x3, %a3, %b3
      }}
      return %y
    }}"""


@pytest.mark.parametrize(
    ("condition", "forth", "back", "expected", "turns"),
    [
        (
            "lt %a1, %b1", "%one", "%one",
            {"front": ("low", "high - 1"), "back": ("low + 1", "high"), "x3": ("low", "high - 1")},
            "-low + high",
        ),
        (
            "le %a1, %k", "%one", "%k",  # who knows whether k is negative
            {"front": ("low", "k"), "x3": ("low", "k")},
            "-low + k + 1",
        ),
        (
            "gt %b1, %k", "%k", "%one",
            {"back": ("k + 1", "high")},
            "high - k",
        ),
        ("lt %b1, %a1", "%one", "%one", {}, None),  # they part
        ("ne %a1, %b1", "%one", "%one", {}, None),
    ],
)  # fmt: skip
def test_what_counts_in_a_while_stays_between_its_start_and_the_condition(
    condition: str, forth: str, back: str, expected: dict[str, tuple[str, str]], turns: str | None
) -> None:
    f = function(PAIR.format(condition=condition, forth=forth, back=back))
    (pair,) = (s for s in f.body.walk() if s.op.name == "while")
    guard = guard_of(pair, integer_ranges(f))
    if guard is None:
        assert not expected and turns is None
        return
    names = {symbol: value.name for symbol, value in guard.names.items()}
    found = {
        x.check[0].results[0].name: (*shown(x.least, names), *shown(x.most, names))
        for x in guard.inside
    }
    assert found == expected
    assert (guard.turns and shown((guard.turns,), names)) == (turns and [turns])


def test_products_need_smaller_numbers_than_sums() -> None:
    f = function("""
    fn @f(%low: i64, %high: i64, %one: i64) {
      %r: i64 = for %low, %high, %one, %low do (%i: i64, %last: i64) {
        %square: i64 = mul %i, %i
        yield %square
      }
      return %r
    }""")
    guard = guard_of(loop(f), integer_ranges(f))
    assert guard is not None and guard.bound == 1 << 30


LIST_LOOP = """
    fn @f(%xs: [i64], %low: i64, %high: i64) {{
      %one: i64 = 1
      %r: [i64] = for %low, %high, %one, %xs do (%i: i64, %c: [i64]) {{
        %e: i64 = list_get %c, %i
        {statement}
        yield %d
      }}
      return %r
    }}"""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("%d: [i64] = list_set %c, %i, %one", {"e 1", "d 1"}),
        ("%d: [i64] = list_push %c, %e", set()),
    ],
)
def test_a_guard_knows_the_length_of_lists_that_keep_it(statement: str, expected: set[str]) -> None:
    f = function(LIST_LOOP.format(statement=statement))
    guard = guard_of(loop(f), integer_ranges(f))
    assert {named(x.check) for x in guard.inside} == expected if guard else not expected


# --- In place ------------------------------------------------------------------------------------


def carries(text: str) -> list[list[int]]:
    """The carries that each loop changes in place, outer loops first."""
    f = function(text)

    def counted(value: Value) -> bool:
        type = value.type
        return isinstance(type, List) or (isinstance(type, Tensor) and bool(type.shape))

    plan = plan_in_place(f, plan_ownership(f, counted))
    loops = (s for s in f.body.walk() if s.op.name in ("for", "while"))
    return [plan.carries.get(s, []) for s in loops]


TENSOR_LOOP = """
    fn @f(%x: i64[4], %y: i64[4], %n: i64, %b: bool) {{
      %zero: i64 = 0
      %one: i64 = 1
      %r: i64[4], %q: i64[4] = for %zero, %n, %one, %x, %y do (%i: i64, %c: i64[4], %d: i64[4]) {{
        {statements}
        yield %u, %v
      }}
      return %r, %q
    }}"""


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (
            """%e: i64 = index %d, %i
            %u: i64[4] = index_update %c, %e, %i
            %g: i64 = index %u, %zero
            %v: i64[4] = index_update %d, %g, %i""",
            [[0, 1]],
        ),
        (  # only one of them is changed
            """%u: i64[4] = index_update %c, %one, %i
            %v: i64[4] = add %d, %one""",
            [[0]],
        ),
        (  # exchanged
            """%v: i64[4] = index_update %c, %one, %i
            %u: i64[4] = index_update %d, %one, %i""",
            [[]],
        ),
        (  # the old one is looked at after the change
            """%u: i64[4] = index_update %c, %one, %i
            %e: i64 = index %c, %zero
            %v: i64[4] = index_update %d, %e, %i""",
            [[1]],
        ),
        (  # changed in a branch, and in a loop
            """%u: i64[4] = if %b then {
              %u1: i64[4] = index_update %c, %one, %i
              yield %u1
            } else {
              yield %c
            }
            %v: i64[4] = for %zero, %n, %one, %d do (%j: i64, %d1: i64[4]) {
              %d2: i64[4] = index_update %d1, %one, %j
              yield %d2
            }""",
            [[0, 1], [0]],
        ),
        (  # the value from outside is kept by a list
            """%u: i64[4] = index_update %c, %one, %i
            %l: [i64[4]] = list_make %u, %u {element = type i64[4]}
            %k: i64 = list_length %l
            %v: i64[4] = index_update %d, %k, %i""",
            [[1]],
        ),
    ],
)
def test_what_a_loop_changes_in_place(statements: str, expected: list[list[int]]) -> None:
    assert carries(TENSOR_LOOP.format(statements=statements)) == expected
