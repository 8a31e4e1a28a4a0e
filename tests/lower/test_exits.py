"""Early exits: free where the shape of the program allows, flags where it does not."""

from __future__ import annotations

from trees import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    add,
    apply,
    assign,
    block,
    body,
    break_,
    const,
    continue_,
    do,
    eq,
    for_,
    function,
    if_,
    let,
    lt,
    mul,
    return_,
    run,
    var,
    while_,
)

N, INDEX, K, X = var("n", INT), var("i", INT), var("k", INT), var("x", FLOAT)
T = var("t", FLOAT)


def test_guards_at_the_start_of_a_function() -> None:
    f = function(
        "f",
        [X],
        block(
            do(if_(lt(X, 0.0), return_(0.0))),
            do(if_(lt(X, 1.0), return_(X))),
            result=mul(X, X),
        ),
    )
    assert (
        body(f)
        == """\
%0: f64 = 0.0
%1: bool = lt %x, %0
%2: f64 = 1.0
%3: f64 = if %1 then {
  yield %0
} else {
  %4: bool = lt %x, %2
  %5: f64 = if %4 then {
    yield %x
  } else {
    %6: f64 = mul %x, %x
    yield %6
  }
  yield %5
}
return %3"""
    )
    assert [run(f, x) for x in (-1.0, 0.5, 3.0)] == [0.0, 0.5, 9.0]


def test_a_value_or_an_exit() -> None:
    """`let t = if n < 3 { 1.0 } else { return 0.0 }`."""
    f = function("f", [N], block(let(T, if_(lt(N, 3), 1.0, return_(0.0))), result=add(T, 1.0)))
    assert "undefined" not in body(f) and body(f).count("if") == 1
    assert [run(f, 1), run(f, 3)] == [2.0, 0.0]


def test_a_return_inside_an_operand() -> None:
    f = function("f", [N], add(N, if_(lt(N, 3), return_(-1), 10)))
    assert [run(f, 1), run(f, 5)] == [-1, 15]


def test_continue_costs_a_branch_and_nothing_else() -> None:
    f = function(
        "f",
        [N],
        block(
            let(T, 0.0),
            for_(INDEX, 0, N, do(if_(eq(INDEX, 3), continue_())), assign(T, add(T, 1.0))),
            result=T,
        ),
    )
    assert (
        body(f)
        == """\
%0: f64 = 0.0
%1: i64 = 0
%2: i64 = 1
%3: i64 = 3
%4: f64 = 1.0
%t: f64 = for %1, %n, %2, %0 do (%i: i64, %t.1: f64) {
  %5: bool = eq %i, %3
  %t.2: f64 = if %5 then {
    yield %t.1
  } else {
    %t.3: f64 = add %t.1, %4
    yield %t.3
  }
  yield %t.2
}
return %t"""
    )
    assert run(f, 6) == 5.0


def test_break_makes_a_counted_loop_a_while() -> None:
    f = function(
        "f",
        [N],
        block(
            let(T, 0.0),
            for_(INDEX, 0, N, do(if_(eq(INDEX, 3), break_())), assign(T, add(T, 1.0))),
            result=T,
        ),
    )
    assert (
        body(f)
        == """\
%0: f64 = 0.0
%1: i64 = 0
%2: i64 = 1
%3: bool = true
%4: i64 = 3
%5: bool = false
%6: f64 = 1.0
%i: i64, %running: bool, %t: f64 = while %1, %3, %0 cond (%i.1: i64, %running.1: bool, %t.1: f64) {
  %7: bool = lt %i.1, %n
  %8: bool = and %running.1, %7
  yield %8
} do (%i.2: i64, %running.2: bool, %t.2: f64) {
  %i.3: i64 = add %i.2, %2
  %9: bool = eq %i.2, %4
  %running.3: bool, %t.3: f64 = if %9 then {
    yield %5, %t.2
  } else {
    %t.4: f64 = add %t.2, %6
    yield %running.2, %t.4
  }
  yield %i.3, %running.3, %t.3
}
return %t"""
    )
    assert [run(f, 2), run(f, 9)] == [2.0, 3.0]


