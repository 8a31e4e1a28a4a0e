"""Structs, tuples, enums and function values lie flat."""

from __future__ import annotations

from trees import (
    BOOL,
    FLOAT,
    INT,
    SPAN,
    STRING,
    Tuple,
    add,
    array,
    block,
    body,
    call,
    const,
    core,
    enum,
    eq,
    expr,
    function,
    get,
    if_,
    let,
    lt,
    make,
    mul,
    pair,
    replace,
    run,
    show,
    struct,
    tensor,
    var,
)

from charl.check import tree
from charl.check.tree import Expr
from charl.lower.layout import leaves_of, part_range
from charl.lower.layout import parts_of as items
from charl.types.types import Array, Closure, Closures, Enum, List, Range, Type

X, N = var("x", FLOAT), var("n", INT)
POINT = struct("Point", x=FLOAT, y=FLOAT)
LINE = struct("Line", start=POINT, name=STRING, end=POINT)
OPTION = enum("Option", Some=(FLOAT,), None_=())
SHAPE = enum("Shape", Dot=(), Circle=(POINT, FLOAT), Named=(STRING,))


def variant(kind: Enum, tag: int, *payload: object) -> Expr:
    return tree.Variant(SPAN, kind, tag, tuple(expr(p) for p in payload))


def tag(value: object) -> Expr:
    return tree.VariantTag(SPAN, INT, expr(value))


def payload(value: object, number: int, index: int, type: Type) -> Expr:
    return tree.VariantGet(SPAN, type, expr(value), number, index)


def test_leaves() -> None:
    assert leaves_of(LINE) == (FLOAT, FLOAT, STRING, FLOAT, FLOAT)
    assert leaves_of(Array(POINT, 2)) == (FLOAT,) * 4
    assert leaves_of(Range(INT.dtype)) == (INT, INT, INT)  # type: ignore[arg-type]
    assert leaves_of(SHAPE) == (INT, FLOAT, FLOAT, FLOAT, STRING)
    assert leaves_of(List(POINT)) == (List(FLOAT), List(FLOAT))
    assert leaves_of(List(Tuple(()))) == (List(BOOL),)
    assert leaves_of(List(List(OPTION))) == (List(List(INT)), List(List(FLOAT)))
    assert items(LINE)[1] == STRING
    assert part_range(LINE, 2) == (3, 5)


def test_taking_apart_and_putting_together_is_no_statement() -> None:
    line = var("line", LINE)
    swapped = make(LINE, get(line, 2, POINT), get(line, 1, STRING), get(line, 0, POINT))
    f = function("f", [line], get(get(swapped, 0, POINT), 1, FLOAT))
    assert body(f) == "return %line.4"


def test_a_field_is_replaced() -> None:
    line = var("line", LINE)
    moved = replace(line, 0, replace(get(line, 0, POINT), 1, X))
    f = function("f", [line, X], moved)
    assert body(f) == "return %line, %x, %line.2, %line.3, %line.4"


def test_an_enum_has_the_leaves_of_all_its_variants() -> None:
    f = function("f", [X], variant(SHAPE, 1, make(POINT, X, X), 2.0))
    assert (
        body(f)
        == """\
%0: f64 = 2.0
%1: i64 = 1
%2: string = undefined
return %1, %x, %x, %0, %2"""
    )


def test_a_payload_is_read_without_a_statement() -> None:
    shape = var("shape", SHAPE)
    radius = if_(eq(tag(shape), 1), payload(shape, 1, 1, FLOAT), 0.0)
    f = function("f", [shape], radius)
    assert (
        body(f)
        == """\
%0: i64 = 1
%1: bool = eq %shape, %0
%2: f64 = 0.0
%3: f64 = if %1 then {
  yield %shape.3
} else {
  yield %2
}
return %3"""
    )


def test_enums_through_branches_and_text() -> None:
    o = var("o", OPTION)
    made = if_(lt(X, 0.0), variant(OPTION, 0, X), variant(OPTION, 1))
    f = function("f", [X], block(let(o, made), result=show(o)))
    assert [run(f, -1.5), run(f, 1.0)] == ["Some(-1.5)", "None_"]


# --- Function values -----------------------------------------------------------------------------


class Function:
    """What a Closure type names."""

    def __init__(self, name: str) -> None:
        self.name, self.shown = name, f"fn {name}"


PLUS, SQUARE = Closure(Function("plus"), (FLOAT,)), Closure(Function("square"))
EITHER = Closures((PLUS, SQUARE))
A, Q = var("a", FLOAT), var("q", FLOAT)
plus = function("plus", [A], add(A, Q), captured=[Q])
square = function("square", [A], mul(A, A))


