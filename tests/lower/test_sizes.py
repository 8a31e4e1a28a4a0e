"""Sizes: where the integers behind the symbols come from, and what Core's types say."""

from __future__ import annotations

import numpy as np
import pytest
from trees import (
    FLOAT,
    INT,
    SPAN,
    Type,
    add,
    apply,
    array,
    block,
    body,
    const,
    core,
    do,
    expr,
    failure,
    for_,
    function,
    if_,
    let,
    lt,
    pair,
    read,
    run,
    say,
    tensor,
    var,
)

from charl.check import tree
from charl.check.tree import Expr
from charl.core.builder import MalformedCore
from charl.diagnostics.diagnostic import CharlError
from charl.types import dims
from charl.types.dims import UNKNOWN, Dim
from charl.types.types import List, Tensor

N, M = dims.symbol("N"), dims.symbol("M")
X, Y = var("x", tensor(N)), var("y", tensor(M))
F, K = var("f", FLOAT), var("k", INT)


def size(dim: Dim) -> Expr:
    return tree.SizeOf(SPAN, INT, dim)


def stretch(value: object, *shape: Dim) -> Expr:
    return tree.Stretch(SPAN, tensor(*shape), expr(value))


def test_a_size_is_read_once() -> None:
    f = function("f", [X], add(size(N), size(N)))
    assert body(f) == "%0: i64 is N = dim %x {axis = 0}\n%1: i64 is 2*N = add %0, %0\nreturn %1"


def test_a_size_that_nobody_needs_is_not_read() -> None:
    f = function("f", [X], apply("neg", tensor(N), X))
    assert body(f) == "%0: f64[N] = neg %x\nreturn %0"


def test_an_int_parameter_is_a_size_by_itself() -> None:
    n = var("n", INT, N)
    f = function("f", [X, n], stretch(0.0, N))
    assert body(f) == "%0: f64 = 0.0\n%1: f64[N] = broadcast %0, %n {axes = ()}\nreturn %1"


def test_a_polynomial_is_computed() -> None:
    f = function("f", [X, Y], stretch(1.5, 2 * N + 3 - M))
    assert (
        body(f)
        == """\
%0: f64 = 1.5
%1: i64 is N = dim %x {axis = 0}
%2: i64 = 2
%3: i64 is 2*N = mul %1, %2
%4: i64 = 3
%5: i64 is 2*N + 3 = add %3, %4
%6: i64 is M = dim %y {axis = 0}
%7: i64 is 2*N - M + 3 = sub %5, %6
%8: f64[2*N - M + 3] = broadcast %0, %7 {axes = ()}
return %8"""
    )
    assert len(run(f, array(1, 2), array(1, 2, 3))) == 4


def test_products_and_divisions() -> None:
    half = dims.floor_divide(N * M, 2)
    f = function("f", [X, Y], size(half - N % 3))
    assert run(f, array(*range(5)), array(*range(7))) == 35 // 2 - 5 % 3


def test_a_size_of_a_whole_polynomial_is_read_directly() -> None:
    double = var("d", tensor(2 * N + 1))
    f = function("f", [double], size(2 * N + 1))
    assert body(f) == "%0: i64 is 2*N + 1 = dim %d {axis = 0}\nreturn %0"


def test_a_size_is_read_outside_the_loop_that_needs_it() -> None:
    f = function("f", [X, K], block(for_(var("i", INT), 0, K, say(size(N)))))
    text = body(f)
    assert text.index("dim %x") < text.index("for ")


def test_a_division_that_could_fail_stays_in_its_branch() -> None:
    quotient = size(dims.floor_divide(N, M))
    f = function("f", [X, Y], if_(lt(0, size(M)), quotient, 0))
    assert run(f, array(1, 2, 3), array()) == 0
    assert run(f, array(1, 2, 3, 4), array(1, 2)) == 2


def test_an_int_known_by_its_size_is_not_computed() -> None:
    n, m = var("n", INT, N), var("m", INT, 2 * N)
    doubled = apply("mul", INT, n, 2, known=2 * N)
    f = function("f", [X], block(let(n, size(N)), let(m, doubled), result=pair(m, doubled)))
    assert body(f).count("mul") == 1


def test_a_known_constant_is_a_constant() -> None:
    x = var("x", tensor(3))
    f = function("f", [x], apply("dim", INT, x, axis=0, known=3))
    assert body(f) == "%0: i64 = 3\nreturn %0"


