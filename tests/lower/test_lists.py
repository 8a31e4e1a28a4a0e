"""Lists of structs: one list per leaf, and only the leaves that are meant are touched."""

from __future__ import annotations

from trees import (
    BOOL,
    FLOAT,
    INT,
    STRING,
    UNIT,
    Type,
    add,
    apply,
    assign,
    block,
    body,
    do,
    for_,
    function,
    get,
    make,
    pair,
    replace,
    run,
    show,
    struct,
    var,
)

from charl.check.tree import Expr
from charl.types.types import List, Tuple

POINT = struct("Point", x=FLOAT, y=FLOAT)
POINTS = List(POINT)
XS, N, INDEX = var("xs", POINTS), var("n", INT), var("i", INT)


def element(xs: object = XS, at: object = INDEX, type: Type = POINT) -> Expr:
    return apply("list_get", type, xs, at)


def test_making_and_pushing() -> None:
    xs = apply("list_make", POINTS, make(POINT, 1.0, 2.0), make(POINT, 3.0, 4.0))
    f = function("f", [], apply("list_push", POINTS, xs, make(POINT, 5.0, 6.0)))
    assert run(f) == ([1.0, 3.0, 5.0], [2.0, 4.0, 6.0])


def test_a_length_is_that_of_the_first_list() -> None:
    f = function("f", [XS], apply("list_length", INT, XS))
    assert body(f) == "%0: i64 = list_length %xs\nreturn %0"


def test_a_field_of_an_element_reads_one_list() -> None:
    f = function("f", [XS, INDEX], get(element(), 1, FLOAT))
    assert body(f) == "%0: f64 = list_get %xs.1, %i\nreturn %0"


def test_setting_a_field_of_an_element_writes_one_list() -> None:
    moved = replace(element(), 0, add(get(element(), 0, FLOAT), 1.0))
    step = assign(XS, apply("list_set", POINTS, XS, INDEX, moved))
    f = function("f", [XS, N], block(for_(INDEX, 0, N, step), result=XS))
    assert (
        body(f)
        == """\
%0: i64 = 0
%1: i64 = 1
%2: f64 = 1.0
%xs.2: [f64] = for %0, %n, %1, %xs do (%i: i64, %xs.3: [f64]) {
  %3: f64 = list_get %xs.3, %i
  %4: f64 = add %3, %2
  %xs.4: [f64] = list_set %xs.3, %i, %4
  yield %xs.4
}
return %xs.2, %xs.1"""
    )
    assert run(f, [1.0, 2.0], [3.0, 4.0], 2) == ([2.0, 3.0], [3.0, 4.0])


def test_setting_a_field_deep_inside() -> None:
    line = struct("Line", start=POINT, end=POINT)
    xs = var("xs", List(line))
    inner = replace(get(element(xs, 0, line), 1, POINT), 0, 9.0)
    changed = replace(element(xs, 0, line), 1, inner)
    f = function("f", [xs], apply("list_set", List(line), xs, 0, changed))
    assert body(f).count("list_set") == 1
    assert run(f, [1.0], [2.0], [3.0], [4.0]) == ([1.0], [2.0], [9.0], [4.0])


def test_setting_an_element_from_another_writes_all() -> None:
    f = function("f", [XS], apply("list_set", POINTS, XS, 0, element(at=1)))
    assert body(f).count("list_set") == 2
    assert run(f, [1.0, 2.0], [3.0, 4.0]) == ([2.0, 2.0], [4.0, 4.0])


def test_pop_gives_the_lists_and_the_element() -> None:
    popped = var("popped", Tuple((POINTS, POINT)))
    f = function("f", [XS], apply("list_pop", popped.type, XS))
    assert run(f, [1.0, 2.0], [3.0, 4.0]) == ([1.0], [3.0], 2.0, 4.0)


def test_elements_without_leaves_are_counted() -> None:
    units = List(UNIT)
    xs = var("xs", units)
    made = apply("list_make", units, make(UNIT), make(UNIT))
    f = function("f", [], apply("list_length", INT, apply("list_push", units, made, make(UNIT))))
    assert run(f) == 3
    f = function("f", [xs], block(do(element(xs, 0, UNIT)), result=show(xs)))
    assert run(f, [False, False]) == "[(), ()]"
    f = function("f", [xs], apply("list_pop", Tuple((units, UNIT)), xs))
    assert run(f, [False, False]) == [False]


def test_lists_of_lists_of_structs() -> None:
    nested = List(POINTS)
    xss = var("xss", nested)
    inner = element(xss, 1, POINTS)
    f = function("f", [xss], pair(get(element(inner, 0), 1, FLOAT), show(xss)))
    found, text = run(f, [[], [1.0]], [[], [2.0]])
    assert (found, text) == (2.0, "[[], [Point(x: 1.0, y: 2.0)]]")


def test_concatenation_and_slices_of_each_list() -> None:
    both = apply("list_concat", POINTS, XS, XS)
    f = function("f", [XS], apply("list_slice", POINTS, both, 1, 3, 1))
    assert run(f, [1.0, 2.0], [3.0, 4.0]) == ([2.0, 1.0], [4.0, 3.0])


def test_a_list_of_strings_is_one_operand() -> None:
    words = var("words", List(STRING))
    f = function("f", [words], apply("string_join", STRING, words, ", "))
    assert run(f, ["a", "b"]) == "a, b"


def test_lists_of_bools_keep_their_own_leaf() -> None:
    flags = var("flags", List(BOOL))
    f = function("f", [flags], apply("list_push", List(BOOL), flags, True))
    assert run(f, [False]) == [False, True]
