"""Gradients: what is differentiated, and what a gradient keeps of its argument."""

from __future__ import annotations

from typing import Any

import numpy as np
from trees import (
    BOOL,
    FLOAT,
    INT,
    SPAN,
    STRING,
    Tuple,
    Type,
    add,
    apply,
    array,
    block,
    body,
    call,
    enum,
    expr,
    function,
    get,
    let,
    lowered,
    mul,
    pair,
    struct,
    tensor,
    var,
)

from charl.check import tree
from charl.check.tree import Expr, Instance, Variable
from charl.core.verifier import verify
from charl.interp.run import call_function
from charl.lower.gradients import Kind, leaf_kinds
from charl.transform.autodiff import differentiate
from charl.types import dims
from charl.types.types import Closure, List, Range

X, Y, K = var("x", FLOAT), var("y", FLOAT), var("k", INT)
N = dims.symbol("N")


def run(instance: Instance, *arguments: Any) -> Any:
    program, problems = differentiate(lowered(instance))
    assert not problems
    verify(program, gradients=False)
    results = call_function(program, instance.name, arguments)
    return results[0] if len(results) == 1 else results


def gradient(
    type: Type,
    instance: Instance,
    *arguments: Any,
    wrt: tuple[int, ...] = (0,),
    value: bool = False,
) -> Expr:
    inner = call(instance, *arguments)
    assert isinstance(inner, tree.Call)
    return tree.GradientCall(SPAN, type, inner, wrt, value)


def test_what_becomes_of_a_leaf() -> None:
    class Function:
        name = shown = "f"

    option = enum("Option", Some=(FLOAT,), None_=())
    model = struct(
        "Model",
        weight=tensor(3),
        steps=INT,
        name=STRING,
        activation=Closure(Function(), (FLOAT,)),
        bias=option,
        range=Range(INT.dtype),  # type: ignore[arg-type]
        history=List(FLOAT),
        labels=List(STRING),
        places=List(INT),
        training=BOOL,
    )
    keep, zero, real = Kind.KEEP, Kind.ZERO, Kind.FLOAT
    assert leaf_kinds(model) == (
        *(real, zero, keep, keep),
        *(keep, real),
        *(keep, keep, keep),
        *(real, keep, zero, zero),
    )


def test_the_function_form_differentiates_a_copy() -> None:
    square = function("square", [X], mul(X, X))
    f = function("f", [Y], gradient(FLOAT, square, Y))
    assert (
        body(f)
        == """\
%0: f64 = copy %y
%1: f64 = call %0 {function = @square}
%2: f64 = gradient %1, %0 {groups = (1)}
return %2"""
    )
    assert run(f, 3.0) == 6.0


def test_only_the_path_through_the_argument_counts() -> None:
    """`grad(|x, y| x * y)(z, z)` is the derivative by x alone."""
    product = function("product", [X, Y], mul(X, Y))
    z = var("z", FLOAT)
    f = function("f", [z], gradient(FLOAT, product, z, z))
    assert run(f, 5.0) == 5.0


def test_the_value_and_several_gradients() -> None:
    product = function("product", [X, Y], mul(X, Y))
    both = Tuple((FLOAT, Tuple((FLOAT, FLOAT))))
    f = function("f", [X, Y], gradient(both, product, X, Y, wrt=(0, 1), value=True))
    assert run(f, 3.0, 5.0) == (15.0, 5.0, 3.0)


def test_the_first_of_a_tuple_is_differentiated_and_the_rest_handed_back() -> None:
    g = function("g", [X], pair(mul(X, X), 7))
    whole = Tuple((Tuple((FLOAT, INT)), FLOAT))
    f = function("f", [X], gradient(whole, g, X, value=True))
    assert run(f, 3.0) == (9.0, 7, 6.0)


def test_a_struct_has_a_gradient_of_its_type() -> None:
    model = struct("Model", weight=tensor(N), steps=INT, name=STRING)
    m = var("m", model)
    weight = get(m, 0, tensor(N))
    total = apply(
        "reduce_sum", FLOAT, apply("mul", tensor(N), weight, weight), axis=None, keep_dims=False
    )
    loss = function("loss", [m], total)
    f = function("f", [m], gradient(model, loss, m))
    weight_gradient, steps, name = run(f, array(1, 2, 3), 4, "net")
    np.testing.assert_array_equal(weight_gradient, [2, 4, 6])
    assert (steps, name) == (0, "net")


def test_a_list_has_a_list_for_a_gradient() -> None:
    xs = var("xs", List(FLOAT))
    first = apply("list_get", FLOAT, xs, 0)
    g = function("g", [xs], mul(first, first))
    f = function("f", [xs], gradient(List(FLOAT), g, xs))
    assert run(f, [3.0, 4.0]) == [6.0, 0.0]