def test_an_int_that_only_the_run_knows_becomes_a_size() -> None:
    n = dims.symbol("n")
    k = var("k", INT, n)
    counted = apply("list_length", INT, apply("list_make", List(INT), 1, 2, 3))
    f = function("f", [], block(let(k, counted), result=stretch(2.0, n)))
    assert "%k: i64 is n = list_length" in body(f)
    np.testing.assert_array_equal(run(f), np.full(3, 2.0))


# --- `?` -----------------------------------------------------------------------------------------


def test_a_reading_takes_the_size_that_is_known() -> None:
    """A variable written `?` that holds three elements: each reading's own size is 3."""
    s = dims.symbol("s")
    v = var("v", tensor(UNKNOWN))
    doubled = apply("concat", tensor(2 * s), read(v, tensor(s)), read(v, tensor(s)), axis=0)
    given = const(array(1, 2, 3), tensor(3))
    f = function("f", [], block(let(v, given), result=pair(doubled, size(2 * s))))
    assert "f64[6] = concat" in body(f)
    assert "dim" not in body(f)


def test_branches_of_different_sizes() -> None:
    s = dims.symbol("s")
    v = var("v", tensor(s))
    either = if_(lt(F, 0.0), const(array(1), tensor(1)), const(array(1, 2), tensor(2)), tensor(s))
    f = function("f", [F], block(let(v, either), result=pair(size(s), apply("neg", tensor(s), v))))
    assert "%v: f64[s] = if" in body(f)
    assert run(f, -1.0)[0] == 1 and run(f, 1.0)[0] == 2


def test_branches_of_one_size_need_no_other_name() -> None:
    s = dims.symbol("s")
    v = var("v", tensor(s))
    either = if_(lt(F, 0.0), const(array(1), tensor(1)), const(array(2), tensor(1)), tensor(s))
    f = function("f", [F], block(let(v, either), result=pair(size(s), v)))
    assert "%v: f64[1] = if" in body(f)


def test_results_of_calls_tell_their_sizes() -> None:
    found = dims.symbol("found")
    positive = apply("mask_select", tensor(found), X, apply("gt", boolean(N), X, stretch(0.0, N)))
    g = function("g", [X], positive, result=tensor(found))
    k = dims.symbol("k")
    y = var("y", tensor(k))
    called = tree.Call(SPAN, tensor(k), g, (expr(X),))
    f = function("f", [X], block(let(y, called), result=size(k)))
    assert run(f, array(-1, 2, 3)) == 2


# --- Shapes --------------------------------------------------------------------------------------


def boolean(*shape: Dim) -> Type:
    return Tensor(lt(F, F).type.dtype, shape)  # type: ignore[attr-defined]


def test_a_scalar_beside_a_tensor_is_not_stretched() -> None:
    f = function("f", [X], apply("add", tensor(N), X, stretch(1.0, N)))
    assert body(f) == "%0: f64 = 1.0\n%1: f64[N] = add %x, %0\nreturn %1"


def test_scalars_alone_are_stretched_once() -> None:
    f = function("f", [X, F], apply("add", tensor(N), stretch(F, N), stretch(1.0, N)))
    assert body(f).count("broadcast") == 1
    np.testing.assert_array_equal(run(f, array(1, 2), 3.0), [4.0, 4.0])


def test_trailing_axes_align() -> None:
    f = function("f", [X, K], stretch(X, 2, N))
    assert "%2: f64[2, N] = broadcast %x, %0, %1 {axes = (1)}" in body(f)


def test_nothing_is_stretched_to_its_own_shape() -> None:
    f = function("f", [X], stretch(X, N))
    assert body(f) == "return %x"


def ensured(value: object, *shape: Dim) -> Expr:
    wrong = failure("{0} instead of {1}")
    return tree.EnsureShape(SPAN, tensor(*shape), expr(value), wrong)


def test_a_shape_is_ensured() -> None:
    f = function("f", [X, Y], apply("add", tensor(N), X, ensured(Y, N)))
    assert "%1: f64[N] = ensure_shape %y, %0 {failure" in body(f)
    np.testing.assert_array_equal(run(f, array(1, 2), array(3, 4)), [4, 6])
    with pytest.raises(CharlError, match="3 instead of 2"):
        run(f, array(1, 2), array(3, 4, 5))


def test_a_shape_that_is_known_is_not_checked() -> None:
    f = function("f", [X], ensured(X, N))
    assert body(f) == "return %x"
    f = function("f", [X], ensured(X, UNKNOWN))
    assert body(f) == "return %x"


def test_a_size_that_nothing_tells_is_a_fault_of_the_compiler() -> None:
    with pytest.raises(MalformedCore, match="nothing tells the size"):
        core(function("f", [K], block(do(size(N)))))
