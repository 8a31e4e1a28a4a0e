"""Loops: what is carried."""

from __future__ import annotations

import numpy as np
from trees import (
    FLOAT,
    INT,
    add,
    apply,
    array,
    assign,
    block,
    body,
    const,
    do,
    for_,
    function,
    get,
    if_,
    let,
    lt,
    mul,
    pair,
    read,
    replace,
    run,
    struct,
    tensor,
    var,
    while_,
)

from charl.types import dims
from charl.types.dims import UNKNOWN

N, INDEX, X = var("n", INT), var("i", INT), var("x", FLOAT)
TOTAL = var("t", FLOAT)


def test_a_counted_loop_carries_what_it_assigns() -> None:
    f = function(
        "f",
        [N, X],
        block(
            let(TOTAL, 0.0),
            for_(INDEX, 0, N, assign(TOTAL, add(TOTAL, X))),
            result=TOTAL,
        ),
    )
    assert (
        body(f)
        == """\
%0: f64 = 0.0
%1: i64 = 0
%2: i64 = 1
%t: f64 = for %1, %n, %2, %0 do (%i: i64, %t.1: f64) {
  %t.2: f64 = add %t.1, %x
  yield %t.2
}
return %t"""
    )
    assert run(f, 4, 0.5) == 2.0


def test_a_while_loop() -> None:
    doubled = while_(lt(TOTAL, 100.0), assign(TOTAL, mul(TOTAL, 2.0)))
    f = function("f", [], block(let(TOTAL, 1.0), doubled, result=TOTAL))
    assert (
        body(f)
        == """\
%0: f64 = 1.0
%1: f64 = 100.0
%2: f64 = 2.0
%t: f64 = while %0 cond (%t.1: f64) {
  %3: bool = lt %t.1, %1
  yield %3
} do (%t.2: f64) {
  %t.3: f64 = mul %t.2, %2
  yield %t.3
}
return %t"""
    )
    assert run(f) == 128.0


def test_a_part_of_a_struct_is_carried_alone() -> None:
    p = var("p", struct("Point", x=FLOAT, y=FLOAT))
    doubled = assign(p, replace(p, 0, mul(get(p, 0, FLOAT), 2.0)))
    f = function("f", [N, p], block(for_(INDEX, 0, N, doubled), result=p))
    assert (
        body(f)
        == """\
%0: i64 = 0
%1: i64 = 1
%2: f64 = 2.0
%p.2: f64 = for %0, %n, %1, %p do (%i: i64, %p.3: f64) {
  %p.4: f64 = mul %p.3, %2
  yield %p.4
}
return %p.2, %p.1"""
    )
    assert run(f, 3, 1.0, 5.0) == (8.0, 5.0)


def test_what_turns_out_not_to_change_is_not_carried() -> None:
    a, b = var("a", FLOAT), var("b", FLOAT)
    changed = if_(lt(INDEX, 5), block(assign(a, add(a, 1.0)), assign(b, b)))
    f = function("f", [N, a, b], block(for_(INDEX, 0, N, do(changed)), result=pair(a, b)))
    assert "%a.1: f64 = for %0, %n, %1, %a do (%i: i64, %a.2: f64) {" in body(f)
    assert body(f).endswith("return %a.1, %b")
    assert run(f, 9, 0.0, 7.0) == (5.0, 7.0)


def test_what_is_assigned_and_never_read_is_not_carried() -> None:
    dropped = var("dropped", FLOAT)
    f = function(
        "f", [N], block(let(dropped, 0.0), for_(INDEX, 0, N, assign(dropped, 1.0)), result=N)
    )
    assert body(f).endswith("return %n")
    assert "for" not in body(f)


def test_what_the_next_iteration_reads_is_carried() -> None:
    a, b = var("a", INT), var("b", INT)
    shift = var("old", INT)
    fibonacci = for_(INDEX, 0, N, let(shift, a), assign(a, b), assign(b, add(shift, b)))
    f = function("f", [N], block(let(a, 0), let(b, 1), fibonacci, result=a))
    assert [run(f, n) for n in range(8)] == [0, 1, 1, 2, 3, 5, 8, 13]


def test_a_size_that_changes_is_open_in_the_loop() -> None:
    s = dims.symbol("s")
    v = var("v", tensor(UNKNOWN))
    whole = read(v, tensor(s))
    doubled = apply("concat", tensor(2 * s), whole, whole, axis=0)
    f = function(
        "f",
        [N],
        block(
            let(v, const(array(1.0), tensor(1))), for_(INDEX, 0, N, assign(v, doubled)), result=v
        ),
    )
    assert (
        body(f)
        == """\
%0: f64[1] = [1.0]
%1: i64 = 0
%2: i64 = 1
%v: f64[?] = for %1, %n, %2, %0 do (%i: i64, %v.1: f64[?]) {
  %v.2: f64[2*s] = concat %v.1, %v.1 {axis = 0}
  yield %v.2
}
return %v"""
    )
    np.testing.assert_array_equal(run(f, 3), np.ones(8))


def test_an_inner_loop_reads_what_the_outer_one_carries() -> None:
    j = var("j", INT)
    inner = for_(j, 0, INDEX, assign(TOTAL, add(TOTAL, 1.0)))
    f = function("f", [N], block(let(TOTAL, 0.0), for_(INDEX, 0, N, inner), result=TOTAL))
    assert run(f, 5) == 10.0


def test_steps_down_and_by_more_than_one() -> None:
    f = function(
        "f",
        [N],
        block(
            let(TOTAL, 0.0),
            for_(INDEX, 9, 0, assign(TOTAL, add(mul(TOTAL, 2.0), 1.0)), step=N),
            result=TOTAL,
        ),
    )
    assert run(f, -3) == 7.0
    assert run(f, 1) == 0.0