def test_an_exit_that_is_not_at_the_end_guards_what_follows() -> None:
    inner = block(do(if_(lt(T, 1.0), continue_())), assign(T, 0.5))
    f = function(
        "f",
        [N],
        block(
            let(T, 0.0),
            for_(INDEX, 0, N, do(if_(eq(INDEX, 3), inner)), assign(T, add(T, 1.0))),
            result=T,
        ),
    )
    assert "%t.4: f64 = if %going then {" in body(f)
    assert [run(f, n) for n in (3, 4, 6)] == [3.0, 1.5, 3.5]


def test_a_return_out_of_a_loop() -> None:
    f = function(
        "f",
        [N],
        block(
            for_(INDEX, 0, N, do(if_(eq(mul(INDEX, INDEX), N), return_(INDEX)))), result=const(-1)
        ),
    )
    assert (
        body(f)
        == """\
%0: bool = true
%1: i64 = undefined
%2: i64 = 0
%3: i64 = 1
%4: bool = false
%i: i64, %result: i64, %active: bool = while %2, %1, %0 cond (%i.1: i64, %result.1: i64, \
%active.1: bool) {
  %5: bool = lt %i.1, %n
  %6: bool = and %active.1, %5
  yield %6
} do (%i.2: i64, %result.2: i64, %active.2: bool) {
  %i.3: i64 = add %i.2, %3
  %7: i64 = mul %i.2, %i.2
  %8: bool = eq %7, %n
  %result.3: i64, %active.3: bool = if %8 then {
    yield %i.2, %4
  } else {
    yield %result.2, %active.2
  }
  yield %i.3, %result.3, %active.3
}
%9: i64 = -1
%10: i64 = if %active then {
  yield %9
} else {
  yield %result
}
return %10"""
    )
    assert [run(f, 49), run(f, 50)] == [7, -1]


def test_a_loop_that_only_returns_leave_needs_no_guard_after_it() -> None:
    found = while_(True, assign(K, add(K, 1)), do(if_(lt(N, mul(K, K)), return_(K))))
    f = function("f", [N], block(let(K, 0), found, type=NEVER), result=INT)
    assert body(f).endswith("return %result")
    assert run(f, 50) == 8


def test_a_condition_is_not_evaluated_once_the_loop_was_left() -> None:
    """`while 10 // k > 0 { k -= 1; if k == 0 { break } }` never divides by zero."""
    divide = apply("floor_div", INT, 10, K)
    loop = while_(lt(0, divide), assign(K, add(K, -1)), do(if_(eq(K, 0), break_())))
    f = function("f", [K], block(loop, result=K))
    assert run(f, 3) == 0


def test_a_return_from_two_loops() -> None:
    j = var("j", INT)
    f = function(
        "f",
        [N],
        block(
            for_(
                INDEX, 0, 5, for_(j, 0, 5, do(if_(eq(add(mul(INDEX, 10), j), N), return_(INDEX))))
            ),
            result=const(-1),
        ),
    )
    assert [run(f, 34), run(f, 4), run(f, 99)] == [3, 0, -1]


def test_break_leaves_the_innermost_loop_only() -> None:
    j = var("j", INT)
    inner = for_(j, 0, 5, do(if_(eq(j, 2), break_())), assign(T, add(T, 1.0)))
    f = function("f", [], block(let(T, 0.0), for_(INDEX, 0, 3, inner), result=T))
    assert run(f) == 6.0
    assert "for" in body(f) and "while" in body(f)


def test_an_exit_leaves_a_variable_as_it_was() -> None:
    """`k = if n == 1 { if i == 2 { break } 7 } else { 8 }`."""
    value = if_(eq(N, 1), block(do(if_(eq(INDEX, 2), break_())), result=7), 8)
    f = function("f", [N, K], block(for_(INDEX, 2, 4, assign(K, value)), result=K))
    assert [run(f, 1, 0), run(f, 0, 0)] == [0, 8]


def test_in_out_parameters_have_their_value_at_the_exit() -> None:
    f = function(
        "f",
        [K],
        block(
            assign(K, add(K, 1)),
            do(if_(lt(K, 3), return_(True))),
            assign(K, 9),
            result=const(False),
        ),
        result=BOOL,
        in_out=(0,),
    )
    assert [run(f, 0), run(f, 5)] == [(True, 1), (False, 9)]
