"""Branches: what an `if` yields, and what it does not."""

from __future__ import annotations

from trees import (
    FLOAT,
    INT,
    UNIT,
    add,
    assign,
    block,
    body,
    call,
    do,
    eq,
    function,
    get,
    if_,
    let,
    lt,
    mul,
    pair,
    panic,
    replace,
    run,
    say,
    struct,
    var,
    while_,
)

from charl.check import tree
from charl.types.types import NEVER

X, Y = var("x", FLOAT), var("y", FLOAT)
POINT = struct("Point", x=FLOAT, y=FLOAT)


def test_a_value_of_two_branches() -> None:
    absolute = function("f", [X], if_(lt(X, 0.0), mul(X, -1.0), X))
    assert (
        body(absolute)
        == """\
%0: f64 = 0.0
%1: bool = lt %x, %0
%2: f64 = -1.0
%3: f64 = if %1 then {
  %4: f64 = mul %x, %2
  yield %4
} else {
  yield %x
}
return %3"""
    )
    assert run(absolute, -2.0) == 2.0


def test_only_assigned_variables_that_are_read_later_come_out() -> None:
    kept, dropped = var("kept", FLOAT), var("dropped", FLOAT)
    changed = block(assign(kept, add(kept, 1.0)), assign(dropped, add(dropped, 1.0)))
    f = function(
        "f", [X], block(let(kept, X), let(dropped, X), do(if_(lt(X, 0.0), changed)), result=kept)
    )
    assert (
        body(f)
        == """\
%0: f64 = 0.0
%1: bool = lt %x, %0
%2: f64 = 1.0
%kept: f64 = if %1 then {
  %kept.1: f64 = add %x, %2
  %dropped: f64 = add %x, %2
  yield %kept.1
} else {
  yield %x
}
return %kept"""
    )


def test_a_struct_yields_only_the_leaf_that_changes() -> None:
    p = var("p", POINT)
    moved = assign(p, replace(p, 1, add(get(p, 1, FLOAT), X)))
    f = function("f", [p, X], block(do(if_(lt(X, 0.0), block(moved))), result=p))
    assert (
        body(f)
        == """\
%0: f64 = 0.0
%1: bool = lt %x, %0
%p.2: f64 = if %1 then {
  %p.3: f64 = add %p.1, %x
  yield %p.3
} else {
  yield %p.1
}
return %p, %p.2"""
    )


def test_a_branch_that_stops_the_program_yields_nothing_of_its_own() -> None:
    y = var("y", FLOAT)
    checked = block(let(y, if_(lt(X, 0.0), panic(), mul(X, 2.0))), result=add(y, 1.0))
    f = function("f", [X], checked)
    assert "%3: f64 = undefined" in body(f)
    assert run(f, 2.0) == 5.0


def test_nothing_after_a_stop_is_lowered() -> None:
    f = function("f", [X], block(do(panic()), say(X), type=NEVER), result=FLOAT)
    assert "print" not in body(f)
    assert body(f).endswith("return %0")


def test_a_known_condition_takes_one_branch() -> None:
    f = function("f", [X], if_(True, add(X, 1.0), mul(X, 2.0)))
    assert body(f) == "%0: f64 = 1.0\n%1: f64 = add %x, %0\nreturn %1"


def test_two_equal_columns_are_one_result() -> None:
    y = var("y", FLOAT)
    both = if_(lt(X, 0.0), block(assign(y, add(y, 1.0)), result=y), y)
    f = function("f", [X], block(let(y, X), result=pair(both, y)))
    assert body(f).count("f64 = if") == 1
    assert run(f, -1.0) == (0.0, 0.0)


def test_an_operand_that_assigns_is_seen_by_the_next() -> None:
    n = var("n", INT)
    bump = if_(lt(n, 10), block(assign(n, add(n, 1)), result=n), 0)
    f = function("f", [n], add(bump, n))
    assert run(f, 4) == 10
    assert run(f, 20) == 20


def test_a_condition_that_assigns() -> None:
    n, steps = var("n", INT), var("steps", INT)
    condition = block(assign(n, add(n, -1)), result=lt(0, n))
    f = function(
        "f",
        [n],
        block(
            let(steps, 0), while_(condition, assign(steps, add(steps, 1))), result=pair(steps, n)
        ),
    )
    assert run(f, 4) == (3, 0)


def test_a_check_that_always_holds_is_no_statement() -> None:
    holds = tree.Require(X.span, tree.Constant(X.span, lt(X, X).type, True), (), None)  # type: ignore[arg-type]
    assert body(function("f", [X], block(holds, result=X))) == "return %x"


def test_a_value_of_a_call_for_its_effect_only() -> None:
    g = function("g", [X], block(say(X), result=X))
    f = function("f", [X], block(do(call(g, X)), do(if_(eq(X, 0.0), block(), type=UNIT))))
    assert body(f).splitlines()[0] == "%0: f64 = call %x {function = @g}"
    assert "if" not in body(f)