def test_the_value_form() -> None:
    """Equal constants are different values: only uses of `w` count."""
    w, c, loss = var("w", FLOAT), var("c", FLOAT), var("loss", FLOAT)
    of_value = tree.GradientOf(SPAN, FLOAT, expr(loss), (expr(w),), True)
    f = function(
        "f", [], block(let(w, 2.0), let(c, 2.0), let(loss, mul(mul(w, c), w)), result=of_value)
    )
    assert body(f).count("f64 = 2.0") == 2
    assert run(f) == 8.0


def test_the_value_form_of_several() -> None:
    loss = var("loss", FLOAT)
    several = tree.GradientOf(SPAN, Tuple((FLOAT, FLOAT)), expr(loss), (expr(X), expr(Y)), False)
    f = function("f", [X, Y], block(let(loss, mul(X, mul(X, Y))), result=several))
    assert run(f, 3.0, 5.0) == (30.0, 9.0)


def test_an_updated_model_is_handed_back() -> None:
    state, new = var("state", FLOAT), var("new", FLOAT)
    step = function(
        "step",
        [state, X],
        block(tree.Assign(SPAN, state, add(state, 1.0)), result=mul(state, X)),
        in_out=(0,),
    )
    inner = call(step, state, X, updates=(new,))
    assert isinstance(inner, tree.Call)
    g = var("g", FLOAT)
    taken = tree.GradientCall(SPAN, FLOAT, inner, (1,), False)
    f = function("f", [state, X], block(let(g, taken), result=pair(g, new)))
    assert run(f, 2.0, 10.0) == (3.0, 3.0)


# --- Calls with a reverse rule of their own -------------------------------------------------------


def custom(
    forward: Instance,
    backward: Instance,
    *arguments: Variable,
    captured: Expr | None = None,
    backward_captured: Expr | None = None,
) -> Expr:
    given = tuple(expr(a) for a in arguments)
    assert forward.result is not None
    return tree.CustomCall(
        SPAN, forward.result, forward, captured, backward, backward_captured, given
    )


def test_a_rule_of_ones_own() -> None:
    r, dr = var("r", FLOAT), var("dr", FLOAT)
    forward = function("forward", [X], mul(X, X))
    backward = function("backward", [X, r, dr], mul(dr, 100.0))
    g = function("g", [Y], add(custom(forward, backward, Y), Y))
    f = function("f", [Y], gradient(FLOAT, g, Y))
    assert "%0: f64 = custom_call %y {function = @forward, backward = @forward_backward}" in body(g)
    assert run(f, 3.0) == 101.0


def test_a_rule_sees_arguments_result_cotangent_captures_and_globals() -> None:
    """d/dx of `2 * f(x, k)`, where the rule for f says `dr * r * scale + rate` (and k has none)."""

    class Function:
        def __init__(self, name: str) -> None:
            self.name = self.shown = name

    rate, scale, offset = var("rate", FLOAT), var("scale", FLOAT), var("offset", FLOAT)
    r, dr = var("r", FLOAT), var("dr", FLOAT)
    forward = function("forward", [X, K], add(X, offset), captured=[offset])
    by_x = add(mul(mul(dr, r), scale), rate)
    backward = function("backward", [X, K, r, dr], pair(by_x, K), captured=[scale], globals=[rate])
    made = tree.MakeClosure(SPAN, Closure(Function("forward"), (FLOAT,)), (expr(1.0),))
    ruled = tree.MakeClosure(SPAN, Closure(Function("backward"), (FLOAT,)), (expr(10.0),))
    called = custom(forward, backward, X, K, captured=made, backward_captured=ruled)
    g = function("g", [X, K], mul(2.0, called), globals=[rate])
    f = function("f", [X, K, rate], gradient(FLOAT, g, X, K))
    # r = 3 + 1; the cotangent of f is 2.
    assert run(f, 3.0, 5, 0.25) == 2 * 4 * 10 + 0.25


# --- Scans ---------------------------------------------------------------------------------------


def test_a_scan_with_a_function() -> None:
    """Pairs (a, b) stand for x -> a*x + b; the scan composes them."""
    step = struct("Step", a=FLOAT, b=FLOAT)
    p, q = var("p", step), var("q", step)
    a, b = get(p, 0, FLOAT), get(p, 1, FLOAT)
    c, d = get(q, 0, FLOAT), get(q, 1, FLOAT)
    compose = function("compose", [p, q], tree.Make(SPAN, step, (mul(c, a), add(mul(c, b), d))))
    steps = struct("Steps", a=tensor(N), b=tensor(N))
    s = var("s", steps)
    f = function("f", [s], tree.Scan(SPAN, steps, compose, None, expr(s)))
    found_a, found_b = run(f, array(2, 3, 4), array(1, 1, 1))
    np.testing.assert_array_equal(found_a, [2, 6, 24])
    np.testing.assert_array_equal(found_b, [1, 4, 17])