def closure(kind: Closure, *captured: object) -> Expr:
    return tree.MakeClosure(SPAN, kind, tuple(expr(c) for c in captured))


def widen(kind: Type, value: Expr) -> Expr:
    return tree.Widen(SPAN, kind, value)


def test_a_closure_is_what_it_captured() -> None:
    f = function("f", [X], call(plus, 1.0, closure=closure(PLUS, X)))
    assert "%1: f64 = call %0, %x {function = @plus}" in body(f)
    assert "fn @plus(%a: f64, %q: f64) {" in core(f)
    assert run(f, 4.0) == 5.0


def test_one_of_several_functions_is_called_by_its_tag() -> None:
    g = var("g", EITHER)
    chosen = if_(lt(X, 0.0), widen(EITHER, closure(PLUS, 10.0)), widen(EITHER, closure(SQUARE)))
    called = tree.CallOneOf(SPAN, FLOAT, expr(g), ((PLUS, plus), (SQUARE, square)), (expr(X),))
    f = function("f", [X], block(let(g, chosen), result=called))
    assert (
        body(f)
        == """\
%0: f64 = 0.0
%1: bool = lt %x, %0
%2: f64 = 10.0
%3: i64 = 0
%4: i64 = 1
%5: f64 = undefined
%g: i64, %g.1: f64 = if %1 then {
  yield %3, %2
} else {
  yield %4, %5
}
%6: bool = eq %g, %3
%7: f64 = if %6 then {
  %8: f64 = call %x, %g.1 {function = @plus}
  yield %8
} else {
  %9: f64 = call %x {function = @square}
  yield %9
}
return %7"""
    )
    assert [run(f, -1.0), run(f, 3.0)] == [9.0, 9.0]


def test_a_set_of_functions_widens_to_another_order() -> None:
    turned = Closures((SQUARE, Closure(Function("none")), PLUS))
    g, h = var("g", EITHER), var("h", turned)
    chosen = if_(lt(X, 0.0), widen(EITHER, closure(PLUS, 10.0)), widen(EITHER, closure(SQUARE)))
    cases = ((PLUS, plus), (SQUARE, square))
    called = tree.CallOneOf(SPAN, FLOAT, expr(h), cases, (expr(X),))
    f = function("f", [X], block(let(g, chosen), let(h, widen(turned, expr(g))), result=called))
    assert [run(f, -1.0), run(f, 3.0)] == [9.0, 9.0]


# --- Calls ---------------------------------------------------------------------------------------


def test_structs_are_passed_and_returned_by_their_leaves() -> None:
    p = var("p", POINT)
    flip = function("flip", [p], make(POINT, get(p, 1, FLOAT), get(p, 0, FLOAT)))
    f = function("f", [p], call(flip, call(flip, p)))
    assert (
        body(f)
        == """\
%0: f64, %1: f64 = call %p, %p.1 {function = @flip}
%2: f64, %3: f64 = call %0, %1 {function = @flip}
return %2, %3"""
    )
    assert run(f, 1.0, 2.0) == (1.0, 2.0)


def test_in_out_parameters_come_back_behind_the_result() -> None:
    p, q, new = var("p", POINT), var("q", POINT), var("new", POINT)
    moved = tree.Assign(SPAN, p, replace(p, 0, add(get(p, 0, FLOAT), 1.0)))
    step = function("step", [p], block(moved, result=True), in_out=(0,))
    f = function("f", [q], block(tree.Evaluate(SPAN, call(step, q, updates=(new,))), result=new))
    assert body(f).splitlines()[0] == (
        "%0: bool, %new: f64, %new.1: f64 = call %q, %q.1 {function = @step}"
    )
    assert run(f, 1.0, 2.0) == (2.0, 2.0)


def test_globals_arrive_as_further_arguments() -> None:
    rate = var("rate", FLOAT)
    scaled = function("scaled", [X], mul(X, rate), globals=[rate])
    f = function("main", [], block(let(rate, 0.5), result=call(scaled, 4.0)))
    assert run(f) == 2.0


def test_recursion_and_unique_names() -> None:
    n = var("n", INT)
    down = tree.Instance("f", "f", SPAN, [n], [], result=INT)
    down.body = if_(lt(n, 1), 0, add(n, call(down, add(n, -1))))
    f = function("f", [n], call(down, n))
    assert "function = @f.1" in core(f)
    assert run(f, 4) == 10


def test_a_tensor_in_a_struct() -> None:
    box = struct("Box", value=tensor(2), scale=FLOAT)
    b = var("b", box)
    f = function("f", [b], pair(show(b), const(1)))
    assert run(f, array(1.0, 2.0), 3.0)[0] == "Box(value: [1.0, 2.0], scale: 3.0)"
